using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;

namespace Ad.Host;

/// <summary>From a number to a greater one, written 0.001..0.1, or one number.</summary>
/// <param name="Low">The least.</param>
/// <param name="High">The greatest.</param>
public readonly record struct NumberRange(double Low, double High)
{
    /// <summary>The range that a text says, or null.</summary>
    public static NumberRange? Parse(string? text)
    {
        var parts = (text ?? "").Split("..");
        var numbers = parts.Select(p => double.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out var n) ? n : double.NaN).ToArray();
        return numbers.Length is 1 or 2 && numbers.All(double.IsFinite) && numbers[0] <= numbers[^1] ? new NumberRange(numbers[0], numbers[^1]) : null;
    }
}

/// <summary>The option is a range of numbers within two others.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WithinAttribute(double low, double high) : ValidationAttribute
{
    /// <summary>The least it may reach.</summary>
    public double Low { get; } = low;

    /// <summary>The most it may reach.</summary>
    public double High { get; } = high;

    /// <summary>Whether it goes by powers, so that it begins above 0.</summary>
    public bool ByPowers { get; init; }

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        NumberRange.Parse(value as string) is { } range
        && range.Low >= Low && range.High <= High && !(ByPowers && range.Low <= 0 && range.High > range.Low)
            ? ValidationResult.Success
            : new ValidationResult(
                $"{OptionName.Of(validationContext)} is {value}, but must be a number from {OptionName.Text(Low)} to {OptionName.Text(High)}, or two such as 0.001..0.1{(ByPowers ? ", the first above 0" : "")}.");
}

/// <summary>What is searched for, and how.</summary>
public sealed class SearchOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Search";

    /// <summary>What is to be learned, as for training; null is the built-in digits.</summary>
    public string? Data { get; set; }

    /// <summary>What is trained.</summary>
    [OneOf(Known.Models)]
    public string Model { get; set; } = "mlp";

    /// <summary>Units of the hidden layers.</summary>
    [LayerSizes]
    public string Hidden { get; set; } = "64";

    /// <summary>How updates are made from gradients.</summary>
    [OneOf(Known.Optimizers)]
    public string Optimizer { get; set; } = "adam";

    /// <summary>Examples in a step.</summary>
    [Between(1, 1_000_000)]
    public int Batch { get; set; } = 64;

    /// <summary>Epochs of each run.</summary>
    [Between(1, 1_000_000)]
    public int Epochs { get; set; } = 5;

    /// <summary>How settings are chosen.</summary>
    [OneOf(Known.Searches)]
    public string Method { get; set; } = "bayes";

    /// <summary>Settings to try; of a grid, values of each setting.</summary>
    [Between(1, 10_000)]
    public int Trials { get; set; } = 20;

    /// <summary>Parts of the training examples, each held out of a run once.</summary>
    [Between(2, 1000)]
    public int Folds { get; set; } = 3;

    /// <summary>Learning rates to search.</summary>
    [Within(1e-12, 1000, ByPowers = true)]
    public string LearningRate { get; set; } = "0.0001..0.1";

    /// <summary>Weight decays to search.</summary>
    [Within(0, 1, ByPowers = true)]
    public string WeightDecay { get; set; } = "0.0001..0.1";

    /// <summary>Shares of dropout to search.</summary>
    [Within(0, 0.99)]
    public string Dropout { get; set; } = "0..0.5";

    /// <summary>Where all that is random comes from.</summary>
    public long Seed { get; set; }

    /// <summary>Where the table goes; null writes none.</summary>
    [NewFile]
    public string? Csv { get; set; }
}

/// <summary>Checks the attributes above; its body is generated.</summary>
[OptionsValidator]
public sealed partial class SearchOptionsValidator : IValidateOptions<SearchOptions>;
