using System.Collections;

namespace Ad.Tensors;

/// <summary>The sizes of a tensor's axes, outermost first; rank 0 is a scalar. Immutable, compared by value.</summary>
public sealed class Shape : IReadOnlyList<int>, IEquatable<Shape>
{
    private readonly int[] _sizes;

    /// <summary>Creates a shape from sizes, all of them at least 0.</summary>
    /// <exception cref="ArgumentException">A size is negative.</exception>
    /// <exception cref="OverflowException">There are more than 2^63 - 1 elements.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        _sizes = sizes.ToArray();
        long elements = 1;
        foreach (var size in _sizes)
        {
            if (size < 0)
            {
                throw new ArgumentException($"A shape has no negative sizes, but {Text(_sizes)} was asked for.");
            }

            elements = checked(elements * size);
        }

        Elements = elements;
    }

    /// <summary>The shape of a scalar, [].</summary>
    public static Shape Scalar { get; } = new();

    /// <summary>The number of axes.</summary>
    public int Rank => _sizes.Length;

    /// <summary>The number of elements, the product of the sizes (1 for a scalar).</summary>
    public long Elements { get; }

    /// <summary>The sizes.</summary>
    public ReadOnlySpan<int> Sizes => _sizes;

    int IReadOnlyCollection<int>.Count => _sizes.Length;

    /// <summary>The size of one axis.</summary>
    public int this[int axis] => _sizes[axis];

    /// <summary>The row-major strides, in elements.</summary>
    public long[] Strides()
    {
        var strides = new long[_sizes.Length];
        long stride = 1;
        for (var axis = _sizes.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= _sizes[axis];
        }

        return strides;
    }

    /// <summary>
    /// The shape that two shapes broadcast to by NumPy's rule: aligned at the last axis, sizes equal or one of them 1.
    /// Null when they do not broadcast.
    /// </summary>
    public static Shape? Broadcast(Shape left, Shape right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.Equals(right))
        {
            return left;
        }

        var sizes = new int[Math.Max(left.Rank, right.Rank)];
        for (var fromEnd = 1; fromEnd <= sizes.Length; fromEnd++)
        {
            var l = fromEnd <= left.Rank ? left[^fromEnd] : 1;
            var r = fromEnd <= right.Rank ? right[^fromEnd] : 1;
            if (l != r && l != 1 && r != 1)
            {
                return null;
            }

            sizes[^fromEnd] = l == 1 ? r : l;
        }

        return new Shape(sizes);
    }

    internal int this[Index index] => _sizes[index.GetOffset(_sizes.Length)];

    /// <inheritdoc/>
    public bool Equals(Shape? other) =>
        ReferenceEquals(this, other) || (other is not null && Sizes.SequenceEqual(other.Sizes));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = _sizes.Length;
        foreach (var size in _sizes)
        {
            hash = (hash * 31) + size;
        }

        return hash;
    }

    /// <summary>Whether two shapes have the same sizes.</summary>
    public static bool operator ==(Shape? left, Shape? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape? left, Shape? right) => !(left == right);

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)_sizes).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The sizes in brackets, such as [2, 3].</summary>
    public override string ToString() => Text(_sizes);

    private static string Text(int[] sizes) => $"[{string.Join(", ", sizes)}]";
}
