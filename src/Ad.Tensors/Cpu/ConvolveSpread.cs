using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution as a matrix product without its matrix (after the indirect convolution of Dukhan 2019): an example's channels are laid out once,
/// with zeros around them and elements a stride apart side by side (<see cref="Planes"/>), so that what a place of the window contributes to all
/// positions is read from its own offset on, one vector after another. Sums of a few channels at a time stay in registers.
/// </summary>
internal sealed unsafe class ConvolveSpread<T> : IConvolveForm<T>
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
    private readonly bool _isPadded;

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
        var parts = new List<Part>();
        foreach (var axes in layout.Parts)
        {
            var part = new Part(layout, axes, _chunks, _packed);
            parts.Add(part);
            _packed += (long)layout.G * layout.O * part.Depth;
            _scratch = Math.Max(_scratch, ((long)layout.C * part.Channel) + part.Width + ((long)_blocks.Max() * part.Width) + 64);
            _isPadded |= part.Depth > 0 && axes.Any(a => a.IsPadded);
            Work += (double)pairs * part.Depth * layout.O * part.Width * _chunks;
            Work += 2.0 * pairs * layout.C * part.Channel * _chunks;
            Work += 2.0 * pairs * layout.O * part.Width * _chunks;
        }

        _parts = [.. parts];
        _perItem = (int)Math.Clamp(ProductsPerItem * pairs * _chunks / Math.Max(1, layout.Products), 1, Math.Max(1, (pairs * _chunks) / Items));

        Work *= Time;
    }

    public string Name => "by spreading";

    public double Work { get; }

    public bool TryRun(T* x, T* k, T* r, Workers workers)
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

            workers.Run(new Spreading(this, x, packed, r), (items + _perItem - 1) / _perItem, _layout.Products >= ConvolveKernel.ProductsPerThread);
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
    private void Spread(T* x, T* packed, T* r, T* scratch, int item)
    {
        var (pair, chunk) = Math.DivRem(item, _chunks);
        var (n, g) = Math.DivRem(pair, _layout.G);
        var image = x + _layout.Image(n, g);
        var result = r + ((long)pair * _layout.O * _layout.Positions);
        foreach (var part in _parts)
        {
            var first = chunk * part.Rows;
            var rows = Math.Min(part.Rows, part.Axes[0].Outputs - first);
            if (rows <= 0)
            {
                continue;
            }

            if (part.Planes is not { } planes)
            {
                for (var o = 0; o < _layout.O; o++)
                {
                    Place(part, 0, null, result + ((long)o * _layout.Positions), first, rows);
                }

                continue;
            }

            for (var c = 0; c < _layout.C; c++)
            {
                planes.Lay(image + (c * _layout.ImageChannel), scratch + ((long)c * part.Channel), planes.Pitch, first, T.Zero);
            }

            // Vectors go a little over the end of the last plane, for sums that nobody reads.
            var strip = (T*)(((nint)(scratch + ((long)_layout.C * part.Channel) + part.Width) + 63) & ~(nint)63);
            var kernel = packed + part.Kernel + ((long)g * _layout.O * part.Depth);
            var o0 = 0;
            foreach (var height in _blocks)
            {
                Multiply(part, kernel, height, scratch, strip);
                for (var row = 0; row < height; row++)
                {
                    Place(part, 0, strip + ((long)row * part.Width), result + ((long)(o0 + row) * _layout.Positions), first, rows);
                }

                o0 += height;
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

    // A row's sums, or zeros, into their places in the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Place(Part part, int axis, T* sums, T* result, int first, int count)
    {
        var window = part.Axes[axis];
        var stride = _layout.ResultStrides[axis];
        var step = window.OutputStep * stride;
        result += (window.FirstOutput + ((long)first * window.OutputStep)) * stride;
        if (axis == part.Axes.Length - 2 && sums != null && part.Axes[^1].OutputStep * _layout.ResultStrides[^1] == 1)
        {
            var start = part.Axes[^1].FirstOutput * _layout.ResultStrides[^1];
            Cpu.Planes.CopyLines(sums, part.Planes!.Pitches[axis], result + start, step, count, part.Axes[^1].Outputs);
        }
        else if (axis == part.Axes.Length - 2)
        {
            // All parts of a line are one item's, so that what lies between its elements may be written as it is.
            var inner = part.Axes[^1];
            var innerStep = inner.OutputStep * _layout.ResultStrides[^1];
            var pairs = innerStep == 2 && inner.OutputStep == 2 ? Math.Min(inner.Outputs, _layout.Axes[^1].Outputs / 2) : 0;
            var line = result + (inner.FirstOutput * _layout.ResultStrides[^1]);
            var pitch = part.Planes?.Pitches[axis] ?? 0;
            for (var m = 0; m < count; m++, line += step)
            {
                var from = sums == null ? null : sums + ((long)m * pitch);
                for (var i = pairs == 0 ? 0 : Planes.Every(from, line, inner.FirstOutput & 1, pairs); i < inner.Outputs; i++)
                {
                    line[i * innerStep] = from == null ? T.Zero : from[i];
                }
            }
        }
        else if (axis < part.Axes.Length - 1)
        {
            for (var m = 0; m < count; m++, result += step)
            {
                Place(part, axis + 1, sums, result, 0, part.Axes[axis + 1].Outputs);
                sums = sums == null ? null : sums + part.Planes!.Pitches[axis];
            }
        }
        else if (step == 1 && sums != null)
        {
            Unsafe.CopyBlockUnaligned(result, sums, (uint)(count * sizeof(T)));
        }
        else
        {
            for (var m = 0; m < count; m++, result += step)
            {
                *result = sums == null ? T.Zero : sums[m];
            }
        }
    }

    /// <summary>A class of positions, and how an image is laid out for it.</summary>
    private sealed class Part
    {
        public Part(ConvolveLayout layout, WindowPart[] axes, int chunks, long kernel)
        {
            (Axes, Kernel) = (axes, kernel);
            Rows = (axes[0].Outputs + chunks - 1) / chunks;
            if (IsEmpty(axes))
            {
                return;
            }

            WindowPart[] chunk = [axes[0] with { Outputs = Rows }, .. axes[1..]];
            Planes = new Planes(chunk, overTaps: false, layout.ImageStrides);
            Channel = checked(Planes.Count * Planes.Pitch);
            Width = (Planes.Length + TileLoops<T>.Lanes - 1) / TileLoops<T>.Lanes * TileLoops<T>.Lanes;
            Taps = layout.TapsOf(axes);
            Depth = layout.C * Taps.Length;
            Channels = Math.Clamp(ConvolveSpread<T>.Depth / Taps.Length, 1, Math.Max(1, layout.C));
            Offsets = [.. Enumerable.Range(0, Channels).SelectMany(c => Planes.Others.Select(o => (nint)sizeof(T) * (((nint)c * Channel) + ((nint)o.Plane * Planes.Pitch) + o.Shift)))];
        }

        public WindowPart[] Axes { get; }

        /// <summary>Where its part of the packed kernel begins.</summary>
        public long Kernel { get; }

        /// <summary>Positions along the first axis in one chunk.</summary>
        public int Rows { get; }

        /// <summary>How a chunk of the image is laid out; null when nothing of it is met.</summary>
        public Planes? Planes { get; }

        /// <summary>Elements of a channel laid out.</summary>
        public int Channel { get; }

        /// <summary>Elements walked, a whole number of vectors.</summary>
        public int Width { get; }

        /// <summary>Where places lie in the kernel.</summary>
        public long[] Taps { get; } = [];

        /// <summary>Channels times places.</summary>
        public int Depth { get; }

        /// <summary>Channels summed at a time.</summary>
        public int Channels { get; }

        /// <summary>Where what each of those sums reads begins, in bytes.</summary>
        public nint[] Offsets { get; } = [];
    }

    private sealed class Packing(ConvolveSpread<T> form, T* k, T* packed) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => form.Pack(k, packed, item);

        public void End(object? state)
        {
        }
    }

    private sealed class Spreading(ConvolveSpread<T> form, T* x, T* packed, T* r) : IWork
    {
        public object? Begin() => BlockPool.Rent(form._scratch * sizeof(T));

        public void Do(object? state, int item)
        {
            var block = (byte[])state!;
            var scratch = (T*)(BlockPool.Address(block) + BlockPool.Start(block));
            var last = Math.Min((item + 1) * form._perItem, form._layout.N * form._layout.G * form._chunks);
            for (var i = item * form._perItem; i < last; i++)
            {
                form.Spread(x, packed, r, scratch, i);
            }
        }

        public void End(object? state) => BlockPool.Return((byte[])state!);
    }
}
