using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>A pointwise group as statements: what an element's nodes are, from loads on.</summary>
internal sealed class GroupText
{
    private readonly PointwiseGroup _group;
    private readonly bool _wide;
    private readonly Dictionary<int, string> _pointers = [];
    private readonly List<int> _slots = [];
    private readonly StringBuilder _parameters = new();

    private readonly string _prefix;

    /// <summary>A group's text; its pointers' names begin with <paramref name="prefix"/>. Slots that are <paramref name="made"/> are not read: their elements are there already.</summary>
    public GroupText(PointwiseGroup group, string prefix = "", Func<int, bool>? made = null)
    {
        (_group, _prefix) = (group, prefix);
        _wide = CudaText.IsWide(group.Elements, group.Views().Concat(group.Outputs.Values).Select(v => v.Layout));
        foreach (var view in group.Views().Where(v => made is null || !made(v.Slot)))
        {
            Pointer(view.Slot, view.Type, "const ");
        }
    }

    public bool Wide => _wide;

    public int[] Slots => [.. _slots];

    /// <summary>The parameters so far, each with its type.</summary>
    public string Parameters => _parameters.ToString();

    /// <summary>The parts of the library that the nodes use.</summary>
    public IEnumerable<string> Parts
    {
        get
        {
            if (_group.Nodes.Any(n => n is Node.Random))
            {
                yield return "random";
            }

            if (_group.Nodes.Any(n => n is Node.Apply { Function: Pointwise.Lgamma or Pointwise.Digamma or Pointwise.Polygamma }))
            {
                yield return "special";
            }

            if (_group.Nodes.Any(n => n is Node.Apply { Function: Pointwise.Erfinv or Pointwise.Erfcinv or Pointwise.Erfcx }))
            {
                yield return "error";
            }

            if (_group.Nodes.Any(n => n is Node.Apply { Function: Pointwise.BesselI or Pointwise.BesselIe or Pointwise.BesselJ }))
            {
                yield return "bessel";
            }
        }
    }

    /// <summary>What can go wrong, if anything can.</summary>
    public Failure? Failure => _group.Nodes.Any(IsDivision) ? Failure.DivisionByZero : null;

    /// <summary>The parameter that points to a slot.</summary>
    public string Pointer(int slot, DType type, string constant = "") => Pointer(slot, CudaText.Stored(type), constant);

    public string Pointer(int slot, string type, string constant = "")
    {
        // A slot may be read as the type it has only, so that its first mention says all.
        if (!_pointers.TryGetValue(slot, out var name))
        {
            _pointers[slot] = name = $"{_prefix}p{_slots.Count}";
            _parameters.Append(_slots.Count == 0 ? "" : ", ").Append($"{constant}{type} *{name}");
            _slots.Add(slot);
        }

        return name;
    }

    /// <summary>The nodes that are kept, where, and the pointers' names.</summary>
    public (int Node, View Target, string Name)[] Outputs(Func<int, bool>? unwritten = null) =>
        [.. _group.Outputs.Where(o => unwritten is null || !unwritten(o.Value.Slot)).Select(o => (o.Key, o.Value, Pointer(o.Value.Slot, o.Value.Type)))];

    /// <summary>Statements that store element <paramref name="e"/> of nodes where it belongs.</summary>
    public string Stores(IEnumerable<(int Node, View Target, string Name)> outputs, string e, string indent) =>
        string.Concat(outputs.Select(o => $"{indent}{o.Name}[{CudaText.Place(o.Target.Layout, e, _wide)}] = n{o.Node};\n"));

    /// <summary>Statements that compute all nodes of element <paramref name="e"/>; a load that <paramref name="loaded"/> names is that.</summary>
    public string Nodes(string e, Func<int, string?> loaded, string indent)
    {
        var text = new StringBuilder();
        var places = new Dictionary<Layout, string>();
        for (var i = 0; i < _group.Nodes.Count; i++)
        {
            var node = _group.Nodes[i];
            var value = loaded(i) ?? Value(node, e);
            text.Append(indent).Append($"const {CudaText.Name(node.Type)} n{i} = {value};\n");
        }

        return text.ToString();

        string Value(Node node, string at) => node switch
        {
            Node.Load load => CudaText.Read(load.Type, $"{_pointers[load.View.Slot]}[{Place(load.View.Layout, at)}]"),
            Node.Splat splat => CudaText.Literal(splat.Value),
            Node.Ramp ramp => $"({CudaText.Name(ramp.Type)})({Place(ramp.Layout, at)})",
            Node.Random random => $"Random<{CudaText.Name(random.Type)}>::of(ad_words({Word(random.Key, 0)}, {Word(random.Key, 1)}, {at}))",
            Node.Apply apply => Apply(apply),
            Node.Cast cast => $"Cast<{CudaText.Name(cast.Type)}, {CudaText.Name(_group.Nodes[cast.Operand].Type)}>::of(n{cast.Operand})",
            _ => throw new NotSupportedException($"The node {node} is not known to the device cuda."),
        };

        string Place(Layout layout, string at)
        {
            if (!places.TryGetValue(layout, out var place))
            {
                place = CudaText.Place(layout, at, _wide);
                if (place.Length > 24)
                {
                    var name = $"i{places.Count}";
                    text.Append($"{indent}const {(_wide ? "i64" : "int")} {name} = {place};\n");
                    place = name;
                }

                places[layout] = place;
            }

            return place;
        }
    }

    private string Word(View key, int word)
    {
        var at = key.Layout.Offset + (word * (key.Layout.Rank == 0 ? 0 : key.Layout.Strides[0]));
        return $"{_pointers[key.Slot]}[{at}]";
    }

    private static string Apply(Node.Apply apply)
    {
        var operands = apply.Operands.Values.ToArray().Select(o => $"n{o}");
        return IsDivision(apply)
            ? $"{(apply.Function == Pointwise.Divide ? "ad_quotient" : "ad_rest")}({string.Join(", ", operands)}, error, code)"
            : $"ad_{apply.Function.Name()}({string.Join(", ", operands)})";
    }

    private static bool IsDivision(Node node) =>
        node is Node.Apply { Function: Pointwise.Divide or Pointwise.Remainder } apply && apply.Type.IsInteger();
}
