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
        /// Where an element is, as text.
        Name: int -> string
    }

/// Checks one subject.
[<RequireQualifiedAccess>]
module internal Subject =
    let private dot (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b
    let private size (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + abs (x * y)) 0.0 a b
    let private add (x: float[]) (t: float) (v: float[]) = Array.map2 (fun x v -> x + t * v) x v

    let private gaussian (random: Random) =
        Math.Sqrt(-2.0 * Math.Log(1.0 - random.NextDouble()))
        * Math.Cos(2.0 * Math.PI * random.NextDouble())

    let private sign (random: Random) = if random.Next 2 = 0 then -1.0 else 1.0

    // Steps are relative to the element, or to a tenth of all elements' size where it is smaller: a function of lengths in nanometres is as smooth as
    // one in metres.
    let private scales (x: float[]) =
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

    let private number (x: float) = x.ToString("G9", Globalization.CultureInfo.InvariantCulture)

    let private finding (s: Subject) check direction verdict found expected tolerance text =
        { Check = check
          Order = s.Order
          Nesting = s.Nesting
          Direction = direction
          Verdict = verdict
          Found = found
          Expected = expected
          Tolerance = tolerance
          Margin =
            (if found = expected then
                 0.0
             else
                 abs (found - expected) / tolerance)
          Text = text }

    let private compared (found: float) (expected: float) (tolerance: float) what =
        $"{number found} against {number expected} {what}, {abs (found - expected):G3} apart where {tolerance:G3} is allowed."

    /// The cotangents that make a function with many results one with one; ones where there is one already.
    let private cotangent (s: Subject) =
        let results = (s.Value s.Point).Length
        let random = Random(results + 17)

        if results = 1 then
            [| 1.0 |]
        else
            Array.init results (fun _ -> sign random * (0.5 + random.NextDouble()))

    /// The derivative along a direction, by the pullback where there is one.
    let private along (s: Subject) g x v =
        match s.Pull, s.Push with
        | Some pull, _ -> dot (pull x g) v
        | None, Some push -> dot g (push x v)
        | None, None -> invalidOp "A subject claims a derivative."

    let private repeatable (s: Subject) =
        let a, b = s.Value s.Point, s.Value s.Point

        let differing = Seq.tryFindIndex (fun i -> not (a[i].Equals b[i])) (seq { 0 .. a.Length - 1 })

        match differing with
        | None -> finding s "repeated" "none" Passed 0.0 0.0 0.0 "the same point gives the same bits."
        | Some i ->
            finding
                s
                "repeated"
                "none"
                Failed
                a[i]
                b[i]
                0.0
                $"the same point gives {number a[i]} and then {number b[i]}: the function is not pure."

    /// (g, J v) = (J' g, v).
    let private modes (s: Subject) g (kind, v) =
        match s.Push, s.Pull with
        | Some push, Some pull ->
            let forward x = dot g (push x v)
            let reverse x = dot (pull x g) v
            let jv, pulled = push s.Point v, pull s.Point g
            let a, b = dot g jv, dot pulled v
            let tight = 64.0 * s.Unit * (size g jv + size pulled v)

            let tolerance =
                if abs (a - b) <= tight then
                    tight
                else
                    // Sums inside may cancel and round more than their result shows: what rounding does is measured, and terms as large as the values
                    // are taken to have gone into them.
                    let moved f = Differences.noise s.Unit 0.0 (fun t -> f (add s.Point t v))
                    let relative = Array.fold2 (fun m v s -> max m (abs (v / s))) 0.0 v (scales s.Point)
                    let terms = 16.0 * s.Unit * relative * size g (s.Value s.Point)
                    tight + terms + 20.0 * (moved forward + moved reverse)

            let verdict = if abs (a - b) <= tolerance then Passed else Failed
            let text = compared a b tolerance "by reverse mode"
            [ finding s "forward against reverse" kind verdict a b tolerance text ]
        | _ -> []

    let private againstDifferences (settings: CheckSettings) (s: Subject) g noise (kind, v) =
        let f t = dot g (s.Value(add s.Point t v))
        let found = along s g s.Point v

        let scale =
            match s.Pull with
            | Some pull -> size (pull s.Point g) v
            | None -> abs found

        let resolution =
            if settings.Resolution > 0.0 then settings.Resolution
            elif s.Unit > 1e-10 then 1e-3
            else 1e-6

        let moved () = Differences.noise s.Unit 0.0 (fun t -> along s g (add s.Point t v) v)

        let verdict, expected, tolerance = Differences.judge s.Unit noise resolution scale moved found f

        let text =
            if Double.IsNaN expected then
                $"{number found}, but too few values near the point are finite."
            else
                compared
                    found
                    expected
                    tolerance
                    (if verdict = Inconclusive then
                         "by differences, which cannot tell here"
                     else
                         "by differences")

        finding s "against differences" kind verdict found expected tolerance text

    let private taylor (s: Subject) g noise (kind, v) =
        let f t = dot g (s.Value(add s.Point t v))
        let found = along s g s.Point v

        let slopes =
            match Differences.slopes noise f [| found |] with
            | slopes when slopes.Verdict = Failed && Differences.hasKink 0.03 noise f ->
                { slopes with
                    Verdict = Inconclusive
                    Text = "the function has a kink here." }
            | slopes -> slopes


        let last =
            if slopes.Found.Length = 0 then
                nan
            else
                slopes.Found[slopes.Found.Length - 1]

        { finding s "Taylor slope" kind slopes.Verdict last 2.0 0.1 slopes.Text with
            Margin =
                if Double.IsNaN last then
                    0.0
                else
                    max 0.0 (2.0 - last) / 0.1 }

    /// Where the claim differs most from differences, over so many probes: by element when there are few, else by random directions, whose
    /// errors times the directions add up to the error itself (one step of the power method, for a function with one result).
    let private adversary (s: Subject) g noise (scale: float[]) (random: Random) probes : float[] option =
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

    /// All findings about a subject, and the directions of those that failed.
    let check (settings: CheckSettings) (s: Subject) : (Finding * float[]) list =
        let random = Random(settings.Seed + 1000 * s.Order)
        let n = s.Point.Length
        let pure' = repeatable s

        if n = 0 || pure'.Verdict = Failed then
            [ pure', [||] ]
        else
            let g = cotangent s
            let scale = scales s.Point
            let scaled f = Array.init n (fun i -> f i * scale[i])
            let value = s.Value s.Point
            let line v t = dot g (s.Value(add s.Point t v))

            let ordinary =
                [ for _ in 1 .. settings.Directions do
                      "gaussian", scaled (fun _ -> gaussian random)

                  if n > 1 then
                      for _ in 1 .. settings.Directions do
                          "rademacher", scaled (fun _ -> sign random)

                      for _ in 1 .. settings.Directions do
                          let one = random.Next n
                          "one-hot", scaled (fun i -> if i = one then 1.0 else 0.0) ]

            let noise = Differences.noise s.Unit (size g value) (line (snd ordinary.Head))

            let directions =
                match adversary s g noise scale random 16 with
                | Some v when n > 1 -> ordinary @ [ "adversarial", v ]
                | _ -> ordinary

            [ pure', [||]
              for direction in directions do
                  let v = snd direction

                  for f in modes s g direction do
                      f, v

                  againstDifferences settings s g noise direction, v

              let first = directions.Head
              taylor s g noise first, snd first ]

    /// The element where the claim and differences disagree most, by name: among all when there are few, else within the worst of equal blocks.
    let blame (s: Subject) : string =
        let g = cotangent s
        let scale = scales s.Point
        let first = if s.Unit > 1e-10 then 0.25 else Math.ScaleB(1.0, -5)

        let error (wanted: int -> bool) =
            let v = Array.mapi (fun i s -> if wanted i then s else 0.0) scale
            let f t = dot g (s.Value(add s.Point t v))
            let noise = Differences.noise s.Unit 0.0 f

            let by =
                match Differences.derivative s.Unit first noise f with
                | Some e -> abs (along s g s.Point v - e.Value) - e.Error
                | None -> -infinity

            let between =
                match s.Push with
                | Some push -> abs (dot g (push s.Point v) - along s g s.Point v)
                | None -> 0.0

            max by between

        let rec narrow low high =
            if high - low <= 32 then
                Seq.maxBy (fun i -> error ((=) i)) (seq { low .. high - 1 })
            else
                let width = (high - low + 7) / 8

                let starts = [ low..width .. high - 1 ]

                let worst =
                    starts
                    |> List.maxBy (fun start -> error (fun i -> start <= i && i < min high (start + width)))

                narrow worst (min high (worst + width))

        s.Name(narrow 0 s.Point.Length)

    /// The report on subjects, the lowest order first.
    let report (settings: CheckSettings) (subjects: Subject list) : Report =
        let all = subjects |> List.map (fun s -> s, check settings s)
        let findings = all |> List.collect (snd >> List.map fst)
        let isFailed (f: Finding) = f.Verdict = Failed

        let seen kind (findings: (Finding * float[]) list) =
            findings
            |> List.exists (fun (f, _) -> List.contains f.Check kind && f.Verdict = Passed)

        let isSeen (s: Subject, findings) =
            s.Point.Length = 0
            || ((s.Push.IsNone || s.Pull.IsNone || seen [ "forward against reverse" ] findings)
                && seen [ "against differences"; "Taylor slope" ] findings)

        let worst =
            all
            |> List.tryPick (fun (s, found) ->
                found
                |> List.filter (fun (f, v) -> isFailed f && v.Length > 0)
                |> function
                    | [] -> None
                    | failed -> Some(s, failed |> List.maxBy (fun (f, _) -> f.Margin) |> snd))

        { Verdict =
            if List.exists isFailed findings then Failed
            elif List.forall isSeen all then Passed
            else Inconclusive
          Findings = Array.ofList findings
          Elements = subjects.Head.Point.Length
          Path =
            (match worst with
             | Some(s, _) -> blame s
             | None -> "")
          WorstDirection =
            (match worst with
             | Some(_, v) -> v
             | None -> [||])
          Seed = settings.Seed }
