using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Ad.Host;

/// <summary>The instruments of training, under one name.</summary>
public sealed class TrainingTelemetry
{
    /// <summary>The name of the meter and of the activity source.</summary>
    public const string Name = "Ad.Host.Training";

    /// <summary>Traces: a run, and in it each checkpoint.</summary>
    public static readonly ActivitySource Activities = new(Name);

    private readonly Counter<long> _steps;
    private readonly Counter<long> _checkpoints;
    private readonly Histogram<double> _duration;
    private readonly Gauge<double> _loss;
    private readonly Gauge<double> _accuracy;

    /// <summary>Makes the instruments.</summary>
    public TrainingTelemetry(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create(Name);
        _steps = meter.CreateCounter<long>("ad.training.steps", "{step}", "Steps taken.");
        _checkpoints = meter.CreateCounter<long>("ad.training.checkpoints", "{checkpoint}", "Checkpoints written.");
        _duration = meter.CreateHistogram<double>("ad.training.step.duration", "s", "How long each step took.");
        _loss = meter.CreateGauge<double>("ad.training.loss", description: "The last step's loss.");
        _accuracy = meter.CreateGauge<double>("ad.training.test.accuracy", "1", "The share of held-out examples classified correctly.");
    }

    /// <summary>A step was taken.</summary>
    public void Stepped(double loss, TimeSpan duration)
    {
        _steps.Add(1);
        _loss.Record(loss);
        _duration.Record(duration.TotalSeconds);
    }

    /// <summary>The held-out examples were classified.</summary>
    public void Tested(double accuracy) => _accuracy.Record(accuracy);

    /// <summary>A checkpoint was written.</summary>
    public void Saved() => _checkpoints.Add(1);
}
