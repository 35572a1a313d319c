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
internal sealed unsafe partial class Gemm<T>(int m, int n, int k)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int ChunkColumns = 4096;

    // What is copied at a time: as many strips as fit, so that a tile of the result is finished while it is near, and threads wait seldom.
    private const long MostPackedBytes = 64L << 20;

    // Each strip goes through the result once more, and a tile's part of both factors should stay in the second-level cache.
    private const int MostDepth = 512;

    private static int MostTileColumns => 512 / sizeof(T);

    // None is much shorter than the others.
    private int Depth => (k + Strips - 1) / Strips;

    private int Strips => Math.Max(1, (k + MostDepth - 1) / MostDepth);

    private static int MostTileRows => MicroKernels<T>.Rows * 16;

    private static int ChunkRows => MostTileRows * 20;

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

    /// <summary>Bytes of the second matrix in panels, for products that share it, whatever their rows are; 0 where it does not go into panels as a whole.</summary>
    public long SecondBytes => IsAtOnce && n <= ChunkColumns ? sizeof(T) * k * PanelColumns : 0;

    /// <summary>Copies the second matrix into panels.</summary>
    public void PackSecond(Matrix<T> b, T* panels, Workers workers, bool parallel)
    {
        var block = new Block(default, b, null, n, 0, n, k, false, false, 1, Depth, null, panels);
        workers.Run(new Packing(block), block.PackItems, parallel);
    }

    /// <summary>Whether all that is summed is copied at once, so that a tile of the result is finished in one go.</summary>
    public bool IsAtOnce => RoundDepth == k;

    /// <summary>
    /// The product is written to c, or, tile by tile, given to who takes tiles, with the number of the result's first element. The second matrix's panels are copied unless
    /// somebody has them.
    /// </summary>
    public void Run(Matrix<T> a, Matrix<T> b, T* c, byte* scratch, Workers workers, bool parallel, ITiles? tiles = null, long first = 0, T* panels = null)
    {
        var depth = RoundDepth;
        var packedA = (T*)(((nint)scratch + 63) & ~(nint)63);
        var packedB = panels == null ? packedA + (depth * PanelRows) : panels;
        var direct = panels == null && ReadsSecondAsItLies(m, b.Column);
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
                        packedB,
                        panels != null);
                    workers.Run(new Packing(block), block.PackItems, parallel);
                    workers.Run(new Multiplying(block, tiles, first + ((long)row * n) + column), block.TileItems, parallel);
                }
            }
        }
    }

    private static long Panels(int count, int size) => (count + size - 1L) / size * size;

    /// <summary>
    /// One chunk of rows and columns over some strips of the summed axis. A strip's panels lie one after another, those of the next strip after them.
    /// </summary>
    private readonly partial struct Block(
        Matrix<T> a, Matrix<T> b, T* c, int ldc, int rows, int columns, int depth, bool add, bool direct, int threads, int strip, T* packedA, T* packedB,
        bool isPacked = false)
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

        private int ItemsB => isPacked ? 0 : (PanelsB - FirstPanelB + PanelsPerItem - 1) / PanelsPerItem;

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

            return (Even(rows, height, Mr), Even(columns, width, Nr));
        }

        private static int Count(int whole, int part) => (whole + part - 1) / Math.Max(1, part);

        private static int Even(int whole, int part, int unit) => Count(Count(whole, Count(whole, part)), unit) * unit;

        /// <summary>Computes a tile of the result where it belongs, or in memory of its own for who takes it.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Multiply(int item, TileRoom? room, long first)
        {
            var (down, across) = Math.DivRem(item, TilesAcross);
            var (row, column) = (down * _tile.Rows, across * _tile.Columns);
            var (height, width) = (Math.Min(_tile.Rows, rows - row), Math.Min(_tile.Columns, columns - column));
            var place = ((long)row * ldc) + column;
            var target = room is null ? c + place : (T*)(BlockPool.Address(room.Array) + room.Start);
            var step = room is null ? ldc : width;
            for (var from = 0; from < depth; from += strip)
            {
                Multiply(row, column, height, width, from, target, step, add || from > 0);
            }

            room?.Take(first + place, height, width, ldc);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Multiply(int firstRow, int firstColumn, int height, int width, int from, T* tile, int tileStep, bool more)
        {
            var deep = Math.Min(strip, depth - from);
            var stripA = packedA + ((long)from * PanelsA * Mr);
            var stripB = packedB + ((long)from * PanelsB * Nr);
            var edge = stackalloc T[Mr * Nr];
            for (var j = 0; j < width; j += Nr)
            {
                var column = firstColumn + j;
                var unpacked = column / Nr < FirstPanelB;
                var panel = unpacked ? b.Start + (from * b.Row) + column : stripB + ((long)column * deep);
                var step = unpacked ? (nint)b.Row : Nr;
                for (var i = 0; i < height; i += Mr)
                {
                    var target = tile + ((long)i * tileStep) + j;
                    var left = stripA + ((long)(firstRow + i) * deep);
                    var high = Math.Min(Mr, height - i);
                    var computed = MicroKernels<T>.RowsFor(high);
                    if (computed == high && width - j >= Nr)
                    {
                        MicroKernels<T>.Tile(computed, left, panel, deep, step, target, tileStep, more);
                    }
                    else
                    {
                        MicroKernels<T>.Tile(computed, left, panel, deep, step, edge, Nr, false);
                        Copy(edge, target, tileStep, high, Math.Min(Nr, width - j), more);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Copy(T* edge, T* target, int step, int height, int width, bool more)
        {
            for (var i = 0; i < height; i++)
            {
                var from = new ReadOnlySpan<T>(edge + (i * Nr), width);
                var to = new Span<T>(target + ((long)i * step), width);
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
    }

    private sealed class Packing(Block block) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => block.Pack(item);

        public void End(object? state)
        {
        }
    }

    private sealed class Multiplying(Block block, ITiles? tiles, long first) : IWork
    {
        public object? Begin() => tiles is null ? null : new TileRoom(tiles, (long)MostTileRows * MostTileColumns * sizeof(T));

        public void Do(object? state, int item) => block.Multiply(item, (TileRoom?)state, first);

        public void End(object? state) => ((TileRoom?)state)?.End();
    }
}
