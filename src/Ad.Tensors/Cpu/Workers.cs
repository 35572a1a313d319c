using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Ad.Tensors.Cpu;

/// <summary>Work cut into items that any thread may do in any order, without a trace of who did which.</summary>
internal interface IWork
{
    /// <summary>What one thread needs for the time it takes part.</summary>
    object? Begin();

    /// <summary>Does one item.</summary>
    void Do(object? state, int item);

    /// <summary>Gives back what <see cref="Begin"/> took.</summary>
    void End(object? state);
}

/// <summary>
/// The threads that kernels run on: the caller's, and a few in the background that park until there is work. One piece of work has them at
/// a time; whoever comes while they are busy, from another thread or from within an item, does its work alone.
/// </summary>
internal sealed class Workers
{
    /// <summary>Below this many cheap elements a second thread costs more than it brings.</summary>
    public const long Grain = 50_000;

    // How often a thread looks for more work before it parks: kernels follow each other within microseconds.
    private const int Looks = 40;

    private readonly object _gate = new();
    private Job? _job;
    private int _busy;
    private int _running;
    private volatile int _threads;

    public Workers(int threads) => _threads = threads;

    /// <summary>How many threads work together, the caller's among them. Those that were started and are not wanted any more stay parked.</summary>
    public int Threads
    {
        get => _threads;
        set => _threads = value;
    }

    /// <summary>Does all items, on several threads where that pays, and returns when they are done. The first exception of an item is thrown.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(IWork work, int items, bool parallel)
    {
        var threads = Threads;
        if (!parallel || items < 2 || threads < 2 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            Alone(work, items);
            return;
        }

        var job = new Job(work, items, threads - 1);
        try
        {
            lock (_gate)
            {
                // Threads are started with the first work that is large enough for them.
                for (; _running < threads - 1; _running++)
                {
                    new Thread(Help) { IsBackground = true, Name = $"tensors {_running + 1}" }.Start();
                }

                _job = job;
                Monitor.PulseAll(_gate);
            }

            job.Take();
            job.Wait();
        }
        finally
        {
            Volatile.Write(ref _job, null);
            Volatile.Write(ref _busy, 0);
        }

        job.Throw();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Alone(IWork work, int items)
    {
        var state = work.Begin();
        try
        {
            for (var item = 0; item < items; item++)
            {
                work.Do(state, item);
            }
        }
        finally
        {
            work.End(state);
        }
    }

    private void Help()
    {
        Job? last = null;
        while (true)
        {
            last = Next(last);
            last.Help();
        }
    }

    private Job Next(Job? last)
    {
        var spin = default(SpinWait);
        for (var look = 0; look < Looks; look++)
        {
            if (Volatile.Read(ref _job) is { } job && job != last)
            {
                return job;
            }

            spin.SpinOnce(sleep1Threshold: -1);
        }

        lock (_gate)
        {
            while (true)
            {
                // Read once: whoever ran the job takes it away without the lock.
                if (Volatile.Read(ref _job) is { } job && job != last)
                {
                    return job;
                }

                Monitor.Wait(_gate);
            }
        }
    }

    private sealed class Job(IWork work, int items, int helpers)
    {
        private IWork? _work = work;
        private int _next;
        private int _inside;
        private int _came;
        private ExceptionDispatchInfo? _failure;

        /// <summary>Does items until none is left. Whoever comes too late for one touches nothing.</summary>
        public void Take()
        {
            var item = Interlocked.Increment(ref _next) - 1;
            if (item >= items)
            {
                return;
            }

            try
            {
                var mine = _work!;
                var state = mine.Begin();
                try
                {
                    for (; item < items; item = Interlocked.Increment(ref _next) - 1)
                    {
                        mine.Do(state, item);
                    }
                }
                finally
                {
                    mine.End(state);
                }
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
                Volatile.Write(ref _next, items);
            }
        }

        /// <summary>What a background thread does.</summary>
        public void Help()
        {
            Interlocked.Increment(ref _inside);
            if (Interlocked.Increment(ref _came) <= helpers)
            {
                Take();
            }

            Interlocked.Decrement(ref _inside);
        }

        /// <summary>Waits until the background threads have left. None is waited for that has not come in time for an item.</summary>
        public void Wait()
        {
            var spin = default(SpinWait);
            while (Volatile.Read(ref _inside) != 0)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            // A parked thread remembers the last job, which must not keep a run's memory alive.
            _work = null;
        }

        public void Throw() => _failure?.Throw();
    }
}
