using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;
using Xunit;

namespace Shell.FromCSharp;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>What C# reaches by methods: parts, reductions, matrices, and the transforms of trees.</summary>
public sealed class ReachTests
{
    private sealed record Pair(Tensor A, Tensor B);

    private static readonly Tensor Six = Tensors.Arange(DType.Float64, 6);

    [Fact]
    public void Parts_are_cut_put_and_moved()
    {
        Assert.Equal([3.0, 4.0, 5.0], Six.Split(0, 1, 2, 3)[2].ToArray<double>());
        Assert.Equal(3, Six.Chunk(0, 3).Length);
        Assert.Equal(6, Six.Unstack(0).Length);
        var m = Six.Reshape(2, 3);
        Assert.Equal([3, 2], m.MoveAxis(0, 1).Shape);
        Assert.Equal([0.0, 9, 2, 3, 9, 5], m.SetSlice(Tensors.Full(DType.Float64, 9, 2, 1), 0, 1).ToArray<double>());
        Assert.Equal([0.0, 10, 2, 3, 13, 5], m.AddSlice(Tensors.Full(DType.Float64, 9, 2, 1), 0, 1).ToArray<double>());
        Assert.Equal([1.0, 4.0], m.Slice((0, 2, 1), (1, 2, 1)).ToArray<double>());
        Assert.Equal([3.0, 5, 7], m.SumTo(1, 3).ToArray<double>());
        Assert.Equal([2, 3], Tensors.Meshgrid(Tensors.Vector(1.0, 2.0), Tensors.Vector(1.0, 2.0, 3.0))[1].Shape);
        Assert.Equal([1.0, 10, 100], Tensors.Logspace(DType.Float64, 0, 2, 3).ToArray<double>());
        Assert.Equal([0.0, 0, 1, 0], Tensors.Vector(1.0).Pad((2, 1)).ToArray<double>());
    }

    [Fact]
    public void Elements_are_compared_and_reduced()
    {
        Assert.Equal(3.0, Tensors.Scalar(8.0).Log2().ToScalar(), 14);
        Assert.Equal(2.0, Tensors.Scalar(100.0).Log10().ToScalar(), 14);
        Assert.Equal([false, true], Tensors.Vector(1.0, double.NegativeInfinity).IsInfinite().ToArray<bool>());
        Assert.True(Six.AllClose(Six + 1e-12, 0, 1e-9));
        Assert.Equal(1.0, Six.Less(Tensors.Scalar(1.0)).Any().ToScalar());
        Assert.Equal([true, false], Six.Reshape(2, 3).Less(Tensors.Scalar(3.0)).All(1).ToArray<bool>());
        Assert.Equal([1, 1], Six.Reshape(2, 3).MeanKeep().Shape);
        Assert.Equal([0.0, 1, 3, 6, 10, 15], Six.CumSum(0).ToArray<double>());
    }

    [Fact]
    public void Matrices_are_decomposed_and_solved()
    {
        var a = Tensors.Matrix([2.0, 1.0], [1.0, 3.0]);
        var b = Tensors.Vector(1.0, 2.0);
        Assert.True(a.MatMul(a.Solve(b)).AllClose(b, 0, 1e-14));
        var (values, vectors) = a.Eigh();
        Assert.True(a.MatMul(vectors).AllClose(vectors * values, 0, 1e-14));
        var (u, s, vt) = a.Svd();
        Assert.True((u * s).MatMul(vt).AllClose(a, 0, 1e-14));
        Assert.Equal(5.0, a.Det().ToScalar(), 14);
        Assert.True(LinalgMethods.Einsum("ij,j->i", a, b).AllClose(a.MatMul(b), 0, 1e-14));
    }

