namespace Ad.Tensors.Cuda;

/// <summary>A convolution by the device's library, or by a kernel of our own where the library has nothing for it.</summary>
internal sealed class ConvolveStep(LaunchStep own, ConvolutionProblem problem, View image, View kernel, (long First, long Second) offsets, int target, bool isRounded = false) : CudaStep
{
    private string? _turning;

    public override IEnumerable<int> Reads => own.Reads;

    public override IEnumerable<int> Writes => own.Writes;

    public override bool IsCapturable => true;

    public override bool CanFail => own.CanFail;

    public override long Flops => own.Flops;

    /// <summary>The step of our own kernels.</summary>
    public LaunchStep Own => own;

    /// <summary>The slot that the result is in.</summary>
    public int Target => target;

    // Of factors of 16 bits the library's results have 16 bits: it does them only with that rounding after it.
    private bool MayUse => !problem.Type.IsHalf() || isRounded;

    // What flows to a kernel is made as kernels lie, [G, O, C, window], and wanted as [C, G, O, window].
    private long RowsOfKernel => problem.Kernel[0];

    private long Channels => problem.Kernel[1];

    private long Taps => problem.Kernel.Values[2..].ToArray().Aggregate(1L, (a, b) => a * b);

    private bool IsTurned => problem.Pass == ConvolutionPass.Kernel && Channels > 1;

    public override void Write(ModuleSource source)
    {
        own.Write(source);
        if (IsTurned)
        {
            var type = CudaText.Stored(problem.Type);
            _turning = source.Add($$"""
                extern "C" __global__ void __launch_bounds__(256) @(const {{type}} *made, {{type}} *result) {
                    const i64 e = (i64)blockIdx.x * 256 + threadIdx.x;
                    if (e < {{RowsOfKernel * Channels * Taps}}ll) result[e] = made[(e / {{Taps}} % {{RowsOfKernel}} * {{Channels}} + e / {{Taps * RowsOfKernel}}) * {{Taps}} + e % {{Taps}}];
                }

                """);
        }
    }

    public override void Run(CudaFrame frame)
    {
        if (!MayUse || frame.Device.Convolutions?.Prepare(problem) is not { } work)
        {
            own.Run(frame);
            return;
        }

        var size = problem.Type.Size();
        var elements = RowsOfKernel * Channels * Taps;
        var turned = IsTurned ? ((elements * size) + 255) / 256 * 256 : 0;
        using var room = frame.Borrow(turned + work.Workspace, "a convolution");
        var (first, second) = (At(frame, image.Slot, offsets.First), At(frame, kernel.Slot, offsets.Second));
        var places = problem.Pass switch
        {
            ConvolutionPass.Forward => new ConvolutionPlaces(first, second, frame[target]),
            ConvolutionPass.Image => new ConvolutionPlaces(frame[target], second, first),
            ConvolutionPass.Kernel => new ConvolutionPlaces(first, IsTurned ? room.Address : frame[target], second),
        };
        frame.Driver.Ask("cudnnConvolution", stream => work.Do(places, room.Address + (ulong)turned, stream));
        if (_turning is not null)
        {
            frame.Driver.Launch(frame.Module.Function(_turning), IndexLaunches.Blocks(elements), 256, [room.Address, frame[target]]);
        }
    }

    public override string ToString() => MayUse ? $"{own} by the convolution library" : own.ToString();

    /// <summary>The step with the one rounding to 16 bits of factors of 16 bits after it, which the library does as it writes.</summary>
    public ConvolveStep? Absorb(int made, PointwiseGroup group) =>
        group.Outputs.Count == 1 && group.Nodes.Count == 2 && group.Outputs.First() is var (last, written) && last == 1 && written.Layout.IsContiguous() && written.Layout.Offset == 0
            && group.Nodes[1] is Node.Cast cast && cast.Type == problem.Type && cast.Type.IsHalf() && group.Nodes[0] is Node.Load load && load.View.Slot == made
            ? new ConvolveStep(own.Absorb!(group), problem, image, kernel, offsets, written.Slot, true)
            : null;

    private ulong At(CudaFrame frame, int slot, long offset) => frame[slot] + (ulong)(offset * problem.Type.Size());
}
