namespace Ad.Tensors.Cpu;

/// <summary>The steps of a plan as kernels of the host's processors.</summary>
internal sealed class CpuKernels(CpuDevice device, long emitAfter) : IKernels<Kernel>
{
    public string Device => "cpu";

    public int MostNodes => 512;

    public IKernels<Kernel> Inside => this;

    public bool WidensFactors => false;

    public Kernel Group(PointwiseGroup group, Func<long, int> room) => new GroupKernel(group, emitAfter);

    public Kernel Copy(string name, int target, long bytes, bool clear, (View Source, Layout Target)[] parts) =>
        new CopyKernel(name, target, bytes, clear, parts);

    public Kernel CumulativeSum(View operand, int target, Extents extents, bool reverse) =>
        new CumulativeSumKernel(operand, target, extents, reverse);

    public Kernel Take(Indexing extents, View indexed, View indices, int target) => new TakeKernel(extents, indexed, indices, target);

    public Kernel ScatterAdd(Indexing extents, View indices, View updates, int target, Func<long, int> room) =>
        new ScatterAddKernel(extents, indices, updates, target);

    public Kernel Contract(Operation.Contract contract, View left, View right, int target, Func<View, View> copied, Func<long, int> room) =>
        ContractKernel.Of(device, contract, left, right, target, copied);

    public Kernel Decompose(Decomposition kind, View operand, Shape shape, Shape result, int target) =>
        new DecomposeKernel(kind, operand, shape, result, target);

    public Kernel Solve(LinearSystem system, View left, View right, Shape shape, Shape result, int target) =>
        new SolveKernel(system, left, right, shape, result, target);

    public Kernel Convolve(Operation.Convolve convolve, View image, View kernel, int target, Shape result, Func<long, int> room) =>
        ConvolveKernel.Of(convolve, image, kernel, target, result);

    public Kernel Window(Operation.Window window, View operand, Shape shape, int target, Shape result) =>
        WindowKernel.Of(window, operand, shape, target, result);

    public Kernel WindowShare(
        Reduction kind, Windows windows, View operand, View flow, Shape image, Shape result, int target, bool spreads, Func<long, int> room) =>
        WindowShareKernel.Of(kind, windows, operand, flow, image, result, target, spreads);

    public Kernel Sort(View operand, int target, Extents extents, bool descending, Func<long, int> room) =>
        new SortKernel(operand, target, extents, descending);

    public Kernel Structured(Operation.Structured structured, Plan<Kernel>[] bodies, View[] operands, (int Result, int Slot)[] targets)
    {
        var firstConstant = structured switch
        {
            Operation.Scan scan => scan.Carries + scan.Slices,
            Operation.WhileLoop loop => loop.Carries,
            _ => int.MaxValue,
        };
        Subplan[] plans = [.. bodies.Select(b => new Subplan(b, firstConstant))];
        return structured switch
        {
            Operation.Scan scan => new ScanKernel(scan, plans[0], operands, targets),
            Operation.WhileLoop loop => new WhileKernel(loop, plans[0], plans[1], operands, targets),
            Operation.Cond or Operation.Checkpoint => new BranchKernel(plans, operands, targets),
            _ => throw new NotSupportedException($"The operation {structured} is not known to the device cpu."),
        };
    }

    public Kernel[] Merge(Kernel[] kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, Func<long, int> room) =>
        StraightKernel.Merge(
            TiledKernel.Merge(RowsKernel.Merge(PanelsKernel.Share(kernels, room), slotBytes, whole), slotBytes, whole, isResult, emitAfter), slotBytes, whole, isResult, emitAfter);
}
