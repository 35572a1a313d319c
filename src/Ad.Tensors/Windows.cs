namespace Ad.Tensors;

/// <summary>
/// Windows over the last axes of a tensor, one number each for every axis: their sizes, the distances between them, how far the first begins
/// before the first element (negative: after it), and the distances between elements of the operand and of a window. Compared by value.
/// </summary>
public sealed record Windows(Axes Sizes, Axes Strides, Axes Low, Axes InputDilation, Axes Dilation)
{
    /// <summary>How many axes have windows.</summary>
    public int Count => Sizes.Count;

    /// <summary>Such as: [2, 2] stride [2, 2] low [0, 0] dilation [1, 1] [1, 1].</summary>
    public override string ToString() => $"{Sizes} stride {Strides} low {Low} dilation {InputDilation} {Dilation}";

    /// <summary>How the axes go together.</summary>
    internal WindowAxis[] Axes(Shape operand, Shape result)
    {
        var axes = new WindowAxis[Count];
        for (var axis = 0; axis < Count; axis++)
        {
            var place = operand.Rank - Count + axis;
            axes[axis] = new WindowAxis(
                operand[place], Sizes[axis], result[place], Strides[axis], Low[axis], InputDilation[axis], Dilation[axis]);
        }

        return axes;
    }

    /// <summary>How many elements all windows have.</summary>
    internal long Hits(Shape operand, Shape result)
    {
        var hits = 1L;
        for (var axis = 0; axis < operand.Rank - Count; axis++)
        {
            hits *= operand[axis];
        }

        foreach (var axis in Axes(operand, result))
        {
            hits *= axis.Hits();
        }

        return hits;
    }
}
