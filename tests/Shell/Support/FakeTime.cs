namespace Shell;

/// <summary>A clock that stands still until it is told.</summary>
public sealed class FakeTime : TimeProvider
{
    private TimeSpan _since = TimeSpan.FromSeconds(1);

    /// <summary>How far it goes on by itself each time somebody looks.</summary>
    public TimeSpan Step { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Pass(TimeSpan time) => _since += time;

    public override long GetTimestamp() => (_since += Step).Ticks;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + _since;
}
