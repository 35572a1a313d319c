namespace Ad.Functional

open System

/// <summary>Searches along a line for a step that is long enough and not too long (Nocedal and Wright 2006, chapter 3).</summary>
[<RequireQualifiedAccess>]
module LineSearch =
    /// A function along a line: from a step to the value, the slope, and what was computed there.
    type Line<'T> = float -> float * float * 'T

    /// The first of start, start shrink, start shrink^2, ... with a sufficient decrease (Armijo 1966): value at most f(0) + 1e-4 step slope(0).
    let backtracking (shrink: float) (start: float) (line: Line<'T>) : float * 'T =
        let value, slope, here = line 0.0

        Seq.unfold (fun step -> Some(step, step * shrink)) start
        |> Seq.take 60
        |> Seq.map (fun step -> step, line step)
        |> Seq.tryFind (fun (step, (v, _, _)) -> v <= value + 1e-4 * step * slope)
        |> Option.map (fun (step, (_, _, there)) -> step, there)
        |> Option.defaultValue (0.0, here)

    // The least of the cubic through two values and slopes, kept away from the ends (eq. 3.59).
    let private between (a, fa, da) (b, fb, db) =
        let d1 = da + db - 3.0 * (fa - fb) / (a - b)
        let root = d1 * d1 - da * db
        let low, high = min a b, max a b
        let margin = 0.1 * (high - low)

        let least =
            if root < 0.0 then
                nan
            else
                let d2 = float (sign (b - a)) * sqrt root
                b - (b - a) * (db + d2 - d1) / (db - da + 2.0 * d2)

        if Double.IsFinite least then
            Math.Clamp(least, low + margin, high - margin)
        else
            0.5 * (a + b)

    /// <summary>A step that meets Wolfe's strong conditions (algorithms 3.5 and 3.6): decrease 1e-4, and a slope of at most `curvature` times the first.</summary>
    /// <remarks>Where rounding leaves none, the best step seen; 0 if that is the start.</remarks>
    let strongWolfe (curvature: float) (start: float) (line: Line<'T>) : float * 'T =
        let value, slope, here = line 0.0
        let mutable best = value, 0.0, here

        let look step =
            let v, d, there = line step
            let bestValue, _, _ = best

            if v < bestValue then
                best <- v, step, there

            v, d, there

        let isShort step v = v <= value + 1e-4 * step * slope
        let isFlat d = abs d <= -curvature * slope

        let rec zoom low high count =
            let a, fa, _ = low

            if count = 0 then
                None
            else
                let step = between low high
                let v, d, there = look step

                if not (isShort step v) || v >= fa then
                    zoom low (step, v, d) (count - 1)
                elif isFlat d then
                    Some(step, there)
                else
                    let b, _, _ = high
                    zoom (step, v, d) (if d * (b - a) >= 0.0 then low else high) (count - 1)

        let rec bracket (last: float * float * float) step count =
            let _, fLast, _ = last
            let v, d, there = look step

            if not (Double.IsFinite v) && count > 0 then
                let a, _, _ = last
                bracket last (0.5 * (a + step)) (count - 1)
            elif not (isShort step v) || (fLast < value && v >= fLast) then
                zoom last (step, v, d) 30
            elif isFlat d then
                Some(step, there)
            elif d >= 0.0 then
                zoom (step, v, d) last 30
            elif count = 0 then
                None
            else
                bracket (step, v, d) (2.0 * step) (count - 1)

        if not (slope < 0.0) then
            0.0, here
        else
            match bracket (0.0, value, slope) start 30 with
            | Some found -> found
            | None ->
                let _, step, there = best
                step, there
