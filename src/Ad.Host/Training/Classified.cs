namespace Ad.Host;

/// <summary>How many of some examples were classified correctly.</summary>
public readonly record struct Classified(int Correct, int Of)
{
    private const int Chunk = 1000;

    /// <summary>The share classified correctly.</summary>
    public double Share => Of == 0 ? 0 : (double)Correct / Of;

    /// <summary>Classifies every example of a data set.</summary>
    public static Classified By<TState>(Trainable<TState> model, TState state, DataSet data)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        return new Classified(Batch.Consecutive(data, Chunk).Sum(batch => model.Correct(state, batch)), data.Count);
    }
}
