namespace Ad.Tensors.Cpu;

/// <summary>A way to compute a convolution that can give its results away while they are near, an example's group or some lines of it at a time.</summary>
internal unsafe interface IConvolveTiles<T> : IConvolveForm<T>
    where T : unmanaged
{
    /// <summary>Whether it can; <paramref name="whole"/> asks for all positions of a channel at once.</summary>
    bool GivesTiles(bool whole);

    /// <summary>Does it; false, with some of the results given, where numbers would not come out as the operation defines them.</summary>
    bool TryGive(T* x, T* k, ITiles tiles, Workers workers);
}

/// <summary>What one thread of a convolution needs: scratch memory, and where its tiles lie if somebody takes them.</summary>
internal sealed unsafe class ConvolveRoom<T>(long scratch, ITiles? tiles, long tile)
    where T : unmanaged
{
    private readonly byte[] _scratch = BlockPool.Rent(scratch * sizeof(T));

    public T* Scratch => (T*)(BlockPool.Address(_scratch) + BlockPool.Start(_scratch));

    public TileRoom? Tiles { get; } = tiles is null ? null : new TileRoom(tiles, tile * sizeof(T));

    /// <summary>Where the tile is made.</summary>
    public T* Tile => (T*)(BlockPool.Address(Tiles!.Array) + Tiles.Start);

    public void End()
    {
        Tiles?.End();
        BlockPool.Return(_scratch);
    }
}

/// <summary>Results that lie in memory after all, given away example by example.</summary>
internal sealed class ConvolveGiving(ITiles tiles, byte[] results, ConvolveLayout layout, int size) : IWork
{
    public object? Begin() => tiles.Begin();

    public void Do(object? state, int item)
    {
        var first = (long)item * layout.O * layout.Positions;
        tiles.Take((GroupState)state!, new Tile(results, BlockPool.Start(results) + (int)(first * size), first, layout.O, layout.Positions, layout.Positions));
    }

    public void End(object? state) => tiles.End((GroupState)state!);
}
