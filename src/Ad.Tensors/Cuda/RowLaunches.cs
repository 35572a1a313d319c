using System.Numerics;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// Groups that go through the same rows one after another, such as a softmax's maximum, exponentials with their sum, and quotients, as one kernel:
/// a row's threads go through all of them, and keep their part of it in registers if the row is not too long; of a longer one, the maximum and the sum are found in
/// one pass, and what else one group wrote is in the nearest cache when the next one reads it.
/// </summary>
internal static class RowLaunches
{
    private const int Threads = 256;
    private const int MostThreads = 1024;
    private const int Lanes = 4;

    // A kernel's parameters have 4096 bytes on any driver (CUDA C++ Programming Guide, NVIDIA 2025), of which two words may be for what it finds wrong.
    private const int MostParameters = (4096 / 8) - 4;

    // Rows of fewer elements have threads without a vector.
    private const long LeastVectors = 128;

    // With fewer rows the device is idle but for a few blocks, unless there is little to do anyway.
    private const long EnoughRows = 256;
    private const long FewElements = 64 * 1024;

    /// <summary>Puts neighbouring groups that go through the same rows together.</summary>
    public static CudaStep[] Merge(CudaStep[] steps, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, bool aligned)
    {
        var merged = new List<CudaStep>();
        var run = new List<LaunchStep>();
        long rows = 0;
        foreach (var step in steps)
        {
            if (step is LaunchStep { Group: { } group } launch)
            {
                if (run.Count > 0 && GoesThrough(group, rows) && run.Sum(Parameters) + Parameters(launch) <= MostParameters && FollowsByRows(group, run, rows, slotBytes, whole))
                {
                    run.Add(launch);
                    continue;
                }

                Flush();
                rows = Rows(group);
                if (rows > 0 && GoesThrough(group, rows))
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
            var isBusy = rows > 1 && (rows >= EnoughRows || (run.Count > 0 && run[0].Group!.Elements <= FewElements));
            merged.AddRange(run.Count < 2 ? run : isBusy ? [Of([.. run], rows, aligned, IsNeeded)] : RowPieces.Of([.. run], rows, aligned, IsNeeded) ?? [.. run]);
            run.Clear();
        }

        // Whether somebody else reads of it, or of what it is part of.
        bool IsNeeded(int slot) => isResult(slot) || whole(slot) != slot
            || steps.Except(run).Any(step => step.Reads.Any(read => whole(read) == slot))
            || run.Any(step => step.Reads.Any(read => read != slot && whole(read) == slot));
    }

    private static int Parameters(LaunchStep step) => step.Group!.Views().Select(v => v.Slot).Concat(step.Writes).Distinct().Count();

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

    private static LaunchStep Of(LaunchStep[] steps, long rows, bool aligned, Func<int, bool> isNeeded)
    {
        PointwiseGroup[] groups = [.. steps.Select(s => s.Group!)];
        var width = groups.Max(g => g.Elements) / rows;
        var lanes = aligned && width % Lanes == 0 && width >= LeastVectors ? Lanes : 1;
        var most = (width + lanes - 1) / lanes > Threads * (RowGroups.MostKept / lanes) ? MostThreads : Threads;
        var team = (int)Math.Clamp((long)BitOperations.RoundUpToPowerOf2((ulong)((width + lanes - 1) / lanes)), 1, most);
        var each = (width + (team * (long)lanes) - 1) / (team * (long)lanes);
        var keeps = each * lanes <= RowGroups.MostKept;
        var online = keeps ? null : OnlineRows.Of(groups, rows, isNeeded);
        var kernel = Kernel(online?.Groups ?? groups, online, rows, team, lanes, keeps, isNeeded, out var unwritten);
        bool IsGone(int slot) => unwritten.Contains(slot) || (online is not null && online.Gone.Contains(slot));
        return new LaunchStep(
            $"by {rows} rows{(online is null ? "" : " in one pass")}: {string.Join(" then ", steps.Select(s => s.ToString()))}",
            [.. steps.SelectMany(s => s.Reads).Where(slot => !IsGone(slot) && (online is null || !online.Unread.Contains(slot)))],
            [.. steps.SelectMany(s => s.Writes).Where(slot => !IsGone(slot)).Distinct()],
            [kernel])
        {
            Operations = steps.Sum(s => s.Flops),
        };
    }

    /// <summary>The kernel of groups over so many rows: as many threads a row, and elements at a time; what it need not write is <paramref name="unwritten"/>.</summary>
    public static Launch Kernel(
        PointwiseGroup[] groups, OnlineRows? online, long rows, int team, int lanes, bool keeps, Func<int, bool> isNeeded, out IReadOnlySet<int> unwritten)
    {
        var width = groups.Max(g => g.Elements) / rows;
        var each = (width + (team * (long)lanes) - 1) / (team * (long)lanes);
        var kept = new RowGroups(groups, rows, keeps, isNeeded) { Online = online };
        unwritten = kept.Unwritten;
        var texts = groups.Select((g, i) => new GroupText(g, $"g{i}_", kept.Unwritten.Contains)).ToArray();
        var perBlock = (int)Math.Max(1, Math.Min(Threads / team, (long)BitOperations.RoundUpToPowerOf2((ulong)rows)));
        var bodies = new StringBuilder();
        for (var i = 0; i < groups.Length; i++)
        {
            bodies.Append(new RowBody(groups[i], texts[i], kept, rows, team, groups[i].Elements == width * rows ? (int)each : 0, lanes));
        }

        var failure = texts.Select(t => t.Failure).FirstOrDefault(f => f is not null);
        var wide = texts.Any(t => t.Wide);
        var text = $$"""
            extern "C" __global__ void __launch_bounds__({{team * perBlock}}) @({{string.Join(", ", texts.Select(t => t.Parameters).Where(p => p.Length > 0))}}{{(failure is null ? "" : ", i64 *error, i64 code")}}) {
                const int y = threadIdx.x % {{team}}, z = threadIdx.x / {{team}};
                {{ReduceLaunches.Shared(team * perBlock)}}
                const {{CudaText.Index(wide)}} row = ({{CudaText.Index(wide)}})blockIdx.x * {{perBlock}} + z;
            {{kept.Declarations((int)(keeps ? each * lanes : 0))}}{{bodies}}}

            """;
        return new Launch(
            text,
            [.. texts.SelectMany(t => t.Parts).Append("reduce").Distinct()],
            new Grid((rows + perBlock - 1) / perBlock),
            team * perBlock,
            [.. texts.SelectMany(t => t.Slots)],
            failure);
    }
}
