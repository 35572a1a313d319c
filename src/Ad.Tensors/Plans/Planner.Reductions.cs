namespace Ad.Tensors;

internal sealed partial class Planner<K>
    where K : PlanStep
{
    // Elements side by side that are worth a reduction of their own.
    private const int ShortRun = 32;

    private Value.Stored Reduce(Instruction instruction, Operation.Reduce reduce)
    {
        var operand = instruction.Operands[0];
        var shape = _program.Instructions[operand].Shape;
        if (reduce.Kind is Reduction.ArgMax or Reduction.ArgMin && shape[reduce.Axes[0]] == 0)
        {
            throw new ArgumentException(
                $"The reduction {Names.CamelCase(reduce.Kind.ToString())} has no answer along axis {reduce.Axes[0]} of {shape}, which is empty.");
        }

        var value = _values[operand];
        if (Split(shape, reduce.Axes) is not { } extents)
        {
            // Reduced axes with kept ones between them: first those behind, all of them side by side, then the others.
            var between = Between(shape, reduce.Axes);
            if (value is not Value.Stored { View.Layout: var lies } || (lies.IsContiguous() && lies.Strides[between] >= ShortRun))
            {
                return InTwo(instruction, reduce, between);
            }

            // Seen with the kept ones before them first.
            var view = InMemory(operand);
            var order = Order(view.Layout, reduce.Axes, out extents);
            value = new Value.Stored(view with { Layout = view.Layout.Permute(order) });
        }
        else if (value is Value.Stored stored)
        {
            var order = Order(stored.View.Layout, reduce.Axes, out extents);
            value = new Value.Stored(stored.View with { Layout = stored.View.Layout.Permute(order) });
        }

        if (extents is { Outer: 1, Inner: 1, Reduced: >= FewElements }
            && reduce.Kind is Reduction.Sum or Reduction.Max or Reduction.Min
            && value is Value.Member member
            && RowsOf((PointwiseGroup)_steps[member.Step]) is { } rows)
        {
            var partial = Reduce(operand, value, rows, reduce.Kind, PartialType(reduce.Kind, instruction.Type), new Shape(checked((int)rows.Outer)));
            return Reduce(-1, partial, new Extents(1, rows.Outer, 1), reduce.Kind, instruction.Type, instruction.Shape);
        }

        return Reduce(operand, value, extents, reduce.Kind, instruction.Type, instruction.Shape);
    }

    /// <summary>The rows that a group's reductions leave, or along which it reads what is the same all along a row; null where there are none.</summary>
    private static Extents? RowsOf(PointwiseGroup group)
    {
        if (group.Extents is { } known)
        {
            return known is { Outer: > 1, Inner: 1 } ? known : null;
        }

        foreach (var load in group.Nodes.OfType<Node.Load>())
        {
            var layout = load.View.Layout;
            if (layout.Rank > 1 && layout.Strides[^1] == 0 && layout.Sizes[^1] >= ShortRun && !layout.IsSplat())
            {
                long width = layout.Sizes[^1];
                return new Extents(group.Elements / width, width, 1);
            }
        }

        return null;
    }

    // Sums of float32 stay in double from one reduction to the next.
    private static DType PartialType(Reduction kind, DType type) => kind == Reduction.Sum && type == DType.Float32 ? DType.Float64 : type;

    private Value.Stored Reduce(int operand, Value value, Extents extents, Reduction kind, DType type, Shape shape)
    {
        var step = FindGroupFor(value, extents);
        var group = (PointwiseGroup)_steps[step];
        group.Extents = extents;
        var node = value is Value.Stored placed ? group.Add(Load(placed.View)) : NodeIn(step, operand, value);
        var slot = NewSlot(type, shape, step);
        group.Reductions.Add(new GroupReduction(node, kind, type, slot));
        return new Value.Stored(new View(slot, type, Layout.RowMajor(shape)));
    }

    // The last kept axis that lies between two reduced ones.
    private static int Between(Shape shape, Axes axes)
    {
        var last = Enumerable.Range(0, shape.Rank).Last(a => axes.Contains(a) && shape[a] != 1);
        return Enumerable.Range(0, last).Last(a => !axes.Contains(a) && shape[a] != 1);
    }

    /// <summary>A reduction of the axes behind one, and then of the others.</summary>
    private Value.Stored InTwo(Instruction instruction, Operation.Reduce reduce, int between)
    {
        var shape = ShapeOf(instruction, 0);
        var type = PartialType(reduce.Kind, instruction.Type);
        var behind = new Axes([.. reduce.Axes.Values.ToArray().Where(a => a > between)]);
        var others = new Axes([.. reduce.Axes.Values.ToArray().Where(a => a < between)]);
        var partial = Reduce(
            instruction.Operands[0],
            _values[instruction.Operands[0]],
            Split(shape, behind)!.Value,
            reduce.Kind,
            type,
            new Shape([.. Enumerable.Range(0, shape.Rank).Where(a => !behind.Contains(a)).Select(a => shape[a])]));
        var order = Order(partial.View.Layout, others, out var extents);
        var turned = new Value.Stored(partial.View with { Layout = partial.View.Layout.Permute(order) });
        return Reduce(-1, turned, extents, reduce.Kind, instruction.Type, instruction.Shape);
    }

    private int FindGroupFor(Value value, Extents extents)
    {
        for (var step = _steps.Count - 1; step >= Math.Max(0, ReadyBefore(value)); step--)
        {
            if (_steps[step] is PointwiseGroup group
                && group.Elements == extents.Elements
                && (group.Extents is null || group.Extents == extents)
                && (group.Elements <= FewestElements || group.Nodes.Count < MostReducedNodes)
                && Shares(group, step, [value]))
            {
                return step;
            }
        }

        _steps.Add(new PointwiseGroup(extents.Elements));
        return _steps.Count - 1;
    }

    /// <summary>The extents when the reduced axes lie side by side, else null. Axes of size 1 lie anywhere.</summary>
    private static Extents? Split(Shape shape, Axes axes)
    {
        long outer = 1, reduced = 1, inner = 1;
        var (inside, past) = (false, false);
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            var size = shape[axis];
            if (size == 1)
            {
                continue;
            }

            if (axes.Contains(axis))
            {
                if (past)
                {
                    return null;
                }

                inside = true;
                reduced *= size;
            }
            else
            {
                past = inside;
                (outer, inner) = inside ? (outer, inner * size) : (outer * size, inner);
            }
        }

        return new Extents(outer, reduced, inner);
    }

    /// <summary>
    /// The order of axes in which to walk a view: kept ones, reduced ones, and last again kept ones where they lie nearer in memory.
    /// </summary>
    private static int[] Order(Layout layout, Axes axes, out Extents extents)
    {
        var kept = Enumerable.Range(0, layout.Rank).Where(a => !axes.Contains(a)).ToList();
        var reduced = Enumerable.Range(0, layout.Rank).Where(axes.Contains).ToList();
        var nearKept = kept.Where(a => layout.Sizes[a] > 1).Select(a => Distance(layout, a)).DefaultIfEmpty(long.MaxValue).Min();
        var nearReduced = reduced.Where(a => layout.Sizes[a] > 1).Select(a => Distance(layout, a)).DefaultIfEmpty(long.MaxValue).Min();
        var first = kept.Count;
        if (nearKept < nearReduced)
        {
            // The trailing kept axes from the nearest on, and those before it that lie inside the reduced ones anyway.
            first = kept.FindLastIndex(a => layout.Sizes[a] > 1 && Distance(layout, a) == nearKept);
            while (first > 0 && reduced.Count > 0 && kept[first - 1] > reduced[^1])
            {
                first--;
            }
        }

        extents = new Extents(
            Product(layout, kept[..first]), Product(layout, reduced), Product(layout, kept[first..]));
        return [.. kept[..first], .. reduced, .. kept[first..]];
    }

    private static long Distance(Layout layout, int axis) => layout.Strides[axis] == 0 ? long.MaxValue : Math.Abs(layout.Strides[axis]);

    private static long Product(Layout layout, List<int> axes) => axes.Aggregate(1L, (product, axis) => product * layout.Sizes[axis]);
}
