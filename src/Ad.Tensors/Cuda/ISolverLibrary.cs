namespace Ad.Tensors.Cuda;

/// <summary>What a library does with one matrix of doubles, column by column.</summary>
internal enum SolverCall
{
    /// <summary>A = L L' of n by n A, into its lower half.</summary>
    Cholesky,

    /// <summary>A = P L U of n by n A, in its place, with the exchanges of rows as pivots.</summary>
    Lu,

    /// <summary>The solution of P L U X = B, in the place of B, which has so many columns.</summary>
    Solve,

    /// <summary>The solution of (P L U)' X = B, in the place of B.</summary>
    SolveTurned,

    /// <summary>R above Householder's vectors of m by n A, with their factors in B.</summary>
    Qr,

    /// <summary>Q, m by n, of those vectors, in their place.</summary>
    Orthogonal,

    /// <summary>The eigenvectors of the symmetric n by n A, in its place, and the eigenvalues, ascending, in B.</summary>
    Eigen,

    /// <summary>The singular values of m by n A with m >= n in B, the left vectors, m by n, in C, and the right ones as rows in D; A is lost.</summary>
    Singular,
}

/// <summary>Where a call's matrices are, and the memory it works in.</summary>
internal readonly record struct SolverPlaces(ulong A, ulong B, ulong C, ulong D, ulong Pivots, ulong Info, ulong Work, int Room);

/// <summary>A library of dense decompositions for one device.</summary>
internal interface ISolverLibrary
{
    /// <summary>What it is, and where it was found.</summary>
    string Name { get; }

    /// <summary>From how many products a matrix on it is asked.</summary>
    double Least { get; }

    /// <summary>The doubles that a call wants to work in.</summary>
    /// <exception cref="CudaException">The library failed; the message names the call.</exception>
    int Room(SolverCall call, int m, int n);

    /// <summary>Has a call done on a stream; of a solution, n is the number of columns.</summary>
    /// <exception cref="CudaException">The library failed; the message names the call.</exception>
    void Do(SolverCall call, int m, int n, SolverPlaces places, nint stream);

    /// <summary>Cholesky's decomposition of many matrices, of which the device's memory holds the addresses.</summary>
    /// <exception cref="CudaException">The library failed; the message names the call.</exception>
    void CholeskyOfMany(int n, ulong addresses, ulong infos, int count, nint stream);
}
