namespace Ad.Tensors.Cpu;

/// <summary>
/// A product of matrices, or a convolution, and a group that alone reads it, such as a bias and an activation, a mask, or an optimizer's step: each tile of
/// the result goes through the group's loops while it is near, and the product itself is never in memory. Each element is computed as by the two one by one.
/// A convolution's tiles are an example's channels, which a group may sum too.
/// </summary>
internal sealed class TiledKernel : Kernel
{
    private readonly Kernel _product;
    private readonly GroupKernel _group;
    private readonly int _between;
    private readonly int _size;

    private TiledKernel(Kernel product, (int Target, DType Type) result, GroupKernel group)
        : this(product, group, result.Target, result.Type.Size())
    {
    }

    private TiledKernel(Kernel product, GroupKernel group, int between, int size) => (_product, _group, _between, _size) = (product, group, between, size);

    /// <summary>The product of matrices, if it is one.</summary>
    public ContractKernel? Product => _product as ContractKernel;

    /// <summary>The same with another kernel for the product.</summary>
    public TiledKernel With(ContractKernel product) => new(product, _group, _between, _size);

    public override IEnumerable<int> Reads => _product.Reads.Concat(_group.Reads.Where(slot => slot != _between)).Distinct();

    public override IEnumerable<int> Writes => _group.Writes;

    // All of the product's operands may be read again when the first tile has been written; where a convolution begins anew, so does the group.
    public override bool ReadsInPlace(int source, int target) =>
        _product is not ConvolveKernel { MayBeginAnew: true } && !_product.Reads.Contains(source) && _group.ReadsInPlace(source, target);

    public override long Flops => _product.Flops + _group.Flops;

    /// <summary>Puts groups into the products that they alone read. Where such a group also sums what it stores, the sum follows by itself.</summary>
    public static Kernel[] Merge(Kernel[] kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, long emitAfter)
    {
        var merged = kernels.ToList();
        // Of two that a group reads, the later has less to wait for.
        for (var i = merged.Count - 1; i >= 0; i--)
        {
            if (ResultOf(merged[i]) is not { } result
                || Epilogue.Reader(merged, i, result.Target, k => (k as GroupKernel)?.Group, slotBytes, whole, isResult) is not { } j
                || (merged[i] is ConvolveKernel { MayBeginAnew: true } && ReadsMore(((GroupKernel)merged[j]).Group, result.Target)))
            {
                continue;
            }

            var reader = (GroupKernel)merged[j];
            if (Sums(merged[i], reader) && !Keeps(reader.Group, result.Target))
            {
                merged[j] = new TiledKernel(merged[i], result, reader);
            }
            else if (Apart(reader.Group, result.Target) is var (group, sums))
            {
                merged[j] = new TiledKernel(merged[i], result, sums is null ? reader : new GroupKernel(group, emitAfter));
                if (sums is not null)
                {
                    merged.Insert(j + 1, new GroupKernel(sums, emitAfter));
                }
            }
            else
            {
                continue;
            }

            merged.RemoveAt(i);
        }

        return [.. merged];
    }

    public override void Run(Frame frame, Workers workers)
    {
        var tiles = new Tiles(this, frame);
        if (_product is ConvolveKernel convolution)
        {
            convolution.Run(frame, workers, tiles, _group.Rows > 0);
        }
        else
        {
            ((ContractKernel)_product).Run(frame, workers, tiles);
        }
    }

    public override string ToString() => $"by tiles: {(_product as ContractKernel)?.Text(isTiled: true) ?? _product.ToString()} then {_group}";

    private static (int Target, DType Type)? ResultOf(Kernel kernel) => kernel switch
    {
        ContractKernel { GivesTiles: true } product => (product.Parts.Target, product.Parts.Left.Type),
        ConvolveKernel convolution when convolution.GivesTiles(whole: false) => convolution.Result,
        _ => null,
    };

    // Whether what a group sums are channels of a convolution that gives them whole.
    private static bool Sums(Kernel product, GroupKernel group) =>
        product is ConvolveKernel convolution && group.Rows == convolution.Channels && group.GoesThrough(group.Rows) && convolution.GivesTiles(whole: true);

    // Whether there is something else that the group might have been written over: new memory costs more than near results save.
    private static bool ReadsMore(PointwiseGroup group, int target) => group.Nodes.Any(node =>
        node is Node.Load { View: var view } && view.Slot != target && view.Layout.IsContiguous() && view.Layout.Elements() == group.Elements);

    private static bool Keeps(PointwiseGroup group, int target) =>
        group.Outputs.Keys.Any(node => group.Nodes[node] is Node.Load load && load.View.Slot == target);

    // What a group does to each element, and its sums of what it has stored then; null if it sums something that it does not store.
    private static (PointwiseGroup Group, PointwiseGroup? Sums)? Apart(PointwiseGroup group, int target)
    {
        if (Keeps(group, target))
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

        public void Take(GroupState state, in Tile tile)
        {
            if (kernel._group.Rows == 0)
            {
                state.Tiled(frame, kernel._between, kernel._size, tile);
                return;
            }

            state.Stand(kernel._between, kernel._size, tile);
            kernel._group.DoRows(state, frame, tile.First / tile.Columns, tile.Rows, kernel._group.Rows);
        }

        public void End(GroupState state) => kernel._group.End(state);
    }
}
