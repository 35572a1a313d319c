namespace Ad.Functional

open Ad.Tensors

/// Decompositions and equations, within the module of matrices.
[<AutoOpen>]
module LinalgDecompositions =
    /// Decompositions of each matrix along the last two axes, and what is solved by them.
    [<RequireQualifiedAccess>]
    module Linalg =
        let private rows (first: int) (last: int) (t: Tensor) = Tensor.sliceAxis -2 first last 1 t
        let private lastRow (n: int) (t: Tensor) = Tensor.squeeze [ -2 ] (rows n (n + 1) t)

        /// The lower triangular L with a positive diagonal and L L' = A, for symmetric positive definite A (the mean of A and A' is taken). NaN where there
        /// is none.
        let cholesky (a: Tensor) : Tensor =
            Linalg.square "cholesky" a |> ignore
            Tensor.Create(Decompose Decomposition.Cholesky, a)

        let private solveWith name system (a: Tensor) (b: Tensor) =
            let n = Linalg.square name a
            let isVector = b.Rank = 1 || (b.Rank = a.Rank - 1 && b.Shape[b.Rank - 1] = n)
            let right = if isVector then Tensor.expandDims -1 b else b

            if right.Rank < 2 || right.Shape[right.Rank - 2] <> n then
                Shapes.refuse
                    name
                    $"takes right sides of {n} rows, but was given {a.Signature} and {b.Signature}."

            let batch (t: Tensor) = Seq.toList (Seq.take (t.Rank - 2) t.Shape)
            let core (t: Tensor) = Seq.toList (Seq.skip (t.Rank - 2) t.Shape)

            let joint =
                (Tensor.zeros DType.Bool (batch a), Tensor.zeros DType.Bool (batch right))
                ||> Tensor.logicalOr
                |> Tensor.shape

            let spread (t: Tensor) = Tensor.broadcastTo (joint @ core t) t
            let x = Tensor.Create(Solve system, spread a, spread right)
            if isVector then Tensor.squeeze [ -1 ] x else x

        /// x in A x = b, by elimination with partial pivoting. b is a vector, or a matrix of right sides as columns; leading axes are broadcast. A singular
        /// matrix gives infinities or NaN.
        let solve (a: Tensor) (b: Tensor) : Tensor = solveWith "solve" LinearSystem.General a b

        /// x in L x = b, of a matrix of which only the lower triangle is read.
        let solveLower (a: Tensor) (b: Tensor) : Tensor = solveWith "solveLower" LinearSystem.Lower a b

        /// x in U x = b, of a matrix of which only the upper triangle is read.
        let solveUpper (a: Tensor) (b: Tensor) : Tensor = solveWith "solveUpper" LinearSystem.Upper a b

        /// x in A x = b for a symmetric positive definite A, by Cholesky's decomposition.
        let solvePositive (a: Tensor) (b: Tensor) : Tensor =
            let l = cholesky a
            solveUpper (Linalg.turned l) (solveLower l b)

        /// The inverse. <c>solve</c> is faster and more accurate where only A^-1 b is wanted.
        let inverse (a: Tensor) : Tensor =
            Linalg.square "inverse" a |> ignore
            solve a (Linalg.eyeLike a)

        /// P, L and U with A = P L U: a permutation, a lower triangular matrix with a diagonal of 1, and an upper triangular one. Constant pieces between changes
        /// of the order of rows; P has no derivative.
        let lu (a: Tensor) : Tensor * Tensor * Tensor =
            let n = Linalg.square "lu" a
            let packed = Tensor.Create(Decompose Decomposition.Lu, a)
            let both = rows 0 n packed
            let order = Tensor.cast DType.Int32 (lastRow n packed)

            Linalg.turned (Tensor.oneHot a.DType n order),
            Linalg.tril -1 both + Linalg.eyeLike both,
            Linalg.triu 0 both

        /// The determinant, with derivatives of every order at singular matrices too: the first is the matrix of cofactors.
        let det (a: Tensor) : Tensor =
            Linalg.square "det" a |> ignore
            Tensor.squeeze [ -2; -1 ] (Tensor.Create(Decompose Decomposition.Determinant, a))

        /// The sign of the determinant and the logarithm of its magnitude, which neither overflow nor underflow; 0 and -infinity for a singular matrix.
        let slogdet (a: Tensor) : Tensor * Tensor =
            let n = Linalg.square "slogdet" a
            let packed = Tensor.Create(Decompose Decomposition.Lu, a)
            let pivots = Linalg.diagonal (rows 0 n packed)
            let order = Tensor.stopGradient (lastRow n packed)
            let isInverted = Tensor.greater (Tensor.expandDims -1 order) (Tensor.expandDims -2 order)
            let exchanges = Tensor.sumOver [ -2; -1 ] (Linalg.triu 1 (Tensor.cast a.DType isInverted))
            let parity = 1.0 - 2.0 * Tensor.remainder exchanges (Tensor.fullLike exchanges 2.0)

            parity * Tensor.prodOver [ -1 ] (Tensor.sign (Tensor.stopGradient pivots)),
            Tensor.sumOver [ -1 ] (log (abs pivots))

        /// Q with orthonormal columns and upper triangular R with a diagonal that is not negative, A = Q R: Q is m by k and R k by n, with k the smaller of m and n. The
        /// derivative needs A, or its first m columns, of full rank.
        let qr (a: Tensor) : Tensor * Tensor =
            let m, n = Linalg.matrix "qr" a
            let left = if m < n then Tensor.sliceAxis -1 0 m 1 a else a
            let k = min m n
            let packed = Tensor.Create(Decompose Decomposition.Qr, left)
            let q, r = rows 0 m packed, Linalg.turned (rows m (m + k) packed)

            if m < n then
                q, Tensor.concat -1 [ r; Tensor.matmul (Linalg.turned q) (Tensor.sliceAxis -1 m n 1 a) ]
            else
                q, r

        /// Eigenvalues, ascending, and orthonormal eigenvectors as columns, each with its largest element positive, of a symmetric matrix (the mean of A and
        /// A' is taken). Vectors of eigenvalues that coincide have no derivative; what flows between them is left out, which is right for functions that do not
        /// depend on the choice of basis.
        let eigh (a: Tensor) : Tensor * Tensor =
            let n = Linalg.square "eigh" a
            let packed = Tensor.Create(Decompose Decomposition.Eigh, a)
            lastRow n packed, rows 0 n packed

        /// <summary>
        /// Eigenvalues, and eigenvectors as columns, of a matrix without symmetry, each as a pair of real and imaginary parts: A V = V diag(w). The values ascend by their real, then their
        /// imaginary parts; each vector has length 1 and its largest element real and positive. Derivatives of every order where all values differ; of values that coincide the
        /// vectors have none (as for <c>eigh</c>). <c>eigh</c> is faster and more accurate for symmetric matrices.
        /// </summary>
        let eig (a: Tensor) : (Tensor * Tensor) * (Tensor * Tensor) =
            let n = Linalg.square "eig" a
            let packed = Tensor.Create(Decompose Decomposition.Eig, a)
            let re, im = rows 0 n packed, rows n (2 * n) packed
            let size = Tensor.rsqrt (Tensor.sumKeep [ -2 ] (re * re + im * im))
            (lastRow (2 * n) packed, lastRow (2 * n + 1) packed), (re * size, im * size)

        /// The eigenvalues of a matrix without symmetry, real and imaginary parts, ascending by them.
        let eigenvalues (a: Tensor) : Tensor * Tensor = fst (eig a)

        /// U, s and V' with A = U diag(s) V': orthonormal columns in U and rows in V', singular values s descending, as many as the smaller side. Of values that coincide or
        /// are 0, the vectors have no derivative (as for <c>eigh</c>).
        let svd (a: Tensor) : Tensor * Tensor * Tensor =
            let m, n = Linalg.matrix "svd" a
            let packed = Tensor.Create(Decompose Decomposition.Svd, a)
            rows 0 m packed, lastRow (m + n) packed, Linalg.turned (rows m (m + n) packed)
