namespace Ad.Tensors;

/// <summary>The ways to combine the elements along axes.</summary>
public enum Reduction
{
    /// <summary>The sum; 0 of none. Float32 sums are accurate: 2^24 + 8 ones give exactly that.</summary>
    Sum,

    /// <summary>The largest; NaN if one is; -infinity (or the type's least value) of none. Bool: any.</summary>
    Max,

    /// <summary>The smallest; NaN if one is; infinity (or the type's greatest value) of none. Bool: all.</summary>
    Min,

    /// <summary>The Int32 position of the first largest (a NaN counts as largest) along the one axis reduced.</summary>
    ArgMax,

    /// <summary>The Int32 position of the first smallest (a NaN counts as smallest) along the one axis reduced.</summary>
    ArgMin,
}

/// <summary>The ways to take a matrix apart. Each result is one matrix that holds all parts.</summary>
public enum Decomposition
{
    /// <summary>Of A, n by n, the lower triangular L with L L' = (A + A')/2; NaN unless that is positive definite.</summary>
    Cholesky,

    /// <summary>Of A, n by n: L below the diagonal (its own is 1), U on and above it, with rows taken in the order of the last, n + 1st row: A[order] = L U.</summary>
    Lu,

    /// <summary>Of A, m by n with m >= n: Q, m by n, over R transposed; A = Q R, Q'Q = 1, R upper triangular with a diagonal that is not negative.</summary>
    Qr,

    /// <summary>Of A, n by n: the eigenvectors V of (A + A')/2 as columns, and the eigenvalues, ascending, as the n + 1st row.</summary>
    Eigh,

    /// <summary>
    /// Of A, n by n: the real parts of eigenvectors as columns, over their imaginary parts, over rows of the real and the imaginary parts of the eigenvalues, ascending by them, and
    /// a row that says which element of each vector, its largest, is 1.
    /// </summary>
    Eig,

    /// <summary>Of A, m by n: U, over V, over a row of singular values s, descending: A = U diag(s) V', all with min(m, n) columns.</summary>
    Svd,

    /// <summary>Of A, n by n: its determinant, as a matrix of one element.</summary>
    Determinant,

    /// <summary>Of A, n by n: the derivative of its determinant, which where A is regular is det(A) times the transposed inverse.</summary>
    Cofactors,
}

/// <summary>What is known of the matrix of a linear system.</summary>
public enum LinearSystem
{
    /// <summary>Nothing: elimination with partial pivoting.</summary>
    General,

    /// <summary>What is above the diagonal is not read: it counts as 0.</summary>
    Lower,

    /// <summary>What is below the diagonal is not read: it counts as 0.</summary>
    Upper,
}

/// <summary>
/// What one instruction does with its operands. The result's type and shape stand in the instruction; an operation holds
/// only what they do not say. Compared by value.
/// </summary>
public abstract record Operation
{
    private Operation()
    {
    }

    /// <summary>The program's argument at a position.</summary>
    public sealed record Input(int Index) : Operation;

    /// <summary>One value in every element.</summary>
    public sealed record Constant(Scalar Value) : Operation;

    /// <summary>Each element's position along an axis, counted from 0.</summary>
    public sealed record Iota(int Axis) : Operation;

    /// <summary>
    /// Random elements from a key, two Int32 words: element i is made of Threefry-2x32 (Salmon et al. 2011, 20 rounds) at counter i alone.
    /// Int32 and Int64: all bits. Float32: the top 24 bits times 2^-24; Float64: the top 53 bits times 2^-53: uniform in [0, 1).
    /// </summary>
    public sealed record Random : Operation;

    /// <summary>An elementwise function of operands that have the result's shape.</summary>
    public sealed record Elementwise(Pointwise Function) : Operation;

    /// <summary>The same values in another type: rounded to nearest, floats to integers truncated toward zero, true unless 0.</summary>
    public sealed record Cast : Operation;

    /// <summary>Elements combined along axes, which disappear.</summary>
    public sealed record Reduce(Reduction Kind, Axes Axes) : Operation;

    /// <summary>Running sums along an axis, from its end if <paramref name="Reverse"/>.</summary>
    public sealed record CumulativeSum(int Axis, bool Reverse) : Operation;

    /// <summary>The same elements in the same row-major order under another shape.</summary>
    public sealed record Reshape : Operation;

    /// <summary>Result axis i is the operand's axis <paramref name="Axes"/>[i].</summary>
    public sealed record Permute(Axes Axes) : Operation;

    /// <summary>The operand repeated to a larger shape by NumPy's rule, aligned at the last axis.</summary>
    public sealed record Broadcast : Operation;

    /// <summary>Per axis, elements start, start + step, ... (steps at least 1), as many as the result's size.</summary>
    public sealed record Slice(Axes Starts, Axes Steps) : Operation;

    /// <summary>Zeros around the operand (low before, high after) and between its elements (interior), per axis, none negative.</summary>
    public sealed record Pad(Axes Low, Axes High, Axes Interior) : Operation
    {
        /// <summary>Whether all zeros are around the operand.</summary>
        internal bool IsAround() => !Interior.Values.ContainsAnyExcept(0);
    }

    /// <summary>The operands one after another along an axis.</summary>
    public sealed record Concatenate(int Axis) : Operation;

    /// <summary>The order of elements reversed along axes.</summary>
    public sealed record Flip(Axes Axes) : Operation;

    /// <summary>
    /// Of operand x at operand i (Int32 or Int64): result[b..., p..., j..., r...] = x[b..., p..., i[b..., j...], r...], where b are the first
    /// <paramref name="Batch"/> axes of both and p x's axes from there to <paramref name="Axis"/>. Negative indices count from the end;
    /// an index out of range is an error.
    /// </summary>
    public sealed record Take(int Axis, int Batch) : Operation;

