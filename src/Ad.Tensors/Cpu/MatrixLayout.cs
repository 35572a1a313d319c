namespace Ad.Tensors.Cpu;

/// <summary>A contraction as a batch of products of an M x K by a K x N matrix, with the strides of both and where each of the batch starts.</summary>
internal sealed record MatrixLayout(
    int M, int N, int K, long LeftM, long LeftK, long RightK, long RightN, long[] LeftBatch, long[] RightBatch)
{
    // Thin products whose summed axis is longer, or whose right matrix is larger, are worth copying into panels.
    private const int FewTerms = 32;
    private const int MoreTerms = 256;
    private const int FewElements = 4096;

    public int Batches => LeftBatch.Length;

    /// <summary>Multiplications of one of the batch.</summary>
    public long Products1 => (long)M * N * K;

    /// <summary>Multiplications of all.</summary>
    public long Products => Products1 * Batches;

    /// <summary>Whether the result has so few columns or rows, for vectors of so many, that a copy of the operands would cost more than the products.</summary>
    public bool IsThin(int lanes) => M > 1 && N > 1
        && ((N <= lanes && K <= MoreTerms)
            || (N <= 2 * lanes && K <= FewTerms)
            || (M <= lanes && K <= FewTerms && K * N <= FewElements && RightN == 1));

    /// <summary>The operands' axes as batch, rows, summed and batch, summed, columns; the summed ones so that they lie well in memory.</summary>
    public static (Layout Left, Layout Right) Arrange(Operation.Contract contract, Layout left, Layout right)
    {
        // Summed axes may come in any order, as long as it is the same for both; the left's own often merges.
        var pairs = Enumerable.Range(0, contract.LeftSummed.Count)
            .OrderByDescending(p => Math.Abs(left.Strides[contract.LeftSummed[p]]))
            .ToArray();
        int[] leftSummed = [.. pairs.Select(p => contract.LeftSummed[p])];
        int[] rightSummed = [.. pairs.Select(p => contract.RightSummed[p])];
        int[] leftOrder = [.. contract.LeftBatch.Values, .. Free(left.Rank, contract.LeftBatch, contract.LeftSummed), .. leftSummed];
        int[] rightOrder = [.. contract.RightBatch.Values, .. rightSummed, .. Free(right.Rank, contract.RightBatch, contract.RightSummed)];
        return (left.Permute(leftOrder), right.Permute(rightOrder));
    }

    /// <summary>The batch of matrices that two arranged layouts are, or null when axes do not merge.</summary>
    public static MatrixLayout? TryOf(Operation.Contract contract, Layout left, Layout right)
    {
        var (batch, summed) = (contract.LeftBatch.Count, contract.LeftSummed.Count);
        var m = Part(left, batch, left.Rank - summed);
        var n = Part(right, batch + summed, right.Rank);
        var (leftK, rightK) = Layout.Collapse(Part(left, left.Rank - summed, left.Rank), Part(right, batch, batch + summed));
        m = m.Collapse();
        n = n.Collapse();
        if (m.Rank > 1 || n.Rank > 1 || leftK.Rank > 1)
        {
            return left.Elements() == 0 || right.Elements() == 0 ? Empty(contract, left, right) : null;
        }

        var (leftBatch, rightBatch) = (Starts(Part(left, 0, batch)), Starts(Part(right, 0, batch)));
        return new MatrixLayout(
            Size(m), Size(n), Size(leftK), Stride(m), Stride(leftK), Stride(rightK), Stride(n), leftBatch, rightBatch);
    }

    /// <summary>Whether the axes from a first one to a bound, and from there on, merge into one each.</summary>
    public static bool IsMatrix(Layout layout, int first, int bound) =>
        Part(layout, first, bound).Collapse().Rank <= 1 && Part(layout, bound, layout.Rank).Collapse().Rank <= 1;

    // With no elements the strides do not matter, only the sizes do.
    private static MatrixLayout Empty(Operation.Contract contract, Layout left, Layout right)
    {
        var (batch, summed) = (contract.LeftBatch.Count, contract.LeftSummed.Count);
        var m = checked((int)Part(left, batch, left.Rank - summed).Elements());
        var n = checked((int)Part(right, batch + summed, right.Rank).Elements());
        var batches = new long[Part(left, 0, batch).Elements()];
        var k = checked((int)Part(left, left.Rank - summed, left.Rank).Elements());
        return new MatrixLayout(m, n, k, 0, 0, 0, 0, batches, batches);
    }

    private static IEnumerable<int> Free(int rank, Axes batch, Axes summed) =>
        Enumerable.Range(0, rank).Where(a => !batch.Contains(a) && !summed.Contains(a));

    private static Layout Part(Layout layout, int first, int bound) =>
        new(layout.Sizes[first..bound].ToArray(), layout.Strides[first..bound].ToArray(), 0);

    private static int Size(Layout layout) => layout.Rank == 0 ? 1 : layout.Sizes[0];

    private static long Stride(Layout layout) => layout.Rank == 0 ? 1 : layout.Strides[0];

    private static long[] Starts(Layout batch)
    {
        var starts = new long[batch.Elements()];
        if (starts.Length > 0)
        {
            new ViewReader(batch).Places(starts);
        }

        return starts;
    }
}
