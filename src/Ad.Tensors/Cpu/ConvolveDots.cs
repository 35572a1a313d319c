using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution with a large window and few positions, as the derivative by a kernel is: each result is a dot product of a row of the kernel,
/// laid out with zeros between its lines, and the image from an offset on (<see cref="Planes"/>). A few channels at a time, whose sums are added
/// up in their order; the channels are cut into the same parts whatever the number of threads.
/// </summary>
internal sealed unsafe class ConvolveDots<T> : IConvolveForm<T>, IConvolveSums<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // As many elements a row and a channel block: long enough that adding up lanes does not matter, short enough for the nearest cache.
    private const int Walked = 1536;
    private const int Most = 16;
    private const long PartialElements = 1 << 20;

    // What a multiplication takes, where by outer products it takes 1.
    private const double Time = 1.4;

    private readonly ConvolveLayout _layout;
    private readonly Part[] _parts;
    private readonly int[] _blocks;
    private readonly int _channels;
    private readonly int _chunks;
    private readonly int _sections;
    private readonly int _splits;
    private readonly long _scratch;

    public ConvolveDots(ConvolveLayout layout)
    {
        _layout = layout;
        _blocks = TileLoops<T>.Blocks(layout.O, TileLoops<T>.FewRows);
        var longest = 1;
        foreach (var axes in layout.Parts)
        {
            longest = axes.Any(a => a.Taps == 0) ? longest : Math.Max(longest, new Planes(axes, overTaps: true, layout.ImageStrides).Pitch);
        }

        _chunks = (layout.C + Math.Max(1, Walked / longest) - 1) / Math.Max(1, Walked / longest);
        _channels = (layout.C + _chunks - 1) / _chunks;
        _chunks = (layout.C + _channels - 1) / _channels;
        _sections = (int)Math.Clamp(PartialElements / Math.Max(1, Results), 1, Math.Min(_chunks, Most));
        _splits = Math.Clamp(8 / (_sections * layout.G), 1, _blocks.Length);
        _parts = [.. layout.Parts.Select(axes => new Part(layout, axes, _channels))];
        foreach (var part in _parts)
        {
            _scratch = Math.Max(_scratch, part.ImageElements + part.KernelElements + 64);
            Work += (double)layout.G * part.Columns.Length * layout.O * _chunks * (part.Walked + (6 * TileLoops<T>.Lanes));
            Work += 2.0 * layout.G * _chunks * (part.ImageElements + part.KernelElements);
        }

        Work *= Time;
    }

    public string Name => "by dot products";

    public double Work { get; }

    // Results of one group.
    private long Results => (long)_layout.N * _layout.O * _layout.Positions;

    public bool TryRun(T* x, T* k, T* r, Workers workers) =>
        ConvolveSums.TryRun(this, _layout, _layout.G * _sections * Results, _layout.G * _sections * _splits, _scratch, x, k, r, workers);

    /// <summary>The sums of one group over a section of channels, for a split of the rows. False where a number is not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Multiply(T* x, T* k, T* sums, T* scratch, int item)
    {
        var (pair, split) = Math.DivRem(item, _splits);
        var (g, section) = Math.DivRem(pair, _sections);
        sums += pair * Results;
        var firstBlock = _blocks.Length * split / _splits;
        var lastBlock = _blocks.Length * (split + 1) / _splits;
        var firstRow = _blocks.AsSpan(0, firstBlock).ToArray().Sum();
        var rows = _blocks.AsSpan(firstBlock, lastBlock - firstBlock).ToArray().Sum();
        for (var n = 0; n < _layout.N; n++)
        {
            new Span<T>(sums + ((((long)n * _layout.O) + firstRow) * _layout.Positions), rows * _layout.Positions).Clear();
        }

        var lastChunk = (section + 1) * _chunks / _sections;
        foreach (var part in _parts)
        {
            if (part.Planes is null)
            {
                continue;
            }

            var image = scratch;
            var kernel = (T*)(((nint)(scratch + part.ImageElements) + 63) & ~(nint)63);
            new Span<T>(image, (int)part.ImageElements).Clear();
            var used = (long)rows * part.Row;
            new Span<T>(kernel, (int)used).Clear();
            for (var chunk = section * _chunks / _sections; chunk < lastChunk; chunk++)
            {
                var first = chunk * _channels;
                var count = Math.Min(_channels, _layout.C - first);
                Lay(part, x, k, image, kernel, g, first, count, firstRow, rows);
                if (!Finite.AreAll(image, part.ImageElements) || (part.IsPadded && !Finite.AreAll(kernel, used)))
                {
                    return false;
                }

                var row = 0;
                for (var block = firstBlock; block < lastBlock; block++)
                {
                    Block(part, image, kernel + ((long)row * part.Row), sums, firstRow + row, _blocks[block], count);
                    row += _blocks[block];
                }
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Lay(Part part, T* x, T* k, T* image, T* kernel, int g, int first, int count, int firstRow, int rows)
    {
        var planes = part.Planes!;
        for (var n = 0; n < _layout.N; n++)
        {
            var source = x + _layout.Image(n, g) + (first * _layout.ImageChannel);
            for (var c = 0; c < count; c++)
            {
                planes.Lay(
                    source + (c * _layout.ImageChannel), image + ((long)n * part.Example) + ((long)c * planes.Pitch), (long)_channels * planes.Pitch, 0, T.Zero);
            }
        }

        for (var row = 0; row < rows; row++)
        {
            var source = k + _layout.Kernel(g) + ((firstRow + row) * _layout.KernelRow) + (first * _layout.KernelChannel);
            var target = kernel + ((long)row * part.Row);
            for (var c = 0; c < count; c++)
            {
                Lines(part, 0, source + (c * _layout.KernelChannel), target + ((long)c * part.Segment));
            }

            // A last chunk of fewer channels leaves none of the one before.
            if (count < _channels)
            {
                new Span<T>(target + ((long)count * part.Segment), part.Row - (count * part.Segment)).Clear();
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Lines(Part part, int axis, T* source, T* target)
    {
        var window = part.Axes[axis];
        var stride = part.KernelStrides[axis];
        source += window.FirstTap * stride;
        if (axis == part.Axes.Length - 1)
        {
            Planes.Copy(source, window.TapStep * stride, target, window.Taps);
            return;
        }

        var inner = part.Axes[axis + 1];
        if (axis == part.Axes.Length - 2 && inner.TapStep * part.KernelStrides[axis + 1] == 1)
        {
            source += inner.FirstTap * part.KernelStrides[axis + 1];
            Planes.CopyLines(source, window.TapStep * stride, target, part.Planes!.Pitches[axis], window.Taps, inner.Taps);
            return;
        }

        for (var tap = 0; tap < window.Taps; tap++)
        {
            Lines(part, axis + 1, source + ((long)tap * window.TapStep * stride), target + ((long)tap * part.Planes!.Pitches[axis]));
        }
    }

    /// <summary>A block of rows with all examples and positions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Block(Part part, T* image, T* kernel, T* sums, int firstRow, int rows, int channels)
    {
        var columns = TileLoops<T>.Columns(rows);
        var tile = stackalloc T[rows * columns];
        var size = sizeof(T);
        var isSplit = part.IsSplit;
        var steps = isSplit ? part.Segment / TileLoops<T>.Lanes : ((channels * part.Segment) + TileLoops<T>.Lanes - 1) / TileLoops<T>.Lanes;
        fixed (nint* offsets = part.Columns)
        {
            for (var column = 0; column < part.Columns.Length; column += columns)
            {
                var width = Math.Min(columns, part.Columns.Length - column);
                TileLoops<T>.Dot(rows, width)(
                    (byte*)kernel,
                    part.Row * size,
                    (byte*)image,
                    offsets + column,
                    isSplit ? channels : 1,
                    steps,
                    part.Segment * size,
                    part.Planes!.Pitch * size,
                    (byte*)tile);
                for (var j = 0; j < width; j++)
                {
                    var (n, at) = Math.DivRem(column + j, part.Positions.Length);
                    var to = sums + ((((long)n * _layout.O) + firstRow) * _layout.Positions) + part.Positions[at];
                    for (var row = 0; row < rows; row++, to += _layout.Positions)
                    {
                        *to += tile[(row * width) + j];
                    }
                }
            }
        }
    }

    /// <summary>Adds up the sections of one example and group.</summary>
    public void AddUp(T* sums, T* r, int item)
    {
        var (n, g) = Math.DivRem(item, _layout.G);
        var count = _layout.O * _layout.Positions;
        var result = new Span<T>(r + ((long)item * count), count);
        var from = sums + (g * _sections * Results) + ((long)n * count);
        new ReadOnlySpan<T>(from, count).CopyTo(result);
        for (var section = 1; section < _sections; section++)
        {
            TensorPrimitives.Add(result, new ReadOnlySpan<T>(from + (section * Results), count), result);
        }
    }

    /// <summary>A class of positions, and how images and kernels are laid out for it.</summary>
    private sealed class Part
    {
        public Part(ConvolveLayout layout, WindowPart[] axes, int channels)
        {
            Axes = axes;
            KernelStrides = layout.KernelStrides;
            if (axes.Any(a => a.Taps == 0))
            {
                return;
            }

            Planes = new Planes(axes, overTaps: true, layout.ImageStrides);
            IsPadded = axes.Any(a => a.IsPadded);
            var lanes = TileLoops<T>.Lanes;
            var alone = (Planes.Length + lanes - 1) / lanes * lanes;

            // Channels are walked one by one where that leaves out more between them than it adds at the end of each.
            IsSplit = alone < Planes.Pitch || channels == 1;
            Segment = IsSplit ? alone : Planes.Pitch;
            Walked = ((channels * Segment) + lanes - 1) / lanes * lanes;
            Row = Walked;
            KernelElements = (long)layout.O * Row;
            Example = checked(Planes.Count * channels * Planes.Pitch);
            ImageElements = ((long)layout.N * Example) + Walked + lanes;
            Positions = layout.PositionsOf(axes);
            Columns =
            [
                .. Enumerable.Range(0, layout.N).SelectMany(n => Planes.Others.Select(o =>
                    (nint)sizeof(T) * (((nint)n * Example) + ((nint)o.Plane * channels * Planes.Pitch) + o.Shift))),
            ];
        }

        public WindowPart[] Axes { get; }

        public long[] KernelStrides { get; }

        /// <summary>How the image is laid out; null when nothing of it is met.</summary>
        public Planes? Planes { get; }

        public bool IsPadded { get; }

        /// <summary>Whether channels are walked one by one.</summary>
        public bool IsSplit { get; }

        /// <summary>Elements of a channel of the kernel laid out.</summary>
        public int Segment { get; }

        /// <summary>Elements of a row of the kernel laid out.</summary>
        public int Row { get; }

        /// <summary>Elements walked for one result.</summary>
        public int Walked { get; }

        /// <summary>Elements of an example laid out.</summary>
        public int Example { get; }

        public long ImageElements { get; }

        public long KernelElements { get; }

        /// <summary>Where each position lies in a plane of the result.</summary>
        public int[] Positions { get; } = [];

        /// <summary>Where each example's and position's dot product begins, in bytes.</summary>
        public nint[] Columns { get; } = [];
    }
}
