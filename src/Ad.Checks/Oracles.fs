namespace Ad.Checks

open System
open System.Numerics
open Ad.Functional
open Ad.Tensors

/// What an oracle says of a function.
type Examined =
    /// It can say nothing of such a function.
    | NotChosen
    /// The derivative is what it must be.
    | Holds
    /// It is not: a sentence why.
    | Breaks of string

/// The transforms that oracles examine, so that wrong ones can be put in their places.
type internal Calculus =
    { Taylor: int -> (Tensor[] -> Tensor) -> Tensor[] -> Tensor[] -> Tensor list
      Map: (Tensor[] -> Tensor) -> Tensor[] -> Tensor
      Linearize: (Tensor[] -> Tensor) -> Tensor[] -> Tensor[] -> Tensor
      Values: Tensor[] -> float[][] }

/// A way to know a derivative that has nothing in common with the others.
[<Sealed>]
type Oracle internal (name: string, scope: string, examine: Calculus -> Trial -> Examined) =
    /// Its name.
    member _.Name = name

    /// Which functions it is for.
    member _.Scope = scope

    member internal _.ExamineWith calculus trial = examine calculus trial

    /// A law that is for all functions.
    static member Of(law: Law) =
        let examine _ trial =
            match law.Check trial with
            | None -> Holds
            | Some why -> Breaks why

        Oracle(law.Name, "all functions", examine)

