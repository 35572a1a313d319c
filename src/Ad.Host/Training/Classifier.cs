using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;

namespace Ad.Host;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>Classifiers by name, trained by optimizers by name on cross-entropy.</summary>
public static class Classifier
{
    /// <summary>Makes one as wide as the data and as deep as the options say.</summary>
    /// <exception cref="ShellException">The model takes no such examples.</exception>
    public static Trainable<Learner> Factory(TrainOptions options, DataSplit data)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(data);
        var example = ExampleOf(options, data.Train);
        var model = Learners.InPrecision(ModelOf(options, data.Train), options.Precision);
        var optimizer = Learners.InPrecision(
            Learners.Optimizer(
                options.Optimizer,
                RateOf(options, data.Train.Count),
                options.WeightDecay,
                options.FirstDecay,
                options.SecondDecay,
                options.Epsilon,
                options.Clip,
                options.Accumulate),
            options.Precision);
        var step = Learners.Step(model, optimizer, options.Average, OneOfAttribute.Split(options.Augment), options.LabelSmoothing);
        var steps = Learners.Steps(model, optimizer, options.Average, OneOfAttribute.Split(options.Augment), options.LabelSmoothing);
        var test = Learners.Test(model);
        var devices = DeviceName.Find(options.Device);
        var shared = devices.Length == 1 ? null : new SharedSteps(
            DeviceGroup.Of(devices), Learners.ParallelStep(DeviceGroup.Of(devices), model, optimizer, options.Average, OneOfAttribute.Split(options.Augment), options.LabelSmoothing), step);

        Learner Initial()
        {
            var state = Learners.Start(model, optimizer, options.Average, Keys.OfSeed(options.Seed));
            return devices[0] == Device.Cpu ? state : Trees.Eval(Trees.Map(t => t.OnDevice(devices[0]), state));
        }

        StepResult<Learner> One(Learner state, Batch batch)
        {
            var (x, y) = (Inputs(batch, example), Labels(batch));
            var next = shared is null ? step(state, x, y) : shared.Step(state, x, y, batch.Count);
            return new StepResult<Learner>(next.Learner, next.Loss.ToScalar(), (int)next.Correct.ToScalar());
        }

        return new Trainable<Learner>
        {
            Initial = Initial,
            Step = One,
            Steps = (state, batches) =>
            {
                if (shared is not null)
                {
                    var results = new List<StepResult<Learner>>();
                    foreach (var batch in batches)
                    {
                        results.Add(One(results.Count == 0 ? state : results[^1].State, batch));
                    }

                    return new StepResults<Learner>(results.Count == 0 ? state : results[^1].State, [.. results.Select(r => r.Loss)], [.. results.Select(r => r.Correct)]);
                }

                var found = steps(state, batches.Select(batch => (Inputs(batch, example), Labels(batch))));
                return new StepResults<Learner>(found.Learner, found.Losses, found.Correct);
            },
            Correct = (state, batch) =>
            {
                var (hits, _) = test(state, Inputs(batch, example), Labels(batch));
                return (int)hits.ToScalar();
            },
            Save = Saved.ToStorages,
            Load = tensors => Saved.OfStorages(tensors, Initial()),
            Parameters = state => Saved.ToStorages(Learners.Trained(state)),
        };
    }

    /// <summary>The model that the options name, for such examples.</summary>
    /// <exception cref="ShellException">It takes none such.</exception>
    public static Model ModelOf(TrainOptions options, DataSet data)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(data);
        try
        {
            return Learners.Model(
                options.Model, DType.Float32, ExampleOf(options, data), data.Classes, [.. LayerSizes.Parse(options.Hidden)!], options.Dropout);
        }
        catch (ArgumentException e)
        {
            throw ShellException.BadOption($"--model (Train:Model) is {options.Model}, but {e.Message}", e);
        }
    }

    /// <summary>The sizes of one example as the model sees it: what the data says, and a square picture where an image is needed and the features make one.</summary>
    internal static int[] ExampleOf(TrainOptions options, DataSet data)
    {
        var needsImage = options.Model != "mlp" || OneOfAttribute.Split(options.Augment).Length > 0;
        if (!needsImage || data.Example.Length == 3)
        {
            return [.. data.Example];
        }

        var side = (int)Math.Round(Math.Sqrt(data.Features));
        return side * side == data.Features
            ? [1, side, side]
            : throw ShellException.BadOption(
                $"--model (Train:Model) {options.Model} and --augment take images, but {data.Name} has {data.Features} features, which make no square.");
    }

    /// <summary>A batch's inputs as a tensor of examples of a size.</summary>
    internal static Tensor Inputs(Batch batch, int[] example) => Tensors.OfArray([batch.Count, .. example], batch.Inputs);

    /// <summary>A batch's classes as a tensor.</summary>
    internal static Tensor Labels(Batch batch) => Tensors.OfArray([batch.Count], batch.Labels);

    private static Func<Tensor, Tensor> RateOf(TrainOptions options, int examples)
    {
        var stepsPerEpoch = (examples + options.Batch - 1) / options.Batch;
        var updates = Math.Clamp((long)options.Epochs * stepsPerEpoch / options.Accumulate, 1, int.MaxValue);
        return Learners.Schedule(options.Schedule, options.LearningRate, options.FinalRate, (int)updates, options.WarmUp);
    }
}
