using System.Text;
using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>Products of matrices by tiles that are fetched ahead, on tensor cores and without.</summary>
public sealed class CudaProductTests
{
    private static CudaDevice Device(bool tf32, bool backwards = false, int major = 9) =>
        new(new HostDriver { Backwards = backwards, Facts = new("Host", major, 0, 132, 1L << 36) }, new HostCompiler(), 0, tf32: tf32);

    public static TheoryData<DType, bool, int, int, int> Products => new()
    {
        { DType.Float16, false, 64, 64, 32 },
        { DType.Float16, false, 130, 136, 72 },
        { DType.BFloat16, false, 67, 40, 50 },
        { DType.BFloat16, false, 128, 256, 64 },
        { DType.Float32, true, 64, 72, 16 },
        { DType.Float32, true, 133, 140, 36 },
        { DType.Float32, false, 128, 132, 24 },
        { DType.Float32, false, 140, 131, 29 },
    };

    // Factors as they lie, turned, as parts of others, shared by a batch, read backwards, and one that begins where no chunk may.
    internal static (Ad.Tensors.Program Program, Plain[] Arguments) Every(DType type, int m, int n, int k)
    {
        var build = new Build();
        int[] x = [build.Input(type, m, k), build.Input(type, k, m), build.Input(type, 2, m, k + 8)];
        int[] y = [build.Input(type, k, n), build.Input(type, n, k), build.Input(type, k, n + 1)];
        var (part, shifted) = (build.Slice(x[2], [0, 0, 8], [1, 1, 1], [2, m, k]), build.Slice(y[2], [0, 1], [1, 1], [k, n]));
        var program = build.Returning(
            build.Contract(x[0], y[0], [1], [0]),
            build.Contract(x[0], y[1], [1], [1]),
            build.Contract(x[1], y[0], [0], [0]),
            build.Contract(x[1], y[1], [0], [1]),
            build.Contract(part, build.Broadcast(y[0], 2, k, n), [2], [1], [0], [0]),
            build.Contract(x[0], shifted, [1], [0]),
            build.Contract(build.Flip(x[0], 1), y[1], [1], [1]));
        var make = new Make(m + n);
        return (program, [.. x.Concat(y).Select(i => make.Tensor(type, build[i].Shape))]);
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void Products_are_right_however_their_factors_lie(DType type, bool tf32, int m, int n, int k)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var (program, arguments) = Every(type, m, n, k);
        Assert.Contains(type.IsHalf() ? "ad_staged<Tensor<" : tf32 ? "ad_staged<Tf32<" : "ad_staged<Plain<", Hosted.SourceOf(Device(tf32), program), StringComparison.Ordinal);
        Same(program, tf32, Reference.Run(program, arguments), arguments);
    }

