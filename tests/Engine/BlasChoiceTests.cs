using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Who does a product once times are known, and what is said of libraries that cannot be used.</summary>
public sealed class BlasChoiceTests
{
    private static readonly Ad.Tensors.Program Product = Square(64);

    private static Ad.Tensors.Program Square(int side)
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, side, side), build.Input(DType.Float32, side, side));
        return build.Returning(build.Contract(x, y, [1], [0]));
    }

    private static Plain[] Arguments(int seed) => [.. ((int[])[0, 1]).Select(i => new Make(seed + i).Tensor(DType.Float32, new Shape(64, 64)))];

    // Time stands still but for what a library takes, and ten ticks for everything that is timed.
    private static (CpuDevice Device, FakeBlas Library) Timed(int ticks)
    {
        var now = 1000L;
        var library = new FakeBlas(() => now += ticks);
        return (new CpuDevice(2, long.MaxValue, () => new Blas("auto", library, false, () => now += 10)), library);
    }

    private static void RunAndCompare(Device device, int seed)
    {
        var arguments = Arguments(seed);
        Compare.Same(Compare.Run(Compare.One, Product, arguments)[0], Compare.Run(device, Product, arguments)[0], 0, Product);
    }

    [Theory]
    [InlineData(-5, true)]
    [InlineData(0, false)]
    [InlineData(5, false)]
    public void The_faster_is_taken_after_a_few_turns_and_every_result_is_right(int ticks, bool isLibrary)
    {
        var (device, library) = Timed(ticks);
        Assert.Contains("by our kernels and a library of tests in turns", device.Prepare(Product).ToString(), StringComparison.Ordinal);
        for (var run = 0; run < 2 * (Turns.Looks + 1); run++)
        {
            RunAndCompare(device, run);
        }

        Assert.Equal(Turns.Looks + 1, library.Asked.Count);
        for (var run = 0; run < 10; run++)
        {
            RunAndCompare(device, run);
        }

        Assert.Equal(Turns.Looks + 1 + (isLibrary ? 10 : 0), library.Asked.Count);
        var plan = device.Prepare(Product).ToString();
        Assert.Contains(isLibrary ? "by a library of tests (" : "by our kernels (", plan, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_is_slow_once_is_not_slow()
    {
        var (now, call) = (0L, 0);
        var turns = new Turns(new FakeBlas(), () => now);
        while (call < 2 * (Turns.Looks + 1))
        {
            var turn = turns.Begin();
            now += turn.IsLibrary ? (call == 5 ? 100_000 : 7) : 8 + call;
            turns.End(turn);
            call++;
        }

        Assert.True(turns.Begin().IsLibrary);
    }

    [Fact]
    public void Whoever_calls_every_second_or_fourth_time_meets_both()
    {
        var turns = new Turns(new FakeBlas(), () => 0);
        bool[] order = [.. Enumerable.Range(0, 16).Select(_ => turns.Begin().IsLibrary)];
        foreach (var step in (int[])[1, 2, 4])
        {
            for (var first = 0; first < step; first++)
            {
                Assert.Equal(8 / step, order.Where((isLibrary, call) => call % step == first && isLibrary).Count());
            }
        }
    }

    [Fact]
    public void A_library_that_fails_is_heard_of_and_not_asked_again()
    {
        var library = new FakeBlas(() => throw new InvalidOperationException("The library broke."));
        var device = new CpuDevice(2, long.MaxValue, () => new Blas("auto", library, false));
        var failures = 0;
        for (var run = 0; run < 40; run++)
        {
            try
            {
                RunAndCompare(device, run);
            }
            catch (InvalidOperationException e) when (e.Message == "The library broke.")
            {
                failures++;
            }
        }

        Assert.Equal((1, 1), (failures, library.Asked.Count));
        Assert.Contains("by our kernels, as a library of tests failed", device.Prepare(Product).ToString(), StringComparison.Ordinal);
        var always = new CpuDevice(2, long.MaxValue, () => new Blas("always", library, true));
        Assert.Throws<InvalidOperationException>(() => RunAndCompare(always, 1));
        Assert.Throws<InvalidOperationException>(() => RunAndCompare(always, 2));
    }

    [Fact]
    public void Products_of_other_shapes_with_groups_or_by_other_threads_have_turns_of_their_own()
    {
        var (device, library) = Timed(5);
        for (var run = 0; run < 2 * (Turns.Looks + 1); run++)
        {
            RunAndCompare(device, run);
        }

        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, 64, 64), build.Input(DType.Float32, 64, 64));
        var group = build.Returning(build.Apply(Pointwise.Abs, build.Contract(x, y, [1], [0])));
        Assert.Contains("in turns then", device.Prepare(group).ToString(), StringComparison.Ordinal);
        Assert.Contains("in turns", device.Prepare(Square(65)).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("in turns", device.Prepare(Product).ToString(), StringComparison.Ordinal);
        device.Workers.Threads = 3;
        Assert.Contains("in turns", device.Prepare(Product).ToString(), StringComparison.Ordinal);
        Assert.Equal(Turns.Looks + 1, library.Asked.Count);
    }

    [Fact]
    public void A_library_that_is_wrong_in_a_way_that_libraries_are_is_found_out()
    {
        Assert.True(BlasTrial.Passes<float>(new FakeBlas()) && BlasTrial.Passes<double>(new FakeBlas()));
        foreach (var wrong in (FakeBlas[])[new(skipsZeros: true), new(addsUp: true), new(forgetsTurns: true)])
        {
            Assert.False(BlasTrial.Passes<float>(wrong));
            Assert.False(BlasTrial.Passes<double>(wrong));
        }
    }

    [Theory]
    [InlineData("nowhere/libnothing.so.9")]
    [InlineData("always:nowhere/libnothing.so.9")]
    public void A_library_that_is_not_there_is_named_when_a_program_is_made_ready(string setting)
    {
        var device = new CpuDevice(1, long.MaxValue, () => Blas.Of(setting));
        var e = Assert.Throws<BlasException>(() => device.Prepare(Product));
        Assert.Equal(
            "The BLAS library nowhere/libnothing.so.9 was not found, or something that it needs was not. Name another in FUNCTIONAL_BLAS (Device.CpuBlas, --blas), or none.", e.Message);
    }

    [Fact]
    public void A_library_without_products_is_named()
    {
        var name = OperatingSystem.IsWindows() ? "kernel32.dll" : OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6";
        Assert.StartsWith($"The library {name} has no cblas_sgemm and cblas_dgemm.", Assert.Throws<BlasException>(() => NativeBlas.Open(name)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_setting_that_cannot_be_leaves_the_one_before_and_none_is_none()
    {
        var before = Device.CpuBlas;
        Assert.Throws<BlasException>(() => Device.CpuBlas = "nowhere/libnothing.so.9");
        Assert.Equal(before, Device.CpuBlas);
        Assert.StartsWith("cpu matrix products: ", Device.DescribeCpuBlas(), StringComparison.Ordinal);
        Assert.Null(Blas.Of(null).Library);
        Assert.Null(Blas.Of("").Library);
        Assert.Null(Blas.Of("None").Library);
        Assert.StartsWith("kernels of our own", Blas.None.ToString(), StringComparison.Ordinal);
        Assert.Equal("kernels of our own or a library of tests, whichever is measured faster for a shape", new Blas("auto", new FakeBlas(), false).ToString());
        Assert.Equal("a library of tests wherever it can", new Blas("always", new FakeBlas(), true).ToString());
        Assert.Equal("kernels of our own, as none of MKL, OpenBLAS and BLIS was found", new Blas("auto", null, false).ToString());
    }

    [Fact]
    public void The_first_library_of_the_system_is_found_by_name_and_by_always()
    {
        Assert.SkipWhen(NativeBlas.Find() is null, "There is neither MKL nor OpenBLAS nor BLIS here.");
        var name = NativeBlas.Find()!.Name;
        Assert.Matches(@"^(MKL|OpenBLAS|BLIS|Accelerate)( [0-9.]+)?\S* \(.+\)$", name);
        Assert.Equal(name, Blas.Of("auto").Library!.Name);
        Assert.Equal(name, Blas.Of("ALWAYS").Library!.Name);
        var path = name[(name.IndexOf('(', StringComparison.Ordinal) + 1)..^1];
        Assert.Equal(name, Blas.Of(path).Library!.Name);
        Assert.Equal(name, Blas.Of($"always:{path}").Library!.Name);
    }
}
