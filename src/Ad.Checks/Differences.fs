namespace Ad.Checks

open System
open Ad.Tensors

/// A derivative from values alone, and how far from the truth it may be.
type internal Estimate =
    {
        Value: float
        Error: float
        /// The smallest step that went into it.
        Step: float
    }

/// What the remainders of a Taylor expansion say about its last term.
type internal Slopes =
    {
        Verdict: Verdict
        /// The slopes of log |remainder| over log h, from the largest step to the smallest, above the rounding floor.
        Found: float[]
        /// Why, in words.
        Text: string
    }

/// Derivatives of a function of one number at 0, from its values.
[<RequireQualifiedAccess>]
module internal Differences =
    /// The rounding unit of a float type.
    let unitOf (dtype: DType) = dtype.Epsilon()

    /// The rounding unit of float64.
    let unit64 = Math.ScaleB(1.0, -52)

    /// The rounding unit of float32.
    let unit32 = Math.ScaleB(1.0, -23)

    let private differ (values: float[]) = Array.pairwise values |> Array.map (fun (a, b) -> b - a)

    /// How far rounding moves the function's values: the scatter of higher differences of closely spaced values, which is all
    /// that a smooth function leaves of them (Hamming's table; Moré and Wild 2011). Never below one rounding of a number of the given size.
    let noise (unit: float) (size: float) (f: float -> float) : float =
        let spacing = Math.Pow(unit, 0.6)
        let values = Array.init 7 (fun k -> f (float (k - 3) * spacing))
        let third = values |> differ |> differ |> differ
        let fourth = differ third
        // (k!)^2 / (2k)! makes the mean square of k-th differences the variance of one value.
        let scatter gamma (d: float[]) = Math.Sqrt(gamma * Array.averageBy (fun x -> x * x) d)
        let found = max (scatter (1.0 / 20.0) third) (scatter (1.0 / 70.0) fourth)
        max (unit * size) (if Double.IsFinite found then found else 0.0)

    /// f'(0) by central differences with halved steps, extrapolated after Richardson (1911) and judged after Ridders (1982): of all entries of the
    /// table the one whose neighbours agree best, rounding counted in. None when no three steps gave numbers.
    let derivative (unit: float) (first: float) (noise: float) (f: float -> float) : Estimate option =
        let levels = 12
        let mutable best: Estimate option = None
        let mutable previous: float[] = [||]
        let mutable level = 0
        let mutable isWorse = false

        while level < levels && not isWorse do
            let h = Math.ScaleB(first, -level)
            let central = (f h - f -h) / (2.0 * h)

            if Double.IsFinite central then
                let row = Array.zeroCreate (previous.Length + 1)
                row[0] <- central

                for j in 1 .. previous.Length do
                    let power = Math.ScaleB(1.0, 2 * j)
                    row[j] <- (power * row[j - 1] - previous[j - 1]) / (power - 1.0)

                for j in 2 .. previous.Length do
                    let spread = max (abs (row[j] - row[j - 1])) (abs (row[j] - previous[j - 1]))
                    let error = 2.0 * spread + 4.0 * noise / h + 4.0 * unit * abs row[j]

                    match best with
                    | Some b when b.Error <= error -> ()
                    | _ ->
                        best <-
                            Some
                                { Value = row[j]
                                  Error = error
                                  Step = h }

                isWorse <-
                    row.Length > 4
                    && (match best with
                        | Some b -> 4.0 * noise / h > 4.0 * b.Error
                        | None -> false)

                previous <- row
            else
                // The step leaves the domain: the table starts again with smaller ones.
                previous <- [||]

            level <- level + 1

        best

    /// Whether the slopes to the left and to the right of 0 stay apart however small the step, or the values do: a kink or a jump.
    let hasKink (first: float) (noise: float) (f: float -> float) : bool =
        let center = f 0.0
        let steps = [| for k in 8..12 -> Math.ScaleB(first, -k) |]

        let persists (apart: float -> float) (floor: float -> float) =
            let all = steps |> Array.map apart

            Array.forall2 (fun h a -> a > 100.0 * floor h) steps all
            && Array.pairwise all |> Array.forall (fun (a, b) -> b > 0.8 * a)

        persists (fun h -> abs (f h + f -h - 2.0 * center) / h) (fun h -> noise / h)
        || persists (fun h -> abs (f h - f -h)) (fun _ -> noise)

    /// <summary>Whether a claimed f'(0) is right: the verdict, what differences say, and how far apart the two may be.</summary>
    /// <param name="unit">The rounding unit.</param>
    /// <param name="noise">How far rounding moves f.</param>
    /// <param name="resolution">The tolerance that still says something, relative to the derivative.</param>
    /// <param name="scale">The size of the terms that the claim sums.</param>
    /// <param name="moved">How far rounding moves the claim; asked for only when the claim seems wrong.</param>
    /// <param name="found">The claim.</param>
    /// <param name="f">The function.</param>
    let judge unit noise resolution scale (moved: unit -> float) (found: float) (f: float -> float) =
        let first = if unit > 1e-10 then 0.25 else Math.ScaleB(1.0, -5)

        match derivative unit first noise f with
        | None -> (if Double.IsFinite found then Inconclusive else Failed), nan, infinity
        | Some estimate ->
            let tolerance = estimate.Error + 64.0 * unit * scale
            let expected = estimate.Value

            if abs (found - expected) <= tolerance then
                let seen = List.max [ scale; abs expected; abs (f 0.0) ]

                (if tolerance > resolution * seen then
                     Inconclusive
                 else
                     Passed),
                expected,
                tolerance
            elif hasKink first noise f then
                Inconclusive, expected, tolerance
            else
                // A second table with other steps says whether the first was lucky.
                match derivative unit (0.7 * first) noise f with
                | None -> Inconclusive, expected, tolerance
                | Some second ->
                    let apart = abs (second.Value - expected)
                    let tolerance = max tolerance second.Error + 4.0 * apart + 20.0 * moved ()

                    (if abs (found - expected) <= tolerance then
                         Inconclusive
                     else
                         Failed),
                    expected,
                    tolerance

    /// <summary>
    /// The slopes of the remainder f(h) - f(0) - h f' - ... - h^n f^(n) / n! over steps from 10^-1 to 10^-6, half a power of ten apart: n + 1 when the
    /// terms are right, n when the last is wrong.
    /// </summary>
    /// <remarks>Only remainders above the rounding floor count, and the smallest of them decide, where nothing but the leading term is left.</remarks>
    let slopes (noise: float) (f: float -> float) (terms: float[]) : Slopes =
        let expected = float terms.Length + 1.0
        let center = f 0.0

        let remainder h =
            let mutable sum = center
            let mutable power = 1.0

            for k in 0 .. terms.Length - 1 do
                power <- power * h / float (k + 1)
                sum <- sum + power * terms[k]

            abs (f h - sum)

        let steps = Array.init 11 (fun k -> Math.Pow(10.0, -1.0 - 0.5 * float k))

        let usable =
            steps
            |> Array.map (fun h -> h, remainder h)
            |> Array.skipWhile (fun (_, r) -> not (Double.IsFinite r))
            |> Array.takeWhile (fun (_, r) -> r > 100.0 * noise)

        let found =
            Array.pairwise usable
            |> Array.map (fun ((h, r), (h', r')) -> Math.Log(r / r') / Math.Log(h / h'))

        let say verdict text =
            { Verdict = verdict
              Found = found
              Text = text }

        if usable.Length < 3 then
            say
                Verdict.Inconclusive
                $"{usable.Length} remainders lie above the rounding floor, where three are needed."
        else
            let last, before = found[found.Length - 1], found[found.Length - 2]

            if last > expected - 0.1 && before > expected - 0.1 then
                say Verdict.Passed $"the remainder shrinks with slope {last:F3}."
            elif
                last < expected - 0.1
                && before < expected + 0.1
                && last <= before + 0.02
                && last > expected - 1.2
            then
                say Verdict.Failed $"the remainder shrinks with slope {last:F3}, and must with {expected:F0}."
            else
                say Verdict.Inconclusive $"the slopes {before:F3} and {last:F3} have not settled."
