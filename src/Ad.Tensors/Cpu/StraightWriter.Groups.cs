using System.Reflection.Emit;

namespace Ad.Tensors.Cpu;

internal sealed partial class StraightWriter
{
    /// <summary>
    /// Writes a group: operands that do not lie one element after another are copied so first; then, phase by phase, what can be computed in
    /// registers, and the calls of functions that read it; last what is combined or goes elsewhere.
    /// </summary>
    private void Write(PointwiseGroup group)
    {
        var nodes = group.Nodes;
        var isCall = new bool[nodes.Count];
        for (var i = 0; i < isCall.Length; i++)
        {
            isCall[i] = nodes[i] is Node.Apply or Node.Cast && !IsInline(nodes, nodes[i]);
        }

        var phases = Phases(nodes, isCall);
        var segments = Segments(nodes, isCall, phases);
        var places = new int[nodes.Count];
        Array.Fill(places, -1);
        var count = (int)group.Elements;
        var inMemory = InMemory(group, isCall, segments);
        foreach (var (node, target) in group.Outputs)
        {
            if (nodes[node] is Node.Apply or Node.Cast && IsWhole(target, count))
            {
                places[node] = Home(target.Slot);
            }
        }

        for (var i = 0; i < places.Length; i++)
        {
            places[i] = places[i] >= 0 ? places[i] : Place(nodes[i], inMemory[i], count);
        }

        for (var phase = 0; phase <= phases.DefaultIfEmpty(0).Max(); phase++)
        {
            foreach (var segment in Enumerable.Range(0, nodes.Count).Where(i => segments[i] >= 0 && phases[i] == phase).GroupBy(i => segments[i]))
            {
                Segment(nodes, [.. segment], places, inMemory, count);
            }

            for (var i = 0; i < nodes.Count; i++)
            {
                if (isCall[i] && phases[i] == phase)
                {
                    Function(nodes, i, places, count);
                }
            }
        }

        foreach (var reduction in group.Reductions)
        {
            var type = nodes[reduction.Node].Type;
            var reduce = new SmallReduction(
                Reducer.Of(reduction.Kind, type, reduction.Type), group.Extents!.Value, type.Size(), reduction.Type.Size());
            Call(reduce, typeof(SmallReduction), places[reduction.Node], Home(reduction.Slot), Take(reduce.StateBytes));
        }

        foreach (var (node, target) in group.Outputs)
        {
            if (places[node] != Home(target.Slot) || !IsWhole(target, count))
            {
                Move(places[node], Row(count), Home(target.Slot), target.Layout, target.Type.Size());
            }
        }
    }

    private static bool IsInline(List<Node> nodes, Node node) => node switch
    {
        Node.Apply apply => VectorCode.Covers(apply.Function, nodes[apply.Operands[^1]].Type) && !VectorCode.IsFunction(apply.Function),
        Node.Cast cast => VectorCode.Covers(nodes[cast.Operand].Type, cast.Type),
        _ => false,
    };

    private bool IsWhole(View target, int count) =>
        target.Layout.Offset == 0 && target.Layout.IsContiguous() && _slotBytes[target.Slot] == (long)count * target.Type.Size();

    private static Layout Row(int count) => new([count], [1], 0);

    // Calls come at the end of a phase.
    private static int[] Phases(List<Node> nodes, bool[] isCall)
    {
        var phases = new int[nodes.Count];
        for (var i = 0; i < phases.Length; i++)
        {
            foreach (var operand in nodes[i].Operands.Values)
            {
                phases[i] = Math.Max(phases[i], phases[operand] + (isCall[operand] && !isCall[i] ? 1 : 0));
            }
        }

        return phases;
    }

    // The number of the stretch of code that computes a node in registers, or -1.
    private static int[] Segments(List<Node> nodes, bool[] isCall, int[] phases)
    {
        var segments = new int[nodes.Count];
        var open = new Dictionary<int, (int Segment, int Locals)>();
        var count = 0;
        for (var i = 0; i < segments.Length; i++)
        {
            segments[i] = -1;
            if (isCall[i] || nodes[i] is not (Node.Apply or Node.Cast))
            {
                continue;
            }

            var locals = VectorCode.LocalsOf(nodes[i]);
            if (!open.TryGetValue(phases[i], out var last) || last.Locals + locals > MostLocals)
            {
                last = (count++, 0);
            }

            segments[i] = last.Segment;
            open[phases[i]] = (last.Segment, last.Locals + locals);
        }

        return segments;
    }

    // Whether a node is read elsewhere than in its own segment, so that its elements must lie one after another.
    private static bool[] InMemory(PointwiseGroup group, bool[] isCall, int[] segments)
    {
        var nodes = group.Nodes;
        var inMemory = new bool[nodes.Count];
        for (var i = 0; i < inMemory.Length; i++)
        {
            inMemory[i] |= isCall[i];
            foreach (var operand in nodes[i].Operands.Values)
            {
                inMemory[operand] |= isCall[i] || (segments[operand] >= 0 && segments[operand] != segments[i]);
            }
        }

        foreach (var node in group.Reductions.Select(r => r.Node).Concat(group.Outputs.Keys))
        {
            inMemory[node] = true;
        }

        return inMemory;
    }

