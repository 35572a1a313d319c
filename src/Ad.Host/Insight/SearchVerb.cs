using System.Globalization;
using Ad.Functional;
using Ad.Functional.CSharp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>Searches for settings of training by the mean held-out loss over folds of the training examples; the test examples are never looked at.</summary>
public sealed class SearchVerb(IOptions<SearchOptions> options, IAnsiConsole console) : IVerb
{
    private readonly SearchOptions _options = options.Value;

    /// <inheritdoc/>
    public int Run(CancellationToken stopping)
    {
        var raw = DataSource.Open(_options.Data).Train;
        if (raw.Count < _options.Folds)
        {
            throw ShellException.BadOption($"--folds (Search:Folds) is {_options.Folds}, but there are {raw.Count} examples to train with.");
        }

        var data = Scaling.Of(raw).Apply(raw);
        var (space, chosen) = Space();
        var key = Keys.OfSeed(_options.Seed);
        var attempts = new List<Attempt>();
        console.WriteLine($"{raw.Name}: {raw.Count} examples in {_options.Folds} folds, {_options.Epochs} epochs a run");

        while (_options.Method == "grid" || attempts.Count < _options.Trials)
        {
            stopping.ThrowIfCancellationRequested();
            if (Learners.NextSettings(_options.Method, space, _options.Trials, key, [.. attempts]) is not { } settings)
            {
                break;
            }

            var all = settings.Concat(chosen).ToDictionary();
            var loss = CrossValidated(data, all, stopping);
            attempts.Add(Learners.Attempt(settings, loss));
            console.WriteLine($"{attempts.Count,4}  loss {Text(loss)}  {Switches(all)}");
            if (space.Length == 0)
            {
                break;
            }
        }

        var best = attempts.Where(a => double.IsFinite(a.Loss)).MinBy(a => a.Loss)
            ?? throw new ShellException(ExitCodes.Failed, "Every run diverged; try smaller learning rates.");
        console.WriteLine($"best: loss {Text(best.Loss)} with {Switches(best.Settings.Concat(chosen).ToDictionary())}");
        if (_options.Csv is { } file)
        {
            TextFile.Write(file, Table(attempts, space));
            console.WriteLine($"written to {file}");
        }

        return ExitCodes.Done;
    }

    // The mean over folds of the loss on the fold held out of a run.
    private double CrossValidated(DataSet data, Dictionary<string, double> settings, CancellationToken stopping)
    {
        var order = SplitMix.Order(data.Count, (ulong)_options.Seed);
        var sum = 0.0;
        for (var fold = 0; fold < _options.Folds; fold++)
        {
            var kept = data.Rows([.. order.Where((_, place) => place % _options.Folds != fold)]);
            var held = data.Rows([.. order.Where((_, place) => place % _options.Folds == fold)]);
            var training = new TrainOptions
            {
                Model = _options.Model,
                Hidden = _options.Hidden,
                Optimizer = _options.Optimizer,
                Batch = _options.Batch,
                Epochs = _options.Epochs,
                LearningRate = settings["learning-rate"],
                WeightDecay = settings["weight-decay"],
                Dropout = settings["dropout"],
                Seed = _options.Seed,
            };
            var split = DataSplit.Given(kept, held);
            var model = Classifier.Factory(training, split);
            var run = new TrainingRun(split.Train, _options.Epochs, _options.Batch, _options.Seed);
            var state = model.Initial();
            foreach (var moment in run.From(state, Position.Start, model.Steps!, () => 64))
            {
                stopping.ThrowIfCancellationRequested();
                state = moment.State;
                if (!double.IsFinite(moment.Loss))
                {
                    return double.PositiveInfinity;
                }
            }

            sum += HeldOut(training, split, state);
        }

        return sum / _options.Folds;
    }

    private static double HeldOut(TrainOptions training, DataSplit split, Learner state)
    {
        var test = Learners.Test(Classifier.ModelOf(training, split.Train));
        var example = Classifier.ExampleOf(training, split.Train);
        return Batch.Consecutive(split.Test, 1000).Sum(batch =>
        {
            var (_, loss) = test(state, Classifier.Inputs(batch, example), Classifier.Labels(batch));
            return loss.ToScalar() * batch.Count;
        }) / split.Test.Count;
    }

    // Ranges are searched; single numbers are as they are.
    private (Setting[] Space, KeyValuePair<string, double>[] Chosen) Space()
    {
        (string Name, NumberRange Range, bool ByPowers)[] all =
        [
            ("learning-rate", NumberRange.Parse(_options.LearningRate)!.Value, true),
            ("weight-decay", NumberRange.Parse(_options.WeightDecay)!.Value, true),
            ("dropout", NumberRange.Parse(_options.Dropout)!.Value, false),
        ];
        return (
            [.. all.Where(s => s.Range.Low < s.Range.High).Select(s => Learners.Setting(s.Name, s.Range.Low, s.Range.High, s.ByPowers))],
            [.. all.Where(s => s.Range.Low == s.Range.High).Select(s => KeyValuePair.Create(s.Name, s.Range.Low))]);
    }

    private static string Table(List<Attempt> attempts, Setting[] space) =>
        string.Concat(
            attempts
                .Select(a => string.Join(',', space.Select(s => OptionName.Text(a.Settings[s.Name])).Append(OptionName.Text(a.Loss))))
                .Prepend(string.Join(',', space.Select(s => s.Name).Append("loss")))
                .Select(line => line + "\n"));

    private static string Switches(IEnumerable<KeyValuePair<string, double>> settings) =>
        string.Join(' ', settings.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"--{s.Key} {s.Value.ToString("G3", CultureInfo.InvariantCulture)}"));

    private static string Text(double loss) => double.IsFinite(loss) ? loss.ToString("0.0000", CultureInfo.InvariantCulture) : "infinite";
}

/// <summary>Registers the search.</summary>
public static class SearchServices
{
    /// <summary>Searches for settings of training.</summary>
    public static void AddSearch(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVerbOptions<SearchOptions, SearchOptionsValidator>(SearchOptions.Section);
        builder.Services.AddSingleton<IVerb, SearchVerb>();
    }
}
