namespace Ad.Tensors.Cpu;

/// <summary>A library of matrix products for the host's processors. Any threads may ask it at once, each for products of its own.</summary>
internal unsafe interface IBlas
{
    /// <summary>What it is, and where it was found.</summary>
    string Name { get; }

    /// <summary>Told on each thread before its first product: one thread does a product from here on.</summary>
    void Enter();

    /// <summary>
    /// C = A B of float32 or float64, whatever is in C before; C's rows are <paramref name="step"/> elements apart, each factor's rows or columns lie as it says.
    /// </summary>
    void Multiply<T>(int m, int n, int k, BlasFactor<T> a, BlasFactor<T> b, T* c, long step)
        where T : unmanaged;
}

/// <summary>A factor as BLAS takes it: rows of neighbours so many elements apart, or columns if it is turned.</summary>
internal readonly unsafe struct BlasFactor<T>(T* start, bool isTurned, long step)
    where T : unmanaged
{
    public T* Start { get; } = start;

    public bool IsTurned { get; } = isTurned;

    public long Step { get; } = step;

    /// <summary>The part of it that begins at an element.</summary>
    public BlasFactor<T> At(long row, long column) => new(Start + (IsTurned ? (column * Step) + row : (row * Step) + column), IsTurned, Step);
}

/// <summary>What a library's time for a product depends on: its type, sizes, and how its factors lie.</summary>
internal readonly record struct BlasShape(DType Type, int Batches, int M, int N, int K, bool LeftTurned, long LeftStep, bool RightTurned, long RightStep)
{
    /// <summary>The shape of a batch of products, or null where BLAS would need a copy of a factor.</summary>
    public static BlasShape? Of(DType type, MatrixLayout layout) =>
        Lie(layout.LeftM, layout.LeftK, layout.M, layout.K) is not var (leftTurned, leftStep)
        || Lie(layout.RightK, layout.RightN, layout.K, layout.N) is not var (rightTurned, rightStep)
            ? null
            : new BlasShape(type, layout.Batches, layout.M, layout.N, layout.K, leftTurned, leftStep, rightTurned, rightStep);

    // The stride of an axis of one element says nothing.
    private static (bool IsTurned, long Step)? Lie(long row, long column, int rows, int columns) =>
        (column == 1 || columns == 1) && (row >= columns || rows == 1) ? (false, Math.Max(row, columns))
        : (row == 1 || rows == 1) && (column >= rows || columns == 1) ? (true, Math.Max(column, rows))
        : null;
}
