using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Ad.Host;

/// <summary>The sizes of hidden layers, written 256,64, or none.</summary>
public static class LayerSizes
{
    private const int Most = 65_536;

    /// <summary>The sizes, or null when the text does not say any.</summary>
    public static IReadOnlyList<int>? Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text) || text.Trim().Equals("none", StringComparison.OrdinalIgnoreCase))
        {
            return [];
        }

        var sizes = text.Split(',').Select(Size).ToArray();
        return sizes.Contains(0) ? null : sizes;
    }

    private static int Size(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var n)
        && n <= Most ? n : 0;
}

/// <summary>The option says the sizes of hidden layers.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LayerSizesAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        LayerSizes.Parse(value as string) is not null
            ? ValidationResult.Success
            : new ValidationResult(
                $"{OptionName.Of(validationContext)} is {value}, but must be sizes from 1 to 65536 such as 256,64, or none.");
}
