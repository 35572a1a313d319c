using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution as what each element of an image gives to the results around it ("col2im"): for each place of the window and each result's channel a row of
/// products summed over the image's channels, for all positions of the image at once, which is then added where it belongs. Nothing outside the image is ever
/// multiplied: for small images with wide borders, as in the derivative by the image of a large window, a part of the products of the other forms. With windows of one
/// place the rows are the results, straight from images.
/// </summary>
internal sealed unsafe class ConvolveScatter<T> : IConvolveForm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // What a multiplication takes, where by outer products it takes 1, and what adding a line and an element where they belong does.
    private const double Time = 1.2;
    private const double Line = 48;
    private const double Adding = 4;

    // The same without anything to add.
    private const double PointTime = 1.07;

    private const long MostElements = 4096;
    private const long ProductsPerItem = 30_000;
    private const int Items = 8;

    // Positions of windows of one place that are done together: what they read stays in the second-level cache for all rows.
    private const int Strip = 96;

    // With fewer there would be less to do than threads.
    private const int FewImages = 4;

    private readonly ConvolveLayout _layout;
    private readonly int[] _blocks;
    private readonly nint[] _offsets;
    private readonly long[] _kernelStrides;
    private readonly int _taps;
    private readonly int _elements;
    private readonly int _pitch;
    private readonly int _most;
    private readonly int _each;
    private readonly int _chunks;
    private readonly bool _isPoints;

    public ConvolveScatter(ConvolveLayout layout)
    {
        _layout = layout;
        _kernelStrides = layout.KernelStrides;
        _taps = layout.Axes[0].Taps * layout.Axes[1].Taps;
        _blocks = TileLoops<T>.Blocks(checked(layout.O * _taps), TileLoops<T>.ManyRows);
        _most = _blocks.Max();
        _elements = layout.Axes[0].Input * layout.Axes[1].Input;
        _pitch = (_elements + TileLoops<T>.Lanes - 1) / TileLoops<T>.Lanes * TileLoops<T>.Lanes;
        _isPoints = _taps == 1 && _pitch == _elements && layout.Axes.All(a => a.Low == 0 && a.Outputs == a.Input);
        _offsets = [.. Enumerable.Range(0, layout.C).Select(c => (nint)c * (_isPoints ? (nint)layout.ImageChannel : _pitch) * sizeof(T))];
        var pairs = layout.N * layout.G;
        _chunks = _isPoints ? (_pitch + Strip - 1) / Strip : 1;
        _each = (int)Math.Clamp(ProductsPerItem * Units / Math.Max(1, layout.Products), 1, Math.Max(1, Units / Items));
        if (_isPoints)
        {
            Work = PointTime * 1.1 * pairs * layout.O * layout.C * _pitch;
            return;
        }

        Work = (double)pairs * layout.O * _taps * ((1.1 * layout.C * _pitch) + (Line * layout.Axes[0].Input) + (Adding * _elements));
        Work += 2.0 * pairs * layout.C * _pitch;
        Work *= Time;
    }

    public string Name => "by scattering";

    public double Work { get; }

    // The kernel of one group.
    private long Packed => (long)_layout.O * _taps * _layout.C;

    private int Units => _layout.N * _layout.G * _chunks;

    /// <summary>Whether a convolution has a result at every position of images whose lines follow one another.</summary>
    public static bool Suits(ConvolveLayout layout) =>
        layout.Axes is [{ Stride: 1, InputDilation: 1, Input: > 0, Taps: > 0 } high, { Stride: 1, InputDilation: 1, Input: > 0, Taps: > 0 } wide]
        && layout.ImageStrides is [var line, 1]
        && line == wide.Input
        && (long)high.Input * wide.Input <= MostElements
        && layout is { N: > 0, G: > 0, C: > 0, O: > 0 }
        && ((high.Taps == 1 && wide.Taps == 1) || layout.N * layout.G >= FewImages || layout.Products < ConvolveKernel.ProductsPerThread);

    public bool TryRun(T* x, T* k, T* r, Workers workers)
    {
        var kernel = BlockPool.Rent(Packed * _layout.G * sizeof(T));
        try
        {
            var packed = (T*)(BlockPool.Address(kernel) + BlockPool.Start(kernel));
            for (var g = 0; g < _layout.G; g++)
            {
                Pack(k + _layout.Kernel(g), packed + (g * Packed));
            }

            workers.Run(new Scattering(this, x, packed, r), (Units + _each - 1) / _each, _layout.Products >= ConvolveKernel.ProductsPerThread);
            return true;
        }
        finally
        {
            BlockPool.Return(kernel);
        }
    }

    /// <summary>Rows for all results at the first place, at the second, and so on, block by block: for each channel a column of the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pack(T* k, T* packed)
    {
        var across = _layout.Axes[1].Taps;
        var first = 0;
        foreach (var rows in _blocks)
        {
            for (var row = 0; row < rows; row++)
            {
                var (tap, o) = Math.DivRem(first + row, _layout.O);
                var source = k + (o * _layout.KernelRow) + (tap / across * _kernelStrides[0]) + (tap % across * _kernelStrides[1]);
                for (var c = 0; c < _layout.C; c++)
                {
                    packed[((long)c * rows) + row] = source[c * _layout.KernelChannel];
                }
            }

            first += rows;
            packed += (long)rows * _layout.C;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Scatter(T* x, T* packed, T* r, T* scratch, int unit)
    {
        var (pair, chunk) = Math.DivRem(unit, _chunks);
        var (n, g) = Math.DivRem(pair, _layout.G);
        var image = x + _layout.Image(n, g);
        r += (long)pair * _layout.O * _layout.Positions;
        packed += g * Packed;
        if (_isPoints)
        {
            var vectors = _pitch / TileLoops<T>.Lanes;
            var (from, to) = (vectors * chunk / _chunks * TileLoops<T>.Lanes, vectors * (chunk + 1) / _chunks * TileLoops<T>.Lanes);
            foreach (var rows in _blocks)
            {
                Multiply(packed, image, r, rows, from, to);
                r += (long)rows * _pitch;
                packed += (long)rows * _layout.C;
            }

            return;
        }

        var products = scratch + ((long)_layout.C * _pitch);
        for (var c = 0; c < _layout.C; c++)
        {
            new ReadOnlySpan<T>(image + (c * _layout.ImageChannel), _elements).CopyTo(new Span<T>(scratch + ((long)c * _pitch), _elements));
        }

        new Span<T>(r, checked(_layout.O * _layout.Positions)).Clear();
        var across = _layout.Axes[1].Taps;
        var first = 0;
        foreach (var rows in _blocks)
        {
            Multiply(packed, scratch, products, rows, 0, _pitch);
            for (var row = 0; row < rows; row++)
            {
                var (tap, o) = Math.DivRem(first + row, _layout.O);
                Add(products + ((long)row * _pitch), r + ((long)o * _layout.Positions), tap / across, tap % across);
            }

            first += rows;
            packed += (long)rows * _layout.C;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(T* packed, T* images, T* products, int rows, int from, int to)
    {
        var lanes = TileLoops<T>.Lanes;
        var columns = TileLoops<T>.Columns(rows);
        var loops = SpreadTiles<T>.Of(rows);
        fixed (nint* offsets = _offsets)
        {
            for (var column = from; column < to; column += columns * lanes)
            {
                var width = Math.Min(columns, (to - column) / lanes);
                loops[width](
                    (byte*)packed, (byte*)(images + column), offsets, _layout.C, (byte*)(products + column), _pitch * sizeof(T), false);
            }
        }
    }

    /// <summary>What all elements give by one place, added to the results that they give it to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(T* products, T* result, int down, int across)
    {
        var (high, wide) = (_layout.Axes[0], _layout.Axes[1]);
        var (lower, later) = (high.Low - (down * high.Dilation), wide.Low - (across * wide.Dilation));
        var (top, left) = (Math.Max(0, -lower), Math.Max(0, -later));
        var (bottom, right) = (Math.Min(high.Input, high.Outputs - lower), Math.Min(wide.Input, wide.Outputs - later));
        var (lanes, count) = (Vector256<T>.Count, right - left);
        products += (top * wide.Input) + left;
        result += ((top + lower) * wide.Outputs) + left + later;
        if (count == lanes)
        {
            for (var line = top; line < bottom; line++, products += wide.Input, result += wide.Outputs)
            {
                (Vector256.Load(result) + Vector256.Load(products)).Store(result);
            }

            return;
        }

        for (var line = top; line < bottom; line++, products += wide.Input, result += wide.Outputs)
        {
            var i = 0;
            for (; i <= count - lanes; i += lanes)
            {
                (Vector256.Load(result + i) + Vector256.Load(products + i)).Store(result + i);
            }

            if (i <= count - (lanes / 2))
            {
                (Vector128.Load(result + i) + Vector128.Load(products + i)).Store(result + i);
                i += lanes / 2;
            }

            for (; i < count; i++)
            {
                result[i] += products[i];
            }
        }
    }

    private sealed class Scattering(ConvolveScatter<T> form, T* x, T* packed, T* r) : IWork
    {
        public object? Begin() => BlockPool.Rent((long)(form._layout.C + form._most) * form._pitch * sizeof(T));

        public void Do(object? state, int item)
        {
            var block = (byte[])state!;
            var scratch = (T*)(BlockPool.Address(block) + BlockPool.Start(block));
            var last = Math.Min((item + 1) * form._each, form.Units);
            for (var unit = item * form._each; unit < last; unit++)
            {
                form.Scatter(x, packed, r, scratch, unit);
            }
        }

        public void End(object? state) => BlockPool.Return((byte[])state!);
    }
}
