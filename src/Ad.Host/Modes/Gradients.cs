using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;

namespace Ad.Host;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>Measures the gradient of f(x) = sum(sin(x) * exp(-x²)) + log(1 + sum(x²)) in both modes.</summary>
public sealed class Gradients(TimeProvider time)
{
    /// <summary>Passes, primitive evaluations and the median time at so many inputs.</summary>
    /// <exception cref="InvalidOperationException">The modes do not agree.</exception>
    public ModeRow Measure(int inputs, int repeats)
    {
        var x = Tensors.Linspace(DType.Float64, -1, 1, inputs);
        var (forward, pushed) = Measure(() => Autodiff.ForwardGradient(F, x), repeats);
        var (reverse, pulled) = Measure(() => Autodiff.Gradient(F, x), repeats);
        var apart = pushed.Zip(pulled, (a, b) => Math.Abs(a - b)).Max();

        return apart < 1e-12
            ? new ModeRow(inputs, forward, reverse)
            : throw new InvalidOperationException($"Forward and reverse mode differ by {apart} at {inputs} inputs.");
    }

    private static Tensor F(Tensor x) =>
        (x.Sin() * (-(x * x)).Exp()).Sum() + (1.0 + (x * x).Sum()).Log();

    private (ModeCost Cost, double[] Gradient) Measure(Func<Tensor> gradient, int repeats)
    {
        var (result, cost) = Autodiff.Measure(gradient);
        var seconds = Enumerable.Range(0, repeats).Select(_ => Seconds(gradient)).Order().ToArray();
        return (
            new ModeCost(cost.ForwardPasses + cost.ReversePasses, cost.PrimitiveEvaluations, seconds[repeats / 2]),
            result.ToArray<double>());
    }

    private double Seconds(Func<Tensor> gradient)
    {
        var start = time.GetTimestamp();
        Tensors.Eval(gradient());
        return time.GetElapsedTime(start).TotalSeconds;
    }
}
