namespace Ad.Checks

open System
open Ad.Functional
open Ad.Checks.Examining
open Ad.Tensors

/// Oracles that compare the library's ways to a derivative with each other.
[<RequireQualifiedAccess>]
module internal ModeOracles =
    let taylorMode (calculus: Calculus) (t: Trial) =
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

    let paths _ (t: Trial) =
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

    let batch (calculus: Calculus) (t: Trial) =
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

    let linearized (calculus: Calculus) (t: Trial) =
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
