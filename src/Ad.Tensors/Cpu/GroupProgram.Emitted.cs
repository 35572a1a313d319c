namespace Ad.Tensors.Cpu;

internal sealed partial class GroupProgram
{
    private const int MostLocals = 400;

    /// <summary>Whether emitted loops would save anything: one function alone is as fast as a block function, but for elements that are repeated or take 16 bits.</summary>
    public static bool IsWorthEmitting(PointwiseGroup group) =>
        group.Nodes.Count(node => IsCovered(group.Nodes, node)) > (group.Nodes.Any(node => IsRepeated(node) || node.Type.IsHalf()) ? 0 : 1);

    private static bool IsRepeated(Node node) =>
        node is Node.Load { View.Layout: var layout } && !layout.IsSplat() && layout.Collapse() is { } collapsed && collapsed.Strides[^1] == 0;

    private static bool IsCovered(IReadOnlyList<Node> nodes, Node node) => node switch
    {
        Node.Apply apply => VectorCode.Covers(apply.Function, nodes[apply.Operands[^1]].Type),
        Node.Cast cast => VectorCode.Covers(nodes[cast.Operand].Type, cast.Type),
        _ => false,
    };

    /// <summary>
    /// Divides the nodes into phases: in each a segment, then the block functions that read it. What is read outside of its own segment lies
    /// in memory. Returns the bytes of all registers per element.
    /// </summary>
    private int Emit()
    {
        var covered = Nodes.Select(node => IsCovered(Nodes, node)).ToArray();
        var phases = Phases(covered);
        var outside = Slots.Select(slot => slot >= 0).ToArray();
        var whole = new bool[Nodes.Length];
        for (var i = 0; i < Nodes.Length; i++)
        {
            foreach (var operand in Nodes[i].Operands.Values)
            {
                outside[operand] |= !covered[i] || !covered[operand] || phases[i] != phases[operand];
                whole[operand] |= !covered[i];
            }
        }

        foreach (var node in Kept)
        {
            (outside[node], whole[node]) = (true, true);
        }

        var steps = new List<GroupStep>();
        for (var i = 0; i < Nodes.Length; i++)
        {
            Filled[i] = whole[i] ? Filled[i] : 1;
            MayBeUniform[i] = Readers[i] is not null && Nodes[i] is Node.Load && !whole[i] && Slots[i] < 0 && MayBeUniform.Count(m => m) < 64;
            if (Functions[i] is null && (!Constant[i] || Slots[i] >= 0))
            {
                steps.Add(new GroupStep(i, null));
            }
        }

        for (var phase = 0; phase <= phases.Max(); phase++)
        {
            var inside = Enumerable.Range(0, Nodes.Length).Where(i => covered[i] && phases[i] == phase).ToArray();
            if (inside.Length > 0)
            {
                var writes = inside.Where(i => outside[i]).ToArray();
                steps.AddRange(writes.Where(i => Slots[i] >= 0).Select(i => new GroupStep(i, null)));
                steps.Add(new GroupStep(-1, Segment(inside, writes)));
            }

            steps.AddRange(Enumerable.Range(0, Nodes.Length)
                .Where(i => !covered[i] && Functions[i] is not null && phases[i] == phase)
                .Select(i => new GroupStep(i, null)));
        }

        for (var i = 0; i < Nodes.Length; i++)
        {
            Functions[i] = covered[i] ? null : Functions[i];
        }

        Steps = [.. steps];
        return Allocate(node => Slots[node] < 0 && !IsDirect(node) && (Nodes[node] is Node.Splat ? whole[node] : outside[node]));
    }

    // A segment is cut before a function of a function: the processor would wait for one after the other, while functions of elements that
    // have nothing to do with each other overlap. Beyond so many locals the compiler stops inlining.
    private int[] Phases(bool[] covered)
    {
        var phases = new int[Nodes.Length];
        var waits = new bool[Nodes.Length];
        var locals = new List<int> { 0 };
        for (var i = 0; i < Nodes.Length; i++)
        {
            var operands = Nodes[i].Operands.Values;
            foreach (var operand in operands)
            {
                var done = Functions[operand] is not null && !covered[operand] && covered[i];
                phases[i] = Math.Max(phases[i], phases[operand] + (done ? 1 : 0));
            }

            if (!covered[i])
            {
                continue;
            }

            var phase = phases[i];
            var isFunction = Nodes[i] is Node.Apply apply && VectorCode.IsFunction(apply.Function);
            var needed = VectorCode.LocalsOf(Nodes[i]);
            if (isFunction && operands.ToArray().Any(o => waits[o] && phases[o] == phase))
            {
                phases[i]++;
            }

            while (phases[i] < locals.Count && locals[phases[i]] + needed > MostLocals)
            {
                phases[i]++;
            }

            while (locals.Count <= phases[i])
            {
                locals.Add(0);
            }

            locals[phases[i]] += needed;
            phase = phases[i];
            waits[i] = isFunction || operands.ToArray().Any(o => waits[o] && phases[o] == phase);
        }

        return phases;
    }

    /// <summary>
    /// The segment that computes a node and everything that reads another, if there is one: the node may be written over the other, as a loop
    /// reads an operand once, before the first node that needs it.
    /// </summary>
    public Segment? Overwriter(int node, int other)
    {
        var segment = Steps.Select(s => s.Segment).FirstOrDefault(s => s is not null && s.Computes(node));
        var readers = Enumerable.Range(0, Nodes.Length).Where(i => Nodes[i].Operands.Values.Contains(other)).ToArray();
        return segment is not null && !Kept.Contains(other) && Slots[other] < 0 && readers.Length > 0 && readers[0] <= node && readers.All(segment.Computes)
            ? segment
            : null;
    }

    private Segment Segment(int[] inside, int[] writes)
    {
        var operands = inside.SelectMany(i => Nodes[i].Operands.Values.ToArray())
            .Distinct()
            .Where(i => Array.IndexOf(inside, i) < 0 && Nodes[i] is not Node.Splat)
            .Order()
            .ToArray();
        var reads = operands.Where(i => !Constant[i]).ToArray();
        var constants = operands.Where(i => Constant[i]).ToArray();
        return new Segment(this, inside, reads, constants, writes);
    }
}
