using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;

namespace Ad.Host;

using Parameters = Dense[];
using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>All there is to keep of a classifier in training: a tree of tensors.</summary>
/// <param name="Parameters">Weights and biases, layer by layer.</param>
/// <param name="Optimizer">The optimizer's own state.</param>
/// <param name="Key">Where the next step's randomness comes from.</param>
public sealed record ClassifierState(Parameters Parameters, object Optimizer, Key Key);

/// <summary>A multilayer perceptron that classifies: relu between dense layers, dropout, cross-entropy.</summary>
public static class Classifier
{
    /// <summary>Makes it as wide as the data and as deep as the options say.</summary>
    public static Trainable<ClassifierState> Factory(TrainOptions options, DataSplit data)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(data);
        int[] widths = [data.Train.Features, .. LayerSizes.Parse(options.Hidden)!, data.Train.Classes];
        var net = Layers.Perceptron(DType.Float32, x => x.Relu(), options.Dropout, widths);
        var update = UpdateRule.Of(options, data.Train.Count);
        var device = DeviceName.Find(options.Device);

        var step = Autodiff.Jit<ClassifierState, Tensor, Tensor, (ClassifierState, Tensor, Tensor)>((state, x, y) =>
        {
            var keys = Keys.Split(state.Key, 2);
            var (loss, logits, gradients) = Autodiff.ValueAndGradientAux(
                p =>
                {
                    var z = net.Train(keys[1], p, x);
                    return (Losses.CrossEntropy(z, y), z);
                },
                state.Parameters);
            var (parameters, optimizer) = update.Step(gradients, state.Optimizer, state.Parameters);
            return (new ClassifierState(parameters, optimizer, keys[0]), loss, Losses.Correct(logits, y));
        });
        var correct = Autodiff.Jit<Parameters, Tensor, Tensor, Tensor>((p, x, y) => Losses.Correct(net.Predict(p, x), y));

        ClassifierState Initial()
        {
            var keys = Keys.Split(Keys.OfSeed(options.Seed), 2);
            var parameters = net.Initialize(keys[0]);
            var state = Trees.Eval(new ClassifierState(parameters, update.Initialize(parameters), keys[1]));
            return device == Device.Cpu ? state : Trees.Eval(Trees.Map(t => t.OnDevice(device), state));
        }

        return new Trainable<ClassifierState>
        {
            Initial = Initial,
            Step = (state, batch) =>
            {
                var (next, loss, hits) = step(state, Inputs(batch), Labels(batch));
                return new StepResult<ClassifierState>(next, loss.ToScalar(), (int)hits.ToScalar());
            },
            Correct = (state, batch) => (int)correct(state.Parameters, Inputs(batch), Labels(batch)).ToScalar(),
            Save = Saved.ToStorages,
            Load = tensors => Saved.OfStorages(tensors, Initial()),
            Parameters = state => Saved.ToStorages(state.Parameters),
        };
    }

    private static Tensor Inputs(Batch batch) => Tensors.OfArray([batch.Count, batch.Features], batch.Inputs);

    private static Tensor Labels(Batch batch) => Tensors.OfArray([batch.Count], batch.Labels);
}
