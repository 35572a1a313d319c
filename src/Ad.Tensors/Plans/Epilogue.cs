namespace Ad.Tensors;

/// <summary>Pointwise groups that a product's own step can do: they alone read what it makes, each element where it is made.</summary>
internal static class Epilogue
{
    /// <summary>
    /// The place of the group that alone reads a product's result, and where the product may wait for what else the group reads;
    /// <paramref name="isResult"/> says which slots others ask for, <paramref name="whole"/> which slot a slot lies in.
    /// </summary>
    public static int? Reader<K>(
        IReadOnlyList<K> steps,
        int product,
        int target,
        Func<K, PointwiseGroup?> groupOf,
        IReadOnlyList<long> slotBytes,
        Func<int, int> whole,
        Func<int, bool> isResult)
        where K : PlanStep
    {
        if (isResult(target) || whole(target) != target)
        {
            return null;
        }

        // Slots that lie in the result count as it.
        var readers = Enumerable.Range(0, steps.Count).Where(i => steps[i].Reads.Any(slot => whole(slot) == target)).Take(2).ToArray();
        return readers is [var reader] && reader > product && groupOf(steps[reader]) is { } group
            && Takes(group, target, slotBytes, whole)
            ? reader
            : null;
    }

    private static bool Takes(PointwiseGroup group, int target, IReadOnlyList<long> slotBytes, Func<int, int> whole) =>
        group.Nodes.All(node => node switch
        {
            Node.Load { View: var view } when whole(view.Slot) == target => view.Slot == target && view.Layout.IsContiguous()
                && view.Layout.Offset == 0 && view.Layout.Elements() == group.Elements && slotBytes[target] == group.Elements * view.Type.Size(),
            Node.Random random => whole(random.Key.Slot) != target,
            _ => true,
        })
        && group.Writes.All(slot => whole(slot) != target);
}
