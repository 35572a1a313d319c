using Ad.Tensors.Cpu;

namespace Ad.Tensors.Cuda;

/// <summary>A step that the host's processors do, on copies: what the device has no kernel for.</summary>
internal sealed class HostStep(Kernel kernel, View[] operands, long[] operandBytes, int target, long targetBytes) : CudaStep
{
    public override IEnumerable<int> Reads => operands.Select(o => o.Slot).Distinct();

    public override IEnumerable<int> Writes => [target];

    public override long Flops => kernel.Flops;

    public override bool IsCapturable => false;

    /// <summary>A step that reads contiguous views of so many elements.</summary>
    public static HostStep Of(Kernel kernel, (View View, long Elements)[] operands, int target, long targetBytes) =>
        new(kernel, [.. operands.Select(o => o.View)], [.. operands.Select(o => (o.View.Layout.Offset + o.Elements) * o.View.Type.Size())], target, targetBytes);

    public override void Write(ModuleSource source)
    {
    }

    public override void Run(CudaFrame frame)
    {
        var slots = Math.Max(target, operands.Max(o => o.Slot)) + 1;
        var host = new Frame(slots);
        for (var i = 0; i < operands.Length; i++)
        {
            var bytes = new byte[operandBytes[i]];
            frame.Download(bytes, frame[operands[i].Slot]);
            host.Bind(operands[i].Slot, bytes, 0);
        }

        var result = new byte[targetBytes];
        host.Bind(target, result, 0);
        kernel.Run(host, ((CpuDevice)Device.Cpu).Workers);
        frame.Driver.Upload(frame[target], result);
    }

    public override string ToString() => $"on the host: {kernel}";
}
