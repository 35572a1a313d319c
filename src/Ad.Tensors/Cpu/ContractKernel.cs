using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Products summed over paired axes, as a batch of matrix products. Whatever the order of the operands' axes, it is read through two strides
/// each; only axes that do not merge into one are copied beforehand (by the planner).
/// </summary>
internal sealed partial class ContractKernel : Kernel
{
    // Below this many products, neither packing nor a second thread is worth its while.
    private const long FewProducts = 512;
    private const long ProductsPerThread = 100_000;

    private readonly View _left;
    private readonly View _right;
    private readonly int _target;
    private readonly MatrixLayout _layout;

    // Where the right matrix lies in panels, or -1.
    private readonly int _panels;

    private ContractKernel(CpuDevice device, View left, View right, int target, MatrixLayout layout, int panels = -1)
    {
        (_device, _left, _right, _target, _layout, _panels) = (device, left, right, target, layout, panels);
        _shape = Asked();
    }

    public override IEnumerable<int> Reads => _panels < 0 ? [_left.Slot, _right.Slot] : [_left.Slot, _right.Slot, _panels];

    public override IEnumerable<int> Writes => [_target];

    /// <summary>Its operands, where its result goes, and the matrices that they are.</summary>
    public (View Left, View Right, int Target, MatrixLayout Layout) Parts => (_left, _right, _target, _layout);

    /// <summary>Whether each of its products is done in the plainest way, one term after another.</summary>
    public bool IsPlain => _layout.Products1 <= FewProducts
        || (_left.Type.IsFloat() && !IsOuter && _layout.IsThin(Vector256<byte>.Count / _left.Type.Size()));

    /// <summary>Whether it can give away tiles of its result, each of them finished, rather than write it.</summary>
    public bool GivesTiles => _layout.Products > 0 && _left.Type switch
    {
        DType.Float32 => Choice == Way.Blocks && new Gemm<float>(_layout.M, _layout.N, _layout.K).IsAtOnce,
        DType.Float64 => Choice == Way.Blocks && new Gemm<double>(_layout.M, _layout.N, _layout.K).IsAtOnce,
        _ => false,
    };

    /// <summary>Bytes of the right matrix in panels that products may share; 0 if it is none, or is read as it lies.</summary>
    public long PanelBytes => _layout.Batches != 1 || _layout.Products == 0 ? 0 : _left.Type switch
    {
        DType.Float32 => Choice == Way.Blocks ? new Gemm<float>(_layout.M, _layout.N, _layout.K).SecondBytes : 0,
        DType.Float64 => Choice == Way.Blocks ? new Gemm<double>(_layout.M, _layout.N, _layout.K).SecondBytes : 0,
        _ => 0,
    };

    /// <summary>The same product, of the right matrix in panels.</summary>
    public ContractKernel Sharing(int panels) => new(_device, _left, _right, _target, _layout, panels);

    private enum Way { Plain, Outer, Vector, Narrow, Blocks }

    // How a product of floats is done.
    private Way Choice =>
        IsPlain ? Way.Plain
        : IsOuter ? Way.Outer
        : (_layout.N == 1 && (_layout.LeftM == 1 || _layout.LeftK == 1)) || (_layout.M == 1 && (_layout.RightK == 1 || _layout.RightN == 1)) ? Way.Vector
        : IsNarrow ? Way.Narrow
        : Way.Blocks;

    // One product an element: bound by the writing of the result alone.
    private bool IsOuter => _layout.K == 1 && _layout.N > 1 && _layout.RightN == 1;

    // With few columns, an element of a left matrix whose columns lie in lines is used too seldom to be worth a copy.
    private bool IsNarrow => _layout.LeftM == 1 && _layout.M >= 8 * _layout.N && Gemm<float>.ReadsSecondAsItLies(_layout.N, 1);

    /// <summary>Plans a contraction of two views, copied first where their axes do not merge.</summary>
    public static ContractKernel Of(CpuDevice device, Operation.Contract contract, View left, View right, int target, Func<View, View> copied)
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

        return new ContractKernel(device, left, right, target, layout);
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

    public override string ToString() => Text(isTiled: false);

