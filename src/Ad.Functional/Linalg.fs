namespace Ad.Functional

open Ad.Tensors

/// Products and parts of matrices and of tensors with more axes.
[<RequireQualifiedAccess>]
module Linalg =
    let private square operation (t: Tensor) =
        if t.Rank < 2 || t.Shape[t.Rank - 1] <> t.Shape[t.Rank - 2] then
            Shapes.refuse
                operation
                $"takes square matrices in the last two axes, but was given {t.Signature}."

        t.Shape[t.Rank - 1]

    /// The diagonal of the last two axes, which have one size.
    let diagonal (t: Tensor) : Tensor =
        let n = square "diagonal" t
        let leading = Seq.take (t.Rank - 2) t.Shape |> Seq.toList
        // Every (n + 1)-th element of the rows one after another.
        Tensor.reshape (leading @ [ n * n ]) t |> Tensor.sliceAxis -1 0 (n * n) (n + 1)

    /// The matrix with a vector on its diagonal and zeros elsewhere.
    let diag (v: Tensor) : Tensor =
        if v.Rank <> 1 then
            Shapes.refuse "diag" $"takes a vector, but was given {v.Signature}."

        let n = v.Shape[0]
        Tensor.where (Tensor.eye DType.Bool n) v (Tensor.zeros v.DType [ n; n ])

    let private triangle operation keep (t: Tensor) =
        if t.Rank < 2 then
            Shapes.refuse operation $"takes matrices, but was given {t.Signature}."

        let place axis = Tensor.iota DType.Int32 (Seq.skip (t.Rank - 2) t.Shape) axis
        Tensor.where (keep (place 1 - place 0)) t (Tensor.zerosLike t)

    /// The elements on and above the k-th diagonal of the last two axes (k = 0 the main one, above it k > 0), zeros elsewhere.
    let triu (k: int) (t: Tensor) : Tensor =
        triangle "triu" (fun above -> Tensor.greaterEqual above (Tensor.fullLike above (float k))) t

    /// The elements on and below the k-th diagonal of the last two axes, zeros elsewhere.
    let tril (k: int) (t: Tensor) : Tensor =
        triangle "tril" (fun above -> Tensor.lessEqual above (Tensor.fullLike above (float k))) t

    /// Products summed over axes of a paired with axes of b: a's other axes, then b's.
    let tensordot (axesOfA: int seq) (axesOfB: int seq) (a: Tensor) (b: Tensor) : Tensor =
        let resolve (t: Tensor) axes = axes |> Seq.map (Shapes.axis "tensordot" t.Rank) |> axesOf
        let none = axesOf []
        Tensor.Create(Contract(none, none, resolve a axesOfA, resolve b axesOfB), a, b)

    /// The Kronecker product: every element of a times all of b, along each axis; of tensors of any ranks, axes of size 1 put before the fewer.
    let kron (a: Tensor) (b: Tensor) : Tensor =
        let rank = max a.Rank b.Rank

        let filled (t: Tensor) = Tensor.reshape (Seq.append (Seq.replicate (rank - t.Rank) 1) t.Shape) t

        let a, b = filled a, filled b

        Tensor.outer a b
        |> Tensor.permute (Seq.init (2 * rank) (fun i -> if i % 2 = 0 then i / 2 else rank + i / 2))
        |> Tensor.reshape (Seq.map2 (*) a.Shape b.Shape)

    /// One axis for each label: labels that stand twice become the diagonal of their axes.
    let rec private diagonals (labels: char list) (t: Tensor) : char list * Tensor =
        match labels |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
        | None -> labels, t
        | Some(label, _) ->
            let first = List.findIndex ((=) label) labels
            let second = first + 1 + List.findIndex ((=) label) (List.skip (first + 1) labels)

            if t.Shape[first] <> t.Shape[second] then
                Shapes.refuse
                    "einsum"
                    $"{label} stands for sizes {t.Shape[first]} and {t.Shape[second]} in {t.Signature}."

            let others = [ 0 .. t.Rank - 1 ] |> List.filter (fun a -> a <> first && a <> second)
            let rest = others |> List.map (fun a -> labels[a])
            diagonals (rest @ [ label ]) (diagonal (Tensor.permute (others @ [ first; second ]) t))

    /// The tensor without the axes of labels that nothing else needs: they are summed.
    let private sumOut (needed: char -> bool) (labels: char list, t: Tensor) : char list * Tensor =
        let summed =
            labels
            |> List.indexed
            |> List.filter (fun (_, l) -> not (needed l))
            |> List.map fst

        List.filter needed labels, Tensor.sumOver summed t

    let private pair (needed: char -> bool) (left: char list, a: Tensor) (right: char list, b: Tensor) =
        let shared = left |> List.filter (fun l -> List.contains l right)
        let batch, summed = List.partition needed shared
        let placesIn labels = List.map (fun l -> List.findIndex ((=) l) labels) >> axesOf
        let free labels = labels |> List.filter (fun l -> not (List.contains l shared))

        for l in shared do
            let m, n = a.Shape[List.findIndex ((=) l) left], b.Shape[List.findIndex ((=) l) right]

            if m <> n then
                Shapes.refuse "einsum" $"{l} stands for size {m} in {a.Signature} and {n} in {b.Signature}."

        let contraction =
            Contract(placesIn left batch, placesIn right batch, placesIn left summed, placesIn right summed)

        batch @ free left @ free right, Tensor.Create(contraction, a, b)

    // Letters in place of "...", for the axes that it stands for: the last ones' first, so that shapes broadcast from the end.
    let private unfold (formula: string) (tensors: Tensor list) : string * Tensor list =
        let sides = formula.Split "->"
        let inputs = sides[0].Split ','

        if not (formula.Contains "...") || inputs.Length <> tensors.Length then
            formula, tensors
        else
            let counts =
                Seq.map2
                    (fun (labels: string) (t: Tensor) ->
                        if labels.Contains "..." then
                            t.Rank - (labels.Length - 3)
                        else
                            0)
                    inputs
                    tensors
                |> Seq.toList

            let most = max 0 (List.max counts)

            let free =
                Seq.append [ 'A' .. 'Z' ] [ 'a' .. 'z' ]
                |> Seq.filter (fun l -> not (formula.Contains l))
                |> Seq.truncate most
                |> Seq.toArray

            if sides.Length > 1 && not (sides[1].Contains "...") && most > 0 then
                Shapes.refuse "einsum" $"the result of '{formula}' lacks the '...' that its tensors have."

            let sizes =
                Array.init most (fun k ->
                    Seq.zip3 inputs counts tensors
                    |> Seq.map (fun (labels, count, t) ->
                        let a = labels.IndexOf "..." + k - (most - count)
                        if k >= most - count then t.Shape[a] else 1)
                    |> Seq.max)

            // An axis of size 1 that meets a larger one is left out, so that it counts for all of it.
            let each (labels: string) count (t: Tensor) =
                if count <= 0 then
                    labels.Replace("...", ""), t
                else
                    let at = labels.IndexOf "..."
                    let places = [ for k in most - count .. most - 1 -> k, at + k - (most - count) ]

                    let single, kept =
                        places |> List.partition (fun (k, a) -> t.Shape[a] = 1 && sizes[k] <> 1)

                    let letters = kept |> List.map (fun (k, _) -> free[k]) |> System.String.Concat
                    labels.Replace("...", letters), Tensor.squeeze (List.map snd single) t

            let renamed, tensors = List.map3 each (List.ofArray inputs) counts tensors |> List.unzip
            let every = System.String.Concat free

            let result =
                if sides.Length > 1 then
                    sides[1].Replace("...", every)
                else
                    let single =
                        Seq.concat inputs
                        |> Seq.filter ((<>) '.')
                        |> Seq.countBy id
                        |> Seq.filter (fun (_, n) -> n = 1)
                        |> Seq.map fst
                        |> Seq.sort

                    every + System.String.Concat single

            String.concat "," renamed + "->" + result, tensors

    /// <summary>
    /// Einstein's summation: a letter for each axis of each tensor, and those of the result, such as "bij,bjk->bik". Letters that the result lacks are
    /// summed over; a letter twice in one tensor takes the diagonal. Without "->" the result has the letters that stand once, in alphabetical order. "..." stands for
    /// axes without a letter, which broadcast together.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The letters do not fit the tensors; the message says where.</exception>
    let einsum (formula: string) (tensors: Tensor seq) : Tensor =
        let formula, tensors = unfold (formula.Replace(" ", "")) (List.ofSeq tensors)
        let sides = formula.Split "->"
        let inputs = sides[0].Split ',' |> Array.map List.ofSeq |> List.ofArray

        let output =
            if sides.Length > 1 then
                List.ofSeq sides[1]
            else
                List.concat inputs
                |> List.countBy id
                |> List.filter (fun (_, n) -> n = 1)
                |> List.map fst
                |> List.sort

        if sides.Length > 2 || inputs.Length <> tensors.Length then
            Shapes.refuse
                "einsum"
                $"'{formula}' names {inputs.Length} tensors, but {tensors.Length} were given."

        for labels, t in List.zip inputs tensors do
            if labels.Length <> t.Rank || not (List.forall System.Char.IsAsciiLetter labels) then
                Shapes.refuse
                    "einsum"
                    $"'{System.String.Concat labels}' does not name the axes of {t.Signature} by a letter each."

        match output |> List.tryFind (fun l -> not (List.exists (List.contains l) inputs)) with
        | Some l -> Shapes.refuse "einsum" $"the result's letter {l} stands in no tensor of '{formula}'."
        | None -> ()

        if (List.distinct output).Length < output.Length then
            Shapes.refuse "einsum" $"the result of '{formula}' names a letter twice."

        let neededBy (rest: (char list * Tensor) list) l =
            List.contains l output
            || List.exists (fun (labels, _) -> List.contains l labels) rest

        let rec combine (current: char list * Tensor) rest =
            match rest with
            | [] -> sumOut (neededBy []) current
            | next :: later ->
                let current = sumOut (neededBy (next :: later)) current
                let next = sumOut (neededBy (current :: later)) next
                combine (pair (neededBy later) current next) later

        match List.map2 diagonals inputs tensors with
        | [] -> Shapes.refuse "einsum" "was given no tensors."
        | first :: rest ->
            let labels, t = combine first rest
            Tensor.permute (output |> List.map (fun l -> List.findIndex ((=) l) labels)) t

    // ---- decompositions, of each matrix along the last two axes

    let private matrix name (a: Tensor) =
        if a.Rank < 2 then
            Shapes.refuse name $"takes matrices, but was given {a.Signature}."

        a.Shape[a.Rank - 2], a.Shape[a.Rank - 1]

    let private turned (a: Tensor) = Tensor.swapAxes -1 -2 a
    let private rows (first: int) (last: int) (t: Tensor) = Tensor.sliceAxis -2 first last 1 t
    let private lastRow (n: int) (t: Tensor) = Tensor.squeeze [ -2 ] (rows n (n + 1) t)

    /// The lower triangular L with a positive diagonal and L L' = A, for symmetric positive definite A (the mean of A and A' is taken). NaN where there
    /// is none.
    let cholesky (a: Tensor) : Tensor =
        square "cholesky" a |> ignore
        Tensor.Create(Decompose Decomposition.Cholesky, a)

    let private solveWith name system (a: Tensor) (b: Tensor) =
        let n = square name a
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
        solveUpper (turned l) (solveLower l b)

    let private eyeLike (a: Tensor) = Tensor.eye a.DType a.Shape[a.Rank - 1] + Tensor.zerosLike a

    /// The inverse. <c>solve</c> is faster and more accurate where only A^-1 b is wanted.
    let inverse (a: Tensor) : Tensor =
        square "inverse" a |> ignore
        solve a (eyeLike a)

    /// P, L and U with A = P L U: a permutation, a lower triangular matrix with a diagonal of 1, and an upper triangular one. Constant pieces between changes
    /// of the order of rows; P has no derivative.
    let lu (a: Tensor) : Tensor * Tensor * Tensor =
        let n = square "lu" a
        let packed = Tensor.Create(Decompose Decomposition.Lu, a)
        let both = rows 0 n packed
        let order = Tensor.cast DType.Int32 (lastRow n packed)
        turned (Tensor.oneHot a.DType n order), tril -1 both + eyeLike both, triu 0 both

    /// The determinant, with derivatives of every order at singular matrices too: the first is the matrix of cofactors.
    let det (a: Tensor) : Tensor =
        square "det" a |> ignore
        Tensor.squeeze [ -2; -1 ] (Tensor.Create(Decompose Decomposition.Determinant, a))

    /// The sign of the determinant and the logarithm of its magnitude, which neither overflow nor underflow; 0 and -infinity for a singular matrix.
    let slogdet (a: Tensor) : Tensor * Tensor =
        let n = square "slogdet" a
        let packed = Tensor.Create(Decompose Decomposition.Lu, a)
        let pivots = diagonal (rows 0 n packed)
        let order = Tensor.stopGradient (lastRow n packed)
        let isInverted = Tensor.greater (Tensor.expandDims -1 order) (Tensor.expandDims -2 order)
        let exchanges = Tensor.sumOver [ -2; -1 ] (triu 1 (Tensor.cast a.DType isInverted))
        let parity = 1.0 - 2.0 * Tensor.remainder exchanges (Tensor.fullLike exchanges 2.0)

        parity * Tensor.prodOver [ -1 ] (Tensor.sign (Tensor.stopGradient pivots)),
        Tensor.sumOver [ -1 ] (log (abs pivots))

    /// Q with orthonormal columns and upper triangular R with a diagonal that is not negative, A = Q R: Q is m by k and R k by n, with k the smaller of m and n. The
    /// derivative needs A, or its first m columns, of full rank.
    let qr (a: Tensor) : Tensor * Tensor =
        let m, n = matrix "qr" a
        let left = if m < n then Tensor.sliceAxis -1 0 m 1 a else a
        let k = min m n
        let packed = Tensor.Create(Decompose Decomposition.Qr, left)
        let q, r = rows 0 m packed, turned (rows m (m + k) packed)

        if m < n then
            q, Tensor.concat -1 [ r; Tensor.matmul (turned q) (Tensor.sliceAxis -1 m n 1 a) ]
        else
            q, r

    /// Eigenvalues, ascending, and orthonormal eigenvectors as columns, each with its largest element positive, of a symmetric matrix (the mean of A and
    /// A' is taken). Vectors of eigenvalues that coincide have no derivative; what flows between them is left out, which is right for functions that do not
    /// depend on the choice of basis.
    let eigh (a: Tensor) : Tensor * Tensor =
        let n = square "eigh" a
        let packed = Tensor.Create(Decompose Decomposition.Eigh, a)
        lastRow n packed, rows 0 n packed

    /// U, s and V' with A = U diag(s) V': orthonormal columns in U and rows in V', singular values s descending, as many as the smaller side. Of values that coincide or
    /// are 0, the vectors have no derivative (as for <c>eigh</c>).
    let svd (a: Tensor) : Tensor * Tensor * Tensor =
        let m, n = matrix "svd" a
        let packed = Tensor.Create(Decompose Decomposition.Svd, a)
        rows 0 m packed, lastRow (m + n) packed, turned (rows m (m + n) packed)

    /// The singular values, descending.
    let singularValues (a: Tensor) : Tensor =
        let _, s, _ = svd a
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
        let m, n = matrix "leastSquares" a

        if m < n then
            Shapes.refuse
                "leastSquares"
                $"takes at least as many rows as columns, but was given {a.Signature}."

        let isVector = b.Rank = a.Rank - 1
        let right = if isVector then Tensor.expandDims -1 b else b
        let q, r = qr a
        let x = solveUpper r (Tensor.matmul (turned q) right)
        if isVector then Tensor.squeeze [ -1 ] x else x

    /// Moore and Penrose's inverse for a matrix of full rank: (A'A)^-1 A', or A'(A A')^-1 if it is wide, by Q R.
    let pseudoInverse (a: Tensor) : Tensor =
        let m, n = matrix "pseudoInverse" a

        let tall (a: Tensor) =
            let q, r = qr a
            solveUpper r (turned q)

        if m >= n then tall a else turned (tall (turned a))

    /// A^k, by squaring; of negative powers that of the inverse.
    let matrixPower (k: int) (a: Tensor) : Tensor =
        square "matrixPower" a |> ignore

        let rec power k (a: Tensor) =
            if k = 0 then eyeLike a
            elif k = 1 then a
            elif k % 2 = 0 then power (k / 2) (Tensor.matmul a a)
            else Tensor.matmul a (power (k - 1) a)

        if k < 0 then power -k (inverse a) else power k a

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
        square "expm" a |> ignore
        let norm = Tensor.maxOver [ -1 ] (Tensor.sumOver [ -2 ] (abs (Tensor.stopGradient a)))
        let one = Tensor.onesLike norm
        let halvings = Tensor.ceil (log (Tensor.maximum one (norm / 5.371920351148152)) / System.Math.Log 2.0)
        let wide (t: Tensor) = Tensor.expandDims -1 (Tensor.expandDims -1 t)
        let a = a * wide (exp (-(halvings * System.Math.Log 2.0)))
        let b = padeOf13
        let eye = eyeLike a
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

        (solve (v - u) (v + u), seq { 0..23 })
        ||> Seq.fold (fun x k ->
            let goesOn = Tensor.greater (wide halvings) (Tensor.fullLike (wide halvings) (float k))
            Tensor.where goesOn (Tensor.matmul x x) x)
