using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Ad.Host;

/// <summary>Runs the verb once in the background, records how it ended and stops the host.</summary>
public sealed partial class VerbService(
    IVerb verb,
    Outcome outcome,
    IHostApplicationLifetime lifetime,
    ILogger<VerbService> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            outcome.End(verb.Run(stoppingToken));
            LogEnded(outcome.ExitCode);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            outcome.End(ExitCodes.Done);
            LogStopped();
        }
        catch (ShellException e)
        {
            outcome.End(e.ExitCode, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            outcome.End(ExitCodes.Failed, e.Message);
        }
        catch (Exception e)
        {
            LogFailed(e);
            outcome.End(ExitCodes.Failed, $"The work failed: {e.Message}");
        }

        lifetime.StopApplication();
        return Task.CompletedTask;
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "The work ended with exit code {ExitCode}.")]
    private partial void LogEnded(int exitCode);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "The work was stopped before its end.")]
    private partial void LogStopped();

    [LoggerMessage(EventId = 3, Level = LogLevel.Critical, Message = "The work failed.")]
    private partial void LogFailed(Exception exception);
}
