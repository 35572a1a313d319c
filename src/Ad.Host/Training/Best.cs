namespace Ad.Host;

/// <summary>The best state of a run so far, by the examples that watch it.</summary>
/// <param name="Epoch">Epochs that were behind it.</param>
/// <param name="Share">The share of the examples that it classified correctly.</param>
/// <param name="State">The state.</param>
public sealed record Best<TState>(int Epoch, double Share, TState State)
{
    /// <summary>This one, or another if its share is larger.</summary>
    public Best<TState> Or(int epoch, double share, TState state) =>
        share > Share ? new Best<TState>(epoch, share, state) : this;
}
