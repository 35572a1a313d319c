using System.Globalization;
using Ad.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>
/// Trains: opens the data, begins or goes on from a checkpoint, takes step after step, and keeps the run when a signal
/// comes, every so often, and at the end.
/// </summary>
public sealed partial class TrainVerb<TState>(
    TrainableFactory<TState> factory,
    IOptions<TrainOptions> options,
    IAnsiConsole console,
    IProgressView view,
    TrainingTelemetry telemetry,
    TrainingHealth health,
    TimeProvider time,
    ILogger<TrainVerb<TState>> logger) : IVerb
{
    private readonly TrainOptions _options = options.Value;

    /// <inheritdoc/>
    public int Run(CancellationToken stopping)
    {
        using var activity = TrainingTelemetry.Activities.StartActivity("train");
        var raw = DataSource.Open(_options.Data);
        var scaling = Scaling.Of(raw.Train);
        var test = new TestSet(scaling.Apply(raw.Test));
        var (kept, held) = Watched(scaling.Apply(raw.Train));
        var run = new TrainingRun(kept, _options.Epochs, _options.Batch, _options.Seed);
        var model = factory(_options, DataSplit.Given(kept, test.Examples));
        var keeper = new Keeper<TState>(model, _options, raw.Fingerprint, telemetry, time);
        console.WriteLine(
            $"{raw.Train.Name}: {kept.Count} examples to train with, "
            + (held is null ? "" : $"{held.Count} to watch, ")
            + $"{raw.Test.Count} to test with, {raw.Test.Features} features, {raw.Test.Classes} classes");

        var (state, position, best) = _options.Resume ? keeper.Resume() : Begin(model, keeper);
        var end = new Moment<TState>(state, position, 0, EndsEpoch: false);

        if (IsOver(run, position, best))
        {
            console.WriteLine($"{_options.CheckpointFile} holds a finished run of {position.Epoch} epochs: nothing is left to do");
        }
        else
        {
            using var log = MetricsLog.Open(_options.Log, append: _options.Resume, time);
            (end, best) = view.Show(report => Train(model, run, state => Watch(model, state, held, test), end, best, keeper, log, report, stopping));
        }

        if (!IsOver(run, end.Next, best))
        {
            var step = run.StepsAt(end.Position);
            LogStopped(step);
            console.WriteLine($"stopped after step {step} of {run.Steps}");
            console.WriteLine($"the run is kept in {_options.CheckpointFile}; --resume goes on from there");
            return ExitCodes.Done;
        }

        if (best is not null)
        {
            console.WriteLine(
                $"the parameters kept are those after epoch {best.Epoch} of {end.Next.Epoch}, the best by the held-out examples: {ProgressText.Percent(best.Share).Trim()}");
        }

        Finish(model, scaling, test, best is null ? end.State : best.State);
        return ExitCodes.Done;
    }

    private bool IsOver(TrainingRun run, Position position, Best<TState>? best) =>
        position.Epoch >= run.Epochs || TrainingRun.HasStopped(_options.Patience, best?.Epoch, position);

    private (DataSet Kept, DataSet? Held) Watched(DataSet train)
    {
        if (_options.Validation == 0)
        {
            return (train, null);
        }

        var (kept, held) = DataSplit.Hold(train, _options.Validation);
        return kept.Count > 0 && held.Count > 0
            ? (kept, held)
            : throw ShellException.BadOption(
                $"--validation (Train:Validation) is {OptionName.Text(_options.Validation)}, which leaves {kept.Count} of {train.Count} examples to train with and {held.Count} to watch.");
    }

    private (TState State, Position Position, Best<TState>? Best) Begin(Trainable<TState> model, Keeper<TState> keeper)
    {
        var state = model.Initial();
        if (keeper.MoveAside() is { } aside)
        {
            console.WriteLine($"{_options.CheckpointFile} held something other than a finished run; that is now {aside}, and a new run begins");
        }

        keeper.Save(state, Position.Start);
        return (state, Position.Start, null);
    }

    private (Moment<TState> End, Best<TState>? Best) Train(
        Trainable<TState> model,
        TrainingRun run,
        Func<TState, double> watch,
        Moment<TState> moment,
        Best<TState>? best,
        Keeper<TState> keeper,
        MetricsLog log,
        Action<Snapshot> report,
        CancellationToken stopping)
    {
        var pace = new Pace(time, run.Steps);
        var began = time.GetTimestamp();
        var first = run.StepsAt(moment.Position);
        LogBegan(first, run.Steps);

        var together = new Together(time);
        var moments = model.Steps is { } steps
            ? run.From(moment.State, moment.Position, steps, together.Next)
            : run.From(moment.State, moment.Position, model.Step);
        var losses = new List<double>();

        foreach (var next in moments)
        {
            moment = next;
            var step = run.StepsAt(moment.Position);
            if (!double.IsFinite(moment.Loss))
            {
                log.Write("diverged", step, ("loss", moment.Loss));
                throw Diverged(moment, step);
            }

            log.Write("step", step, ("loss", moment.Loss));
            losses.Add(moment.Loss);
            if (!moment.HasState)
            {
                continue;
            }

            // Steps made together took a share each of the time of all.
            foreach (var loss in losses)
            {
                telemetry.Stepped(loss, time.GetElapsedTime(began) / losses.Count);
            }

            losses.Clear();
            health.Stepped();
            double? tested = moment.EndsEpoch ? watch(moment.State) : null;
            if (_options.Patience > 0 && tested is { } share)
            {
                best = best?.Or(moment.Next.Epoch, share, moment.State) ?? new Best<TState>(moment.Next.Epoch, share, moment.State);
            }

            report(Seen(run, moment.Position, tested, pace));

            var ended = IsOver(run, moment.Next, best);
            if (ended || stopping.IsCancellationRequested || keeper.IsDue)
            {
                keeper.Save(moment.State, moment.Next, best);
                LogKept(step);
            }

            if (moment.EndsEpoch)
            {
                log.Write(
                    "epoch",
                    step,
                    ("epoch", moment.Next.Epoch),
                    ("loss", moment.Position.MeanLoss),
                    ("accuracy", moment.Position.Accuracy),
                    (_options.Validation > 0 ? "validation_accuracy" : "test_accuracy", tested ?? double.NaN));
            }

            if (ended || stopping.IsCancellationRequested)
            {
                break;
            }

            began = time.GetTimestamp();
        }

        return (moment, best);
    }

    // By the examples held out of training; without any, by the test examples, again and again.
    private double Watch(Trainable<TState> model, TState state, DataSet? held, TestSet test)
    {
        var found = held is null
            ? test.Evaluate(examples => Classified.By(model, state, examples), again: true)
            : Classified.By(model, state, held);
        var share = found.Share;
        telemetry.Tested(share);
        return share;
    }

    private Snapshot Seen(TrainingRun run, Position position, double? tested, Pace pace)
    {
        var step = run.StepsAt(position);
        return new Snapshot(
            position.Epoch + 1,
            run.Epochs,
            step,
            run.Steps,
            position.MeanLoss,
            position.Accuracy,
            tested,
            pace.Elapsed,
            pace.Left(step))
        {
            Watched = _options.Validation > 0 ? "validation" : "test",
        };
    }

    private ShellException Diverged(Moment<TState> moment, long step)
    {
        var position = moment.Position;
        return new ShellException(
            ExitCodes.Failed,
            $"The loss is {OptionName.Text(moment.Loss)} at step {step} (epoch {position.Epoch + 1}, batch {position.Step}) with "
            + $"--learning-rate {OptionName.Text(_options.LearningRate)}; try a smaller one. "
            + $"The last checkpoint is kept in {_options.CheckpointFile}.");
    }

    private void Finish(Trainable<TState> model, Scaling scaling, TestSet test, TState state)
    {
        var found = test.Evaluate(examples => Classified.By(model, state, examples), again: _options.Validation == 0);
        var data = test.Examples;
        var parameters = model.Parameters(state);
        var shape = new Shape(data.Features);
        KeyValuePair<string, HostStorage>[] all =
        [
            .. parameters,
            new("scaling.offset", HostStorage.Copy<float>(shape, scaling.Offset)),
            new("scaling.factor", HostStorage.Copy<float>(shape, scaling.Factor)),
        ];

        ParameterFile.Write(_options.OutputFile, all, new Dictionary<string, string>
        {
            ["data"] = data.Name,
            ["features"] = data.Features.ToString(CultureInfo.InvariantCulture),
            ["model"] = _options.Model,
            ["hidden"] = _options.Hidden,
            ["classes"] = data.Classes.ToString(CultureInfo.InvariantCulture),
            ["input"] = "(x - scaling.offset) * scaling.factor",
            ["test_accuracy"] = OptionName.Text(found.Share),
        });

        var numbers = parameters.Sum(p => p.Value.Shape.Elements);
        console.WriteLine($"test accuracy {ProgressText.Percent(found.Share).Trim()} ({found.Correct} of {found.Of})");
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{numbers:N0} parameters written to {_options.OutputFile}"));
        LogFinished(found.Share);
    }

    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "Training begins after step {Step} of {Steps}.")]
    private partial void LogBegan(long step, long steps);

    [LoggerMessage(EventId = 11, Level = LogLevel.Information, Message = "The run is kept after step {Step}.")]
    private partial void LogKept(long step);

    [LoggerMessage(EventId = 12, Level = LogLevel.Information, Message = "Training was stopped after step {Step}.")]
    private partial void LogStopped(long step);

    [LoggerMessage(EventId = 13, Level = LogLevel.Information, Message = "Training is finished; test accuracy {Accuracy}.")]
    private partial void LogFinished(double accuracy);
}
