using System.Globalization;

namespace Ad.Host;

/// <summary>Short times in words, and scales that reach over powers of ten.</summary>
public static class Durations
{
    /// <summary>Three digits and the unit that fits: 12.3 µs.</summary>
    public static string Text(double seconds)
    {
        var (scale, unit) = seconds switch
        {
            < 1e-6 => (1e9, "ns"),
            < 1e-3 => (1e6, "µs"),
            < 1 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{seconds * scale:G3} {unit}");
    }

    /// <summary>The powers of ten that enclose all the values, as exponents.</summary>
    public static (int Low, int High) Decades(IEnumerable<double> values)
    {
        var logs = values.Where(v => v > 0).Select(Math.Log10).DefaultIfEmpty(0).ToArray();
        var low = (int)Math.Floor(logs.Min());
        return (low, Math.Max(low + 1, (int)Math.Ceiling(logs.Max())));
    }
}
