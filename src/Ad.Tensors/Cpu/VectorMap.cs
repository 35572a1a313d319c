using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Loops over vector functions. The last few elements go through the same function, in a vector filled up, so that an element's value does
/// not depend on where it lies.
/// </summary>
internal static class VectorMap
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Double<F>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where F : struct, IVectorFunction
    {
        var x = MemoryMarshal.Cast<byte, double>(a);
        var r = MemoryMarshal.Cast<byte, double>(result);
        var i = 0;
        for (; i <= r.Length - 8; i += 8)
        {
            F.Of(Vector512.Create(x.Slice(i, 8))).CopyTo(r.Slice(i, 8));
        }

        if (i < r.Length)
        {
            Span<double> last = stackalloc double[8];
            x[i..].CopyTo(last);
            F.Of(Vector512.Create((ReadOnlySpan<double>)last)).CopyTo(last);
            last[..(r.Length - i)].CopyTo(r[i..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Single<F>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where F : struct, IVectorFunction
    {
        var x = MemoryMarshal.Cast<byte, float>(a);
        var r = MemoryMarshal.Cast<byte, float>(result);
        var i = 0;
        for (; i <= r.Length - 16; i += 16)
        {
            Sixteen<F>(x.Slice(i, 16), r.Slice(i, 16));
        }

        if (i < r.Length)
        {
            Span<float> last = stackalloc float[16];
            x[i..].CopyTo(last);
            Sixteen<F>(last, last);
            last[..(r.Length - i)].CopyTo(r[i..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteen<F>(ReadOnlySpan<float> x, Span<float> r)
        where F : struct, IVectorFunction
    {
        SegmentMasks.Function512<F>(Vector512.Create(x)).CopyTo(r);
    }
}
