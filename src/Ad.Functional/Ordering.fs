namespace Ad.Functional

open Ad.Tensors

/// <summary>Order along an axis, and choosing elements by what they are.</summary>
/// <remarks>Orders are stable: equal elements stay as they stand. NaN comes last in both directions.</remarks>
[<RequireQualifiedAccess>]
module Ordering =
    let private order name descending axis (t: Tensor) =
        Tensor.Create(Sort(Shapes.axis name t.Rank axis, descending), t)

    /// The positions (Int32) of the elements along an axis in ascending order of their values.
    let argsort (axis: int) (t: Tensor) : Tensor = order "argsort" false axis t

    /// The positions (Int32) of the elements along an axis in descending order of their values.
    let argsortDescending (axis: int) (t: Tensor) : Tensor = order "argsort" true axis t

    /// The elements along an axis in ascending order; derivatives go with the elements.
    let sort (axis: int) (t: Tensor) : Tensor = Tensor.takeAlong axis (order "sort" false axis t) t

    /// The elements along an axis in descending order; derivatives go with the elements.
    let sortDescending (axis: int) (t: Tensor) : Tensor = Tensor.takeAlong axis (order "sort" true axis t) t

    /// <summary>The k largest elements along an axis in descending order, and their positions (Int32).</summary>
    /// <exception cref="T:System.ArgumentException">There are fewer than k.</exception>
    let topK (axis: int) (k: int) (t: Tensor) : Tensor * Tensor =
        let axis = Shapes.axis "topK" t.Rank axis

        if k < 0 || k > t.Shape[axis] then
            Shapes.refuse
                "topK"
                $"cannot take {k} of the {t.Shape[axis]} elements along axis {axis} of {t.Signature}."

        let places = argsortDescending axis t |> Tensor.sliceAxis axis 0 k 1
        Tensor.takeAlong axis places t, places

    /// <summary>
    /// Where each value would go into an ascending vector so that it stays ascending (Int32): before equal elements, or after them; NaN goes last. By halving.
    /// </summary>
    let searchSorted (after: bool) (sorted: Tensor) (values: Tensor) : Tensor =
        if sorted.Rank <> 1 || sorted.DType <> values.DType then
            Shapes.refuse
                "searchSorted"
                $"takes an ascending vector of the values' type, but was given {sorted.Signature} and {values.Signature}."

        let n = sorted.Shape[0]
        let numbers (i: int) = Tensor.zeros DType.Int32 values.Shape + Tensor.scalar i

        let isLast element =
            Tensor.logicalAnd (Tensor.isNaN values) (Tensor.logicalNot (Tensor.isNaN element))

        // The answer lies between low and high; each round looks at the element in the middle.
        let rec halve rounds (low: Tensor) (high: Tensor) =
            if rounds = 0 then
                low
            else
                let middle = low + (high - low) / Tensor.scalar 2
                let isOpen = Tensor.less low high
                let element = Tensor.take 0 (Tensor.where isOpen middle (numbers 0)) sorted

                let isRight =
                    Tensor.logicalAnd
                        isOpen
                        (if after then
                             Tensor.logicalOr (Tensor.lessEqual element values) (Tensor.isNaN values)
                         else
                             Tensor.logicalOr (Tensor.less element values) (isLast element))

                let isLeft = Tensor.logicalAnd isOpen (Tensor.logicalNot isRight)

                halve
                    (rounds - 1)
                    (Tensor.where isRight (middle + numbers 1) low)
                    (Tensor.where isLeft middle high)

        if n = 0 then
            numbers 0
        else
            halve (System.Numerics.BitOperations.Log2(uint n) + 1) (numbers 0) (numbers n)

    /// <summary>
    /// The q-quantile along an axis: between the sorted elements around position q (n - 1), by a straight line (Hyndman and Fan 1996, type 7). NaN
    /// where any element is.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">q is not between 0 and 1, or the axis is empty.</exception>
    let quantile (q: float) (axis: int) (t: Tensor) : Tensor =
        let axis = Shapes.axis "quantile" t.Rank axis
        let n = t.Shape[axis]

        if not (q >= 0.0 && q <= 1.0) || n = 0 || not (t.DType.IsFloat()) then
            Shapes.refuse "quantile" $"has no {q} along axis {axis} of {t.Signature}."

        let sorted = sort axis t
        let at i = Tensor.sliceAxis axis i (i + 1) 1 sorted |> Tensor.squeeze [ axis ]
        let place = q * float (n - 1)
        let low = int (floor place)
        let share = place - float low
        // An element that is met exactly stands alone, so that an infinite neighbour does no harm.
        let found =
            if share = 0.0 then
                at low
            else
                at low * (1.0 - share) + at (low + 1) * share

        // Sorted, a NaN stands last.
        let last = at (n - 1)
        Tensor.where (Tensor.isNaN last) last found

    /// The median along an axis: the middle element, or the mean of the two in the middle.
    let median (axis: int) (t: Tensor) : Tensor = quantile 0.5 axis t

    /// <summary>
    /// The slices of a tensor where a mask of its first axes is true, one after another in a first axis. Their number must be known, so the mask is
    /// computed now: under jit it must not depend on the arguments.
    /// </summary>
    let masked (mask: Tensor) (t: Tensor) : Tensor =
        let leading = mask.Rank

        if
            mask.DType <> DType.Bool
            || leading > t.Rank
            || Seq.take leading t.Shape |> Seq.toList <> Seq.toList mask.Shape
        then
            Shapes.refuse
                "masked"
                $"takes a bool for each slice along the first axes of {t.Signature}, but was given {mask.Signature}."

        let places = Tensor.toArray<bool> mask |> Array.indexed |> Array.filter snd |> Array.map fst

        Tensor.reshape (Seq.append [ int mask.Count ] (Seq.skip leading t.Shape)) t
        |> Tensor.take 0 (Tensor.vector places)
