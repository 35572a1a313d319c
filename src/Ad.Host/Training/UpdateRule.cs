using Ad.Functional;
using Ad.Functional.CSharp;

namespace Ad.Host;

using Parameters = Dense[];

/// <summary>An optimizer whose state's type nobody else needs to know.</summary>
/// <param name="Initialize">The state before the first step.</param>
/// <param name="Step">From gradients, state and parameters to the next parameters and state.</param>
public sealed record UpdateRule(
    Func<Parameters, object> Initialize,
    Func<Parameters, object, Parameters, (Parameters Parameters, object State)> Step)
{
    private const double Velocity = 0.9;

    /// <summary>The optimizer that the options ask for, over so many examples.</summary>
    public static UpdateRule Of(TrainOptions options, int examples)
    {
        ArgumentNullException.ThrowIfNull(options);
        var stepsPerEpoch = (examples + options.Batch - 1) / options.Batch;
        var steps = (int)Math.Min((long)options.Epochs * stepsPerEpoch, int.MaxValue);
        Func<Tensor, Tensor> rate = options.Schedule switch
        {
            ScheduleKind.Cosine => Rates.Cosine(options.LearningRate, 0, Math.Max(steps, 1)),
            ScheduleKind.Constant => Rates.Constant(options.LearningRate),
        };
        var decay = Optimizers.DecayedWeights<Parameters>(options.WeightDecay);

        return options.Optimizer switch
        {
            OptimizerKind.Adam => From(Optimizers.AdamW<Parameters>(rate, options.WeightDecay)),
            OptimizerKind.Sgd => From(decay.Then(Optimizers.Sgd<Parameters>(rate))),
            OptimizerKind.Momentum => From(decay.Then(Optimizers.Momentum<Parameters>(rate, Velocity))),
        };
    }

    private static UpdateRule From<TState>(Optimizer<Parameters, TState> optimizer)
        where TState : notnull => new(
        parameters => optimizer.Initialize(parameters),
        (gradients, state, parameters) =>
        {
            var (next, nextState) = optimizer.Step(gradients, (TState)state, parameters);
            return (next, nextState);
        });
}
