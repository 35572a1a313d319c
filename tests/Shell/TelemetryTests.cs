using System.Diagnostics.Metrics;
using System.Text.Json;
using Ad.Host;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Shell;

public sealed class TelemetryTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Every_step_is_counted()
    {
        var steps = 0L;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Name == "ad.training.steps")
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, n, _, _) => Interlocked.Add(ref steps, n));
        listener.Start();

        var run = new ToyRun(_scratch);
        run.Train(run.Options(o => o.Epochs = 1));
        Assert.True(steps >= 29);
    }

    [Fact]
    public void The_log_holds_an_object_for_each_step_and_epoch()
    {
        var run = new ToyRun(_scratch);
        run.Train(run.Options(o => o.Log = _scratch["m.jsonl"]), stopAt: 30);
        run.Train(run.Options(o => (o.Log, o.Resume) = (_scratch["m.jsonl"], true)));

        var lines = File.ReadAllLines(_scratch["m.jsonl"]).Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        var steps = lines.Where(l => l.GetProperty("event").GetString() == "step").Select(l => l.GetProperty("step").GetInt32());
        var epochs = lines.Where(l => l.GetProperty("event").GetString() == "epoch").Select(l => l.GetProperty("test_accuracy").GetDouble());
        Assert.Equal(Enumerable.Range(1, 87), steps);
        Assert.Equal(3, epochs.Count());
    }

    [Fact]
    public async Task Health_suffers_when_no_step_ends_for_a_minute()
    {
        var time = new FakeTime();
        var health = new TrainingHealth(time);
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(new(), TestContext.Current.CancellationToken)).Status);
        time.Pass(TimeSpan.FromSeconds(61));
        Assert.Equal(HealthStatus.Degraded, (await health.CheckHealthAsync(new(), TestContext.Current.CancellationToken)).Status);
        health.Stepped();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(new(), TestContext.Current.CancellationToken)).Status);
    }
}
