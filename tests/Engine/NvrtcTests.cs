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
            var log = compiler.Resources(HostCompiler.Joined(sources), Hopper);
            var kernels = Used().Matches(log);
            Assert.NotEmpty(kernels);
            Assert.All(kernels, k => Assert.InRange(Number(k, "registers"), 1, 255));

            // What a block has without being asked for more, on any device.
            Assert.All(kernels, k => Assert.InRange(Number(k, "shared"), 0, 48 * 1024));
            Assert.All(Spilled().Matches(log), s => Assert.True(Number(s, "bytes") == 0 || law == "elementwise functions", log));
        }
    }

    private static int Number(Match match, string group) =>
        match.Groups[group].Success ? int.Parse(match.Groups[group].Value, System.Globalization.CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"Used (?<registers>\d+) registers(, (?<barriers>\d+) barriers)?(, (?<shared>\d+) bytes smem)?")]
    private static partial Regex Used();

    [GeneratedRegex(@"(?<bytes>\d+) bytes spill stores")]
    private static partial Regex Spilled();

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
