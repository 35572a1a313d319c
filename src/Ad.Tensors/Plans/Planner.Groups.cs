namespace Ad.Tensors;

internal sealed partial class Planner<K>
    where K : PlanStep
{
    // Views smaller than this stay in the nearest cache, however they are walked.
    private const long FewElements = 4096;
    private const int ShortAxis = 4;

    // Nodes, constants and what is read among them, that are computed again rather than written and read.
    private const int FewAgain = 12;

    private readonly Dictionary<View, View> _copies = [];

    /// <summary>Adds a pointwise instruction to a group it reads from, or to one of its own.</summary>
    private Value.Member Join(Instruction instruction, Func<Axes, Node> make)
    {
        var operands = new Value[instruction.Operands.Count];
        for (var i = 0; i < operands.Length; i++)
        {
            operands[i] = Near(instruction.Operands[i]);
        }

        var step = FindGroup(operands, instruction.Shape.Elements);
        if (Merge(operands, step))
        {
            for (var i = 0; i < operands.Length; i++)
            {
                operands[i] = Near(instruction.Operands[i]);
            }
        }

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
        View? seen = _values[instruction] switch
        {
            Value.Stored stored => stored.View,
            Value.Reshaped reshaped => reshaped.View,
            _ => default(View?),
        };
        if (seen is not { } view || view.Layout.Elements() < FewElements)
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
    /// Moves groups of which the operands are members into the one that reads them, where nobody else has asked for anything of theirs: it then finds all of
    /// it in registers.
    /// </summary>
    private bool Merge(ReadOnlySpan<Value> operands, int into)
    {
        var merged = false;
        foreach (var operand in operands)
        {
            if (operand is Value.Member member && member.Step != into && CanMove((PointwiseGroup)_steps[member.Step], (PointwiseGroup)_steps[into]))
            {
                merged |= Move(member.Step, into);
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
            renamed[i] = target.Add(source.Nodes[i].Renamed(operand => renamed[operand]));
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
        Value.Reshaped reshaped => _slotSteps[reshaped.View.Slot] + 1,
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
                Value.Reshaped reshaped => group.Has(Load(reshaped.View)),
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
            Value.Reshaped reshaped => group.Add(Load(reshaped.View)),
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
            renamed[i] = into.Add(from.Nodes[i].Renamed(operand => renamed[operand]));
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

    private static Node.Load Load(View view) => new(view with { Layout = view.Layout.Collapse() });

    private View InMemory(Instruction instruction, int operand) => InMemory(instruction.Operands[operand]);

    /// <summary>An instruction's value in memory, through whatever layout it has there.</summary>
    private View InMemory(int instruction)
    {
        var (type, shape) = (_program.Instructions[instruction].Type, _program.Instructions[instruction].Shape);
        switch (_values[instruction])
        {
            case Value.Stored stored:
                return stored.View;
            case Value.Reshaped reshaped:
                var copied = Copied(reshaped.View) with { Layout = Layout.RowMajor(shape) };
                _values[instruction] = new Value.Stored(copied);
                return copied;
            case Value.Member member:
                var group = (PointwiseGroup)_steps[member.Step];
                foreach (var place in group.Places(member.Node))
                {
                    if (place.Layout.Reshape(shape) is { } layout)
                    {
                        return place with { Layout = layout };
                    }
                }

                // Where it lies in parts of something and whoever asks is a group before the last step, a copy now would come too late for it.
                var whole = new View(NewSlot(type, shape, member.Step), type, Layout.RowMajor(shape));
                group.Outputs[group.Unplaced(member.Node)] = whole;
                return whole;
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
