using Ad.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Shell;

/// <summary>Trains the toy in this process, in a folder of its own.</summary>
public sealed class ToyRun(Scratch scratch)
{
    /// <summary>What each run printed.</summary>
    public StringWriter Output { get; } = new();

    public FakeTime Time { get; } = new();

    public TrainOptions Options(Action<TrainOptions>? change = null)
    {
        var options = new TrainOptions
        {
            Epochs = 3,
            Batch = 50,
            LearningRate = 0.5,
            Output = scratch["toy.safetensors"],
            CheckpointEvery = 0,
        };
        change?.Invoke(options);
        return options;
    }

    /// <summary>Runs; a signal comes while step number <paramref name="stopAt"/> is in hand.</summary>
    public int Train(TrainOptions options, int stopAt = 0, Func<Trainable<ToyState>, Trainable<ToyState>>? wrap = null)
    {
        using var services = new ServiceCollection().AddMetrics().AddSingleton<TrainingTelemetry>().BuildServiceProvider();
        using var signal = new CancellationTokenSource();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(Output) });
        console.Profile.Width = 1000;
        var steps = 0;

        Trainable<ToyState> Signalled(TrainOptions o, DataSplit data)
        {
            var toy = Toy.Factory(o, data);
            toy = wrap?.Invoke(toy) ?? toy;
            return toy.With((state, batch) =>
            {
                if (++steps == stopAt)
                {
                    signal.Cancel();
                }

                return toy.Step(state, batch);
            });
        }

        var verb = new TrainVerb<ToyState>(
            Signalled,
            Microsoft.Extensions.Options.Options.Create(options),
            console,
            new LineView(Output, Time),
            services.GetRequiredService<TrainingTelemetry>(),
            new TrainingHealth(Time),
            Time,
            NullLogger<TrainVerb<ToyState>>.Instance);
        return verb.Run(signal.Token);
    }
}

/// <summary>Changes to a toy.</summary>
public static class Toys
{
    public static Trainable<ToyState> With(this Trainable<ToyState> toy, Func<ToyState, Batch, StepResult<ToyState>> step) => new()
    {
        Initial = toy.Initial,
        Step = step,
        Correct = toy.Correct,
        Save = toy.Save,
        Load = toy.Load,
        Parameters = toy.Parameters,
    };
}
