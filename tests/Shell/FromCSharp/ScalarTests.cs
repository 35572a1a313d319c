using System.Numerics;
using Ad.Functional.Scalar;
using Xunit;

namespace Shell.FromCSharp;

/// <summary>Scalar differentiation as C# sees it: lambdas on numbers that carry derivatives, and generic methods to any order.</summary>
public sealed class ScalarTests
{
    private sealed class Cube : IScalarFunction
    {
        public T Invoke<T>(T x)
            where T : IFloatingPointIeee754<T> => x * x * x;
    }

    private sealed class Rosenbrock : IVectorFunction
    {
        public T Invoke<T>(T[] x)
            where T : IFloatingPointIeee754<T>
        {
            var (a, b) = (T.One - x[0], x[1] - (x[0] * x[0]));
            return (a * a) + (T.CreateChecked(100) * b * b);
        }
    }

    [Fact]
    public void A_lambda_on_numbers_is_differentiated_in_both_modes()
    {
        Assert.Equal(6.0, ScalarForward.Derivative(x => x * x, 3.0));
        Assert.Equal(6.0, ScalarReverse.Derivative(x => x * x, 3.0));
        Assert.Equal([2.0, 3.0], ScalarForward.Gradient(x => x[0] * x[1], [3.0, 2.0]));
        Assert.Equal([2.0, 3.0], ScalarReverse.Gradient(x => x[0] * x[1], [3.0, 2.0]));
    }

    [Fact]
    public void Jacobians_agree()
    {
        double[] at = [2.0, 3.0];
        var forward = ScalarForward.Jacobian(x => [x[0] * x[1], x[0] + x[1]], at);
        var reverse = ScalarReverse.Jacobian(x => [x[0] * x[1], x[0] + x[1]], at);
        Assert.Equal(new[,] { { 3.0, 2.0 }, { 1.0, 1.0 } }, forward);
        Assert.Equal(forward, reverse);
        var (y, moved) = ScalarForward.Jvp(x => [x[0] * x[1]], at, [1.0, 0.0]);
        Assert.Equal((6.0, 3.0), (y[0], moved[0]));
        var (_, pullback) = ScalarReverse.Vjp(x => [x[0] * x[1]], at);
        Assert.Equal([3.0, 2.0], pullback([1.0]));
    }

    [Fact]
    public void A_generic_method_has_derivatives_of_every_order()
    {
        var cube = new Cube();
        Assert.Equal([8.0, 12.0, 12.0, 6.0, 0.0], Enumerable.Range(0, 5).Select(order => ScalarAutodiff.Derivative(cube, 2.0, order)));
        Assert.Equal([-2.0, 0.0], ScalarAutodiff.Gradient(new Rosenbrock(), [0.0, 0.0]));
        Assert.Equal(new[,] { { 2.0, 0.0 }, { 0.0, 200.0 } }, ScalarAutodiff.Hessian(new Rosenbrock(), [0.0, 0.0]));
    }
}
