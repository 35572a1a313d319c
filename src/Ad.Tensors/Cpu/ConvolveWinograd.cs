using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution by windows of 3 x 3 at every position, by the minimal algorithm F(2 x 2, 3 x 3) (Winograd 1980; Lavin and Gray 2016): 16
/// products for four results and not 36. Tiles of images and the kernel are transformed (<see cref="WinogradTiles{T}"/>), and each of the 16 numbers of a
/// tile is a matrix product over the channels. Additions beforehand and afterwards round, so that an error is relative to the sizes in a window times
/// those of the weights, and not to their products; and they may not overflow, which is looked at first.
/// </summary>
internal sealed unsafe class ConvolveWinograd<T> : IConvolveTiles<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Places = WinogradTiles<T>.Places;

    private const long ProductsPerItem = 30_000;
    private const int Items = 8;

    // Rows of the kernel times channels that are summed at a time stay in the nearest cache.
    private const int Depth = 256;

    // No sum on the way is larger than 81 products, of the largest element and the sum of all weights.
    private const double MostGrowth = 128;

    // What a multiplication takes, where by outer products it takes 1.
    private const double Time = 1.2;

    private readonly ConvolveLayout _layout;
    private readonly int[] _blocks;
    private readonly nint[] _offsets;
    private readonly WinogradImages<T> _images;
    private readonly int _most;
    private readonly long _step;
    private readonly long _sumStep;

    public ConvolveWinograd(ConvolveLayout layout)
    {
        _layout = layout;
        _blocks = TileLoops<T>.Blocks(layout.O, TileLoops<T>.ManyRows);
        _most = _blocks.Max();
        var pairs = layout.N * layout.G;
        _images = new WinogradImages<T>(
            layout.Axes[0],
            layout.Axes[1],
            (layout.Axes[0].Outputs + 1) / 2,
            (layout.Axes[1].Outputs + 1) / 2,
            layout.ImageStrides[0],
            Math.Max(layout.C, layout.O),
            pairs / Items,
            layout.Products >= Items * ProductsPerItem ? (Items + pairs - 1) / pairs : 1);
        _step = _images.Step(layout.C);
        _sumStep = _images.Step(_most);
        _offsets = [.. Enumerable.Range(0, layout.C).Select(c => (nint)c * _images.Pitch * sizeof(T))];
        var transforms = (80.0 * layout.C) + (60.0 * layout.O);
        Work = (double)Units * ((Places * (double)layout.C * layout.O * _images.Columns) + (transforms * _images.Each * _images.Rows * _images.Across));
        Work += 200.0 * layout.G * layout.C * layout.O;

        Work *= Time;
    }

    public string Name => "by Winograd's tiles";

    public double Work { get; }

    // Examples of a group that are done together, times chunks of lines.
    private int Units => _layout.G * ((_layout.N + _images.Each - 1) / _images.Each) * _images.Chunks;

    private long Weights => (long)Places * _layout.C * _layout.O;

    /// <summary>Whether a convolution is one of windows of 3 x 3 at every position of images whose lines lie side by side.</summary>
    public static bool Suits(ConvolveLayout layout) =>
        WinogradTiles<T>.IsSupported
        && layout.Axes.Length == 2
        && layout.Axes.All(a => a is { Taps: 3, Stride: 1, InputDilation: 1, Dilation: 1, Input: > 0, Outputs: > 1 })
        && layout.ImageStrides[^1] == 1
        && layout is { N: > 0, G: > 0, C: > 0, O: > 0 };

    public bool GivesTiles(bool whole) => !whole || _images.Chunks == 1;

    public bool TryRun(T* x, T* k, T* r, Workers workers) => TryRun(x, k, r, null, workers);

    public bool TryGive(T* x, T* k, ITiles tiles, Workers workers) => TryRun(x, k, null, tiles, workers);

    private bool TryRun(T* x, T* k, T* r, ITiles? tiles, Workers workers)
    {
        var packings = _layout.G * _blocks.Length;
        var kernel = BlockPool.Rent(((Weights * _layout.G) + packings) * sizeof(T));
        try
        {
            var packed = (T*)(BlockPool.Address(kernel) + BlockPool.Start(kernel));
            var sizes = packed + (Weights * _layout.G);
            workers.Run(new Packing(this, k, packed, sizes), packings, Weights * _layout.G >= Workers.Grain);
            var growth = T.CreateTruncating(MostGrowth);
            for (var i = 0; i < packings; i++)
            {
                growth += T.CreateTruncating(MostGrowth) * sizes[i];
            }

            var work = new Multiplying(this, x, packed, r, tiles, growth);
            workers.Run(work, Units, _layout.Products >= ConvolveKernel.ProductsPerThread);
            return work.IsFinite;
        }
        finally
        {
            BlockPool.Return(kernel);
        }
    }

    /// <summary>A block of rows of a group's kernel: for each place and channel in turn a column of the block. Gives the sum of the weights' sizes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private T Pack(T* k, T* packed, int item)
    {
        var (g, block) = Math.DivRem(item, _blocks.Length);
        var (first, rows) = (_blocks.AsSpan(0, block).ToArray().Sum(), _blocks[block]);
        var (down, across) = (_layout.KernelStrides[0], _layout.KernelStrides[1]);
        var source = k + _layout.Kernel(g) + (first * _layout.KernelRow);
        var target = packed + (g * Weights) + ((long)Places * _layout.C * first);
        var size = T.Zero;
        for (var row = 0; row < rows; row++)
        {
            for (var c = 0; c < _layout.C; c++)
            {
                size += WinogradTiles<T>.Weights(
                    source + (row * _layout.KernelRow) + (c * _layout.KernelChannel), down, across, target + ((long)c * rows) + row, (long)_layout.C * rows);
            }
        }

        return size;
    }

    /// <summary>Some lines of some examples. False where a sum might not be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Multiply(T* x, T* packed, T* r, ConvolveRoom<T> room, int item, T growth)
    {
        var scratch = room.Scratch;
        var (unit, chunk) = Math.DivRem(item, _images.Chunks);
        var (g, set) = Math.DivRem(unit, (_layout.N + _images.Each - 1) / _images.Each);
        var from = set * _images.Each;
        var examples = Math.Min(_images.Each, _layout.N - from);
        var first = chunk * _images.Rows;
        var rows = Math.Min(_images.Rows, _images.Down - first);
        var transformed = scratch + _images.Scratch;
        var sums = transformed + (Places * _step);
        var upper = sums + (Places * _sumStep);
        var lower = upper + (2L * _images.Pitch);
        var size = _images.Transform(
            x + _layout.Image(from, g), examples, _layout.Image(1, g) - _layout.Image(0, g), _layout.C, _layout.ImageChannel, first, rows, scratch, transformed);
        if (!T.IsFinite(size * growth))
        {
            return false;
        }

        var kernel = packed + (g * Weights);
        var (o, tiles) = (0, rows * _images.Across);

        // A tile has the lines of a chunk, one channel after another.
        var lines = _images.Chunks == 1 ? _layout.Positions : Math.Min(2 * rows, _layout.Axes[0].Outputs - (2 * first)) * _layout.Axes[1].Outputs;
        var tile = room.Tiles is null ? null : room.Tile - (2L * first * _layout.Axes[1].Outputs);
        foreach (var height in _blocks)
        {
            Products(kernel, transformed, sums, height, examples * tiles);
            for (var row = 0; row < height; row++, o++)
            {
                WinogradTiles<T>.Results(sums + ((long)row * _images.Pitch), _sumStep, examples * tiles, upper, lower);
                for (var n = 0; n < examples; n++)
                {
                    var result = tile == null ? r + ((Example(from + n, g) + o) * _layout.Positions) : tile + ((((long)n * _layout.O) + o) * lines);
                    Place(upper + (2L * n * tiles), lower + (2L * n * tiles), result, first, rows);
                }
            }

            kernel += (long)Places * _layout.C * height;
        }

        for (var n = 0; n < examples && room.Tiles is not null; n++)
        {
            var at = (Example(from + n, g) * _layout.Positions) + (2L * first * _layout.Axes[1].Outputs);
            room.Tiles.Take(at, _layout.O, lines, _layout.Positions, n * _layout.O * lines * sizeof(T));
        }

        return true;
    }

    // The first of an example's channels in the result.
    private long Example(int n, int g) => (((long)n * _layout.G) + g) * _layout.O;

    /// <summary>For each place a block of rows times the tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Products(T* kernel, T* images, T* sums, int rows, int tiles)
    {
        var lanes = TileLoops<T>.Lanes;
        var columns = TileLoops<T>.Columns(rows);
        var all = (tiles + lanes - 1) / lanes * lanes;
        var loops = SpreadTiles<T>.Of(rows);
        fixed (nint* offsets = _offsets)
        {
            for (var place = 0; place < Places; place++)
            {
                for (var column = 0; column < all; column += columns * lanes)
                {
                    var width = Math.Min(columns, (all - column) / lanes);
                    for (var c = 0; c < _layout.C; c += Depth)
                    {
                        loops[width](
                            (byte*)(kernel + ((long)c * rows)),
                            (byte*)(images + ((long)c * _images.Pitch) + column),
                            offsets,
                            Math.Min(Depth, _layout.C - c),
                            (byte*)(sums + column),
                            _images.Pitch * sizeof(T),
                            c > 0);
                    }
                }

                kernel += (long)_layout.C * rows;
                images += _step;
                sums += _sumStep;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Place(T* upper, T* lower, T* result, int first, int rows)
    {
        var width = _layout.Axes[1].Outputs;
        result += 2L * first * width;
        Planes.CopyLines(upper, 2 * _images.Across, result, 2 * width, rows, width);
        Planes.CopyLines(lower, 2 * _images.Across, result + width, 2 * width, Math.Min(rows, (_layout.Axes[0].Outputs / 2) - first), width);
    }

    private sealed class Packing(ConvolveWinograd<T> form, T* k, T* packed, T* sizes) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => sizes[item] = form.Pack(k, packed, item);

        public void End(object? state)
        {
        }
    }

    private sealed class Multiplying(ConvolveWinograd<T> form, T* x, T* packed, T* r, ITiles? tiles, T growth) : IWork
    {
        private volatile bool _isFinite = true;

        public bool IsFinite => _isFinite;

        public object? Begin() => new ConvolveRoom<T>(
            form._images.Scratch + (Places * (form._step + form._sumStep)) + (4L * form._images.Pitch),
            tiles,
            4L * form._layout.O * form._images.Each * form._images.Rows * form._images.Across);

        public void Do(object? state, int item)
        {
            if (_isFinite && !form.Multiply(x, packed, r, (ConvolveRoom<T>)state!, item, growth))
            {
                _isFinite = false;
            }
        }

        public void End(object? state) => ((ConvolveRoom<T>)state!).End();
    }
}
