using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>What kernels find wrong with values: no step waits for it, and no reader takes for good what came of it.</summary>
public sealed class CudaFaultTests
{
    private static readonly string[] Waits = ["cuStreamSynchronize", "cuEventSynchronize", "cuMemcpyDtoHAsync"];

    private static CudaDevice Device(HostDriver driver, bool waitsForEachStep = false)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        return new CudaDevice(driver, new HostCompiler(), 0, waitsForEachStep);
    }

    // Rows of a table by index, as an embedding has it, squared.
    private static Ad.Tensors.Program Rows()
    {
        var build = new Build();
        var taken = build.Take(build.Input(DType.Float64, 4), build.Input(DType.Int32, 3), 0, 0);
        return build.Returning(build.Apply(Pointwise.Multiply, build.CumulativeSum(taken, 0, false), taken));
    }

    private static Ad.Tensors.Program Negated()
    {
        var build = new Build();
        return build.Returning(build.Apply(Pointwise.Negate, build.Input(DType.Float64, 3)));
    }

    private static HostStorage Table => HostStorage.Copy<double>(new Shape(4), [1, 2, 3, 4]);

    private static HostStorage Indices(params int[] indices) => HostStorage.Copy<int>(new Shape(indices.Length), indices);

    private static double[] Elements(Storage x) => x.ToHost().Elements<double>().ToArray();

    private static void IsLate(int index, Action read) => Assert.StartsWith(
        $"The operation take has index {index} for axis 0, whose size is 4. It shows late, as the host does not wait for the device",
        Assert.Throws<TensorException>(read).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Steps_that_take_by_index_ask_the_device_for_nothing_back()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        var ready = device.Prepare(Rows());
        var (table, indices) = (device.Place(Table), device.Place(Indices(0, 3, 1)));
        Storage?[] room = [.. ready.Run([table, indices])];
        var before = driver.Calls.Count;
        for (var step = 0; step < 20; step++)
        {
            room = [.. ready.Run([table, indices], room)];
        }

        Assert.Equal(20, device.Replays);
        Assert.DoesNotContain(driver.Calls.Skip(before), Waits.Contains);
        Assert.Equal([1.0, 20.0, 14.0], Elements(room[0]!));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public void An_index_out_of_range_is_found_by_whoever_reads_what_came_of_it(int stepsBefore) => IsFound(Device(new HostDriver()), stepsBefore);

    /// <summary>Has a device take by an index that is out of range after some steps that are right, and reads what came of it.</summary>
    internal static void IsFound(CudaDevice device, int stepsBefore)
    {
        var (rows, negated) = (device.Prepare(Rows()), device.Prepare(Negated()));
        var (table, indices) = ((CudaStorage)device.Place(Table), (CudaStorage)device.Place(Indices(0, 3, 1)));
        Storage?[] room = [];
        for (var step = 0; step < stepsBefore; step++)
        {
            room = [.. rows.Run([table, indices], room)];
        }

        device.Driver.Upload(indices.Block.Address, Indices(0, 9, 1).Bytes);
        var bad = rows.Run([table, indices], room)[0];
        var worse = negated.Run([bad])[0];
        var apart = negated.Run([HostStorage.Copy<double>(new Shape(3), [1, 2, 3])])[0];

        // A good step in between does not make up for it.
        device.Driver.Upload(indices.Block.Address, Indices(0, 3, 1).Bytes);
        var after = rows.Run([table, indices])[0];
        IsLate(9, () => worse.ToHost());
        IsLate(9, () => bad.ToHost());
        IsLate(9, () => worse.ToHost());
        IsLate(9, () => negated.Run([worse]));
        IsLate(9, () => after.ToHost());
        Assert.Equal([-1.0, -2.0, -3.0], Elements(apart));
        Assert.Equal([1.0, 20.0, 14.0], Elements(rows.Run([table, indices])[0]));
    }

    [Fact]
    public void A_value_without_elements_is_in_doubt_as_well()
    {
        var build = new Build();
        var program = build.Returning(build.Take(build.Input(DType.Float64, 4, 0), build.Input(DType.Int32, 3), 0, 0));
        var device = Device(new HostDriver());
        var empty = device.Prepare(program).Run([HostStorage.Allocate(DType.Float64, new Shape(4, 0)), Indices(1, 2, -5)])[0];
        IsLate(-5, () => empty.ToHost());
    }

    [Fact]
    public void What_one_reader_learned_others_on_other_threads_learn_too()
    {
        var device = Device(new HostDriver());
        var ready = device.Prepare(Rows());
        var bad = Enumerable.Range(0, 8).Select(i => ready.Run([Table, Indices(0, i == 4 ? 7 : 1, 1)])[0]).ToArray();
        var found = new int[bad.Length];
        Parallel.For(0, bad.Length, i =>
        {
            try
            {
                bad[i].ToHost();
            }
            catch (TensorException)
            {
                found[i] = 1;
            }
        });
        Assert.All(found, f => Assert.Equal(1, f));
    }

    [Fact]
    public void If_each_step_is_waited_for_the_error_is_at_once_the_hosts()
    {
        var error = Assert.Throws<TensorException>(() => Device(new HostDriver(), true).Prepare(Rows()).Run([Table, Indices(0, 9, 1)]));
        Assert.Equal("The operation take has index 9 for axis 0, whose size is 4.", error.Message);
    }

    [Fact]
    public void A_loop_that_asks_whether_to_go_on_learns_of_it_before_it_does()
    {
        // While the element that an index names is less than ten: of an index out of range there is no such element, and the loop might never end.
        var condition = new Build();
        var (state, at) = (condition.Input(DType.Float64, 4), condition.Input(DType.Int32, 1));
        var less = condition.Apply(Pointwise.Less, condition.Take(state, at, 0, 0), condition.Constant(DType.Float64, 10, 1));
        var body = new Build();
        var (x, i) = (body.Input(DType.Float64, 4), body.Input(DType.Int32, 1));
        var loop = new Operation.WhileLoop(condition.Returning(condition.Reshape(less)), body.Returning(body.Apply(Pointwise.Add, x, x), i), 2, 0);
        var build = new Build();
        var (start, place) = (build.Input(DType.Float64, 4), build.Input(DType.Int32, 1));
        var program = build.Returning(build.Raw(loop, DType.Float64, new Shape(4), start, place));
        var device = Device(new HostDriver());
        Assert.Equal([16.0, 32.0, 48.0, 64.0], Elements(device.Prepare(program).Run([Table, Indices(0)])[0]));
        var error = Assert.Throws<TensorException>(() => device.Prepare(program).Run([Table, Indices(4)]));
        Assert.Equal("The operation take has index 4 for axis 0, whose size is 4.", error.Message);
    }

    [Fact]
    public void Sums_over_devices_are_in_doubt_with_what_they_add()
    {
        Assert.SkipUnless(HostCompiler.IsThere, Hosted.Missing);
        using var collectives = new HostCollectives(2);
        CudaDevice[] devices = [.. Enumerable.Range(0, 2).Select(i => new CudaDevice(new HostDriver { Devices = 2 }, new HostCompiler(), i))];
        var group = new DeviceGroup(devices, collectives.Library);
        Storage[][] Made(int index) => [.. devices.Select((d, i) => d.Prepare(Rows()).Run([Table, Indices(0, i == 0 ? index : 1, 1)]))];
        Assert.Equal([2.0, 12.0, 20.0], Elements(group.Sum(Made(1))[1][0]));
        var sums = group.Sum(Made(8));
        IsLate(8, () => sums[1][0].ToHost());
        IsLate(8, () => sums[0][0].ToHost());
        Assert.Equal([2.0, 12.0, 20.0], Elements(group.Sum(Made(1))[1][0]));
    }

    [Fact]
    public void Many_plans_in_doubt_at_once_are_each_looked_at()
    {
        var driver = new HostDriver();
        var device = Device(driver);
        driver.Use(0);
        var flags = Enumerable.Range(0, 600).Select(i => device.Allocator.Allocate(16, "a test")).ToArray();
        var doubts = flags.Select((flag, i) =>
        {
            driver.Clear(flag.Address, 16);
            return new CudaDoubt(device, flag, [Failure.DivisionByZero, new Failure("Number {0}.")]);
        }).ToArray();
        Array.ForEach(doubts, device.Faults.Open);
        long[] bad = [2, 599];
        driver.Upload(flags[599].Address, System.Runtime.InteropServices.MemoryMarshal.AsBytes(bad.AsSpan()));
        device.Faults.Drain();
        Assert.All(doubts[..599], d => Assert.False(d.IsOpen || d.IsBad));
        Assert.StartsWith("Number 599. It shows late", Assert.Throws<TensorException>(() => doubts[599].Check(true)).Message, StringComparison.Ordinal);
        GC.KeepAlive(flags);
    }
}
