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
            if (Target(merged[i]) is { } target
                && Epilogue.Reader(merged, i, target, step => (step as LaunchStep)?.Group, slotBytes, whole, isResult) is { } j
                && merged[j] is LaunchStep { Group: { Reductions.Count: 0 } group } && new GroupText(group).Failure is null
                && Absorbed(merged[i], target, group) is { } joined)
            {
                merged[j] = joined;
                merged.RemoveAt(i--);
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
}
