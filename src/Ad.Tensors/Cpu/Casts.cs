using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The table of casts. Beyond what <see cref="Operation.Cast"/> says: a float out of an integer type's range becomes its nearest value, a NaN
/// 0; an Int64 out of Int32's range keeps its low 32 bits.
/// </summary>
internal static class Casts
{
    public static BlockFunction Of(DType from, DType to) => from switch
    {
        DType.Bool => To(to, Widen<int>, Widen<long>, Widen<float>, Widen<double>, Copy),
        DType.Int32 => To(to, Copy, Convert<int, long>, Convert<int, float>, Convert<int, double>, Comparisons.NotZero<int>),
        DType.Int64 when to.IsHalf() => (a, _, _, result) => Narrow<long>(to, a, result, Halves.Of),
        DType.Int64 => To(to, Convert<long, int>, Copy, Convert<long, float>, Convert<long, double>, Comparisons.NotZero<long>),
        DType.Float16 or DType.BFloat16 when to == DType.Float32 => (a, _, _, result) => Widen(from, a, result),
        DType.Float32 when to.IsHalf() => (a, _, _, result) => Narrow<float>(to, a, result, Halves.Of),
        DType.Float64 when to.IsHalf() => (a, _, _, result) => Narrow<double>(to, a, result, Halves.Of),
        DType.Float32 => To(to, Saturate<float, int>, Saturate<float, long>, Copy, Convert<float, double>, Comparisons.NotZero<float>),
        DType.Float64 => To(to, Saturate<double, int>, Saturate<double, long>, Convert<double, float>, Copy, Comparisons.NotZero<double>),
        DType.Float16 or DType.BFloat16 => from == to ? Copy : throw Refuse(from, to),
    };

    private static NotSupportedException Refuse(DType from, DType to) => new($"A cast from {from.Name()} to {to.Name()} goes through another type.");

    private static BlockFunction To(
        DType to, BlockFunction int32, BlockFunction int64, BlockFunction float32, BlockFunction float64, BlockFunction boolean) => to switch
        {
            DType.Bool => boolean,
            DType.Int32 => int32,
            DType.Int64 => int64,
            DType.Float32 => float32,
            DType.Float64 => float64,
            DType.Float16 or DType.BFloat16 => throw Refuse(DType.Int32, to),
        };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(DType from, ReadOnlySpan<byte> a, Span<byte> result)
    {
        var x = MemoryMarshal.Cast<byte, ushort>(a);
        var r = MemoryMarshal.Cast<byte, float>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = Halves.ToSingle(from, x[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow<A>(DType to, ReadOnlySpan<byte> a, Span<byte> result, Func<DType, A, ushort> of)
        where A : unmanaged
    {
        var x = MemoryMarshal.Cast<byte, A>(a);
        var r = MemoryMarshal.Cast<byte, ushort>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = of(to, x[i]);
        }
    }

    private static void Copy(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result) => a.CopyTo(result);

    private static void Convert<A, B>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where A : unmanaged, INumber<A>
        where B : unmanaged, INumber<B> =>
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, A>(a), MemoryMarshal.Cast<byte, B>(result));

    private static void Saturate<A, B>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where A : unmanaged, INumber<A>
        where B : unmanaged, INumber<B> =>
        TensorPrimitives.ConvertSaturating(MemoryMarshal.Cast<byte, A>(a), MemoryMarshal.Cast<byte, B>(result));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<B>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where B : unmanaged, INumber<B>
    {
        var r = MemoryMarshal.Cast<byte, B>(result);
        var i = 0;
        if (typeof(B) == typeof(float))
        {
            var floats = MemoryMarshal.Cast<byte, float>(result);
            for (; i <= floats.Length - 16; i += 16)
            {
                Vector512.ConvertToSingle(Comparisons.Widened(Vector128.Create(a[i..])).AsInt32()).CopyTo(floats[i..]);
            }
        }

        for (; i < r.Length; i++)
        {
            r[i] = a[i] != 0 ? B.One : B.Zero;
        }
    }
}
