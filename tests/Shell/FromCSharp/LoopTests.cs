using Ad.Functional;
using Ad.Functional.CSharp;
using Xunit;

namespace Shell.FromCSharp;

public sealed class LoopTests
{
    [Fact]
    public void Loops_and_equations_are_functions_of_functions()
    {
        var xs = TensorModule.vector([1.0, 2.0, 3.0]);
        var (last, all) = Loops.Scan<Tensor, Tensor, Tensor>((s, x) => (s + x, s * x), TensorModule.scalar(0.0), xs);
        Assert.Equal(6.0, last.ToScalar());
        Assert.Equal([0.0, 2.0, 9.0], all.ToArray<double>());
        Assert.Equal(8.0, Loops.Iterate(3, (_, s) => s * 2.0, TensorModule.scalar(1.0)).ToScalar());
        var four = TensorModule.scalar(4.0);
        Assert.Equal(12.0, Autodiff.Gradient(a => Loops.Checkpoint<Tensor, Tensor>(x => x * x * 1.5)(a), four).ToScalar());
        var rootOf = Autodiff.Gradient(a => Loops.Root(s => (s * s) - a, TensorModule.scalar(1.0)), four);
        Assert.Equal(0.25, rootOf.ToScalar(), 12);
        Assert.Equal([16.0, 8.0, 1.0], Loops.Taylor(2, x => x * x, four, TensorModule.scalar(1.0)).Select(c => c.ToScalar()));
    }
}
