namespace Ad.Host;

/// <summary>How the work ended; written once by the service that did it, read once by the program.</summary>
public sealed class Outcome
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; private set; }

    /// <summary>What to print to the error stream, if anything.</summary>
    public string? Message { get; private set; }

    /// <summary>Records the end.</summary>
    public void End(int exitCode, string? message = null) => (ExitCode, Message) = (exitCode, message);
}
