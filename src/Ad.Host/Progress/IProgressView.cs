namespace Ad.Host;

/// <summary>Shows the progress of a piece of work while it runs.</summary>
public interface IProgressView
{
    /// <summary>Runs the work; it reports what is new.</summary>
    T Show<T>(Func<Action<Snapshot>, T> work);
}
