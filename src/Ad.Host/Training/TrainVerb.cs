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
        var test = scaling.Apply(raw.Test);
        var run = new TrainingRun(scaling.Apply(raw.Train), _options.Epochs, _options.Batch, _options.Seed);
        var model = factory(_options, raw);
        var keeper = new Keeper<TState>(model, _options, raw.Fingerprint, telemetry, time);
        console.WriteLine(
            $"{raw.Train.Name}: {raw.Train.Count} examples to train with, {test.Count} to test with, "
            + $"{test.Features} features, {test.Classes} classes");

        var (state, position) = _options.Resume ? keeper.Resume() : Begin(model, keeper);
        var end = new Moment<TState>(state, position, 0, EndsEpoch: false);

        if (position.Epoch >= run.Epochs)
        {
            console.WriteLine($"{_options.CheckpointFile} holds a finished run of {position.Epoch} epochs: nothing is left to do");
        }
        else
        {
            using var log = MetricsLog.Open(_options.Log, append: _options.Resume, time);
            end = view.Show(report => Train(model, run, test, end, keeper, log, report, stopping));
        }

        if (end.Next.Epoch < run.Epochs)
        {
            var step = run.StepsAt(end.Position);
            LogStopped(step);
            console.WriteLine($"stopped after step {step} of {run.Steps}");
            console.WriteLine($"the run is kept in {_options.CheckpointFile}; --resume goes on from there");
            return ExitCodes.Done;
        }

        Finish(model, scaling, test, end.State);
        return ExitCodes.Done;
    }

    private (TState State, Position Position) Begin(Trainable<TState> model, Keeper<TState> keeper)
    {
        var state = model.Initial();
        if (keeper.MoveAside() is { } aside)
        {
            console.WriteLine($"{_options.CheckpointFile} held something other than a finished run; that is now {aside}, and a new run begins");
        }

        keeper.Save(state, Position.Start);
        return (state, Position.Start);
    }

    private Moment<TState> Train(
        Trainable<TState> model,
        TrainingRun run,
        DataSet test,
        Moment<TState> moment,
        Keeper<TState> keeper,
        MetricsLog log,
        Action<Snapshot> report,
        CancellationToken stopping)
    {
        var pace = new Pace(time, run.Steps);
        var began = time.GetTimestamp();
        var first = run.StepsAt(moment.Position);
        LogBegan(first, run.Steps);

        foreach (var next in run.From(moment.State, moment.Position, model.Step))
        {
            moment = next;
            var step = run.StepsAt(moment.Position);
            if (!double.IsFinite(moment.Loss))
            {
                log.Write("diverged", step, ("loss", moment.Loss));
                throw Diverged(moment, step);
            }

            telemetry.Stepped(moment.Loss, time.GetElapsedTime(began));
            health.Stepped();
            log.Write("step", step, ("loss", moment.Loss));
            double? tested = moment.EndsEpoch ? Test(model, moment.State, test) : null;
            report(Seen(run, moment.Position, tested, pace));

            var ended = moment.Next.Epoch >= run.Epochs;
            if (ended || stopping.IsCancellationRequested || keeper.IsDue)
            {
                keeper.Save(moment.State, moment.Next);
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
                    ("test_accuracy", tested ?? double.NaN));
            }

            if (stopping.IsCancellationRequested)
            {
                break;
            }

            began = time.GetTimestamp();
        }

        return moment;
    }

    private double Test(Trainable<TState> model, TState state, DataSet test)
    {
        var share = Classified.By(model, state, test).Share;
        telemetry.Tested(share);
        return share;
    }

    private static Snapshot Seen(TrainingRun run, Position position, double? tested, Pace pace)
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
            pace.Left(step));
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

    private void Finish(Trainable<TState> model, Scaling scaling, DataSet test, TState state)
    {
        var found = Classified.By(model, state, test);
        var parameters = model.Parameters(state);
        var shape = new Shape(test.Features);
        KeyValuePair<string, HostStorage>[] all =
        [
            .. parameters,
            new("scaling.offset", HostStorage.Copy<float>(shape, scaling.Offset)),
            new("scaling.factor", HostStorage.Copy<float>(shape, scaling.Factor)),
        ];

        ParameterFile.Write(_options.OutputFile, all, new Dictionary<string, string>
        {
            ["data"] = test.Name,
            ["features"] = test.Features.ToString(CultureInfo.InvariantCulture),
            ["hidden"] = _options.Hidden,
            ["classes"] = test.Classes.ToString(CultureInfo.InvariantCulture),
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
