using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>The binding to cuBLASLt, against a library that has its calls and checks what it is told.</summary>
public sealed class CublasLtTests
{
    private static CudaDevice Device(HostDriver driver, HostMatrices? matrices = null)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        return new CudaDevice(driver, new HostCompiler(), 0, libraries: new CudaLibraries(matrices?.Library));
    }

    private static int Products(HostDriver driver) => driver.Calls.Count(call => call == "cublasLtMatmul");

    private static Storage[] Run(CudaDevice device, Ad.Tensors.Program program, params Plain[] arguments) =>
        device.Prepare(program).Run([.. arguments.Select(a => a.Store())]);

    [Fact]
    public void Contractions_of_any_axes_are_the_same_with_the_library()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices();
        var driver = new HostDriver();
        var device = Device(driver, matrices);
        var cases = CudaTests.Cases("contractions").Concat(CudaTests.Cases("long products")).ToArray();
        HostCompiler.Together(cases.Select(c => Hosted.SourceOf(device, c.Program)));
        foreach (var one in cases)
        {
            var (expected, actual) = (one.Expected(), Compare.Run(device, one.Program, one.Arguments));
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], actual[i], one.Ulp, one.Program);
            }
        }

        Assert.InRange(Products(driver), 10, 1000);
    }

    public static TheoryData<DType> Types => [DType.Float16, DType.BFloat16, DType.Float32, DType.Float64];

    [Theory]
    [MemberData(nameof(Types))]
    public void Matrices_lie_in_rows_or_columns_or_parts_of_others_batch_by_batch(DType type)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices();
        var driver = new HostDriver();
        var device = Device(driver, matrices);
        var make = new Make(5);
        var build = new Build();
        const int Batches = 3, M = 5, N = 7, K = 6;
        int[] x = [build.Input(type, Batches, M, K), build.Input(type, Batches, K, M), build.Input(type, Batches, M, K + 2)];
        int[] y = [build.Input(type, Batches, K, N), build.Input(type, Batches, N, K), build.Input(type, K, N)];
        var part = build.Slice(x[2], [0, 0, 1], [1, 1, 1], [Batches, M, K]);
        var shared = build.Broadcast(y[2], Batches, K, N);
        int[] outputs =
        [
            build.Contract(x[0], y[0], [2], [1], [0], [0]), build.Contract(x[1], y[0], [1], [1], [0], [0]), build.Contract(x[0], y[1], [2], [2], [0], [0]),
            build.Contract(x[1], y[1], [1], [2], [0], [0]), build.Contract(part, y[0], [2], [1], [0], [0]), build.Contract(x[0], shared, [2], [1], [0], [0]),
            build.Contract(x[0], y[2], [2], [0]),
        ];
        var program = build.Returning(outputs);
        Plain[] arguments = [.. x.Concat(y).Select(i => make.Tensor(type, build[i].Shape))];
        var (expected, actual) = (Reference.Run(program, arguments), Run(device, program, arguments));
        for (var i = 0; i < expected.Length; i++)
        {
            Compare.Same(expected[i], Plain.From(actual[i]), 0, program);
        }

        Assert.Equal(outputs.Length, Products(driver));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_bias_or_the_rounding_to_16_bits_is_part_of_the_product(DType type)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices();
        var driver = new HostDriver();
        var (with, without) = (Device(driver, matrices), Device(new HostDriver()));
        var build = new Build();
        var (x, w, b) = (build.Input(type, 9, 20), build.Input(type, 20, 12), build.Input(type, 12));
        var product = build.Contract(x, w, [1], [0]);
        var program = type.IsHalf() ? build.Returning(product) : build.Returning(build.Apply(Pointwise.Add, product, build.Broadcast(b, 9, 12)));
        var make = new Make(2);
        Plain[] arguments = [.. ((int[])[x, w, b]).Select(i => make.Tensor(type, build[i].Shape, i == b))];
        arguments = type.IsHalf() ? arguments[..2] : arguments;
        program = type.IsHalf() ? Halved(type) : program;
        var (expected, actual) = (Run(without, program, arguments), Run(with, program, arguments));
        Compare.Same(Plain.From(expected[0]), Plain.From(actual[0]), 0, program);
        Assert.Equal(1, Products(driver));
        Assert.DoesNotContain("cuLaunchKernel", driver.Calls);
        Assert.Contains("by the matrix library", with.Prepare(program).ToString(), StringComparison.Ordinal);
    }

    private static Ad.Tensors.Program Halved(DType type)
    {
        var build = new Build();
        return build.Returning(build.Contract(build.Input(type, 9, 20), build.Input(type, 20, 12), [1], [0]));
    }

    [Fact]
    public void What_the_library_chose_is_asked_once_for_a_shape_and_replayed()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices();
        var device = Device(new HostDriver(), matrices);
        var build = new Build();
        var (x, w) = (build.Input(DType.Float32, 8, 8), build.Input(DType.Float32, 8, 8));
        var program = build.Returning(build.Reduce(Reduction.Sum, build.Contract(build.Contract(x, w, [1], [0]), w, [1], [0]), 0));
        var make = new Make(4);
        Storage[] arguments = [.. ((int[])[x, w]).Select(i => device.Place(make.Tensor(DType.Float32, new Shape(8, 8)).Store()))];
        var before = matrices.Heuristics;
        Storage? room = device.Prepare(program).Run(arguments)[0];
        var first = Plain.From(room);
        var asked = matrices.Heuristics;
        Assert.InRange(asked - before, 1, 2);
        for (var i = 0; i < 6; i++)
        {
            room = device.Prepare(program).Run(arguments, [room])[0];
            Compare.Same(first, Plain.From(room), 0, program);
        }

        Assert.Equal(asked, matrices.Heuristics);
        Assert.True(device.Replays > 0);
    }

    [Theory]
    [InlineData(false, 68)]
    [InlineData(true, 77)]
    public void Float32_is_float32_unless_TF32_is_asked_for(bool tf32, int compute)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices(tf32);
        var device = Device(new HostDriver(), matrices);
        Multiply(device);
        Assert.Equal(compute, matrices.Compute);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Where_the_library_has_nothing_a_kernel_of_our_own_does_it(int refusal)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices();
        matrices.Refuse(refusal);
        var driver = new HostDriver();
        Assert.Equal(Multiply(Device(new HostDriver())), Multiply(Device(driver, matrices)));
        Assert.Equal(0, Products(driver));
    }

    [Fact]
    public void A_failure_names_the_call()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices();
        matrices.Fail(13);
        var error = Assert.Throws<CudaException>(() => Multiply(Device(new HostDriver(), matrices)));
        Assert.Contains("cublasLtMatmul failed with status 13.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Few_products_are_left_to_kernels_of_our_own()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        using var matrices = new HostMatrices(least: 10_000);
        var driver = new HostDriver();
        Multiply(Device(driver, matrices));
        Assert.Equal(0, Products(driver));
    }

    private static double[] Multiply(CudaDevice device)
    {
        var build = new Build();
        var (x, w) = (build.Input(DType.Float32, 6, 5), build.Input(DType.Float32, 5, 4));
        var make = new Make(1);
        var program = build.Returning(build.Contract(x, w, [1], [0]));
        return Plain.From(Run(device, program, make.Tensor(DType.Float32, new Shape(6, 5)), make.Tensor(DType.Float32, new Shape(5, 4)))[0]).Floats;
    }
}
