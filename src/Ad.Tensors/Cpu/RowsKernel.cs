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

    private readonly GroupKernel[] _groups;
    private readonly long _rows;
    private readonly long _rowsPerItem;

    private RowsKernel(GroupKernel[] groups, long rows, long bytes)
    {
        (_groups, _rows) = (groups, rows);
        _rowsPerItem = Math.Clamp(ChunkBytes * rows / Math.Max(1, bytes), 1, rows);
    }

    public override IEnumerable<int> Reads => _groups.SelectMany(g => g.Reads).Distinct();

    public override IEnumerable<int> Writes => _groups.SelectMany(g => g.Writes);

    public override long Flops => _groups.Sum(g => g.Flops);

    /// <summary>The groups, in order.</summary>
    public IReadOnlyList<GroupKernel> Groups => _groups;

    /// <summary>Puts neighbouring groups that go through the same rows together.</summary>
    public static Kernel[] Merge(IReadOnlyList<Kernel> kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole)
    {
        var merged = new List<Kernel>();
        var run = new List<GroupKernel>();
        long rows = 0;
        foreach (var kernel in kernels)
        {
            if (kernel is GroupKernel group)
            {
                if (run.Count > 0 && group.GoesThrough(rows) && FollowsByRows(group, run, rows, slotBytes, whole))
                {
                    run.Add(group);
                    continue;
                }

                Flush();
                if ((group.Rows >= FewRows || (group.Rows > 1 && group.Elements < Workers.Grain)) && group.GoesThrough(group.Rows))
                {
                    run.Add(group);
                    rows = group.Rows;
                    continue;
                }
            }

            Flush();
            merged.Add(kernel);
        }

        Flush();
        return [.. merged];

        void Flush()
        {
            if (run.Count > 1)
            {
                var slots = run.SelectMany(g => g.Reads.Concat(g.Writes)).Distinct().Sum(s => slotBytes[s]);
                merged.Add(new RowsKernel([.. run], rows, slots));
            }
            else
            {
                merged.AddRange(run);
            }

            run.Clear();
        }
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

                var elements = slotBytes[view.Slot] / view.Type.Size();
                if (elements % rows != 0 || !view.Layout.KeepsRows(rows, elements / rows))
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
