namespace Ad.Host;

/// <summary>What the program tells whoever started it; the numbers from 64 on are those of sysexits.h.</summary>
public static class ExitCodes
{
    /// <summary>The work is done, or a signal stopped it and it is saved.</summary>
    public const int Done = 0;

    /// <summary>A gradient law does not hold.</summary>
    public const int LawBroken = 1;

    /// <summary>The doctor found something wrong.</summary>
    public const int Unwell = 2;

    /// <summary>The command line cannot be read.</summary>
    public const int Usage = 64;

    /// <summary>A data, parameter or checkpoint file is missing or damaged.</summary>
    public const int Data = 65;

    /// <summary>The work failed.</summary>
    public const int Failed = 70;

    /// <summary>An option has a value it must not have.</summary>
    public const int Configuration = 78;
}
