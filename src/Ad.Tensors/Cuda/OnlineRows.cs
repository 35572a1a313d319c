namespace Ad.Tensors.Cuda;

/// <summary>
/// A row's largest element and the sum of exponentials above it in one pass (Milakov and Gimelshein 2018): two of a row's groups, of which the second sums the
/// exponentials of what the first looks for the largest of, less a number of the row. Those exponentials are computed again where they are read, rather than written.
/// </summary>
/// <param name="Groups">The groups, of which the second writes nothing but its sum.</param>
/// <param name="First">The group of the largest element.</param>
/// <param name="Second">The group of the sum.</param>
/// <param name="Shift">The second's load of the number of the row.</param>
/// <param name="Unread">The slots of exponentials that nobody reads any more.</param>
/// <param name="Gone">Those of them that nobody writes either.</param>
internal sealed record OnlineRows(
    PointwiseGroup[] Groups, PointwiseGroup First, PointwiseGroup Second, Node.Load Shift, IReadOnlySet<int> Unread, IReadOnlySet<int> Gone)
{
    // As many as a group has at the most, each in a register.
    private const int MostNodes = 96;

    /// <summary>How many parts each row was cut into, whose largest elements and sums are in these slots; 1 where the first group goes through the row itself.</summary>
    public (long Pieces, int Largest, int Sums) Parts { get; init; } = (1, -1, -1);

    /// <summary>The type of elements.</summary>
    public string Element => CudaText.Name(First.Reductions[0].Type);

    /// <summary>The node that both look at.</summary>
    public int Looked => First.Reductions[0].Node;

    /// <summary>Where both are among the groups.</summary>
    public (int First, int Second) At => (Array.IndexOf(Groups, First), Array.IndexOf(Groups, Second));

    /// <summary>The two groups, if there are such; <paramref name="isNeeded"/> says what others read of what the groups write.</summary>
    public static OnlineRows? Of(PointwiseGroup[] groups, long rows, Func<int, bool> isNeeded)
    {
        for (var i = 0; i < groups.Length; i++)
        {
            if (groups[i] is not { Reductions: [{ Kind: Reduction.Max, Type: DType.Float32 or DType.Float64 }] } first)
            {
                continue;
            }

            var j = i + 1;
            while (j < groups.Length && groups[j].Elements == rows && groups[j].Reductions.Count == 0)
            {
                j++;
            }

            if (j < groups.Length && groups[j].Elements == first.Elements && Shifted(first, groups[j]) is { } shift && Of(groups, i, j, shift, rows, isNeeded) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private static OnlineRows? Of(PointwiseGroup[] groups, int i, int j, Node.Load shift, long rows, Func<int, bool> isNeeded)
    {
        var second = groups[j];
        var slots = second.Outputs.Values.Select(v => v.Slot).ToHashSet();
        var needed = slots.Where(isNeeded).ToHashSet();
        PointwiseGroup[] rewritten = [.. groups];
        rewritten[j] = Copied(second, []);
        if (second.Outputs.Values.Any(v => !IsWhole(v, second)))
        {
            return null;
        }

        for (var k = j + 1; k < groups.Length; k++)
        {
            var reads = groups[k].Views().Where(v => slots.Contains(v.Slot)).ToArray();
            if (reads.Length == 0)
            {
                continue;
            }

            if (groups[k].Elements != second.Elements || reads.Any(v => !IsWhole(v, second)) || groups[k].Nodes.OfType<Node.Random>().Any(r => slots.Contains(r.Key.Slot)))
            {
                return null;
            }

            rewritten[k] = Joined(second, groups[k], needed);
            needed.Clear();
            if (rewritten[k].Nodes.Count > MostNodes)
            {
                return null;
            }
        }

        var online = new OnlineRows(rewritten, groups[i], rewritten[j], shift, slots, slots.Where(slot => !isNeeded(slot)).ToHashSet());
        return needed.Count == 0 && new RowGroups(rewritten, rows, false, isNeeded).Carried(rewritten[j], shift) is not null ? online : null;
    }

    // The load of the number that is subtracted, if the group does no more than sum such exponentials.
    private static Node.Load? Shifted(PointwiseGroup first, PointwiseGroup second) =>
        second.Reductions is [{ Kind: Reduction.Sum } sum] && sum.Type == first.Reductions[0].Type
        && second.Nodes[sum.Node] is Node.Apply { Function: Pointwise.Exp } exp && second.Nodes[exp.Operands[0]] is Node.Apply { Function: Pointwise.Subtract } above
        && second.Nodes[above.Operands[1]] is Node.Load shift && IsSame(first, first.Reductions[0].Node, second, above.Operands[0])
            ? shift
            : null;

    private static bool IsSame(PointwiseGroup first, int a, PointwiseGroup second, int b)
    {
        var (x, y) = (first.Nodes[a], second.Nodes[b]);
        return (x, y) switch
        {
            (Node.Apply p, Node.Apply q) => p.Function == q.Function && p.Type == q.Type && p.Operands.Values.ToArray().Zip(q.Operands.Values.ToArray()).All(o => IsSame(first, o.First, second, o.Second)),
            (Node.Cast p, Node.Cast q) => p.Type == q.Type && IsSame(first, p.Operand, second, q.Operand),
            _ => x.Equals(y),
        };
    }

    private static bool IsWhole(View view, PointwiseGroup group) =>
        view.Layout.Elements() == group.Elements && view.Layout.Offset == 0 && view.Layout.IsContiguous();

    private static PointwiseGroup Copied(PointwiseGroup group, Dictionary<int, View> outputs)
    {
        var copy = new PointwiseGroup(group.Elements) { Extents = group.Extents };
        group.Nodes.ForEach(node => copy.Add(node));
        copy.Reductions.AddRange(group.Reductions);
        foreach (var (node, view) in outputs)
        {
            copy.Outputs[node] = view;
        }

        return copy;
    }

    // A later group that computes what it read of the second, and writes what others want of that.
    private static PointwiseGroup Joined(PointwiseGroup second, PointwiseGroup later, HashSet<int> needed)
    {
        var joined = new PointwiseGroup(later.Elements) { Extents = later.Extents };
        int[] made = Added(joined, second, _ => null);
        int[] added = Added(joined, later, node => node is Node.Load load && second.Outputs.Where(o => o.Value.Slot == load.View.Slot).Select(o => (int?)made[o.Key]).FirstOrDefault() is { } known ? known : null);
        foreach (var (node, view) in second.Outputs.Where(o => needed.Contains(o.Value.Slot)))
        {
            joined.Outputs[made[node]] = view;
        }

        foreach (var (node, view) in later.Outputs)
        {
            joined.Outputs[added[node]] = view;
        }

        joined.Reductions.AddRange(later.Reductions.Select(r => r with { Node = added[r.Node] }));
        return joined;
    }

    private static int[] Added(PointwiseGroup target, PointwiseGroup group, Func<Node, int?> known)
    {
        var places = new int[group.Nodes.Count];
        for (var i = 0; i < places.Length; i++)
        {
            var node = group.Nodes[i];
            places[i] = known(node) ?? target.Add(node switch
            {
                Node.Apply apply => apply with { Operands = new Axes([.. apply.Operands.Values.ToArray().Select(o => places[o])]) },
                Node.Cast cast => new Node.Cast(cast.Type, places[cast.Operand]),
                Node.Load or Node.Splat or Node.Ramp or Node.Random => node,
                _ => throw new NotSupportedException($"The node {node} is not known to the device cuda."),
            });
        }

        return places;
    }
}
