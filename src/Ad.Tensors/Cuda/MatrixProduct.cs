namespace Ad.Tensors.Cuda;

/// <summary>A matrix as columns one after another: rows and columns as they lie, the step between columns, and whether it is read turned over.</summary>
internal readonly record struct Columns(int Rows, int Count, long Step, bool Turned, long Batch)
{
    /// <summary>A matrix whose element (i, j) is at i row + j column, if either neighbours in a column or neighbours in a row are next to each other.</summary>
    public static Columns? Of(int rows, int columns, long row, long column, long batch) =>
        batch < 0 ? null
        : (row == 1 || rows == 1) && (column >= rows || columns == 1) ? new(rows, columns, Math.Max(column, rows), false, batch)
        : (column == 1 || columns == 1) && (row >= columns || rows == 1) ? new(columns, rows, Math.Max(row, columns), true, batch)
        : null;
}

/// <summary>
/// A batch of matrix products as libraries that think in columns take them: a result of M rows of N is N by M there, the right factor times the left. A bias has one
/// element for each of the N.
/// </summary>
internal sealed record MatrixProduct(
    DType Type, DType Result, int Batches, int M, int N, int K, Columns Right, Columns Left, bool HasBias)
{
    /// <summary>The product of a contraction of two views, if it is one of matrices whose elements lie in columns or rows.</summary>
    public static MatrixProduct? Of(Operation.Contract contract, View left, View right)
    {
        var (l, r) = ContractLaunches.Arranged(contract, left.Layout, right.Layout);
        var (batch, summed) = (contract.LeftBatch.Count, contract.LeftSummed.Count);
        var (rows, leftSum, leftBatch) = (One(l, batch, l.Rank - summed), One(l, l.Rank - summed, l.Rank), One(l, 0, batch));
        var (columns, rightSum, rightBatch) = (One(r, batch + summed, r.Rank), One(r, batch, batch + summed), One(r, 0, batch));
        return left.Type.IsFloat() && left.Type == right.Type
            && rows is var (m, row) && columns is var (n, column) && leftSum is var (k, leftStep) && rightSum is var (_, rightStep)
            && leftBatch is var (batches, leftApart) && rightBatch is var (_, rightApart)
            && Columns.Of(n, k, column, rightStep, rightApart) is { } a && Columns.Of(k, m, leftStep, row, leftApart) is { } b
            ? new MatrixProduct(left.Type, CudaText.Computed(left.Type), batches, m, n, k, a, b, false)
            : null;
    }

    /// <summary>How many products of elements there are.</summary>
    public double Work => (double)Batches * M * N * K;

    // Some axes as one: their number of elements and the step between them; null if they are not one.
    private static (int Size, long Step)? One(Layout layout, int first, int bound)
    {
        var part = ContractLaunches.Part(layout, first, bound).Collapse();
        return part.Elements() is > 0 and <= int.MaxValue && part.Rank <= 1 ? ((int)part.Elements(), part.Rank == 0 ? 0 : part.Strides[0]) : null;
    }
}

/// <summary>Where a product's matrices are.</summary>
internal readonly record struct MatrixPlaces(ulong Left, ulong Right, ulong Result, ulong Bias);

/// <summary>A library of matrix products for one device.</summary>
internal interface IMatrixLibrary
{
    /// <summary>What it is, with its version and where it was found.</summary>
    string Name { get; }

    /// <summary>From how many products of elements on it is asked.</summary>
    double Least { get; }

    /// <summary>The bytes of the workspace it wants to be given.</summary>
    long Workspace { get; }

    /// <summary>What will compute a product at these places, as work for a stream; null if the library has nothing for it.</summary>
    /// <exception cref="CudaException">The library failed; the message names the call.</exception>
    Action<nint>? Prepare(MatrixProduct product, MatrixPlaces places, ulong workspace);
}
