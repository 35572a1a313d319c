using System.Runtime.CompilerServices;
using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Memory that goes from a result nobody has any more to the next one.</summary>
public sealed class LoansTests
{
    // Just large enough to be lent.
    private const int Count = (Loans.LeastBytes / sizeof(float)) + 5;

    private static readonly Program Ends = LargerAndSmaller();

    private static Program LargerAndSmaller()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, Count), build.Input(DType.Float32, Count));
        return build.Returning(build.Apply(Pointwise.Maximum, x, y), build.Apply(Pointwise.Minimum, x, y));
    }

    private static HostStorage Ramp(int from)
    {
        var elements = new float[Count];
        for (var i = 0; i < Count; i++)
        {
            elements[i] = (from + i) % 1000;
        }

        return HostStorage.Copy<float>(new Shape(Count), elements);
    }

    // Under stress the collector looks at every loan, and what comes back is overwritten at once: whoever still read it would see it.
    [Fact]
    public async Task Nothing_that_somebody_has_is_ever_written_over()
    {
        Loans.IsStressed = true;
        try
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() => Follow(thread))));
        }
        finally
        {
            Loans.IsStressed = false;
        }
    }

    private static void Follow(int thread)
    {
        var make = new Make(thread + 17);
        var executable = new CpuDevice(2, 0).Prepare(Ends);
        var live = new List<(HostStorage Storage, float[] Expected)>();
        for (var i = 0; i < 4; i++)
        {
            var ramp = Ramp(i);
            live.Add((ramp, ramp.ToArray<float>()));
        }

        for (var step = 0; step < 150; step++)
        {
            var (x, y) = (make.Pick(live.ToArray()), make.Pick(live.ToArray()));

            // An argument that nobody else has lives as long as the run.
            var results = executable.Run([make.Chance(0.5) ? x.Storage : HostStorage.Copy<float>(new Shape(Count), x.Expected), y.Storage]);
            float[] larger = [.. x.Expected.Zip(y.Expected, Math.Max)];
            float[] smaller = [.. x.Expected.Zip(y.Expected, Math.Min)];
            live.Add(((HostStorage)results[0].Reshaped(new Shape(1, Count)).Reshaped(new Shape(Count)), larger));
            if (make.Chance(0.5))
            {
                live.Add(((HostStorage)results[1], smaller));
            }

            while (live.Count > 8)
            {
                live.RemoveAt(make.Below(live.Count));
            }

            foreach (var (storage, expected) in live)
            {
                Assert.Equal(expected, storage.ToArray<float>());
            }

            if (step % 10 == 9)
            {
                live.Add((Ramp(step), Ramp(step).ToArray<float>()));
            }
        }
    }

    [Fact]
    public void What_was_shown_stays_as_it_is_when_the_storage_is_gone()
    {
        Loans.IsStressed = true;
        try
        {
            var shown = Shown();
            for (var i = 0; i < 20; i++)
            {
                _ = Ramp(i);
            }

            Assert.Equal(7f, shown[0]);
            Assert.Equal(8f, shown[1]);
        }
        finally
        {
            Loans.IsStressed = false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ReadOnlySpan<float> Shown() => Ramp(7).Elements<float>();

    [Fact]
    public void Results_that_nobody_keeps_take_the_memory_of_a_few()
    {
        var executable = new CpuDevice(1, 0).Prepare(Ends);
        var x = Ramp(0);
        Many(executable, x, 500);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Many(executable, x, 4000);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / 4000;

        // Two results take 131,112 bytes.
        Assert.True(each < 60_000, $"{each} bytes a run");
    }

    [Fact]
    public void Looks_take_a_fiftieth_of_the_time_or_come_after_32_MiB_and_after_half_of_what_is_alive() => OperationTests.Repeat(500, make =>
    {
        long Bytes() => (long)make.Below(100) << 20;
        var (since, alive, passed, took) = (Bytes(), Bytes(), (long)make.Below(1000), (long)make.Below(20));
        var isTime = Loans.IsTime(since, alive, passed, took);
        Assert.False(isTime && (since <= 8L << 20 || since <= alive / 2));
        Assert.False(isTime && since <= 32L << 20 && took * 50 > passed);
        Assert.True(isTime || since <= 32L << 20 || since <= alive / 2);
        Assert.True(isTime || took * 50 > passed || since <= 8L << 20 || since <= alive / 2);
    });

    private static void Many(Executable executable, Storage x, int runs)
    {
        for (var run = 0; run < runs; run++)
        {
            executable.Run([x, x]);
        }
    }

    [Fact]
    public void A_state_that_outlives_many_collections_goes_back_as_well()
    {
        var executable = new CpuDevice(1, 0).Prepare(Ends);
        var states = new HostStorage[400];
        Array.Fill(states, Ramp(1));
        var blocks = new HashSet<byte[]>();
        for (var run = 0; run < 10_000; run++)
        {
            var state = (HostStorage)executable.Run([states[(run + 1) % states.Length], states[0]])[0];
            states[run % states.Length] = state;
            blocks.Add(state.Place.Array);
        }

        // What other tests have alive meanwhile puts a look off; without any, each state would have a block of its own.
        Assert.InRange(blocks.Count, states.Length, 5000);
    }
}
