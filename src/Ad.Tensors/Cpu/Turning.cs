using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>Small squares of a matrix turned over in registers: rows become columns.</summary>
internal static unsafe class Turning
{
    /// <summary>
    /// Turns over the first columns of some rows that lie one element after another, as many as whole squares cover, and returns how many
    /// columns that were: element (i, p) goes to target[p full + i]. Rows are a multiple of 4.
    /// </summary>
    public static int Columns<T>(T* source, long row, T* target, int full, int rows, int columns)
        where T : unmanaged =>
        !Avx.IsSupported || rows % 4 != 0 ? 0
        : sizeof(T) == sizeof(float) ? Floats((float*)source, row, (float*)target, full, rows, columns)
        : Doubles((double*)source, row, (double*)target, full, rows, columns);

    /// <summary>
    /// Copies a short line: a call that copies costs more than a few vectors, and would read what squares have just written by wider vectors, for which the processor waits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy<T>(T* from, T* to, int count)
        where T : unmanaged
    {
        var i = 0;
        for (; i <= count - Vector256<T>.Count; i += Vector256<T>.Count)
        {
            Vector256.Load(from + i).Store(to + i);
        }

        for (; i <= count - Vector128<T>.Count; i += Vector128<T>.Count)
        {
            Vector128.Load(from + i).Store(to + i);
        }

        for (; i < count; i++)
        {
            to[i] = from[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Floats(float* source, long row, float* target, int full, int rows, int columns)
    {
        var p = 0;
        for (; p <= columns - 8; p += 8)
        {
            var i = 0;
            for (; i <= rows - 8; i += 8)
            {
                Eight(source + (i * row) + p, row, target + ((long)p * full) + i, full);
            }

            if (i < rows)
            {
                Four(source + (i * row) + p, row, target + ((long)p * full) + i, full);
                Four(source + (i * row) + p + 4, row, target + ((p + 4L) * full) + i, full);
            }
        }

        return p;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight(float* s, long row, float* t, long full)
    {
        var (a, b) = (Vector256.Load(s), Vector256.Load(s + row));
        var (c, d) = (Vector256.Load(s + (2 * row)), Vector256.Load(s + (3 * row)));
        var (e, f) = (Vector256.Load(s + (4 * row)), Vector256.Load(s + (5 * row)));
        var (g, h) = (Vector256.Load(s + (6 * row)), Vector256.Load(s + (7 * row)));
        var (ab, ba) = (Avx.UnpackLow(a, b), Avx.UnpackHigh(a, b));
        var (cd, dc) = (Avx.UnpackLow(c, d), Avx.UnpackHigh(c, d));
        var (ef, fe) = (Avx.UnpackLow(e, f), Avx.UnpackHigh(e, f));
        var (gh, hg) = (Avx.UnpackLow(g, h), Avx.UnpackHigh(g, h));
        var (low0, low1) = (Avx.Shuffle(ab, cd, 0x44), Avx.Shuffle(ab, cd, 0xee));
        var (low2, low3) = (Avx.Shuffle(ba, dc, 0x44), Avx.Shuffle(ba, dc, 0xee));
        var (high0, high1) = (Avx.Shuffle(ef, gh, 0x44), Avx.Shuffle(ef, gh, 0xee));
        var (high2, high3) = (Avx.Shuffle(fe, hg, 0x44), Avx.Shuffle(fe, hg, 0xee));
        Avx.Permute2x128(low0, high0, 0x20).Store(t);
        Avx.Permute2x128(low1, high1, 0x20).Store(t + full);
        Avx.Permute2x128(low2, high2, 0x20).Store(t + (2 * full));
        Avx.Permute2x128(low3, high3, 0x20).Store(t + (3 * full));
        Avx.Permute2x128(low0, high0, 0x31).Store(t + (4 * full));
        Avx.Permute2x128(low1, high1, 0x31).Store(t + (5 * full));
        Avx.Permute2x128(low2, high2, 0x31).Store(t + (6 * full));
        Avx.Permute2x128(low3, high3, 0x31).Store(t + (7 * full));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(float* s, long row, float* t, long full)
    {
        var (a, b) = (Vector128.Load(s), Vector128.Load(s + row));
        var (c, d) = (Vector128.Load(s + (2 * row)), Vector128.Load(s + (3 * row)));
        var (ab, ba) = (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        var (cd, dc) = (Sse.UnpackLow(c, d), Sse.UnpackHigh(c, d));
        Sse.MoveLowToHigh(ab, cd).Store(t);
        Sse.MoveHighToLow(cd, ab).Store(t + full);
        Sse.MoveLowToHigh(ba, dc).Store(t + (2 * full));
        Sse.MoveHighToLow(dc, ba).Store(t + (3 * full));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Doubles(double* source, long row, double* target, int full, int rows, int columns)
    {
        var p = 0;
        for (; p <= columns - 4; p += 4)
        {
            for (var i = 0; i < rows; i += 4)
            {
                var s = source + (i * row) + p;
                var t = target + ((long)p * full) + i;
                var (a, b) = (Vector256.Load(s), Vector256.Load(s + row));
                var (c, d) = (Vector256.Load(s + (2 * row)), Vector256.Load(s + (3 * row)));
                var (ab, ba) = (Avx.UnpackLow(a, b), Avx.UnpackHigh(a, b));
                var (cd, dc) = (Avx.UnpackLow(c, d), Avx.UnpackHigh(c, d));
                Avx.Permute2x128(ab, cd, 0x20).Store(t);
                Avx.Permute2x128(ba, dc, 0x20).Store(t + full);
                Avx.Permute2x128(ab, cd, 0x31).Store(t + (2 * full));
                Avx.Permute2x128(ba, dc, 0x31).Store(t + (3 * full));
            }
        }

        return p;
    }
}
