using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>Memory, graphs and faults of a CUDA device, on a driver that does what it is told.</summary>
public sealed class CudaDeviceTests
{
    private static readonly double[] Ones = [1, 1, 1];

    private static CudaDevice Device(HostDriver driver)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        return new CudaDevice(driver, new HostCompiler(), 0);
    }

    // Two kernels, so that there is something to write down: x + the sum of x.
    private static Ad.Tensors.Program Shifted(int size)
    {
        var build = new Build();
        var x = build.Input(DType.Float64, size);
        var sum = build.Reduce(Reduction.Sum, build.Apply(Pointwise.Exp, x), 0);
        return build.Returning(build.Apply(Pointwise.Add, x, build.Broadcast(sum, size)));
    }

    private static HostStorage Vector(params double[] x) => HostStorage.Copy<double>(new Shape(x.Length), x);

    private static double[] Elements(Storage x) => x.ToHost().Elements<double>().ToArray();

    [Fact]
    public void A_block_given_back_is_had_again_and_the_driver_is_not_asked()
    {
        var driver = new HostDriver();
        driver.Use(0);
        var allocator = new CudaAllocator(driver, 0);
        var first = allocator.Allocate(1000, "a test");
        var address = first.Address;
        Assert.Equal((1024, 0), (allocator.LiveBytes, allocator.CachedBytes));
        first.Dispose();
        Assert.Equal((0, 1024), (allocator.LiveBytes, allocator.CachedBytes));
        Assert.Equal(address, allocator.Allocate(900, "a test").Address);
        Assert.Single(driver.Calls);
        Assert.Equal(1, allocator.DriverCalls);
    }

    [Fact]
    public void A_block_goes_back_with_its_last_holder()
    {
        var driver = new HostDriver();
        driver.Use(0);
        var allocator = new CudaAllocator(driver, 0);
        var block = allocator.Allocate(300, "a test");
        block.Hold();
        block.Dispose();
        Assert.Equal(512, allocator.LiveBytes);
        block.Dispose();
        Assert.Equal(0, allocator.LiveBytes);
        Assert.Throws<ObjectDisposedException>(block.Hold);
    }

    [Theory]
    [InlineData(0, 256)]
    [InlineData(257, 512)]
    [InlineData(1025, 1280)]
    [InlineData(1_000_000, 1_048_576)]
    [InlineData(5L << 30, 5L << 30)]
    public void Blocks_are_of_few_sizes_and_at_most_a_quarter_larger_than_asked(long bytes, long expected) =>
        Assert.Equal(expected, CudaAllocator.SizeClass(bytes));

    [Fact]
    public void When_memory_runs_out_what_is_kept_is_given_back_first()
    {
        var driver = new HostDriver { MemoryLimit = 4096 };
        driver.Use(0);
        var allocator = new CudaAllocator(driver, 0);
        allocator.Allocate(2048, "a test").Dispose();
        using var block = allocator.Allocate(4096, "a test");
        Assert.Equal(4096, driver.Held);
        Assert.Equal(0, allocator.CachedBytes);
    }

    [Fact]
    public void When_there_is_no_memory_the_error_says_who_holds_how_much()
    {
        var driver = new HostDriver { MemoryLimit = 4096 };
        driver.Use(0);
        var allocator = new CudaAllocator(driver, 3);
        using var block = allocator.Allocate(3000, "a test");
        var error = Assert.Throws<CudaException>(() => allocator.Allocate(2048, "a float64[256]"));
        Assert.Equal(2, error.Code);
        Assert.StartsWith(
            "The device cuda:3 has no 2048 bytes for a float64[256]: tensors and work under way hold 3072 bytes, kept blocks 0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Copies_to_the_device_arrive_whole_and_are_waited_for_only_when_the_host_is_far_ahead()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        var random = new Random(1);
        var tensors = Enumerable.Range(0, 7).Select(i =>
        {
            var x = HostStorage.Allocate(DType.Int32, new Shape((i * UploadRing.Piece / 8) + 3));
            random.NextBytes(x.Writable<byte>());
            return x;
        }).ToArray();
        var placed = tensors.Take(2).Select(device.Place).ToList();
        Assert.DoesNotContain("cuEventSynchronize", driver.Calls);
        placed.AddRange(tensors.Skip(2).Select(device.Place));
        Assert.Contains("cuEventSynchronize", driver.Calls);
        Assert.All(tensors.Zip(placed), pair => Assert.True(pair.First.Bytes.SequenceEqual(pair.Second.ToHost().Bytes)));
        Assert.InRange(driver.Calls.Count(call => call == "cuMemAllocHost"), 1, 4);
    }

    [Fact]
    public void A_profile_says_of_each_step_how_long_it_took()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        var text = device.Prepare(Shifted(40)).Profile([Vector([.. Enumerable.Range(0, 40).Select(i => i / 40.0)])], 3);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines[..2], line => Assert.Contains(" us  ", line, StringComparison.Ordinal));
        Assert.Contains("kernels ", lines[^1], StringComparison.Ordinal);
        Assert.Equal(9, driver.Calls.Count(call => call == "cuEventDestroy"));
    }

    [Fact]
    public void Forgotten_tensors_are_found_before_the_driver_is_asked_for_more()
    {
        var driver = new HostDriver { MemoryLimit = 1 << 16 };
        var device = Device(driver);
        for (var i = 0; i < 1000; i++)
        {
            device.Place(HostStorage.Allocate(DType.Float64, new Shape(1000)));
        }

        Assert.InRange(driver.Held, 1, 1 << 16);
    }

    [Fact]
    public void From_the_second_run_on_the_same_buffers_on_a_graph_is_replayed()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        var ready = device.Prepare(Shifted(3));
        var (x, room) = (device.Place(Vector(Ones)), device.Place(Vector(0, 0, 0)));
        var expected = Elements(Device(new HostDriver()).Prepare(Shifted(3)).Run([Vector(Ones)])[0]);
        for (var run = 0; run < 5; run++)
        {
            Assert.Equal(expected, Elements(ready.Run([x], [room])[0]));
        }

        Assert.Equal(4, device.Replays);
        Assert.Equal(4, driver.Calls.Count(c => c == "cuGraphLaunch"));
        Assert.Equal(1, driver.Calls.Count(c => c == "cuStreamBeginCapture"));

        // Other numbers in the same buffers go through the same graph; other buffers do not.
        driver.Upload(((CudaStorage)x).Block.Address, Vector(2, 0, 1).Bytes);
        var other = Elements(ready.Run([x], [room])[0]);
        Assert.Equal(Elements(ready.Run([device.Place(Vector(2, 0, 1))])[0]), other);
        Assert.Equal(5, device.Replays);
    }

    [Fact]
    public void A_plan_that_cannot_be_written_down_runs_step_by_step()
    {
        var driver = new HostDriver { Fault = call => call == "cuStreamEndCapture" ? 801 : 0 };
        var device = Device(driver);
        var ready = device.Prepare(Shifted(3));
        var (x, room) = (device.Place(Vector(Ones)), device.Place(Vector(0, 0, 0)));
        var results = Enumerable.Range(0, 4).Select(_ => Elements(ready.Run([x], [room])[0])).ToArray();
        Assert.All(results, r => Assert.Equal(results[0], r));
        Assert.Equal(0, device.Replays);
        Assert.Equal(1, driver.Calls.Count(c => c == "cuStreamBeginCapture"));
    }

    [Fact]
    public void A_scan_written_down_keeps_the_memory_of_its_body()
    {
        var body = new Build();
        var carry = body.Input(DType.Float64, 3);
        var next = body.Apply(Pointwise.Multiply, body.Apply(Pointwise.Add, carry, carry), carry);
        var scan = new Operation.Scan(body.Returning(next), 4, 1, 0, false, 0);
        var build = new Build();
        var program = build.Returning(build.Apply(Pointwise.Negate, build.Raw(scan, DType.Float64, new Shape(3), build.Input(DType.Float64, 3))));
        var device = Device(new HostDriver());
        var ready = device.Prepare(program);
        var (x, room) = (device.Place(Vector(0.5, 0.7, -0.3)), device.Place(Vector(0, 0, 0)));
        var expected = Elements(Ad.Tensors.Device.Cpu.Prepare(program).Run([Vector(0.5, 0.7, -0.3)])[0]);
        ready.Run([x], [room]);
        ready.Run([x], [room]);

        // Whoever takes memory now must not find the graph's; the first block is the plan's arena, which the next run takes again.
        var others = Enumerable.Range(0, 8).Select(_ => (CudaStorage)device.Place(Vector(9, 9, 9))).ToArray();
        others[0].Block.Dispose();
        for (var run = 0; run < 3; run++)
        {
            Assert.Equal(expected, Elements(ready.Run([x], [room])[0]));
            Assert.All(others[1..], o => Assert.Equal([9.0, 9.0, 9.0], Elements(o)));
        }

        Assert.Equal(4, device.Replays);
    }

    [Fact]
    public void A_call_that_fails_is_named_with_its_code_the_work_and_what_to_do()
    {
        var driver = new HostDriver { Fault = call => call == "cuLaunchKernel" ? 700 : 0 };
        var error = Assert.Throws<CudaException>(() => Device(driver).Prepare(Shifted(3)).Run([Vector(Ones)]));
        Assert.Equal(700, error.Code);
        Assert.StartsWith("cuLaunchKernel failed with code 700: a kernel read or wrote outside its memory.", error.Message, StringComparison.Ordinal);
        Assert.Contains("It showed at: group of", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_that_shows_later_names_the_plan_or_the_step_if_asked_to()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        var result = device.Prepare(Shifted(3)).Run([Vector(Ones)])[0];
        driver.Fault = call => call == "cuMemcpyDtoHAsync" ? 719 : 0;
        var late = Assert.Throws<CudaException>(() => result.ToHost());
        Assert.Contains("It showed at: a copy to the host, which waited for\ngroup of", late.Message, StringComparison.Ordinal);

        var times = 0;
        var waiting = new HostDriver { Fault = call => call == "cuStreamSynchronize" && ++times == 2 ? 700 : 0 };
        var named = Assert.Throws<CudaException>(() => new CudaDevice(waiting, new HostCompiler(), 0, waitsForEachStep: true).Prepare(Shifted(3)).Run([Vector(Ones)]));
        Assert.EndsWith("It showed at: group of 3 nodes over 3 -> s2", named.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_fails_gives_its_memory_back()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        var ready = device.Prepare(Shifted(100));
        var x = device.Place(HostStorage.Allocate(DType.Float64, new Shape(100)));
        ready.Run([x]);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = device.Allocator.LiveBytes;
        driver.Fault = call => call == "cuLaunchKernel" ? 719 : 0;
        for (var run = 0; run < 3; run++)
        {
            Assert.Throws<CudaException>(() => ready.Run([x]));
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.InRange(device.Allocator.LiveBytes, 0, before);
        GC.KeepAlive(x);
    }

    [Fact]
    public void What_a_run_brings_to_the_device_for_itself_goes_back_at_once()
    {
        var device = Device(new HostDriver());
        var ready = device.Prepare(Shifted(100));
        var x = HostStorage.Copy<double>(new Shape(100), new double[100]);
        var result = ready.Run([x])[0];
        Assert.Equal(1024, device.Allocator.LiveBytes);
        GC.KeepAlive(result);
    }

    [Fact]
    public void An_argument_that_is_the_result_moves_and_stays()
    {
        var build = new Build();
        var x = build.Input(DType.Float64, 3);
        var device = Device(new HostDriver());
        var result = device.Prepare(build.Returning(build.Reshape(x, 1, 3))).Run([Vector(1, 2, 3)])[0];
        Assert.Equal("cuda:0", result.Device.Name);
        device.Place(Vector(7, 7, 7));
        Assert.Equal([1.0, 2.0, 3.0], Elements(result));
    }

    [Fact]
    public void Storages_of_another_device_come_by_way_of_the_host()
    {
        var (one, two) = (Device(new HostDriver()), Device(new HostDriver()));
        Assert.Equal(
            Elements(one.Prepare(Shifted(3)).Run([Vector(Ones)])[0]), Elements(two.Prepare(Shifted(3)).Run([one.Place(Vector(Ones))])[0]));
    }

    [Fact]
    public void Arguments_of_other_shapes_are_refused_as_on_the_host()
    {
        var device = Device(new HostDriver());
        var error = Assert.Throws<ArgumentException>(() => device.Prepare(Shifted(3)).Run([Vector(1, 2)]));
        Assert.StartsWith("Argument 0 of the program is float64[3], but float64[2] was given.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_that_does_not_compile_is_shown_with_its_line()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var error = Assert.Throws<CudaException>(() => new HostCompiler().Compile(
            "extern \"C\" __global__ void __launch_bounds__(1) k0(float *x) {\n    x[0] = undefined;\n}\n", new CudaFacts("", 9, 0, 1, 1)));
        Assert.Contains(": x[0] = undefined;", error.Message, StringComparison.Ordinal);
        Assert.Contains("does not compile with g++", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sums_of_ones_beyond_2_to_24_are_exact()
    {
        const int Count = (1 << 24) + 8;
        var x = HostStorage.Allocate(DType.Float32, new Shape(Count));
        x.Writable<float>().Fill(1);
        var build = new Build();
        var device = Device(new HostDriver());
        var sum = device.Prepare(build.Returning(build.Reduce(Reduction.Sum, build.Input(DType.Float32, Count), 0))).Run([x])[0];
        Assert.Equal(16_777_224f, sum.ToHost().Elements<float>()[0]);
    }

    [Fact]
    public void A_missing_barrier_shows_as_a_result_that_depends_on_the_order_of_threads()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var races = "extern \"C\" __global__ void __launch_bounds__(4) k0(float *x) {\n    __shared__ float s[4];\n    s[threadIdx.x] = threadIdx.x;\n    x[threadIdx.x] = s[3 - threadIdx.x];\n}\n";
        Assert.NotEqual(Raced(races, false), Raced(races, true));
        var mended = races.Replace("    x[thread", "    __syncthreads();\n    x[thread", StringComparison.Ordinal);
        Assert.Equal([3f, 2f, 1f, 0f], Raced(mended, false));
        Assert.Equal([3f, 2f, 1f, 0f], Raced(mended, true));
    }

    private static float[] Raced(string source, bool backwards)
    {
        var driver = new HostDriver { Backwards = backwards };
        driver.Use(0);
        var module = driver.Load(new HostCompiler().Compile(source, driver.Describe(0)));
        var x = driver.Allocate(256);
        driver.Launch(driver.Function(module, "k0"), new Grid(1), 4, [x]);
        var result = new float[4];
        driver.Download(System.Runtime.InteropServices.MemoryMarshal.AsBytes(result.AsSpan()), x);
        return result;
    }
}
