using Microsoft.Extensions.Options;

namespace Ad.Host;

/// <summary>How far to compare the two modes, and where to put the results.</summary>
public sealed class ModesOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Modes";

    /// <summary>The most inputs; n doubles from 1 up to it.</summary>
    [Between(1, 65_536)]
    public int Inputs { get; set; } = 1024;

    /// <summary>How often each gradient is timed.</summary>
    [Between(1, 10_000)]
    public int Repeats { get; set; } = 5;

    /// <summary>Where the chart goes; null draws none.</summary>
    [NewFile]
    public string? Svg { get; set; }

    /// <summary>Where the table goes; null writes none.</summary>
    [NewFile]
    public string? Csv { get; set; }
}

/// <summary>Checks the attributes above; its body is generated.</summary>
[OptionsValidator]
public sealed partial class ModesOptionsValidator : IValidateOptions<ModesOptions>;
