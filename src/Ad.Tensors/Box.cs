namespace Ad.Tensors;

/// <summary>A box of a tensor's elements: where it begins along each axis, and how many elements it has there.</summary>
internal readonly record struct Box(Axes Starts, Shape Sizes)
{
    /// <summary>All elements.</summary>
    public static Box Whole(Shape shape) => new(new Axes(new int[shape.Rank]), shape);

    /// <summary>Whether there is no element in it.</summary>
    public bool IsEmpty => Sizes.Elements == 0;

    /// <summary>Whether it is worth while to treat it apart from the other elements of such a tensor.</summary>
    public bool IsFewOf(Shape shape) => shape.Elements > 0 && Sizes.Elements <= shape.Elements / 2;

    /// <summary>Whether all elements of another are in it.</summary>
    public bool Holds(Box other) => Meet(other) == other;

    /// <summary>The elements that are in both; a box without elements if there are none.</summary>
    public Box Meet(Box other) => Over(other, static (a, b) => (Math.Max(a.Start, b.Start), Math.Min(a.End, b.End)));

    /// <summary>The smallest box that holds both; one without elements adds nothing.</summary>
    public Box Join(Box other) =>
        IsEmpty ? other : other.IsEmpty ? this : Over(other, static (a, b) => (Math.Min(a.Start, b.Start), Math.Max(a.End, b.End)));

    /// <summary>The box as it lies when its tensor's element at these places is the first.</summary>
    public Box From(Axes places) => At(places, -1);

    /// <summary>The box as it lies when its tensor's first element is at these places.</summary>
    public Box To(Axes places) => At(places, 1);

    /// <summary>The box with its axes in another order.</summary>
    public Box Permuted(Axes axes)
    {
        var (starts, sizes) = (new int[axes.Count], new int[axes.Count]);
        for (var i = 0; i < starts.Length; i++)
        {
            (starts[i], sizes[i]) = (Starts[axes[i]], Sizes[axes[i]]);
        }

        return new Box(new Axes(starts), new Shape(sizes));
    }

    private Box At(Axes places, int sign)
    {
        var starts = Starts.ToArray();
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] += sign * places[i];
        }

        return new Box(new Axes(starts), Sizes);
    }

    private Box Over(Box other, Func<(int Start, int End), (int Start, int End), (int Start, int End)> along)
    {
        var (starts, sizes) = (new int[Starts.Count], new int[Starts.Count]);
        for (var i = 0; i < starts.Length; i++)
        {
            var (start, end) = along((Starts[i], Starts[i] + Sizes[i]), (other.Starts[i], other.Starts[i] + other.Sizes[i]));
            (starts[i], sizes[i]) = (start, Math.Max(0, end - start));
        }

        return new Box(new Axes(starts), new Shape(sizes));
    }
}
