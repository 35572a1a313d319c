namespace Ad.Functional

open Ad.Tensors

/// Solutions between the steps, within the module of differential equations.
[<AutoOpen>]
module OdeSolutions =
    /// Solutions as functions of time.
    [<RequireQualifiedAccess>]
    module Ode =
        // Hairer, Norsett and Wanner 1993, II.6: the weights of Shampine's interpolant (1986) for the method of Dormand and Prince.
        let private bend =
            [| -12715105075.0 / 11282082432.0
               0.0
               87487479700.0 / 32700410799.0
               -10690763975.0 / 1880347072.0
               701980252875.0 / 199316789632.0
               -1453857185.0 / 822651844.0
               69997945.0 / 29380423.0 |]

        /// The coefficients of a step's polynomial of degree 4 in the share of the step gone, nested: y + s (a + (1 - s) (b + s (c + (1 - s) d))).
        let private polynomial (h: Tensor) (y: Tensor[]) (next: Tensor[]) (slopes: Tensor[][]) =
            y
            |> Array.mapi (fun leaf y ->
                let rise = next[leaf] - y
                let b = h * slopes[0][leaf] - rise
                let c = rise - h * slopes[6][leaf] - b

                let d =
                    Array.zip bend slopes
                    |> Array.filter (fun (w, _) -> w <> 0.0)
                    |> Array.map (fun (w, k) -> w * h * k[leaf])
                    |> Array.reduce (+)

                [| y; rise; b; c; d |])

        /// <summary>
        /// The solution between two times as a function of time: at a time of rank 0 the state, at a vector of times the states stacked along axis 0. It is integrated
        /// once, by odeint's steps; between them stands the polynomial of degree 4 that Shampine (1986) gave the method of Dormand and Prince, with errors of the order of the steps'.
        /// Both modes differentiate it, by the time asked for, by y0, by the ends and by whatever f closes over.
        /// </summary>
        /// <remarks>
        /// Outside the two times the first or last polynomial goes on. NaN everywhere if the end is not reached within the allowed number of steps, for all of which there is room: five numbers a
        /// step for each of the state.
        /// </remarks>
        /// <exception cref="T:System.ArgumentException">The times are not of rank 0, or state, slope and times differ in type or structure.</exception>
        let solution
            (options: OdeOptions)
            (f: Tensor -> 's -> 's)
            (y0: 's)
            (start: Tensor)
            (stop: Tensor)
            : Tensor -> 's =
            if start.Rank <> 0 || start.Signature <> stop.Signature then
                Shapes.refuse
                    "solution"
                    $"runs between two times of rank 0 and one type, not {start.Signature} and {stop.Signature}."

            Ode.ensure "solution" (Tensor.expandDims 0 start) y0
            let leaves = Tree.leaves y0
            let slope t (y: Tensor[]) = f t (Tree.withLeaves y y0) |> Tree.leaves
            let forward = Tensor.stopGradient (Tensor.sign (stop - start))
            let isBefore = Ode.isBefore stop forward

            // A step that was refused, or comes after the end, has no length, and no time lies in it.
            let step (place: Ode.Place) () =
                let t, _, _, _, _ = place

                let take (place: Ode.Place) =
                    let t, _, _, y, _ = place
                    let after, (signed, accepted, next, slopes) = Ode.advance options slope stop place

                    after,
                    (t,
                     Tensor.where accepted signed (Tensor.zerosLike signed),
                     polynomial signed y next slopes)

                let stay (place: Ode.Place) =
                    let t, _, _, y, _ = place
                    let zeros = Tensor.zerosLike
                    place, (t, zeros t, y |> Array.map (fun y -> [| y; zeros y; zeros y; zeros y; zeros y |]))

                cond (isBefore t) take stay place

            let first = Ode.beginning options slope start leaves

            let (last, _, _, _, _), (starts, sizes, polynomials) =
                scanSteps options.MostSteps (fun place -> step place ()) first

            let isTaken = Tensor.notEqual sizes (Tensor.zerosLike sizes)
            let ends = Tensor.stopGradient (starts + sizes) * forward
            // Where a time lies: behind the ends of so many taken steps. Their numbers among all steps are sorted to the front.
            let order = Ordering.argsort 0 (Tensor.cast DType.Int32 (Tensor.logicalNot isTaken))
            let count = Tensor.sum isTaken
            let reached = Tensor.where (isBefore last) (Tensor.fullLike last nan) (Tensor.onesLike last)

            fun time ->
                if time.Rank > 1 || time.DType <> start.DType then
                    Shapes.refuse
                        "solution"
                        $"takes a time or a vector of times of type {start.DType.Name()}, but was given {time.Signature}."

                let times = Tensor.reshape [ -1 ] time

                let behind =
                    Tensor.logicalAnd
                        isTaken
                        (Tensor.lessEqual ends (Tensor.expandDims -1 (Tensor.stopGradient times * forward)))

                let passed = Tensor.sumOver [ 1 ] behind
                let place = Tensor.minimum passed (Tensor.maximum (count - 1) (Tensor.zerosLike count))
                let number = Tensor.take 0 place order
                let here = Tensor.take 0 number
                let size = here sizes
                let isStep = Tensor.notEqual size (Tensor.zerosLike size)
                let share = (times - here starts) / Tensor.where isStep size (Tensor.onesLike size)

                polynomials
                |> Array.map (fun (p: Tensor[]) ->
                    let at i : Tensor = here p[i]
                    let s = Tensor.reshape (Seq.append times.Shape (Seq.replicate (p[0].Rank - 1) 1)) share
                    let rest = 1.0 - s
                    let y = at 0 + s * (at 1 + rest * (at 2 + s * (at 3 + rest * at 4)))
                    let y = y * reached
                    if time.Rank = 0 then Tensor.squeeze [ 0 ] y else y)
                |> fun all -> Tree.withLeaves all y0
