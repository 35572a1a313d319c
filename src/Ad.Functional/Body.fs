namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// A function of tensors as a graph of its own, which holds on to nothing outside: from its parameters and from constants to its results.
[<Sealed>]
type internal Body(parameters: Tensor[], results: Tensor[]) =
    member _.Parameters = parameters
    member _.Results = results

/// Functions as graphs: made from F# functions once, and run on other tensors like them.
[<RequireQualifiedAccess>]
module internal Body =
    // A body's own constants are made anew wherever it is copied to: someone there may ask for their values.
    let private again (op: Op) (inputs: Tensor[]) =
        match op with
        | Constant(value, shape) -> Tensor.Splat(value, shape)
        | op -> Tensor.Create(op, inputs)

    /// The values of nodes of the body for these arguments, as operations on them.
    let applyTo (body: Body) (targets: Tensor[]) (arguments: Tensor[]) : Tensor[] =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        Array.iter2 (fun parameter argument -> known[parameter] <- argument) body.Parameters arguments

        let enter (t: Tensor) =
            if known.ContainsKey t then
                ValueNone
            else
                ValueSome t.Operands

        for struct (t, inputs) in Walk.postOrder enter targets do
            known[t] <- again t.Op (inputs |> Array.map (fun input -> known[input]))
            Sources.carry t known[t]

        targets |> Array.map (fun t -> known[t])

    /// The body's results for these arguments.
    let apply (body: Body) (arguments: Tensor[]) : Tensor[] = applyTo body body.Results arguments

    /// The body with other nodes of its graph as results, and those parameters alone of which the flags are true.
    let restrict (body: Body) (flags: bool[]) (results: Tensor[]) : Body =
        let kept = Array.zip body.Parameters flags |> Array.filter snd |> Array.map fst

        Body(kept, results)

    /// For each parameter, whether a node of the body needs it.
    let uses (body: Body) (targets: Tensor[]) : bool[] =
        let seen = HashSet<Tensor>(HashIdentity.Reference)
        let own = HashSet<Tensor>(body.Parameters, HashIdentity.Reference)

        let enter (t: Tensor) =
            if own.Contains t then
                seen.Add t |> ignore
                ValueNone
            else
                ValueSome t.Operands

        Walk.postOrder enter targets |> ignore
        body.Parameters |> Array.map seen.Contains

    /// For each node, whether it depends on a parameter whose flag is true, by operations that pass a dependence on.
    let depends (body: Body) (passes: Tensor -> bool) (flags: bool[]) (targets: Tensor[]) : bool[] =
        let varying = HashSet<Tensor>(HashIdentity.Reference)
        let own = HashSet<Tensor>(body.Parameters, HashIdentity.Reference)

        Array.iter2
            (fun parameter flag ->
                if flag then
                    varying.Add parameter |> ignore)
            body.Parameters
            flags

        let enter (t: Tensor) = if own.Contains t then ValueNone else ValueSome t.Operands

        for struct (t, inputs) in Walk.postOrder enter targets do
            if Array.exists varying.Contains inputs && passes t then
                varying.Add t |> ignore

        targets |> Array.map varying.Contains

    /// <summary>
    /// The function as a body, and what it closed over: that is found by walking back from the results, and becomes further parameters after its own.
    /// The function may name nodes that are to be read from elsewhere: pairs of a node and what stands for it.
    /// </summary>
    let traceWith
        (signatures: Signature[])
        (f: Tensor[] -> Tensor[] * (Tensor * Tensor)[])
        : Body * Tensor[] =
        let scope = Scope()

        try
            let variable signature = Tensor(Variable, [||], signature, scope, null)
            let placeholders = signatures |> Array.map variable
            let results, given = f placeholders
            let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
            let captured = List<Tensor>()
            let lifted = List<Tensor>()
            let numbers = Dictionary<Scalar, Tensor>()

            for p in placeholders do
                known[p] <- p

            for t, other in given do
                known[t] <- other

            let lift (t: Tensor) =
                let parameter = variable t.Signature
                captured.Add t
                lifted.Add parameter
                parameter

            // Numbers that change from call to call would make a new program each time.
            let outside (t: Tensor) =
                match t.Op with
                | Constant(value, shape) when Likeness.isStructural value -> Tensor.Splat(value, shape)
                | Constant(value, shape) ->
                    let number =
                        match numbers.TryGetValue value with
                        | true, number -> number
                        | _ ->
                            let number = lift (Tensor.Splat(value, Shape.Scalar))
                            numbers[value] <- number
                            number

                    Tensor.BroadcastTo(shape, number)
                | Iota _ -> Tensor.Create t.Op
                | _ -> lift t

            let enter (t: Tensor) =
                if known.ContainsKey t then
                    ValueNone
                elif Scopes.contains scope t.Scopes then
                    ValueSome t.Operands
                else
                    known[t] <- outside t
                    ValueNone

            for struct (t, inputs) in Walk.postOrder enter results do
                known[t] <-
                    match t.Op with
                    | Variable -> known[inputs[0]]
                    | op -> again op (inputs |> Array.map (fun input -> known[input]))

                Sources.carry t known[t]

            let body =
                Body(Array.append placeholders (lifted.ToArray()), results |> Array.map (fun t -> known[t]))

            body, captured.ToArray()
        finally
            scope.Close()

    /// The function as a body, and what it closed over.
    let trace (signatures: Signature[]) (f: Tensor[] -> Tensor[]) : Body * Tensor[] =
        traceWith signatures (fun parameters -> f parameters, [||])

    /// The nodes of the body that a derivative rather reads than computes again.
    let saved (body: Body) : Tensor[] =
        let own = HashSet<Tensor>(body.Parameters, HashIdentity.Reference)
        let enter (t: Tensor) = if own.Contains t then ValueNone else ValueSome t.Operands

        [| for struct (t, _) in Walk.postOrder enter body.Results do
               if Op.isWorthSaving t.Op then
                   t |]

    /// The program of nodes of the body; argument i is parameter i.
    let program (body: Body) (targets: Tensor[]) : Program =
        let lowered = Evaluate.lower null true (Seq.cast<Node> targets) (fun _ _ -> false)
        let places = Dictionary<Node, int>(HashIdentity.Reference)
        body.Parameters |> Array.iteri (fun i p -> places[p] <- i)
        let outputs = Dictionary<Node, int>(HashIdentity.Reference)
        let chosen = lowered.Program.Outputs.ToArray()
        lowered.Outputs |> Array.iteri (fun i node -> outputs[node] <- chosen[i])

        let instructions =
            lowered.Program.Instructions.ToArray()
            |> Array.map (fun instruction ->
                match instruction.Operation with
                | :? Operation.Input as input ->
                    Instruction(
                        Operation.Input places[lowered.Placeholders[input.Index]],
                        instruction.Operands,
                        instruction.Type,
                        instruction.Shape
                    )
                | _ -> instruction)

        Program(
            System.ReadOnlySpan instructions,
            System.ReadOnlySpan(targets |> Array.map (fun t -> outputs[t]))
        )
