namespace Ad.Functional

open Ad.Tensors

/// <summary>How decompositions change with their matrix, after Giles 2008, Murray 2016 (Cholesky) and Townsend 2016 (singular values).</summary>
/// <remarks>X' is the transpose; ' on names is a tangent's. F[i, j] = 1 / (w[j] - w[i]) off the diagonal; between equal ones a zero wins.</remarks>
[<RequireQualifiedAccess>]
module internal DecompositionRules =
    let private t (x: Tensor) = Tensor.swapAxes -1 -2 x
    let private mm a b = Tensor.matmul a b
    let private rows (first: int) (last: int) (x: Tensor) = Tensor.sliceAxis -2 first last 1 x
    let private over (parts: Tensor list) = Tensor.concat -2 parts

    let private symmetric (x: Tensor) = 0.5 * (x + t x)
    let private eyeLike (x: Tensor) = Tensor.eye x.DType x.Shape[x.Rank - 1]

    /// The lower triangle with half the diagonal.
    let private lowerHalf (x: Tensor) = Linalg.tril 0 x - 0.5 * (x * eyeLike x)

    /// The diagonal as a row.
    let private diagonalRow (x: Tensor) = Tensor.sumKeep [ -2 ] (x * eyeLike x)

    /// The solution where it is known that the leading axes are the same.
    let solve system (a: Tensor) (b: Tensor) = Tensor.Create(Solve system, a, b)

    let private flipped system =
        match system with
        | LinearSystem.General -> LinearSystem.General
        | LinearSystem.Lower -> LinearSystem.Upper
        | LinearSystem.Upper -> LinearSystem.Lower

    let private seen system (x: Tensor) =
        match system with
        | LinearSystem.General -> x
        | LinearSystem.Lower -> Linalg.tril 0 x
        | LinearSystem.Upper -> Linalg.triu 0 x

    // x' = A^-1 (b' - A' x)
    let pushSolve system a (x: Tensor) (da: Tensor option) (db: Tensor option) : Tensor option =
        let moved = da |> Option.map (fun da -> mm (seen system da) x)

        match db, moved with
        | Some db, Some moved -> Some(solve system a (db - moved))
        | Some db, None -> Some(solve system a db)
        | None, Some moved -> Some(-(solve system a moved))
        | None, None -> None

    let pullSolve system a (x: Tensor) g : Tensor[] =
        let b = solve (flipped system) (t a) g
        [| seen system (-(mm b (t x))); b |]

    // b A^-1 for a triangular A.
    let private rightSolve system a b = t (solve (flipped system) (t a) (t b))

    // 1 / (w[j] - w[i]) times x, and 0 on the diagonal. Between equal ones a zero stays one; anything else is infinite, as no number would be right.
    let private byGaps (w: Tensor) (x: Tensor) =
        let own = eyeLike x
        Tensor.scale (x * (1.0 - own)) (1.0 / (w - t w + own))

    let private lower = LinearSystem.Lower
    let private upper = LinearSystem.Upper

    // L and U of a packed decomposition, and the matrix P of its order of rows: P A = L U.
    let private parts (packed: Tensor) =
        let n = packed.Shape[packed.Rank - 1]
        let both = rows 0 n packed
        let order = Tensor.squeeze [ -2 ] (rows n (n + 1) packed)
        let p = Tensor.oneHot packed.DType n (Tensor.cast DType.Int32 order)
        Linalg.tril -1 both + eyeLike both, Linalg.triu 0 both, p

    let private columnsOf (x: Tensor) = x.Shape[x.Rank - 1]
    let private rowsOf (x: Tensor) = x.Shape[x.Rank - 2]

    let push kind (a: Tensor) (y: Tensor) (da: Tensor) : Tensor =
        let n = columnsOf a

        match kind with
        | Decomposition.Cholesky ->
            // L' = L lowerHalf(L^-1 A' L^-T)
            let inner = rightSolve upper (t y) (solve lower y (symmetric da))
            mm y (lowerHalf inner)
        | Decomposition.Lu ->
            let l, u, p = parts y
            let f = rightSolve upper u (solve lower l (mm p da))
            let both = mm l (Linalg.tril -1 f) + mm (Linalg.triu 0 f) u
            over [ both; Tensor.zerosLike (rows n (n + 1) y) ]
        | Decomposition.Qr ->
            let m = rowsOf a
            let q, r = rows 0 m y, t (rows m (m + n) y)
            let dar = rightSolve upper r da
            let c = mm (t q) dar
            let strict = Linalg.tril -1 c
            let turn = strict - t strict
            let dq = dar - mm q c + mm q turn
            let dr = mm (c - turn) r
            over [ dq; t (Linalg.triu 0 dr) ]
        | Decomposition.Eigh ->
            let v, w = rows 0 n y, rows n (n + 1) y
            let d = mm (t v) (mm (symmetric da) v)
            over [ mm v (byGaps w d); diagonalRow d ]
        | Decomposition.Eig -> EigRule.push y da
        | Decomposition.Svd ->
            let m = rowsOf a
            let u, v, s = rows 0 m y, rows m (m + n) y, rows (m + n) (m + n + 1) y
            let d = mm (t u) (mm da v)
            let squares = s * s
            let right, left = d * s, t s * d
            let du = mm u (byGaps squares (right + t right))
            let dv = mm v (byGaps squares (left + t left))
            let outside (basis: Tensor) (x: Tensor) = Tensor.scale (x - mm basis (mm (t basis) x)) (1.0 / s)
            let du = if m > n then du + outside u (mm da v) else du
            let dv = if n > m then dv + outside v (mm (t da) u) else dv
            over [ du; dv; diagonalRow d ]
        | Decomposition.Determinant ->
            Tensor.sumKeep [ -2; -1 ] (Tensor.scale (Tensor.Create(Decompose Decomposition.Cofactors, a)) da)
        | Decomposition.Cofactors -> CofactorRule.push a da

    let pull kind (a: Tensor) (y: Tensor) (g: Tensor) : Tensor =
        let n = columnsOf a

        match kind with
        | Decomposition.Cholesky ->
            // lowerHalf is its own transpose, on the lower triangle.
            let inner = lowerHalf (mm (t y) (Linalg.tril 0 g))
            let left = solve upper (t y) inner
            symmetric (rightSolve lower y left)
        | Decomposition.Lu ->
            let l, u, p = parts y
            let g = rows 0 n g
            let ofL = Linalg.tril -1 (mm (t l) (Linalg.tril -1 g))
            let ofU = Linalg.triu 0 (mm (Linalg.triu 0 g) (t u))
            mm (t p) (rightSolve lower (t u) (solve upper (t l) (ofL + ofU)))
        | Decomposition.Qr ->
            let m = rowsOf a
            let q, r = rows 0 m y, t (rows m (m + n) y)
            let gq, gr = rows 0 m g, Linalg.triu 0 (t (rows m (m + n) g))
            let both = mm r (t gr) - mm (t gq) q
            let copied = Linalg.tril 0 both + t (Linalg.tril -1 both)
            rightSolve lower (t r) (gq + mm q copied)
        | Decomposition.Eigh ->
            let v, w = rows 0 n y, rows n (n + 1) y
            let gv, gw = rows 0 n g, rows n (n + 1) g
            symmetric (mm v (mm (byGaps w (mm (t v) gv) + gw * eyeLike v) (t v)))
        | Decomposition.Eig -> EigRule.pull y g
        | Decomposition.Svd ->
            let m = rowsOf a
            let u, v, s = rows 0 m y, rows m (m + n) y, rows (m + n) (m + n + 1) y
            let gu, gv, gs = rows 0 m g, rows m (m + n) g, rows (m + n) (m + n + 1) g
            let squares = s * s
            let turned basis g = let h = mm (t basis) g in byGaps squares (h - t h)
            let k = s.Shape[s.Rank - 1]
            let core = turned u gu * s + t s * turned v gv + gs * Tensor.eye a.DType k
            let inside = mm u (mm core (t v))
            let outside (basis: Tensor) (x: Tensor) = Tensor.scale (x - mm basis (mm (t basis) x)) (1.0 / s)
            let inside = if m > n then inside + mm (outside u gu) (t v) else inside
            if n > m then inside + mm u (t (outside v gv)) else inside
        | Decomposition.Determinant -> Tensor.scale (Tensor.Create(Decompose Decomposition.Cofactors, a)) g
        | Decomposition.Cofactors -> CofactorRule.push a g
