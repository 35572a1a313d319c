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

    [Fact]
    public void No_more_threads_work_together_than_are_asked_for_even_where_more_are_there()
    {
        var workers = new Workers(4);
        foreach (var threads in (int[])[4, 2, 3, 1, 4, 2])
        {
            workers.Threads = threads;
            for (var run = 0; run < 50; run++)
            {
                var work = new Meeting();
                workers.Run(work, 40, parallel: true);
                Assert.InRange(work.Most, 1, threads);
            }
        }
    }

    [Fact]
    public void Results_keep_their_bits_when_the_number_of_threads_changes()
    {
        var build = new Build();
        var (x, y) = (build.Input(Ad.Tensors.DType.Float32, 300, 700), build.Input(Ad.Tensors.DType.Float32, 700, 300));
        var product = build.Contract(x, y, [1], [0]);
        var program = build.Returning(product, build.Reduce(Ad.Tensors.Reduction.Sum, build.Apply(Ad.Tensors.Pointwise.Exp, x), 0, 1), build.Apply(Ad.Tensors.Pointwise.Tanh, y));
        var random = new Random(3);
        Ad.Tensors.Storage[] arguments = [.. ((int[])[x, y]).Select(i =>
        {
            var storage = Ad.Tensors.HostStorage.Allocate(Ad.Tensors.DType.Float32, build[i].Shape);
            foreach (ref var element in storage.Writable<float>())
            {
                element = random.NextSingle() - 0.5f;
            }

            return (Ad.Tensors.Storage)storage;
        })];
        var before = Ad.Tensors.Device.CpuThreads;
        try
        {
            byte[][]? first = null;
            foreach (var threads in (int[])[1, 2, 3, 8, 1])
            {
                Ad.Tensors.Device.CpuThreads = threads;
                Assert.Equal(threads, Ad.Tensors.Device.CpuThreads);
                var results = Ad.Tensors.Device.Cpu.Prepare(program).Run(arguments).Select(r => r.ToHost().Bytes.ToArray()).ToArray();
                first ??= results;
                Assert.All(results.Zip(first), pair => Assert.Equal(pair.Second, pair.First));
            }
        }
        finally
        {
            Ad.Tensors.Device.CpuThreads = before;
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => Ad.Tensors.Device.CpuThreads = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => Ad.Tensors.Device.CpuThreads = 1025);
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("1024", 1024)]
    [InlineData("0", null)]
    [InlineData("1025", null)]
    [InlineData("two", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void What_the_environment_says_counts_where_it_can_be(string? text, int? threads) => Assert.Equal(threads, CpuDevice.Asked(text));

    // How many threads were within at once.
    private sealed class Meeting : IWork
    {
        private int _here;
        private int _most;

        public int Most => _most;

        public object? Begin()
        {
            var here = Interlocked.Increment(ref _here);
            int most;
            while (here > (most = _most) && Interlocked.CompareExchange(ref _most, here, most) != most)
            {
            }

            return null;
        }

        public void Do(object? state, int item) => Thread.SpinWait(2000);

        public void End(object? state) => Interlocked.Decrement(ref _here);
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
