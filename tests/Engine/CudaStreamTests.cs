using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>Steps on several streams: whoever reads or writes memory comes after whoever wrote or read it.</summary>
public sealed class CudaStreamTests
{
    // Four branches of two products each from one input, joined by a sum.
    internal static Ad.Tensors.Program Branches(int size)
    {
        var build = new Build();
        var x = build.Input(DType.Float32, size, size);
        var branches = Enumerable.Range(0, 4).Select(i =>
        {
            var w = build.Input(DType.Float32, size, size);
            return build.Contract(build.Contract(x, w, [1], [0]), w, [1], [0]);
        }).ToArray();
        return build.Returning(branches.Aggregate((a, b) => build.Contract(build.Apply(Pointwise.Add, a, b), x, [1], [0])));
    }

    private static (Plan<CudaStep> Plan, ulong[] Addresses) Planned(Ad.Tensors.Program program)
    {
        var plan = Planner<CudaStep>.Make(Simplify.Apply(program), new CudaKernels(false, default, new CudaLibraries()));
        return (plan, [.. plan.Slots.Select(home => ((ulong)home.Kind << 50) + ((ulong)home.Index << 40) + (ulong)home.Start + 4096)]);
    }

    // Every two steps of which one writes what the other reads or writes, and that no stream and no wait puts in order.
    private static List<(int First, int Second)> Races(Plan<CudaStep> plan, ulong[] addresses, StreamSchedule schedule)
    {
        var before = new HashSet<int>[plan.Kernels.Length];
        var ends = new Dictionary<int, int>();
        for (var k = 0; k < before.Length; k++)
        {
            before[k] = [];
            foreach (var earlier in schedule.Waits[k].Concat(ends.TryGetValue(schedule.Streams[k], out var last) ? [last] : []))
            {
                before[k].Add(earlier);
                before[k].UnionWith(before[earlier]);
            }

            ends[schedule.Streams[k]] = k;
        }

        bool Touch(int a, int b) => addresses[a] < addresses[b] + (ulong)plan.SlotBytes[b] && addresses[b] < addresses[a] + (ulong)plan.SlotBytes[a];
        bool Meet(CudaStep a, CudaStep b) => a.Writes.Any(w => b.Reads.Concat(b.Writes).Any(s => Touch(w, s))) || a.Reads.Any(r => b.Writes.Any(w => Touch(r, w)));
        return [.. from k in Enumerable.Range(0, before.Length)
                   from i in Enumerable.Range(0, k)
                   where !before[k].Contains(i) && Meet(plan.Kernels[i], plan.Kernels[k])
                   select (i, k)];
    }

    [Fact]
    public void In_any_program_whoever_touches_memory_comes_after_whoever_did_before()
    {
        string[] laws = ["fusion", "movement", "contractions", "scans", "conditions", "take and scatterAdd", "large reductions", "long products", "casts"];
        var (several, needed) = (0, 0);
        foreach (var program in laws.SelectMany(CudaTests.Cases).Select(c => c.Program).Append(Branches(8)))
        {
            var (plan, addresses) = Planned(program);
            var schedule = StreamSchedule.Of(plan.Kernels, addresses, plan.SlotBytes);
            Assert.Empty(Races(plan, addresses, schedule));
            Assert.InRange(schedule.Count, 1, StreamSchedule.MostStreams);
            several += schedule.Count > 1 ? 1 : 0;

            // Without the waits there are races, so that the looking is worth something.
            needed += schedule.Waits.Any(w => w.Length > 0) && Races(plan, addresses, schedule with { Waits = [.. schedule.Waits.Select(_ => Array.Empty<int>())] }).Count > 0 ? 1 : 0;
        }

        Assert.True(several > 20 && needed > 20, $"{several} programs had several streams, and {needed} of them waits.");
    }

    [Fact]
    public void No_wait_is_there_twice()
    {
        var (plan, addresses) = Planned(Branches(8));
        var schedule = StreamSchedule.Of(plan.Kernels, addresses, plan.SlotBytes);
        for (var k = 0; k < plan.Kernels.Length; k++)
        {
            foreach (var wait in schedule.Waits[k])
            {
                var fewer = schedule.Waits.Select((w, i) => i == k ? [.. w.Where(s => s != wait)] : w).ToArray();
                Assert.NotEmpty(Races(plan, addresses, schedule with { Waits = fewer }));
            }
        }
    }

    [Fact]
    public void Memory_that_is_used_again_is_used_again_in_order()
    {
        var (plan, addresses) = Planned(Branches(8));
        var apart = StreamSchedule.Of(plan.Kernels, [.. addresses.Select((_, slot) => (ulong)(slot + 1) << 40)], plan.SlotBytes);
        Assert.Empty(Races(plan, addresses, StreamSchedule.Of(plan.Kernels, addresses, plan.SlotBytes)));
        Assert.NotEmpty(Races(plan, addresses, apart));
    }

    private static float[][] Replayed(HostDriver driver, int times)
    {
        const int Size = 24;
        var device = new CudaDevice(driver, new HostCompiler(), 0);
        var program = Branches(Size);
        var ready = device.Prepare(program);
        var make = new Make(3);
        Storage[] arguments = [.. Enumerable.Range(0, 5).Select(_ => device.Place(make.Tensor(DType.Float32, new Shape(Size, Size)).Store()))];
        var room = ready.Run(arguments)[0];
        var results = new List<float[]> { room.ToHost().Elements<float>().ToArray() };
        for (var run = 0; run < times; run++)
        {
            room = ready.Run(arguments, [room])[0];
            results.Add(room.ToHost().Elements<float>().ToArray());
        }

        return [.. results];
    }

    [Fact]
    public void A_replay_gives_the_same_in_whatever_order_its_streams_go()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var driver = new HostDriver();
        var results = Replayed(driver, 12);
        Assert.All(results, r => Assert.Equal(results[0], r));
        Assert.Contains("cuStreamWaitEvent", driver.Calls);
        Assert.Equal(1, driver.Calls.Count(c => c == "cuStreamBeginCapture"));
        Assert.Equal(driver.Calls.Count(c => c == "cuEventRecord"), driver.Calls.Count(c => c == "cuEventDestroy"));
    }

    [Fact]
    public void Without_its_waits_it_would_not()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var results = Replayed(new HostDriver { LosesWaits = true }, 12);
        Assert.Contains(results, r => !r.SequenceEqual(results[0]));
    }

    [Fact]
    public void A_stream_that_is_not_joined_is_refused()
    {
        var driver = new HostDriver();
        driver.Use(0);
        var block = driver.Allocate(256);
        driver.BeginCapture();
        var begin = driver.Mark();
        driver.On(1);
        Assert.Equal(900, Assert.Throws<CudaException>(() => driver.Clear(block, 8)).Code);
        driver.Follow(begin);
        driver.Clear(block, 8);
        driver.On(0);
        Assert.Equal(904, Assert.Throws<CudaException>(() => driver.EndCapture()).Code);
        driver.Free(block);
    }

    [Fact]
    public void A_chain_stays_on_one_stream()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 8, 8);
        var y = Enumerable.Range(0, 6).Aggregate(x, (a, _) => build.Contract(a, x, [1], [0]));
        var (plan, addresses) = Planned(build.Returning(y));
        var schedule = StreamSchedule.Of(plan.Kernels, addresses, plan.SlotBytes);
        Assert.Equal(1, schedule.Count);
        Assert.All(schedule.Waits, Assert.Empty);
    }
}
