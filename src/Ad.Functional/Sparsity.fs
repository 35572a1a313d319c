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

    /// Whether positions that a body takes elements from follow from its parameters, or may.
    let private isIndexed (body: Body) =
        let parameters = HashSet<Tensor>(body.Parameters, HashIdentity.Reference)
        let moving = HashSet<Tensor>(body.Parameters, HashIdentity.Reference)

        let enter (t: Tensor) =
            if parameters.Contains t then
                ValueNone
            else
                ValueSome t.Operands

        let mutable isFound = false

        for struct (t, inputs) in Walk.postOrder enter body.Results do
            if Array.exists moving.Contains inputs then
                moving.Add t |> ignore

                match t.Op with
                | Take _
                | ScatterAdd _ ->
                    isFound <-
                        isFound
                        || inputs |> Array.exists (fun i -> not (i.DType.IsFloat()) && moving.Contains i)
                | Control _ -> isFound <- true
                | _ -> ()

        isFound

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
            memo.Find (structure, step.Inputs, fun () -> controlled memo.IsExact structure step sets) result
        // Their results are taken to depend on every element of what varies.
        | Sort _
        | Data
        | Constant _
        | Iota _
        | Random _
        | StopGradient -> dense step sets

    /// What targets of a body depend on, where its parameters are these tensors and depend on these sets. Positions that follow from what a parameter is can
    /// be anywhere unless the tensors are what the body sees.
    and private ofBody
        (body: Body)
        (isExact: bool)
        (targets: Tensor[])
        (given: Tensor[])
        (sets: Sets option[])
        =
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

    /// For each result of a control structure what it depends on.
    and private controlled isExact (structure: Structure) (step: Step) (sets: Sets option[]) : int -> Sets =
        let inputs = step.Inputs
        let orNone (t: Tensor) set = set |> Option.defaultWith (fun () -> Array.create (int t.Count) [||])

        match structure with
        | :? Scan as scan -> scanned isExact scan inputs sets
        | :? While as loop ->
            let carries = loop.Body.Results.Length - 1

            // Whatever the number of steps: what a state may depend on grows until it is what it becomes.
            let rec grow (state: Sets option[]) =
                let _, next =
                    ofBody
                        loop.Body
                        false
                        (Array.take carries loop.Body.Results)
                        inputs
                        (Array.append state (Array.skip carries sets))

                let joined =
                    Array.map2
                        (fun (before: Sets option) after ->
                            match before, after with
                            | Some a, Some b -> Some(Array.map2 union a b)
                            | Some a, None -> Some a
                            | None, b -> b)
                        state
                        next

                if joined = state then joined else grow joined

            let last = grow (Array.take carries sets)
            fun result -> orNone inputs[result] last[result]
        | :? Cond as branch ->
            fun result ->
                let ifTrue, ifFalse = branch.Either result

                let _, either =
                    ofBody branch.Body isExact [| ifTrue; ifFalse |] (Array.tail inputs) (Array.tail sets)

                Array.map2 union (orNone ifTrue either[0]) (orNone ifFalse either[1])
        | :? Checkpoint as apart ->
            let values, all = ofBody apart.Body isExact apart.Body.Results inputs sets
            fun result -> orNone values[result] all[result]
        | _ -> fun _ -> dense step sets

    /// A scan step after step, until nothing changes any more in what the states depend on.
    and private scanned isExact (scan: Scan) (inputs: Tensor[]) (sets: Sets option[]) : int -> Sets =
        let isSlice i = i >= scan.Carries && i < scan.Carries + scan.Slices
        let targets = scan.Targets

        let order =
            if scan.IsReversed then
                [ scan.Length - 1 .. -1 .. 0 ]
            else
                [ 0 .. scan.Length - 1 ]

        let rowsOf: Sets option[][] = Array.create scan.Length [||]
        let before: Sets option[][] = Array.create scan.Length [||]

        let isSteady =
            sets
            |> Array.indexed
            |> Array.forall (fun (i, set) -> not (isSlice i && set.IsSome))
            && not (isIndexed scan.Body)

        let sliced i (k: int) =
            let per = int inputs[i].Count / max 1 scan.Length

            inputs[i] |> Tensor.sliceAxis 0 k (k + 1) 1 |> Tensor.squeeze [ 0 ],
            sets[i] |> Option.map (fun set -> Array.sub set (k * per) per)

        let mutable state = Array.zip (Array.take scan.Carries inputs) (Array.take scan.Carries sets)
        let mutable last: Sets option[] = [||]

        for k in order do
            before[k] <- Array.map snd state

            if
                isSteady
                && last.Length > 0
                && Array.map snd state = Array.take scan.Carries last
            then
                rowsOf[k] <- last
            else
                let given, known =
                    Array.concat
                        [ state
                          [| for i in scan.Carries .. scan.Carries + scan.Slices - 1 -> sliced i k |]
                          Array.zip inputs sets |> Array.skip (scan.Carries + scan.Slices) ]
                    |> Array.unzip

                let same = before[k]
                let values, all = ofBody scan.Body isExact targets given known
                rowsOf[k] <- all
                state <- Array.zip values all |> Array.take scan.Carries
                // Only a state that depends on what it did before says what all later ones do.
                last <- if Array.map snd state = same then all else [||]

        let size (t: Tensor) = int t.Count
        let orNone count set = set |> Option.defaultWith (fun () -> Array.create count [||])

        fun result ->
            if result < scan.Carries then
                orNone (size inputs[result]) (snd state[result])
            elif result < targets.Length then
                rowsOf |> Array.collect (fun row -> orNone (size targets[result]) row[result])
            else
                let carry = result - targets.Length
                before |> Array.collect (fun row -> orNone (size inputs[carry]) row[carry])

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
