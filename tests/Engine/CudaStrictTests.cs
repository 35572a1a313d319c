using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>What the documented driver refuses, the tests' own refuses too; and what keeps the device within it.</summary>
public sealed class CudaStrictTests
{
    private const string Twice = "extern \"C\" __global__ void __launch_bounds__(64) k0(float *x, float *y) {\n    y[threadIdx.x] = 2 * x[threadIdx.x];\n}\n";

    private static HostDriver Driver(int devices = 1)
    {
        var driver = new HostDriver { Devices = devices };
        driver.Use(0);
        return driver;
    }

    private static void Refused(int code, Action call) => Assert.Equal(code, Assert.Throws<CudaException>(call).Code);

    private static Ad.Tensors.Program Doubled(int size)
    {
        var build = new Build();
        var x = build.Input(DType.Float64, size);
        return build.Returning(build.Apply(Pointwise.Add, x, build.Broadcast(build.Reduce(Reduction.Sum, x, 0), size)));
    }

    private static HostStorage Vector(params double[] x) => HostStorage.Copy<double>(new Shape(x.Length), x);

    [Fact]
    public void A_thread_without_a_context_may_call_nothing_and_another_drivers_is_none()
    {
        var (one, two) = (Driver(), Driver());
        Refused(201, () => one.Allocate(8));
        two.Allocate(8);
        HostDriver.Leave();
        Refused(201, () => two.Synchronize());
        Refused(101, () => one.Use(1));
    }

    [Fact]
    public void Memory_that_is_no_blocks_or_another_devices_is_refused()
    {
        var driver = Driver(2);
        var block = driver.Allocate(256);
        Refused(1, () => driver.Clear(block, 257));
        Refused(1, () => driver.Clear(block + 8, 256));
        Refused(1, () => driver.Copy(block - 8, block, 8));
        Refused(1, () => driver.Clear(block, 0));
        Refused(1, () => driver.Allocate(0));
        Refused(1, () => driver.UploadLater(block, (nint)block, 8));
        driver.Use(1);
        Refused(1, () => driver.Upload(block, new byte[8]));
        driver.Use(0);
        driver.Free(block);
        Refused(1, () => driver.Free(block));
        Refused(1, () => driver.Download(new byte[8], block));
    }

    [Fact]
    public void What_waits_cannot_be_written_down_and_what_was_written_down_cannot_be_waited_for()
    {
        var driver = Driver();
        var (block, pinned) = (driver.Allocate(256), driver.AllocateHost(256));
        var before = driver.Mark();
        driver.BeginCapture();
        Refused(900, driver.Synchronize);
        Refused(900, () => driver.Download(new byte[8], block));
        Refused(900, () => driver.Upload(block, new byte[8]));
        Refused(900, () => driver.DownloadLater(pinned, block, 8));
        Refused(900, () => driver.Await(before));
        Refused(900, driver.BeginCapture);
        var within = driver.Mark();
        driver.Clear(block, 256);
        var graph = driver.EndCapture();
        Refused(907, () => driver.Await(within));
        driver.Unmark(within);
        Refused(400, () => driver.Unmark(within));
        driver.Replay(graph);
        driver.Forget(graph);
        Refused(400, () => driver.Replay(graph));
        Refused(400, () => driver.Forget(graph));
    }

    [Fact]
    public void Launches_beyond_the_kernels_or_the_devices_limits_are_refused()
    {
        Assert.SkipUnless(HostCompiler.IsThere, Hosted.Missing);
        var driver = Driver();
        var module = driver.Load(new HostCompiler().Compile(Twice, driver.Describe(0)));
        var kernel = driver.Function(module, "k0");
        var block = driver.Allocate(256);
        driver.Launch(kernel, new Grid(1), 64, [block, block]);
        Refused(701, () => driver.Launch(kernel, new Grid(1), 65, [block, block]));
        Refused(1, () => driver.Launch(kernel, new Grid(1), 64, [block]));
        Refused(1, () => driver.Launch(kernel, new Grid(0), 64, [block, block]));
        Refused(1, () => driver.Launch(kernel, new Grid(1L << 31), 64, [block, block]));
        Refused(1, () => driver.Launch(kernel, new Grid(1, 65_536), 64, [block, block]));
        driver.Unload(module);
        Refused(400, () => driver.Unload(module));
        Refused(400, () => driver.Function(module, "k0"));
    }

    [Fact]
    public void Any_thread_may_ask_as_each_is_given_the_devices_context()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        CudaDevice[] devices = [.. Enumerable.Range(0, 2).Select(_ => new CudaDevice(new HostDriver(), new HostCompiler(), 0))];
        var program = Doubled(3);
        Parallel.For(0, 16, i =>
        {
            HostDriver.Leave();

            // Of two devices by turns, and with what the other has.
            var (here, there) = (devices[i % 2], devices[1 - (i % 2)]);
            var x = there.Prepare(program).Run([there.Place(Vector(i, 0, 1))])[0];
            var y = here.Prepare(program).Run([x])[0].ToHost().Elements<double>().ToArray();
            Assert.Equal([i + (5.0 * (i + 1)), 5.0 * (i + 1), 1 + (5.0 * (i + 1))], y);
        });
    }

    [Fact]
    public void Rows_of_more_groups_than_a_kernel_has_parameters_for_are_several_kernels()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        const int Rows = 3, Columns = 5;
        var build = new Build();
        var x = build.Input(DType.Float32, Rows, Columns);
        for (var group = 0; group < 16; group++)
        {
            x = Enumerable.Range(0, 40).Aggregate(x, (sum, _) => build.Apply(Pointwise.Maximum, sum, build.Input(DType.Float32, Rows, Columns)));
            x = build.Apply(Pointwise.Subtract, x, build.Broadcast(build.Reshape(build.Reduce(Reduction.Max, x, 1), Rows, 1), Rows, Columns));
        }

        var program = build.Returning(x);
        var device = Hosted.Device(false);
        var plan = device.Prepare(program).ToString();
        Assert.InRange(plan.Split('\n').Count(line => line.StartsWith("by 3 rows", StringComparison.Ordinal)), 2, 4);
        var make = new Make(5);
        Plain[] arguments = [.. Enumerable.Range(0, 641).Select(_ => make.Tensor(DType.Float32, new Shape(Rows, Columns)))];
        Compare.Same(Reference.Run(program, arguments)[0], Compare.Run(device, program, arguments)[0], 0, program);
    }

    [Fact]
    public void Modules_and_graphs_of_forgotten_plans_go_when_the_device_is_waited_for()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var driver = new HostDriver();
        var device = new CudaDevice(driver, new HostCompiler(), 0);
        Forgotten(device);
        Assert.Equal((3, 1), (driver.Modules, driver.Graphs));
        for (var look = 0; look < 10 && driver.Modules > 1; look++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            device.Place(Vector(1, 2)).ToHost();
        }

        Assert.InRange(driver.Modules, 0, 1);
        Assert.Equal(0, driver.Graphs);
    }

    // Plans that no cache holds; the last that ran is remembered for what is said of faults.
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Forgotten(CudaDevice device)
    {
        foreach (var size in (int[])[2, 3, 4])
        {
            var program = Doubled(size);
            var ready = new CudaExecutable(device, program, Planner<CudaStep>.Make(Simplify.Apply(program), new CudaKernels(false, device.Means, device.Libraries)));
            var (x, room) = (device.Place(Vector(new double[size])), device.Place(Vector(new double[size])));
            for (var run = 0; run < (size == 2 ? 3 : 1); run++)
            {
                ready.Run([x], [room]);
            }
        }
    }
}
