using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class WorkersTests
{
    [Fact]
    public void Threads_that_wake_when_the_work_is_done_find_none()
    {
        // Work over sooner than a parked thread wakes, again and again, with time to park in between.
        var workers = new Workers(4);
        var work = new Counting();
        for (var run = 0; run < 100_000; run++)
        {
            workers.Run(work, 2, parallel: true);
            Thread.SpinWait(run % 400);
            if (run % 16 == 0)
            {
                Thread.Yield();
            }
        }

        Assert.Equal(200_000, work.Done);
    }

    [Fact]
    public void Each_item_is_done_once_and_a_failure_reaches_the_caller()
    {
        var workers = new Workers(3);
        for (var items = 0; items < 200; items++)
        {
            var work = new Counting();
            workers.Run(work, items, parallel: true);
            Assert.Equal(items, work.Done);
        }

        var e = Assert.Throws<InvalidOperationException>(() => workers.Run(new Failing(), 100, parallel: true));
        Assert.Equal("item 7", e.Message);
        var after = new Counting();
        workers.Run(after, 100, parallel: true);
        Assert.Equal(100, after.Done);
    }

    private sealed class Counting : IWork
    {
        private int _done;

        public int Done => _done;

        public object? Begin() => null;

        public void Do(object? state, int item) => Interlocked.Increment(ref _done);

        public void End(object? state)
        {
        }
    }

    private sealed class Failing : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item)
        {
            if (item == 7)
            {
                throw new InvalidOperationException($"item {item}");
            }
        }

        public void End(object? state)
        {
        }
    }
}
