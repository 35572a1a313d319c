using System.Collections.Immutable;

namespace Ad.Host;

/// <summary>Labelled examples: row by row the features, and a class from 0 for each row.</summary>
public sealed class DataSet
{
    /// <summary>Puts the parts together; an example is a row of features unless its sizes are given.</summary>
    public DataSet(string name, int features, int classes, float[] inputs, int[] labels, IReadOnlyList<int>? example = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(labels);
        if (inputs.LongLength != (long)features * labels.Length)
        {
            throw new ArgumentException($"{labels.Length} rows of {features} features are not {inputs.Length} numbers.");
        }

        Example = [.. example ?? [features]];
        if (Example.Aggregate(1L, (product, size) => product * size) != features)
        {
            throw new ArgumentException($"Examples of {string.Join(" x ", Example)} do not have {features} features.");
        }

        (Name, Features, Classes, Inputs, Labels) = (name, features, classes, inputs, labels);
    }

    /// <summary>What the data is called, such as digits.</summary>
    public string Name { get; }

    /// <summary>Numbers in a row.</summary>
    public int Features { get; }

    /// <summary>The sizes of one example: channels, rows and columns for images.</summary>
    public ImmutableArray<int> Example { get; }

    /// <summary>One more than the greatest label.</summary>
    public int Classes { get; }

    /// <summary>The features, row after row.</summary>
    public float[] Inputs { get; }

    /// <summary>The class of each row.</summary>
    public int[] Labels { get; }

    /// <summary>How many rows there are.</summary>
    public int Count => Labels.Length;

    /// <summary>The rows at the given places, in that order.</summary>
    public DataSet Rows(ReadOnlySpan<int> places)
    {
        var inputs = new float[places.Length * Features];
        var labels = new int[places.Length];

        for (var i = 0; i < places.Length; i++)
        {
            Inputs.AsSpan(places[i] * Features, Features).CopyTo(inputs.AsSpan(i * Features));
            labels[i] = Labels[places[i]];
        }

        return new DataSet(Name, Features, Classes, inputs, labels, Example);
    }
}
