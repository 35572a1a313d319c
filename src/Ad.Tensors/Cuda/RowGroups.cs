using System.Globalization;

namespace Ad.Tensors.Cuda;

/// <summary>
/// Groups that one kernel does row by row, with what stays in a thread's registers between them: elements that several read or that one makes and another
/// reads, and what a row is reduced to. What nobody else reads is not written.
/// </summary>
internal sealed class RowGroups
{
    /// <summary>Elements of one value that a thread keeps; more would not be in registers.</summary>
    public const int MostKept = 16;

    private const int MostValues = 4;

    private readonly PointwiseGroup[] _groups;
    private readonly long _rows;
    private readonly bool _keeps;
    private readonly Dictionary<int, string> _kept = [];
    private readonly Dictionary<int, string> _joined = [];
    private readonly HashSet<int> _unwritten = [];

    /// <summary>What to keep of groups over so many rows; <paramref name="keeps"/> says whether a thread can keep its part of a row.</summary>
    public RowGroups(PointwiseGroup[] groups, long rows, bool keeps, Func<int, bool> isNeeded)
    {
        (_groups, _rows, _keeps) = (groups, rows, keeps);
        Width = groups.Max(g => g.Elements) / rows;
        foreach (var reduction in groups.SelectMany(g => g.Reductions))
        {
            _joined[reduction.Slot] = Name("j", _joined.Count);
        }

        foreach (var view in groups.Where(IsOfRows).SelectMany(g => g.Outputs.Values).Where(v => v.Layout.Offset == 0 && v.Layout.IsContiguous()))
        {
            _joined[view.Slot] = Name("j", _joined.Count);
        }

        if (keeps)
        {
            var slots = groups.SelectMany((g, i) => g.Views().Where(v => IsWhole(g, v)).Select(v => v.Slot).Distinct()
                .Concat(g.Outputs.Values.Where(v => IsWhole(g, v)).Select(v => v.Slot)).Select(slot => (Slot: slot, Group: i)));
            foreach (var slot in slots.GroupBy(s => s.Slot).Where(s => s.Select(x => x.Group).Distinct().Count() > 1).Take(MostValues).Select(s => s.Key))
            {
                _kept[slot] = Name("w", _kept.Count);
            }
        }

        foreach (var slot in _kept.Keys.Concat(_joined.Keys))
        {
            var isRead = groups.Any(g => g.Nodes.Any(n => (n is Node.Load load && load.View.Slot == slot && Carried(g, load) is null)
                || (n is Node.Random random && random.Key.Slot == slot)));
            if (!isRead && !isNeeded(slot) && groups.Any(g => g.Writes.Contains(slot)))
            {
                _unwritten.Add(slot);
            }
        }
    }

    /// <summary>The groups whose maximum and sum are found in one pass, if there are such.</summary>
    public OnlineRows? Online { get; init; }

    /// <summary>Whether a thread keeps its part of a row.</summary>
    public bool Keeps => _keeps;

    /// <summary>Elements of a row.</summary>
    public long Width { get; }

    /// <summary>The slots that nobody needs in memory.</summary>
    public IReadOnlySet<int> Unwritten => _unwritten;

    /// <summary>The variables kept from group to group, each for so many elements a thread.</summary>
    public string Declarations(int count)
    {
        var types = new Dictionary<int, string>();
        foreach (var view in _groups.SelectMany(g => g.Views().Concat(g.Outputs.Values)))
        {
            types.TryAdd(view.Slot, CudaText.Name(view.Type));
        }

        return string.Concat(_kept.Select(k => $"    {types[k.Key]} {k.Value}[{count}];\n"));
    }

    /// <summary>The variable that holds what a row has one of, made by a reduction or by a group of its own.</summary>
    public string Joined(int slot) => _joined[slot];

    /// <summary>The nodes of a group of one element a row that others read as variables.</summary>
    public IEnumerable<(int Node, string Name, DType Type)> OfRow(PointwiseGroup group) =>
        group.Outputs.Where(o => _joined.ContainsKey(o.Value.Slot)).Select(o => (o.Key, _joined[o.Value.Slot], o.Value.Type));

    /// <summary>Whether a group has one element a row and reduces nothing: every thread of the row computes it.</summary>
    public bool IsOfRows(PointwiseGroup group) => group.Elements == _rows && group.Reductions.Count == 0;

    /// <summary>What stands for a load: a variable that an earlier group of these left; null if it is read from memory.</summary>
    public string? Carried(PointwiseGroup group, Node.Load load)
    {
        var at = Array.IndexOf(_groups, group);
        return _joined.TryGetValue(load.View.Slot, out var joined) && IsOfRow(group, load.View.Layout) ? joined
            : _kept.TryGetValue(load.View.Slot, out var kept) && IsWhole(group, load.View) && _groups[..at].Any(g => Has(g, load.View.Slot)) ? $"{kept}[k]"
            : null;
    }

    /// <summary>Statements that keep what this group is the first to read or to make.</summary>
    public string Keeping(PointwiseGroup group, string indent)
    {
        var at = Array.IndexOf(_groups, group);
        var text = "";
        foreach (var (slot, name) in _kept)
        {
            if (!_groups[..at].Any(g => Has(g, slot)) && Node(group, slot) is >= 0 and var node)
            {
                text += string.Create(CultureInfo.InvariantCulture, $"{indent}{name}[k] = n{node};\n");
            }
        }

        return text;
    }

    // The node that is a kept slot's elements.
    private int Node(PointwiseGroup group, int slot)
    {
        foreach (var (node, view) in group.Outputs)
        {
            if (view.Slot == slot && IsWhole(group, view))
            {
                return node;
            }
        }

        return group.Nodes.FindIndex(n => n is Node.Load load && load.View.Slot == slot && IsWhole(group, load.View));
    }

    private bool Has(PointwiseGroup group, int slot) => Node(group, slot) >= 0;

    private bool IsWhole(PointwiseGroup group, View view) => group.Elements == Width * _rows && view.Layout.Elements() == group.Elements
        && view.Layout.Offset == 0 && view.Layout.IsContiguous();

    // Each element of a row reads the row's own.
    private bool IsOfRow(PointwiseGroup group, Layout layout)
    {
        var collapsed = layout.Collapse();
        var width = group.Elements / _rows;
        return layout.Offset == 0 && layout.Elements() == group.Elements && collapsed.Rank switch
        {
            0 => _rows == 1,
            1 => width == 1 ? collapsed.Strides[0] == 1 : _rows == 1 && collapsed.Strides[0] == 0,
            2 => collapsed.Sizes[0] == _rows && collapsed.Strides[0] == 1 && collapsed.Strides[1] == 0,
            _ => false,
        };
    }

    private static string Name(string kind, int number) => string.Create(CultureInfo.InvariantCulture, $"{kind}{number}");
}
