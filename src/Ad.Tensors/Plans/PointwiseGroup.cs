namespace Ad.Tensors;

/// <summary>One value inside a group: a block of it is computed from blocks of its operands, which are earlier nodes of the group.</summary>
internal abstract record Node(DType Type, Axes Operands)
{
    /// <summary>The same with other places of its operands.</summary>
    public Node Renamed(Func<int, int> name) => this switch
    {
        Apply apply => apply with { Operands = new Axes([.. apply.Operands.Values.ToArray().Select(name)]) },
        Cast cast => new Cast(cast.Type, name(cast.Operand)),
        var leaf => leaf,
    };

    /// <summary>Elements read from memory.</summary>
    public sealed record Load(View View) : Node(View.Type, default);

    /// <summary>One value everywhere.</summary>
    public sealed record Splat(Scalar Value) : Node(Value.Type, default);

    /// <summary>The places of a layout as values: positions along an axis, moved about in any way.</summary>
    public sealed record Ramp(DType Type, Layout Layout) : Node(Type, default);

    /// <summary>Random elements from a key in memory.</summary>
    public sealed record Random(DType Type, View Key) : Node(Type, default);

    /// <summary>A function of earlier nodes.</summary>
    public sealed record Apply(Pointwise Function, DType Type, Axes Operands) : Node(Type, Operands);

    /// <summary>An earlier node in another type.</summary>
    public sealed record Cast(DType Type, int Operand) : Node(Type, new Axes(Operand));
}

/// <summary>Elements of one node combined as the group goes along.</summary>
internal readonly record struct GroupReduction(int Node, Reduction Kind, DType Type, int Slot);

/// <summary>A group's elements in three extents; reductions combine along the middle one.</summary>
internal readonly record struct Extents(long Outer, long Reduced, long Inner)
{
    public long Elements => Outer * Reduced * Inner;
}

/// <summary>
/// Pointwise work over one number of elements, done block by block so that what only the group reads never reaches memory. Position e of
/// every node is element e of its value in row-major order, whatever the shape: a reshape is no work.
/// </summary>
internal sealed class PointwiseGroup(long elements)
{
    public long Elements { get; } = elements;

    private readonly Dictionary<Node, int> _places = [];

    public List<Node> Nodes { get; } = [];

    /// <summary>Which nodes are kept, and where.</summary>
    public Dictionary<int, View> Outputs { get; } = [];

    public List<GroupReduction> Reductions { get; } = [];

    /// <summary>How the elements are laid out for the reductions, once there is one.</summary>
    public Extents? Extents { get; set; }

    /// <summary>Adds a node, or finds the same one.</summary>
    public int Add(Node node)
    {
        if (!_places.TryGetValue(node, out var index))
        {
            _places[node] = index = Nodes.Count;
            Nodes.Add(node);
        }

        return index;
    }

    /// <summary>Where a node is kept, one place after another.</summary>
    public IEnumerable<View> Places(int node)
    {
        while (Outputs.TryGetValue(node, out var place))
        {
            yield return place;
            if (!_places.TryGetValue(Again(node), out node))
            {
                yield break;
            }
        }
    }

    /// <summary>A node of the same elements that is not kept anywhere yet: a node has one place, and what is wanted in several is there several times.</summary>
    public int Unplaced(int node)
    {
        while (Outputs.ContainsKey(node))
        {
            node = Add(Again(node));
        }

        return node;
    }

    private Node.Cast Again(int node) => new(Nodes[node].Type, node);

    /// <summary>The group with the nodes alone that somebody reads: what later groups compute again may be of no use here.</summary>
    public PointwiseGroup Needed()
    {
        var needed = new bool[Nodes.Count];
        foreach (var node in Outputs.Keys.Concat(Reductions.Select(r => r.Node)))
        {
            needed[node] = true;
        }

        for (var i = needed.Length - 1; i >= 0; i--)
        {
            foreach (var operand in Nodes[i].Operands.Values)
            {
                needed[operand] |= needed[i];
            }
        }

        if (!needed.Contains(false))
        {
            return this;
        }

        var (kept, renamed) = (new PointwiseGroup(Elements) { Extents = Extents }, new int[needed.Length]);
        for (var i = 0; i < needed.Length; i++)
        {
            renamed[i] = needed[i] ? kept.Add(Nodes[i].Renamed(operand => renamed[operand])) : -1;
        }

        foreach (var (node, view) in Outputs)
        {
            kept.Outputs[renamed[node]] = view;
        }

        kept.Reductions.AddRange(Reductions.Select(r => r with { Node = renamed[r.Node] }));
        return kept;
    }

    /// <summary>What it reads from memory, keys of random elements included.</summary>
    public IEnumerable<View> Views()
    {
        foreach (var node in Nodes)
        {
            if (node is Node.Load load)
            {
                yield return load.View;
            }
            else if (node is Node.Random random)
            {
                yield return random.Key;
            }
        }
    }

    /// <summary>The slots that it writes.</summary>
    public IEnumerable<int> Writes => Outputs.Values.Select(o => o.Slot).Concat(Reductions.Select(r => r.Slot)).Distinct();

    /// <summary>The slots that it writes in part, or in another order than that of its elements.</summary>
    public IEnumerable<int> Scatters => Outputs.Values.Where(o => o.Layout.Offset != 0 || !o.Layout.IsContiguous()).Select(o => o.Slot);

    /// <summary>Whether each element of one slot is read before its place in another is written, for whoever goes element by element.</summary>
    public bool ReadsInPlace(int source, int target)
    {
        if (!Outputs.Values.Any(o => o.Slot == target) || Scatters.Any(slot => slot == target))
        {
            return false;
        }

        var size = Outputs.Values.First(o => o.Slot == target).Type.Size();
        return Nodes.All(node => node switch
        {
            Node.Load load when load.View.Slot == source => load.View.Layout.Offset == 0 && load.View.Layout.IsContiguous()
                && load.View.Layout.Elements() == Elements && load.Type.Size() == size,
            Node.Random random => random.Key.Slot != source,
            _ => true,
        });
    }

    /// <summary>Whether a node is there.</summary>
    public bool Has(Node node) => _places.ContainsKey(node);
}
