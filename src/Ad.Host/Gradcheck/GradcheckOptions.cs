using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace Ad.Host;

/// <summary>What to check, and where to put the results.</summary>
public sealed class GradcheckOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Gradcheck";

    /// <summary>Random cases for each law.</summary>
    [Between(1, 1_000_000)]
    public int Cases { get; set; } = 100;

    /// <summary>The case to repeat, as a failure prints it; null makes new ones.</summary>
    [Replay]
    public string? Replay { get; set; }

    /// <summary>The operations to check, with commas between; null is all of them.</summary>
    public string? Operations { get; set; }

    /// <summary>Random programs to check instead of operations; 0 checks operations.</summary>
    [Between(0, 10_000_000)]
    public int Programs { get; set; }

    /// <summary>The seed of the first random program; the others follow.</summary>
    [Between(1, 1_000_000_000)]
    public int Seed { get; set; } = 1;

    /// <summary>How long to check random programs, in minutes, unless <see cref="Programs"/> come to an end before; 0 is without limit.</summary>
    [Between(0, 100_000)]
    public double Minutes { get; set; }

    /// <summary>Where the check of random programs keeps how far it is, and goes on from; null keeps nothing.</summary>
    [NewFile]
    public string? State { get; set; }

    /// <summary>The assembly whose marked functions are checked instead of operations; null checks operations.</summary>
    public string? Assembly { get; set; }

    /// <summary>Where the results go as JUnit XML; null writes none.</summary>
    [NewFile]
    public string? Junit { get; set; }

    /// <summary>Where the results go as JSON; null writes none.</summary>
    [NewFile]
    public string? Json { get; set; }

    /// <summary>Whether random programs are checked.</summary>
    internal bool IsSoak => Programs > 0 || Minutes > 0;

    /// <summary>The names in <see cref="Operations"/>.</summary>
    internal IReadOnlyList<string> Names =>
        Operations?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}

/// <summary>Checks the attributes above; its body is generated.</summary>
[OptionsValidator]
public sealed partial class GradcheckOptionsValidator : IValidateOptions<GradcheckOptions>;

/// <summary>The option, when given, is a seed as a failure prints it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed partial class ReplayAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is not string text || Seed().IsMatch(text)
            ? ValidationResult.Success
            : new ValidationResult($"{OptionName.Of(validationContext)} is {text}, but must be a seed as a failure prints it, such as (1,2,3).");

    [GeneratedRegex(@"^\s*\(?\s*\d{1,20}\s*,\s*\d{1,20}\s*(,\s*\d{1,9}\s*)?\)?\s*$")]
    private static partial Regex Seed();
}
