namespace Ad.Functional

open Ad.Tensors

/// Square roots and logarithms, within the module of matrices.
[<AutoOpen>]
module LinalgRoots =
    /// Functions of square matrices whose derivatives are those of a larger matrix.
    [<RequireQualifiedAccess>]
    module Linalg =
        let private eyeLike (a: Tensor) = Linalg.eyeLike a
        let private sizes (a: Tensor) = Tensor.sumOver [ -2 ] (abs a) |> Tensor.maxOver [ -1 ]
        let private wide (t: Tensor) = Tensor.expandDims -1 (Tensor.expandDims -1 t)

        /// f of [[A, E], [0, A]] has f's derivative at A along E above its diagonal (Mathias 1996), and that along G' at A' is the transpose's, transposed.
        let rec private withDerivative (value: Tensor -> Tensor) (a: Tensor) : Tensor =
            let n = a.Shape[a.Rank - 1]

            let along (a: Tensor) (e: Tensor) =
                let below = Tensor.zerosLike a
                let upper, lower = Tensor.concat -1 [ a; e ], Tensor.concat -1 [ below; a ]
                let whole = withDerivative value (Tensor.concat -2 [ upper; lower ])
                whole |> Tensor.sliceAxis -2 0 n 1 |> Tensor.sliceAxis -1 n (2 * n) 1

            let jvp (x: Tensor[]) (v: Tensor[]) = [| along x[0] v[0] |]

            let vjp (x: Tensor[]) (g: Tensor[]) = [| Linalg.turned (along x[0] (Linalg.turned g[0])) |]

            oneWithRule (value (Tensor.stopGradient a)) [| a |] jvp vjp

        /// The product form of Newton's iteration (Cheng, Higham, Kenney and Laub 2001, equation 2.3), each step scaled by the determinant until it has nearly
        /// come to rest (Higham 2008, equation 6.29). The number of steps bounds what a matrix without a root does.
        let private root (a: Tensor) : Tensor =
            let n = float a.Shape[a.Rank - 1]
            let eye = eyeLike a
            let tiny = if a.DType = DType.Float64 then 1e-14 else 1e-6
            // Of size 1, so that no square of an element overflows.
            let size = sizes a

            let unit =
                wide (Tensor.where (Tensor.greater size (Tensor.zerosLike size)) size (Tensor.onesLike size))

            let step (count: Tensor, x: Tensor, m: Tensor, apart: Tensor) =
                let inverse = Linalg.inverse m
                let _, logarithm = Linalg.slogdet m
                let isFar = Tensor.greater apart (Tensor.fullLike apart 1e-2)
                let usable = Tensor.logicalAnd isFar (Tensor.isFinite logarithm)

                let scale =
                    exp (Tensor.where usable (logarithm / (-2.0 * n)) (Tensor.zerosLike logarithm))
                    |> wide

                let m, inverse = m * scale * scale, inverse / (scale * scale)
                let x = 0.5 * scale * Tensor.matmul x (eye + inverse)
                let m = 0.5 * (eye + 0.5 * (m + inverse))
                count + 1, x, m, sizes (m - eye)

            let goesOn (count: Tensor, _: Tensor, _: Tensor, apart: Tensor) =
                let isApart = Tensor.any (Tensor.greater apart (Tensor.fullLike apart (tiny * n)))
                Tensor.logicalAnd isApart (Tensor.less count (Tensor.scalar 60))

            let scaled = a / unit

            let _, x, _, apart =
                whileLoop goesOn step (Tensor.scalar 0, scaled, scaled, sizes (scaled - eye) + 1.0)

            let isRoot = Tensor.less apart (Tensor.fullLike apart 1e-3)
            Tensor.where (wide isRoot) (x * sqrt unit) (Tensor.fullLike x nan)

        // Gauss and Legendre's places and weights on [0, 1], of 8 points (Abramowitz and Stegun 1964, table 25.4).
        let private quadrature =
            [ for x, w in
                  [ 0.1834346424956498, 0.3626837833783620
                    0.5255324099163290, 0.3137066458778873
                    0.7966664774136267, 0.2223810344533745
                    0.9602898564975363, 0.1012285362903763 ] do
                  yield (1.0 + x) / 2.0, w / 2.0
                  yield (1.0 - x) / 2.0, w / 2.0 ]

        /// Roots until the matrix is near the identity, then the quotient of polynomials of degree 8 as partial fractions (Higham 2008, algorithm 11.9; Dieci and
        /// Papini 2000), doubled as often as a root was taken.
        let private logarithm (a: Tensor) : Tensor =
            let eye = eyeLike a

            let goesOn (count: Tensor, x: Tensor) =
                let apart = sizes (x - eye)
                let isApart = Tensor.any (Tensor.greater apart (Tensor.fullLike apart 0.25))
                Tensor.logicalAnd isApart (Tensor.less count (Tensor.scalar 60))

            let count, near =
                whileLoop goesOn (fun (count: Tensor, x) -> count + 1, root x) (Tensor.scalar 0, a)

            let y = near - eye

            let fractions =
                quadrature
                |> List.map (fun (place, weight) -> weight * Linalg.solve (eye + place * y) y)
                |> List.reduce (+)

            let times = exp (Tensor.cast a.DType count * System.Math.Log 2.0)
            Tensor.round times * fractions

        /// <summary>
        /// The square root X with X X = A whose eigenvalues lie right of the imaginary axis, of square matrices without eigenvalues on the negative real axis or at
        /// 0, symmetric or not; NaN where no real root was found. Derivatives of every order are those of a matrix of twice the size for each.
        /// </summary>
        /// <exception cref="T:System.ArgumentException">The matrices are not square.</exception>
        let sqrtm (a: Tensor) : Tensor =
            Linalg.square "sqrtm" a |> ignore
            if a.Count = 0L then a else withDerivative root a

        /// <summary>
        /// The logarithm X with e^X = A whose eigenvalues have imaginary parts between -pi and pi, of square matrices without eigenvalues on the negative real axis
        /// or at 0; NaN where no real root was found. Derivatives of every order are those of a matrix of twice the size for each.
        /// </summary>
        /// <exception cref="T:System.ArgumentException">The matrices are not square.</exception>
        let logm (a: Tensor) : Tensor =
            Linalg.square "logm" a |> ignore
            if a.Count = 0L then a else withDerivative logarithm a
