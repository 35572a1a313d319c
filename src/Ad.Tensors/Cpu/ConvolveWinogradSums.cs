using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution with 3 x 3 positions and a large window, as the derivative by a kernel of 3 x 3 is, by the minimal algorithm F(3 x 3, 2 x 2), the transpose of
/// what <see cref="ConvolveWinograd{T}"/> does: dg = G' ((B' d B) * (A y A')) G with 16 products for each 2 x 2 of the window and not 36. Sums of the
/// products over all tiles are made by outer products, as in <see cref="ConvolveOuter{T}"/>, and transformed once.
/// </summary>
internal sealed unsafe class ConvolveWinogradSums<T> : IConvolveForm<T>, IConvolveSums<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Places = WinogradTiles<T>.Places;
    private const int MostVectors = 4;
    private const int MostSections = 8;
    private const long PartialElements = 1 << 18;

    // No sum on the way, nor one of all sections, is larger than so many products of the largest element and the sum of the window's sizes.
    private const double MostGrowth = 1024;

    private static readonly nint[] Line = [0];

    // What a multiplication takes, where by outer products it takes 1.
    private const double Time = 1.2;

    private readonly ConvolveLayout _layout;
    private readonly WinogradImages<T> _images;
    private readonly nint[] _offsets;
    private readonly long[] _kernelStrides;
    private readonly int _vectors;
    private readonly int _blocks;
    private readonly int _sections;
    private readonly long _step;
    private readonly long _flowStep;
    private readonly long _sums;

    public ConvolveWinogradSums(ConvolveLayout layout)
    {
        _layout = layout;
        _kernelStrides = layout.KernelStrides;
        var total = (layout.O + TileLoops<T>.Lanes - 1) / TileLoops<T>.Lanes;
        _blocks = (total + MostVectors - 1) / MostVectors;
        _vectors = (total + _blocks - 1) / _blocks;
        _images = new WinogradImages<T>(
            layout.Axes[0],
            layout.Axes[1],
            (layout.Axes[0].Taps + 1) / 2,
            (layout.Axes[1].Taps + 1) / 2,
            layout.ImageStrides[0],
            Math.Max(layout.N, Width),
            layout.C / MostSections,
            1);
        _step = _images.Step(layout.N);
        _flowStep = ((long)_images.Columns * Width) + WinogradTiles<T>.Lanes;
        _sums = (long)Places * layout.N * _blocks * Width;
        _sections = (int)Math.Clamp(PartialElements / _sums, 1, Math.Min(Units, MostSections));
        _offsets = [.. Enumerable.Range(0, layout.N).Select(n => (nint)n * _images.Pitch * sizeof(T))];
        var tiles = (double)layout.G * layout.C * _images.Down * _images.Across;
        Work = tiles * ((Places * (double)layout.N * _blocks * Width * (1 + (0.25 / _vectors))) + (80.0 * layout.N) + (60.0 * _blocks * Width));
        Work += 4.0 * layout.G * _sections * _sums;

        Work *= Time;
    }

    public string Name => "by sums of Winograd's tiles";

    public double Work { get; }

    private int Width => _vectors * TileLoops<T>.Lanes;

    private int Units => (_layout.C + _images.Each - 1) / _images.Each * _images.Chunks;

    // A chunk of the window of one example.
    private int Turned => 2 * _images.Rows * 2 * _images.Across * Width;

    /// <summary>Whether a convolution is one at 3 x 3 neighbouring positions of images whose lines lie side by side.</summary>
    public static bool Suits(ConvolveLayout layout) =>
        WinogradTiles<T>.IsSupported
        && layout.Axes.Length == 2
        && layout.Axes.All(a => a is { Outputs: 3, Stride: 1, InputDilation: 1, Dilation: 1, Input: > 0, Taps: > 1 })
        && layout.ImageStrides[^1] == 1
        && layout is { N: > 0, G: > 0, C: > 0, O: > 0 };

    private long Scratch => _images.Scratch + (Places * (_step + _flowStep)) + Turned + WinogradTiles<T>.Lanes;

    public bool TryRun(T* x, T* k, T* r, Workers workers) =>
        ConvolveSums.TryRun(this, _layout, _layout.G * _sections * _sums, _layout.G * _sections, Scratch, x, k, r, workers);

    /// <summary>The sums of one group over a section of examples. False where one might not be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Multiply(T* x, T* k, T* sums, T* scratch, int item)
    {
        var (g, section) = Math.DivRem(item, _sections);
        sums += item * _sums;
        new Span<T>(sums, checked((int)_sums)).Clear();
        var transformed = scratch + _images.Scratch;
        var flows = transformed + (Places * _step);
        var turned = flows + (Places * _flowStep);
        var last = (int)((section + 1L) * Units / _sections);
        var (size, flow) = (T.Zero, T.Zero);
        for (var unit = (int)((long)section * Units / _sections); unit < last; unit++)
        {
            var (set, chunk) = Math.DivRem(unit, _images.Chunks);
            var from = set * _images.Each;
            var examples = Math.Min(_images.Each, _layout.C - from);
            var first = chunk * _images.Rows;
            var rows = Math.Min(_images.Rows, _images.Down - first);
            size += _images.Transform(
                x + _layout.Image(0, g) + (from * _layout.ImageChannel),
                examples,
                _layout.ImageChannel,
                _layout.N,
                _layout.Image(1, g) - _layout.Image(0, g),
                first,
                rows,
                scratch,
                transformed);
            for (var block = 0; block < _blocks; block++)
            {
                var source = k + _layout.Kernel(g) + ((long)block * Width * _layout.KernelRow);
                for (var n = 0; n < examples; n++)
                {
                    Turn(source + ((from + n) * _layout.KernelChannel), turned, Math.Min(Width, _layout.O - (block * Width)), first, rows);
                    flow += WinogradTiles<T>.Sizes(turned, 4 * rows * _images.Across * Width);
                    WinogradTiles<T>.Flows(turned, rows, _images.Across, Width, flows + ((long)n * rows * _images.Across * Width), _flowStep);
                }

                Products(transformed, flows, sums + ((long)block * Places * _layout.N * Width), examples * rows * _images.Across);
            }
        }

        return T.IsFinite(size * flow * T.CreateTruncating(MostGrowth));
    }

    /// <summary>Some pairs of lines of a window: for each place in turn all results of a block, with zeros where there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Turn(T* source, T* turned, int results, int first, int rows)
    {
        var (lines, across) = (Math.Min(2 * rows, _layout.Axes[0].Taps - (2 * first)), _layout.Axes[1].Taps);
        var pitch = 2 * _images.Across * Width;
        if (results < Width || lines < 2 * rows || across % 2 == 1)
        {
            new Span<T>(turned, 2 * rows * pitch).Clear();
        }

        var (down, step) = (_kernelStrides[0], _kernelStrides[1]);
        source += 2L * first * down;
        if (across % 2 == 0 && step == 1 && down == across)
        {
            (across, lines) = (across * lines, 1);
        }

        for (var line = 0; line < lines; line++, source += down, turned += pitch)
        {
            var column = step == 1 ? Turning.Columns(source, _layout.KernelRow, turned, Width, results, across) : 0;
            for (; column < across; column++)
            {
                for (var o = 0; o < results; o++)
                {
                    turned[(column * Width) + o] = source[(column * step) + (o * _layout.KernelRow)];
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Products(T* images, T* flows, T* sums, int count)
    {
        var tiles = (_layout.N + TileLoops<T>.OuterRows(_vectors) - 1) / TileLoops<T>.OuterRows(_vectors);
        fixed (nint* offsets = _offsets, line = Line)
        {
            for (var place = 0; place < Places; place++)
            {
                for (var tile = 0; tile < tiles; tile++)
                {
                    var (from, to) = ((int)((long)_layout.N * tile / tiles), (int)((long)_layout.N * (tile + 1) / tiles));
                    TileLoops<T>.Outer(to - from, _vectors)(
                        (byte*)images, offsets + from, (byte*)flows, line, 1, count, (byte*)(sums + ((long)from * Width)));
                }

                images += _step;
                flows += _flowStep;
                sums += (long)_layout.N * Width;
            }
        }
    }

    /// <summary>Adds up the sections of one channel and group, and transforms the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddUp(T* sums, T* r, int item)
    {
        var (n, g) = Math.DivRem(item, _layout.G);
        sums += (g * _sections * _sums) + ((long)n * Width);
        r += (long)item * _layout.O * 9;
        var lanes = Vector<T>.Count;
        var places = stackalloc T[Places * lanes];
        for (var o = 0; o < _layout.O; o += lanes)
        {
            var from = sums + ((long)(o / Width) * Places * _layout.N * Width) + (o % Width);
            for (var place = 0; place < Places; place++, from += (long)_layout.N * Width)
            {
                var sum = Vector.Load(from);
                for (var section = 1; section < _sections; section++)
                {
                    sum += Vector.Load(from + (section * _sums));
                }

                sum.Store(places + (place * lanes));
            }

            WinogradTiles<T>.Kernels(places, r + ((long)o * 9), Math.Min(lanes, _layout.O - o));
        }
    }
}
