using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The innermost loops of matrix products: a tile of the result, a few rows by two vectors, kept in registers while the summed axis goes by.
/// There is one for each width of vectors, with as many rows as its registers hold.
/// </summary>
internal static unsafe partial class MicroKernels<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Rows of a tile.</summary>
    public static int Rows => Vector512.IsHardwareAccelerated ? 12 : Vector256.IsHardwareAccelerated ? 6 : 4;

    /// <summary>Columns of a tile.</summary>
    public static int Columns =>
        2 * (Vector512.IsHardwareAccelerated ? Vector512<T>.Count : Vector256.IsHardwareAccelerated ? Vector256<T>.Count : Vector128<T>.Count);

    /// <summary>
    /// A tile's sum of products: a holds the left's rows packed (a column of them after another), b a row of two vectors every
    /// <paramref name="step"/> elements; the result's rows are <paramref name="row"/> elements apart, and are added to or overwritten.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Tile(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Kernel512(a, b, depth, step, c, row, add);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Kernel256(a, b, depth, step, c, row, add);
        }
        else
        {
            Kernel128(a, b, depth, step, c, row, add);
        }
    }

    // The result's rows often lie on the same few sets of the nearest cache: they come while the sums are made.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(T* c, nint row, int rows, int lanes)
    {
        if (Sse.IsSupported)
        {
            for (var i = 0; i < rows; i++)
            {
                Sse.Prefetch0(c + (i * row));
                Sse.Prefetch0(c + (i * row) + (2 * lanes) - 1);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel512(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector512<T>.Count;
        Fetch(c, row, 12, lanes);
        var (x0, y0) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x1, y1) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x2, y2) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x3, y3) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x4, y4) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x5, y5) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x6, y6) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x7, y7) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x8, y8) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x9, y9) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x10, y10) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x11, y11) = (Vector512<T>.Zero, Vector512<T>.Zero);
        for (; depth > 0; depth--)
        {
            var (x, y) = (Vector512.Load(b), Vector512.Load(b + lanes));
            var a0 = Vector512.Create(a[0]);
            (x0, y0) = (Fma(a0, x, x0), Fma(a0, y, y0));
            var a1 = Vector512.Create(a[1]);
            (x1, y1) = (Fma(a1, x, x1), Fma(a1, y, y1));
            var a2 = Vector512.Create(a[2]);
            (x2, y2) = (Fma(a2, x, x2), Fma(a2, y, y2));
            var a3 = Vector512.Create(a[3]);
            (x3, y3) = (Fma(a3, x, x3), Fma(a3, y, y3));
            var a4 = Vector512.Create(a[4]);
            (x4, y4) = (Fma(a4, x, x4), Fma(a4, y, y4));
            var a5 = Vector512.Create(a[5]);
            (x5, y5) = (Fma(a5, x, x5), Fma(a5, y, y5));
            var a6 = Vector512.Create(a[6]);
            (x6, y6) = (Fma(a6, x, x6), Fma(a6, y, y6));
            var a7 = Vector512.Create(a[7]);
            (x7, y7) = (Fma(a7, x, x7), Fma(a7, y, y7));
            var a8 = Vector512.Create(a[8]);
            (x8, y8) = (Fma(a8, x, x8), Fma(a8, y, y8));
            var a9 = Vector512.Create(a[9]);
            (x9, y9) = (Fma(a9, x, x9), Fma(a9, y, y9));
            var a10 = Vector512.Create(a[10]);
            (x10, y10) = (Fma(a10, x, x10), Fma(a10, y, y10));
            var a11 = Vector512.Create(a[11]);
            (x11, y11) = (Fma(a11, x, x11), Fma(a11, y, y11));
            a += 12;
            b += step;
        }

        Put(x0, y0, c, add);
        Put(x1, y1, c + row, add);
        Put(x2, y2, c + (2 * row), add);
        Put(x3, y3, c + (3 * row), add);
        Put(x4, y4, c + (4 * row), add);
        Put(x5, y5, c + (5 * row), add);
        Put(x6, y6, c + (6 * row), add);
        Put(x7, y7, c + (7 * row), add);
        Put(x8, y8, c + (8 * row), add);
        Put(x9, y9, c + (9 * row), add);
        Put(x10, y10, c + (10 * row), add);
        Put(x11, y11, c + (11 * row), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel256(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector256<T>.Count;
        Fetch(c, row, 6, lanes);
        var (x0, y0) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x1, y1) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x2, y2) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x3, y3) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x4, y4) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x5, y5) = (Vector256<T>.Zero, Vector256<T>.Zero);
        for (; depth > 0; depth--)
        {
            var (x, y) = (Vector256.Load(b), Vector256.Load(b + lanes));
            var a0 = Vector256.Create(a[0]);
            (x0, y0) = (Fma(a0, x, x0), Fma(a0, y, y0));
            var a1 = Vector256.Create(a[1]);
            (x1, y1) = (Fma(a1, x, x1), Fma(a1, y, y1));
            var a2 = Vector256.Create(a[2]);
            (x2, y2) = (Fma(a2, x, x2), Fma(a2, y, y2));
            var a3 = Vector256.Create(a[3]);
            (x3, y3) = (Fma(a3, x, x3), Fma(a3, y, y3));
            var a4 = Vector256.Create(a[4]);
            (x4, y4) = (Fma(a4, x, x4), Fma(a4, y, y4));
            var a5 = Vector256.Create(a[5]);
            (x5, y5) = (Fma(a5, x, x5), Fma(a5, y, y5));
            a += 6;
            b += step;
        }

        Put(x0, y0, c, add);
        Put(x1, y1, c + row, add);
        Put(x2, y2, c + (2 * row), add);
        Put(x3, y3, c + (3 * row), add);
        Put(x4, y4, c + (4 * row), add);
        Put(x5, y5, c + (5 * row), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel128(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector128<T>.Count;
        var (x0, y0) = (Vector128<T>.Zero, Vector128<T>.Zero);
        var (x1, y1) = (Vector128<T>.Zero, Vector128<T>.Zero);
        var (x2, y2) = (Vector128<T>.Zero, Vector128<T>.Zero);
        var (x3, y3) = (Vector128<T>.Zero, Vector128<T>.Zero);
        for (; depth > 0; depth--)
        {
            var (x, y) = (Vector128.Load(b), Vector128.Load(b + lanes));
            var a0 = Vector128.Create(a[0]);
            (x0, y0) = (Fma(a0, x, x0), Fma(a0, y, y0));
            var a1 = Vector128.Create(a[1]);
            (x1, y1) = (Fma(a1, x, x1), Fma(a1, y, y1));
            var a2 = Vector128.Create(a[2]);
            (x2, y2) = (Fma(a2, x, x2), Fma(a2, y, y2));
            var a3 = Vector128.Create(a[3]);
            (x3, y3) = (Fma(a3, x, x3), Fma(a3, y, y3));
            a += 4;
            b += step;
        }

        Put(x0, y0, c, add);
        Put(x1, y1, c + row, add);
        Put(x2, y2, c + (2 * row), add);
        Put(x3, y3, c + (3 * row), add);
    }

    /// <summary>a b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Fma(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
        typeof(T) == typeof(float) ? Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector512<T> x, Vector512<T> y, T* c, bool add)
    {
        if (add)
        {
            x += Vector512.Load(c);
            y += Vector512.Load(c + Vector512<T>.Count);
        }

        x.Store(c);
        y.Store(c + Vector512<T>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Fma(Vector256<T> a, Vector256<T> b, Vector256<T> c) =>
        !System.Runtime.Intrinsics.X86.Fma.IsSupported ? (a * b) + c
        : typeof(T) == typeof(float) ? Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector256.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector256<T> x, Vector256<T> y, T* c, bool add)
    {
        if (add)
        {
            x += Vector256.Load(c);
            y += Vector256.Load(c + Vector256<T>.Count);
        }

        x.Store(c);
        y.Store(c + Vector256<T>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> Fma(Vector128<T> a, Vector128<T> b, Vector128<T> c) =>
        !(System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported) ? (a * b) + c
        : typeof(T) == typeof(float) ? Vector128.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector128.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector128<T> x, Vector128<T> y, T* c, bool add)
    {
        if (add)
        {
            x += Vector128.Load(c);
            y += Vector128.Load(c + Vector128<T>.Count);
        }

        x.Store(c);
        y.Store(c + Vector128<T>.Count);
    }
}
