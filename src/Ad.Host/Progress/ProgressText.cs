using System.Globalization;

namespace Ad.Host;

/// <summary>Puts a run's progress into words.</summary>
public static class ProgressText
{
    /// <summary>One line: epoch, loss, accuracy, accuracy on the held-out examples when known, time left.</summary>
    public static string Line(Snapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        var width = snapshot.Epochs.ToString(CultureInfo.InvariantCulture).Length;
        var epoch = snapshot.Epoch.ToString(CultureInfo.InvariantCulture).PadLeft(width);
        var test = snapshot.TestAccuracy is { } share ? $"  {snapshot.Watched} {Percent(share)}" : "";
        return $"epoch {epoch}/{snapshot.Epochs}  loss {Number(snapshot.Loss)}  accuracy {Percent(snapshot.Accuracy)}{test}  {Remaining(snapshot)}";
    }

    /// <summary>A share as a percentage with two digits after the point.</summary>
    public static string Percent(double share) =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * share,6:0.00} %");

    /// <summary>A time as minutes and seconds, with hours when there are any.</summary>
    public static string Clock(TimeSpan time)
    {
        var seconds = (long)Math.Ceiling(Math.Max(0, time.TotalSeconds));
        var (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        return hours > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{hours}:{minutes:00}:{seconds % 60:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{minutes}:{seconds % 60:00}");
    }

    /// <summary>A bar of the given width, filled as far as the run is.</summary>
    public static (string Done, string ToDo) Bar(Snapshot snapshot, int width)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        var done = snapshot.Steps == 0 ? width : (int)(width * snapshot.Step / snapshot.Steps);
        return (new string('━', done), new string('─', width - done));
    }

    private static string Remaining(Snapshot snapshot) =>
        snapshot.Step >= snapshot.Steps ? $"{Clock(snapshot.Elapsed)} taken"
        : snapshot.Left is { } left ? $"{Clock(left)} left"
        : "";

    private static string Number(double loss) =>
        string.Create(CultureInfo.InvariantCulture, $"{loss:0.0000}");
}
