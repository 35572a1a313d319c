using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>One node, or a segment of them.</summary>
internal readonly record struct GroupStep(int Node, Segment? Segment);

/// <summary>
/// What a group's blocks need at run time, worked out once: for every node where its block lies (in a slot, or in a register of the scratch
/// memory that stays in the nearest cache) and what fills it.
/// </summary>
internal sealed partial class GroupProgram
{
    private long _weight;
    private int _shortest;

    /// <summary>The most elements a block has. Sums are cut by it, so that it is one for all.</summary>
    public const int BlockElements = 1024;

    private const int ShortBlock = 256;
    private const int ShortestRow = 64;
    private const int LongestRow = 16 * 1024;
    private const int FewNodes = 96;

    public GroupProgram(PointwiseGroup group, bool emitted)
    {
        (IsEmitted, Elements, Row) = (emitted, group.Elements, RowOf(group));
        Block = group.Reductions.Count == 0 && group.Nodes.Count > FewNodes ? ShortBlock : BlockElements;
        RegisterElements = (int)Math.Clamp(group.Elements, 64, Block);
        Nodes = [.. group.Nodes];
        Functions = new BlockFunction?[Nodes.Length];
        Readers = new Layout?[Nodes.Length];
        Slots = new int[Nodes.Length];
        Registers = new int[Nodes.Length];
        Constant = new bool[Nodes.Length];
        Filled = new int[Nodes.Length];
        MayBeUniform = new bool[Nodes.Length];
        Starts = new long[Nodes.Length];
        Array.Fill(Filled, (int)Math.Min(Block, group.Elements));
        Array.Fill(Slots, -1);
        Array.Fill(Registers, -1);
        foreach (var (node, target) in group.Outputs.Where(o => o.Value.Layout.IsContiguous()))
        {
            (Slots[node], Starts[node]) = (target.Slot, target.Layout.Offset);
        }

        (Scattered, Beside) = Adjoining([.. group.Outputs.Where(o => !o.Value.Layout.IsContiguous()).Select(o => (o.Key, o.Value))]);
        Kept = [.. group.Reductions.Select(r => r.Node).Concat(Scattered.Select(s => s.Node)).Distinct()];

        for (var i = 0; i < Nodes.Length; i++)
        {
            Prepare(i);
        }

        if (emitted)
        {
            RegisterBytes = Emit();
        }
        else
        {
            Steps = [.. Enumerable.Range(0, Nodes.Length).Select(i => new GroupStep(i, null))];
            RegisterBytes = Allocate(node => Slots[node] < 0 && !IsDirect(node));
        }
    }

    /// <summary>The most elements a block of this group has: fewer where many nodes share the nearest caches.</summary>
    public int Block { get; }

    /// <summary>The elements of the group.</summary>
    public long Elements { get; }

    /// <summary>The elements all along which what is repeated is one element, where these are enough to be done by themselves, and not too many; else 0.</summary>
    public int Row { get; }

    /// <summary>Whether rows of so many elements may be done one by one: several loops for each need longer ones.</summary>
    public bool FitsRows(int count)
    {
        if (_shortest == 0)
        {
            var isOneLoop = Steps.Count(s => s.Segment is not null || Functions[s.Node] is not null) == 1;
            _shortest = !IsEmitted ? int.MaxValue : isOneLoop ? ShortestRow : ShortBlock;
        }

        return count >= _shortest;
    }

    /// <summary>The elements a register has.</summary>
    public int RegisterElements { get; }

    /// <summary>Whether what can be is computed by emitted loops rather than node by node.</summary>
    public bool IsEmitted { get; }

    /// <summary>What to do for a block, in order.</summary>
    public GroupStep[] Steps { get; private set; } = [];

    public Node[] Nodes { get; }

    /// <summary>What computes a node from its operands' blocks; null for what is read or made up.</summary>
    public BlockFunction?[] Functions { get; }

    /// <summary>How a loaded node or a ramp is walked; null for those in row-major order.</summary>
    public Layout?[] Readers { get; }

