namespace Ad.Checks

open System
open System.Numerics
open Ad.Functional
open Ad.Checks.Examining
open Ad.Tensors

/// Oracles that compute in other numbers.
[<RequireQualifiedAccess>]
module internal NumberOracles =
    let complexStep _ (t: Trial) =
        let h = 1e-150

        let found =
            Trace.run t.Function t.Point (fun trace ->
                let given =
                    Array.map2
                        (fun (x: Tensor) (v: Tensor) ->
                            if x.DType.IsFloat() then
                                Array.map2 (fun x v -> Complex(x, h * v)) (numbers x) (numbers v)
                            else
                                [||])
                        t.Point
                        t.Direction

                (Reference.evaluate (ComplexNumbers()) (fun _ -> false) (fun _ -> None) trace given)[trace
                                                                                                         .Outputs[0]])

        match found with
        | None -> NotChosen
        | Some values ->
            let numeric =
                Array.fold2
                    (fun sum (z: Complex) g -> sum + z.Imaginary / h * g)
                    0.0
                    values
                    (numbers t.Cotangent)

            let claim, size = Laws.inner [| t.Cotangent |] [| pushed t t.Point |]
            close "the derivative and the complex step" claim numeric size (pushed t) t.Point t.Cotangent

    let private single (t: Tensor) = if t.DType.IsFloat() then Tensor.cast Float32 t else t

    let float32s _ (t: Trial) =
        let x, v, g = Array.map single t.Point, Array.map single t.Direction, single t.Cotangent

        // A function that is written for float64 alone says so when it is called.
        let value =
            try
                Some(t.Function x |> Tree.eval)
            with :? ArgumentException ->
                None

        match value with
        | Some y when y.DType = Float32 ->
            let wide (tensors: Tensor[]) =
                tensors
                |> Array.map (fun t -> if t.DType.IsFloat() then Tensor.cast Float64 t else t)

            let x64, v64, g64 = wide x, wide v, Tensor.cast Float64 g
            let product (a: Tensor[]) (b: Tensor[]) = Laws.inner (wide (floats a)) (wide (floats b))
            let moved x = snd (Forward.jvp t.Function x v64)
            let exact, size = product [| g64 |] [| moved x64 |]
            let value64, valueSize = product [| g64 |] [| t.Function x64 |]
            let unit = Differences.unit32

            let allowed f size =
                64.0 * unit * (size + 1e-30), (fun () -> 64.0 * unit * Rounding.spread f x64 g64)

            let against what a b f size =
                let tight, slack = allowed f size
                compared what a b tight slack

            [ against
                  "values in float32 and float64"
                  (fst (product [| g |] [| y |]))
                  value64
                  t.Function
                  valueSize
              against
                  "forward mode in float32 and float64"
                  (fst (product [| g |] [| snd (Forward.jvp t.Function x v) |]))
                  exact
                  moved
                  size
              against
                  "reverse mode in float32 and float64"
                  (fst (product (snd (Reverse.vjp t.Function x) g) v))
                  exact
                  moved
                  (size + valueSize) ]
            |> firstOf
        | _ -> NotChosen

    let rationals (calculus: Calculus) (t: Trial) =
        Trace.run t.Function t.Point (fun trace ->
            let exact = ExactNumbers()
            let nodes = trace.Steps |> Array.map _.Node
            let seeds = t.Direction |> Array.map (fun v -> if v.DType.IsFloat() then Some v else None)
            let tangents = Forward.tangents { trace with Outputs = nodes } seeds

            let known =
                tangents
                |> Array.map2 (fun n -> Option.defaultWith (fun () -> Tensor.zerosLike n)) nodes

            let all = calculus.Values(Array.append nodes known)

            let engine = Collections.Generic.Dictionary<Tensor, float[] * float[]>(HashIdentity.Reference)
            nodes |> Array.iteri (fun i n -> engine[n] <- (all[i], all[nodes.Length + i]))

            let given =
                Array.map2
                    (fun (x: Tensor) (v: Tensor) ->
                        if x.DType.IsFloat() then
                            Array.map2 (fun x v -> exact.Of(x, v)) (numbers x) (numbers v)
                        else
                            [||])
                    t.Point
                    t.Direction

            // Where the numbers stop, the engine's own are exact beginnings of what follows.
            let cut = Collections.Generic.HashSet<Tensor>(HashIdentity.Reference)

            let begin' (node: Tensor) =
                cut.Add node |> ignore

                match engine.TryGetValue node with
                | true, (values, tangents) -> Some(Array.map2 (fun v d -> exact.Of(v, d)) values tangents)
                | _ -> Some(numbers node |> Array.map (fun v -> exact.Of(v, 0.0)))

            let isOpaque op =
                match op with
                | Custom _
                | StopGradient -> true
                | _ -> false

            let found = Reference.evaluate exact isOpaque begin' trace given

            let held =
                [ for n in nodes do
                      if
                          not (cut.Contains n)
                          && not (Array.exists (fun v -> obj.ReferenceEquals(v, n)) trace.Variables)
                      then
                          match found.TryGetValue n with
                          | true, Some numbers ->
                              let values, tangents = engine[n]

                              for i in 0 .. numbers.Length - 1 do
                                  let e = numbers[i]
                                  let name = Op.name n.Op
                                  let allowed error = 8.0 * error + 1e-300

                                  compared
                                      $"the value of {name} and exact numbers"
                                      values[i]
                                      (e.Value.ToFloat())
                                      (allowed e.Error)
                                      (fun () -> 0.0)

                                  compared
                                      $"the tangent of {name} and exact numbers"
                                      tangents[i]
                                      (e.Tangent.ToFloat())
                                      (allowed e.TangentError)
                                      (fun () -> 0.0)
                          | _ -> () ]

            firstOf held)

    let intervalBound _ (t: Trial) =
        let radius = Math.ScaleB(1.0, -10)

        let enclosure =
            Trace.run (pushed t) t.Point (fun trace ->
                if Reference.branches trace then
                    None
                else
                    let given =
                        Array.map2
                            (fun (x: Tensor) (v: Tensor) ->
                                if x.DType.IsFloat() then
                                    Array.map2
                                        (fun x v ->
                                            let r = radius * abs v

                                            { Low = Math.BitDecrement(x - r)
                                              High = Math.BitIncrement(x + r) })
                                        (numbers x)
                                        (numbers v)
                                else
                                    [||])
                            t.Point
                            t.Direction

                    (Reference.evaluate (Intervals()) (fun _ -> false) (fun _ -> None) trace given)[trace
                                                                                                        .Outputs[0]])

        match enclosure with
        | None -> NotChosen
        | Some intervals ->
            let bounds =
                Array.map2
                    (fun (i: Interval) g ->
                        if g >= 0.0 then
                            i.Low * g, i.High * g
                        else
                            i.High * g, i.Low * g)
                    intervals
                    (numbers t.Cotangent)

            let low, high = Array.sumBy fst bounds, Array.sumBy snd bounds
            let at h = Laws.inner [| t.Cotangent |] [| t.Function(Laws.along t.Point t.Direction h) |]
            let (above, size), (below, _) = at radius, at -radius
            let quotient = (above - below) / (2.0 * radius)
            // Wider than what it holds, a bound says nothing.
            if not (high - low <= abs quotient + 1e-3 * size) then
                NotChosen
            else
                let noise = 64.0 * unit * (size + Rounding.spread t.Function t.Point t.Cotangent) / radius

                if low - noise <= quotient && quotient <= high + noise then
                    Holds
                else
                    Breaks
                        $"the mean slope is {quotient:R}, but the derivative lies between {low:R} and {high:R} all the way."
