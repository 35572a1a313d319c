namespace Ad.Functional

open Ad.Tensors

/// <summary>How eigenvalues and eigenvectors of matrices without symmetry change with them (Magnus 1985), in pairs of real and imaginary parts.</summary>
/// <remarks>With M = V^-1 A' V the values change by M's diagonal and the vectors by V (F M), F[i, j] = 1 / (w[j] - w[i]) off the diagonal, less what keeps one element at 1.</remarks>
[<RequireQualifiedAccess>]
module internal EigRule =
    let private t (x: Tensor) = Tensor.swapAxes -1 -2 x
    let private mm a b = Tensor.matmul a b
    let private rows (first: int) (last: int) (x: Tensor) = Tensor.sliceAxis -2 first last 1 x
    let private eyeLike (x: Tensor) = Tensor.eye x.DType x.Shape[x.Rank - 1]
    let private overRows (x: Tensor) = Tensor.sumKeep [ -2 ] x

    /// The vectors, the values as rows, and where the vectors are 1, as ones among zeros.
    let private parts (y: Tensor) =
        let n = y.Shape[y.Rank - 1]
        let row k = rows (2 * n + k) (2 * n + k + 1) y
        let place = Tensor.cast y.DType (Tensor.iota DType.Int32 [ n; 1 ] 0)
        let isOne = Tensor.cast y.DType (Tensor.equal place (Tensor.stopGradient (row 2)))
        (rows 0 n y, rows n (2 * n) y), (row 0, row 1), isOne

    // 1 / (w[j] - w[i]), and 0 on the diagonal.
    let private gaps (wr: Tensor, wi: Tensor) =
        let own = eyeLike (wr - t wr)
        let r, i = wr - t wr + own, wi - t wi
        let size = r * r + i * i
        r / size * (1.0 - own), -i / size * (1.0 - own)

    /// The solution of a complex system, by a real one of twice the size.
    let private solve (ar: Tensor, ai: Tensor) (br: Tensor, bi: Tensor) =
        let n = br.Shape[br.Rank - 2]
        let block = Tensor.concat -2 [ Tensor.concat -1 [ ar; -ai ]; Tensor.concat -1 [ ai; ar ] ]
        let x = Tensor.Create(Solve LinearSystem.General, block, Tensor.concat -2 [ br; bi ])
        rows 0 n x, rows n (2 * n) x

    let push (y: Tensor) (da: Tensor) : Tensor =
        let (x, z), w, isOne = parts y
        let mr, mi = solve (x, z) (mm da x, mm da z)
        let fr, fi = gaps w
        let kr, ki = Tensor.scale mr fr - Tensor.scale mi fi, Tensor.scale mr fi + Tensor.scale mi fr
        let ur, ui = mm x kr - mm z ki, mm x ki + mm z kr
        let pr, pi = overRows (isOne * ur), overRows (isOne * ui)
        let diagonal (m: Tensor) = overRows (m * eyeLike m)

        Tensor.concat
            -2
            [ ur - (x * pr - z * pi)
              ui - (x * pi + z * pr)
              diagonal mr
              diagonal mi
              Tensor.zerosLike (diagonal mr) ]

    let pull (y: Tensor) (g: Tensor) : Tensor =
        let n = y.Shape[y.Rank - 1]
        let (x, z), w, isOne = parts y
        let gx, gz = rows 0 n g, rows n (2 * n) g
        let own = eyeLike x
        let ofValues k = rows (2 * n + k) (2 * n + k + 1) g * own
        // Every step's transpose takes the conjugate of what it multiplies by.
        let gr = gx - isOne * overRows (x * gx + z * gz)
        let gi = gz - isOne * overRows (x * gz - z * gx)
        let kr, ki = mm (t x) gr + mm (t z) gi, mm (t x) gi - mm (t z) gr
        let fr, fi = gaps w
        let mr = Tensor.scale kr fr + Tensor.scale ki fi + ofValues 0
        let mi = Tensor.scale ki fr - Tensor.scale kr fi + ofValues 1
        let br, bi = solve (t x, -(t z)) (mr, mi)
        mm br (t x) + mm bi (t z)
