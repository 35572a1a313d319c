using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>A test of two numbers, one pair or a vector of pairs at a time.</summary>
internal interface ITest
{
    static abstract bool Of<T>(T x, T y)
        where T : INumber<T>;

    static abstract Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y)
        where T : INumber<T>;
}

/// <summary>Comparisons, and the choice between two by a truth value.</summary>
internal static class Comparisons
{
    public static void Equal<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Test<T, EqualTest>(a, b, result);

    public static void NotEqual<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Test<T, NotEqualTest>(a, b, result);

    public static void Less<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Test<T, LessTest>(a, b, result);

    public static void LessEqual<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T> => Test<T, LessEqualTest>(a, b, result);

    /// <summary>Whether each element is not 0; a NaN is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NotZero<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T>
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var i = 0;
        for (; i <= result.Length - Vector512<T>.Count && Unsafe.SizeOf<T>() > 1; i += Vector512<T>.Count)
        {
            Put(~Vector512.Equals(Vector512.Create(x[i..]), Vector512<T>.Zero), result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = x[i] != T.Zero ? (byte)1 : (byte)0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Select<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged
    {
        var x = MemoryMarshal.Cast<byte, T>(b);
        var y = MemoryMarshal.Cast<byte, T>(c);
        var r = MemoryMarshal.Cast<byte, T>(result);
        var i = 0;
        for (; i <= r.Length - 16 && Unsafe.SizeOf<T>() > 1; i += 16)
        {
            var masks = Widened(Vector128.Create(a[i..]));
            if (Unsafe.SizeOf<T>() == 4)
            {
                Choose(masks.As<uint, T>(), x[i..], y[i..], r[i..]);
            }
            else
            {
                var (low, high) = Vector512.Widen(masks);
                Choose(low.As<ulong, T>(), x[i..], y[i..], r[i..]);
                Choose(high.As<ulong, T>(), x[(i + 8)..], y[(i + 8)..], r[(i + 8)..]);
            }
        }

        for (; i < r.Length; i++)
        {
            r[i] = a[i] != 0 ? x[i] : y[i];
        }
    }

    /// <summary>Sixteen truth values as 32-bit numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Widened(Vector128<byte> truths)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512UInt32(truths);
        }

        var (low, high) = Vector128.Widen(truths);
        var (a, b) = Vector128.Widen(low);
        var (c, d) = Vector128.Widen(high);
        return Vector512.Create(Vector256.Create(a, b), Vector256.Create(c, d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Choose<T>(Vector512<T> truths, ReadOnlySpan<T> x, ReadOnlySpan<T> y, Span<T> r)
        where T : unmanaged
    {
        // By integers: a float truth value's bits are a subnormal number, which a machine may take for 0.
        var no = Unsafe.SizeOf<T>() == 4
            ? Vector512.Equals(truths.AsInt32(), Vector512<int>.Zero).As<int, T>()
            : Vector512.Equals(truths.AsInt64(), Vector512<long>.Zero).As<long, T>();
        Vector512.ConditionalSelect(no, Vector512.Create(y), Vector512.Create(x)).CopyTo(r);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Test<T, F>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, Span<byte> result)
        where T : unmanaged, INumber<T>
        where F : struct, ITest
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var y = MemoryMarshal.Cast<byte, T>(b);
        var i = 0;
        for (; i <= result.Length - Vector512<T>.Count && Unsafe.SizeOf<T>() > 1; i += Vector512<T>.Count)
        {
            Put(F.Of(Vector512.Create(x[i..]), Vector512.Create(y[i..])), result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = F.Of(x[i], y[i]) ? (byte)1 : (byte)0;
        }
    }

    // One byte 0 or 1 for each element of a vector of truths.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<T>(Vector512<T> truths, Span<byte> result)
        where T : unmanaged
    {
        var bits = Vector512.ExtractMostSignificantBits(truths);
        BinaryPrimitives.WriteUInt64LittleEndian(result, Spread(bits & 0xff));
        if (Vector512<T>.Count > 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(result[8..], Spread(bits >> 8));
        }
    }

    /// <summary>Eight bits to eight bytes: a copy in each byte, of which one bit is kept, and whatever is left becomes 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Spread(ulong bits) =>
        ((((bits * 0x0101010101010101) & 0x8040201008040201) + 0x7f7f7f7f7f7f7f7f) >> 7) & 0x0101010101010101;

    private readonly struct EqualTest : ITest
    {
        public static bool Of<T>(T x, T y)
            where T : INumber<T> => x == y;

        public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y)
            where T : INumber<T> => Vector512.Equals(x, y);
    }

    private readonly struct NotEqualTest : ITest
    {
        public static bool Of<T>(T x, T y)
            where T : INumber<T> => x != y;

        public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y)
            where T : INumber<T> => ~Vector512.Equals(x, y);
    }

    private readonly struct LessTest : ITest
    {
        public static bool Of<T>(T x, T y)
            where T : INumber<T> => x < y;

        public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y)
            where T : INumber<T> => Vector512.LessThan(x, y);
    }

    private readonly struct LessEqualTest : ITest
    {
        public static bool Of<T>(T x, T y)
            where T : INumber<T> => x <= y;

        public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y)
            where T : INumber<T> => Vector512.LessThanOrEqual(x, y);
    }
}
