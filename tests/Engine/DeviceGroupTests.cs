using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>Sums over several devices, by a library with NCCL's calls and by way of the host.</summary>
public sealed class DeviceGroupTests
{
    private static CudaDevice[] Devices(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new CudaDevice(new HostDriver { Backwards = i % 2 == 1, Devices = count }, new HostCompiler(), i))];

    private static Plain[][] Tensors(int devices, params DType[] types)
    {
        var make = new Make(devices);
        return [.. Enumerable.Range(0, devices).Select(_ => types.Select((type, t) => make.Tensor(type, new Shape(t + 2, 3))).ToArray())];
    }

    private static Storage[][] Placed(IReadOnlyList<Device> devices, Plain[][] tensors) => [.. devices.Select((d, i) => tensors[i].Select(t => d.Place(t.Store())).ToArray())];

    private static readonly DType[] Types = [DType.Float32, DType.Float64, DType.Int32, DType.Int64, DType.Float16, DType.BFloat16];

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Every_device_has_the_sum_over_all_with_the_library_and_without(int count)
    {
        Assert.SkipUnless(HostCompiler.IsThere, Hosted.Missing);
        using var collectives = new HostCollectives(count);
        var devices = Devices(count);
        var tensors = Tensors(count, Types);
        var before = collectives.Sums;
        var with = new DeviceGroup(devices, collectives.Library).Sum(Placed(devices, tensors));
        Assert.Equal(4, collectives.Sums - before);
        var without = new DeviceGroup(devices, null).Sum(Placed(devices, tensors));
        for (var d = 0; d < count; d++)
        {
            for (var t = 0; t < Types.Length; t++)
            {
                Assert.Same(devices[d], with[d][t].Device);
                Assert.True(with[d][t].ToHost().Bytes.SequenceEqual(with[0][t].ToHost().Bytes));
                Assert.True(with[d][t].ToHost().Bytes.SequenceEqual(without[d][t].ToHost().Bytes));
            }
        }

        // Elements of tests are eighths, whose sums are exact.
        var sum = Plain.From(with[0][0]);
        Assert.All(Enumerable.Range(0, sum.Count), i => Assert.Equal(tensors.Sum(of => of[0][i]), sum[i]));
    }

    [Fact]
    public void Sums_come_after_the_work_that_made_what_they_add_and_before_what_reads_them()
    {
        Assert.SkipUnless(HostCompiler.IsThere, Hosted.Missing);
        using var collectives = new HostCollectives(2);
        var devices = Devices(2);
        var build = new Build();
        var x = build.Input(DType.Float32, 5);
        var twice = build.Returning(build.Apply(Pointwise.Add, x, x));
        var argument = new Make(1).Tensor(DType.Float32, new Shape(5));
        Storage[][] made = [.. devices.Select(d => d.Prepare(twice).Run([argument.Store()]))];
        var sums = new DeviceGroup(devices, collectives.Library).Sum(made);
        var after = Plain.From(devices[1].Prepare(twice).Run([sums[1][0]])[0]);
        Assert.All(Enumerable.Range(0, 5), i => Assert.Equal(8 * argument[i], after[i]));
    }

    [Fact]
    public void The_hosts_own_processors_may_be_in_a_group()
    {
        Assert.SkipUnless(HostCompiler.IsThere, Hosted.Missing);
        Device[] devices = [Device.Cpu, Devices(1)[0]];
        var tensors = Tensors(2, DType.Float32);
        var sums = new DeviceGroup(devices, null).Sum(Placed(devices, tensors));
        Assert.Equal(tensors[0][0][4] + tensors[1][0][4], Plain.From(sums[1][0])[4]);
        Assert.Same(Device.Cpu, sums[0][0].Device);
    }

    [Fact]
    public void Tensors_that_do_not_agree_are_refused()
    {
        var group = new DeviceGroup(Devices(2), null);
        Storage One(DType type, int size) => HostStorage.Allocate(type, new Shape(size));
        Assert.StartsWith("Each of the 2 devices adds as many tensors as the others, but there are 1, 0.", Refused([[One(DType.Float32, 2)], []]), StringComparison.Ordinal);
        Assert.StartsWith("The devices cannot add tensor 0: it is float32[2] and float32[3].", Refused([[One(DType.Float32, 2)], [One(DType.Float32, 3)]]), StringComparison.Ordinal);
        Assert.StartsWith("The devices cannot add tensor 0: it is bool[2].", Refused([[One(DType.Bool, 2)], [One(DType.Bool, 2)]]), StringComparison.Ordinal);
        var twice = Assert.Throws<ArgumentException>(() => DeviceGroup.Of(Device.Cpu, Device.Cpu));
        Assert.StartsWith("A group has each device once, but there are cpu, cpu.", twice.Message, StringComparison.Ordinal);
        string Refused(Storage[][] tensors) => Assert.Throws<ArgumentException>(() => group.Sum(tensors)).Message;
    }

    [Fact]
    public void A_failure_names_the_call_and_the_next_sum_is_right()
    {
        Assert.SkipUnless(HostCompiler.IsThere, Hosted.Missing);
        using var collectives = new HostCollectives(2);
        var devices = Devices(2);
        var group = new DeviceGroup(devices, collectives.Library);
        var tensors = Tensors(2, DType.Float32);
        collectives.Fail(2);
        Assert.Contains("ncclAllReduce failed with code 2.", Assert.Throws<CudaException>(() => group.Sum(Placed(devices, tensors))).Message, StringComparison.Ordinal);
        collectives.Fail(0);
        Assert.Equal(tensors[0][0][1] + tensors[1][0][1], Plain.From(group.Sum(Placed(devices, tensors))[1][0])[1]);
    }
}
