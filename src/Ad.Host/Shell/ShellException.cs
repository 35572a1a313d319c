namespace Ad.Host;

/// <summary>A failure that the person at the keyboard can mend: a sentence for them, and an exit code for their script.</summary>
public sealed class ShellException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>A data, parameter or checkpoint file is missing or damaged.</summary>
    public static ShellException BadData(string message, Exception? inner = null) => new(ExitCodes.Data, message, inner);

    /// <summary>An option has a value it must not have.</summary>
    public static ShellException BadOption(string message, Exception? inner = null) =>
        new(ExitCodes.Configuration, message, inner);
}
