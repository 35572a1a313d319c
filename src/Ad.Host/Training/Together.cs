namespace Ad.Host;

/// <summary>
/// How many steps to make before anybody can look, so that many are made together and yet a signal, or somebody who watches, waits a quarter of a second or so: twice
/// as many while they take less than that, half as many when they take more than twice.
/// </summary>
public sealed class Together(TimeProvider time)
{
    private const double Wait = 0.25;
    private const int Most = 256;
    private long _began = time.GetTimestamp();
    private int _count;

    /// <summary>How many now; the time since it was last asked is that of those before.</summary>
    public int Next()
    {
        var seconds = time.GetElapsedTime(_began).TotalSeconds;
        _began = time.GetTimestamp();
        _count = _count == 0 ? 1
            : seconds < Wait ? Math.Min(Most, _count * 2)
            : seconds > 2 * Wait ? Math.Max(1, _count / 2)
            : _count;
        return _count;
    }
}