/// <summary>Ten ways to know a derivative; each is asked about the functions of which it can say something.</summary>
[<RequireQualifiedAccess>]
module Oracles =
    let private floats (x: Tensor[]) = x |> Array.filter (fun t -> t.DType.IsFloat())
    let private numbers (t: Tensor) : float[] = (Tensor.cast Float64 t).ToArray<float>()

    /// The library's transforms.
    let internal library: Calculus =
        { Taylor = taylor
          Map = vmap
          Linearize = fun f x -> snd (linearize f x)
          Values = fun tensors -> Tree.eval tensors |> Array.map numbers }

    let private pushed (t: Trial) x = snd (Forward.jvp t.Function x t.Direction)

    let private compared what (a: float) (b: float) tight (slack: unit -> float) =
        // What is not a number on both sides agrees.
        if abs (a - b) <= tight || (Double.IsNaN a && Double.IsNaN b) then
            Holds
        else
            let tolerance = tight + slack ()

            if abs (a - b) <= tolerance then
                Holds
            else
                Breaks $"{what}: {a:R} against {b:R}, {abs (a - b):G3} apart where {tolerance:G3} is allowed."

    let private unit = Differences.unit64

    /// Rounding, ample: first what the terms of the sum allow, then what is measured on the way to them.
    let private close what a b size f x g =
        compared what a b (64.0 * unit * (size + 1e-290)) (fun () -> 64.0 * unit * Rounding.spread f x g)

    let private firstOf (examined: Examined seq) =
        let all = Seq.cache examined

        match all |> Seq.tryFind (fun (e: Examined) -> e.IsBreaks) with
        | Some broken -> broken
        | None ->
            if all |> Seq.exists (fun (e: Examined) -> e.IsHolds) then
                Holds
            else
                NotChosen

    let private complexStep _ (t: Trial) =
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

    let private taylorMode (calculus: Calculus) (t: Trial) =
        let isSmall = Trace.run t.Function t.Point (fun trace -> trace.Steps.Length <= 40)
        let order = if isSmall then 3 else 2

        let rec nested k x =
            if k = 0 then
                t.Function x
            else
                snd (Forward.jvp (nested (k - 1)) x t.Direction)

        let coefficients = calculus.Taylor order t.Function t.Point t.Direction |> Array.ofList
        let derivatives = Array.init (order + 1) (fun k -> nested k t.Point)
        Tree.eval (coefficients, derivatives) |> ignore
        let mutable factorial = 1.0

        [ for k in 1..order do
              factorial <- factorial * float k
              let a, size = Laws.inner [| t.Cotangent |] [| coefficients[k] |]
              let b, other = Laws.inner [| t.Cotangent |] [| derivatives[k] |]

              close
                  $"{k} times differentiated, Taylor mode and nested forward mode"
                  (a * factorial)
                  b
                  (8.0 * (size * factorial + other))
                  (nested k)
                  t.Point
                  t.Cotangent ]
        |> firstOf

    /// The number of paths from the variables to each node.
    let private pathCounts (trace: Trace<'b>) =
        let counts = Collections.Generic.Dictionary<Tensor, bigint>(HashIdentity.Reference)

        for v in trace.Variables do
            if v.DType.IsFloat() then
                counts[v] <- 1I

        let count t =
            match counts.TryGetValue t with
            | true, n -> n
            | _ -> 0I

        for step in trace.Steps do
            if not (counts.ContainsKey step.Node) then
                counts[step.Node] <- step.Inputs |> Array.sumBy count

        count

    let private paths _ (t: Trial) =
        Trace.run t.Function t.Point (fun trace ->
            let count = pathCounts trace
            let output = trace.Outputs[0]

            if trace.Steps.Length > 80 || count output > 100I then
                NotChosen
            else
                let steps = Collections.Generic.Dictionary<Tensor, Step>(HashIdentity.Reference)

                for step in trace.Steps do
                    steps[step.Node] <- step

                // One tangent for each path: nothing is added up before the end.
                let rec along (node: Tensor) : Tensor list =
                    match Array.tryFindIndex (fun v -> obj.ReferenceEquals(v, node)) trace.Variables with
                    | Some i -> if node.DType.IsFloat() then [ t.Direction[i] ] else []
                    | None ->
                        match steps.TryGetValue node with
                        | true, step ->
                            [ for i in 0 .. step.Inputs.Length - 1 do
                                  for tangent in along step.Inputs[i] do
                                      let alone =
                                          Array.init step.Inputs.Length (fun j ->
                                              if i = j then Some tangent else None)

                                      yield! Option.toList (Forward.push step alone) ]
                        | _ -> []

                let parts = along output
                let total, size = Laws.inner (Array.replicate parts.Length t.Cotangent) (Array.ofList parts)
                let claim, _ = Laws.inner [| t.Cotangent |] [| pushed t t.Point |]

                close
                    $"forward mode and the sum over {parts.Length} paths"
                    claim
                    total
                    size
                    (pushed t)
                    t.Point
                    t.Cotangent)

    let private single (t: Tensor) = if t.DType.IsFloat() then Tensor.cast Float32 t else t

    let private float32s _ (t: Trial) =
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

    let private rationals (calculus: Calculus) (t: Trial) =
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

    let private intervalBound _ (t: Trial) =
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

    let private batch (calculus: Calculus) (t: Trial) =
        let other =
            t.Point
            |> Array.map (fun x -> if x.Rank = 0 then x else Tensor.flip (Seq.init x.Rank id) x)

        let stacked = Array.map2 (fun a b -> Tensor.stack 0 [ a; b ]) t.Point other

        let gradient x =
            Reverse.gradient (fun x -> Tensor.sum (t.Function x * t.Cotangent)) x
            |> floats
            |> Array.map Tensor.flatten
            |> Tensor.concat 0

        let agree what f =
            let mapped = calculus.Map f stacked
            let looped = Tensor.stack 0 [ f t.Point; f other ]

            let weights =
                Tensor.ofArray mapped.Shape (Array.init (int mapped.Count) (fun i -> Math.Cos(float i)))

            let a, size = Laws.inner [| weights |] [| mapped |]
            let b, _ = Laws.inner [| weights |] [| looped |]

            let each (x: Tensor[]) =
                Tensor.stack
                    0
                    [ f (x |> Array.map (Tensor.sliceAxis 0 0 1 1 >> Tensor.squeeze [ 0 ]))
                      f (x |> Array.map (Tensor.sliceAxis 0 1 2 1 >> Tensor.squeeze [ 0 ])) ]

            close $"{what} of two examples, mapped and one by one" a b size each stacked weights

        firstOf [ agree "values" t.Function; agree "gradients" gradient ]

    let private linearized (calculus: Calculus) (t: Trial) =
        let linear = calculus.Linearize t.Function t.Point

        try
            let pulled = linearTranspose linear t.Point t.Cotangent
            let _, pullback = Reverse.vjp t.Function t.Point
            let expected = pullback t.Cotangent
            let reverse v x = Laws.product (snd (Reverse.vjp t.Function x) t.Cotangent) v

            [ for what, v in [ "one direction", t.Direction; "another", t.Other ] do
                  let a, size = Laws.inner pulled v
                  let b, other = Laws.inner expected v

                  close
                      $"linearized and transposed, and reverse mode, along {what}"
                      a
                      b
                      (size + other)
                      (reverse v)
                      t.Point
                      (Tensor.scalar 1.0) ]
            |> firstOf
        with :? ArgumentException as e when e.Message.Contains "is not linear" ->
            NotChosen

    /// All ten.
    let all: Oracle list =
        [ Oracle.Of Laws.forwardAgainstReverse
          Oracle.Of Laws.againstDifferences
          Oracle(
              "complex step",
              "elementary functions and sums of products; not erf, gamma, decompositions, loops",
              complexStep
          )
          Oracle("Taylor mode", "all functions, to third order, or second where they are large", taylorMode)
          Oracle("path enumeration", "graphs of at most 80 operations and 100 paths", paths)
          Oracle("float32 against float64", "functions that work in the type of their arguments", float32s)
          Oracle(
              "exact rationals",
              "every sum and product on the way, from the numbers that enter it",
              rationals
          )
          Oracle(
              "interval bound",
              "functions without branches whose bounds are narrower than their slopes",
              intervalBound
          )
          Oracle("batch against loop", "all functions", batch)
          Oracle(
              "linearized, then transposed",
              "functions whose tangents are made of linear operations",
              linearized
          ) ]

    /// What an oracle says of a trial; an exception is a failure too.
    let examine (oracle: Oracle) (trial: unit -> Trial) : Examined =
        try
            oracle.ExamineWith library (trial ())
        with error ->
            Breaks $"{error.GetType().Name}: {error.Message}"

    let private own =
        all
        |> List.filter (fun o -> Laws.all |> List.forall (fun law -> law.Name <> o.Name))

    /// What a random program of a seed is held to: every law, and two of the oracles that are no laws, another two for the next seed.
    let forSeed (seed: int) : Oracle list =
        let first = seed % own.Length
        let second = (first + 1 + seed / own.Length % (own.Length - 1)) % own.Length
        List.map Oracle.Of Laws.all @ [ own[first]; own[second] ]

    /// The names of all laws and oracles.
    let names: string list = (Laws.all |> List.map _.Name) @ (own |> List.map _.Name)
