namespace Ad.Host;

/// <summary>What a person watching a run sees.</summary>
/// <param name="Epoch">The epoch under way, from 1.</param>
/// <param name="Epochs">How many there will be.</param>
/// <param name="Step">Steps taken since the very beginning.</param>
/// <param name="Steps">How many there will be.</param>
/// <param name="Loss">The mean training loss over the epoch so far.</param>
/// <param name="Accuracy">The share of its examples classified correctly, before the step that learned from them.</param>
/// <param name="TestAccuracy">The share of the held-out examples classified correctly, at the end of an epoch.</param>
/// <param name="Elapsed">Time since this run of the program began to train.</param>
/// <param name="Left">Time it will still take, as far as one can say.</param>
public sealed record Snapshot(
    int Epoch,
    int Epochs,
    long Step,
    long Steps,
    double Loss,
    double Accuracy,
    double? TestAccuracy,
    TimeSpan Elapsed,
    TimeSpan? Left)
{
    /// <summary>What the held-out examples are called.</summary>
    public string Watched { get; init; } = "test";
}
