namespace Ad.Host;

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
