using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Sums, products and what else takes an instruction or two an element.</summary>
internal static class Arithmetic
{
    private const string DivideByZero = "An integer was divided by zero; the operation divide or remainder has no answer there.";

    public static void Negate<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.Apply<T, Opposite>(Of<T>(a), To<T>(result));

    public static void Abs<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> => Lanewise.Apply<T, Magnitude>(Of<T>(a), To<T>(result));

    /// <summary>As Abs, but of the least value, which has no opposite, it is itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AbsInteger<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IBinaryInteger<T>
    {
        var x = Of<T>(a);
        var r = To<T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = T.IsNegative(x[i]) ? unchecked(T.Zero - x[i]) : x[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SignInteger<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IBinaryInteger<T>
    {
        var x = Of<T>(a);
        var r = To<T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = T.CreateTruncating(T.Sign(x[i]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SignFloat<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var x = Of<T>(a);
        var r = To<T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = x[i] > T.Zero ? T.One : x[i] < T.Zero ? T.NegativeOne : x[i];
        }
    }

    public static void Sqrt<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> => Lanewise.Sqrt(Of<T>(a), To<T>(result));

    public static void Rsqrt<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Lanewise.Sqrt(Of<T>(a), To<T>(result));
        TensorPrimitives.Divide(T.One, To<T>(result), To<T>(result));
    }

    public static void Floor<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> => TensorPrimitives.Floor(Of<T>(a), To<T>(result));

    public static void Ceil<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> => TensorPrimitives.Ceiling(Of<T>(a), To<T>(result));

    public static void Round<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> => TensorPrimitives.Round(Of<T>(a), To<T>(result));

    public static void Add<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.Apply<T, Plus>(Of<T>(a), Of<T>(b), To<T>(result));

    public static void Subtract<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.Apply<T, Minus>(Of<T>(a), Of<T>(b), To<T>(result));

    public static void Multiply<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.Apply<T, Times>(Of<T>(a), Of<T>(b), To<T>(result));

    public static void Divide<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> => Lanewise.Apply<T, Over>(Of<T>(a), Of<T>(b), To<T>(result));

    /// <summary>The quotient; of the least value by -1, which has no room, it is the least value, as everywhere in two's complement.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DivideInteger<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IBinaryInteger<T>, ISignedNumber<T>
    {
        var x = Of<T>(a);
        var y = Of<T>(b);
        var r = To<T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = T.IsZero(y[i]) ? throw new DivideByZeroException(DivideByZero)
                : y[i] == T.NegativeOne ? unchecked(T.Zero - x[i])
                : x[i] / y[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RemainderInteger<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IBinaryInteger<T>, ISignedNumber<T>
    {
        var x = Of<T>(a);
        var y = Of<T>(b);
        var r = To<T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = T.IsZero(y[i]) ? throw new DivideByZeroException(DivideByZero)
                : y[i] == T.NegativeOne ? T.Zero
                : x[i] % y[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RemainderFloat<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var x = Of<T>(a);
        var y = Of<T>(b);
        var r = To<T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = x[i] % y[i];
        }
    }

    public static void Maximum<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.Apply<T, Larger>(Of<T>(a), Of<T>(b), To<T>(result));

    public static void Minimum<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.Apply<T, Smaller>(Of<T>(a), Of<T>(b), To<T>(result));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var x = Of<T>(a);
        var y = Of<T>(b);
        var r = To<T>(result);
        var i = 0;
        for (var step = Vector<T>.Count; i <= r.Length - step; i += step)
        {
            var left = new Vector<T>(x[i..]);
            var right = new Vector<T>(y[i..]);
            var zero = Vector.Equals(left, Vector<T>.Zero) | Vector.Equals(right, Vector<T>.Zero);
            Vector.AndNot(left * right, zero).CopyTo(r[i..]);
        }

        for (; i < r.Length; i++)
        {
            r[i] = x[i] == T.Zero || y[i] == T.Zero ? T.Zero : x[i] * y[i];
        }
    }

    public static void MultiplyAdd<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Lanewise.MultiplyAdd(Of<T>(a), Of<T>(b), Of<T>(c), To<T>(result));

    public static void FusedMultiplyAdd<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        TensorPrimitives.FusedMultiplyAdd(Of<T>(a), Of<T>(b), Of<T>(c), To<T>(result));

    private static ReadOnlySpan<T> Of<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static Span<T> To<T>(Span<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);
}

/// <summary>Functions of truth values, which are bytes 0 or 1.</summary>
internal static class Logic
{
    public static void Not(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result) =>
        TensorPrimitives.Xor(a, (byte)1, result);

    public static void And(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result) =>
        TensorPrimitives.BitwiseAnd(a, b, result);

    public static void Or(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result) =>
        TensorPrimitives.BitwiseOr(a, b, result);

    public static void Xor(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result) =>
        TensorPrimitives.Xor(a, b, result);
}
