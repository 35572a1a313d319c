using System.Numerics;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// Groups that go through the same rows one after another, such as a softmax's maximum, exponentials with their sum, and quotients, as one kernel:
/// a row's threads go through all of them, so that what one group wrote is in the nearest cache when the next one reads it.
/// </summary>
internal static class RowLaunches
{
    private const int Threads = 256;

    // With fewer rows the device is idle but for a few blocks, unless there is little to do anyway.
    private const long EnoughRows = 256;
    private const long FewElements = 64 * 1024;

    /// <summary>Puts neighbouring groups that go through the same rows together.</summary>
    public static CudaStep[] Merge(CudaStep[] steps, IReadOnlyList<long> slotBytes, Func<int, int> whole)
    {
        var merged = new List<CudaStep>();
        var run = new List<LaunchStep>();
        long rows = 0;
        foreach (var step in steps)
        {
            if (step is LaunchStep { Group: { } group } launch)
            {
                if (run.Count > 0 && GoesThrough(group, rows) && FollowsByRows(group, run, rows, slotBytes, whole))
                {
                    run.Add(launch);
                    continue;
                }

                Flush();
                rows = Rows(group);
                if (rows > 1 && GoesThrough(group, rows) && (rows >= EnoughRows || group.Elements <= FewElements))
                {
                    run.Add(launch);
                    continue;
                }
            }

            Flush();
            merged.Add(step);
        }

        Flush();
        return [.. merged];

        void Flush()
        {
            merged.AddRange(run.Count > 1 ? [Of([.. run], rows)] : run);
            run.Clear();
        }
    }

    // A group without reductions has no rows of its own: it follows others.
    private static long Rows(PointwiseGroup group) => group.Extents is { } extents && group.Reductions.Count > 0 ? extents.Outer : 0;

    private static bool GoesThrough(PointwiseGroup group, long rows) =>
        group.Elements > 0
        && (group.Reductions.Count == 0
            ? group.Elements % rows == 0
            : group.Extents is { } extents && extents.Outer == rows && extents.Inner == 1);

    // It reads something of the groups before it, and of each row of theirs nothing but that row.
    private static bool FollowsByRows(PointwiseGroup group, List<LaunchStep> before, long rows, IReadOnlyList<long> slotBytes, Func<int, int> whole)
    {
        var written = before.SelectMany(g => g.Writes).Select(whole).ToHashSet();
        var inRows = before.SelectMany(g => g.Writes).Except(before.SelectMany(g => g.Group!.Scatters)).ToHashSet();
        var views = group.Views().Where(v => written.Contains(whole(v.Slot))).ToArray();
        return views.Length > 0 && views.All(view =>
        {
            if (!inRows.Contains(view.Slot))
            {
                return false;
            }

            var elements = slotBytes[view.Slot] / view.Type.Size();
            return elements % rows == 0 && view.Layout.Elements() == group.Elements && view.Layout.KeepsRows(rows, elements / rows);
        });
    }

    private static LaunchStep Of(LaunchStep[] steps, long rows)
    {
        var groups = steps.Select(s => s.Group!).ToArray();
        var texts = groups.Select((g, i) => new GroupText(g, $"g{i}_")).ToArray();
        var team = (int)Math.Clamp((long)BitOperations.RoundUpToPowerOf2((ulong)(groups.Max(g => g.Elements) / rows)), 1, Threads);
        var perBlock = (int)Math.Min(Threads / team, (long)BitOperations.RoundUpToPowerOf2((ulong)rows));
        var bodies = new StringBuilder();
        for (var i = 0; i < groups.Length; i++)
        {
            bodies.Append(Body(groups[i], texts[i], rows, team));
        }

        var failure = texts.Select(t => t.Failure).FirstOrDefault(f => f is not null);
        var wide = texts.Any(t => t.Wide);
        var text = $$"""
            extern "C" __global__ void __launch_bounds__({{team * perBlock}}) @({{string.Join(", ", texts.Select(t => t.Parameters))}}{{(failure is null ? "" : ", i64 *error, i64 code")}}) {
                const int y = threadIdx.x % {{team}}, z = threadIdx.x / {{team}};
                {{ReduceLaunches.Shared(team * perBlock)}}
                const {{CudaText.Index(wide)}} row = ({{CudaText.Index(wide)}})blockIdx.x * {{perBlock}} + z;
            {{bodies}}}

            """;
        var launch = new Launch(
            text,
            [.. texts.SelectMany(t => t.Parts).Append("reduce").Distinct()],
            new Grid((rows + perBlock - 1) / perBlock),
            team * perBlock,
            [.. texts.SelectMany(t => t.Slots)],
            failure);
        return new LaunchStep(
            $"by {rows} rows: {string.Join(" then ", steps.Select(s => s.ToString()))}",
            [.. steps.SelectMany(s => s.Reads)],
            [.. steps.SelectMany(s => s.Writes).Distinct()],
            [launch])
        {
            Operations = steps.Sum(s => s.Flops),
        };
    }

    private static string Body(PointwiseGroup group, GroupText text, long rows, int team)
    {
        string Number(long n) => CudaText.Unsigned(n, text.Wide);
        var index = CudaText.Index(text.Wide);
        var width = group.Elements / rows;
        var outputs = text.Outputs();
        var sums = group.Reductions.Select(r => (Reduction: r, Accumulator: ReduceLaunches.Accumulator(r.Kind, group.Nodes[r.Node].Type), Name: text.Pointer(r.Slot, r.Type))).ToArray();
        var body = new StringBuilder("    {\n");
        for (var i = 0; i < sums.Length; i++)
        {
            body.Append($"        {sums[i].Accumulator} a{i} = {sums[i].Accumulator}::none();\n");
        }

        body.Append($"        if (row < {Number(rows)})\n        for ({index} r = y; r < {Number(width)}; r += {team}) {{\n            const {index} e = row * {Number(width)} + r;\n");
        body.Append(text.Nodes("e", _ => null, "            "));
        body.Append(text.Stores(outputs, "e", "            "));

        for (var i = 0; i < sums.Length; i++)
        {
            body.Append($"            a{i}.add(n{sums[i].Reduction.Node}, (int)r);\n");
        }

        body.Append("        }\n");
        for (var i = 0; i < sums.Length; i++)
        {
            body.Append(ReduceLaunches.Joined(
                sums[i].Accumulator, $"a{i}", 1, team, $"if (y == 0 && row < {Number(rows)}) {sums[i].Name}[row] = joined.result();"));
        }

        return body.Append("        __syncthreads();\n    }\n").ToString();
    }
}
