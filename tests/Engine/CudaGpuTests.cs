using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>What is tested against libraries that tests bring, asked of a real GPU and NVIDIA's own: only with FUNCTIONAL_CUDA=gpu in the environment.</summary>
public sealed class CudaGpuTests
{
    private static CudaLibraries Libraries()
    {
        Assert.SkipUnless(Hosted.IsGpu, "No GPU is asked for.");
        return Hosted.Libraries();
    }

    private static void Same(CudaDevice device, Ad.Tensors.Program program, Plain[] arguments)
    {
        var expected = Reference.Run(program, arguments);
        var ready = device.Prepare(program);
        Storage[] placed = [.. arguments.Select(a => device.Place(a.Store()))];

        // The second run writes a graph down, the third replays it.
        Storage?[] room = [.. ready.Run(placed)];
        for (var run = 0; run < 3; run++)
        {
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], Plain.From(room[i]!), 0, program);
            }

            room = [.. ready.Run(placed, room)];
        }
    }

    [Theory]
    [MemberData(nameof(CudaProductTests.Products), MemberType = typeof(CudaProductTests))]
    public void Our_own_products_are_right_on_the_device(DType type, bool tf32, int m, int n, int k)
    {
        Assert.SkipUnless(Hosted.IsGpu, "No GPU is asked for.");
        var (program, arguments) = CudaProductTests.Every(type, m, n, k);
        Same(Hosted.Gpu(new CudaLibraries(), tf32), program, arguments);
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void CublasLt_gives_what_it_should(DType type)
    {
        var libraries = Libraries();
        Assert.SkipUnless(libraries.Matrices is not null, "There is no cuBLASLt.");
        var (program, arguments) = CudaProductTests.Every(type, 72, 64, 40);
        Same(Hosted.Gpu(libraries), program, arguments);
    }

    [Theory]
    [InlineData(DType.Float32, 2, 1, 3, 5, 9, 3, 1, 1, 1, 2)]
    [InlineData(DType.Float32, 3, 1, 4, 6, 8, 3, 2, 1, 1, 2)]
    [InlineData(DType.Float64, 2, 3, 2, 4, 7, 3, 1, 2, 2, 2)]
    [InlineData(DType.Float16, 2, 1, 8, 16, 9, 3, 1, 1, 1, 2)]
    [InlineData(DType.BFloat16, 2, 1, 8, 16, 9, 3, 1, 1, 1, 2)]
    [InlineData(DType.Float32, 2, 1, 3, 4, 6, 3, 1, 1, 1, 3)]
    public void Cudnn_gives_what_it_should_for_a_layer_and_both_its_derivatives(DType type, int n, int g, int c, int o, int size, int window, int stride, int padding, int dilation, int spatial)
    {
        var libraries = Libraries();
        Assert.SkipUnless(libraries.Convolutions is not null, "There is no cuDNN.");
        var (program, arguments) = CudnnTests.Layer(type, n, g, c, o, size, window, stride, padding, dilation, spatial);
        Same(Hosted.Gpu(libraries), program, arguments);
    }

    [Theory]
    [MemberData(nameof(CusolverTests.Cases), MemberType = typeof(CusolverTests))]
    public void Cusolver_gives_what_the_host_does(Decomposition kind, DType type, int batch, int m, int n)
    {
        var libraries = Libraries();
        Assert.SkipUnless(libraries.Solvers is not null, "There is no cuSOLVER.");
        var program = CusolverTests.Decompose(kind, type, batch, m, n);
        var argument = CusolverTests.Matrices(type, batch, m, n, kind == Decomposition.Cholesky);
        var expected = Compare.Run(Device.Cpu, program, argument)[0];
        CusolverTests.Close(expected, Compare.Run(Hosted.Gpu(libraries), program, argument)[0], type == DType.Float32 ? 1e-6 : 1e-9);
    }

    [Fact]
    public void Streams_of_a_graph_give_what_one_stream_does()
    {
        Assert.SkipUnless(Hosted.IsGpu, "No GPU is asked for.");
        const int Size = 96;
        var program = CudaStreamTests.Branches(Size);
        var make = new Make(3);
        Plain[] arguments = [.. Enumerable.Range(0, 5).Select(_ => make.Tensor(DType.Float32, new Shape(Size, Size)))];
        for (var i = 0; i < arguments.Length; i++)
        {
            // Small whole numbers, so that four products on end are exact.
            for (var e = 0; e < arguments[i].Count; e++)
            {
                arguments[i][e] = (e + i) % 7 == 0 ? 1 : 0;
            }
        }

        Same(Hosted.Gpu(new CudaLibraries()), program, arguments);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public void An_index_out_of_range_is_found_by_whoever_reads_what_came_of_it(int stepsBefore)
    {
        Assert.SkipUnless(Hosted.IsGpu, "No GPU is asked for.");
        CudaFaultTests.IsFound(Hosted.Gpu(new CudaLibraries()), stepsBefore);
    }

    [Fact]
    public void Several_devices_add_up_by_Nccl()
    {
        Assert.SkipUnless(Hosted.IsGpu && CudaDevices.Count > 1, "There are no two GPUs, or none is asked for.");
        var devices = Enumerable.Range(0, CudaDevices.Count).Select(Device.Cuda).ToArray();
        var group = DeviceGroup.Of(devices);
        var make = new Make(2);
        var tensors = devices.Select(_ => make.Tensor(DType.Float32, new Shape(1000))).ToArray();
        var sums = group.Sum([.. devices.Select((d, i) => new[] { d.Place(tensors[i].Store()) })]);
        for (var d = 0; d < devices.Length; d++)
        {
            var sum = Plain.From(sums[d][0]);
            Assert.All(Enumerable.Range(0, 1000), i => Assert.Equal(tensors.Sum(t => t[i]), sum[i]));
        }
    }
}
