using Spectre.Console;

namespace Ad.Host;

/// <summary>Shows the progress of a piece of work while it runs.</summary>
public interface IProgressView
{
    /// <summary>Runs the work; it reports what is new.</summary>
    T Show<T>(Func<Action<Snapshot>, T> work);
}

/// <summary>Shows nothing.</summary>
public sealed class NoView : IProgressView
{
    /// <inheritdoc/>
    public T Show<T>(Func<Action<Snapshot>, T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return work(_ => { });
    }
}

/// <summary>Writes a line after every epoch, and every ten seconds in long ones.</summary>
public sealed class LineView(TextWriter output, TimeProvider time) : IProgressView
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private long _last = time.GetTimestamp();

    /// <inheritdoc/>
    public T Show<T>(Func<Action<Snapshot>, T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return work(snapshot =>
        {
            if (snapshot.TestAccuracy is null && time.GetElapsedTime(_last) < Pause)
            {
                return;
            }

            _last = time.GetTimestamp();
            output.WriteLine(ProgressText.Line(snapshot).TrimEnd());
            output.Flush();
        });
    }
}

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
