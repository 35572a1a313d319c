namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// What the elements of a function's result depend on, followed through operation after operation, whatever the numbers are.
[<RequireQualifiedAccess>]
module internal Sparsity =
    open Dependence

    /// What is known of control structures that were gone through: for each with its inputs, what its results depend on. Exact where nodes have the values that
    /// positions are read from.
    [<Sealed>]
    type private Memo(isExact: bool) =
        let all = Dictionary<Structure, List<Tensor[] * (int -> Sets)>>(HashIdentity.Reference)

        member _.IsExact = isExact

        member _.Find(structure: Structure, inputs: Tensor[], make: unit -> int -> Sets) : int -> Sets =
            let those =
                match all.TryGetValue structure with
                | true, those -> those
                | _ ->
                    let those = List()
                    all[structure] <- those
                    those

            match
                those
                |> Seq.tryFind (fun (given, _) ->
                    Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) given inputs)
            with
            | Some(_, found) -> found
            | None ->
                let made = make ()
                those.Add((inputs, made))
                made

    let private setOf (known: Dictionary<Tensor, Sets>) t =
        match known.TryGetValue t with
        | true, s -> Some s
        | _ -> None

    let rec private through (memo: Memo) (step: Step) (sets: Sets option[]) : Sets =
        let known = Array.choose id sets
        let only = known[0]

        match step.Node.Op with
        | Variable
        | OnDevice _
        | Cast _ -> only
        | Pointwise _ ->
            match step.Rule with
            | Elementwise partials ->
                Array.zip partials sets
                |> Array.choose (fun (partial, s) ->
                    match s with
                    | Some s ->
                        match partial step.Inputs step.Node with
                        | Partial.Zero -> None
                        | Partial.One
                        | Partial.MinusOne
                        | Partial.Factor _ -> Some s
                    | None -> None)
                |> Array.fold (Array.map2 union) (Array.create (int step.Node.Count) [||])
            | Linear _
            | Multilinear _
            | Rule _
            | Joint _
            | NonDifferentiable -> known |> Array.reduce (Array.map2 union)
        | Reshape _
        | Permute _
        | Broadcast _
        | Slice _
        | Pad _
        | Concatenate _
        | Flip _
        | Take _ -> moved step sets
        | Reduce(_, axes) -> gathered step.Node.Count (spread axes step.Inputs[0].Shape) only
        | CumulativeSum(axis, reverse) ->
            let shape = step.Node.Shape
            let stride = shape |> Seq.skip (axis + 1) |> Seq.fold (*) 1
            let all = Array.copy only

            let order =
                if reverse then
                    [| all.Length - 1 .. -1 .. 0 |]
                else
                    [| 0 .. all.Length - 1 |]

            for i in order do
                let place = i / stride % shape[axis]
                let before = if reverse then i + stride else i - stride

                if (if reverse then place < shape[axis] - 1 else place > 0) then
                    all[i] <- union all[i] all[before]

            all
        | ScatterAdd(axis, batch, _) ->
            let targets = Tensor.Create(Take(axis, batch), numbered step.Node.Shape 0, step.Inputs[0])
            gathered step.Node.Count (read targets) only
        | Contract(lb, rb, ls, rs) -> contracted step lb rb ls rs sets
        | Convolve(_, strides, low, inputDilation, dilation) ->
            convolved step (Windows(spatial step.Inputs[1], strides, low, inputDilation, dilation)) sets
        | Window(_, positions, windows) ->
            windowed (places windows positions step.Inputs[0]) step.Node.Count only
        // What a share says of the first input is a choice, which does not change.
        | WindowShare(_, positions, windows) ->
            match sets[1] with
            | Some moved -> windowed (places windows positions step.Inputs[1]) step.Node.Count moved
            | None -> Array.create (int step.Node.Count) [||]
        | WindowSpread(_, windows) ->
            let all = Array.create (int step.Node.Count) [||]

            match sets[1] with
            | Some moved ->
                let positions = Seq.skip (step.Node.Rank - windows.Count) step.Inputs[1].Shape |> axesOf

                places windows positions step.Node
                |> Seq.iteri (fun position elements ->
                    for i in elements do
                        all[i] <- union all[i] moved[position])
            | None -> ()

            all
        | Decompose _ -> matrices step [| sets[0] |]
        | Solve _ -> solved step sets
        | Custom _ ->
            let own =
                sets[0]
                |> Option.defaultWith (fun () -> Array.create (int step.Node.Count) [||])

            let others = dense step (Array.updateAt 0 None sets)
            Array.map2 union own others
        | Control(structure, result) ->
            memo.Find
                (structure,
                 step.Inputs,
                 fun () -> StructureDependence.ofResults ofBody memo.IsExact structure step sets)
                result
        // Their results are taken to depend on every element of what varies.
        | Sort _
        | Data
        | Constant _
        | Iota _
        | Random _
        | StopGradient -> dense step sets

    /// What targets of a body depend on, where its parameters are these tensors and depend on these sets. Positions that follow from what a parameter is can
    /// be anywhere unless the tensors are what the body sees.
    and private ofBody isExact (body: Body) (targets: Tensor[]) (given: Tensor[]) (sets: Sets option[]) =
        let memo = Memo isExact
        let values = Body.applyTo body targets given
        let parameters = HashSet<Tensor>(given, HashIdentity.Reference)
        let known = Dictionary<Tensor, Sets>(HashIdentity.Reference)
        Array.iter2 (fun t set -> set |> Option.iter (fun set -> known[t] <- set)) given sets

        let enter (t: Tensor) =
            if parameters.Contains t then
                ValueNone
            else
                ValueSome t.Operands

        let moving = HashSet<Tensor>(given, HashIdentity.Reference)

        for struct (t, inputs) in Walk.postOrder enter values do
            if Array.exists moving.Contains inputs then
                moving.Add t |> ignore

            let rule = Derivatives.rule t.Op

            if
                t.DType.IsFloat()
                && Array.exists known.ContainsKey inputs
                && not rule.IsNonDifferentiable
            then
                let step =
                    { Node = t
                      Inputs = inputs
                      Rule = rule }

                let sets = inputs |> Array.map (fun input -> setOf known input)
                let isMoved = inputs |> Array.exists (fun i -> not (i.DType.IsFloat()) && moving.Contains i)

                known[t] <-
                    if isMoved && not isExact then
                        dense step sets
                    else
                        through memo step sets

        values, values |> Array.map (setOf known)

    /// For each element of f x, in order, the sorted numbers of the elements of x that it may depend on.
    let find (f: Tensor -> Tensor) (x: Tensor) : int[][] =
        Trace.run f x (fun trace ->
            let memo = Memo true
            let known = Dictionary<Tensor, Sets>(HashIdentity.Reference)
            known[trace.Variables[0]] <- Array.init (int x.Count) (fun i -> [| i |])

            for step in trace.Steps do
                if not (known.ContainsKey step.Node) then
                    let sets =
                        step.Inputs
                        |> Array.map (fun t ->
                            match known.TryGetValue t with
                            | true, s -> Some s
                            | _ -> None)

                    known[step.Node] <- through memo step sets

            match known.TryGetValue trace.Outputs[0] with
            | true, s -> s
            | _ -> Array.create (int trace.Outputs[0].Count) [||])
