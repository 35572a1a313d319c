using Ad.Tensors.Cpu;

namespace Ad.Tensors.Cuda;

/// <summary>The steps of a plan as kernels of a CUDA device. Arguments of a body may begin anywhere; others where a whole vector may.</summary>
internal sealed class CudaKernels(bool isBody, MatrixMeans means, CudaLibraries libraries) : IKernels<CudaStep>
{
    public string Device => "cuda";

    // Each is a number of a thread's registers.
    public int MostNodes => 96;

    public bool WidensFactors => true;

    public IKernels<CudaStep> Inside => isBody ? this : new CudaKernels(true, means with { IsAligned = false }, libraries);

    public CudaStep Group(PointwiseGroup group, Func<long, int> room) =>
        group.Reductions.Count > 0 ? ReduceLaunches.Of(group, room) : GroupLaunches.Of(group, !isBody);

    public CudaStep Copy(string name, int target, long bytes, bool clear, (View Source, Layout Target)[] parts) =>
        CopyLaunches.Of(name, target, bytes, clear, parts);

    public CudaStep CumulativeSum(View operand, int target, Extents extents, bool reverse) =>
        IndexLaunches.CumulativeSum(operand, target, extents, reverse);

    public CudaStep Take(Indexing extents, View indexed, View indices, int target) => IndexLaunches.Take(extents, indexed, indices, target);

    public CudaStep ScatterAdd(Indexing extents, View indices, View updates, int target, Func<long, int> room) =>
        IndexLaunches.ScatterAdd(extents, indices, updates, target, room);

    public CudaStep Contract(Operation.Contract contract, View left, View right, int target, Func<View, View> copied, Func<long, int> room) =>
        ContractLaunches.Contract(contract, left, right, target, means, room) is var own
            && libraries.Matrices is { } matrices && MatrixProduct.Of(contract, left, right) is { } product
            && product.Work >= matrices.Least && !ContractLaunches.IsDots(product.Batches, product.M, product.N, product.K)
            ? new MatrixStep(own, product, left, right, target, null)
            : own;

    public CudaStep Decompose(Decomposition kind, View operand, Shape shape, Shape result, int target) => (CudaStep?)SolverSteps.Decompose(libraries.Solvers, kind, operand, shape, target) ?? HostStep.Of(
        new DecomposeKernel(kind, operand, shape, result, target),
        [(operand, shape.Elements)],
        target,
        result.Elements * operand.Type.Size());

    public CudaStep Solve(LinearSystem system, View left, View right, Shape shape, Shape result, int target) => (CudaStep?)SolverSteps.Solve(libraries.Solvers, system, left, right, shape, result, target) ?? HostStep.Of(
        new SolveKernel(system, left, right, shape, result, target),
        [(left, shape.Elements), (right, result.Elements)],
        target,
        result.Elements * left.Type.Size());

    public CudaStep Convolve(Operation.Convolve convolve, View image, View kernel, int target, Shape result, Func<long, int> room) =>
        ContractLaunches.Convolve(convolve, image, kernel, target, result, means, room) is var own
            && libraries.Convolutions is { } convolutions && ConvolutionProblem.Of(convolve, image, kernel, result) is var (problem, first, second)
            && problem.Work >= convolutions.Least
            ? new ConvolveStep(own, problem, image, kernel, (first, second), target)
            : own;

    public CudaStep Window(Operation.Window window, View operand, Shape shape, int target, Shape result) =>
        WindowLaunches.Window(window, operand, shape, target, result);

    public CudaStep WindowShare(
        Reduction kind, Windows windows, View operand, View flow, Shape image, Shape result, int target, bool spreads, Func<long, int> room) =>
        WindowLaunches.Share(kind, windows, operand, flow, image, result, target, spreads, room);

    public CudaStep Sort(View operand, int target, Extents extents, bool descending, Func<long, int> room) =>
        SortLaunches.Of(operand, target, extents, descending, room);

    public CudaStep Structured(Operation.Structured structured, Plan<CudaStep>[] bodies, View[] operands, (int Result, int Slot)[] targets)
    {
        CudaBody[] plans = [.. bodies.Select(b => new CudaBody(b))];
        return structured switch
        {
            Operation.Scan scan => new ScanStep(scan, plans[0], operands, targets),
            Operation.WhileLoop loop => new WhileStep(loop, plans[0], plans[1], operands, targets),
            Operation.Cond or Operation.Checkpoint => new BranchStep(plans, operands, targets),
            _ => throw new NotSupportedException($"The operation {structured} is not known to the device cuda."),
        };
    }

    public CudaStep[] Merge(CudaStep[] kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, Func<long, int> room) =>
        RowLaunches.Merge(Epilogues.Merge(kernels, slotBytes, whole, isResult), slotBytes, whole, isResult, means.IsAligned);
}
