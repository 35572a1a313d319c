namespace Ad.Host;

/// <summary>How far a run is: whole epochs, steps of the epoch under way, and that epoch's sums so far.</summary>
/// <param name="Epoch">Epochs behind it.</param>
/// <param name="Step">Steps taken in this epoch.</param>
/// <param name="Loss">The sum of the losses of this epoch's examples so far.</param>
/// <param name="Correct">How many of them were classified correctly.</param>
/// <param name="Examples">How many there were.</param>
public readonly record struct Position(int Epoch, int Step, double Loss, long Correct, long Examples)
{
    /// <summary>Where every run begins.</summary>
    public static Position Start => default;

    /// <summary>The mean loss over this epoch so far.</summary>
    public double MeanLoss => Examples == 0 ? 0 : Loss / Examples;

    /// <summary>The share of this epoch's examples classified correctly so far.</summary>
    public double Accuracy => Examples == 0 ? 0 : (double)Correct / Examples;
}
