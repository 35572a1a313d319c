using System.ComponentModel.DataAnnotations;

namespace Ad.Host;

/// <summary>The option is one of its enumeration's names.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NamedAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        if (value is Enum name && Enum.IsDefined(name.GetType(), name))
        {
            return ValidationResult.Success;
        }

        var names = value is null ? "" : string.Join(", ", Enum.GetNames(value.GetType())).ToLowerInvariant();
        return new ValidationResult($"{OptionName.Of(validationContext)} is {value}, but must be one of {names}.");
    }
}