    [Fact]
    public void Spectra_roots_and_sizes_are_reached()
    {
        var turn = Tensors.Matrix([0.0, -1.0], [1.0, 0.0]);
        var (re, im, _, _) = turn.Eig();
        Assert.True(re.AllClose(Tensors.Vector(0.0, 0.0), 0, 1e-15));
        Assert.True(im.AllClose(Tensors.Vector(-1.0, 1.0), 0, 1e-15));
        var root = turn.Sqrtm();
        Assert.True(root.MatMul(root).AllClose(turn, 0, 1e-14));
        Assert.True(turn.Logm().Expm().AllClose(turn, 0, 1e-13));
        var singular = Tensors.Matrix([1.0, 2.0], [2.0, 4.0]);
        Assert.Equal(1.0, singular.MatrixRank().ToScalar());
        Assert.True(singular.PseudoInverse().AllClose(singular / 25.0, 0, 1e-15));
        var (cosines, sines) = FourierTransforms.Rfft(0, Six);
        Assert.Equal(15.0, cosines.Slice((0, 1, 1)).ToScalar(), 12);
        Assert.True(FourierTransforms.Irfft(6, 0, cosines, sines).AllClose(Six, 0, 1e-14));
        Assert.Equal([0.5, 2.5, 4.5], Six.Resized(Interpolation.Linear, 3).ToArray<double>());
        var at = Loops.OdeSolution((Tensor t, Tensor y) => -y, Tensors.Scalar(1.0), Tensors.Scalar(0.0), Tensors.Scalar(1.0));
        Assert.Equal(Math.Exp(-0.5), at(Tensors.Scalar(0.5)).ToScalar(), 7);
    }

    [Fact]
    public void Blocks_fields_and_sparse_matrices_are_derived()
    {
        var x = new Pair(Tensors.Vector(1.0, 2.0), Tensors.Scalar(3.0));
        var rows = Autodiff.JacobianTree((Pair p) => new Pair(p.A * p.B, p.A.Sum()), x);
        Assert.Equal([3.0, 0, 0, 3], rows[0].A.ToArray<double>());
        Assert.Equal([1.0, 2], rows[0].B.ToArray<double>());
        Assert.Equal([1.0, 1], rows[1].A.ToArray<double>());
        Assert.Equal(0.0, rows[1].B.ToScalar());
        Assert.Equal([1.0, 1.0], Autodiff.HessianTree((Pair p) => (p.A * p.B).Sum(), x)[0].B.ToArray<double>());
        Assert.Equal(12.0, Autodiff.Laplacian(v => (v * v).Sum(), Six).ToScalar());
        Assert.Equal(6, Autodiff.SparseJacobian(v => v.Sin(), Six).Rows.Length);
        Assert.Equal([1, 6], Autodiff.Vmap((Tensor v) => v.Sum().Reshape(1), 1, 0)(Six.Reshape(6, 1)).Shape);
    }

    [Fact]
    public void Rules_by_hand_are_checked_where_somebody_asks()
    {
        static Tensor Halved(Tensor x) => Autodiff.CustomVjp<Tensor, Tensor>(y => y * y, (y, g) => y * g).Invoke(x);
        static Tensor Right(Tensor x) => Autodiff.CustomVjp<Tensor, Tensor>(y => y * y, (y, g) => 2 * y * g).Invoke(x);
        var three = Tensors.Scalar(3.0);
        Assert.Equal(9.0, Halved(three).ToScalar());
        Assert.Equal(9.0, Autodiff.CheckRules(() => Right(three)).ToScalar());

        // Another rule for the same shape is looked at by itself.
        var wrong = Assert.Throws<ArgumentException>(() => Autodiff.CheckRules(() => Right(three) + Halved(three)));
        Assert.Contains("Rules_by_hand_are_checked", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Loops_of_unknown_length_have_gradients()
    {
        static Tensor Grown(Tensor x) => Loops.While(y => y.Less(Tensors.Scalar(100.0)), y => y * x, x);
        Assert.Equal(405.0, Autodiff.Gradient(Grown, Tensors.Scalar(3.0)).ToScalar(), 10);
    }
}
