namespace Ad.Checks

open System

/// What a check is to do.
type CheckSettings =
    {
        /// Makes the directions; the same seed, the same report.
        Seed: int
        /// Up to which derivative to check, 1 to 3.
        Order: int
        /// How many directions of each random kind.
        Directions: int
        /// How exact a comparison must be to count, relative to the derivative; 0 is 1e-6 for float64 and 1e-3 for float32.
        Resolution: float
    }

/// A function between flat arrays with a claimed derivative, whatever made it.
type internal Subject =
    {
        Order: int
        Nesting: string
        Point: float[]
        /// The largest rounding unit of the types that it computes in.
        Unit: float
        Value: float[] -> float[]
        /// J(x) v, when there is a claim.
        Push: (float[] -> float[] -> float[]) option
        /// J(x)' g, when there is a claim.
        Pull: (float[] -> float[] -> float[]) option
        /// The second derivative along v, v' f''(x) v, when it is checked too.
        Curve: (float[] -> float[] -> float[]) option
        /// How far rounding can take (g, J(x) v), times the rounding unit, where the way to it can be seen.
        Spread: (float[] -> float[] -> float[] -> float) option
        /// Where an element is, as text.
        Name: int -> string
    }

/// Directions to check a subject along.
[<RequireQualifiedAccess>]
module internal Directions =
    /// The sum of products.
    let dot (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b
    /// The sum of the sizes of products.
    let size (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + abs (x * y)) 0.0 a b
    /// x + t v.
    let add (x: float[]) (t: float) (v: float[]) = Array.map2 (fun x v -> x + t * v) x v

    /// A number of the normal distribution.
    let gaussian (random: Random) =
        Math.Sqrt(-2.0 * Math.Log(1.0 - random.NextDouble()))
        * Math.Cos(2.0 * Math.PI * random.NextDouble())

    /// -1 or 1.
    let sign (random: Random) = if random.Next 2 = 0 then -1.0 else 1.0

    /// The steps' scale for each element: its size, or a tenth of all elements' where it is smaller, so that a function of lengths in nanometres is
    /// as smooth as one in metres.
    let scales (x: float[]) =
        let root =
            if x.Length = 0 then
                0.0
            else
                Math.Sqrt(Array.averageBy (fun v -> v * v) x)

        x
        |> Array.map (fun v ->
            match max (abs v) (0.1 * root) with
            | 0.0 -> 1.0
            | s -> s)

    /// The cotangents that make a function with many results one with one; ones where there is one already.
    let cotangent (s: Subject) =
        let results = (s.Value s.Point).Length
        let random = Random(results + 17)

        if results = 1 then
            [| 1.0 |]
        else
            Array.init results (fun _ -> sign random * (0.5 + random.NextDouble()))

    /// The derivative along a direction, by the pullback where there is one.
    let along (s: Subject) g x v =
        match s.Pull, s.Push with
        | Some pull, _ -> dot (pull x g) v
        | None, Some push -> dot g (push x v)
        | None, None -> invalidOp "A subject claims a derivative."

    /// Where the claim differs most from differences, over so many probes: by element when there are few, else by random directions, whose
    /// errors times the directions add up to the error itself (one step of the power method, for a function with one result).
    let adversary (s: Subject) g noise (scale: float[]) (random: Random) probes : float[] option =
        let first = if s.Unit > 1e-10 then 0.25 else Math.ScaleB(1.0, -5)
        let n = s.Point.Length

        let error v =
            let f t = dot g (s.Value(add s.Point t v))

            match Differences.derivative s.Unit first noise f with
            | Some e when Double.IsFinite e.Value -> along s g s.Point v - e.Value
            | _ -> 0.0

        let step (about: float[]) =
            if n <= probes then
                Array.init n (fun i -> error (Array.init n (fun j -> if i = j then scale[j] else 0.0)))
            else
                let total = Array.map ((*) 0.0) about

                for _ in 1..probes do
                    let z = Array.init n (fun j -> sign random * (1.0 + about[j]))
                    let e = error (Array.map2 (*) z scale)
                    Array.iteri (fun j z -> total[j] <- total[j] + e * z) z

                total

        let unit (w: float[]) =
            match Array.fold (fun m x -> max m (abs x)) 0.0 w with
            | 0.0 -> None
            | largest -> Some(w |> Array.map (fun x -> x / largest))

        match unit (step (Array.zeroCreate n)) with
        | Some once when n > probes ->
            // The second step looks where the first one saw errors.
            unit (step (Array.map abs once))
        | found -> found
        |> Option.map (fun w -> Array.map2 (*) w scale)

    /// Gaussian directions, those of signs, and those of single elements.
    let ordinary (settings: CheckSettings) (scale: float[]) (random: Random) : (string * float[]) list =
        let n = scale.Length
        let scaled f = Array.init n (fun i -> f i * scale[i])

        [ for _ in 1 .. settings.Directions do
              "gaussian", scaled (fun _ -> gaussian random)

          if n > 1 then
              for _ in 1 .. settings.Directions do
                  "rademacher", scaled (fun _ -> sign random)

              for _ in 1 .. settings.Directions do
                  let one = random.Next n
                  "one-hot", scaled (fun i -> if i = one then 1.0 else 0.0) ]
