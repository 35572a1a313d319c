namespace Ad.Tensors.Cpu;

internal sealed partial class GroupProgram
{
    // From so many on, a square turned over in registers saves more than it costs.
    private const int FewestBeside = 4;

    // Scattered nodes in an order where those that lie beside each other, one element further on each and all else alike, come one after another.
    private ((int Node, View Target)[] Scattered, int[] Beside) Adjoining((int Node, View Target)[] scattered)
    {
        var all = scattered
            .OrderBy(s => s.Target.Slot)
            .ThenBy(s => s.Target.Layout.Offset)
            .ToArray();
        var beside = new int[all.Length];
        Array.Fill(beside, 1);
        for (var first = 0; first < all.Length;)
        {
            var count = 1;
            while (first + count < all.Length && IsNext(all[first + count - 1], all[first + count]))
            {
                count++;
            }

            if (count >= FewestBeside)
            {
                beside.AsSpan(first, count).Clear();
                beside[first] = count;
            }

            first += count;
        }

        return (all, beside);
    }

    private bool IsNext((int Node, View Target) one, (int Node, View Target) next) =>
        IsComputed(one.Node)
        && IsComputed(next.Node)
        && one.Target.Slot == next.Target.Slot
        && one.Target.Layout.Offset + 1 == next.Target.Layout.Offset
        && one.Target.Layout.Sizes.SequenceEqual(next.Target.Layout.Sizes)
        && one.Target.Layout.Strides.SequenceEqual(next.Target.Layout.Strides)
        && one.Target.Type.Size() is sizeof(float) or sizeof(double);

    private bool IsComputed(int node) => Nodes[node] is Node.Apply or Node.Cast;
}
