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

/// <summary>The threads that kernels run on: the caller's and a few that wait for work.</summary>
internal sealed class Workers(int threads)
{
    /// <summary>Below this many cheap elements a second thread costs more than it brings.</summary>
    public const long Grain = 50_000;

    public int Threads { get; } = threads;

    /// <summary>Does all items, on several threads where that pays.</summary>
    public void Run(IWork work, int items, bool parallel)
    {
        if (!parallel || items < 2 || Threads < 2)
        {
            var state = work.Begin();
            for (var item = 0; item < items; item++)
            {
                work.Do(state, item);
            }

            work.End(state);
            return;
        }

        Parallel.For(
            0,
            items,
            new ParallelOptions { MaxDegreeOfParallelism = Threads },
            work.Begin,
            (item, _, state) =>
            {
                work.Do(state, item);
                return state;
            },
            work.End);
    }
}
