using Spectre.Console;

namespace Ad.Host;

/// <summary>Keeps one line up to date on a terminal.</summary>
public sealed class LiveView(IAnsiConsole console, TimeProvider time) : IProgressView
{
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(80);
    private double? _test;
    private long _drawn;

    /// <inheritdoc/>
    public T Show<T>(Func<Action<Snapshot>, T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return console.Live(new Text("")).Start(live => work(snapshot =>
        {
            _test = snapshot.TestAccuracy ?? _test;
            var last = snapshot.Step == snapshot.Steps;

            if (last || _drawn == 0 || time.GetElapsedTime(_drawn) >= Frame)
            {
                _drawn = time.GetTimestamp();
                live.UpdateTarget(Drawn(snapshot with { TestAccuracy = _test }, console.Profile.Width - 1));
            }
        }));
    }

    // One line, however narrow the terminal is: the bar gives way first.
    private static Markup Drawn(Snapshot snapshot, int width)
    {
        var line = ProgressText.Line(snapshot);
        var (done, toDo) = ProgressText.Bar(snapshot, Math.Clamp(width - line.Length - 1, 0, 20));
        var text = Markup.Escape(line[..Math.Min(line.Length, width)]);
        return new Markup(done.Length + toDo.Length == 0 ? text : $"[green]{done}[/][grey]{toDo}[/] {text}");
    }
}
