using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>
/// What emitted loops call beside the platform's vector operations. Truth values are vectors of 32-bit numbers, all bits set or none, as many
/// as a loop's step has elements; in memory they are bytes 0 or 1.
/// </summary>
internal static class SegmentMasks
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Read512(ref byte truths) =>
        ~Vector512.Equals(
            Comparisons.Widened(Vector128.LoadUnsafe(ref truths)).AsInt32(), Vector512<int>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Read256(ref byte truths)
    {
        var shorts = Vector128.WidenLower(Vector128.CreateScalar(Unsafe.ReadUnaligned<ulong>(ref truths)).AsByte());
        var (low, high) = Vector128.Widen(shorts);
        return ~Vector256.Equals(Vector256.Create(low, high).AsInt32(), Vector256<int>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Read128(ref byte truths)
    {
        var shorts = Vector128.WidenLower(Vector128.CreateScalar(Unsafe.ReadUnaligned<uint>(ref truths)).AsByte());
        return ~Vector128.Equals(Vector128.WidenLower(shorts).AsInt32(), Vector128<int>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write512(ref byte target, Vector512<int> truths)
    {
        if (Avx512F.IsSupported)
        {
            (Avx512F.ConvertToVector128SByte(truths).AsByte() & Vector128<byte>.One).StoreUnsafe(ref target);
            return;
        }

        var bits = Vector512.ExtractMostSignificantBits(truths);
        Unsafe.WriteUnaligned(ref target, Comparisons.Spread(bits & 0xff));
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, 8), Comparisons.Spread(bits >> 8));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write256(ref byte target, Vector256<int> truths) =>
        Unsafe.WriteUnaligned(ref target, Comparisons.Spread(Vector256.ExtractMostSignificantBits(truths)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write128(ref byte target, Vector128<int> truths) =>
        Unsafe.WriteUnaligned(ref target, (uint)Comparisons.Spread(Vector128.ExtractMostSignificantBits(truths)));

    /// <summary>A vector function of sixteen float32, as they are or through double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Function512<F>(Vector512<float> x)
        where F : struct, IVectorFunction
    {
        if (F.HasSingles)
        {
            return F.Singles(x);
        }

        var (low, high) = Vector512.Widen(x);
        return Vector512.Narrow(F.ForSingle(low), F.ForSingle(high));
    }

    /// <summary>A vector function of eight float32, as they are or through double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Function256<F>(Vector256<float> x)
        where F : struct, IVectorFunction
    {
        if (F.HasSingles)
        {
            return F.Singles(Vector512.Create(x, x)).GetLower();
        }

        var (low, high) = Vector256.Widen(x);
        var result = F.ForSingle(Vector512.Create(low, high));
        return Vector256.Narrow(result.GetLower(), result.GetUpper());
    }
}
