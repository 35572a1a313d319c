using System.ComponentModel.DataAnnotations;

namespace Ad.Host;

/// <summary>The option, when given, names a file that can be written: its folder is there, and it is no folder itself.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NewFileAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        if (value is not string path)
        {
            return ValidationResult.Success;
        }

        var wrong =
            string.IsNullOrWhiteSpace(path) ? "names no file"
            : Directory.Exists(path) ? $"is {path}, which is a folder and not a file"
            : !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))) ? $"is {path}, but its folder does not exist"
            : null;

        return wrong is null ? ValidationResult.Success : new ValidationResult($"{OptionName.Of(validationContext)} {wrong}.");
    }
}
