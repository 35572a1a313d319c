namespace Ad.Host;

/// <summary>
/// Estimates the time left from the steps taken so far. The first step is left out: it also compiles, and takes longer.
/// </summary>
public sealed class Pace(TimeProvider time, long steps)
{
    private readonly long _start = time.GetTimestamp();
    private long _firstStep;
    private long _firstAt;

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>The time left after <paramref name="step"/> steps of the run; null while there is nothing to go by.</summary>
    public TimeSpan? Left(long step)
    {
        if (_firstAt == 0)
        {
            (_firstStep, _firstAt) = (step, time.GetTimestamp());
            return null;
        }

        var taken = step - _firstStep;
        return taken <= 0 ? null : time.GetElapsedTime(_firstAt) / taken * (steps - step);
    }
}
