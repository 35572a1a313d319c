using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Windows of 2 x 2 that tile their images, as pooling has them, straight from lines of the image: two lines are taken apart into first and second elements
/// in registers. The bits are those of <see cref="WindowKernel"/> and <see cref="WindowShareKernel"/>.
/// </summary>
internal static unsafe class WindowPairs
{
    // What is left of an image where vectors would go over its end, and the vectors.
    private const int Rest = 256;

    /// <summary>Whether windows are so.</summary>
    public static bool Suit<T>(WindowLayout layout)
        where T : unmanaged => Pairs.AreSupported<T>() && layout.Axes is [var high, var wide] && Tiles(high) && Tiles(wide);

    /// <summary>Folds so many lines of windows, so many in each, into a number each.</summary>
    public static void Fold<T, F>(T* x, int lines, int width, T* r)
        where T : unmanaged
        where F : IWindowFold<T>
    {
        var whole = Whole<T>(lines, width);
        FoldLines<T, F>(x, whole, width, r);
        if (whole < lines)
        {
            var image = stackalloc T[Rest];
            var result = stackalloc T[Rest];
            new Rests<T>(x, whole, lines, width, 4).Fetch(image);
            FoldLines<T, F>(image, lines - whole, width, result);
            new Rests<T>(r, whole, lines, width, 1).Put(result);
        }
    }

    /// <summary>Spreads what flows to each window to where its extreme is attained, in equal parts; elsewhere zero.</summary>
    public static void Spread<T, F>(T* x, T* flow, int lines, int width, T* r)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        where F : IWindowFold<T>
    {
        var whole = Whole<T>(lines, width);
        SpreadLines<T, F>(x, flow, whole, width, r);
        if (whole < lines)
        {
            var image = stackalloc T[Rest];
            var flows = stackalloc T[Rest];
            var result = stackalloc T[Rest];
            new Rests<T>(x, whole, lines, width, 4).Fetch(image);
            new Rests<T>(flow, whole, lines, width, 1).Fetch(flows);
            SpreadLines<T, F>(image, flows, lines - whole, width, result);
            new Rests<T>(r, whole, lines, width, 4).Put(result);
        }
    }

    private static bool Tiles(WindowAxis axis) =>
        axis is { Taps: 2, Stride: 2, Low: 0, InputDilation: 1, Dilation: 1, Input: > 0 } && axis.Input == 2 * axis.Outputs;

    // The lines of windows after which vectors do not go over the end of what the lines have.
    private static int Whole<T>(int lines, int width)
        where T : unmanaged
    {
        var lanes = Vector512<T>.Count;
        if (width >= lanes)
        {
            return lines;
        }

        var after = Math.Max((lanes + width - 1) / width, ((2 * width) + (2 * lanes) + (4 * width) - 1) / (4 * width));
        return Math.Max(0, lines - after + 1);
    }

    // In lines of at least a vector the last one ends with the line; in shorter ones it goes over it, into what is written after it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int At<T>(int u, int width)
        where T : unmanaged => width < Vector512<T>.Count ? 0 : Math.Min(u, width - Vector512<T>.Count);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FoldLines<T, F>(T* x, int lines, int width, T* r)
        where T : unmanaged
        where F : IWindowFold<T>
    {
        for (var line = 0; line < lines; line++, x += 4 * width, r += width)
        {
            for (var u = 0; u < width; u += Vector512<T>.Count)
            {
                var at = At<T>(u, width);
                var (a, b) = Pairs.Apart(x + (2 * at));
                var (c, d) = Pairs.Apart(x + (2 * width) + (2 * at));
                F.Of(F.Of(F.Of(a, b), c), d).Store(r + at);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SpreadLines<T, F>(T* x, T* flow, int lines, int width, T* r)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        where F : IWindowFold<T>
    {
        var (one, none) = (Vector512<T>.One, Vector512.Create(T.NaN));
        for (var line = 0; line < lines; line++, x += 4 * width, r += 4 * width, flow += width)
        {
            for (var u = 0; u < width; u += Vector512<T>.Count)
            {
                var at = At<T>(u, width);
                var (a, b) = Pairs.Apart(x + (2 * at));
                var (c, d) = Pairs.Apart(x + (2 * width) + (2 * at));
                var extreme = F.Of(F.Of(F.Of(a, b), c), d);
                var (winsA, winsB) = (Vector512.Equals(a, extreme), Vector512.Equals(b, extreme));
                var (winsC, winsD) = (Vector512.Equals(c, extreme), Vector512.Equals(d, extreme));
                var count = (winsA & one) + (winsB & one) + (winsC & one) + (winsD & one);
                var flows = Vector512.Load(flow + at);
                var isNumber = Vector512.Equals(extreme, extreme);
                var each = Vector512.ConditionalSelect(isNumber, flows / count, none);
                each = Vector512<T>.Zero + Vector512.AndNot(each, Vector512.Equals(flows, Vector512<T>.Zero));
                Pairs.Together((winsA | ~isNumber) & each, (winsB | ~isNumber) & each, r + (2 * at));
                Pairs.Together((winsC | ~isNumber) & each, (winsD | ~isNumber) & each, r + (2 * width) + (2 * at));
            }
        }
    }

    /// <summary>The last lines of windows, so many elements each times their width.</summary>
    private readonly struct Rests<T>(T* all, int whole, int lines, int width, int each)
        where T : unmanaged
    {
        private readonly T* _from = all + ((long)whole * width * each);
        private readonly int _count = (lines - whole) * width * each;

        public void Fetch(T* to) => new ReadOnlySpan<T>(_from, _count).CopyTo(new Span<T>(to, _count));

        public void Put(T* from) => new ReadOnlySpan<T>(from, _count).CopyTo(new Span<T>(_from, _count));
    }
}
