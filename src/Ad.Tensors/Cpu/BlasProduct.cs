namespace Ad.Tensors.Cpu;

/// <summary>
/// A batch of products by a library: blocks of the results, cut by the sizes alone, are the items of work, and each is one call of the library that sums all there is
/// to sum. A block is a tile for who takes tiles.
/// </summary>
internal sealed unsafe class BlasProduct<T>(IBlas library, BlasShape shape, MatrixLayout layout, T* a, T* b, T* c, ITiles? tiles) : IWork
    where T : unmanaged
{
    // A call copies both factors, which is little beside the products of a large block; a few blocks are needed for several threads.
    private const int MostSide = 512;
    private const int LeastSide = 128;
    private const int EnoughBlocks = 8;
    private const int Unit = 32;

    private readonly (int Rows, int Columns) _block = Block(shape);

    public int Items => checked(shape.Batches * BlocksEach);

    private int Across => Count(shape.N, _block.Columns);

    private int BlocksEach => Across * Count(shape.M, _block.Rows);

    /// <summary>The sizes of a block of a result of some shape; those at its ends may be smaller.</summary>
    public static (int Rows, int Columns) Block(BlasShape shape)
    {
        var (rows, columns) = (shape.M, shape.N);
        while (true)
        {
            var side = Math.Max(rows, columns);
            var blocks = (long)shape.Batches * Count(shape.M, rows) * Count(shape.N, columns);
            if (side <= MostSide && (side < 2 * LeastSide || blocks >= EnoughBlocks))
            {
                return (rows, columns);
            }

            (rows, columns) = rows >= columns ? (Half(rows), columns) : (rows, Half(columns));
        }
    }

    public object? Begin()
    {
        library.Enter();
        return tiles is null ? null : new TileRoom(tiles, (long)_block.Rows * _block.Columns * sizeof(T));
    }

    public void Do(object? state, int item)
    {
        var (batch, block) = Math.DivRem(item, BlocksEach);
        var (down, across) = Math.DivRem(block, Across);
        var (row, column) = (down * _block.Rows, across * _block.Columns);
        var (height, width) = (Math.Min(_block.Rows, shape.M - row), Math.Min(_block.Columns, shape.N - column));
        var left = new BlasFactor<T>(a + layout.LeftBatch[batch], shape.LeftTurned, shape.LeftStep).At(row, 0);
        var right = new BlasFactor<T>(b + layout.RightBatch[batch], shape.RightTurned, shape.RightStep).At(0, column);
        var place = ((((long)batch * shape.M) + row) * shape.N) + column;
        if (state is TileRoom room)
        {
            library.Multiply(height, width, shape.K, left, right, (T*)(BlockPool.Address(room.Array) + room.Start), width);
            room.Take(place, height, width, shape.N);
        }
        else
        {
            library.Multiply(height, width, shape.K, left, right, c + place, shape.N);
        }
    }

    public void End(object? state) => ((TileRoom?)state)?.End();

    private static int Count(int whole, int part) => (whole + part - 1) / part;

    private static int Half(int side) => Count((side + 1) / 2, Unit) * Unit;
}
