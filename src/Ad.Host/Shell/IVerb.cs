namespace Ad.Host;

/// <summary>One thing the program does, from start to end.</summary>
public interface IVerb
{
    /// <summary>Does it; when <paramref name="stopping"/> is cancelled, saves what must not be lost and returns.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    /// <exception cref="ShellException">It cannot be done, and the person can mend it.</exception>
    int Run(CancellationToken stopping);
}
