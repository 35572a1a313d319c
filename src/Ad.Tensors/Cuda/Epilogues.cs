namespace Ad.Tensors.Cuda;

/// <summary>Puts a pointwise group that alone reads a product's results, each once, into the product's own kernel.</summary>
internal static class Epilogues
{
    /// <summary>The steps with such groups put into the products they read; <paramref name="isResult"/> says which slots others ask for.</summary>
    public static CudaStep[] Merge(CudaStep[] steps, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult)
    {
        var merged = steps.ToList();
        for (var i = 0; i < merged.Count; i++)
        {
            if (Target(merged[i]) is not { } target || isResult(target) || whole(target) != target || Reader(merged, target, whole) is not (> 0 and var j))
            {
                continue;
            }

            if (j > i && merged[j] is LaunchStep { Group: { } group } && Takes(group, target, slotBytes, whole)
                && IsThereBefore(merged, i, j, group, whole) && Absorbed(merged[i], target, group) is { } joined)
            {
                merged[i] = joined;
                merged.RemoveAt(j);
            }
        }

        return [.. merged];
    }

    private static int? Target(CudaStep step) => step switch
    {
        LaunchStep { Absorb: not null } launch => launch.Writes.First(),
        MatrixStep { Own.Absorb: not null } matrix => matrix.Target,
        ConvolveStep { Own.Absorb: not null } convolve => convolve.Target,
        _ => null,
    };

    private static CudaStep? Absorbed(CudaStep step, int target, PointwiseGroup group) => step switch
    {
        LaunchStep launch => launch.Absorb!(group),
        MatrixStep matrix => matrix.Absorb(target, group),
        ConvolveStep convolve => convolve.Absorb(target, group),
        _ => null,
    };

    // The one step that reads a slot, or any slot that lies in it; -1 if there are more or none.
    private static int Reader(List<CudaStep> steps, int target, Func<int, int> whole)
    {
        var readers = Enumerable.Range(0, steps.Count).Where(i => steps[i].Reads.Any(slot => whole(slot) == target)).Take(2).ToArray();
        return readers.Length == 1 ? readers[0] : -1;
    }

    private static bool Takes(PointwiseGroup group, int target, IReadOnlyList<long> slotBytes, Func<int, int> whole) =>
        group.Reductions.Count == 0
        && new GroupText(group).Failure is null
        && group.Nodes.All(node => node switch
        {
            Node.Load { View: var view } when whole(view.Slot) == target => view.Slot == target && view.Layout.IsContiguous()
                && view.Layout.Offset == 0 && view.Layout.Elements() == group.Elements && slotBytes[target] == group.Elements * view.Type.Size(),
            Node.Random random => whole(random.Key.Slot) != target,
            _ => true,
        })
        && group.Writes.All(slot => whole(slot) != target);

    // What else the group reads is made before the product, and nobody in between needs the memory to be as it was.
    private static bool IsThereBefore(List<CudaStep> steps, int product, int group, PointwiseGroup read, Func<int, int> whole)
    {
        var reads = read.Views().Select(v => whole(v.Slot)).ToHashSet();
        var writes = read.Writes.Select(whole).ToHashSet();
        return Enumerable.Range(product + 1, group - product - 1)
            .All(k => !steps[k].Writes.Any(slot => reads.Contains(whole(slot))) && !steps[k].Writes.Concat(steps[k].Reads).Any(slot => writes.Contains(whole(slot))));
    }
}