    private unsafe void Floats<T>(Frame frame, Workers workers, ITiles? tiles)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        fixed (byte* left = frame.Array(_left.Slot), right = frame.Array(_right.Slot), target = frame.Array(_target))
        {
            var a = new Matrix<T>((T*)(left + frame.Start(_left.Slot)) + _left.Layout.Offset, _layout.LeftM, _layout.LeftK);
            var b = new Matrix<T>((T*)(right + frame.Start(_right.Slot)) + _right.Layout.Offset, _layout.RightK, _layout.RightN);
            var c = (T*)(target + frame.Start(_target));
            var panels = _panels < 0 ? null : (T*)(BlockPool.Address(frame.Array(_panels)) + frame.Start(_panels));

            var way = Choice;
            if (way == Way.Plain)
            {
                var plain = new Rows<T>(new PlainProduct<T>(_layout), a.Start, b.Start, c);
                workers.Run(plain, plain.Items, _layout.Products >= ProductsPerThread);
                return;
            }

            if (TurnsOf(workers.Threads, tiles is not null) is { } turns)
            {
                ByTurns(turns, way, a, b, c, panels, workers, tiles);
            }
            else
            {
                Ours(way, a, b, c, panels, workers, tiles);
            }
        }
    }

    // A batch of many products is cut by products, a few large ones each into tiles; the bits are the same.
    private unsafe void Ours<T>(Way way, Matrix<T> a, Matrix<T> b, T* c, T* panels, Workers workers, ITiles? tiles)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var parallel = _layout.Products >= ProductsPerThread;
        var across = _layout.Batches >= 2 * workers.Threads || _layout.Products1 < ProductsPerThread;
        var work = new MatrixProducts<T>(_layout, way, a, b, c, panels, workers, parallel && !across, tiles);
        workers.Run(work, _layout.Batches, parallel && across);
    }

    /// <summary>The rows of small or thin products, as many to an item as are worth handing over.</summary>
    private sealed unsafe class Rows<T>(PlainProduct<T> product, T* a, T* b, T* c) : IWork
        where T : unmanaged, INumber<T>
    {
        private const int ProductsPerItem = 16_384;

        private readonly int _each = Math.Max(1, ProductsPerItem / product.ProductsPerRow);

        public int Items => checked((int)((product.Rows + _each - 1) / _each));

        public object? Begin() => null;

        public void Do(object? state, int item)
        {
            var first = (long)item * _each;
            product.Run(a, b, c, first, Math.Min(product.Rows, first + _each));
        }

        public void End(object? state)
        {
        }
    }

    /// <summary>Products that are neither small nor thin: of vectors, or by blocks.</summary>
    private sealed unsafe class MatrixProducts<T>(
        MatrixLayout layout, Way way, Matrix<T> a, Matrix<T> b, T* c, T* panels, Workers workers, bool parallel, ITiles? tiles) : IWork
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public object? Begin()
        {
            var bytes = way == Way.Vector ? (long)layout.K * sizeof(T)
                : way == Way.Narrow ? new Gemm<T>(layout.N, layout.M, layout.K).ScratchBytes + ((long)layout.M * layout.N * sizeof(T))
                : new Gemm<T>(layout.M, layout.N, layout.K).ScratchBytes;
            return way == Way.Outer ? null : BlockPool.Rent(bytes);
        }

        public void Do(object? state, int item)
        {
            var left = new Matrix<T>(a.Start + layout.LeftBatch[item], a.Row, a.Column);
            var right = new Matrix<T>(b.Start + layout.RightBatch[item], b.Row, b.Column);
            var result = c + ((long)item * layout.M * layout.N);
            fixed (byte* scratch = (byte[]?)state)
            {
                if (way == Way.Outer)
                {
                    Outer(left, right, result);
                }
                else if (way == Way.Narrow)
                {
                    Narrow(left, right, result, scratch);
                }
                else if (way == Way.Blocks)
                {
                    new Gemm<T>(layout.M, layout.N, layout.K).Run(
                        left, right, result, scratch, workers, parallel, tiles, (long)item * layout.M * layout.N, panels);
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

        // The product of the transposes in the other order, and that turned over.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Narrow(Matrix<T> left, Matrix<T> right, T* result, byte* scratch)
        {
            var (m, n) = (layout.M, layout.N);
            var turned = (T*)scratch;
            var (first, second) = (new Matrix<T>(right.Start, right.Column, right.Row), new Matrix<T>(left.Start, left.Column, left.Row));
            new Gemm<T>(n, m, layout.K).Run(first, second, turned, scratch + ((long)m * n * sizeof(T)), workers, parallel);
            for (var i = 0; i < m; i++, turned++)
            {
                for (var j = 0; j < n; j++)
                {
                    *result++ = turned[(long)j * m];
                }
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
    }
}
