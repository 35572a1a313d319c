namespace Ad.Checks

open System

/// Checks one subject.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Subject =
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

    /// The subject, its gradient at the point computed once however many directions ask for it.
    let private remembering (s: Subject) =
        let atPoint (pull: float[] -> float[] -> float[]) =
            let known = ref None

            fun x g ->
                match known.Value with
                | Some(cotangent, pulled) when
                    obj.ReferenceEquals(x, s.Point) && obj.ReferenceEquals(g, cotangent)
                    ->
                    pulled
                | _ ->
                    let pulled = pull x g

                    if obj.ReferenceEquals(x, s.Point) then
                        known.Value <- Some(g, pulled)

                    pulled

        { s with
            Pull = Option.map atPoint s.Pull }

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
            let forward x = Directions.dot g (push x v)
            let reverse x = Directions.dot (pull x g) v
            let jv, pulled = push s.Point v, pull s.Point g
            let a, b = Directions.dot g jv, Directions.dot pulled v
            let tight = 64.0 * s.Unit * (Directions.size g jv + Directions.size pulled v)

            let tolerance =
                if abs (a - b) <= tight then
                    tight
                else
                    // Sums inside may cancel and round more than their result shows: what rounding does is measured, and terms as large as the values
                    // are taken to have gone into them.
                    let moved f = Differences.noise s.Unit 0.0 (fun t -> f (Directions.add s.Point t v))

                    let relative =
                        Array.fold2 (fun m v s -> max m (abs (v / s))) 0.0 v (Directions.scales s.Point)

                    let terms = 16.0 * s.Unit * relative * Directions.size g (s.Value s.Point)

                    let spread =
                        s.Spread
                        |> Option.map (fun f -> 128.0 * s.Unit * f s.Point g v)
                        |> Option.defaultValue 0.0

                    tight + terms + spread + 20.0 * (moved forward + moved reverse)

            let verdict = if abs (a - b) <= tolerance then Passed else Failed
            let text = compared a b tolerance "by reverse mode"
            [ finding s "forward against reverse" kind verdict a b tolerance text ]
        | _ -> []

    let private againstDifferences (settings: CheckSettings) (s: Subject) g noise (kind, v) =
        let f t = Directions.dot g (s.Value(Directions.add s.Point t v))
        let found = Directions.along s g s.Point v

        let scale =
            match s.Pull with
            | Some pull -> Directions.size (pull s.Point g) v
            | None -> abs found

        let resolution =
            if settings.Resolution > 0.0 then settings.Resolution
            elif s.Unit > 1e-10 then 1e-3
            else 1e-6

        let moved () =
            let spread =
                s.Spread
                |> Option.map (fun f -> 4.0 * s.Unit * f s.Point g v)
                |> Option.defaultValue 0.0

            spread
            + Differences.noise s.Unit 0.0 (fun t -> Directions.along s g (Directions.add s.Point t v) v)

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

    /// Slope 2 of the remainder that the derivative leaves, and slope 3 of the one that the second derivative leaves with it.
    let private taylor (s: Subject) g noise (kind, v) =
        let f t = Directions.dot g (s.Value(Directions.add s.Point t v))

        let slope (terms: float[]) =
            let slopes =
                match Differences.slopes noise f terms with
                | slopes when slopes.Verdict = Failed && Differences.hasKink 0.03 noise f ->
                    { slopes with
                        Verdict = Inconclusive
                        Text = "the function has a kink here." }
                | slopes -> slopes

            let expected = float terms.Length + 1.0

            let last =
                if slopes.Found.Length = 0 then
                    nan
                else
                    Array.last slopes.Found

            { finding s $"Taylor slope {expected:F0}" kind slopes.Verdict last expected 0.1 slopes.Text with
                Margin =
                    if Double.IsNaN last then
                        0.0
                    else
                        max 0.0 (expected - last) / 0.1 }

        let first = Directions.along s g s.Point v

        [ slope [| first |]
          match s.Curve with
          | Some curve -> slope [| first; Directions.dot g (curve s.Point v) |]
          | None -> () ]

    /// All findings about a subject, and the directions of those that failed.
    let check (settings: CheckSettings) (s: Subject) : (Finding * float[]) list =
        let random = Random(settings.Seed + 1000 * s.Order)
        let n = s.Point.Length
        let pure' = repeatable s

        if n = 0 || pure'.Verdict = Failed then
            [ pure', [||] ]
        else
            let g = Directions.cotangent s
            let scale = Directions.scales s.Point
            let value = s.Value s.Point
            let line v t = Directions.dot g (s.Value(Directions.add s.Point t v))

            let ordinary = Directions.ordinary settings scale random
            let noise = Differences.noise s.Unit (Directions.size g value) (line (snd ordinary.Head))

            let directions =
                match Directions.adversary s g noise scale random 16 with
                | Some v when n > 1 -> ordinary @ [ "adversarial", v ]
                | _ -> ordinary

            [ pure', [||]
              for direction in directions do
                  let v = snd direction

                  for f in modes s g direction do
                      f, v

                  againstDifferences settings s g noise direction, v

              let first = directions.Head

              for f in taylor s g noise first do
                  f, snd first ]

    /// The element where the claim and differences disagree most, by name: among all when there are few, else within the worst of equal blocks.
    let blame (s: Subject) : string =
        let g = Directions.cotangent s
        let scale = Directions.scales s.Point
        let first = if s.Unit > 1e-10 then 0.25 else Math.ScaleB(1.0, -5)

        let error (wanted: int -> bool) =
            let v = Array.mapi (fun i s -> if wanted i then s else 0.0) scale
            let f t = Directions.dot g (s.Value(Directions.add s.Point t v))
            let noise = Differences.noise s.Unit 0.0 f

            let by =
                match Differences.derivative s.Unit first noise f with
                | Some e -> abs (Directions.along s g s.Point v - e.Value) - e.Error
                | None -> -infinity

            let between =
                match s.Push with
                | Some push -> abs (Directions.dot g (push s.Point v) - Directions.along s g s.Point v)
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
        let subjects = List.map remembering subjects
        let all = subjects |> List.map (fun s -> s, check settings s)
        let findings = all |> List.collect (snd >> List.map fst)
        let isFailed (f: Finding) = f.Verdict = Failed

        let seen kind (findings: (Finding * float[]) list) =
            findings
            |> List.exists (fun (f, _) -> List.contains f.Check kind && f.Verdict = Passed)

        let isSeen (s: Subject, findings) =
            s.Point.Length = 0
            || ((s.Push.IsNone || s.Pull.IsNone || seen [ "forward against reverse" ] findings)
                && seen [ "against differences"; "Taylor slope 2" ] findings)

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
