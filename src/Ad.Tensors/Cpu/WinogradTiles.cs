using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The transforms of the minimal algorithm F(2 x 2, 3 x 3) (Winograd 1980; Lavin and Gray 2016, section 4.1), tile beside tile in the lanes of
/// vectors: d -> B' d B of 4 x 4 inputs, g -> G g G' of 3 x 3 weights, m -> A' m A to 2 x 2 results. Number (a, b) of the 16 is place 4 a + b.
/// </summary>
internal static unsafe class WinogradTiles<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Numbers of a transformed tile.</summary>
    public const int Places = 16;

    /// <summary>Whether elements can be taken apart in pairs.</summary>
    public static bool IsSupported => Pairs.AreSupported<T>();

    /// <summary>Elements that are written, or read, at once.</summary>
    public static int Lanes => Vector512<T>.Count;

    /// <summary>The sum of sizes, no number if one of the elements is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static T Sizes(T* elements, int count)
    {
        var (a, b) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var i = 0;
        for (; i <= count - (2 * Lanes); i += 2 * Lanes)
        {
            a += Vector512.Abs(Vector512.Load(elements + i));
            b += Vector512.Abs(Vector512.Load(elements + i + Lanes));
        }

        var sum = Vector512.Sum(a + b);
        for (; i < count; i++)
        {
            sum += T.Abs(elements[i]);
        }

        return sum;
    }

    /// <summary>
    /// Half of B' d B: of each line every second window of four elements becomes four numbers, in planes of their own for each of the four and
    /// for even and odd lines. Lines hold two elements for each tile across and two more.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns(T* lines, int count, int across, T* target, long plane)
    {
        var pitch = (2 * across) + 2;
        for (var line = 0; line < count; line++, lines += pitch)
        {
            var to = target + ((line & 1) * plane) + ((line >> 1) * across);
            for (var u = 0; u < across; u += Lanes)
            {
                var (first, second) = Pairs.Apart(lines + (2 * u));
                var (third, fourth) = Pairs.Apart(lines + (2 * u) + 2);
                (first - third).Store(to + u);
                (second + third).Store(to + (2 * plane) + u);
                (third - second).Store(to + (4 * plane) + u);
                (second - fourth).Store(to + (6 * plane) + u);
            }
        }
    }

    /// <summary>The other half, down the planes of <see cref="Columns"/>; the 16 numbers of a tile are so many elements apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows(T* source, long plane, int across, int tiles, T* target, long step)
    {
        for (var b = 0; b < 4; b++, target += step)
        {
            var even = source + (2 * b * plane);
            var odd = even + plane;
            for (var u = 0; u < tiles; u += Lanes)
            {
                var (first, second) = (Vector512.Load(even + u), Vector512.Load(odd + u));
                var (third, fourth) = (Vector512.Load(even + u + across), Vector512.Load(odd + u + across));
                (first - third).Store(target + u);
                (second + third).Store(target + (4 * step) + u);
                (third - second).Store(target + (8 * step) + u);
                (second - fourth).Store(target + (12 * step) + u);
            }
        }
    }

    /// <summary>G g G' of one window of weights, to places so many elements apart; gives the sum of their sizes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static T Weights(T* g, long down, long across, T* target, long step)
    {
        var half = T.CreateTruncating(0.5);
        var half3 = stackalloc T[12];
        var size = T.Zero;
        for (var j = 0; j < 3; j++, g += across)
        {
            var (first, second, third) = (g[0], g[down], g[2 * down]);
            size += T.Abs(first) + T.Abs(second) + T.Abs(third);
            var (ends, middle) = ((first + third) * half, second * half);
            (half3[j], half3[3 + j], half3[6 + j], half3[9 + j]) = (first, ends + middle, ends - middle, third);
        }

        for (var a = 0; a < 4; a++, target += 4 * step, half3 += 3)
        {
            var (ends, middle) = ((half3[0] + half3[2]) * half, half3[1] * half);
            *target = half3[0];
            target[step] = ends + middle;
            target[2 * step] = ends - middle;
            target[3 * step] = half3[2];
        }

        return size;
    }

    /// <summary>A' m A of tiles whose 16 numbers are so many elements apart: their upper lines one after another, and their lower ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Results(T* source, long step, int tiles, T* upper, T* lower)
    {
        for (var u = 0; u < tiles; u += Lanes)
        {
            var (up0, down0) = Half(source + u, step);
            var (up1, down1) = Half(source + u + step, step);
            var (up2, down2) = Half(source + u + (2 * step), step);
            var (up3, down3) = Half(source + u + (3 * step), step);
            Pairs.Together(up0 + up1 + up2, up1 - up2 - up3, upper + (2 * u));
            Pairs.Together(down0 + down1 + down2, down1 - down2 - down3, lower + (2 * u));
        }
    }

    /// <summary>
    /// A y A' of 2 x 2 numbers, of many results beside each other; what has the sign turned, places 3, 7, 11 and 12 to 14, is kept without it.
    /// A tile's 16 numbers are so many elements apart.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Flows(T* source, int rows, int across, int width, T* target, long step)
    {
        var pitch = 2 * across * width;
        for (var row = 0; row < rows; row++, source += pitch)
        {
            for (var tile = 0; tile < across; tile++, source += 2 * width, target += width)
            {
                for (var o = 0; o < width; o += Vector<T>.Count)
                {
                    var to = target + o;
                    var (a, b) = (Vector.Load(source + o), Vector.Load(source + o + width));
                    var (c, d) = (Vector.Load(source + o + pitch), Vector.Load(source + o + pitch + width));
                    Column(a, c, to, step);
                    Column(a + b, c + d, to + step, step);
                    Column(a - b, c - d, to + (2 * step), step);
                    Column(b, d, to + (3 * step), step);
                }
            }
        }
    }

    /// <summary>G' s G of sums of products with <see cref="Flows"/>, whose signs it mends, to 9 numbers a result, one after another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Kernels(T* sums, T* target, int results)
    {
        var lanes = Vector<T>.Count;
        var half = Vector.Create(T.CreateTruncating(0.5));
        var nine = stackalloc T[9 * lanes];
        var lines = stackalloc T[12 * lanes];
        for (var b = 0; b < 4; b++)
        {
            Three(sums + (b * lanes), 4 * lanes, half, lines + (b * lanes), 4 * lanes);
        }

        for (var i = 0; i < 3; i++)
        {
            Three(lines + (4 * i * lanes), lanes, half, nine + (3 * i * lanes), lanes);
        }

        for (var o = 0; o < results; o++)
        {
            for (var i = 0; i < 9; i++)
            {
                *target++ = nine[(i * lanes) + o];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Column(Vector<T> upper, Vector<T> lower, T* target, long step)
    {
        upper.Store(target);
        (upper + lower).Store(target + (4 * step));
        (upper - lower).Store(target + (8 * step));
        lower.Store(target + (12 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Three(T* source, int step, Vector<T> half, T* target, int targetStep)
    {
        var (second, third) = (Vector.Load(source + step) * half, Vector.Load(source + (2 * step)) * half);
        (Vector.Load(source) + second + third).Store(target);
        (second - third).Store(target + targetStep);
        (second + third - Vector.Load(source + (3 * step))).Store(target + (2 * targetStep));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<T> Up, Vector512<T> Down) Half(T* source, long step)
    {
        var (second, third) = (Vector512.Load(source + (4 * step)), Vector512.Load(source + (8 * step)));
        return (Vector512.Load(source) + second + third, second - third - Vector512.Load(source + (12 * step)));
    }
}
