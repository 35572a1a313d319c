using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>Tiles with fewer rows, of the same panels: what is left below the last whole tile.</summary>
internal static unsafe partial class MicroKernels<T>
{
    /// <summary>The rows that are computed where there are so many: as many as the smallest tile that holds them.</summary>
    public static int RowsFor(int height)
    {
        var third = Vector512.IsHardwareAccelerated || Vector256.IsHardwareAccelerated ? Rows / 3 : Rows;
        return (height + third - 1) / third * third;
    }

    /// <summary>The same for as many rows as <see cref="RowsFor"/> says, of panels as high as ever.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Tile(int rows, T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        if (rows == Rows)
        {
            Tile(a, b, depth, step, c, row, add);
        }
        else if (Vector512.IsHardwareAccelerated)
        {
            if (rows == 8)
            {
                Kernel512By8(a, b, depth, step, c, row, add);
            }
            else
            {
                Kernel512By4(a, b, depth, step, c, row, add);
            }
        }
        else if (rows == 4)
        {
            Kernel256By4(a, b, depth, step, c, row, add);
        }
        else
        {
            Kernel256By2(a, b, depth, step, c, row, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel512By8(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector512<T>.Count;
        Fetch(c, row, 8, lanes);
        var (x0, y0) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x1, y1) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x2, y2) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x3, y3) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x4, y4) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x5, y5) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x6, y6) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x7, y7) = (Vector512<T>.Zero, Vector512<T>.Zero);
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
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel512By4(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector512<T>.Count;
        Fetch(c, row, 4, lanes);
        var (x0, y0) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x1, y1) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x2, y2) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var (x3, y3) = (Vector512<T>.Zero, Vector512<T>.Zero);
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
            a += 12;
            b += step;
        }

        Put(x0, y0, c, add);
        Put(x1, y1, c + row, add);
        Put(x2, y2, c + (2 * row), add);
        Put(x3, y3, c + (3 * row), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel256By4(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector256<T>.Count;
        Fetch(c, row, 4, lanes);
        var (x0, y0) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x1, y1) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x2, y2) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x3, y3) = (Vector256<T>.Zero, Vector256<T>.Zero);
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
            a += 6;
            b += step;
        }

        Put(x0, y0, c, add);
        Put(x1, y1, c + row, add);
        Put(x2, y2, c + (2 * row), add);
        Put(x3, y3, c + (3 * row), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel256By2(T* a, T* b, int depth, nint step, T* c, nint row, bool add)
    {
        var lanes = Vector256<T>.Count;
        Fetch(c, row, 2, lanes);
        var (x0, y0) = (Vector256<T>.Zero, Vector256<T>.Zero);
        var (x1, y1) = (Vector256<T>.Zero, Vector256<T>.Zero);
        for (; depth > 0; depth--)
        {
            var (x, y) = (Vector256.Load(b), Vector256.Load(b + lanes));
            var a0 = Vector256.Create(a[0]);
            (x0, y0) = (Fma(a0, x, x0), Fma(a0, y, y0));
            var a1 = Vector256.Create(a[1]);
            (x1, y1) = (Fma(a1, x, x1), Fma(a1, y, y1));
            a += 6;
            b += step;
        }

        Put(x0, y0, c, add);
        Put(x1, y1, c + row, add);
    }
}
