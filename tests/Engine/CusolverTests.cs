using Ad.Tensors;
using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>The binding to cuSOLVER, against a library that has its calls and checks what it is told.</summary>
public sealed class CusolverTests
{
    private const double Near = 1e-9;

    private static CudaDevice Device(HostSolvers? solvers, HostDriver? driver = null, bool backwards = false)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        return new CudaDevice(driver ?? new HostDriver { Backwards = backwards }, new HostCompiler(), 0, libraries: new CudaLibraries(Solvers: solvers?.Library));
    }

    private static int[] Result(Decomposition kind, int m, int n) => kind switch
    {
        Decomposition.Cholesky or Decomposition.Cofactors => [n, n],
        Decomposition.Lu or Decomposition.Eigh => [n + 1, n],
        Decomposition.Eig => [(2 * n) + 3, n],
        Decomposition.Qr => [m + n, n],
        Decomposition.Svd => [m + n + 1, Math.Min(m, n)],
        Decomposition.Determinant => [1, 1],
    };

    internal static Ad.Tensors.Program Decompose(Decomposition kind, DType type, int batch, int m, int n)
    {
        var build = new Build();
        return build.Returning(build.Raw(new Operation.Decompose(kind), type, new Shape([batch, .. Result(kind, m, n)]), build.Input(type, batch, m, n)));
    }

    internal static Plain Matrices(DType type, int batch, int m, int n, bool isPositive = false)
    {
        var matrices = new Make(m + n).Tensor(type, new Shape(batch, m, n));
        for (var i = 0; isPositive && i < batch * n; i++)
        {
            matrices[(i / n * n * n) + (i % n * (n + 1))] = 20 + i;
        }

        return matrices;
    }

    internal static void Close(Plain expected, Plain actual, double near)
    {
        Assert.Equal((expected.Type, expected.Shape), (actual.Type, actual.Shape));
        Assert.All(Enumerable.Range(0, expected.Count), i => Assert.True(
            double.IsNaN(expected[i]) ? double.IsNaN(actual[i]) : Math.Abs(expected[i] - actual[i]) <= near * Math.Max(1, Math.Abs(expected[i])),
            $"Element {i} is {actual[i]}, and should be {expected[i]}."));
    }

    public static TheoryData<Decomposition, DType, int, int, int> Cases
    {
        get
        {
            var cases = new TheoryData<Decomposition, DType, int, int, int>();
            foreach (var kind in (Decomposition[])[Decomposition.Cholesky, Decomposition.Lu, Decomposition.Eigh, Decomposition.Determinant, Decomposition.Qr, Decomposition.Svd])
            {
                cases.Add(kind, DType.Float64, 3, 5, 5);
                cases.Add(kind, DType.Float32, 1, 7, 7);
                if (kind is Decomposition.Qr or Decomposition.Svd)
                {
                    cases.Add(kind, DType.Float64, 2, 8, 3);
                }
            }

            cases.Add(Decomposition.Svd, DType.Float64, 2, 3, 8);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decompositions_are_the_hosts_in_order_and_sign(Decomposition kind, DType type, int batch, int m, int n)
    {
        using var solvers = new HostSolvers();
        var driver = new HostDriver();
        var program = Decompose(kind, type, batch, m, n);
        var argument = Matrices(type, batch, m, n, kind == Decomposition.Cholesky);
        var expected = Compare.Run(Ad.Tensors.Device.Cpu, program, argument)[0];
        var ready = Device(solvers, driver).Prepare(program);
        Assert.Contains("by the solver library", ready.ToString(), StringComparison.Ordinal);
        var result = ready.Run([argument.Store()])[0];
        Assert.DoesNotContain("cuMemcpyDtoHAsync", driver.Calls);
        Close(expected, Plain.From(result), type == DType.Float32 ? 1e-6 : Near);
        Compare.Same(Plain.From(result), Compare.Run(Device(solvers, backwards: true), program, argument)[0], 0, program);
    }

    [Theory]
    [InlineData(LinearSystem.General)]
    [InlineData(LinearSystem.Lower)]
    [InlineData(LinearSystem.Upper)]
    public void Linear_systems_have_the_hosts_solutions(LinearSystem system)
    {
        using var solvers = new HostSolvers();
        var build = new Build();
        var (a, b) = (build.Input(DType.Float64, 3, 6, 6), build.Input(DType.Float64, 3, 6, 4));
        var program = build.Returning(build.Raw(new Operation.Solve(system), DType.Float64, new Shape(3, 6, 4), a, b));
        Plain[] arguments = [Matrices(DType.Float64, 3, 6, 6, true), Matrices(DType.Float64, 3, 6, 4)];
        var device = Device(solvers);
        Assert.Contains("by the solver library", device.Prepare(program).ToString(), StringComparison.Ordinal);
        Close(Compare.Run(Ad.Tensors.Device.Cpu, program, arguments)[0], Compare.Run(device, program, arguments)[0], Near);
    }

    [Fact]
    public void What_is_not_positive_definite_or_not_finite_is_NaN_and_its_neighbours_are_not()
    {
        using var solvers = new HostSolvers();
        var positive = Matrices(DType.Float64, 3, 4, 4, true);
        positive[16] = -1;
        var cholesky = Decompose(Decomposition.Cholesky, DType.Float64, 3, 4, 4);
        Close(Compare.Run(Ad.Tensors.Device.Cpu, cholesky, positive)[0], Compare.Run(Device(solvers), cholesky, positive)[0], Near);
        foreach (var kind in (Decomposition[])[Decomposition.Eigh, Decomposition.Svd])
        {
            var odd = Matrices(DType.Float64, 3, 4, 4);
            odd[19] = double.PositiveInfinity;
            var program = Decompose(kind, DType.Float64, 3, 4, 4);
            var result = Compare.Run(Device(solvers), program, odd)[0];
            Close(Compare.Run(Ad.Tensors.Device.Cpu, program, odd)[0], result, Near);
            Assert.True(double.IsNaN(result[result.Count / 2]) && !double.IsNaN(result[0]));
        }
    }

    [Fact]
    public void Many_matrices_have_one_call_where_the_library_has_one()
    {
        using var solvers = new HostSolvers();
        var (calls, many) = (solvers.Calls, solvers.Many);
        Compare.Run(Device(solvers), Decompose(Decomposition.Cholesky, DType.Float64, 5, 4, 4), Matrices(DType.Float64, 5, 4, 4, true));
        Assert.Equal((1, 1), (solvers.Calls - calls, solvers.Many - many));
        Compare.Run(Device(solvers), Decompose(Decomposition.Eigh, DType.Float64, 5, 4, 4), Matrices(DType.Float64, 5, 4, 4));
        Assert.Equal((6, 1), (solvers.Calls - calls, solvers.Many - many));
    }

    [Fact]
    public void Small_matrices_cofactors_and_eigenvalues_without_symmetry_are_left_to_the_host()
    {
        using var solvers = new HostSolvers(1000);
        var device = Device(solvers);
        Assert.StartsWith("on the host: ", device.Prepare(Decompose(Decomposition.Lu, DType.Float64, 100, 5, 5)).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("on the host: ", device.Prepare(Decompose(Decomposition.Lu, DType.Float64, 1, 20, 20)).ToString(), StringComparison.Ordinal);
        Assert.StartsWith("on the host: ", device.Prepare(Decompose(Decomposition.Cofactors, DType.Float64, 1, 50, 50)).ToString(), StringComparison.Ordinal);
        Assert.StartsWith("on the host: ", device.Prepare(Decompose(Decomposition.Eig, DType.Float64, 1, 50, 50)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_names_the_call_and_memory_comes_back()
    {
        using var solvers = new HostSolvers();
        var device = Device(solvers);
        var program = Decompose(Decomposition.Qr, DType.Float64, 1, 4, 4);
        Compare.Run(device, program, Matrices(DType.Float64, 1, 4, 4));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = device.Allocator.LiveBytes;
        solvers.Fail(6);
        var error = Assert.Throws<CudaException>(() => Compare.Run(device, program, Matrices(DType.Float64, 1, 4, 4)));
        Assert.Contains("cusolverDnDgeqrf failed with status 6.", error.Message, StringComparison.Ordinal);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.InRange(device.Allocator.LiveBytes, 0, before);
    }

    [Fact]
    public void The_kernels_around_the_calls_compile_for_devices()
    {
        Assert.SkipUnless(Nvrtc.TryOpen(out var compiler), "NVRTC was not found.");
        using var solvers = new HostSolvers();
        var device = Device(solvers);
        var sources = Cases.Select(c => Hosted.SourceOf(device, Decompose(c.Data.Item1, c.Data.Item2, c.Data.Item3, c.Data.Item4, c.Data.Item5)));
        NvrtcTests.Fit(compiler, HostCompiler.Joined(sources), new CudaFacts("", 9, 0, 132, 1L << 36));
    }
}
