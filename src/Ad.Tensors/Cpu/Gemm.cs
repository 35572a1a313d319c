using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>A matrix in memory: element (i, j) at Start + i Row + j Column.</summary>
internal readonly unsafe struct Matrix<T>(T* start, long row, long column)
    where T : unmanaged
{
    public T* Start { get; } = start;

    public long Row { get; } = row;

    public long Column { get; } = column;

    public Matrix<T> At(long i, long j) => new(Start + (i * Row) + (j * Column), Row, Column);
}

/// <summary>
/// C = A B by blocks (Goto and van de Geijn 2008): strips of the summed axis of A and B are copied into panels that the innermost loop reads
/// from the first to the last byte, whatever the strides were; tiles of the result that stay in the second-level cache are then the items of
/// work. Each element of C is summed in one order, whoever does it.
/// </summary>
internal sealed unsafe class Gemm<T>(int m, int n, int k)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int ChunkColumns = 4096;

    // What is copied at a time: as many strips as fit, so that a tile of the result is finished while it is near, and threads wait seldom.
    private const long MostPackedBytes = 64L << 20;

    private static int MostTileColumns => 2048 / sizeof(T);

    // About 256, and none much shorter than the others.
    private int Depth => (k + Strips - 1) / Strips;

    private int Strips => Math.Max(1, (k + 128) / 256);

    private static int MostTileRows => MicroKernels<T>.Rows * 10;

    private static int ChunkRows => MostTileRows * 32;

    // With few rows a column of B is used too seldom to be worth a copy, if its rows can be read as they lie.
    private static int FewRows => 3 * MicroKernels<T>.Rows;

    /// <summary>Whether of a product of so many rows the second matrix is read where it lies, with so many elements between its columns.</summary>
    public static bool ReadsSecondAsItLies(int rows, long column) => rows <= FewRows && column == 1;

    private long PanelRows => Panels(Math.Min(m, ChunkRows), MicroKernels<T>.Rows);

    private long PanelColumns => Panels(Math.Min(n, ChunkColumns), MicroKernels<T>.Columns);

    // The summed axis that is copied at a time, in whole strips.
    private int RoundDepth => (int)Math.Min(k, Math.Max(1, MostPackedBytes / (sizeof(T) * (PanelRows + PanelColumns) * Depth)) * Depth);

    /// <summary>Bytes of scratch memory that <see cref="Run"/> needs.</summary>
    public long ScratchBytes => (sizeof(T) * RoundDepth * (PanelRows + PanelColumns)) + 128;

    public void Run(Matrix<T> a, Matrix<T> b, T* c, byte* scratch, Workers workers, bool parallel)
    {
        var depth = RoundDepth;
        var packedA = (T*)(((nint)scratch + 63) & ~(nint)63);
        var packedB = packedA + (depth * PanelRows);
        var direct = ReadsSecondAsItLies(m, b.Column);
        for (var column = 0; column < n; column += ChunkColumns)
        {
            for (var row = 0; row < m; row += ChunkRows)
            {
                for (var from = 0; from < k; from += depth)
                {
                    var block = new Block(
                        a.At(row, from),
                        b.At(from, column),
                        c + ((long)row * n) + column,
                        n,
                        Math.Min(ChunkRows, m - row),
                        Math.Min(ChunkColumns, n - column),
                        Math.Min(depth, k - from),
                        from > 0,
                        direct,
                        parallel ? workers.Threads : 1,
                        Depth,
                        packedA,
                        packedB);
                    workers.Run(new Packing(block), block.PackItems, parallel);
                    workers.Run(new Multiplying(block), block.TileItems, parallel);
                }
            }
        }
    }

    private static long Panels(int count, int size) => (count + size - 1L) / size * size;

    /// <summary>
    /// One chunk of rows and columns over some strips of the summed axis. A strip's panels lie one after another, those of the next strip after them.
    /// </summary>
    private readonly struct Block(
        Matrix<T> a, Matrix<T> b, T* c, int ldc, int rows, int columns, int depth, bool add, bool direct, int threads, int strip, T* packedA, T* packedB)
    {
        private const int PanelsPerItem = 4;

        private readonly (int Rows, int Columns) _tile = Tile(rows, columns, threads);

        private static int Mr => MicroKernels<T>.Rows;

        private static int Nr => MicroKernels<T>.Columns;

        private int PanelsA => (rows + Mr - 1) / Mr;

        // Read where they lie, only an incomplete last panel of B needs a copy.
        private int FirstPanelB => direct ? columns / Nr : 0;

        private int PanelsB => (columns + Nr - 1) / Nr;

        private int ItemsA => (PanelsA + PanelsPerItem - 1) / PanelsPerItem;

        private int ItemsB => (PanelsB - FirstPanelB + PanelsPerItem - 1) / PanelsPerItem;

        private int Strips => (depth + strip - 1) / strip;

        public int PackItems => Strips * (ItemsA + ItemsB);

        private int TilesAcross => (columns + _tile.Columns - 1) / _tile.Columns;

        public int TileItems => TilesAcross * ((rows + _tile.Rows - 1) / _tile.Rows);

        // Large tiles use what the caches hold best, but every thread should find a few, of one size if possible.
        private static (int Rows, int Columns) Tile(int rows, int columns, int threads)
        {
            var (height, width) = (MostTileRows, MostTileColumns);
            while (threads > 1 && Count(rows, height) * Count(columns, width) < 4 * threads)
            {
                if (width > 2 * Nr && (width >= columns || width > 4 * Nr || height <= 2 * Mr))
                {
                    width = Math.Max(2 * Nr, width / 2 / Nr * Nr);
                }
                else if (height > 2 * Mr)
                {
                    height = Math.Max(2 * Mr, height / 2 / Mr * Mr);
                }
                else
                {
                    break;
                }
            }

            return (height, width);
        }

        private static int Count(int whole, int part) => (whole + part - 1) / part;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Pack(int item)
        {
            (var round, item) = Math.DivRem(item, ItemsA + ItemsB);
            var from = round * strip;
            var deep = Math.Min(strip, depth - from);
            if (item < ItemsA)
            {
                var packed = packedA + ((long)from * PanelsA * Mr);
                var last = Math.Min(PanelsA, (item + 1) * PanelsPerItem);
                for (var panel = item * PanelsPerItem; panel < last; panel++)
                {
                    var first = panel * Mr;
                    Panel(a.At(first, from), packed + ((long)first * deep), Math.Min(Mr, rows - first), Mr, deep);
                }
            }
            else
            {
                item -= ItemsA;
                var packed = packedB + ((long)from * PanelsB * Nr);
                var end = Math.Min(PanelsB, FirstPanelB + ((item + 1) * PanelsPerItem));
                for (var panel = FirstPanelB + (item * PanelsPerItem); panel < end; panel++)
                {
                    var first = panel * Nr;
                    var start = b.At(from, first);
                    Panel(new Matrix<T>(start.Start, b.Column, b.Row), packed + ((long)first * deep), Math.Min(Nr, columns - first), Nr, deep);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Multiply(int item)
        {
            for (var from = 0; from < depth; from += strip)
            {
                Multiply(item, from, Math.Min(strip, depth - from), add || from > 0);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Multiply(int item, int from, int deep, bool more)
        {
            var (down, across) = Math.DivRem(item, TilesAcross);
            var lastColumn = Math.Min(columns, (across + 1) * _tile.Columns);
            var lastRow = Math.Min(rows, (down + 1) * _tile.Rows);
            var stripA = packedA + ((long)from * PanelsA * Mr);
            var stripB = packedB + ((long)from * PanelsB * Nr);
            var edge = stackalloc T[Mr * Nr];
            for (var column = across * _tile.Columns; column < lastColumn; column += Nr)
            {
                var unpacked = column / Nr < FirstPanelB;
                var panel = unpacked ? b.Start + (from * b.Row) + column : stripB + ((long)column * deep);
                var step = unpacked ? (nint)b.Row : Nr;
                for (var row = down * _tile.Rows; row < lastRow; row += Mr)
                {
                    var rowsLeft = rows - row;
                    var columnsLeft = columns - column;
                    var target = c + ((long)row * ldc) + column;
                    var left = stripA + ((long)row * deep);
                    if (rowsLeft >= Mr && columnsLeft >= Nr)
                    {
                        MicroKernels<T>.Tile(left, panel, deep, step, target, ldc, more);
                    }
                    else
                    {
                        MicroKernels<T>.Tile(left, panel, deep, step, edge, Nr, false);
                        Copy(edge, target, Math.Min(Mr, rowsLeft), Math.Min(Nr, columnsLeft), more);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Copy(T* edge, T* target, int height, int width, bool more)
        {
            for (var i = 0; i < height; i++)
            {
                var from = new ReadOnlySpan<T>(edge + (i * Nr), width);
                var to = new Span<T>(target + ((long)i * ldc), width);
                if (more)
                {
                    Lanewise.Apply<T, Plus>(to, from, to);
                }
                else
                {
                    from.CopyTo(to);
                }
            }
        }

        // A call that copies costs more than a few vectors.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Copy(T* from, T* to, int count)
        {
            var i = 0;
            for (; i <= count - Vector128<T>.Count; i += Vector128<T>.Count)
            {
                Vector128.Load(from + i).Store(to + i);
            }

            for (; i < count; i++)
            {
                to[i] = from[i];
            }
        }

        /// <summary>Copies some rows into a panel, column by column; rows that are missing are zeros.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Panel(Matrix<T> source, T* panel, int height, int full, int depth)
        {
            if (height < full)
            {
                new Span<T>(panel, full * depth).Clear();
            }

            if (source.Row == 1)
            {
                for (var p = 0; p < depth; p++)
                {
                    Copy(source.Start + (p * source.Column), panel + ((long)p * full), height);
                }

                return;
            }

            var turned = source.Column == 1 ? Turning.Columns(source.Start, source.Row, panel, full, height, depth) : 0;
            for (var i = 0; i < height; i++)
            {
                var from = source.Start + (i * source.Row) + (turned * source.Column);
                var to = panel + ((long)turned * full) + i;
                var step = source.Column;
                for (var p = turned; p < depth; p++)
                {
                    *to = *from;
                    from += step;
                    to += full;
                }
            }
        }
    }

    private sealed class Packing(Block block) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => block.Pack(item);

        public void End(object? state)
        {
        }
    }

    private sealed class Multiplying(Block block) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => block.Multiply(item);

        public void End(object? state)
        {
        }
    }
}
