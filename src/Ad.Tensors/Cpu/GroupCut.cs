namespace Ad.Tensors.Cpu;

/// <summary>How the elements are cut into items, and items into blocks.</summary>
internal sealed class GroupCut
{
    // Enough elements that handing out an item costs nothing beside it, few enough that several threads find some.
    private const int MostItemElements = 64 * 1024;

    // Costly work is cut finer, but for sums never into less than a few blocks, which would have to be put together again.
    private const int MostWeight = 16;

    public GroupCut(long elements, int block, long weight)
    {
        Elements = elements;
        ItemElements = Math.Max(1, MostItemElements / weight / block) * block;
        Items = (int)((elements + ItemElements - 1) / ItemElements);
    }

    public GroupCut(Extents extents, int block, long weight)
    {
        var most = MostItemElements / (int)Math.Clamp(weight, 1, MostWeight);
        Extents = extents;
        Elements = extents.Elements;
        var each = Math.Max(1, extents.Reduced) * extents.Inner;
        if (extents.Outer * extents.Inner == 0)
        {
            return;
        }

        if (each <= block)
        {
            WholeResults = true;
            OuterPerBlock = block / each;
            OuterPerItem = OuterPerBlock * Math.Max(1, most / block);
            StateResults = (int)(OuterPerBlock * extents.Inner);
            Items = (int)((extents.Outer + OuterPerItem - 1) / OuterPerItem);
            return;
        }

        StateResults = (int)Math.Min(extents.Inner, block);
        RowsPerBlock = Math.Max(1, block / extents.Inner);
        RowsPerItem = RowsPerBlock * Math.Max(1, most / (RowsPerBlock * StateResults));
        RowItems = (int)Math.Max(1, (extents.Reduced + RowsPerItem - 1) / RowsPerItem);
        Columns = (int)((extents.Inner + StateResults - 1) / StateResults);
        Items = checked((int)(extents.Outer * Columns * RowItems));
    }

    public Extents Extents { get; }

    public long Elements { get; }

    public int Items { get; }

    public long ItemElements { get; } = MostItemElements;

    public bool WholeResults { get; }

    public long OuterPerBlock { get; }

    public long OuterPerItem { get; }

    public int StateResults { get; }

    public long RowsPerBlock { get; }

    public long RowsPerItem { get; }

    public int RowItems { get; } = 1;

    public int Columns { get; }

    public (long Outer, long Column, int RowItem) Place(int item)
    {
        var (rest, rowItem) = Math.DivRem(item, RowItems);
        var (outer, column) = Math.DivRem(rest, Columns);
        return (outer, (long)column * StateResults, rowItem);
    }
}
