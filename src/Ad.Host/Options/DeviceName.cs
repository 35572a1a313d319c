using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Ad.Tensors;
using Ad.Tensors.Cuda;

namespace Ad.Host;

/// <summary>The name of a device, cpu, cuda, which is cuda:0, or cuda:1 and so on; or of several, such as cuda:0,1.</summary>
public static class DeviceName
{
    private const string Cuda = "cuda:";

    /// <summary>Whether the text names a device or several, there or not.</summary>
    public static bool IsOne(string? text) => Ordinals(text) is not null;

    /// <summary>The devices of a name, in its order.</summary>
    /// <exception cref="ShellException">One cannot be used; the message says what is missing.</exception>
    public static Device[] Find(string text)
    {
        try
        {
            return [.. Ordinals(text)!.Select(ordinal => ordinal < 0 ? Device.Cpu : Device.Cuda(ordinal))];
        }
        catch (CudaException e)
        {
            throw ShellException.BadOption($"--device {text}: {e.Message}", e);
        }
    }

    // -1 is the host's processors.
    private static int[]? Ordinals(string? text)
    {
        var name = text?.Trim().ToLowerInvariant();
        if (name is "cpu" or "cuda")
        {
            return [name == "cpu" ? -1 : 0];
        }

        if (name is null || !name.StartsWith(Cuda, StringComparison.Ordinal))
        {
            return null;
        }

        var ordinals = new List<int>();
        foreach (var part in name[Cuda.Length..].Split(','))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) || ordinals.Contains(ordinal))
            {
                return null;
            }

            ordinals.Add(ordinal);
        }

        return [.. ordinals];
    }
}

/// <summary>The option names a device, or several.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DeviceNameAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        DeviceName.IsOne(value as string)
            ? ValidationResult.Success
            : new ValidationResult($"{OptionName.Of(validationContext)} is {value}, but must be cpu, cuda, or cuda: and a number, or numbers such as cuda:0,1.");
}