    private static void Same(Ad.Tensors.Program program, bool tf32, Plain[] expected, Plain[] arguments)
    {
        foreach (var backwards in (bool[])[false, true])
        {
            var actual = Compare.Run(Device(tf32, backwards), program, arguments);
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], actual[i], 0, program);
            }
        }
    }

    [Theory]
    [InlineData(DType.Float16, false)]
    [InlineData(DType.BFloat16, false)]
    [InlineData(DType.Float32, true)]
    [InlineData(DType.Float32, false)]
    public void Long_products_are_cut_where_tiles_begin_and_padding_adds_nothing_to_infinities(DType type, bool tf32)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var build = new Build();
        var size = type == DType.Float32 && !tf32 ? 128 : 40;
        var (x, y) = (build.Input(type, size, 1300), build.Input(type, 1300, size + 8));
        var (image, kernel) = (build.Input(type, 2, 1, 3, 10, 9), build.Input(type, 1, size, 3, 3, 3));
        var program = build.Returning(build.Contract(x, y, [1], [0]), build.Convolve(image, kernel, [10, 9], [1, 1], [1, 1], [1, 1], [1, 1]));
        var make = new Make(7);
        Plain[] arguments = [.. ((int[])[x, y, image, kernel]).Select(i => make.Tensor(type, build[i].Shape))];
        foreach (var (argument, value) in new[] { (3, double.PositiveInfinity), (3, double.NaN), (2, double.NegativeInfinity) })
        {
            var odd = make.Tensor(type, arguments[argument].Shape);
            odd[odd.Count / 2] = value;
            arguments[argument] = odd;
            Same(program, tf32, Reference.Run(program, arguments), arguments);
        }
    }

    [Fact]
    public void TF32_rounds_factors_to_11_bits_and_no_results()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, 64, 64), build.Input(DType.Float32, 64, 64));
        var program = build.Returning(build.Contract(x, y, [1], [0]));
        var (left, right) = (Plain.Of(DType.Float32, new Shape(64, 64)), Plain.Of(DType.Float32, new Shape(64, 64)));
        (left[0], left[1], right[0], right[64]) = (1 + Math.Pow(2, -12), 1 + Math.Pow(2, -11), 1, Math.Pow(2, -13));
        var exact = Compare.Run(Device(false), program, left, right)[0][0];
        Assert.Equal(1 + Math.Pow(2, -12) + Math.Pow(2, -13), exact, 1e-7);
        Assert.Equal(1 + Math.Pow(2, -13) * (1 + Math.Pow(2, -10)), Compare.Run(Device(true), program, left, right)[0][0], 1e-7);
    }

    [Fact]
    public void A_bias_and_an_activation_go_into_the_tiles_too()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var build = new Build();
        var (x, w, b) = (build.Input(DType.BFloat16, 70, 48), build.Input(DType.BFloat16, 48, 64), build.Input(DType.BFloat16, 64));
        var sum = build.Apply(Pointwise.Add, build.Contract(x, w, [1], [0]), build.Broadcast(b, 70, 64));
        var program = build.Returning(build.Apply(Pointwise.Maximum, sum, build.Constant(DType.BFloat16, 0, 70, 64)));
        Assert.Equal(2, Device(false).Prepare(program).ToString().Split('\n').Count(line => line.Contains("bytes", StringComparison.Ordinal)));
        var make = new Make(3);
        Plain[] arguments = [.. ((int[])[x, w, b]).Select(i => make.Tensor(DType.BFloat16, build[i].Shape))];
        Same(program, false, Compare.Run(Compare.One, program, arguments), arguments);
    }

    [Fact]
    public void Devices_without_tensor_cores_have_kernels_without_them()
    {
        var (program, arguments) = Every(DType.Float16, 64, 64, 32);
        var old = Device(false, major: 7);
        Assert.DoesNotContain("ad_staged<Tensor<", Hosted.SourceOf(old, program), StringComparison.Ordinal);
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        Compare.Same(Reference.Run(program, arguments)[0], Compare.Run(old, program, arguments)[0], 0, program);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void They_compile_for_devices_old_and_new(int major)
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), "NVRTC was not found.");
        var size = major == 8 ? 64 : 136;
        var sources = new[] { (DType.Float16, false), (DType.BFloat16, false), (DType.Float32, true), (DType.Float32, false) }
            .Select(kind => Hosted.SourceOf(Device(kind.Item2, major: major), Every(kind.Item1, size, size, 40).Program));
        NvrtcTests.Fit(compiler, HostCompiler.Joined(sources), new CudaFacts("", major, 0, 1, 1), major == 7 ? 64 : 16);
    }

    [Fact]
    public void Their_assembly_has_the_instructions_of_tensor_cores_and_of_copies_ahead()
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), "NVRTC was not found.");
        var newer = new CudaFacts("not yet made", 99, 0, 1, 1);
        string Assembly(DType type, bool tf32) => Encoding.UTF8.GetString(compiler.Compile(Hosted.SourceOf(Device(tf32), Every(type, 64, 64, 32).Program), newer));
        var (half, brain, tf) = (Assembly(DType.Float16, false), Assembly(DType.BFloat16, false), Assembly(DType.Float32, true));
        Assert.Contains("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", half, StringComparison.Ordinal);
        Assert.Contains("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", brain, StringComparison.Ordinal);
        Assert.Contains("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", tf, StringComparison.Ordinal);
        Assert.All((string[])[half, brain, tf], text => Assert.Contains("cp.async.cg.shared.global", text, StringComparison.Ordinal));
    }
}
