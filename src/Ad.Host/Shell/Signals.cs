using System.Runtime.InteropServices;

namespace Ad.Host;

/// <summary>
/// Hears SIGINT and SIGTERM from the first moment of the program to its last: the host itself listens only between its
/// start and its end, and a signal before or after that would kill the process.
/// </summary>
public sealed class Signals : IDisposable
{
    private readonly CancellationTokenSource _heard = new();
    private readonly PosixSignalRegistration[] _registrations;

    /// <summary>Begins to listen.</summary>
    public Signals() => _registrations =
    [
        .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, Hear)),
    ];

    /// <summary>Cancelled once a signal was heard.</summary>
    public CancellationToken Heard => _heard.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _heard.Dispose();
    }

    private void Hear(PosixSignalContext context)
    {
        context.Cancel = true;
        _heard.Cancel();
    }
}
