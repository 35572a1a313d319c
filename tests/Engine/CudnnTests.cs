using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>The binding to cuDNN, against a library that has its calls and checks what it is told.</summary>
public sealed class CudnnTests
{
    private static CudaDevice Device(HostConvolutions? convolutions)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        return new CudaDevice(new HostDriver(), new HostCompiler(), 0, libraries: new CudaLibraries(Convolutions: convolutions?.Library));
    }

    // A layer and both its derivatives, as the kernel writes them.
    internal static (Ad.Tensors.Program Program, Plain[] Arguments) Layer(
        DType type, int n, int g, int c, int o, int size, int window, int stride, int padding, int dilation, int spatial = 2)
    {
        var outputs = ((size + (2 * padding) - ((window - 1) * dilation) - 1) / stride) + 1;
        int[] Each(int value) => [.. Enumerable.Repeat(value, spatial)];
        int[] axes = [.. Enumerable.Range(3, spatial)];
        var build = new Build();
        var (x, k, y) = (build.Input(type, [n, g, c, .. Each(size)]), build.Input(type, [g, o, c, .. Each(window)]), build.Input(type, [n, g, o, .. Each(outputs)]));
        var program = build.Returning(
            build.Convolve(x, k, Each(outputs), Each(stride), Each(padding), Each(1), Each(dilation)),
            build.Convolve(y, build.Permute(build.Flip(k, axes), [0, 2, 1, .. axes]), Each(size), Each(1), Each(((window - 1) * dilation) - padding), Each(stride), Each(dilation)),
            build.Permute(
                build.Convolve(build.Permute(x, [2, 1, 0, .. axes]), build.Permute(y, [1, 2, 0, .. axes]), Each(window), Each(dilation), Each(padding), Each(1), Each(stride)), [1, 2, 0, .. axes]));
        var make = new Make(size + window);
        return (program, [.. ((int[])[x, k, y]).Select(i => make.Tensor(type, build[i].Shape))]);
    }

    private static void Same(HostConvolutions convolutions, (Ad.Tensors.Program Program, Plain[] Arguments) layer)
    {
        var (expected, actual) = (Compare.Run(Compare.One, layer.Program, layer.Arguments), Compare.Run(Device(convolutions), layer.Program, layer.Arguments));
        for (var i = 0; i < expected.Length; i++)
        {
            Compare.Same(expected[i], actual[i], 0, layer.Program);
        }
    }

    private static int[] Passes(HostConvolutions convolutions) => [.. Enum.GetValues<ConvolutionPass>().Select(convolutions.Passes)];

    [Theory]
    [InlineData(2, 1, 3, 5, 9, 3, 1, 1, 1)]
    [InlineData(3, 1, 4, 6, 8, 3, 2, 1, 1)]
    [InlineData(2, 3, 2, 4, 7, 3, 1, 2, 2)]
    [InlineData(2, 1, 5, 3, 6, 1, 1, 0, 1)]
    [InlineData(2, 4, 1, 2, 11, 5, 2, 2, 1)]
    [InlineData(1, 1, 3, 4, 12, 5, 1, 0, 1)]
    public void A_layer_and_both_its_derivatives_are_one_call_each(int n, int g, int c, int o, int size, int window, int stride, int padding, int dilation)
    {
        using var convolutions = new HostConvolutions();
        foreach (var type in (DType[])[DType.Float32, DType.Float64])
        {
            var before = Passes(convolutions);
            Same(convolutions, Layer(type, n, g, c, o, size, window, stride, padding, dilation));
            Assert.Equal([1, 1, 1], Passes(convolutions).Zip(before, (a, b) => a - b));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void One_and_three_spatial_axes_are_convolved_too(int spatial)
    {
        using var convolutions = new HostConvolutions();
        var before = Passes(convolutions);
        Same(convolutions, Layer(DType.Float32, 2, 1, 3, 4, 6, 3, 1, 1, 1, spatial));
        Assert.Equal([1, 1, 1], Passes(convolutions).Zip(before, (a, b) => a - b));
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Factors_of_16_bits_are_rounded_once_by_the_library(DType type)
    {
        using var convolutions = new HostConvolutions();
        var before = convolutions.Passes(ConvolutionPass.Forward);
        Same(convolutions, Layer(type, 2, 1, 3, 5, 9, 3, 1, 1, 1));
        Assert.Equal(1, convolutions.Passes(ConvolutionPass.Forward) - before);
        Assert.Equal(1, convolutions.Math);
    }

    [Fact]
    public void Any_layer_is_right_with_the_library()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var convolutions = new HostConvolutions();
        var make = new Make(11);
        var layers = Enumerable.Range(0, 16).Select(_ =>
        {
            var (window, stride, dilation) = (1 + make.Below(4), 1 + make.Below(3), 1 + make.Below(2));
            return Layer(
                DType.Float32, 1 + make.Below(3), 1 + make.Below(3), 1 + make.Below(4), 1 + make.Below(4), 7 + make.Below(5), window, stride,
                make.Below(((window - 1) * dilation) + 1), dilation, 1 + make.Below(2));
        }).ToArray();
        var device = Device(convolutions);
        HostCompiler.Together(layers.Select(l => Hosted.SourceOf(device, l.Program)));
        var before = Passes(convolutions).Sum();
        Array.ForEach(layers, layer => Same(convolutions, layer));
        Assert.Equal(3 * layers.Length, Passes(convolutions).Sum() - before);
    }

    [Theory]
    [InlineData(false, 3)]
    [InlineData(true, 1)]
    public void Float32_is_float32_unless_TF32_is_asked_for(bool tf32, int math)
    {
        using var convolutions = new HostConvolutions(tf32);
        Same(convolutions, Layer(DType.Float32, 1, 1, 2, 2, 5, 3, 1, 1, 1));
        Assert.Equal(math, convolutions.Math);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(3000)]
    [InlineData(3007)]
    public void Where_the_library_has_nothing_a_kernel_of_our_own_does_it(int status)
    {
        using var convolutions = new HostConvolutions();
        convolutions.Refuse(status);
        var before = Passes(convolutions).Sum();
        Same(convolutions, Layer(DType.Float32, 2, 1, 3, 4, 7, 3, 1, 1, 1));
        Assert.Equal(before, Passes(convolutions).Sum());
    }

    [Fact]
    public void A_failure_names_the_call()
    {
        using var convolutions = new HostConvolutions();
        convolutions.Fail(8);
        var (program, arguments) = Layer(DType.Float32, 2, 1, 3, 4, 7, 3, 1, 1, 1);
        var error = Assert.Throws<CudaException>(() => Compare.Run(Device(convolutions), program, arguments));
        Assert.Contains("cudnnConvolutionForward failed with status 8.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_replayed_graph_has_memory_of_its_own_to_work_in()
    {
        using var convolutions = new HostConvolutions();
        var device = Device(convolutions);
        var (program, arguments) = Layer(DType.Float32, 2, 1, 3, 4, 7, 3, 1, 1, 1);
        var expected = Compare.Run(Compare.One, program, arguments);
        var ready = device.Prepare(program);
        Storage[] placed = [.. arguments.Select(a => device.Place(a.Store()))];
        Storage?[] room = [.. ready.Run(placed)];
        for (var run = 0; run < 4; run++)
        {
            room = [.. ready.Run(placed, room)];
            var others = Enumerable.Range(0, 8).Select(_ => device.Place(new Plain(DType.Float32, new Shape(64), [.. new double[64]], []).Store())).ToArray();
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], Plain.From(room[i]!), 0, program);
            }

            Assert.All(others, o => Assert.All(Plain.From(o).Floats, x => Assert.Equal(0.0, x)));
        }

        Assert.True(device.Replays > 0);
    }
}