    /// <summary>
    /// The transpose of <see cref="Take"/>: operands i and u (shaped as Take's result); zeros of the result's shape to which each element of u
    /// is added where Take would have read it. Equal indices add up, in row-major order of u.
    /// </summary>
    public sealed record ScatterAdd(int Axis, int Batch) : Operation;

    /// <summary>
    /// Products of two operands summed over paired axes: result axes are the batch axes, then the left's other axes, then the right's.
    /// </summary>
    public sealed record Contract(Axes LeftBatch, Axes RightBatch, Axes LeftSummed, Axes RightSummed) : Operation;

    /// <summary>A decomposition of each matrix, which lie along the last two axes.</summary>
    public sealed record Decompose(Decomposition Kind) : Operation;

    /// <summary>x in A x = b for each matrix A, n by n, and b, n by m, along the last two axes. Singular matrices give infinities or NaN.</summary>
    public sealed record Solve(LinearSystem System) : Operation;

    /// <summary>
    /// Of x [N, G, C, spatial...] and a kernel k [G, O, C, window...] the result [N, G, O, spatial...]: result[n, g, o, p] is the sum over c
    /// and q of x[n, g, c, i] k[g, o, c, q] with i InputDilation = p Strides + q KernelDilation - Low, where there is such an element: what lies
    /// outside adds nothing, not even if the other factor is infinite. Low may be negative; any size of the result is allowed.
    /// </summary>
    public sealed record Convolve(Axes Strides, Axes Low, Axes InputDilation, Axes KernelDilation) : Operation
    {
        /// <summary>How a spatial axis, counted from 0, goes together.</summary>
        internal WindowAxis Axis(int axis, Shape x, Shape kernel, Shape result) =>
            new(x[axis + 3], kernel[axis + 3], result[axis + 3], Strides[axis], Low[axis], InputDilation[axis], KernelDilation[axis]);
    }

    /// <summary>
    /// Elements combined in windows over the last axes, as many as <paramref name="Windows"/> has: place q of window p is element i with
    /// i InputDilation = p Strides + q Dilation - Low, if there is one. Of a window without elements as of no elements; ArgMax and ArgMin give
    /// positions in row-major order of those axes of the operand, and 0 for such a window. Any size of the result is allowed.
    /// </summary>
    public sealed record Window(Reduction Kind, Windows Windows) : Operation;

    /// <summary>
    /// Of x and t of one shape: for each window the mean of t's elements at those places where x's are the largest (or smallest), each tie
    /// counting; how the extreme changes when x changes by t. NaN where the extreme is NaN, unless all of t is 0 there.
    /// </summary>
    public sealed record WindowShare(Reduction Kind, Windows Windows) : Operation;

    /// <summary>
    /// The transpose of <see cref="WindowShare"/> in t: of x and one g a window, for each element the sum of g over windows in which x's element
    /// is an extreme, divided by the number of ties.
    /// </summary>
    public sealed record WindowSpread(Reduction Kind, Windows Windows) : Operation;

    /// <summary>
    /// The Int32 positions of the elements along an axis in ascending order of their values, or descending: equal ones (0 and -0 are) in the
    /// order in which they stand, NaN last either way.
    /// </summary>
    public sealed record Sort(int Axis, bool Descending) : Operation;

    /// <summary>
    /// Bodies with programs of their own, one of whose results this is. Instructions that differ in <paramref name="Result"/> alone and have the same
    /// operands are made together; of a body's results only those that an instruction asks for are computed.
    /// </summary>
    public abstract record Structured(int Result) : Operation
    {
        /// <summary>The programs that it may run.</summary>
        public abstract IReadOnlyList<Program> Bodies { get; }

        /// <summary>What all its results have in common.</summary>
        internal Structured Common => this with { Result = 0 };
    }

    /// <summary>
    /// A body run <paramref name="Length"/> times: its first <paramref name="Carries"/> arguments are the results of as many at the run before, at
    /// first the operands; the next <paramref name="Slices"/> are slices of operands along axis 0 (from the end if <paramref name="Reverse"/>); the
    /// others are operands. Result i is the last value of carry i; then come the body's other results, stacked along axis 0 as the slices are; then
    /// the values of the carries before each run, stacked likewise.
    /// </summary>
    public sealed record Scan(Program Body, int Length, int Carries, int Slices, bool Reverse, int Result) : Structured(Result)
    {
        /// <inheritdoc/>
        public override IReadOnlyList<Program> Bodies => [Body];
    }

    /// <summary>
    /// A body whose first <paramref name="Carries"/> arguments are its results at the run before, at first the operands, run for as long as the
    /// condition, a Bool of the same arguments, is true. Result i is the last value of carry i.
    /// </summary>
    public sealed record WhileLoop(Program Condition, Program Body, int Carries, int Result) : Structured(Result)
    {
        /// <inheritdoc/>
        public override IReadOnlyList<Program> Bodies => [Condition, Body];
    }

    /// <summary>One of two bodies, as the first operand, a Bool, says; the others are its arguments.</summary>
    public sealed record Cond(Program IfTrue, Program IfFalse, int Result) : Structured(Result)
    {
        /// <inheritdoc/>
        public override IReadOnlyList<Program> Bodies => [IfTrue, IfFalse];
    }

    /// <summary>A body run once the operands are there, apart from everything else: in memory that it gives back, sharing no work.</summary>
    public sealed record Checkpoint(Program Body, int Result) : Structured(Result)
    {
        /// <inheritdoc/>
        public override IReadOnlyList<Program> Bodies => [Body];
    }
}
