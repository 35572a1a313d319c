using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>
/// What emitted loops call beside the platform's vector operations. Truth values are vectors of 32-bit numbers, all bits set or none, as many
/// as a loop's step has elements; in memory they are bytes 0 or 1. Elements of 16 bits are vectors of 32-bit
/// numbers likewise, with zeros above them.
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> ReadShorts512(ref byte source)
    {
        var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(ref source).AsUInt16());
        return Vector512.Create(low, high).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> ReadShorts256(ref byte source)
    {
        var (low, high) = Vector128.Widen(Vector128.LoadUnsafe(ref source).AsUInt16());
        return Vector256.Create(low, high).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> ReadShorts128(ref byte source) =>
        Vector128.WidenLower(Vector128.CreateScalar(Unsafe.ReadUnaligned<ulong>(ref source)).AsUInt16()).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteShorts512(ref byte target, Vector512<int> shorts) =>
        Vector256.Narrow(shorts.GetLower().AsUInt32(), shorts.GetUpper().AsUInt32()).AsByte().StoreUnsafe(ref target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteShorts256(ref byte target, Vector256<int> shorts) =>
        Vector128.Narrow(shorts.GetLower().AsUInt32(), shorts.GetUpper().AsUInt32()).AsByte().StoreUnsafe(ref target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteShorts128(ref byte target, Vector128<int> shorts) =>
        Unsafe.WriteUnaligned(ref target, Vector128.Narrow(shorts.AsUInt32(), shorts.AsUInt32()).AsUInt64().ToScalar());

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
