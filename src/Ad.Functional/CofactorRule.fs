namespace Ad.Functional

open Ad.Tensors

/// <summary>How cofactors, the first derivatives of a determinant, change with their matrix: without a division by what vanishes in singular matrices.</summary>
/// <remarks>
/// With orthogonal U and V held fixed, B = U' A V has B's cofactors = s U' cof(A) V, s = det U det V. U and V are those of the singular values of A, so that B is next to
/// diagonal and what is small stands in its last two rows and columns. With B = [P Q; R W], S = W - R P^-1 Q, X = P^-1 Q and Y = R P^-1 its adjugate is
/// det P [det S P^-1 + X K Y, -X K; -K Y, K], where K is the adjugate of S, for which 2 by 2 nothing is divided.
/// </remarks>
[<RequireQualifiedAccess>]
module internal CofactorRule =
    let private t (x: Tensor) = Tensor.swapAxes -1 -2 x
    let private mm a b = Tensor.matmul a b
    let private eyeLike (x: Tensor) = Tensor.eye x.DType x.Shape[x.Rank - 1]
    let private trace (x: Tensor) = Tensor.sumKeep [ -2; -1 ] (x * eyeLike x)
    let private beside a b = Tensor.concat -1 [ a; b ]
    let private over a b = Tensor.concat -2 [ a; b ]
    let private cut axis first last (x: Tensor) = Tensor.sliceAxis axis first last 1 x

    /// The four blocks of a matrix of size n, the last with 2 rows and columns.
    let private blocks n (x: Tensor) =
        let upper, lower = cut -2 0 (n - 2) x, cut -2 (n - 2) n x
        cut -1 0 (n - 2) upper, cut -1 (n - 2) n upper, cut -1 0 (n - 2) lower, cut -1 (n - 2) n lower

    /// The adjugate of matrices 2 by 2.
    let private adjugate (s: Tensor) = trace s * eyeLike s - s

    let private determinant (s: Tensor) =
        let element i j = cut -1 j (j + 1) (cut -2 i (i + 1) s)
        element 0 0 * element 1 1 - element 0 1 * element 1 0

    // What singular values of P are raised to: by no more than rounding, so that the inverse exists.
    let private floorOf (x: Tensor) (values: Tensor) =
        let relative, least =
            if x.DType = DType.Float32 then
                1e-7, 1e-10
            else
                1e-16, 1e-60

        Tensor.maximum (relative * Tensor.maxKeep [ -1 ] values) (Tensor.scalar least |> Tensor.cast x.DType)

    /// The change of A's cofactors as A changes by da. As it is a second derivative of one number, it is its own transpose.
    let push (a: Tensor) (da: Tensor) : Tensor =
        let n = a.Shape[a.Rank - 1]

        if n < 3 then
            if n < 2 then Tensor.zerosLike da else t (adjugate da)
        else
            let packed = Tensor.Create(Decompose Decomposition.Svd, Tensor.stopGradient a)
            let u, v = cut -2 0 n packed, cut -2 n (2 * n) packed
            let values = cut -2 (2 * n) (2 * n + 1) packed
            let floor = floorOf a values
            let raised = Tensor.where (Tensor.less values floor) floor (Tensor.zerosLike values)
            let isOfP = Tensor.less (Tensor.arange DType.Int32 n) (Tensor.scalar (n - 2))
            let guard = Tensor.where isOfP raised (Tensor.zerosLike raised) * eyeLike a
            let turns = Tensor.Create(Decompose Decomposition.Determinant, mm u (t v))
            let sign = Tensor.stopGradient (Tensor.sign turns)
            let p, q, r, w = blocks n (mm (t u) (mm a v) + guard)
            let dp, dq, dr, dw = blocks n (mm (t u) (mm da v))
            let inverse = Tensor.Create(Solve LinearSystem.General, p, eyeLike p + Tensor.zerosLike p)
            let x, y = mm inverse q, mm r inverse
            let s = w - mm r x
            let k = adjugate s
            let dInverse = -(mm inverse (mm dp inverse))
            let dx, dy = mm inverse (dq - mm dp x), mm (dr - mm y dp) inverse
            let ds = dw - mm dr x - mm y dq + mm y (mm dp x)
            let dk = adjugate ds
            let detS, dDetS = determinant s, trace (mm k ds)
            let detP = Tensor.Create(Decompose Decomposition.Determinant, p)
            let dDetP = detP * trace (mm inverse dp)
            let xk, ky = mm x k, mm k y
            let dxk, dky = mm dx k + mm x dk, mm dk y + mm k dy

            let adjoint = over (beside (detS * inverse + mm xk y) (-xk)) (beside (-ky) k)

            let moved =
                over
                    (beside (dDetS * inverse + detS * dInverse + mm dxk y + mm xk dy) (-dxk))
                    (beside (-dky) dk)

            sign * mm u (mm (t (dDetP * adjoint + detP * moved)) (t v))
