namespace Ad.Functional.CSharp

open System
open System.Runtime.CompilerServices
open Ad.Functional

/// Products, equations and decompositions of matrices, of each along the last two axes, as methods.
[<AbstractClass; Sealed; Extension>]
type LinalgMethods =
    /// The sum of products of two vectors.
    [<Extension>]
    static member Dot(x: Tensor, other: Tensor) = Tensor.dot x other

    /// All products of an element of a with an element of b: shape a's, then b's.
    [<Extension>]
    static member Outer(x: Tensor, other: Tensor) = Tensor.outer x other

    /// The sum of the diagonal of a square matrix.
    [<Extension>]
    static member Trace(x: Tensor) = Tensor.trace x

    /// The diagonal of the last two axes, which have one size.
    [<Extension>]
    static member Diagonal(x: Tensor) = Linalg.diagonal x

    /// The k-th diagonal of the last two axes: k = 0 the main one, above it k > 0.
    [<Extension>]
    static member DiagonalAt(x: Tensor, k: int) = Linalg.diagonalAt k x

    /// The matrix with a vector on its diagonal and zeros elsewhere.
    [<Extension>]
    static member Diag(x: Tensor) = Linalg.diag x

    /// The lower triangular L with a positive diagonal and L L' = A, for symmetric positive definite A (the mean of A and A' is taken).
    [<Extension>]
    static member Cholesky(x: Tensor) = Linalg.cholesky x

    /// The inverse.
    [<Extension>]
    static member Inverse(x: Tensor) = Linalg.inverse x

    /// The determinant, with derivatives of every order at singular matrices too: the first is the matrix of cofactors.
    [<Extension>]
    static member Det(x: Tensor) = Linalg.det x

    /// The singular values, descending.
    [<Extension>]
    static member SingularValues(x: Tensor) = Linalg.singularValues x

    /// The largest singular value.
    [<Extension>]
    static member SpectralNorm(x: Tensor) = Linalg.spectralNorm x

    /// The sum of the singular values.
    [<Extension>]
    static member NuclearNorm(x: Tensor) = Linalg.nuclearNorm x

    /// The largest singular value over the smallest.
    [<Extension>]
    static member ConditionNumber(x: Tensor) = Linalg.conditionNumber x

    /// Moore and Penrose's inverse: of all x with the least |A x - b|, the shortest is A+ b; derivatives are along matrices of the same rank.
    [<Extension>]
    static member PseudoInverse(x: Tensor) = Linalg.pseudoInverse x

    /// Moore and Penrose's inverse, with singular values up to a share of the largest as 0.
    [<Extension>]
    static member PseudoInverseAbove(x: Tensor, share: float) = Linalg.pseudoInverseAbove share x

    /// The number of singular values that are not 0 to rounding, Int32.
    [<Extension>]
    static member MatrixRank(x: Tensor) = Linalg.matrixRank x

    /// The number of singular values above a share of the largest, Int32.
    [<Extension>]
    static member MatrixRankAbove(x: Tensor, share: float) = Linalg.matrixRankAbove share x

    /// The square root X with X X = A; NaN where no real one was found.
    [<Extension>]
    static member Sqrtm(x: Tensor) = Linalg.sqrtm x

    /// The logarithm X with e^X = A; NaN where no real one was found.
    [<Extension>]
    static member Logm(x: Tensor) = Linalg.logm x

    /// e^A, by scaling, the quotient of polynomials of degree 13, and squaring (Higham 2005, algorithm 2.3), for norms up to 5.4 2^24.
    [<Extension>]
    static member Expm(x: Tensor) = Linalg.expm x

    /// The elements on and above the k-th diagonal of the last two axes (k = 0 the main one, above it k > 0), zeros elsewhere.
    [<Extension>]
    static member Triu(x: Tensor, k: int) = Linalg.triu k x

    /// The elements on and below the k-th diagonal of the last two axes, zeros elsewhere.
    [<Extension>]
    static member Tril(x: Tensor, k: int) = Linalg.tril k x

    /// A^k, by squaring; of negative powers that of the inverse.
    [<Extension>]
    static member MatrixPower(x: Tensor, k: int) = Linalg.matrixPower k x

    /// The Kronecker product of two matrices: every element of a times all of b.
    [<Extension>]
    static member Kron(x: Tensor, other: Tensor) = Linalg.kron x other

    /// Products summed over axes of a paired with axes of b: a's other axes, then b's.
    [<Extension>]
    static member TensorDot(x: Tensor, axes: int[], other: Tensor, otherAxes: int[]) =
        Linalg.tensordot axes otherAxes x other

    /// Einstein's summation: a letter for each axis of each tensor, and those of the result, such as "bij,bjk->bik".
    static member Einsum(formula: string, [<ParamArray>] tensors: Tensor[]) = Linalg.einsum formula tensors

    /// x in A x = b, by elimination with partial pivoting.
    [<Extension>]
    static member Solve(a: Tensor, b: Tensor) = Linalg.solve a b

    /// x in L x = b, of a matrix of which only the lower triangle is read.
    [<Extension>]
    static member SolveLower(a: Tensor, b: Tensor) = Linalg.solveLower a b

    /// x in U x = b, of a matrix of which only the upper triangle is read.
    [<Extension>]
    static member SolveUpper(a: Tensor, b: Tensor) = Linalg.solveUpper a b

    /// x in A x = b for a symmetric positive definite A, by Cholesky's decomposition.
    [<Extension>]
    static member SolvePositive(a: Tensor, b: Tensor) = Linalg.solvePositive a b

    /// x that minimises |A x - b|, for A of full column rank, by Q R.
    [<Extension>]
    static member LeastSquares(a: Tensor, b: Tensor) = Linalg.leastSquares a b

    /// P, L and U with A = P L U: a permutation, a lower triangular matrix with a diagonal of 1, and an upper triangular one.
    [<Extension>]
    static member Lu(x: Tensor) =
        let p, l, u = Linalg.lu x
        struct (p, l, u)

    /// The sign of the determinant and the logarithm of its magnitude, which neither overflow nor underflow; 0 and -infinity for a singular matrix.
    [<Extension>]
    static member SlogDet(x: Tensor) =
        let sign, log = Linalg.slogdet x
        struct (sign, log)

    /// Q with orthonormal columns and upper triangular R with a diagonal that is not negative, A = Q R: Q is m by k and R k by n, with k the smaller of m and n.
    [<Extension>]
    static member Qr(x: Tensor) =
        let q, r = Linalg.qr x
        struct (q, r)

    /// Eigenvalues, ascending, and orthonormal eigenvectors as columns, each with its largest element positive, of a symmetric matrix (the mean of A and A' is taken).
    [<Extension>]
    static member Eigh(x: Tensor) =
        let values, vectors = Linalg.eigh x
        struct (values, vectors)

    /// Eigenvalues and, as columns, eigenvectors of a matrix without symmetry, real and imaginary parts of each.
    [<Extension>]
    static member Eig(x: Tensor) =
        let (re, im), (vectorsRe, vectorsIm) = Linalg.eig x
        struct (re, im, vectorsRe, vectorsIm)

    /// The eigenvalues of a matrix without symmetry, real and imaginary parts, ascending by them.
    [<Extension>]
    static member Eigenvalues(x: Tensor) =
        let re, im = Linalg.eigenvalues x
        struct (re, im)

    /// U, s and V' with A = U diag(s) V': orthonormal columns in U and rows in V', singular values s descending, as many as the smaller side.
    [<Extension>]
    static member Svd(x: Tensor) =
        let u, s, vt = Linalg.svd x
        struct (u, s, vt)

