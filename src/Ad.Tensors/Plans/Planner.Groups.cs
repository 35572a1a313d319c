namespace Ad.Tensors;

internal sealed partial class Planner<K>
    where K : PlanStep
{
    // Views smaller than this stay in the nearest cache, however they are walked.
    private const long FewElements = 4096;
    private const int ShortAxis = 4;

    // Nodes, constants and what is read among them, that are computed again rather than written and read.
    private const int FewAgain = 12;

    // Elements side by side that are worth a reduction of their own.
    private const int ShortRun = 32;

    private readonly Dictionary<View, View> _copies = [];

    /// <summary>Adds a pointwise instruction to a group it reads from, or to one of its own.</summary>
    private Value.Member Join(Instruction instruction, Func<Axes, Node> make)
    {
        var operands = new Value[instruction.Operands.Count];
        for (var i = 0; i < operands.Length; i++)
        {
            operands[i] = Near(instruction.Operands[i]);
        }

        if (Merge(operands))
        {
            for (var i = 0; i < operands.Length; i++)
            {
                operands[i] = Near(instruction.Operands[i]);
            }
        }

        var step = FindGroup(operands, instruction.Shape.Elements);
        var group = (PointwiseGroup)_steps[step];
        var nodes = new int[operands.Length];
        for (var i = 0; i < operands.Length; i++)
        {
            nodes[i] = NodeIn(step, instruction.Operands[i], operands[i]);
        }

        return new Value.Member(step, group.Add(make(new Axes(nodes))));
    }

    /// <summary>An instruction's value, copied first if a group would walk it across its lines: a copy turns it over square by square.</summary>
    private Value Near(int instruction)
    {
        if (_values[instruction] is not Value.Stored { View: var view } || view.Layout.Elements() < FewElements)
        {
            return _values[instruction];
        }

        var layout = view.Layout.Collapse();
        var inner = Distance(layout, layout.Rank - 1);
        for (var axis = 0; axis < layout.Rank - 1; axis++)
        {
            if (Distance(layout, axis) < inner && inner != long.MaxValue && layout.Sizes[axis] > ShortAxis)
            {
                if (!_copies.TryGetValue(view, out var copy))
                {
                    _copies[view] = copy = Copied(view);
                }

                return new Value.Stored(copy);
            }
        }

        return _values[instruction];
    }

    /// <summary>
    /// Moves groups of which the operands are members into the last such, where nobody else has asked for anything of theirs: what reads them both
    /// then finds all of it in registers.
    /// </summary>
    private bool Merge(ReadOnlySpan<Value> operands)
    {
        var last = -1;
        foreach (var operand in operands)
        {
            last = operand is Value.Member member ? Math.Max(last, member.Step) : last;
        }

        var merged = false;
        foreach (var operand in operands)
        {
            if (operand is Value.Member member && member.Step != last && CanMove((PointwiseGroup)_steps[member.Step], (PointwiseGroup)_steps[last]))
            {
                merged |= Move(member.Step, last);
            }
        }

        return merged;
    }

    private bool CanMove(PointwiseGroup from, PointwiseGroup to) =>
        from.Elements == to.Elements
        && from.Nodes.Count > 0
        && from.Outputs.Count == 0
        && from.Reductions.Count == 0
        && from.Nodes.Count + to.Nodes.Count <= MostNodes(to);

    private bool Move(int from, int to)
    {
        var (source, target) = ((PointwiseGroup)_steps[from], (PointwiseGroup)_steps[to]);
        var renamed = new int[source.Nodes.Count];
        for (var i = 0; i < renamed.Length; i++)
        {
            renamed[i] = target.Add(Renamed(source.Nodes[i], operand => renamed[operand]));
        }

        for (var i = 0; i < _values.Length; i++)
        {
            if (_values[i] is Value.Member member && member.Step == from)
            {
                _values[i] = new Value.Member(to, renamed[member.Node]);
            }
        }

        _steps[from] = new PointwiseGroup(source.Elements);
        return true;
    }

    private int FindGroup(ReadOnlySpan<Value> operands, long elements)
    {
        var earliest = -1;
        foreach (var operand in operands)
        {
            earliest = Math.Max(earliest, ReadyBefore(operand));
        }

        for (var step = _steps.Count - 1; step >= Math.Max(0, earliest); step--)
        {
            if (_steps[step] is PointwiseGroup group
                && group.Elements == elements
                && group.Nodes.Count < MostNodes(group)
                && Shares(group, step, operands))
            {
                return step;
            }
        }

        _steps.Add(new PointwiseGroup(elements));
        return _steps.Count - 1;
    }

    // The first step that may read a value: a group may read its own members.
    private int ReadyBefore(Value value) => value switch
    {
        Value.Stored stored => _slotSteps[stored.View.Slot] + 1,
        Value.Member member => member.Step,
        Value.Leaf { Node: Node.Random random } => _slotSteps[random.Key.Slot] + 1,
        _ => 0,
    };

    private static bool Shares(PointwiseGroup group, int step, ReadOnlySpan<Value> operands)
    {
        foreach (var operand in operands)
        {
            if (operand switch
            {
                Value.Member member => member.Step == step,
                Value.Stored stored => group.Has(Load(stored.View)),
                _ => false,
            })
            {
                return true;
            }
        }

        return false;
    }

    private int NodeIn(int step, int instruction, Value value)
    {
        var group = (PointwiseGroup)_steps[step];
        return value switch
        {
            Value.Member member when member.Step == step => member.Node,
            Value.Leaf leaf => group.Add(leaf.Node is Node.Ramp ramp ? ramp with { Layout = ramp.Layout.Collapse() } : leaf.Node),
            Value.Stored stored => group.Add(Load(stored.View)),
            Value.Member member when Again((PointwiseGroup)_steps[member.Step], member.Node, group) is { } again => again,
            _ => group.Add(Load(InMemory(instruction))),
        };
    }

    /// <summary>
    /// Computes a node of an earlier group again where that takes few cheap instructions, and no more to be read from memory than the node itself
    /// would be: so it need not be written, and often not be read either.
    /// </summary>
    private int? Again(PointwiseGroup from, int node, PointwiseGroup into)
    {
        var needed = new SortedSet<int>();
        if (from.Elements < FewElements || !Collect(node) || needed.Count + into.Nodes.Count > MostNodes(into))
        {
            return null;
        }

        var large = needed.Where(i => from.Nodes[i] is Node.Load load && Touched(load.View.Layout) >= FewElements).ToArray();
        var missing = large.Where(i => !into.Has(from.Nodes[i])).ToArray();
        if (missing.Length > 0
            && (missing.Length > 1 || from.Outputs.ContainsKey(node) || from.Nodes[missing[0]].Type.Size() > from.Nodes[node].Type.Size()))
        {
            return null;
        }

        var renamed = new Dictionary<int, int>();
        foreach (var i in needed)
        {
            renamed[i] = into.Add(Renamed(from.Nodes[i], operand => renamed[operand]));
        }

        return renamed[node];

        bool Collect(int index)
        {
            if (!needed.Contains(index) && needed.Count >= FewAgain)
            {
                return false;
            }

            needed.Add(index);
            return from.Nodes[index] switch
            {
                Node.Load or Node.Splat => true,
                Node.Apply { Function: var f } apply => f.IsCheap() && apply.Operands.Values.ToArray().All(Collect),
                Node.Cast cast => Collect(cast.Operand),
                _ => false,
            };
        }
    }

    // How many different elements a layout reads.
    private static long Touched(Layout layout) =>
        Enumerable.Range(0, layout.Rank).Where(a => layout.Strides[a] != 0).Aggregate(1L, (product, axis) => product * layout.Sizes[axis]);

    private static Node Renamed(Node node, Func<int, int> name) => node switch
    {
        Node.Apply apply => apply with { Operands = new Axes([.. apply.Operands.Values.ToArray().Select(name)]) },
        Node.Cast cast => new Node.Cast(cast.Type, name(cast.Operand)),
        var leaf => leaf,
    };

    private static Node.Load Load(View view) => new(view with { Layout = view.Layout.Collapse() });

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

    private View InMemory(Instruction instruction, int operand) => InMemory(instruction.Operands[operand]);

    /// <summary>An instruction's value in memory, through whatever layout it has there.</summary>
    private View InMemory(int instruction)
    {
        var (type, shape) = (_program.Instructions[instruction].Type, _program.Instructions[instruction].Shape);
        switch (_values[instruction])
        {
            case Value.Stored stored:
                return stored.View;
            case Value.Member member:
                var outputs = ((PointwiseGroup)_steps[member.Step]).Outputs;
                if (!outputs.TryGetValue(member.Node, out var kept))
                {
                    outputs[member.Node] = kept = new View(NewSlot(type, shape, member.Step), type, Layout.RowMajor(shape));
                }

                if (kept.Layout.Reshape(shape) is { } layout)
                {
                    return kept with { Layout = layout };
                }

                // It lies in parts of something. Whoever asks may be a group before the last step, so that a copy now would come too late for it.
                var again = ((PointwiseGroup)_steps[member.Step]).Add(new Node.Cast(type, member.Node));
                if (!outputs.TryGetValue(again, out var whole))
                {
                    outputs[again] = whole = new View(NewSlot(type, shape, member.Step), type, Layout.RowMajor(shape));
                }

                return whole with { Layout = Layout.RowMajor(shape) };
            case Value.Leaf leaf:
                var made = new View(NewSlot(type, shape, _steps.Count), type, Layout.RowMajor(shape));
                Make(leaf, made);
                _values[instruction] = new Value.Stored(made);
                return made;
            default:
                throw new InvalidOperationException($"Instruction %{instruction} has no value.");
        }
    }

    private void Make(Value.Leaf leaf, View target)
    {
        var group = new PointwiseGroup(target.Layout.Elements());
        group.Outputs[group.Add(leaf.Node is Node.Ramp ramp ? ramp with { Layout = ramp.Layout.Collapse() } : leaf.Node)] = target;
        _steps.Add(group);
    }

    private View Contiguous(Instruction instruction, int operand)
    {
        var view = InMemory(instruction, operand);
        return view.Layout.IsContiguous() ? view : Copied(view);
    }

    private View Copied(View view)
    {
        var shape = new Shape(view.Layout.Sizes);
        var target = NewSlot(view.Type, shape, _steps.Count);
        _steps.Add(_kernels.Copy("copy", target, 0, false, [(view, Layout.RowMajor(shape))]));
        return new View(target, view.Type, Layout.RowMajor(shape));
    }
}
