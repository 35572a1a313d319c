using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Ad.Host;

/// <summary>Healthy while steps go on; degraded when none has ended for a minute.</summary>
public sealed class TrainingHealth(TimeProvider time) : IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private long _last = time.GetTimestamp();

    /// <summary>A step was taken.</summary>
    public void Stepped() => Volatile.Write(ref _last, time.GetTimestamp());

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var since = time.GetElapsedTime(Volatile.Read(ref _last));
        var words = $"The last step ended {ProgressText.Clock(since)} ago.";
        return Task.FromResult(since < Patience ? HealthCheckResult.Healthy(words) : HealthCheckResult.Degraded(words));
    }
}

/// <summary>Logs health whenever it changes.</summary>
public sealed partial class HealthLog(ILogger<HealthLog> logger) : IHealthCheckPublisher
{
    private HealthStatus _last = HealthStatus.Healthy;

    /// <inheritdoc/>
    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (report.Status != _last)
        {
            _last = report.Status;
            LogHealth(report.Status, string.Join(" ", report.Entries.Values.Select(e => e.Description)));
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(EventId = 20, Level = LogLevel.Warning, Message = "Health is now {Status}. {Words}")]
    private partial void LogHealth(HealthStatus status, string words);
}
