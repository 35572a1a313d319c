namespace Ad.Functional

open System
open Ad.Tensors

/// What GaLore keeps: the steps made, the directions of each matrix that it looks along, and the inner state.
type Projected<'S> =
    { Count: Tensor
      Directions: Tensor[]
      Inner: 'S }

/// <summary>Gradients of matrices seen as matrices: preconditioned along each axis, or projected to few directions.</summary>
/// <remarks>A learning rate follows in a chain. Other tensors are treated as said.</remarks>
[<RequireQualifiedAccess>]
module Factored =
    // Axis first, all others together.
    let private unfolded axis (g: Tensor) =
        let order =
            axis
            :: [ for i in 0 .. g.Rank - 1 do
                     if i <> axis then
                         i ]

        Tensor.reshape [ g.Shape[axis]; -1 ] (Tensor.permute order g)

    // The matrix applied along an axis.
    let private along axis (m: Tensor) (g: Tensor) =
        Linalg.tensordot [ 1 ] [ axis ] m g
        |> Tensor.permute
            [ for i in 0 .. g.Rank - 1 ->
                  if i = axis then 0
                  elif i < axis then i + 1
                  else i ]

    /// A^power of a symmetric matrix with positive eigenvalues; those below the least one are taken for it.
    let private power (exponent: float) (least: float) (a: Tensor) =
        let w, vectors = Linalg.eigh a
        let w = Tensor.maximum w (Tensor.fullLike w least)
        Tensor.matmul (vectors * Tensor.Pow(w, Tensor.fullLike w exponent)) (Tensor.transpose vectors)

    /// <summary>Shampoo (Gupta, Koren and Singer 2018, algorithm 2): a gradient of k axes times L^(-1/2k) along each, L = epsilon I + the sum of g g' so far.</summary>
    /// <remarks>A vector gets full-matrix AdaGrad. Axes longer than a size are left alone; numbers stay as they are.</remarks>
    [<CompiledName("Shampoo")>]
    let shampoo (largest: int) (epsilon: float) : Optimizer<'P, Tensor[][]> =
        Updates.within "shampoo" "epsilon" 0.0 infinity epsilon

        let axes (t: Tensor) =
            if t.DType.IsFloat() then
                [| for axis in 0 .. t.Rank - 1 do
                       if t.Shape[axis] <= largest then
                           axis |]
            else
                [||]

        let step (g: Tensor) (sums: Tensor[]) =
            let axes = axes g

            let sums =
                Array.map2
                    (fun axis sum ->
                        let m = unfolded axis g
                        sum + Tensor.matmul m (Tensor.transpose m))
                    axes
                    sums

            let exponent = -1.0 / (2.0 * float axes.Length)

            let update =
                Array.zip axes sums
                |> Array.fold (fun u (axis, sum) -> along axis (power exponent epsilon sum) u) g

            update, sums

        { Init =
            fun p ->
                Tree.leaves p
                |> Array.map (fun t ->
                    axes t |> Array.map (fun axis -> epsilon * Tensor.eye t.DType t.Shape[axis]))
          Update =
            fun g sums _ ->
                let leaves, sums = Array.map2 step (Tree.leaves g) sums |> Array.unzip
                Tree.withLeaves leaves g, sums }

    /// <summary>GaLore (Zhao et al. 2024, algorithm 2): the inner optimizer sees each matrix along its first singular directions only, so that its state is small.</summary>
    /// <remarks>
    /// The directions, so many at most, are those of the gradient at every so many steps, on the matrix's longer side; what the inner optimizer gives goes back
    /// times a scale. Other tensors go to the inner optimizer as they are. It sees parameters along
    /// the same directions.
    /// </remarks>
    [<CompiledName("Galore")>]
    let galore
        (rank: int)
        (every: int)
        (scale: float)
        (inner: Optimizer<Tensor[], 'S>)
        : Optimizer<'P, Projected<'S>> =
        if rank < 1 || every < 1 then
            Shapes.refuse
                "galore"
                $"takes a rank and a number of steps of at least 1, but was given {rank} and {every}."

        let isMatrix (t: Tensor) = t.Rank = 2 && t.DType.IsFloat()
        let isTall (t: Tensor) = t.Shape[0] >= t.Shape[1]
        let kept (t: Tensor) = min rank (min t.Shape[0] t.Shape[1])

        let directions (g: Tensor) =
            // A gradient of 0 has no directions: the axes stand for them.
            let isZero = Tensor.equal (Tensor.max (abs g)) (Tensor.zeros g.DType [])
            let row, column = Tensor.iota g.DType g.Shape 0, Tensor.iota g.DType g.Shape 1
            let isDiagonal = Tensor.equal row column
            let axes = Tensor.where isDiagonal (row + 1.0) (Tensor.zerosLike g)
            let u, _, v = Linalg.svd (Tensor.where isZero axes g)

            Tensor.slice
                [ 0, (max g.Shape[0] g.Shape[1]), 1; 0, kept g, 1 ]
                (if isTall g then u else Tensor.transpose v)

        let into (g: Tensor) (d: Tensor) =
            if not (isMatrix g) then g
            elif isTall g then Tensor.matmul (Tensor.transpose d) g
            else Tensor.matmul g d

        let back (g: Tensor) (d: Tensor) (u: Tensor) =
            if not (isMatrix g) then u
            elif isTall g then scale * Tensor.matmul d u
            else scale * Tensor.matmul u (Tensor.transpose d)

        { Init =
            fun p ->
                let leaves = Tree.leaves p

                let start =
                    leaves
                    |> Array.map (fun t ->
                        if isMatrix t then
                            Tensor.zeros t.DType [ max t.Shape[0] t.Shape[1]; kept t ]
                        else
                            Tensor.zeros t.DType [ 0; 0 ])

                { Count = Updates.zeroCount ()
                  Directions = start
                  Inner = inner.Init(Array.map2 into leaves start) }
          Update =
            fun g s p ->
                let leaves = Tree.leaves g
                let isDue = Tensor.equal (Tensor.remainder s.Count (Tensor.scalar every)) (Tensor.scalar 0)

                let next =
                    Array.map2
                        (fun (g: Tensor) (d: Tensor) ->
                            if isMatrix g then
                                cond isDue (fst >> directions) snd (g, d)
                            else
                                d)
                        leaves
                        s.Directions

                let small = Array.map2 into leaves next
                let updates, state = inner.Update small s.Inner (Array.map2 into (Tree.leaves p) next)
                let updates = Array.map3 back leaves next updates

                Tree.withLeaves updates g,
                { Count = s.Count + 1
                  Directions = next
                  Inner = state } }

    // The largest of what is kept for the axes, at each element.
    let private coverOf (g: Tensor) (kept: Tensor[]) =
        kept
        |> Array.mapi (fun axis v ->
            Tensor.reshape (Seq.init g.Rank (fun i -> if i = axis then g.Shape[i] else 1)) v)
        |> Array.reduce Tensor.minimum

    /// SM3-II (Anil et al. 2019): AdaGrad that keeps, of each tensor, a sum for each slice along each axis instead of one for each element.
    [<CompiledName("Sm3")>]
    let sm3 (epsilon: float) : Optimizer<'P, Tensor[][]> =
        let axes (t: Tensor) = if t.DType.IsFloat() then t.Rank else 0
        let atLeastVector (t: Tensor) = if t.Rank = 0 then Tensor.reshape [ 1 ] t else t

        { Init =
            fun p ->
                Tree.leaves p
                |> Array.map (fun t ->
                    [| for axis in 0 .. max 1 (axes t) - 1 ->
                           Tensor.zeros t.DType [ (atLeastVector t).Shape[axis] ] |])
          Update =
            fun g kept _ ->
                let step (leaf: Tensor) kept =
                    if not (leaf.DType.IsFloat()) then
                        leaf, kept
                    else
                        let g = atLeastVector leaf
                        let v = coverOf g kept + g * g

                        let kept =
                            Array.init g.Rank (fun axis ->
                                Tensor.maxOver (Seq.init g.Rank id |> Seq.filter ((<>) axis)) v)

                        let isZero = Tensor.equal v (Tensor.zerosLike v)
                        let root = sqrt (Tensor.where isZero (Tensor.onesLike v) v + epsilon)
                        Tensor.reshape leaf.Shape (Tensor.where isZero (Tensor.zerosLike g) (g / root)), kept

                let leaves, kept = Array.map2 step (Tree.leaves g) kept |> Array.unzip
                Tree.withLeaves leaves g, kept }

    // The two largest axes, the last two where there is a choice; none if the smaller is below a size.
    let private factoredAxes (smallest: int) (t: Tensor) =
        if t.Rank < 2 then
            None
        else
            let byLength = Seq.init t.Rank id |> Seq.sortBy (fun i -> t.Shape[i]) |> Seq.toArray
            let row, column = byLength[t.Rank - 2], byLength[t.Rank - 1]
            if t.Shape[row] >= smallest then Some(row, column) else None

    /// Adafactor's scaling (Shazeer and Stern 2018, algorithm 4): the second moment of a matrix as the product of its row and column means; the decay is 1 -
    /// (t + 1)^-power. Tensors whose two longest axes are not both at least a size keep all of it.
    [<CompiledName("FactoredRms")>]
    let factoredRms (power: float) (smallest: int) (epsilon: float) : Optimizer<'P, Tensor * Tensor[][]> =
        Updates.within "factoredRms" "the power" 0.0 1.0 power

        let without axis (t: Tensor) =
            Seq.init t.Rank id
            |> Seq.filter ((<>) axis)
            |> Seq.map (fun i -> t.Shape[i])
            |> Seq.toList

        { Init =
            fun p ->
                Updates.zeroCount (),
                Tree.leaves p
                |> Array.map (fun t ->
                    match factoredAxes smallest t with
                    | Some(row, column) ->
                        [| Tensor.zeros t.DType (without column t)
                           Tensor.zeros t.DType (without row t) |]
                    | None -> [| Tensor.zerosLike t |])
          Update =
            fun g (count, kept) _ ->
                let decay = 1.0 - Tensor.Pow(Tensor.cast DType.Float64 count + 1.0, Tensor.scalar -power)

                let step (g: Tensor) (kept: Tensor[]) =
                    let decay = Tensor.cast g.DType decay
                    let squares = g * g + epsilon
                    let average x v = decay * v + (1.0 - decay) * x

                    match factoredAxes smallest g with
                    | Some(row, column) ->
                        let rows = average (Tensor.meanOver [ column ] squares) kept[0]
                        let columns = average (Tensor.meanOver [ row ] squares) kept[1]
                        // Of the two axes only the row's is left in `rows`.
                        let rowAxis = if row > column then row - 1 else row
                        let rowFactor = Tensor.rsqrt (rows / Tensor.meanKeep [ rowAxis ] rows)

                        g
                        * Tensor.expandDims column rowFactor
                        * Tensor.expandDims row (Tensor.rsqrt columns),
                        [| rows; columns |]
                    | None ->
                        let v = average squares kept[0]
                        g * Tensor.rsqrt v, [| v |]

                let leaves, kept =
                    Array.map2
                        (fun (g: Tensor) kept -> if g.DType.IsFloat() then step g kept else g, kept)
                        (Tree.leaves g)
                        kept
                    |> Array.unzip

                Tree.withLeaves leaves g, (count + 1, kept) }

    let private norm (x: Tensor) = sqrt (Tensor.sum (Tensor.square x))

    /// Newton and Schulz's iteration toward the nearest orthogonal matrix, by the polynomial a X + b (X X') X + c (X X')^2 X (Jordan et al. 2024, whose
    /// coefficients bring singular values near 1 in five steps rather than to it).
    [<CompiledName("Orthogonalize")>]
    let orthogonalize (steps: int) (x: Tensor) : Tensor =
        if x.Rank <> 2 then
            Shapes.refuse "orthogonalize" $"takes a matrix, but was given {x.Signature}."

        let a, b, c = 3.4445, -4.7750, 2.0315
        let isTall = x.Shape[0] > x.Shape[1]
        let wide = if isTall then Tensor.transpose x else x
        let mutable y = wide / (norm wide + 1e-8)

        for _ in 1..steps do
            let gram = Tensor.matmul y (Tensor.transpose y)
            let poly = b * gram + c * Tensor.matmul gram gram
            y <- a * y + Tensor.matmul poly y

        if isTall then Tensor.transpose y else y

    /// Muon's scaling of matrices (Jordan et al. 2024): Nesterov momentum made orthogonal, times sqrt(max(1, rows / columns)). Other tensors keep their momentum as it
    /// is; <c>Parts.partition</c> gives them another optimizer.
    [<CompiledName("Muon")>]
    let muon (decay: float) (steps: int) : Optimizer<'P, 'P> =
        Updates.within "muon" "the decay" 0.0 1.0 decay

        { Init = Leaves.zeros
          Update =
            fun g m _ ->
                let m = Leaves.average decay g m

                let update (g: Tensor) (m: Tensor) =
                    let ahead = decay * m + (1.0 - decay) * g

                    if g.Rank = 2 then
                        let ratio = float g.Shape[0] / float g.Shape[1]
                        orthogonalize steps ahead * Math.Sqrt(max 1.0 ratio)
                    else
                        ahead

                Leaves.map2 update g m, m }
