namespace Ad.Tensors.Cuda;

/// <summary>A product by the device's matrix library, or by a kernel of our own where the library has nothing for it.</summary>
internal sealed class MatrixStep(LaunchStep own, MatrixProduct product, View left, View right, int target, View? bias) : CudaStep
{
    public override IEnumerable<int> Reads => own.Reads;

    public override IEnumerable<int> Writes => own.Writes;

    public override bool IsCapturable => true;

    public override bool CanFail => own.CanFail;

    public override long Flops => own.Flops;

    /// <summary>The step of our own kernels.</summary>
    public LaunchStep Own => own;

    /// <summary>The slot that the result is in.</summary>
    public int Target => target;

    public override void Write(ModuleSource source) => own.Write(source);

    public override void Run(CudaFrame frame)
    {
        var places = new MatrixPlaces(At(frame, left), At(frame, right), frame[target], bias is { } b ? At(frame, b) : 0);
        if (frame.Device.Matrices is { } library && library.Prepare(product, places, frame.Device.Workspace(frame.Stream)) is { } work)
        {
            frame.Driver.Ask("cublasLtMatmul", work);
        }
        else
        {
            own.Run(frame);
        }
    }

    public override string ToString() => $"{own} by the matrix library";

    /// <summary>
    /// The step with a group after it, if the library does that as it writes: a bias added to each row, or the one rounding to 16 bits of factors of 16
    /// bits. Nothing that would change a bit: not an activation, as a NaN must stay one.
    /// </summary>
    public MatrixStep? Absorb(int made, PointwiseGroup group)
    {
        if (group.Outputs.Count != 1 || product.HasBias || product.Result != CudaText.Computed(product.Type))
        {
            return null;
        }

        var (last, written) = group.Outputs.First();
        if (last != group.Nodes.Count - 1 || !written.Layout.IsContiguous() || written.Layout.Offset != 0)
        {
            return null;
        }

        bool IsProduct(int node) => group.Nodes[node] is Node.Load load && load.View.Slot == made;
        switch (group.Nodes[last])
        {
            case Node.Cast { Type: var type, Operand: var operand } when group.Nodes.Count == 2 && type == product.Type && type.IsHalf() && IsProduct(operand):
                return new MatrixStep(own.Absorb!(group), product with { Result = type }, left, right, written.Slot, null);
            case Node.Apply { Function: Pointwise.Add } add when group.Nodes.Count == 3 && !product.Type.IsHalf()
                && add.Operands.Values.ToArray().FirstOrDefault(o => !IsProduct(o), -1) is >= 0 and var other
                && add.Operands.Values.ToArray().Any(IsProduct) && group.Nodes[other] is Node.Load { View: var view } && IsRow(view.Layout):
                return new MatrixStep(own.Absorb!(group), product with { HasBias = true }, left, right, written.Slot, view);
            default:
                return null;
        }
    }

    // N elements next to each other, the same for every row.
    private bool IsRow(Layout layout)
    {
        var collapsed = layout.Collapse();
        return collapsed.Rank switch
        {
            1 => product.M * (long)product.Batches == 1 && collapsed.Sizes[0] == product.N && collapsed.Strides[0] == 1,
            2 => collapsed.Sizes[1] == product.N && collapsed.Strides[1] == 1 && collapsed.Strides[0] == 0,
            _ => false,
        };
    }

    private static ulong At(CudaFrame frame, View view) => frame[view.Slot] + (ulong)(view.Layout.Offset * view.Type.Size());
}
