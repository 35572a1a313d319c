using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;

namespace Ad.Host;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>A learning rate and what a short run with it came to.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="Loss">The loss after the run's last step; infinite if it diverged.</param>
public readonly record struct RateTrial(double Rate, double Loss);

/// <summary>What the doctor looks at, each a run of its own from the same first parameters.</summary>
/// <param name="options">What is examined.</param>
/// <param name="data">What is to be learned, scaled.</param>
public sealed class Examination(DoctorOptions options, DataSplit data)
{
    private const int RateSteps = 40;

    /// <summary>The loss of the best guess that does not look at the input: the entropy of the classes among the training examples.</summary>
    public double Chance { get; } = -data.Train.Labels.GroupBy(label => label)
        .Select(group => (double)group.Count() / data.Train.Count)
        .Sum(share => share * Math.Log(share));

    /// <summary>Features that are the same in every training example.</summary>
    public int Constant { get; } = Enumerable.Range(0, data.Train.Features)
        .Count(feature => Enumerable.Range(1, data.Train.Count - 1)
            .All(row => data.Train.Inputs[(row * data.Train.Features) + feature] == data.Train.Inputs[feature]));

    /// <summary>How many numbers the model trains.</summary>
    public long Parameters() => Learners.Parameters(Model);

    /// <summary>The statistics of each part's results for a batch, before any training.</summary>
    public (string Part, UnitStatistics Found)[] FirstValues()
    {
        var state = Trainable(0.01, data.Train).Initial();
        var batch = Batch.Of(data.Train, [.. Enumerable.Range(0, Math.Min(256, data.Train.Count))]);
        return [.. Learners.Units(Model, state, Classifier.Inputs(batch, Example)).Select(u => (u.Item1, u.Item2))];
    }

    /// <summary>The noise of the gradients of single examples, at first.</summary>
    public NoiseScale Noise()
    {
        var state = Trainable(0.01, data.Train).Initial();
        var batch = Batch.Of(data.Train, [.. Enumerable.Range(0, Math.Min(64, data.Train.Count))]);
        return Learners.Noise(Model, state, Classifier.Inputs(batch, Example), Classifier.Labels(batch));
    }

    /// <summary>Short runs with learning rates from 10 down to 1e-5, each about a third of the one before.</summary>
    public IEnumerable<RateTrial> Rates()
    {
        foreach (var rate in new[] { 10, 3, 1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5 })
        {
            var model = Trainable(rate, data.Train);
            var run = new TrainingRun(data.Train, int.MaxValue, options.Batch, options.Seed);
            var losses = run.From(model.Initial(), Position.Start, model.Steps!, () => RateSteps)
                .Take(RateSteps)
                .Select(moment => moment.Loss)
                .ToArray();

            // The mean of the last steps: single batches are noisy.
            var last = losses[^Math.Min(8, losses.Length)..].Average();
            yield return new RateTrial(rate, double.IsFinite(last) && last <= 2 * losses[0] ? last : double.PositiveInfinity);
        }
    }

    /// <summary>The rate to begin with: the largest whose loss is within a tenth of the least.</summary>
    public static RateTrial Best(IReadOnlyCollection<RateTrial> trials)
    {
        ArgumentNullException.ThrowIfNull(trials);
        var least = trials.Min(trial => trial.Loss);
        return trials.Where(trial => trial.Loss <= 1.1 * least).MaxBy(trial => trial.Rate);
    }

    /// <summary>The loss on some examples after so many steps on them alone, or as soon as it is below a thousandth.</summary>
    public (double Loss, int Steps) Overfit(double rate)
    {
        var few = data.Train.Rows([.. SplitMix.Order(data.Train.Count, (ulong)options.Seed).Take(options.Examples)]);
        var whole = new DataSet(few.Name, few.Features, data.Train.Classes, few.Inputs, few.Labels, few.Example);
        var model = Trainable(rate, whole);
        var batch = Batch.Of(whole, [.. Enumerable.Range(0, whole.Count)]);
        var (state, loss) = (model.Initial(), double.PositiveInfinity);

        for (var step = 1; step <= options.Steps; step++)
        {
            (state, loss, _) = model.Step(state, batch);
            if (loss < 1e-3 || !double.IsFinite(loss))
            {
                return (loss, step);
            }
        }

        return (loss, options.Steps);
    }

    /// <summary>The training and the held-out loss of each epoch of a run, until it ends or its loss is not finite, and its last state.</summary>
    public (double[] Training, double[] Validation, Learner State) Trial(double rate, CancellationToken stopping)
    {
        var (kept, held) = DataSplit.Hold(data.Train, 0.2);
        var model = Trainable(rate, kept);
        var test = Learners.Test(Model);
        var run = new TrainingRun(kept, options.Epochs, options.Batch, options.Seed);
        var (training, validation) = (new List<double>(), new List<double>());
        var state = model.Initial();

        foreach (var moment in run.From(state, Position.Start, model.Steps!, () => 64))
        {
            stopping.ThrowIfCancellationRequested();
            state = moment.State;
            if (!double.IsFinite(moment.Loss))
            {
                training.Add(moment.Loss);
                break;
            }

            if (moment.EndsEpoch)
            {
                training.Add(moment.Position.MeanLoss);
                validation.Add(MeanLoss(test, state, held));
            }
        }

        return ([.. training], [.. validation], state);
    }

    /// <summary>The first layer's weights as one picture, a filter for each of its outputs, or null where they are no pictures.</summary>
    public Tensor? Filters(Learner state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var first = state.Parameters.FirstOrDefault(p => p.Value.DType == DType.Float32 && p.Value.Rank is 2 or 4).Value;
        int[] example = Example;
        return first switch
        {
            null => null,
            { Rank: 4 } => Learners.Grid(first.Shape[1] * first.Shape[2], first.Shape[3], first.Reshape(first.Shape[0], -1)),
            _ when example.Length == 3 => Learners.Grid(example[0] * example[1], example[2], first.Transpose()),
            _ when Math.Sqrt(data.Train.Features) % 1 == 0 => Learners.Grid(
                (int)Math.Sqrt(data.Train.Features), (int)Math.Sqrt(data.Train.Features), first.Transpose()),
            _ => null,
        };
    }

    private int[] Example => Classifier.ExampleOf(options.Training(1), data.Train);

    private Model Model => Classifier.ModelOf(options.Training(1), data.Train);

    private Trainable<Learner> Trainable(double rate, DataSet train) =>
        Classifier.Factory(options.Training(rate), DataSplit.Given(train, data.Test));

    private double MeanLoss(Func<Learner, Tensor, Tensor, (Tensor, Tensor)> test, Learner state, DataSet held) =>
        Batch.Consecutive(held, 1000).Sum(batch =>
        {
            var (_, loss) = test(state, Classifier.Inputs(batch, Example), Classifier.Labels(batch));
            return loss.ToScalar() * batch.Count;
        }) / held.Count;
}
