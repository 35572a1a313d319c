using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Ad.Host;

/// <summary>The option is a finite number between two others; NaN and the infinities never are.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class BetweenAttribute(double low, double high) : ValidationAttribute
{
    /// <summary>The least it may be.</summary>
    public double Low { get; } = low;

    /// <summary>The most it may be.</summary>
    public double High { get; } = high;

    /// <summary>Whether it must stay above <see cref="Low"/>.</summary>
    public bool AboveLow { get; init; }

    /// <summary>Whether it must stay below <see cref="High"/>.</summary>
    public bool BelowHigh { get; init; }

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
        var holds = double.IsFinite(number)
            && (AboveLow ? number > Low : number >= Low)
            && (BelowHigh ? number < High : number <= High);

        if (holds)
        {
            return ValidationResult.Success;
        }

        var low = AboveLow ? $"above {OptionName.Text(Low)}" : $"at least {OptionName.Text(Low)}";
        var high = BelowHigh ? $"below {OptionName.Text(High)}" : $"at most {OptionName.Text(High)}";
        return new ValidationResult(
            $"{OptionName.Of(validationContext)} is {OptionName.Text(number)}, but must be a number {low} and {high}.");
    }
}
