namespace Ad.Host;

/// <summary>
/// Estimates the time left from the steps of the last few seconds: the first steps also compile, and what they took says
/// nothing about the rest.
/// </summary>
public sealed class Pace(TimeProvider time, long steps)
{
    private const double Memory = 2;
    private readonly long _start = time.GetTimestamp();
    private long _lastAt = time.GetTimestamp();
    private long? _lastStep;
    private double _seconds;
    private double _taken;

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>The time left after <paramref name="step"/> steps of the run; null while there is nothing to go by.</summary>
    public TimeSpan? Left(long step)
    {
        var now = time.GetTimestamp();

        if (_lastStep is { } last && step > last)
        {
            var passed = time.GetElapsedTime(_lastAt, now).TotalSeconds;
            var kept = Math.Exp(-passed / Memory);
            _seconds = (_seconds * kept) + passed;
            _taken = (_taken * kept) + (step - last);
        }

        (_lastStep, _lastAt) = (step, now);
        return _taken > 0 ? TimeSpan.FromSeconds(_seconds / _taken * (steps - step)) : null;
    }
}
