namespace Ad.Host;

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
