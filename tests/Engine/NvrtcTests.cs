using Ad.Tensors;
using System.Text.RegularExpressions;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>The kernels under NVIDIA's own compiler, where it is: it needs no GPU and no driver.</summary>
public sealed partial class NvrtcTests
{
    private const string Missing = "NVRTC was not found (in Debian's non-free: libnvrtc11.2; or a CUDA toolkit; or the wheel nvidia-cuda-nvrtc), so that the kernels are compiled by g++ alone.";

    private static readonly CudaFacts Hopper = new("an H200", 9, 0, 132, 141L << 30);

    [Theory]
    [MemberData(nameof(CudaTests.Names), MemberType = typeof(CudaTests))]
    public void Every_kernel_compiles_for_the_device(string law)
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), Missing);
        var device = new CudaDevice(new HostDriver(), new HostCompiler(), 0);
        var sources = CudaTests.Cases(law).Select(c => Hosted.SourceOf(device, c.Program)).Where(s => s.Length > 0).Distinct().Take(15);

        // As it is compiled for a run, and many at once; a law about copies alone has no kernels.
        foreach (var one in sources.Take(1))
        {
            Assert.NotEmpty(compiler.Compile(one, Hopper));
            Fit(compiler, HostCompiler.Joined(sources), Hopper);
        }
    }

    /// <summary>Every kernel compiles for a device, has the shared memory that a block is given without being asked for more, and keeps what it computes in registers.</summary>
    internal static void Fit(Nvrtc compiler, string source, CudaFacts facts, int mostSpilled = 16)
    {
        var log = compiler.Resources(source, facts);
        var kernels = Kernels().Matches(log).ToArray();
        Assert.NotEmpty(kernels);
        foreach (var kernel in kernels)
        {
            // A word or two of a frame are no sign of registers that ran out.
            Assert.True(Number(kernel, "spilled") <= mostSpilled && Number(kernel, "shared") <= 48 * 1024 && Number(kernel, "registers") is > 0 and <= 255, kernel.Value);
        }
    }

    private static int Number(Match match, string group) =>
        match.Groups[group].Success ? int.Parse(match.Groups[group].Value, System.Globalization.CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"Compiling entry function '(?<name>[^']*)' for '[^']*'[^']*? (?<spilled>\d+) bytes spill stores[^']*?Used (?<registers>\d+) registers(?:[^'\n]*?(?<shared>\d+) bytes smem)?[^'\n]*\n")]
    private static partial Regex Kernels();

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
