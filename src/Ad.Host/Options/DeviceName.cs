using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Ad.Tensors;
using Ad.Tensors.Cuda;

namespace Ad.Host;

/// <summary>The name of a device: cpu, cuda, which is cuda:0, or cuda:1 and so on.</summary>
public static class DeviceName
{
    private const int NotOne = -2;

    /// <summary>Whether the text names a device, there or not.</summary>
    public static bool IsOne(string? text) => Ordinal(text) != NotOne;

    /// <summary>The device of a name.</summary>
    /// <exception cref="ShellException">It cannot be used; the message says what is missing.</exception>
    public static Device Find(string text)
    {
        var ordinal = Ordinal(text);
        try
        {
            return ordinal < 0 ? Device.Cpu : Device.Cuda(ordinal);
        }
        catch (CudaException e)
        {
            throw ShellException.BadOption($"--device {text}: {e.Message}", e);
        }
    }

    // -1 is the host's processors.
    private static int Ordinal(string? text) => text?.Trim().ToLowerInvariant() switch
    {
        "cpu" => -1,
        "cuda" => 0,
        { } name when name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) => ordinal,
        _ => NotOne,
    };
}

/// <summary>The option names a device.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DeviceNameAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        DeviceName.IsOne(value as string)
            ? ValidationResult.Success
            : new ValidationResult($"{OptionName.Of(validationContext)} is {value}, but must be cpu, cuda, or cuda: and a number.");
}
