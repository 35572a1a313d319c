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
