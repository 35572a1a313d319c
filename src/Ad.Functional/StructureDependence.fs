namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// What the results of loops, branches and checkpoints depend on, by what their bodies' do.
[<RequireQualifiedAccess>]
module internal StructureDependence =
    open Dependence

    /// Whether nodes have the values that positions are read from, a body, nodes of it, and its parameters with what they depend on: the nodes' values and what they depend on.
    type Follow = bool -> Body -> Tensor[] -> Tensor[] -> Sets option[] -> Tensor[] * Sets option[]

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

    /// A scan step after step, until nothing changes any more in what the states depend on.
    let private scanned
        (follow: Follow)
        isExact
        (scan: Scan)
        (inputs: Tensor[])
        (sets: Sets option[])
        : int -> Sets =
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
                let values, all = follow isExact scan.Body targets given known
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

    /// A loop whose steps are not known: what a state may depend on grows until it is what it becomes.
    let private looped
        (follow: Follow)
        (loop: While)
        (inputs: Tensor[])
        (sets: Sets option[])
        : Sets option[] =
        let carries = loop.Body.Results.Length - 1

        let join (before: Sets option) after =
            match before, after with
            | Some a, Some b -> Some(Array.map2 union a b)
            | Some a, None -> Some a
            | None, b -> b

        let rec grow (state: Sets option[]) =
            let _, next =
                follow
                    false
                    loop.Body
                    (Array.take carries loop.Body.Results)
                    inputs
                    (Array.append state (Array.skip carries sets))

            let joined = Array.map2 join state next
            if joined = state then joined else grow joined

        grow (Array.take carries sets)

    /// For each result of a control structure what it depends on.
    let ofResults
        (follow: Follow)
        isExact
        (structure: Structure)
        (step: Step)
        (sets: Sets option[])
        : int -> Sets =
        let inputs = step.Inputs
        let orNone (t: Tensor) set = set |> Option.defaultWith (fun () -> Array.create (int t.Count) [||])

        match structure with
        | :? Scan as scan -> scanned follow isExact scan inputs sets
        | :? While as loop ->
            let last = looped follow loop inputs sets
            fun result -> orNone inputs[result] last[result]
        | :? Cond as branch ->
            fun result ->
                let ifTrue, ifFalse = branch.Either result

                let _, either =
                    follow isExact branch.Body [| ifTrue; ifFalse |] (Array.tail inputs) (Array.tail sets)

                Array.map2 union (orNone ifTrue either[0]) (orNone ifFalse either[1])
        | :? Checkpoint as apart ->
            let values, all = follow isExact apart.Body apart.Body.Results inputs sets
            fun result -> orNone values[result] all[result]
        | _ -> fun _ -> dense step sets