    // Where a node's elements are; of one that is the same everywhere perhaps only the first.
    private int Place(Node node, bool inMemory, int count)
    {
        var bytes = count * node.Type.Size();
        switch (node)
        {
            case Node.Load { View: var view } when view.Layout.IsContiguous() || (view.Layout.IsSplat() && !inMemory):
                return Start(view);
            case Node.Load { View: var view }:
                var copy = Take(bytes);
                Move(Home(view.Slot), view.Layout, copy, Row(count), view.Type.Size());
                return copy;
            case Node.Splat { Value: var value } when inMemory:
                return Constant(node.Type, Enumerable.Repeat(value, count));
            case Node.Ramp ramp:
                return Constant(DType.Int64, ramp.Type, Places(ramp.Layout));
            default:
                return inMemory ? Take(bytes) : -1;
        }
    }

    private int Constant(DType type, IEnumerable<Scalar> values) =>
        type.IsFloat()
            ? Constant(DType.Float64, type, values.Select(v => v.ToDouble()).ToArray())
            : Constant(DType.Int64, type, values.Select(v => v.ToInt64()).ToArray());

    private int Constant<T>(DType from, DType to, T[] values)
        where T : unmanaged
    {
        var bytes = new byte[values.Length * to.Size()];
        var given = System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan());
        if (from == to)
        {
            given.CopyTo(bytes);
        }
        else
        {
            Casts.Of(from, to)(given, default, default, bytes);
        }

        var place = Take(bytes.Length);
        _constants.Add((place, bytes));
        return place;
    }

    private void Segment(List<Node> nodes, int[] inside, int[] places, bool[] inMemory, int count)
    {
        Next(inside.Sum(i => VectorCode.LocalsOf(nodes[i])));
        var steps = (count + SegmentEmitter.Step - 1) / SegmentEmitter.Step;
        var index = steps > 1 ? _il.DeclareLocal(typeof(nint)) : null;
        var code = new NodeCode(_il, nodes, node => Push(places[node]), Address);
        var operands = inside.SelectMany(i => nodes[i].Operands.Values.ToArray()).Distinct();
        foreach (var node in operands.Where(o => nodes[o] is Node.Load load && load.View.Layout.IsSplat()))
        {
            code.Everywhere(node);
        }

        var top = _il.DefineLabel();
        if (index is not null)
        {
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Stloc, index);
            _il.MarkLabel(top);
        }

        foreach (var node in inside)
        {
            code.Compute(node);
            if (inMemory[node])
            {
                code.Store(node);
            }
        }

        if (index is not null)
        {
            _il.Emit(OpCodes.Ldloc, index);
            _il.Emit(OpCodes.Ldc_I4, SegmentEmitter.Step);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Stloc, index);
            _il.Emit(OpCodes.Ldloc, index);
            _il.Emit(OpCodes.Ldc_I4, steps * SegmentEmitter.Step);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Blt, top);
        }

        void Address(int node, int vector)
        {
            Push(places[node] + (vector * VectorCode.Bytes));
            if (index is not null)
            {
                _il.Emit(OpCodes.Ldloc, index);
                _il.Emit(OpCodes.Ldc_I4, nodes[node].Type.Size());
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Mul);
                _il.Emit(OpCodes.Add);
            }
        }
    }

    private void Function(List<Node> nodes, int node, int[] places, int count)
    {
        var operands = nodes[node].Operands.Values.ToArray();
        if (nodes[node] is Node.Apply { Function: var name } && VectorFunctions.Find(name) is { } function)
        {
            var isDouble = nodes[node].Type == DType.Float64;
            Next(1);
            Push(places[operands[0]]);
            Push(places[node]);
            _il.Emit(OpCodes.Ldc_I4, isDouble ? (count + 7) / 8 : (count + 15) / 16);
            _il.Emit(
                OpCodes.Call,
                typeof(SmallFunctions).GetMethod(isDouble ? nameof(SmallFunctions.Doubles) : nameof(SmallFunctions.Singles))!.MakeGenericMethod(function));
            return;
        }

        var block = nodes[node] switch
        {
            Node.Apply apply => BlockFunctions.Of(apply.Function, nodes[operands[^1]].Type),
            Node.Cast cast => Casts.Of(nodes[cast.Operand].Type, cast.Type),
            var other => throw new InvalidOperationException($"A {other} is not computed."),
        };
        var small = new SmallBlock(block, [.. operands.Select(o => count * nodes[o].Type.Size())], count * nodes[node].Type.Size());
        Call(
            small,
            typeof(SmallBlock),
            places[operands[0]],
            operands.Length > 1 ? places[operands[1]] : 0,
            operands.Length > 2 ? places[operands[2]] : 0,
            places[node]);
    }
}
