namespace Ad.Functional

open Ad.Tensors

/// <summary>Many elements to one, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorReducing =
    /// <summary>Reductions of tensors, and what runs along an axis.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        let private reduceOver kind name axes (t: Tensor) =
            match Shapes.axes name t.Rank axes with
            | [||] -> t
            | axes -> Tensor.Create(Reduce(kind, axesOf axes), t)

        let private every (t: Tensor) = Seq.init t.Rank id

        let private requireBool name (t: Tensor) =
            if t.DType <> DType.Bool then
                Shapes.refuse name $"takes bool, but was given {t.Signature}."

            t

        /// What a reduction over the axes gives, with the axes kept at size 1.
        let private keeping name (reduce: int seq -> Tensor -> Tensor) (axes: int seq) (t: Tensor) =
            let resolved = Shapes.axes name t.Rank axes

            reduce resolved t
            |> Tensor.reshape (t.Shape |> Seq.mapi (fun a n -> if Array.contains a resolved then 1 else n))

        let private numbers (t: Tensor) =
            if t.DType = DType.Bool then
                Tensor.cast DType.Int32 t
            else
                t

        /// The sum over axes; of true, their number.
        let sumOver axes t = reduceOver Reduction.Sum "sum" axes (numbers t)

        /// The sum over axes, kept at size 1.
        let sumKeep axes t = keeping "sum" sumOver axes t

        /// The sum of all elements.
        let sum t = sumOver (every t) t

        /// The largest over axes, NaN if one is; ties share the derivative evenly. Of Bool: whether any is true.
        let maxOver axes t = reduceOver Reduction.Max "max" axes t

        /// Whether any is true over axes, of Bool.
        let anyOver axes t = reduceOver Reduction.Max "any" axes (requireBool "any" t)

        /// Whether all are true over axes, of Bool.
        let allOver axes t = reduceOver Reduction.Min "all" axes (requireBool "all" t)

        /// Whether any element is true, of Bool.
        let any t = anyOver (every t) t

        /// Whether all elements are true, of Bool.
        let all t = allOver (every t) t

        /// <summary>Summed over the axes along which a shape would have to be repeated to give this one: the transpose of broadcastTo.</summary>
        let sumTo (shape: int seq) (t: Tensor) : Tensor =
            let shape = Seq.toList shape
            let lead = t.Rank - shape.Length

            if
                lead < 0
                || Seq.exists
                    (fun a -> shape[a] <> 1 && shape[a] <> t.Shape[a + lead])
                    (seq { 0 .. shape.Length - 1 })
            then
                Shapes.refuse "sumTo" $"{shape} cannot be repeated to {t.Signature}."

            let repeated = Seq.init t.Rank id |> Seq.filter (fun a -> a < lead || shape[a - lead] = 1)
            sumOver repeated t |> Tensor.reshape shape

        /// <summary>Whether all elements are close, |a - b| &lt;= absolute + relative |b|; infinities only to themselves, NaN to none.</summary>
        let allClose (relative: float) (absolute: float) (a: Tensor) (b: Tensor) : bool =
            let a, b = Tensor.cast DType.Float64 a, Tensor.cast DType.Float64 b

            let isClose =
                Tensor.logicalOr
                    (Tensor.equal a b)
                    (Tensor.logicalAnd
                        (Tensor.isFinite b)
                        (Tensor.lessEqual (Tensor.abs (a - b)) (absolute + relative * Tensor.abs b)))

            all isClose |> Tensor.toScalar = 1.0

        /// The largest over axes, kept at size 1.
        let maxKeep axes t = keeping "max" maxOver axes t

        /// The largest of all elements.
        let max t = maxOver (every t) t

        /// The smallest over axes, NaN if one is; ties share the derivative evenly. Of Bool: whether all are true.
        let minOver axes t = reduceOver Reduction.Min "min" axes t

        /// The smallest over axes, kept at size 1.
        let minKeep axes t = keeping "min" minOver axes t

        /// The smallest of all elements.
        let min t = minOver (every t) t

        /// The number of elements that a reduction over the axes combines.
        let private countOver axes (t: Tensor) =
            Shapes.axes "mean" t.Rank axes
            |> Array.fold (fun n a -> n * int64 t.Shape[a]) 1L

        /// A function of several steps, of 16 bits in Float32 throughout and rounded once.
        let internal inSingle (f: Tensor -> Tensor) (t: Tensor) =
            if t.DType.IsHalf() then
                Tensor.cast t.DType (f (Tensor.cast DType.Float32 t))
            else
                f t

        /// The mean over axes; NaN of none.
        let meanOver axes (t: Tensor) =
            if not (t.DType.IsFloat()) then
                Shapes.refuse
                    "mean"
                    $"takes floats, but was given {t.Signature}; convert it with Tensor.cast."

            t |> inSingle (fun t -> sumOver axes t / float (countOver axes t))

        /// The mean over axes, kept at size 1.
        let meanKeep axes t = keeping "mean" meanOver axes t

        /// The mean of all elements.
        let mean t = meanOver (every t) t

        /// The mean squared distance from the mean over axes (divided by n).
        let varianceOver axes t = t |> inSingle (fun t -> meanOver axes (Tensor.square (t - meanKeep axes t)))

        /// The mean squared distance from the mean (divided by n).
        let variance t = varianceOver (every t) t

        let private lastFlat axes (t: Tensor) =
            let axes = Shapes.axes "prod" t.Rank axes

            let kept =
                [ for a in 0 .. t.Rank - 1 do
                      if not (Array.contains a axes) then
                          a ]

            let shape = kept |> List.map (fun a -> t.Shape[a])
            let count = axes |> Array.fold (fun n a -> n * t.Shape[a]) 1
            Tensor.permute (Seq.append kept axes) t |> Tensor.reshape (shape @ [ count ])

        /// <summary>The product over axes; 1 of none.</summary>
        /// <remarks>A balanced tree of multiplications, so that its derivatives of every order are exact where factors are 0.</remarks>
        let prodOver axes (t: Tensor) =
            let rec pairs (t: Tensor) =
                match t.Shape[t.Rank - 1] with
                | 0 -> Tensor.ones t.DType (Seq.take (t.Rank - 1) t.Shape)
                | 1 -> Tensor.squeeze [ -1 ] t
                | n ->
                    let half = n / 2
                    let product = Tensor.sliceAxis -1 0 half 1 t * Tensor.sliceAxis -1 half (2 * half) 1 t

                    if n % 2 = 0 then
                        pairs product
                    else
                        pairs (Tensor.concat -1 [ product; Tensor.sliceAxis -1 (n - 1) n 1 t ])

            pairs (lastFlat axes t)

        /// The product over axes, kept at size 1.
        let prodKeep axes t = keeping "prod" prodOver axes t

        /// The product of all elements.
        let prod t = prodOver (every t) t

        let private argument kind axes (t: Tensor) =
            let flat = lastFlat axes t
            Tensor.Create(Reduce(kind, axesOf [ flat.Rank - 1 ]), flat)

        /// The position (Int32, row-major within the axes) of the first largest over axes; a NaN counts as largest.
        let argmaxOver axes t = argument Reduction.ArgMax axes t

        /// The position of the first largest of all elements.
        let argmax t = argmaxOver (every t) t

        /// The position (Int32, row-major within the axes) of the first smallest over axes; a NaN counts as smallest.
        let argminOver axes t = argument Reduction.ArgMin axes t

        /// The position of the first smallest of all elements.
        let argmin t = argminOver (every t) t

        /// Running sums along an axis.
        let cumsum (axis: int) (t: Tensor) =
            Tensor.Create(CumulativeSum(Shapes.axis "cumsum" t.Rank axis, false), numbers t)

        /// Running sums along an axis, from its end.
        let cumsumReverse (axis: int) (t: Tensor) =
            Tensor.Create(CumulativeSum(Shapes.axis "cumsum" t.Rank axis, true), numbers t)

        // Each element with the one a distance before it, the distance doubling (Hillis and Steele 1986): as many rounds as the length has bits.
        let internal running name (combine: Tensor -> Tensor -> Tensor) (axis: int) (t: Tensor) =
            let axis = Shapes.axis name t.Rank axis
            let n = t.Shape[axis]

            let rec doubling distance (t: Tensor) =
                if distance >= n then
                    t
                else
                    let first = Tensor.sliceAxis axis 0 distance 1 t

                    let later =
                        combine
                            (Tensor.sliceAxis axis 0 (n - distance) 1 t)
                            (Tensor.sliceAxis axis distance n 1 t)

                    doubling (2 * distance) (Tensor.concat axis [ first; later ])

            doubling 1 t

        /// Running products along an axis, whose derivatives of every order are exact where factors are 0.
        let cumprod (axis: int) (t: Tensor) = running "cumprod" Tensor.multiply axis t

        /// The largest so far along an axis; at ties the derivative is shared.
        let cummax (axis: int) (t: Tensor) = running "cummax" Tensor.maximum axis t

        /// The smallest so far along an axis; at ties the derivative is shared.
        let cummin (axis: int) (t: Tensor) = running "cummin" Tensor.minimum axis t
