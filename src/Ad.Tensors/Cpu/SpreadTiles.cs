using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>The loops <see cref="SpreadTile"/> for a number of rows and each number of columns.</summary>
internal static class SpreadTiles<T>
    where T : unmanaged, INumber<T>
{
    private static readonly SpreadTile[]?[] Known = new SpreadTile[16][];

    /// <summary>The loops for so many rows, at the number of columns of vectors that each takes.</summary>
    public static SpreadTile[] Of(int rows)
    {
        if (Known[rows] is { } tiles)
        {
            return tiles;
        }

        tiles = new SpreadTile[TileLoops<T>.Columns(rows) + 1];
        for (var columns = 1; columns < tiles.Length; columns++)
        {
            tiles[columns] = TileLoops<T>.Spread(rows, columns);
        }

        return Known[rows] = tiles;
    }
}
