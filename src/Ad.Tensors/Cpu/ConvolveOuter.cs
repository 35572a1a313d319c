using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution with a large window, few positions and many results, as the derivative by a kernel with many channels is: an element of the
/// image times all results' elements of the kernel at a place, which lie side by side, is added to a row of vectors; many rows stay in registers
/// while the places go by. Nothing between the lines of the image is walked. A few channels at a time, whose sums are added up in their
/// order; the channels are cut into the same parts whatever the number of threads.
/// </summary>
internal sealed unsafe class ConvolveOuter<T> : IConvolveForm<T>, IConvolveSums<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // What a chunk of channels takes of the second-level cache.
    private const long ChunkBytes = 256 << 10;
    private const int MostSections = 8;
    private const int MostVectors = 4;
    private const long PartialElements = 1 << 20;

    private readonly ConvolveLayout _layout;
    private readonly Part[] _parts;
    private readonly int _vectors;
    private readonly int _blocks;
    private readonly int _channels;
    private readonly int _sections;
    private readonly long _scratch;

    // Sums of one group and section: for each part and block of results a row for each example and position.
    private readonly long _sums;

    public ConvolveOuter(ConvolveLayout layout)
    {
        _layout = layout;
        var lanes = TileLoops<T>.Lanes;
        var total = Math.Max(1, (layout.O + lanes - 1) / lanes);
        _blocks = (total + MostVectors - 1) / MostVectors;
        _vectors = (total + _blocks - 1) / _blocks;
        _sums = (long)layout.N * layout.Positions * Across;
        _sections = (int)Math.Clamp(PartialElements / Math.Max(1, _sums), 1, Math.Clamp(layout.C, 1, MostSections));
        long bytes = 1;
        foreach (var axes in layout.Parts)
        {
            if (axes.All(a => a.Taps > 0))
            {
                var planes = new Planes(axes, overTaps: true, layout.ImageStrides);
                var taps = axes.Aggregate(1L, (n, a) => n * a.Taps);
                bytes = Math.Max(bytes, sizeof(T) * (((long)layout.N * planes.Count * planes.Pitch) + (taps * Across)));
            }
        }

        var each = (layout.C + _sections - 1) / _sections;
        _channels = (int)Math.Clamp(ChunkBytes / bytes, 1, Math.Max(1, each));
        _parts = [.. layout.Parts.Select(axes => new Part(layout, axes, _channels, Across))];
        foreach (var part in _parts)
        {
            _scratch = Math.Max(_scratch, part.ImageElements + part.KernelElements + 64);

            // Beginning a line costs some steps, and what does not lie side by side is turned over one by one.
            var lines = (double)layout.C * part.Lines.Length / _channels;
            Work += layout.G * part.Columns.Length * lines * (part.Steps + 3) * Across * (1 + (0.25 / _vectors));
            Work += layout.G * ((layout.C + _channels - 1) / _channels) * ((2.0 * part.ImageElements) + ((part.IsDense ? 2 : 8) * part.KernelElements));
        }

        Work += 4.0 * layout.G * _sections * _sums;
    }

    public string Name => "by outer products";

    public double Work { get; }

    private int Width => _vectors * TileLoops<T>.Lanes;

    private int Across => _blocks * Width;

    public bool TryRun(T* x, T* k, T* r, Workers workers) =>
        ConvolveSums.TryRun(this, _layout, _layout.G * _sections * _sums, _layout.G * _sections, _scratch, x, k, r, workers);

    /// <summary>The sums of one group over a section of channels. False where a number is not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Multiply(T* x, T* k, T* sums, T* scratch, int item)
    {
        var (g, section) = Math.DivRem(item, _sections);
        sums += item * _sums;
        new Span<T>(sums, checked((int)_sums)).Clear();
        var last = (int)((section + 1L) * _layout.C / _sections);
        foreach (var part in _parts)
        {
            if (part.Planes is null)
            {
                sums += (long)part.Columns.Length * Across;
                continue;
            }

            var image = scratch;
            var kernel = (T*)(((nint)(scratch + part.ImageElements) + 63) & ~(nint)63);
            for (var first = (int)((long)section * _layout.C / _sections); first < last; first += _channels)
            {
                var count = Math.Min(_channels, last - first);
                Lay(part, x, k, image, kernel, g, first, count);
                if (part.IsPadded && !Finite.AreAll(kernel, (long)_blocks * count * part.Taps.Length * Width))
                {
                    return false;
                }

                Tiles(part, image, kernel, sums, count);
            }

            sums += (long)part.Columns.Length * Across;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Tiles(Part part, T* image, T* kernel, T* sums, int channels)
    {
        var rows = part.Columns.Length;
        var tiles = Math.Max(1, (rows + TileLoops<T>.OuterRows(_vectors) - 1) / TileLoops<T>.OuterRows(_vectors));
        var lines = part.Lines.Length / _channels * channels;
        fixed (nint* offsets = part.Columns, starts = part.Lines)
        {
            for (var block = 0; block < _blocks; block++)
            {
                for (var tile = 0; tile < tiles; tile++)
                {
                    var (from, to) = ((int)((long)rows * tile / tiles), (int)((long)rows * (tile + 1) / tiles));
                    if (to > from)
                    {
                        TileLoops<T>.Outer(to - from, _vectors)(
                            (byte*)image, offsets + from, (byte*)kernel, starts, lines, part.Steps, (byte*)(sums + ((long)from * Width)));
                    }
                }

                kernel += (long)channels * part.Taps.Length * Width;
                sums += (long)rows * Width;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Lay(Part part, T* x, T* k, T* image, T* kernel, int g, int first, int count)
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

        for (var block = 0; block < _blocks; block++)
        {
            var results = Math.Min(Width, _layout.O - (block * Width));
            for (var c = 0; c < count; c++, kernel += (long)part.Taps.Length * Width)
            {
                Turn(part, k + _layout.Kernel(g) + ((long)block * Width * _layout.KernelRow) + ((first + c) * _layout.KernelChannel), kernel, results);
            }
        }
    }

    /// <summary>One channel of the kernel: for each place in turn all results of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Turn(Part part, T* source, T* target, int results)
    {
        var taps = part.Taps;
        if (results < Width)
        {
            new Span<T>(target, taps.Length * Width).Clear();
        }

        for (var line = 0; line < taps.Length; line += part.Steps)
        {
            var from = source + taps[line];
            var to = target + ((long)line * Width);
            var turned = part.IsDense ? Turning.Columns(from, _layout.KernelRow, to, Width, results, part.Steps) : 0;
            for (var o = 0; o < results; o++)
            {
                for (var step = turned; step < part.Steps; step++)
                {
                    to[((long)step * Width) + o] = source[taps[line + step] + (o * _layout.KernelRow)];
                }
            }
        }
    }

    /// <summary>Adds up the sections of one example and group, and puts them where they belong.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddUp(T* sums, T* r, int item)
    {
        var (n, g) = Math.DivRem(item, _layout.G);
        var result = r + ((long)item * _layout.O * _layout.Positions);
        sums += g * _sections * _sums;
        foreach (var part in _parts)
        {
            var positions = part.Positions.Length;
            for (var block = 0; block < _blocks; block++)
            {
                var from = sums + ((((long)block * part.Columns.Length) + ((long)n * positions)) * Width);
                var total = new Span<T>(from, positions * Width);
                for (var section = 1; section < _sections; section++)
                {
                    TensorPrimitives.Add(total, new ReadOnlySpan<T>(from + (section * _sums), positions * Width), total);
                }

                var results = Math.Min(Width, _layout.O - (block * Width));
                for (var o = 0; o < results; o++)
                {
                    var to = result + ((((long)block * Width) + o) * _layout.Positions);
                    for (var at = 0; at < positions; at++)
                    {
                        to[part.Positions[at]] = from[((long)at * Width) + o];
                    }
                }
            }

            sums += (long)part.Columns.Length * Across;
        }
    }

    /// <summary>A class of positions, and how images and kernels are laid out for it.</summary>
    private sealed class Part
    {
        public Part(ConvolveLayout layout, WindowPart[] axes, int channels, int across)
        {
            Positions = layout.PositionsOf(axes);
            if (axes.Any(a => a.Taps == 0))
            {
                Columns = new nint[layout.N * Positions.Length];
                return;
            }

            Planes = new Planes(axes, overTaps: true, layout.ImageStrides);
            IsPadded = axes.Any(a => a.IsPadded);
            IsDense = axes[^1].TapStep * layout.KernelStrides[^1] == 1;
            Taps = layout.TapsOf(axes);
            Steps = axes[^1].Taps;
            Example = checked(Planes.Count * channels * Planes.Pitch);
            ImageElements = (long)layout.N * Example;
            KernelElements = (long)channels * Taps.Length * across;
            var size = (nint)sizeof(T);
            Lines =
            [
                .. Enumerable.Range(0, channels).SelectMany(c => Planes.Tuples([.. axes[..^1].Select(a => a.Taps)]).Select(t =>
                    size * (((nint)c * Planes.Pitch) + t.Select((tap, axis) => (nint)tap * Planes.Pitches[axis]).Aggregate((nint)0, (sum, at) => sum + at)))),
            ];
            Columns =
            [
                .. Enumerable.Range(0, layout.N).SelectMany(n => Planes.Others.Select(o =>
                    size * (((nint)n * Example) + ((nint)o.Plane * channels * Planes.Pitch) + o.Shift))),
            ];
        }

        /// <summary>How the image is laid out; null when nothing of it is met.</summary>
        public Planes? Planes { get; }

        public bool IsPadded { get; }

        /// <summary>Whether places of a line lie side by side in the kernel.</summary>
        public bool IsDense { get; }

        /// <summary>Where places lie in the kernel, line by line.</summary>
        public long[] Taps { get; } = [];

        /// <summary>Places of a line.</summary>
        public int Steps { get; }

        /// <summary>Where each channel's lines begin, in bytes.</summary>
        public nint[] Lines { get; } = [];

        /// <summary>Elements of an example laid out.</summary>
        public int Example { get; }

        public long ImageElements { get; }

        public long KernelElements { get; }

        /// <summary>Where each position lies in a plane of the result.</summary>
        public int[] Positions { get; }

        /// <summary>Where what each example's and position's sum meets begins, in bytes.</summary>
        public nint[] Columns { get; }
    }
}
