using System.Globalization;
using System.Text;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Groups that go through the same rows one after another, such as a softmax's maximum, exponentials with their sum, and quotients: some rows go
/// through all of them while they are in the nearest caches, before the next rows do. Each row is computed as by the groups one by one.
/// </summary>
internal sealed class RowsKernel : Kernel
{
    // What a chunk of rows may take of the second-level cache.
    private const long ChunkBytes = 128 * 1024;

    // With fewer rows, and many elements in each, the work cuts better the other way.
    private const long FewRows = 8;

    // Kernels between two groups that a later group is done before: the sum of all that rows leave, say.
    private const int MostSkipped = 3;

    private readonly GroupKernel[] _groups;
    private readonly long _rows;
    private readonly long _rowsPerItem;

    private readonly HashSet<int> _byRows;

    private RowsKernel(GroupKernel[] groups, long rows, IReadOnlyList<long> slotBytes)
    {
        (_groups, _rows) = (groups, rows);
        var bytes = Reads.Concat(Writes).Distinct().Sum(s => slotBytes[s]);
        _rowsPerItem = Math.Clamp(ChunkBytes * rows / Math.Max(1, bytes), 1, rows);
        var views = groups.SelectMany(g => g.Views).ToLookup(v => v.Slot);
        _byRows = [.. views.Where(v => v.All(view => KeepsRows(view, rows, slotBytes))).Select(v => v.Key)];
    }

    public override IEnumerable<int> Reads => _groups.SelectMany(g => g.Reads).Distinct();

    public override IEnumerable<int> Writes => _groups.SelectMany(g => g.Writes);

    // Rows are done in some order, the groups one after another in each.
    public override bool ReadsInPlace(int source, int target)
    {
        var writer = Array.FindIndex(_groups, g => g.Writes.Contains(target));
        return Array.FindLastIndex(_groups, g => g.Reads.Concat(g.Writes).Contains(source)) <= writer
            && _byRows.Contains(source)
            && (_groups[writer].Reads.Contains(source) ? _groups[writer].ReadsInPlace(source, target) : !_groups[writer].Scatters.Contains(target));
    }

    public override long Flops => _groups.Sum(g => g.Flops);

    /// <summary>The groups, in order.</summary>
    public IReadOnlyList<GroupKernel> Groups => _groups;

    /// <summary>Puts neighbouring groups that go through the same rows together.</summary>
    public static Kernel[] Merge(IReadOnlyList<Kernel> kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole)
    {
        var merged = new List<Kernel>();
        var done = new bool[kernels.Count];
        for (var start = 0; start < kernels.Count; start++)
        {
            if (done[start])
            {
                continue;
            }

            if (kernels[start] is not GroupKernel first || !Starts(first))
            {
                merged.Add(kernels[start]);
                continue;
            }

            var run = new List<GroupKernel> { first };
            var skipped = new List<Kernel>();
            for (var next = start + 1; next < kernels.Count && skipped.Count <= MostSkipped; next++)
            {
                if (done[next])
                {
                    continue;
                }

                if (kernels[next] is GroupKernel group
                    && group.GoesThrough(first.Rows)
                    && FollowsByRows(group, run, first.Rows, slotBytes, whole)
                    && skipped.All(k => AreIndependent(k, group, whole)))
                {
                    run.Add(group);
                    done[next] = true;
                }
                else
                {
                    skipped.Add(kernels[next]);
                }
            }

            merged.Add(run.Count > 1 ? new RowsKernel([.. run], first.Rows, slotBytes) : first);
        }

        return [.. merged];
    }

    private static bool Starts(GroupKernel group) =>
        (group.Rows >= FewRows || (group.Rows > 1 && group.Elements < Workers.Grain)) && group.GoesThrough(group.Rows);

    private static bool AreIndependent(Kernel first, Kernel second, Func<int, int> whole)
    {
        var written = first.Writes.Select(whole).ToHashSet();
        var touched = first.Reads.Select(whole).Concat(written).ToHashSet();
        return !second.Reads.Any(s => written.Contains(whole(s))) && !second.Writes.Any(s => touched.Contains(whole(s)));
    }

    // It reads something of the groups before it, and of each row of theirs nothing but that row.
    private static bool FollowsByRows(GroupKernel group, List<GroupKernel> before, long rows, IReadOnlyList<long> slotBytes, Func<int, int> whole)
    {
        var written = before.SelectMany(g => g.Writes).ToHashSet();
        var read = false;
        foreach (var view in group.Views)
        {
            if (written.Contains(view.Slot))
            {
                read = true;
                if (before.Any(g => g.Scatters.Contains(view.Slot)))
                {
                    return false;
                }

                if (!KeepsRows(view, rows, slotBytes))
                {
                    return false;
                }
            }
            else if (written.Any(slot => whole(slot) == whole(view.Slot)))
            {
                return false;
            }
        }

        return read;
    }

    private static bool KeepsRows(View view, long rows, IReadOnlyList<long> slotBytes)
    {
        var elements = slotBytes[view.Slot] / view.Type.Size();
        return elements % rows == 0 && view.Layout.KeepsRows(rows, elements / rows);
    }

    public override void Run(Frame frame, Workers workers)
    {
        var programs = _groups.Select(g => g.Program()).ToArray();
        var items = (int)((_rows + _rowsPerItem - 1) / _rowsPerItem);
        long weight = 0;
        for (var i = 0; i < _groups.Length; i++)
        {
            weight += _groups[i].Elements * programs[i].Weight;
        }

        workers.Run(new Work(this, programs, frame), items, weight >= Workers.Grain);
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"by {_rows} rows: ");
        return text.AppendJoin(" then ", _groups.Select(g => g.ToString())).ToString();
    }

    private sealed class Work(RowsKernel kernel, GroupProgram[] programs, Frame frame) : IWork
    {
        public object? Begin() => kernel._groups.Select((g, i) => g.Begin(programs[i], frame)).ToArray();

        public void Do(object? state, int item)
        {
            var states = (GroupState[])state!;
            var first = item * kernel._rowsPerItem;
            var count = Math.Min(kernel._rowsPerItem, kernel._rows - first);
            for (var i = 0; i < states.Length; i++)
            {
                kernel._groups[i].DoRows(states[i], frame, first, count, kernel._rows);
            }
        }

        public void End(object? state)
        {
            var states = (GroupState[])state!;
            for (var i = 0; i < states.Length; i++)
            {
                kernel._groups[i].End(states[i]);
            }
        }
    }
}
