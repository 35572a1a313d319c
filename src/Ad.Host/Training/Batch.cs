namespace Ad.Host;

/// <summary>Some examples: <see cref="Count"/> rows of <see cref="Features"/> numbers, and their classes.</summary>
public sealed record Batch(float[] Inputs, int[] Labels, int Features)
{
    /// <summary>How many examples there are.</summary>
    public int Count => Labels.Length;

    /// <summary>Consecutive rows of a data set, at most <paramref name="size"/> in each batch.</summary>
    public static IEnumerable<Batch> Consecutive(DataSet data, int size)
    {
        ArgumentNullException.ThrowIfNull(data);
        for (var first = 0; first < data.Count; first += size)
        {
            yield return Of(data, [.. Enumerable.Range(first, Math.Min(size, data.Count - first))]);
        }
    }

    /// <summary>The rows at the given places.</summary>
    public static Batch Of(DataSet data, ReadOnlySpan<int> places)
    {
        ArgumentNullException.ThrowIfNull(data);
        var rows = data.Rows(places);
        return new Batch(rows.Inputs, rows.Labels, rows.Features);
    }
}
