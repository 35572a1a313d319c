using System.Globalization;

namespace Ad.Host;

/// <summary>The work of one full gradient in one mode.</summary>
/// <param name="Passes">Derivative passes through the function.</param>
/// <param name="Evaluations">Primitive operations evaluated.</param>
/// <param name="Seconds">Time of a gradient, the median of some.</param>
public readonly record struct ModeCost(long Passes, long Evaluations, double Seconds);

/// <summary>The work of a full gradient of a function of <paramref name="Inputs"/> numbers, in both modes.</summary>
public sealed record ModeRow(int Inputs, ModeCost Forward, ModeCost Reverse)
{
    /// <summary>How many times longer forward takes.</summary>
    public double Ratio => Forward.Seconds / Reverse.Seconds;

    /// <summary>The numbers of inputs to compare at: doubling from 1, and the last as asked.</summary>
    public static IEnumerable<int> Sizes(int most)
    {
        for (var n = 1; n < most; n *= 2)
        {
            yield return n;
        }

        yield return most;
    }

    /// <summary>The rows as comma-separated values under a heading.</summary>
    public static string Csv(IEnumerable<ModeRow> rows)
    {
        const string Heading = "inputs,forward_passes,forward_evaluations,forward_seconds,reverse_passes,reverse_evaluations,reverse_seconds\n";
        return Heading + string.Concat(rows.Select(row => string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Inputs},{row.Forward.Passes},{row.Forward.Evaluations},{row.Forward.Seconds:G6},{row.Reverse.Passes},{row.Reverse.Evaluations},{row.Reverse.Seconds:G6}\n")));
    }
}
