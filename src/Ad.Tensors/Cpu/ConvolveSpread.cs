using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution as a matrix product without its matrix (after the indirect convolution of Dukhan 2019): an example's channels are laid out once,
/// with zeros around them and elements a stride apart side by side (<see cref="Planes"/>), so that what a place of the window contributes to all
/// positions is read from its own offset on, one vector after another. Sums of a few channels at a time stay in registers.
/// </summary>
internal sealed unsafe partial class ConvolveSpread<T> : IConvolveTiles<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // A block of the kernel stays in the nearest cache, a chunk of the image in the next.
    private const int Depth = 512;
    private const long ChunkBytes = 192 << 10;
    private const long ProductsPerItem = 30_000;
    private const int Items = 8;

    // What a multiplication takes, where by outer products it takes 1.
    private const double Time = 1.15;

    private readonly ConvolveLayout _layout;
    private readonly Part[] _parts;
    private readonly int[] _blocks;
    private readonly int _chunks;
    private readonly long _packed;
    private readonly long _scratch;
    private readonly int _perItem;

    // The most that a part has.
    private readonly int _channel;
    private readonly int _width;
    private readonly bool _isPadded;

    // Whether every second element of a line is one part's, those between them another's.
    private readonly bool _isPaired;

    public ConvolveSpread(ConvolveLayout layout)
    {
        _layout = layout;
        _blocks = TileLoops<T>.Blocks(layout.O, TileLoops<T>.ManyRows);
        var rows = layout.Parts.Max(p => p[0].Outputs);
        var whole = layout.Parts.Max(p => IsEmpty(p) ? 0 : new Planes(p, overTaps: false, layout.ImageStrides) is var planes ? (long)planes.Count * planes.Pitch : 0);
        var chunks = ((whole * layout.C * sizeof(T)) + ChunkBytes - 1) / ChunkBytes;
        var pairs = layout.N * layout.G;
        if (layout.Products >= Items * ProductsPerItem)
        {
            chunks = Math.Max(chunks, (Items + pairs - 1) / pairs);
        }

        _chunks = (int)Math.Clamp(chunks, 1, Math.Max(1, rows));
        _isPaired = Pairs.AreSupported<T>() && layout.Axes.Length > 1 && layout.Axes[^1].Parts() is [{ OutputStep: 2 } even, var odd] && even.Outputs == odd.Outputs;
        var parts = new List<Part>();
        var around = Around(layout, _chunks);
        var shared = around is null ? null
            : new Planes([around[0] with { Outputs = (around[0].Outputs + _chunks - 1) / _chunks }, .. around[1..]], overTaps: false, layout.ImageStrides);
        foreach (var axes in layout.Parts)
        {
            var part = new Part(layout, axes, _chunks, _packed, shared, around);
            parts.Add(part);
            _packed += (long)layout.G * layout.O * part.Depth;
            _channel = Math.Max(_channel, part.Channel);
            _width = Math.Max(_width, part.Width);
            _isPadded |= part.Depth > 0 && axes.Any(a => a.IsPadded);
            Work += (double)pairs * part.Depth * layout.O * part.Width * _chunks;
            Work += shared is not null && parts.Count > 1 ? 0 : 2.0 * pairs * layout.C * part.Channel * _chunks;
            Work += 2.0 * pairs * layout.O * part.Width * _chunks;
        }

        _parts = [.. parts];
        _scratch = ((long)layout.C * _channel) + _width + ((long)(_isPaired ? 2 * layout.O : _blocks.Max()) * _width) + 64;
        _perItem = (int)Math.Clamp(ProductsPerItem * pairs * _chunks / Math.Max(1, layout.Products), 1, Math.Max(1, (pairs * _chunks) / Items));

        Work *= Time;
    }

    public string Name => "by spreading";

    public double Work { get; }

    public bool GivesTiles(bool whole) => _chunks == 1 || (!whole && _parts is [{ Axes: [{ OutputStep: 1 }, ..] }]);

    public bool TryRun(T* x, T* k, T* r, Workers workers) => TryRun(x, k, r, null, workers);

    public bool TryGive(T* x, T* k, ITiles tiles, Workers workers) => TryRun(x, k, null, tiles, workers);

    private bool TryRun(T* x, T* k, T* r, ITiles? tiles, Workers workers)
    {
        var items = _layout.N * _layout.G * _chunks;
        if (items == 0 || _layout.O == 0 || _layout.Positions == 0)
        {
            return true;
        }

        var kernel = BlockPool.Rent(_packed * sizeof(T));
        try
        {
            var packed = (T*)(BlockPool.Address(kernel) + BlockPool.Start(kernel));
            workers.Run(new Packing(this, k, packed), _parts.Length * _layout.G, _packed >= Workers.Grain);
            if (_isPadded && !Finite.AreAll(packed, _packed))
            {
                return false;
            }

            workers.Run(new Spreading(this, x, packed, r, tiles), (items + _perItem - 1) / _perItem, _layout.Products >= ConvolveKernel.ProductsPerThread);
            return true;
        }
        finally
        {
            BlockPool.Return(kernel);
        }
    }

    private static bool IsEmpty(WindowPart[] axes) => axes.Any(a => a.Taps == 0);

    /// <summary>A group's kernel, block by block of rows: for each channel and place in turn a column of the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pack(T* k, T* packed, int item)
    {
        var (index, g) = Math.DivRem(item, _layout.G);
        var part = _parts[index];
        var target = packed + part.Kernel + ((long)g * _layout.O * part.Depth);
        var source = k + _layout.Kernel(g);
        foreach (var rows in _blocks)
        {
            for (var row = 0; row < rows; row++, source += _layout.KernelRow)
            {
                var to = target + row;
                for (var c = 0; c < _layout.C; c++)
                {
                    var channel = source + (c * _layout.KernelChannel);
                    foreach (var tap in part.Taps)
                    {
                        *to = channel[tap];
                        to += rows;
                    }
                }
            }

            target += (long)rows * part.Depth;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Spread(T* x, T* packed, T* r, ConvolveRoom<T> room, int item)
    {
        var (pair, chunk) = Math.DivRem(item, _chunks);
        var (n, g) = Math.DivRem(pair, _layout.G);
        var image = x + _layout.Image(n, g);
        var at = (long)pair * _layout.O * _layout.Positions;
        if (room.Tiles is not { } tiles)
        {
            Spread(image, packed, room.Scratch, r + at, _layout.Positions, g, chunk);
            return;
        }

        // A tile has the lines of a chunk, one channel after another.
        var line = (int)_layout.ResultStrides[0];
        var above = chunk * _parts[0].Rows * line;
        var lines = _chunks == 1 ? _layout.Positions : Math.Min(_parts[0].Rows * line, _layout.Positions - above);
        if (lines > 0)
        {
            Spread(image, packed, room.Scratch, room.Tile - above, lines, g, chunk);
            tiles.Take(at + above, _layout.O, lines, _layout.Positions);
        }
    }

    // A chunk of one example's group to a result whose channels are so many elements apart.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Spread(T* image, T* packed, T* scratch, T* result, long pitch, int g, int chunk)
    {
        Planes? laid = null;
        for (var index = 0; index < _parts.Length; index++)
        {
            var part = _parts[index];
            var first = chunk * part.Rows;
            var rows = Math.Min(part.Rows, part.Axes[0].Outputs - first);
            if (rows <= 0)
            {
                continue;
            }

            // Vectors go a little over the end of the last plane, for sums that nobody reads.
            var strip = (T*)(((nint)(scratch + ((long)_layout.C * _channel) + _width) + 63) & ~(nint)63);
            if (_isPaired)
            {
                var other = _parts[++index];
                var otherStrip = strip + ((long)_layout.O * part.Width);
                laid = Lay(part, image, scratch, first, laid);
                All(part, packed, g, scratch, strip);
                laid = Lay(other, image, scratch, first, laid);
                All(other, packed, g, scratch, otherStrip);
                for (var o = 0; o < _layout.O; o++)
                {
                    PlacePairs(
                        part,
                        other,
                        0,
                        part.Planes is null ? null : strip + ((long)o * part.Width),
                        other.Planes is null ? null : otherStrip + ((long)o * other.Width),
                        result + ((long)o * pitch),
                        first,
                        rows);
                }

                continue;
            }

            if (part.Planes is null)
            {
                for (var o = 0; o < _layout.O; o++)
                {
                    Place(part, 0, null, result + ((long)o * pitch), first, rows);
                }

                continue;
            }

            laid = Lay(part, image, scratch, first, laid);
            var kernel = packed + part.Kernel + ((long)g * _layout.O * part.Depth);
            var o0 = 0;
            foreach (var height in _blocks)
            {
                Multiply(part, kernel, height, scratch, strip);
                for (var row = 0; row < height; row++)
                {
                    Place(part, 0, strip + ((long)row * part.Width), result + ((long)(o0 + row) * pitch), first, rows);
                }

                o0 += height;
                kernel += (long)height * part.Depth;
            }
        }
    }

    // What is laid out already for another class is left as it is.
    private Planes? Lay(Part part, T* image, T* scratch, int first, Planes? laid)
    {
        for (var c = 0; c < _layout.C && part.Planes is { } planes && planes != laid; c++)
        {
            planes.Lay(image + (c * _layout.ImageChannel), scratch + ((long)c * part.Channel), planes.Pitch, first, T.Zero);
        }

        return part.Planes ?? laid;
    }

    /// <summary>All rows of a group over all positions of a chunk.</summary>
    private void All(Part part, T* packed, int g, T* laid, T* strips)
    {
        var kernel = packed + part.Kernel + ((long)g * _layout.O * part.Depth);
        foreach (var height in _blocks)
        {
            if (part.Planes is not null)
            {
                Multiply(part, kernel, height, laid, strips);
                strips += (long)height * part.Width;
                kernel += (long)height * part.Depth;
            }
        }
    }

    /// <summary>A block of rows over all positions of a chunk, a few channels after another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(Part part, T* kernel, int rows, T* laid, T* strip)
    {
        var lanes = TileLoops<T>.Lanes;
        var columns = TileLoops<T>.Columns(rows);
        var tiles = SpreadTiles<T>.Of(rows);
        var taps = part.Taps.Length;
        fixed (nint* offsets = part.Offsets)
        {
            for (var c = 0; c < _layout.C; c += part.Channels)
            {
                var depth = Math.Min(part.Channels, _layout.C - c) * taps;
                var from = laid + ((long)c * part.Channel);
                for (var column = 0; column < part.Width; column += columns * lanes)
                {
                    var width = Math.Min(columns, (part.Width - column) / lanes);
                    tiles[width](
                        (byte*)(kernel + ((long)c * taps * rows)),
                        (byte*)(from + column),
                        offsets,
                        depth,
                        (byte*)(strip + column),
                        part.Width * sizeof(T),
                        c > 0);
                }
            }
        }
    }
}
