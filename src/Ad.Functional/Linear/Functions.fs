namespace Ad.Functional

open Ad.Tensors

/// Functions of matrices, within the module of matrices.
[<AutoOpen>]
module LinalgFunctions =
    /// Norms, inverses, powers and exponentials of matrices.
    [<RequireQualifiedAccess>]
    module Linalg =
        /// The singular values, descending.
        let singularValues (a: Tensor) : Tensor =
            let _, s, _ = Linalg.svd a
            s

        /// The largest singular value.
        let spectralNorm (a: Tensor) : Tensor = Tensor.maxOver [ -1 ] (singularValues a)

        /// The sum of the singular values.
        let nuclearNorm (a: Tensor) : Tensor = Tensor.sumOver [ -1 ] (singularValues a)

        /// The largest singular value over the smallest.
        let conditionNumber (a: Tensor) : Tensor =
            let s = singularValues a
            Tensor.maxOver [ -1 ] s / Tensor.minOver [ -1 ] s

        /// x that minimises |A x - b|, for A of full column rank, by Q R.
        let leastSquares (a: Tensor) (b: Tensor) : Tensor =
            let m, n = Linalg.matrix "leastSquares" a

            if m < n then
                Shapes.refuse
                    "leastSquares"
                    $"takes at least as many rows as columns, but was given {a.Signature}."

            let isVector = b.Rank = a.Rank - 1
            let right = if isVector then Tensor.expandDims -1 b else b
            let q, r = Linalg.qr a
            let x = Linalg.solveUpper r (Tensor.matmul (Linalg.turned q) right)
            if isVector then Tensor.squeeze [ -1 ] x else x

        /// The share of the largest singular value up to which a smaller one counts as 0: the larger side times the type's precision.
        let private negligible (a: Tensor) =
            let side = float (max a.Shape[a.Rank - 1] a.Shape[a.Rank - 2])

            side
            * (if a.DType = DType.Float64 then
                   2.220446049250313e-16
               else
                   1.1920928955078125e-7)

        /// Whether each singular value is above a share of the largest; NaN counts as above.
        let private countsAbove (share: float) (s: Tensor) =
            Tensor.logicalNot (Tensor.lessEqual s (share * Tensor.maxKeep [ -1 ] s))

        /// The number of singular values above a share of the largest, Int32.
        let matrixRankAbove (share: float) (a: Tensor) : Tensor =
            Linalg.matrix "matrixRank" a |> ignore

            if a.Count = 0L then
                Tensor.zeros DType.Int32 (Seq.take (a.Rank - 2) a.Shape)
            else
                countsAbove share (singularValues (Tensor.stopGradient a))
                |> Tensor.sumOver [ -1 ]

        /// The number of singular values that are not 0 to rounding, Int32: above the largest times the larger side times the type's precision.
        let matrixRank (a: Tensor) : Tensor = matrixRankAbove (negligible a) a

        /// <summary>
        /// Moore and Penrose's inverse: of all x with the least |A x - b|, the shortest is A+ b. Singular values up to a share of the largest count as 0. The
        /// derivatives, of every order, are those along matrices of the same rank (Golub and Pereyra 1973, of the first order); where the rank changes, the inverse
        /// jumps, and they say nothing of that. NaN of a matrix with a NaN.
        /// </summary>
        let pseudoInverseAbove (share: float) (a: Tensor) : Tensor =
            Linalg.matrix "pseudoInverse" a |> ignore

            if a.Count = 0L then
                Linalg.turned a
            else
                // Of a matrix near this one and of its rank, columns C = A V D and rows R = D U' A with the U and V of this one give A = C (U' A V scaled)^-1 R
                // exactly, so that A+ is R+ (..) C+ with factors of full rank, whose derivatives are plain ones. Here C'C and R R' are the identity.
                let u, s, vt = Linalg.svd (Tensor.stopGradient a)
                let counts = countsAbove share s
                let weight = Tensor.where counts (1.0 / s) (Tensor.zerosLike s)
                let u = u * Tensor.expandDims -2 weight
                let v = Linalg.turned vt * Tensor.expandDims -2 weight
                let eye = Tensor.eye a.DType s.Shape[s.Rank - 1]
                let others = Tensor.where (Tensor.expandDims -1 counts) (Tensor.zerosLike eye) eye
                let columns = Tensor.matmul a v
                let rows = Tensor.matmul (Linalg.turned u) a
                let middle = Tensor.matmul (Linalg.turned u) columns
                let gram (c: Tensor) = Tensor.matmul (Linalg.turned c) c + others
                let left = Linalg.solve (gram columns) (Linalg.turned columns)
                let right = Linalg.turned (Linalg.solve (gram (Linalg.turned rows)) rows)
                Tensor.matmul right (Tensor.matmul middle left)

        /// Moore and Penrose's inverse: of all x with the least |A x - b|, the shortest is A+ b. Singular values up to the largest times the larger side
        /// times the type's precision count as 0. Derivatives as for <c>pseudoInverseAbove</c>.
        let pseudoInverse (a: Tensor) : Tensor = pseudoInverseAbove (negligible a) a

        /// A^k, by squaring; of negative powers that of the inverse.
        let matrixPower (k: int) (a: Tensor) : Tensor =
            Linalg.square "matrixPower" a |> ignore

            let rec power k (a: Tensor) =
                if k = 0 then Linalg.eyeLike a
                elif k = 1 then a
                elif k % 2 = 0 then power (k / 2) (Tensor.matmul a a)
                else Tensor.matmul a (power (k - 1) a)

            if k < 0 then power -k (Linalg.inverse a) else power k a

        let private padeOf13 =
            [| 64764752532480000.0
               32382376266240000.0
               7771770303897600.0
               1187353796428800.0
               129060195264000.0
               10559470521600.0
               670442572800.0
               33522128640.0
               1323241920.0
               40840800.0
               960960.0
               16380.0
               182.0
               1.0 |]

        /// e^A, by scaling, the quotient of polynomials of degree 13, and squaring (Higham 2005, algorithm 2.3), for norms up to 5.4 2^24.
        let expm (a: Tensor) : Tensor =
            Linalg.square "expm" a |> ignore
            let norm = Tensor.maxOver [ -1 ] (Tensor.sumOver [ -2 ] (abs (Tensor.stopGradient a)))
            let one = Tensor.onesLike norm

            let halvings =
                Tensor.ceil (log (Tensor.maximum one (norm / 5.371920351148152)) / System.Math.Log 2.0)

            let wide (t: Tensor) = Tensor.expandDims -1 (Tensor.expandDims -1 t)
            let a = a * wide (exp (-(halvings * System.Math.Log 2.0)))
            let b = padeOf13
            let eye = Linalg.eyeLike a
            let a2 = Tensor.matmul a a
            let a4 = Tensor.matmul a2 a2
            let a6 = Tensor.matmul a4 a2

            let u =
                Tensor.matmul
                    a
                    (Tensor.matmul a6 (b[13] * a6 + b[11] * a4 + b[9] * a2)
                     + b[7] * a6
                     + b[5] * a4
                     + b[3] * a2
                     + b[1] * eye)

            let v =
                Tensor.matmul a6 (b[12] * a6 + b[10] * a4 + b[8] * a2)
                + b[6] * a6
                + b[4] * a4
                + b[2] * a2
                + b[0] * eye

            (Linalg.solve (v - u) (v + u), seq { 0..23 })
            ||> Seq.fold (fun x k ->
                let goesOn = Tensor.greater (wide halvings) (Tensor.fullLike (wide halvings) (float k))
                Tensor.where goesOn (Tensor.matmul x x) x)
