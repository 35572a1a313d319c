namespace Ad.Functional

open Ad.Tensors

/// <summary>Indexing and products, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorProducts =
    /// <summary>Positions in tensors, and products of matrices.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// <summary>The slices of a tensor at positions along an axis, whose place the positions' axes take. Negative positions count from the end.</summary>
        /// <exception cref="T:System.ArgumentOutOfRangeException">On evaluation: a position lies outside the axis.</exception>
        let take (axis: int) (indices: Tensor) (t: Tensor) =
            Tensor.Create(Take(Shapes.axis "take" t.Rank axis, 0), t, indices)

        /// The axis moved last, and back.
        let private withLast axis (t: Tensor) (f: Tensor -> Tensor) =
            let back = t.Rank - 1
            f (Tensor.swapAxes axis back t) |> Tensor.swapAxes axis back

        /// For each position in the indices, the element there along the axis; the other axes agree, or have size 1 and are repeated (NumPy's take_along_axis).
        let takeAlong (axis: int) (indices: Tensor) (t: Tensor) =
            let axis = Shapes.axis "takeAlong" t.Rank axis

            let repeated (one: Tensor) (other: Tensor) =
                let sizes =
                    [ for a in 0 .. one.Rank - 1 ->
                          if a <> axis && one.Shape[a] = 1 then
                              other.Shape[a]
                          else
                              one.Shape[a] ]

                if one.Rank = other.Rank && sizes <> Seq.toList one.Shape then
                    Tensor.broadcastTo sizes one
                else
                    one

            let t, indices = repeated t indices, repeated indices t
            let last = t.Rank - 1
            withLast axis t (fun x -> Tensor.Create(Take(last, last), x, Tensor.swapAxes axis last indices))

        /// The tensor with updates added at positions along an axis: slice indices[j] grows by updates[..., j, ...]; equal positions add up.
        let scatterAdd (axis: int) (indices: Tensor) (updates: Tensor) (t: Tensor) =
            let axis = Shapes.axis "scatterAdd" t.Rank axis
            t + Tensor.Create(ScatterAdd(axis, 0, t.Shape[axis]), indices, updates)

        /// 1 at the index and 0 elsewhere along a new last axis.
        let oneHot (dtype: DType) (classes: int) (indices: Tensor) =
            let places = Tensor.iota indices.DType [ classes ] 0
            Tensor.equal (Tensor.expandDims -1 indices) places |> Tensor.cast dtype

        /// The identity matrix.
        let eye (dtype: DType) (n: int) = oneHot dtype n (Tensor.arange DType.Int32 n)

        /// <summary>
        /// The matrix product over the last axis of a and the last but one of b; leading axes broadcast together; a vector is a row on the left and a
        /// column on the right.
        /// </summary>
        let matmul (a: Tensor) (b: Tensor) : Tensor =
            if a.Rank = 0 || b.Rank = 0 then
                Shapes.refuse
                    "matmul"
                    $"takes vectors and matrices, but was given {a.Signature} and {b.Signature}."

            let summed = Operators.max 0 (b.Rank - 2)
            let none = axesOf []

            if a.Shape[a.Rank - 1] <> b.Shape[summed] then
                Shapes.refuse
                    "matmul"
                    $"{a.Signature} and {b.Signature} do not fit: the sizes {a.Shape[a.Rank - 1]} and {b.Shape[summed]} differ."

            if b.Rank <= 2 then
                Tensor.Create(Contract(none, none, axesOf [ a.Rank - 1 ], axesOf [ summed ]), a, b)
            elif a.Rank = 1 then
                // The vector's product with every matrix: contracted as it is, with no axis of its own in the result.
                Tensor.Create(Contract(none, none, axesOf [ b.Rank - 2 ], axesOf [ 0 ]), b, a)
            else
                let leading (t: Tensor) =
                    { t.Signature with
                        Shape = shapeOf (Seq.take (t.Rank - 2) t.Shape) }

                let batch = Shapes.broadcast "matmul" (leading a) (leading b)

                let spread (t: Tensor) =
                    Tensor.broadcastTo (Seq.append batch (Seq.skip (t.Rank - 2) t.Shape)) t

                let axes = axesOf (Seq.init batch.Rank id)

                Tensor.Create(
                    Contract(axes, axes, axesOf [ batch.Rank + 1 ], axesOf [ batch.Rank ]),
                    spread a,
                    spread b
                )

        /// The sum of products of two vectors.
        let dot (a: Tensor) (b: Tensor) =
            if a.Rank <> 1 || b.Rank <> 1 then
                Shapes.refuse "dot" $"takes two vectors, but was given {a.Signature} and {b.Signature}."

            matmul a b

        /// All products of an element of a with an element of b: shape a's, then b's.
        let outer (a: Tensor) (b: Tensor) =
            Tensor.Create(Contract(axesOf [], axesOf [], axesOf [], axesOf []), a, b)

        /// The sum of the diagonal of a matrix, square or not.
        let trace (t: Tensor) =
            if t.Rank <> 2 then
                Shapes.refuse "trace" $"takes a matrix, but was given {t.Signature}."

            let place axis = Tensor.iota DType.Int32 t.Shape axis
            Tensor.sum (Tensor.where (Tensor.equal (place 0) (place 1)) t (Tensor.zerosLike t))

        /// The Euclidean norm of all elements, whose derivative at 0 is 0. Elements whose squares are too large or too small for their type are no
        /// matter: they are measured by the largest.
        let norm (t: Tensor) =
            t
            |> Tensor.inSingle (fun t ->
                let largest = Tensor.stopGradient (Tensor.max (Tensor.abs t))

                let usable =
                    Tensor.logicalAnd
                        (Tensor.isFinite largest)
                        (Tensor.greater largest (Tensor.zerosLike largest))

                let unit = Tensor.where usable largest (Tensor.onesLike largest)
                unit * Tensor.sqrt (Tensor.sum (Tensor.square (t / unit))))
