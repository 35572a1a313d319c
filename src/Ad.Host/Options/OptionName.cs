using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Ad.Host;

/// <summary>What an option is called on the command line and in configuration.</summary>
public static partial class OptionName
{
    /// <summary>Both names of the option under validation: --learning-rate (Train:LearningRate).</summary>
    public static string Of(ValidationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var section = context.ObjectType.Name.Replace("Options", "", StringComparison.Ordinal);
        return $"{Switch(context.MemberName!)} ({section}:{context.MemberName})";
    }

    /// <summary>The name on the command line of a property: --learning-rate of LearningRate.</summary>
    public static string Switch(string property) =>
        "--" + Capital().Replace(property, "-$0").TrimStart('-').ToLowerInvariant();

    /// <summary>A number as people write it.</summary>
    internal static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
