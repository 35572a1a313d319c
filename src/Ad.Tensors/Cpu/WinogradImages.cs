using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Images cut into tiles of 4 x 4 elements, every 2 lines and 2 columns one, with zeros around the images: how many are transformed at a time, and
/// where their numbers lie. Each of the 16 numbers of a tile has a matrix of channels by tiles, those of several examples side by side.
/// </summary>
internal sealed unsafe class WinogradImages<T>
    where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
{
    // What transformed images take of the second-level cache.
    private const long MostBytes = 256 << 10;

    private readonly WindowAxis _high;
    private readonly WindowAxis _wide;
    private readonly long _lineStride;

    /// <summary>Tiles for so many pairs of lines and columns, with channels at most so many, and examples of which a thread has only so many.</summary>
    public WinogradImages(WindowAxis high, WindowAxis wide, int down, int across, long lineStride, int channels, int examples, int lengths)
    {
        (_high, _wide, Down, Across, _lineStride) = (high, wide, down, across, lineStride);
        var most = Math.Max(4 * TileLoops<T>.Lanes, MostBytes / (WinogradTiles<T>.Places * sizeof(T) * channels));
        var rows = (int)Math.Clamp(most / across, 1, Math.Max(1, down / lengths));
        Chunks = (down + rows - 1) / rows;
        Rows = (down + Chunks - 1) / Chunks;
        Each = Chunks > 1 ? 1 : (int)Math.Clamp(most / (down * across), 1, Math.Max(1, examples));
        Columns = Rounded(Each * Rows * across, TileLoops<T>.Lanes);

        // Rows an odd number of lines apart do not meet in the same few sets of the nearest cache.
        Pitch = Rounded(Columns + WinogradTiles<T>.Lanes, 2 * WinogradTiles<T>.Lanes) + WinogradTiles<T>.Lanes;
        Lines = Rounded((((2 * Rows) + 2) * LinePitch) + (2 * WinogradTiles<T>.Lanes), WinogradTiles<T>.Lanes);
        Plane = Rounded(((Rows + 1) * across) + WinogradTiles<T>.Lanes, WinogradTiles<T>.Lanes);
    }

    /// <summary>Lines of tiles.</summary>
    public int Down { get; }

    /// <summary>Tiles in a line.</summary>
    public int Across { get; }

    /// <summary>Lines of tiles that are transformed at a time.</summary>
    public int Rows { get; }

    /// <summary>How many times that is for an example.</summary>
    public int Chunks { get; }

    /// <summary>Examples that are transformed at a time.</summary>
    public int Each { get; }

    /// <summary>The most tiles of all those, a whole number of vectors.</summary>
    public int Columns { get; }

    /// <summary>From a channel's tiles to the next's.</summary>
    public int Pitch { get; }

    /// <summary>Elements of scratch memory.</summary>
    public long Scratch => Lines + (8L * Plane);

    private int LinePitch => (2 * Across) + 2;

    private int Lines { get; }

    private int Plane { get; }

    /// <summary>From a number of the tiles to the next, for so many channels.</summary>
    public long Step(int channels) => ((long)channels * Pitch) + WinogradTiles<T>.Lanes;

    /// <summary>
    /// Transforms some lines of tiles of examples and channels that are so many elements apart; gives the sum of the sizes of all elements, those twice that are
    /// in two chunks.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public T Transform(T* x, int examples, long exampleStride, int channels, long channelStride, int first, int rows, T* scratch, T* target)
    {
        // Where the image lies among the zeros around it is the same for all channels.
        new Span<T>(scratch, Lines).Clear();
        var (above, before) = ((2 * first) - _high.Low, -_wide.Low);
        var (top, left) = (Math.Max(0, -above), Math.Max(0, -before));
        var height = Math.Min((2 * rows) + 2, _high.Input - above) - top;
        var width = Math.Min(LinePitch, _wide.Input - before) - left;
        var isAny = height > 0 && width > 0;
        var start = ((above + top) * _lineStride) + before + left;
        var inside = scratch + (top * LinePitch) + left;
        var planes = scratch + Lines;
        var step = Step(channels);
        var size = T.Zero;
        for (var n = 0; n < examples; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                if (isAny)
                {
                    Planes.CopyLines(x + (n * exampleStride) + (c * channelStride) + start, _lineStride, inside, LinePitch, height, width);
                }

                size += WinogradTiles<T>.Sizes(scratch, ((2 * rows) + 2) * LinePitch);
                WinogradTiles<T>.Columns(scratch, (2 * rows) + 2, Across, planes, Plane);

                // A vector goes a little over the end of a channel's tiles, into what is written after it.
                WinogradTiles<T>.Rows(planes, Plane, Across, rows * Across, target + ((long)c * Pitch) + ((long)n * rows * Across), step);
            }
        }

        return size;
    }

    private static int Rounded(int count, int step) => checked((count + step - 1) / step * step);
}
