namespace Ad.Tensors;

/// <summary>A list of integers in an operation (axes, offsets, steps), compared by value.</summary>
public readonly struct Axes : IEquatable<Axes>
{
    private readonly int[]? _values;

    /// <summary>Holds a copy of the values.</summary>
    public Axes(params ReadOnlySpan<int> values) => _values = values.ToArray();

    /// <summary>How many there are.</summary>
    public int Count => _values?.Length ?? 0;

    /// <summary>The values.</summary>
    public ReadOnlySpan<int> Values => _values;

    /// <summary>The values, in a new array.</summary>
    public int[] ToArray() => Values.ToArray();

    /// <summary>One of the values.</summary>
    public int this[int index] => Values[index];

    /// <summary>Whether a value is among them.</summary>
    public bool Contains(int value) => Values.Contains(value);

    /// <inheritdoc/>
    public bool Equals(Axes other) => Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Axes other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = Count;
        foreach (var value in Values)
        {
            hash = (hash * 31) + value;
        }

        return hash;
    }

    /// <summary>Whether two lists hold the same values.</summary>
    public static bool operator ==(Axes left, Axes right) => left.Equals(right);

    /// <summary>Whether two lists differ.</summary>
    public static bool operator !=(Axes left, Axes right) => !left.Equals(right);

    /// <summary>The values in brackets, such as [0, 2].</summary>
    public override string ToString() => $"[{string.Join(", ", _values ?? [])}]";
}
