namespace Ad.Tensors;

/// <summary>
/// Where the elements of a view lie in a buffer: the one at index (i, j, ...) at offset + i stride0 + j stride1 + ..., in elements.
/// Strides may be 0 (repeated) or negative (reversed), so that movement costs no copy. Immutable.
/// </summary>
internal sealed class Layout : IEquatable<Layout>
{
    private readonly int[] _sizes;
    private readonly long[] _strides;

    public Layout(int[] sizes, long[] strides, long offset) => (_sizes, _strides, Offset) = (sizes, strides, offset);

    public ReadOnlySpan<int> Sizes => _sizes;

    public ReadOnlySpan<long> Strides => _strides;

    public long Offset { get; }

    public int Rank => _sizes.Length;

    /// <summary>The elements in order, one after another.</summary>
    public static Layout RowMajor(Shape shape) => new(shape.Sizes.ToArray(), shape.Strides(), 0);

    public long Elements()
    {
        long elements = 1;
        foreach (var size in _sizes)
        {
            elements *= size;
        }

        return elements;
    }

    /// <summary>Whether row-major order walks memory one element at a time.</summary>
    public bool IsContiguous()
    {
        long expected = 1;
        for (var axis = Rank - 1; axis >= 0; axis--)
        {
            if (_sizes[axis] == 0)
            {
                return true;
            }

            if (_sizes[axis] != 1 && _strides[axis] != expected)
            {
                return false;
            }

            expected *= _sizes[axis];
        }

        return true;
    }

    /// <summary>Whether every element is the same one.</summary>
    public bool IsSplat()
    {
        for (var axis = 0; axis < Rank; axis++)
        {
            if (_sizes[axis] > 1 && _strides[axis] != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether, of a buffer with rows of some width, it reads nothing but row r in its own row r.</summary>
    public bool KeepsRows(long rows, long width)
    {
        var (least, most) = (Offset, Offset);
        for (var axis = 0; axis < Rank; axis++)
        {
            long size = _sizes[axis];
            if (rows > 1)
            {
                var outer = Math.Min(size, rows);
                if (rows % outer != 0 || size % outer != 0 || (outer > 1 && _strides[axis] * (size / outer) != width * (rows / outer)))
                {
                    return false;
                }

                (rows, size) = (rows / outer, size / outer);
            }

            var extent = (size - 1) * _strides[axis];
            (least, most) = (least + Math.Min(0, extent), most + Math.Max(0, extent));
        }

        return rows == 1 && least >= 0 && most < width;
    }

    public Layout Permute(ReadOnlySpan<int> axes)
    {
        var sizes = new int[axes.Length];
        var strides = new long[axes.Length];
        for (var i = 0; i < axes.Length; i++)
        {
            (sizes[i], strides[i]) = (_sizes[axes[i]], _strides[axes[i]]);
        }

        return new Layout(sizes, strides, Offset);
    }

    public Layout Broadcast(Shape shape)
    {
        var strides = new long[shape.Rank];
        var lead = shape.Rank - Rank;
        for (var axis = 0; axis < Rank; axis++)
        {
            strides[lead + axis] = _sizes[axis] == shape[lead + axis] ? _strides[axis] : 0;
        }

        return new Layout(shape.Sizes.ToArray(), strides, Offset);
    }

    public Layout Slice(Axes starts, Axes steps, Shape shape)
    {
        var strides = new long[Rank];
        var offset = Offset;
        for (var axis = 0; axis < Rank; axis++)
        {
            offset += shape[axis] == 0 ? 0 : starts[axis] * _strides[axis];
            strides[axis] = steps[axis] * _strides[axis];
        }

        return new Layout(shape.Sizes.ToArray(), strides, offset);
    }

    public Layout Flip(Axes axes)
    {
        var strides = Strides.ToArray();
        var offset = Offset;
        foreach (var axis in axes.Values)
        {
            offset += Math.Max(0, _sizes[axis] - 1) * strides[axis];
            strides[axis] = -strides[axis];
        }

        return new Layout(Sizes.ToArray(), strides, offset);
    }

    /// <summary>The same elements in the same order under another shape, or null when only a copy can do it.</summary>
    public Layout? Reshape(Shape shape)
    {
        if (shape.Elements == 0)
        {
            return new Layout(shape.Sizes.ToArray(), shape.Strides(), Offset);
        }

        var collapsed = Collapse();
        var strides = new long[shape.Rank];
        var axis = shape.Rank - 1;
        for (var old = collapsed.Rank - 1; old >= 0; old--)
        {
            long covered = 1;
            while (covered < collapsed._sizes[old])
            {
                if (axis < 0)
                {
                    return null;
                }

                strides[axis] = covered * collapsed._strides[old];
                covered *= shape[axis--];
            }

            if (covered != collapsed._sizes[old])
            {
                return null;
            }
        }

        return new Layout(shape.Sizes.ToArray(), strides, Offset);
    }

    /// <summary>The same elements in the same order with as few axes as can be, none of size 1.</summary>
    public Layout Collapse() => Collapse(this, this).First;

    /// <summary>Two layouts of one shape with the axes merged that merge in both.</summary>
    public static (Layout First, Layout Second) Collapse(Layout first, Layout second)
    {
        var sizes = new List<int>();
        var a = new List<long>();
        var b = new List<long>();
        for (var axis = 0; axis < first.Rank; axis++)
        {
            var size = first._sizes[axis];
            if (size == 1)
            {
                continue;
            }

            var (strideA, strideB) = (first._strides[axis], second._strides[axis]);
            if (sizes.Count > 0 && a[^1] == size * strideA && b[^1] == size * strideB && (long)sizes[^1] * size <= int.MaxValue)
            {
                (sizes[^1], a[^1], b[^1]) = (sizes[^1] * size, strideA, strideB);
            }
            else
            {
                sizes.Add(size);
                a.Add(strideA);
                b.Add(strideB);
            }
        }

        return (new Layout([.. sizes], [.. a], first.Offset), new Layout([.. sizes], [.. b], second.Offset));
    }

    public bool Equals(Layout? other) =>
        other is not null && Offset == other.Offset && Sizes.SequenceEqual(other.Sizes) && Strides.SequenceEqual(other.Strides);

    public override bool Equals(object? obj) => Equals(obj as Layout);

    public override int GetHashCode() => HashCode.Combine(Offset, Rank, Rank == 0 ? 0 : _sizes[0], Rank == 0 ? 0 : _strides[0]);

    public override string ToString() =>
        IsContiguous() ? "" : $"({string.Join(", ", _sizes)}; {string.Join(", ", _strides)}; {Offset})";
}

/// <summary>Elements that lie in a slot, seen through a layout.</summary>
internal readonly record struct View(int Slot, DType Type, Layout Layout)
{
    public override string ToString() => $"s{Slot}{Layout}";
}