    /// <summary>The slot a node lies in (loaded in order) or is written to, or -1.</summary>
    public int[] Slots { get; }

    /// <summary>Where in its slot a node's first element is written.</summary>
    public long[] Starts { get; }

    /// <summary>The nodes that are written elsewhere than one element after another, once a block of them is computed.</summary>
    public (int Node, View Target)[] Scattered { get; }

    /// <summary>For each scattered node how many lie beside each other from it on, element by element: 1 where it is alone, 0 for those after the first.</summary>
    public int[] Beside { get; }

    /// <summary>Where a node's register starts, in bytes per element of a block, or -1.</summary>
    public int[] Registers { get; }

    /// <summary>Whether a node is the same for every block.</summary>
    public bool[] Constant { get; }

    /// <summary>How many elements of a constant's register are ever read.</summary>
    public int[] Filled { get; }

    /// <summary>Whether a loaded node's block may be one element, where all of it is the same: only loops read it.</summary>
    public bool[] MayBeUniform { get; }

    /// <summary>The nodes that are read once a block of them is computed.</summary>
    public int[] Kept { get; }

    /// <summary>Bytes of all registers per element of a block.</summary>
    public int RegisterBytes { get; }

    /// <summary>Bytes that segments need for less than one step.</summary>
    public int PadBytes => Steps.Max(s => s.Segment?.PadBytes ?? 0);

    /// <summary>How many times a cheap instruction's work an element is, roughly.</summary>
    public long Weight => _weight == 0 ? _weight = Math.Max(1, Nodes.Sum(WeightOf) / 4) : _weight;

    private static long WeightOf(Node node) => node switch
    {
        Node.Random => 16,
        Node.Apply { Function: Pointwise.Lgamma or Pointwise.Digamma or Pointwise.Polygamma or Pointwise.Erfinv or Pointwise.Erfcinv } => 200,
        Node.Apply { Function: Pointwise.Erfcx or Pointwise.BesselI or Pointwise.BesselIe or Pointwise.BesselJ } => 200,
        Node.Apply { Function: Pointwise.Erfc or Pointwise.Asin or Pointwise.Acos or Pointwise.Atan or Pointwise.Atan2 or Pointwise.Power or Pointwise.Remainder } => 60,
        Node.Apply { Function: >= Pointwise.Exp and <= Pointwise.Erf } => 8,
        _ => 1,
    };

    private static int RowOf(PointwiseGroup group)
    {
        var (row, isRepeated) = (0L, false);
        foreach (var node in group.Nodes)
        {
            if (node is Node.Ramp or Node.Random)
            {
                return 0;
            }

            if (node is Node.Load { View.Layout: var layout } && !layout.IsSplat() && !layout.IsContiguous())
            {
                var lines = layout.Collapse();
                (row, isRepeated) = ((long)BigInteger.GreatestCommonDivisor(row, lines.Sizes[^1]), isRepeated || lines.Strides[^1] == 0);
            }
        }

        return isRepeated && row is >= ShortestRow and <= LongestRow && group.Elements % row == 0 ? (int)row : 0;
    }

    private void Prepare(int i)
    {
        switch (Nodes[i])
        {
            case Node.Load load:
                if (load.View.Layout.IsSplat())
                {
                    Constant[i] = true;
                }
                else if (!load.View.Layout.IsContiguous() || Slots[i] >= 0)
                {
                    Readers[i] = load.View.Layout;
                }

                break;
            case Node.Splat:
                Constant[i] = true;
                break;
            case Node.Ramp ramp:
                Readers[i] = ramp.Layout;
                break;
            case Node.Random:
                break;
            case Node.Apply apply:
                Functions[i] = BlockFunctions.Of(apply.Function, Nodes[apply.Operands[^1]].Type);
                break;
            case Node.Cast cast:
                Functions[i] = Casts.Of(Nodes[cast.Operand].Type, cast.Type);
                break;
        }
    }
}
