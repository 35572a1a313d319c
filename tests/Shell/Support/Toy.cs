using Ad.Host;
using Ad.Tensors;

namespace Shell;

/// <summary>The state of the smallest model worth training: a weight for every feature and class, and the steps so far.</summary>
public sealed record ToyState(float[] Weights, long Steps);

/// <summary>Softmax regression by hand, so that the shell is tested on its own.</summary>
public static class Toy
{
    public static Trainable<ToyState> Factory(TrainOptions options, DataSplit data)
    {
        var (features, classes) = (data.Train.Features, data.Train.Classes);
        var shape = new Shape(features, classes);
        return new Trainable<ToyState>
        {
            Initial = () => new ToyState(new float[features * classes], 0),
            Step = (state, batch) => Step(state, batch, classes, (float)options.LearningRate),
            Correct = (state, batch) => Enumerable.Range(0, batch.Count).Count(row => Best(Scores(state, batch, row, classes)) == batch.Labels[row]),
            Save = state =>
            [
                new("weights", HostStorage.Copy<float>(shape, state.Weights)),
                new("steps", HostStorage.Copy<long>(Shape.Scalar, [state.Steps])),
            ],
            Load = tensors => tensors.TryGetValue("weights", out var weights) && weights.Shape == shape
                ? new ToyState(weights.Elements<float>().ToArray(), tensors["steps"].Elements<long>()[0])
                : throw new InvalidDataException($"weights{shape} is missing."),
            Parameters = state => [new("weights", HostStorage.Copy<float>(shape, state.Weights))],
        };
    }

    private static StepResult<ToyState> Step(ToyState state, Batch batch, int classes, float rate)
    {
        var weights = (float[])state.Weights.Clone();
        var (loss, correct) = (0.0, 0);

        for (var row = 0; row < batch.Count; row++)
        {
            var scores = Scores(state, batch, row, classes);
            var most = scores.Max();
            var total = scores.Sum(s => Math.Exp(s - most));
            loss -= (scores[batch.Labels[row]] - most - Math.Log(total)) / batch.Count;
            correct += Best(scores) == batch.Labels[row] ? 1 : 0;

            for (var c = 0; c < classes; c++)
            {
                var slope = (float)(Math.Exp(scores[c] - most) / total) - (c == batch.Labels[row] ? 1 : 0);
                for (var f = 0; f < batch.Features; f++)
                {
                    weights[(f * classes) + c] -= rate * slope * batch.Inputs[(row * batch.Features) + f] / batch.Count;
                }
            }
        }

        return new StepResult<ToyState>(new ToyState(weights, state.Steps + 1), loss, correct);
    }

    private static float[] Scores(ToyState state, Batch batch, int row, int classes)
    {
        var scores = new float[classes];
        for (var f = 0; f < batch.Features; f++)
        {
            var x = batch.Inputs[(row * batch.Features) + f];
            for (var c = 0; c < classes; c++)
            {
                scores[c] += x * state.Weights[(f * classes) + c];
            }
        }

        return scores;
    }

    private static int Best(float[] scores) => scores.IndexOf(scores.Max());
}
