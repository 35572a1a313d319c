using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>The kernels under NVIDIA's own compiler, where it is: it needs no GPU and no driver.</summary>
public sealed class NvrtcTests
{
    private const string Missing = "NVRTC was not found (in Debian's non-free: libnvrtc11.2; or a CUDA toolkit; or the wheel nvidia-cuda-nvrtc), so that the kernels are compiled by g++ alone.";

    private static readonly CudaFacts Hopper = new("an H200", 9, 0, 132, 141L << 30);

    [Theory]
    [MemberData(nameof(CudaTests.Names), MemberType = typeof(CudaTests))]
    public void Every_kernel_compiles_for_the_device(string law)
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), Missing);
        var device = new CudaDevice(new HostDriver(), new HostCompiler(), 0);
        var sources = CudaTests.Cases(law).Select(c => Hosted.SourceOf(device, c.Program)).Where(s => s.Length > 0).Distinct().Take(40);
        Assert.NotEmpty(compiler.Compile(sources.First(), Hopper));
        Assert.NotEmpty(compiler.Compile(HostCompiler.Joined(sources), Hopper));
    }

    [Fact]
    public void What_does_not_compile_is_shown_with_its_line()
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), Missing);
        var error = Assert.Throws<CudaException>(() => compiler.Compile("extern \"C\" __global__ void k0(float *x) {\n    x[0] = undefined;\n}\n", Hopper));
        Assert.Contains("Line 2: x[0] = undefined;", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void For_a_device_newer_than_the_compiler_there_is_code_to_translate()
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), Missing);
        var image = compiler.Compile("extern \"C\" __global__ void k0(float *x) { x[0] = 1; }\n", new CudaFacts("not yet made", 99, 0, 1, 1));
        Assert.Contains(".entry k0", System.Text.Encoding.UTF8.GetString(image), StringComparison.Ordinal);
    }
}
