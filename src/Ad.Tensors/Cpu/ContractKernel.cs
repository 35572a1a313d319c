using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Products summed over paired axes, as a batch of matrix products. Whatever the order of the operands' axes, it is read through two strides
/// each; only axes that do not merge into one are copied beforehand (by the planner).
/// </summary>
internal sealed class ContractKernel : Kernel
{
    // Below this many products a second thread is not worth its while.
    private const long ProductsPerThread = 100_000;

    private readonly View _left;
    private readonly View _right;
    private readonly int _target;
    private readonly MatrixLayout _layout;

    public ContractKernel(View left, View right, int target, MatrixLayout layout) =>
        (_left, _right, _target, _layout) = (left, right, target, layout);

    public override IEnumerable<int> Reads => [_left.Slot, _right.Slot];

    public override IEnumerable<int> Writes => [_target];

    /// <summary>Its operands, where its result goes, and the matrices that they are.</summary>
    public (View Left, View Right, int Target, MatrixLayout Layout) Parts => (_left, _right, _target, _layout);

    /// <summary>Whether each of its products is done in the plainest way, one term after another.</summary>
    public bool IsPlain => _layout.IsPlain;

    /// <summary>Whether it can give away tiles of its result, each of them finished, rather than write it.</summary>
    public bool GivesTiles => _layout.Products > 0 && _layout.IsPacked && _left.Type switch
    {
        DType.Float32 => new Gemm<float>(_layout.M, _layout.N, _layout.K).IsAtOnce,
        DType.Float64 => new Gemm<double>(_layout.M, _layout.N, _layout.K).IsAtOnce,
        _ => false,
    };

    /// <summary>Plans a contraction of two views, copied first where their axes do not merge.</summary>
    public static ContractKernel Of(Operation.Contract contract, View left, View right, int target, Func<View, View> copied)
    {
        var (l, r) = MatrixLayout.Arrange(contract, left.Layout, right.Layout);
        (left, right) = (left with { Layout = l }, right with { Layout = r });
        if (MatrixLayout.TryOf(contract, left.Layout, right.Layout) is not { } layout)
        {
            left = MatrixLayout.IsMatrix(left.Layout, contract.LeftBatch.Count, left.Layout.Rank - contract.LeftSummed.Count) ? left : copied(left);
            right = MatrixLayout.IsMatrix(right.Layout, contract.LeftBatch.Count, contract.LeftBatch.Count + contract.LeftSummed.Count) ? right : copied(right);
            layout = MatrixLayout.TryOf(contract, left.Layout, right.Layout)
                ?? MatrixLayout.TryOf(contract, (left = copied(left)).Layout, (right = copied(right)).Layout)!;
        }

        return new ContractKernel(left, right, target, layout);
    }

    public override long Flops => 2 * _layout.Products;

    public override void Run(Frame frame, Workers workers) => Run(frame, workers, null);

    /// <summary>Does the work, and gives the result to who takes its tiles, if somebody does.</summary>
    public void Run(Frame frame, Workers workers, ITiles? tiles)
    {
        if (_layout.Batches == 0 || _layout.M == 0 || _layout.N == 0)
        {
            return;
        }

        if (_layout.K == 0)
        {
            frame.Elements<byte>(_target, (long)_layout.Batches * _layout.M * _layout.N * _left.Type.Size()).Clear();
            return;
        }

        switch (_left.Type)
        {
            case DType.Int32:
                workers.Run(new Integers<int>(this, frame), _layout.Batches, _layout.Products >= ProductsPerThread);
                break;
            case DType.Int64:
                workers.Run(new Integers<long>(this, frame), _layout.Batches, _layout.Products >= ProductsPerThread);
                break;
            case DType.Float32:
                Floats<float>(frame, workers, tiles);
                break;
            case DType.Float64:
                Floats<double>(frame, workers, tiles);
                break;
            case DType.Bool:
            default:
                throw new ArgumentException("The operation contract does not take bool.");
        }
    }

    public override string ToString() =>
        $"contract {_left} {_right} as [{_layout.Batches}, {_layout.M}, {_layout.N}] over {_layout.K} -> s{_target}";