/// Discrete Fourier transforms along an axis, of complex numbers as pairs of real and imaginary parts.
[<AbstractClass; Sealed>]
type FourierTransforms =
    static member private Pair(f: Tensor * Tensor -> Tensor * Tensor, re, im) =
        let re, im = f (re, im)
        struct (re, im)

    /// X[k] = sum_j x[j] e^(-2 pi i j k / n) along an axis.
    static member Fft(axis: int, re: Tensor, im: Tensor) = FourierTransforms.Pair(Fourier.fft axis, re, im)

    /// The inverse of Fft, divided by n.
    static member Ifft(axis: int, re: Tensor, im: Tensor) = FourierTransforms.Pair(Fourier.ifft axis, re, im)

    /// Fft along several axes, one after another.
    static member FftOver(axes: int[], re: Tensor, im: Tensor) =
        FourierTransforms.Pair(Fourier.fftOver axes, re, im)

    /// The inverse of FftOver.
    static member IfftOver(axes: int[], re: Tensor, im: Tensor) =
        FourierTransforms.Pair(Fourier.ifftOver axes, re, im)

    /// The first n / 2 + 1 of a real tensor's transform along an axis of n.
    static member Rfft(axis: int, x: Tensor) =
        let re, im = Fourier.rfft axis x
        struct (re, im)

    /// The real tensor of a length along an axis whose Rfft this is.
    static member Irfft(length: int, axis: int, re: Tensor, im: Tensor) = Fourier.irfft length axis (re, im)

    /// The frequencies of Fft's results, in cycles for samples so far apart.
    static member Frequencies(dtype: Ad.Tensors.DType, n: int, distance: float) =
        Fourier.frequencies dtype n distance

    /// The frequencies of Rfft's results.
    static member RealFrequencies(dtype: Ad.Tensors.DType, n: int, distance: float) =
        Fourier.realFrequencies dtype n distance

    /// The full convolution along an axis, by way of transforms.
    static member Convolve(axis: int, a: Tensor, b: Tensor) = Fourier.convolve axis a b
