using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Something done with each of a batch of matrices, in double; the matrices are shared out over the threads.</summary>
internal abstract class MatrixKernel(View[] operands, int[] sizes, int target, int size, long batch, long flops) : Kernel
{
    public override IEnumerable<int> Reads => operands.Select(operand => operand.Slot);

    public override IEnumerable<int> Writes => [target];

    public override long Flops => flops;

    public override void Run(Frame frame, Workers workers)
    {
        if (batch > 0 && size > 0)
        {
            workers.Run(new Work(this, frame), (int)batch, flops >= Workers.Grain);
        }
    }

    public override string ToString() => $"{Name} {string.Join(' ', operands.Select(operand => operand.ToString()))}, {batch} matrices -> s{target}";

    protected abstract string Name { get; }

    protected abstract void Do(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> result);

    private void Do(Frame frame, int item)
    {
        var a = new double[sizes[0]];
        var b = operands.Length > 1 ? new double[sizes[1]] : [];
        Read(frame, 0, item, a);
        if (operands.Length > 1)
        {
            Read(frame, 1, item, b);
        }

        var bytes = frame.Array(target).AsSpan(frame.Start(target));
        if (operands[0].Type == DType.Float64)
        {
            Do(a, b, MemoryMarshal.Cast<byte, double>(bytes).Slice(item * size, size));
            return;
        }

        var result = new double[size];
        Do(a, b, result);
        var r = MemoryMarshal.Cast<byte, float>(bytes).Slice(item * size, size);
        for (var i = 0; i < size; i++)
        {
            r[i] = (float)result[i];
        }
    }

    private void Read(Frame frame, int operand, int item, Span<double> into)
    {
        var view = operands[operand];
        var start = (int)view.Layout.Offset + (item * into.Length);
        if (view.Type == DType.Float64)
        {
            frame.From<double>(view.Slot).Slice(start, into.Length).CopyTo(into);
            return;
        }

        var x = frame.From<float>(view.Slot).Slice(start, into.Length);
        for (var i = 0; i < into.Length; i++)
        {
            into[i] = x[i];
        }
    }

    private sealed class Work(MatrixKernel kernel, Frame frame) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => kernel.Do(frame, item);

        public void End(object? state)
        {
        }
    }
}

/// <summary>A decomposition of each matrix.</summary>
internal sealed class DecomposeKernel(Decomposition kind, View operand, Shape shape, Shape result, int target)
    : MatrixKernel([operand], [shape[^2] * shape[^1]], target, result[^2] * result[^1], Batch(shape), Cost(kind, shape))
{
    protected override string Name => kind.ToString();

    protected override void Do(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> packed)
    {
        var (m, n) = (shape[^2], shape[^1]);
        switch (kind)
        {
            case Decomposition.Cholesky:
                DenseMatrix.Cholesky(a, n, packed);
                break;
            case Decomposition.Lu:
                DenseMatrix.Lu(a, n, packed);
                break;
            case Decomposition.Qr:
                DenseMatrix.Qr(a, m, n, packed);
                break;
            case Decomposition.Eigh:
                DenseMatrix.Eigh(a, n, packed);
                break;
            case Decomposition.Eig:
                Eigenvectors.Of(a, n, packed);
                break;
            case Decomposition.Svd:
                DenseMatrix.Svd(a, m, n, packed);
                break;
            case Decomposition.Determinant:
                packed[0] = DenseMatrix.Determinant(a, n);
                break;
            case Decomposition.Cofactors:
                DenseMatrix.Cofactors(a, n, packed);
                break;
        }
    }

    internal static long Batch(Shape shape)
    {
        var batch = 1L;
        for (var axis = 0; axis < shape.Rank - 2; axis++)
        {
            batch *= shape[axis];
        }

        return batch;
    }

    /// <summary>About how many products and sums it takes.</summary>
    internal static long Cost(Decomposition kind, Shape shape)
    {
        long m = shape[^2], n = shape[^1], least = Math.Min(m, n);
        return Batch(shape) * kind switch
        {
            Decomposition.Cholesky => n * n * n / 3,
            Decomposition.Lu or Decomposition.Determinant => 2 * n * n * n / 3,
            Decomposition.Qr => 4 * m * n * least,
            Decomposition.Eigh => 9 * n * n * n,
            Decomposition.Eig => 25 * n * n * n,
            Decomposition.Svd => 14 * m * n * least,
            Decomposition.Cofactors => 16 * n * n * n,
        };
    }
}

/// <summary>The solution of each linear system.</summary>
internal sealed class SolveKernel(LinearSystem system, View left, View right, Shape shape, Shape result, int target)
    : MatrixKernel([left, right], [shape[^1] * shape[^1], result[^2] * result[^1]], target, result[^2] * result[^1], DecomposeKernel.Batch(shape), Cost(system, shape, result))
{
    protected override string Name => "solve";

    protected override void Do(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> x) =>
        DenseMatrix.Solve(system, a, shape[^1], b, result[^1], x);

    internal static long Cost(LinearSystem system, Shape shape, Shape result)
    {
        long n = shape[^1];
        var elimination = system == LinearSystem.General ? 2 * n * n * n / 3 : 0;
        return DecomposeKernel.Batch(shape) * (elimination + ((system == LinearSystem.General ? 2 : 1) * n * n * result[^1]));
    }
}
