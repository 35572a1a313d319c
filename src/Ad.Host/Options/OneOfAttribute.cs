using System.ComponentModel.DataAnnotations;
using Ad.Functional.CSharp;
using Ad.Host.Arguments;

namespace Ad.Host;

/// <summary>What there are names of.</summary>
public enum Known
{
    /// <summary>Classifiers.</summary>
    Models,

    /// <summary>Optimizers.</summary>
    Optimizers,

    /// <summary>Schedules.</summary>
    Schedules,

    /// <summary>Random changes of images.</summary>
    Changes,

    /// <summary>Types to compute in.</summary>
    Precisions,

    /// <summary>Ways to search.</summary>
    Searches,
}

/// <summary>The option is a name that the library knows, or several with commas between.</summary>
/// <param name="known">What it names.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OneOfAttribute(Known known) : ValidationAttribute
{
    /// <summary>What it names.</summary>
    public Known Known { get; } = known;

    /// <summary>Whether there may be several, or none.</summary>
    public bool Several { get; init; }

    /// <summary>The names, with commas between, as they are.</summary>
    public static string[] Split(string? text) =>
        (text ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        var names = Names(Known);
        var given = Several ? Split(value as string) : [value as string ?? ""];
        var unknown = given.FirstOrDefault(name => !names.Contains(name));
        return unknown is null
            ? ValidationResult.Success
            : new ValidationResult(
                $"{OptionName.Of(validationContext)} is {unknown}, but must be one of {string.Join(", ", names)}.{Nearest.Suggestion(names, unknown)}");
    }

    private static string[] Names(Known known) => known switch
    {
        Known.Models => Learners.Models,
        Known.Optimizers => Learners.Optimizers,
        Known.Schedules => Learners.Schedules,
        Known.Changes => Learners.Changes,
        Known.Precisions => Learners.Precisions,
        Known.Searches => ["bayes", "random", "grid"],
    };
}
