namespace Ad.Tensors.Cpu;

/// <summary>Takes the tiles of a product or a convolution as they are finished, while they are near; any thread brings any tile.</summary>
internal interface ITiles
{
    /// <summary>What one thread needs for the time it brings tiles.</summary>
    GroupState Begin();

    /// <summary>Takes a tile.</summary>
    void Take(GroupState state, in Tile tile);

    /// <summary>Gives back what <see cref="Begin"/> gave.</summary>
    void End(GroupState state);
}

/// <summary>
/// A tile of a result: its rows lie one after another from some byte of an array on; element (i, j) of it is number First + i Step + j of the result.
/// </summary>
internal readonly record struct Tile(byte[] Array, int Start, long First, int Rows, int Columns, long Step);

/// <summary>Where one thread's tiles lie.</summary>
internal sealed class TileRoom(ITiles tiles, long bytes)
{
    private readonly GroupState _state = tiles.Begin();

    public byte[] Array { get; } = BlockPool.Rent(bytes);

    public int Start => BlockPool.Start(Array);

    /// <summary>Hands on the tile that lies there, so many bytes on.</summary>
    public void Take(long first, int rows, int columns, long step, int after = 0) =>
        tiles.Take(_state, new Tile(Array, Start + after, first, rows, columns, step));

    public void End()
    {
        tiles.End(_state);
        BlockPool.Return(Array);
    }
}
