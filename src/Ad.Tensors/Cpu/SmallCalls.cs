using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>A vector function over memory with room for whole vectors.</summary>
internal static unsafe class SmallFunctions
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Doubles<F>(nint x, nint y, int vectors)
        where F : struct, IVectorFunction
    {
        for (var end = x + (vectors * 64); x < end; x += 64, y += 64)
        {
            F.Of(Vector512.Load((double*)x)).Store((double*)y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Singles<F>(nint x, nint y, int vectors)
        where F : struct, IVectorFunction
    {
        for (var end = x + (vectors * 64); x < end; x += 64, y += 64)
        {
            SegmentMasks.Function512<F>(Vector512.Load((float*)x)).Store((float*)y);
        }
    }
}

/// <summary>A block function over a fixed number of elements; it gets so many bytes of each operand.</summary>
internal sealed unsafe class SmallBlock(BlockFunction function, int[] operands, int bytes)
{
    public void Run(nint a, nint b, nint c, nint result) => function(Bytes(a, 0), Bytes(b, 1), Bytes(c, 2), new Span<byte>((byte*)result, bytes));

    private ReadOnlySpan<byte> Bytes(nint start, int operand) =>
        operand < operands.Length ? new ReadOnlySpan<byte>((byte*)start, operands[operand]) : default;
}

/// <summary>Elements of some bytes each, from places to places.</summary>
internal sealed unsafe class SmallMove(int[] from, int[] to, int size)
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(nint source, nint target)
    {
        switch (size)
        {
            case 1:
                Run((byte*)source, (byte*)target);
                break;
            case 2:
                Run((short*)source, (short*)target);
                break;
            case 4:
                Run((int*)source, (int*)target);
                break;
            default:
                Run((long*)source, (long*)target);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Run<T>(T* source, T* target)
        where T : unmanaged
    {
        for (var i = 0; i < from.Length; i++)
        {
            target[to[i]] = source[from[i]];
        }
    }
}

/// <summary>A reduction of so few elements that they are one block.</summary>
internal sealed unsafe class SmallReduction(Reducer reducer, Extents extents, int size, int resultSize)
{
    private readonly int _results = (int)(extents.Outer * extents.Inner);

    /// <summary>Bytes of what it keeps on the way.</summary>
    public int StateBytes => 8 * reducer.Planes * _results;

    public void Run(nint x, nint result, nint state)
    {
        var kept = new Span<byte>((byte*)state, StateBytes);
        reducer.Clear(kept);
        var inner = (int)extents.Inner;
        var each = (int)extents.Reduced * inner * size;
        for (var outer = 0; outer < extents.Outer; outer++, x += each)
        {
            var elements = new ReadOnlySpan<byte>((byte*)x, each);
            if (inner == 1)
            {
                reducer.AddRow(kept, outer, _results, elements, 0);
            }
            else
            {
                reducer.AddColumns(kept, outer * inner, _results, elements, inner, 0);
            }
        }

        reducer.Finish(kept, _results, new Span<byte>((byte*)result, _results * resultSize));
    }
}

/// <summary>A batch of small matrix products, one term after another.</summary>
internal abstract class SmallProduct
{
    public static SmallProduct Of(DType type, MatrixLayout layout) => type switch
    {
        DType.Int32 => new SmallProduct<int>(layout),
        DType.Int64 => new SmallProduct<long>(layout),
        DType.Float32 => new SmallProduct<float>(layout),
        DType.Float64 => new SmallProduct<double>(layout),
        DType.Float16 or DType.BFloat16 => throw Widening.Refuse(type),
        DType.Bool => throw new ArgumentException("The operation contract does not take bool."),
    };

    public abstract void Run(nint left, nint right, nint result);
}

/// <inheritdoc cref="SmallProduct"/>
internal sealed unsafe class SmallProduct<T>(MatrixLayout layout) : SmallProduct
    where T : unmanaged, INumber<T>
{
    private readonly PlainProduct<T> _product = new(layout);

    public override void Run(nint left, nint right, nint result) => _product.Run((T*)left, (T*)right, (T*)result, 0, _product.Rows);
}
