using Ad.Checks;
using Ad.Functional;
using Ad.Functional.CSharp;
using Xunit;

namespace Shell.FromCSharp;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>Gradient checks as C# sees them.</summary>
public sealed class GradientCheckTests
{
    private static double Energy(double[] x) => (x[0] * x[0] * x[1]) + Math.Sin(x[1]);

    private static double[] Gradient(double[] x) => [2 * x[0] * x[1], (x[0] * x[0]) + Math.Cos(x[1])];

    private static double[] Forgotten(double[] x) => [2 * x[0] * x[1], x[0] * x[0]];

    [Fact]
    public void A_gradient_written_by_hand_is_checked_without_a_tensor()
    {
        double[] at = [1.2, -0.7];
        Assert.True(GradientCheck.Verify(Energy, Gradient, at).IsPassed);
        var report = GradientCheck.Verify(Energy, Forgotten, at);
        Assert.True(report.Verdict.IsFailed);
        Assert.Equal("x[1]", report.Path);
        Assert.StartsWith("Failed: the derivative is wrong, most of all at x[1].", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_of_a_record_is_checked_to_the_third_order()
    {
        var point = new Factors(Tensors.Vector(0.3, -0.8), Tensors.Vector(1.1, 0.4));
        var settings = new CheckSettings(seed: 7, order: 3, directions: 2, resolution: 0);
        var report = GradientCheck.Verify(p => (p.Left * p.Right * p.Right).Sum(), point, settings);
        Assert.True(report.IsPassed, report.ToString());
        Assert.Contains(report.Findings, f => f.Order == 3);
    }

    private sealed record Factors(Tensor Left, Tensor Right);
}