    private unsafe void Floats<T>(Frame frame, Workers workers, ITiles? tiles)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        fixed (byte* left = frame.Array(_left.Slot), right = frame.Array(_right.Slot), target = frame.Array(_target))
        {
            var a = new Matrix<T>((T*)(left + frame.Start(_left.Slot)) + _left.Layout.Offset, _layout.LeftM, _layout.LeftK);
            var b = new Matrix<T>((T*)(right + frame.Start(_right.Slot)) + _right.Layout.Offset, _layout.RightK, _layout.RightN);
            var c = (T*)(target + frame.Start(_target));

            // A batch of many products is cut by products, a few large ones each into tiles; the bits are the same.
            var each = (long)_layout.M * _layout.N * _layout.K;
            var parallel = each * _layout.Batches >= ProductsPerThread;
            var across = _layout.Batches >= 2 * workers.Threads || each < ProductsPerThread;
            var work = new MatrixProducts<T>(_layout, a, b, c, workers, parallel && !across, tiles);
            workers.Run(work, _layout.Batches, parallel && across);
        }
    }

    /// <summary>How many products to do in the plainest way.</summary>
    private sealed unsafe class MatrixProducts<T>(
        MatrixLayout layout, Matrix<T> a, Matrix<T> b, T* c, Workers workers, bool parallel, ITiles? tiles) : IWork
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public object? Begin()
        {
            var bytes = layout.IsPacked ? new Gemm<T>(layout.M, layout.N, layout.K).ScratchBytes : layout.IsVector ? (long)layout.K * sizeof(T) : 0;
            return bytes == 0 ? null : BlockPool.Rent(bytes);
        }

        public void Do(object? state, int item)
        {
            var left = new Matrix<T>(a.Start + layout.LeftBatch[item], a.Row, a.Column);
            var right = new Matrix<T>(b.Start + layout.RightBatch[item], b.Row, b.Column);
            var result = c + ((long)item * layout.M * layout.N);
            fixed (byte* scratch = (byte[]?)state)
            {
                if (layout.IsOuter)
                {
                    Outer(left, right, result);
                }
                else if (layout.IsPacked)
                {
                    new Gemm<T>(layout.M, layout.N, layout.K).Run(
                        left, right, result, scratch, workers, parallel, tiles, (long)item * layout.M * layout.N);
                }
                else if (!layout.IsVector)
                {
                    Plainly(left, right, result);
                }
                else if (layout.N == 1)
                {
                    Gemv<T>.Run(left, right.Start, right.Row, result, layout.M, layout.K, (T*)scratch, workers, parallel);
                }
                else
                {
                    var transposed = new Matrix<T>(right.Start, right.Column, right.Row);
                    Gemv<T>.Run(transposed, left.Start, left.Column, result, layout.N, layout.K, (T*)scratch, workers, parallel);
                }
            }
        }

        public void End(object? state)
        {
            if (state is byte[] scratch)
            {
                BlockPool.Return(scratch);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Outer(Matrix<T> left, Matrix<T> right, T* result)
        {
            var lanes = Vector512<T>.Count;
            for (var i = 0; i < layout.M; i++, result += layout.N)
            {
                var factor = left.Start[i * left.Row];
                var everywhere = Vector512.Create(factor);
                var j = 0;
                for (; j <= layout.N - lanes; j += lanes)
                {
                    // Added to 0 as all sums are, which turns -0 into 0.
                    MicroKernels<T>.Fma(everywhere, Vector512.Load(right.Start + j), Vector512<T>.Zero).Store(result + j);
                }

                for (; j < layout.N; j++)
                {
                    result[j] = T.FusedMultiplyAdd(factor, right.Start[j], T.Zero);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Plainly(Matrix<T> left, Matrix<T> right, T* result)
        {
            for (var i = 0; i < layout.M; i++)
            {
                for (var j = 0; j < layout.N; j++)
                {
                    var x = left.Start + (i * left.Row);
                    var y = right.Start + (j * right.Column);
                    var sum = T.Zero;
                    for (var p = 0; p < layout.K; p++)
                    {
                        sum += *x * *y;
                        x += left.Column;
                        y += right.Row;
                    }

                    *result++ = sum;
                }
            }
        }
    }

    /// <summary>Integers row by row: a row of the result gains multiples of the right's rows.</summary>
    private sealed class Integers<T>(ContractKernel kernel, Frame frame) : IWork
        where T : unmanaged, IBinaryInteger<T>
    {
        public object? Begin() => new T[kernel._layout.N];

        public void Do(object? state, int item)
        {
            var layout = kernel._layout;
            var row = (T[])state!;
            var x = frame.From<T>(kernel._left.Slot);
            var y = frame.From<T>(kernel._right.Slot);
            var result = MemoryMarshal.Cast<byte, T>(frame.Array(kernel._target).AsSpan(frame.Start(kernel._target)));
            result = result.Slice(item * layout.M * layout.N, layout.M * layout.N);
            result.Clear();
            for (var p = 0; p < layout.K; p++)
            {
                var at = (int)(kernel._right.Layout.Offset + layout.RightBatch[item] + (p * layout.RightK));
                for (var j = 0; j < layout.N; j++)
                {
                    row[j] = y[at];
                    at += (int)layout.RightN;
                }

                for (var i = 0; i < layout.M; i++)
                {
                    var factor = x[(int)(kernel._left.Layout.Offset + layout.LeftBatch[item] + (i * layout.LeftM) + (p * layout.LeftK))];
                    var sums = result.Slice(i * layout.N, layout.N);
                    System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(row, factor, sums, sums);
                }
            }
        }

        public void End(object? state)
        {
        }
    }
}
