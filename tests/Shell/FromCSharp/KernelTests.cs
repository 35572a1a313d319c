using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;
using Xunit;

namespace Shell.FromCSharp;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>The kernel as C# sees it: Func, params arrays, value tuples, records; nothing of F# in sight.</summary>
public sealed class KernelTests
{
    private sealed record Line(Tensor Slope, Tensor Offset, string Name);

    private sealed record Model(Line[] Lines, IReadOnlyList<Tensor> Extras, (Tensor A, Tensor B) Pair, Dictionary<string, Tensor> Table);

    private readonly record struct Point(Tensor X, Tensor Y);

    private static readonly double[] Powers = [2.0, 4.0];

    [Fact]
    public void Tensors_compute_with_operators_and_methods()
    {
        var x = Tensors.Vector(1.0, 2.0, 3.0);
        Assert.Equal([3.0, 5.0, 7.0], ((2 * x) + 1.0).ToArray<double>());
        Assert.Equal(6.0, x.Reshape(3, 1).Sum().ToScalar());
        Assert.Equal([1.0, 3.0], x.Slice(0, 0, 3, 2).ToArray<double>());
        Assert.Equal(Math.Sin(1.0), x.Sin().At(0).ToScalar(), 15);
        Assert.Equal([3], x.Shape);
        Assert.Equal(DType.Float32, Tensors.OfArray([2], [1f, 2f]).DType);
        Assert.Equal([[1.0, 2.0]], new[] { Tensors.Eye(DType.Float64, 2).MatMul(Tensors.Vector(1.0, 2.0)).ToArray<double>() });
    }

    [Fact]
    public void A_fold_runs_a_step_over_inputs_and_leaves_its_start_alone()
    {
        var start = Tensors.Vector(1.0, 2.0);
        var fold = Autodiff.JitFold<Tensor, Tensor, Tensor>((state, x) => ((state * 2.0) + x, state.Sum()));
        var (last, sums) = fold(start, Enumerable.Repeat(Tensors.Vector(1.0, 1.0), 3));
        Assert.Equal([15.0, 23.0], last.ToArray<double>());
        Assert.Equal([3.0, 8.0, 18.0], sums.Select(s => s.ToScalar()));
        Assert.Equal([1.0, 2.0], start.ToArray<double>());
        Assert.Matches(@"^ *\d+\.\d us  pointwise", Autodiff.Profile((Tensor x) => x.Sin().Sum(), start, 3));
    }

    [Fact]
    public void Both_modes_differentiate_a_lambda()
    {
        var x = Tensors.Vector(1.0, 2.0);
        Assert.Equal(Powers, Autodiff.Gradient(v => (v * v).Sum(), x).ToArray<double>());
        Assert.Equal(Powers, Autodiff.ForwardGradient(v => (v * v).Sum(), x).ToArray<double>());
        var (value, gradient) = Autodiff.ValueAndGradient(v => (v * v).Sum(), x);
        Assert.Equal(5.0, value.ToScalar());
        Assert.Equal(Powers, gradient.ToArray<double>());
        var (_, tangent) = Autodiff.Jvp(v => (v * v).Sum(), x, Tensors.Vector(1.0, 0.0));
        Assert.Equal(2.0, tangent.ToScalar());
        var (_, pullback) = Autodiff.Vjp(v => v * v, x);
        Assert.Equal(Powers, pullback(Tensors.Vector(1.0, 1.0)).ToArray<double>());
        Assert.Equal([2.0, 0.0, 0.0, 2.0], Autodiff.Hessian(v => (v * v).Sum(), x).ToArray<double>());
        Assert.Equal(Powers, Autodiff.Hvp(v => (v * v).Sum(), x, x).ToArray<double>());
        Assert.Equal([2, 2], Autodiff.Jacobian(v => v * v, x).Shape);
        Assert.Equal(-Math.Sin(1.0), Autodiff.Derivative(t => t.Cos(), Tensors.Scalar(1.0)).ToScalar(), 15);
    }

    [Fact]
    public void Records_tuples_arrays_lists_and_dictionaries_are_trees()
    {
        var model = new Model(
            [new Line(Tensors.Scalar(1.0), Tensors.Scalar(2.0), "first")],
            [Tensors.Scalar(3.0)],
            (Tensors.Scalar(4.0), Tensors.Scalar(5.0)),
            new() { ["k"] = Tensors.Scalar(6.0) });
        static Tensor Loss(Model m) =>
            (m.Lines[0].Slope * m.Lines[0].Offset) + (m.Extras[0] * m.Pair.A) + (m.Pair.B * m.Table["k"]);

        var gradient = Autodiff.Gradient<Model>(Loss, model);
        Assert.Equal([2.0, 1.0, 4.0, 3.0, 6.0, 5.0], Trees.Leaves(gradient).Select(t => t.ToScalar()));
        Assert.Equal("first", gradient.Lines[0].Name);
        Assert.Equal(
            ["Lines.0.Slope", "Lines.0.Offset", "Extras.0", "Pair.0", "Pair.1", "Table.k"],
            Trees.Names(model));
        var point = Autodiff.Gradient(p => p.X * p.Y, new Point(Tensors.Scalar(2.0), Tensors.Scalar(3.0)));
        Assert.Equal(3.0, point.X.ToScalar());
    }

    [Fact]
    public void Jit_and_cost_take_lambdas()
    {
        var step = Autodiff.Jit((Tensor p, Tensor g) => p - (0.1 * g));
        Assert.Equal(0.9, step(Tensors.Scalar(1.0), Tensors.Scalar(1.0)).ToScalar(), 15);
        var (_, cost) = Autodiff.Measure(() => Autodiff.Gradient(v => (v * v).Sum(), Tensors.Vector(1.0, 2.0)));
        Assert.Equal((0, 1), (cost.ForwardPasses, cost.ReversePasses));
    }

    [Fact]
    public void Transforms_and_derivatives_by_hand_take_lambdas()
    {
        var rows = Tensors.OfArray([2, 2], [1.0, 2.0, 3.0, 4.0]);
        var each = Autodiff.Vmap((Tensor row) => Autodiff.Gradient(v => (v * v).Sum(), row));
        Assert.Equal([2.0, 4.0, 6.0, 8.0], each(rows).ToArray<double>());
        var (_, push) = Autodiff.Linearize(v => v * v, Tensors.Vector(3.0));
        Assert.Equal([6.0], push(Tensors.Vector(1.0)).ToArray<double>());
        var claimed = Autodiff.CustomVjp<Tensor, Tensor>(x => x * x, (x, g) => 10.0 * g);
        Assert.Equal(10.0, Autodiff.Gradient(claimed, Tensors.Scalar(3.0)).ToScalar());
        var pushed = Autodiff.CustomJvp<Tensor, Tensor>(x => x * x, (x, v) => 10.0 * v);
        Assert.Equal(10.0, Autodiff.Gradient(pushed, Tensors.Scalar(3.0)).ToScalar());
        Assert.Contains("multiply", Autodiff.Explain(x => x * x, Tensors.Scalar(3.0)), StringComparison.Ordinal);
        Assert.Null(Autodiff.NonFinite(x => x.Log(), Tensors.Scalar(1.0)));
        Assert.Contains("log", Autodiff.NonFinite(x => x.Log(), Tensors.Scalar(-1.0)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_mistake_is_an_ArgumentException_that_names_it()
    {
        var error = Assert.Throws<ArgumentException>(() => Tensors.Vector(1.0) + Tensors.Vector(1f));
        Assert.Contains("float64", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => Autodiff.Gradient((Func<Tensor, Tensor>)null!, Tensors.Scalar(1.0)));
    }
}
