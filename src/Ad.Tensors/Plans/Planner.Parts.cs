namespace Ad.Tensors;

internal sealed partial class Planner<K>
    where K : PlanStep
{
    // What may lie beside a whole that nobody needs there, as a share of what need not be copied for it.
    private const int MostOverhang = 8;

    /// <summary>An instruction's value where it is wanted in a whole; zeros for -1.</summary>
    private readonly record struct Part(int Instruction, Shape Shape);

    private Value.Stored Pad(int index, Operation.Pad pad)
    {
        var instruction = _program.Instructions[index];
        var operand = ShapeOf(instruction, 0);
        if (PaddedAxis(instruction.Shape, operand, pad) is { } axis)
        {
            Part[] parts = [Zeros(pad.Low[axis]), new Part(instruction.Operands[0], operand), Zeros(pad.High[axis])];
            return SideBySide(index, axis, [.. parts.Where(part => part.Shape[axis] > 0)]);

            Part Zeros(int size)
            {
                var sizes = operand.ToArray();
                sizes[axis] = size;
                return new Part(-1, new Shape(sizes));
            }
        }

        var steps = new int[operand.Rank];
        for (var i = 0; i < steps.Length; i++)
        {
            steps[i] = pad.Interior[i] + 1;
        }

        var inside = Layout.RowMajor(instruction.Shape).Slice(pad.Low, new Axes(steps), operand);
        var bytes = instruction.Shape.Elements * instruction.Type.Size();
        var source = InMemory(instruction, 0);
        return Kernel(instruction, target => _kernels.Copy("pad", target, bytes, true, [(source, inside)]));
    }

    // The axis along which alone zeros are added, before and after, if what they are added to stays one run.
    private static int? PaddedAxis(Shape shape, Shape operand, Operation.Pad pad)
    {
        var padded = Enumerable.Range(0, shape.Rank).Where(axis => shape[axis] != operand[axis]).ToArray();
        return padded is [var only]
            && operand.Elements > 0
            && !shape.Sizes[..only].ContainsAnyExcept(1)
            && pad.Low[only] >= 0 && pad.High[only] >= 0
            && (pad.Interior[only] == 0 || operand[only] == 1)
            ? only
            : null;
    }

    private Value.Stored SideBySide(int index, int axis, Part[] parts)
    {
        var instruction = _program.Instructions[index];
        var hanging = _program.Outputs.Contains(index) ? new Hanging(-1, 0, 0) : FindHanging(instruction.Shape, axis, parts);
        var whole = Layout.RowMajor(instruction.Shape);
        whole = new Layout(whole.Sizes.ToArray(), whole.Strides.ToArray(), hanging.Before);
        var target = new View(NewSlot(instruction.Type, instruction.Shape, 0), instruction.Type, whole);
        _slotBytes[target.Slot] += (hanging.Before + hanging.After) * instruction.Type.Size();
        var views = new View[parts.Length];
        var (starts, ones) = (new int[instruction.Shape.Rank], new int[instruction.Shape.Rank]);
        Array.Fill(ones, 1);
        for (var i = 0; i < parts.Length; i++)
        {
            views[i] = target with { Layout = whole.Slice(new Axes(starts), new Axes(ones), parts[i].Shape) };
            starts[axis] += parts[i].Shape[axis];
        }

        var values = parts.Select(part => part.Instruction < 0 ? new Value.Leaf(new Node.Splat(Scalar.Of(instruction.Type, 0L))) : _values[part.Instruction]).ToArray();
        if (views.Any(view => IsElementwise(view.Layout)))
        {
            Merge(values, values.Max(value => value is Value.Member member ? member.Step : -1));
            values = [.. parts.Select((part, i) => part.Instruction < 0 ? values[i] : _values[part.Instruction])];
        }

        // What groups compute is placed first: with it they may place what is read.
        var group = -1;
        var copied = new List<(View Source, Layout Target)>();
        foreach (var i in Enumerable.Range(0, parts.Length).OrderBy(i => values[i] is not Value.Member))
        {
            if ((WriteWith(group, parts[i].Instruction, values[i], views[i]) ?? WriteInto(values[i], views[i], hanging.Slot)) is not { } step)
            {
                copied.Add((InMemory(parts[i].Instruction), views[i].Layout));
                continue;
            }

            _slotSteps[target.Slot] = Math.Max(_slotSteps[target.Slot], step);
            group = values[i] is Value.Member ? Math.Max(group, step) : group;
        }

        if (copied.Count > 0)
        {
            _slotSteps[target.Slot] = _steps.Count;
            _steps.Add(_kernels.Copy("concatenate", target.Slot, 0, false, [.. copied]));
        }

        return new Value.Stored(target);
    }

    /// <summary>A slot of which all but some elements at its beginning or its end are a part, and how many elements to leave before and after the whole.</summary>
    private readonly record struct Hanging(int Slot, long Before, long After);

    /// <summary>
    /// Something moved along by a few places, with others coming in at its beginning or its end, as a difference scheme reads its neighbours: it need not be
    /// copied if it lies in the memory of what it becomes, hanging over there.
    /// </summary>
    private Hanging FindHanging(Shape shape, int axis, Part[] parts)
    {
        var found = new Hanging(-1, 0, 0);
        if (shape.Sizes[..axis].ContainsAnyExcept(1))
        {
            return found;
        }

        var (start, best) = (0L, 0L);
        foreach (var part in parts)
        {
            var count = part.Shape.Elements;
            if (count > best && part.Instruction >= 0 && _values[part.Instruction] is Value.Stored { View: var view }
                && view.Layout.IsContiguous() && !IsWhole(view) && IsOwn(view.Slot))
            {
                var size = view.Type.Size();
                var (before, after) = (view.Layout.Offset, (_slotBytes[view.Slot] / size) - view.Layout.Offset - count);
                if ((before == 0 || start == 0) && (after == 0 || start + count == shape.Elements) && (before + after) * MostOverhang <= count)
                {
                    // So much before the whole that the slot begins where slots do.
                    var room = Math.Max(0, before - start);
                    while ((room + start - before) * size % Alignment != 0)
                    {
                        room++;
                    }

                    (found, best) = (new Hanging(view.Slot, room, after), count);
                }
            }

            start += count;
        }

        return found;
    }

    private bool IsOwn(int slot) => !_inputSlots.ContainsValue(slot) && !_within.ContainsKey(slot);

    /// <summary>Has a value written where it is wanted, and says at which step; null if it lies elsewhere already.</summary>
    private int? WriteInto(Value value, View target, int hanging)
    {
        switch (value)
        {
            case Value.Member member:
                var group = (PointwiseGroup)_steps[member.Step];
                group.Outputs[group.Unplaced(member.Node)] = target;
                return member.Step;
            case Value.Leaf leaf:
                Make(leaf, target);
                return _steps.Count - 1;
            case Value.Stored { View: var view } when (IsWhole(view) || view.Slot == hanging) && target.Layout.IsContiguous() && IsOwn(view.Slot)
                && (target.Layout.Offset - view.Layout.Offset) * view.Type.Size() % Alignment == 0:
                _within[view.Slot] = (target.Slot, (target.Layout.Offset - view.Layout.Offset) * view.Type.Size());
                return _slotSteps[view.Slot];
            default:
                return null;
        }
    }

    /// <summary>
    /// Has a group that writes other parts element by element write one that is there already, or comes from nothing, together with them: each cache line
    /// of the whole is then written once. Null if there is no such group.
    /// </summary>
    private int? WriteWith(int step, int instruction, Value value, View target)
    {
        if (step < 0
            || value is not (Value.Stored or Value.Leaf { Node: Node.Splat or Node.Ramp })
            || !IsElementwise(target.Layout)
            || _steps[step] is not PointwiseGroup group
            || group.Elements != target.Layout.Elements()
            || group.Nodes.Count >= MostNodes(group)
            || ReadyBefore(value) > step)
        {
            return null;
        }

        var node = group.Add(new Node.Cast(target.Type, NodeIn(step, instruction, value)));
        group.Outputs[group.Unplaced(node)] = target;
        return step;
    }

    private static bool IsElementwise(Layout layout) => layout.Collapse() is { Rank: > 0 } lines && lines.Strides[^1] != 1;

    private bool IsWhole(View view) =>
        view.Layout.Offset == 0 && view.Layout.IsContiguous() && _slotBytes[view.Slot] == view.Layout.Elements() * view.Type.Size();
}
