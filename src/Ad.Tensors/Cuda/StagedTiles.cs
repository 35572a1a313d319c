namespace Ad.Tensors.Cuda;

/// <summary>What kernels of products may use: whole vectors, as slots begin where they may; tensor cores, from compute capability 8.0 on; and TF32.</summary>
internal readonly record struct MatrixMeans(bool IsAligned, bool HasTensorCores, bool Tf32)
{
    // The first with cp.async and the shapes of mma.sync that are used.
    private const int OldestTensorCores = 80;

    public static MatrixMeans Of(CudaFacts facts, bool tf32) => new(true, facts.Architecture >= OldestTensorCores, tf32);
}

/// <summary>One factor of a product: its view, and the parts of its layout; Deep says that neighbours along the products lie next to each other.</summary>
internal sealed record Factor(View View, Layout Rows, Layout Products, Layout Batch, bool Deep)
{
    private const int ChunkBytes = 16;

    /// <summary>Whether every 16 bytes from a multiple of 16 on are elements in a row of the same row or the same product, and can be read at once.</summary>
    public bool IsWhole(bool aligned)
    {
        var length = ChunkBytes / View.Type.Size();
        var (along, across) = Deep ? (Products.Collapse(), Rows.Collapse()) : (Rows.Collapse(), Products.Collapse());
        return aligned
            && along.Rank > 0 && along.Strides[^1] == 1 && along.Sizes[^1] % length == 0
            && View.Layout.Offset % length == 0
            && along.Strides[..^1].ToArray().Concat(across.Strides.ToArray()).Concat(Batch.Collapse().Strides.ToArray()).All(stride => stride % length == 0);
    }
}

/// <summary>
/// Products of large matrices by tiles fetched ahead: on tensor cores where the device has them and the factors are of 16 bits, or of Float32 and TF32 is
/// asked for; Float32 else by fused multiplications and additions.
/// </summary>
internal static class StagedTiles
{
    private const int Large = 128;
    private const int Small = 64;
    private const int LeastRows = 33;

    /// <summary>The size of a tile and the function to call; null if the product is too small for tiles fetched ahead, or of other types.</summary>
    public static (int Tile, string Call)? Of(MatrixMeans means, Factor left, Factor right, int rows, int columns)
    {
        var type = left.View.Type;
        if (type != right.View.Type || Math.Min(rows, columns) < LeastRows)
        {
            return null;
        }

        var tile = Math.Min(rows, columns) >= Large ? Large : Small;
        var layouts = $"{Text(left.Deep)}, {Text(right.Deep)}";
        var program = type.IsHalf() && means.HasTensorCores ? $"Tensor<{CudaText.Name(type)}, {tile}, {layouts}>"
            : type == DType.Float32 && means.HasTensorCores && means.Tf32 ? $"Tf32<{tile}, {layouts}>"
            : type == DType.Float32 && tile == Large ? "Plain<float>"
            : null;
        return program is null ? null
            : (tile, $"ad_staged<{program}, {layouts}, {Text(left.IsWhole(means.IsAligned))}, {Text(right.IsWhole(means.IsAligned))}>");
    }

    private static string Text(bool value) => value ? "true" : "false";
}
