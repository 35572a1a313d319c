namespace Ad.Tensors.Cpu;

/// <summary>
/// A product of matrices and a group that alone reads it, such as a bias and an activation, a mask, or an optimizer's step: each tile of the result
/// goes through the group's loops while it is near, and the product itself is never in memory. Each element is computed as by the two one by one.
/// </summary>
internal sealed class TiledKernel : Kernel
{
    private readonly ContractKernel _product;
    private readonly GroupKernel _group;
    private readonly int _between;
    private readonly int _size;

    private TiledKernel(ContractKernel product, GroupKernel group)
    {
        (_product, _group) = (product, group);
        (_between, _size) = (product.Parts.Target, product.Parts.Left.Type.Size());
    }

    public override IEnumerable<int> Reads => _product.Reads.Concat(_group.Reads.Where(slot => slot != _between)).Distinct();

    public override IEnumerable<int> Writes => _group.Writes;

    // All of the product's operands may be read again when the first tile has been written.
    public override bool ReadsInPlace(int source, int target) => !_product.Reads.Contains(source) && _group.ReadsInPlace(source, target);

    public override long Flops => _product.Flops + _group.Flops;

    /// <summary>Puts groups into the products that they alone read. Where such a group also sums what it stores, the sum follows by itself.</summary>
    public static Kernel[] Merge(Kernel[] kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, long emitAfter)
    {
        var merged = kernels.ToList();
        for (var i = 0; i < merged.Count; i++)
        {
            if (merged[i] is not ContractKernel { GivesTiles: true } product
                || Epilogue.Reader(merged, i, product.Parts.Target, k => (k as GroupKernel)?.Group, slotBytes, whole, isResult) is not { } j
                || Apart(((GroupKernel)merged[j]).Group, product.Parts.Target) is not var (group, sums))
            {
                continue;
            }

            merged[j] = new TiledKernel(product, sums is null ? (GroupKernel)merged[j] : new GroupKernel(group, emitAfter));
            if (sums is not null)
            {
                merged.Insert(j + 1, new GroupKernel(sums, emitAfter));
            }

            merged.RemoveAt(i--);
        }

        return [.. merged];
    }

    public override void Run(Frame frame, Workers workers) => _product.Run(frame, workers, new Tiles(this, frame));

    public override string ToString() => $"by tiles: {_product.Text(isTiled: true)} then {_group}";

    // What a group does to each element, and its sums of what it has stored then; null if it sums something that it does not store.
    private static (PointwiseGroup Group, PointwiseGroup? Sums)? Apart(PointwiseGroup group, int target)
    {
        if (group.Outputs.Keys.Any(node => group.Nodes[node] is Node.Load load && load.View.Slot == target))
        {
            return null;
        }

        if (group.Reductions.Count == 0)
        {
            return (group, null);
        }

        var (each, sums) = (new PointwiseGroup(group.Elements), new PointwiseGroup(group.Elements) { Extents = group.Extents });
        foreach (var node in group.Nodes)
        {
            each.Add(node);
        }

        foreach (var (node, view) in group.Outputs)
        {
            each.Outputs[node] = view;
        }

        foreach (var reduction in group.Reductions)
        {
            if (!group.Outputs.TryGetValue(reduction.Node, out var view) || !view.Layout.IsContiguous())
            {
                return null;
            }

            sums.Reductions.Add(reduction with { Node = sums.Add(new Node.Load(view with { Layout = view.Layout.Collapse() })) });
        }

        return (each, sums);
    }

    private sealed class Tiles(TiledKernel kernel, Frame frame) : ITiles
    {
        private readonly GroupProgram _program = kernel._group.Program();

        public GroupState Begin() => kernel._group.Begin(_program, frame);

        public void Take(GroupState state, in Tile tile) => state.Tiled(frame, kernel._between, kernel._size, tile);

        public void End(GroupState state) => kernel._group.End(state);
    }
}
