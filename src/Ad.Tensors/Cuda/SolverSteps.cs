using System.Globalization;
using Ad.Tensors.Cpu;

namespace Ad.Tensors.Cuda;

/// <summary>Decompositions and solutions as steps of the device's library, with what the host's promise of them: signs, orders, and NaN where there is none.</summary>
internal static class SolverSteps
{
    private const long Double = sizeof(double);
    private const long Int = sizeof(int);

    /// <summary>A decomposition; null if the library does not do it, or the host does it sooner.</summary>
    public static SolverStep? Decompose(ISolverLibrary? library, Decomposition kind, View operand, Shape shape, int target)
    {
        var (m, n, batch) = (shape[^2], shape[^1], DecomposeKernel.Batch(shape));
        if (!IsFor(library, batch, m, n, DecomposeKernel.Cost(kind, shape)))
        {
            return null;
        }

        var (size, count) = (Double * m * n, Math.Min(m, n));
        var type = CudaText.Name(operand.Type);
        return kind switch
        {
            Decomposition.Cholesky => Step(
                [size, Int, Int, Double],
                Given("Symmetric", true, [0, 1]),
                batch > 1 ? Kernel("double *a, u64 *at", $"if (threadIdx.x == 0) at[blockIdx.x] = (u64)(a + blockIdx.x * {Long(m * (long)n)});", [~0, ~3]) : null,
                batch > 1 ? new SolverStage.Many(n, 3, 2) : new SolverStage.Call(SolverCall.Cholesky, n, n, 0, Info: 2),
                Kernel($"const double *a, const int *odd, const int *info, {type} *r", $"ad_lower<{type}>(a, odd, info, r, {n});", [~0, ~1, ~2, target])),
            Decomposition.Lu => Step(
                [size, Int, Int, Int * n],
                Given("AsColumns", false, [0, 1]),
                new SolverStage.Call(SolverCall.Lu, n, n, 0, Pivots: 3, Info: 2),
                Kernel($"const double *a, const int *pivots, {type} *r", $"ad_pivoted<{type}>(a, pivots, r, {n});", [~0, ~3, target])),
            Decomposition.Determinant => Step(
                [size, Int, Int, Int * n],
                Given("AsColumns", false, [0, 1]),
                new SolverStage.Call(SolverCall.Lu, n, n, 0, Pivots: 3, Info: 2),
                Kernel($"const double *a, const int *pivots, {type} *r", $"ad_determinant<{type}>(a, pivots, r, {n});", [~0, ~3, target])),
            Decomposition.Qr when m >= n => Step(
                [size, Int, Int, Double * n, Double * n],
                Given("AsColumns", false, [0, 1]),
                new SolverStage.Call(SolverCall.Qr, m, n, 0, B: 3, Info: 2),
                Kernel($"const double *a, double *signs, {type} *r", $"ad_upper<{type}>(a, signs, r, {m}, {n});", [~0, ~4, target]),
                new SolverStage.Call(SolverCall.Orthogonal, m, n, 0, B: 3, Info: 2),
                Kernel($"const double *q, const double *signs, {type} *r", $"ad_orthogonal<{type}>(q, signs, r, {m}, {n});", [~0, ~4, target])),
            Decomposition.Eigh => Step(
                [size, Int, Int, Double * n],
                Given("Symmetric", true, [0, 1]),
                new SolverStage.Call(SolverCall.Eigen, n, n, 0, B: 3, Info: 2),
                Kernel($"const double *v, const double *w, const int *odd, const int *info, {type} *r", $"ad_eigen<{type}>(v, w, odd, info, r, {n});", [~0, ~3, ~1, ~2, target])),
            Decomposition.Svd => Step(
                [size, Int, Int, Double * count, size, Double * count * count],
                Given(m < n ? "AsRows" : "AsColumns", true, [0, 1]),
                new SolverStage.Call(SolverCall.Singular, Math.Max(m, n), count, 0, B: 3, C: 4, D: 5, Info: 2),
                Kernel(
                    $"const double *u, const double *vt, const double *s, const int *odd, const int *info, {type} *r",
                    $"ad_singular<{type}, {(m < n ? "true" : "false")}>(u, vt, s, odd, info, r, {m}, {n});",
                    [~4, ~5, ~3, ~1, ~2, target])),
            Decomposition.Cofactors or Decomposition.Eig or Decomposition.Qr => null,
        };

        SolverStage Given(string form, bool looks, int[] parts) => SolverSteps.Given(operand, form, looks, m, n, parts);

        SolverStep Step(long[] parts, params SolverStage?[] stages) => new(
            $"{kind} {operand}", [operand.Slot], target, (int)batch, DecomposeKernel.Cost(kind, shape), parts, [.. stages.OfType<SolverStage>()]);
    }

    /// <summary>The solution of linear systems; null if the host does it sooner.</summary>
    public static SolverStep? Solve(ISolverLibrary? library, LinearSystem system, View left, View right, Shape shape, Shape result, int target)
    {
        var (n, columns, batch, cost) = (shape[^1], result[^1], DecomposeKernel.Batch(shape), SolveKernel.Cost(system, shape, result));
        if (!IsFor(library, batch, n, columns, cost))
        {
            return null;
        }

        var type = CudaText.Name(right.Type);
        long[] parts = [Double * n * n, Double * n * columns, Int, Int, Int * n];

        // A triangular matrix is its own U, and a lower one that of its transpose.
        SolverStage[] stages =
        [
            Given(left, system switch { LinearSystem.General => "AsColumns", LinearSystem.Lower => "LowerAsRows", LinearSystem.Upper => "UpperAsColumns" }, false, n, n, [0, 3]),
            Given(right, "AsColumns", false, n, columns, [1, 3]),
            system == LinearSystem.General ? new SolverStage.Call(SolverCall.Lu, n, n, 0, Pivots: 4, Info: 2) : Kernel("int *pivots", $"ad_unpivoted(pivots, {n});", [~4]),
            new SolverStage.Call(system == LinearSystem.Lower ? SolverCall.SolveTurned : SolverCall.Solve, n, columns, 0, B: 1, Pivots: 4, Info: 2),
            Kernel($"const double *x, {type} *r", $"ad_rows<{type}>(x, r, {n}, {columns});", [~1, target]),
        ];
        return new SolverStep($"solve {left} {right}", [left.Slot, right.Slot], target, (int)batch, cost, parts, stages);
    }

    private static bool IsFor(ISolverLibrary? library, long batch, int m, int n, long cost) =>
        library is not null && batch is > 0 and <= int.MaxValue && m > 0 && n > 0 && cost / batch >= library.Least;

    private static SolverStage.Kernel Given(View view, string form, bool looks, int m, int n, int[] parts) => Kernel(
        $"const {CudaText.Name(view.Type)} *x, double *a, int *odd",
        $"ad_given<{CudaText.Name(view.Type)}, {form}, {(looks ? "true" : "false")}>(x + {CudaText.Signed(view.Layout.Offset, true)}, a, odd, {m}, {n});",
        [view.Slot, ~parts[0], ~parts[1]]);

    private static SolverStage.Kernel Kernel(string parameters, string body, int[] arguments) =>
        new($"extern \"C\" __global__ void __launch_bounds__(256) @({parameters}) {{\n    {body}\n}}\n", arguments);

    private static string Long(long value) => string.Create(CultureInfo.InvariantCulture, $"{value}ll");
}
