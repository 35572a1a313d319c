namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// Which numbers of a function stopped being finite.
type Pass =
    /// The function's own values.
    | Value
    /// The tangents of forward mode.
    | Tangents
    /// The cotangents of reverse mode.
    | Cotangents

/// The first operation whose numbers are not all finite, though those it was given are.
type NonFinite =
    {
        Pass: Pass
        /// The operation, or "input" when the function was already given such a number.
        Operation: string
        /// What it gave.
        Result: Tensor
        /// What it was given: its inputs, and in a derivative pass the finite tangents or cotangent.
        Given: Tensor list
        /// The file and line that called for it, where debugging information is at hand.
        Source: string option
    }

    override found.ToString() =
        let pass =
            match found.Pass with
            | Value -> "value"
            | Tangents -> "tangent"
            | Cotangents -> "cotangent"

        let place = found.Source |> Option.map (fun s -> $" at {s}") |> Option.defaultValue ""
        let given = found.Given |> List.map string |> String.concat "; "
        $"The {pass} of {found.Operation}{place} is {found.Result}, given {given}."

/// Finds where numbers go wrong.
[<RequireQualifiedAccess>]
module Diagnose =
    let private isFinite (t: Tensor) =
        not (t.DType.IsFloat())
        || Tensor.toScalar (Tensor.minOver (Seq.init t.Rank id) (Tensor.isFinite t)) = 1.0

    let private firstValue (trace: Trace<'b>) =
        let own = HashSet<Tensor>(trace.Variables, HashIdentity.Reference)
        let enter (t: Tensor) = ValueSome(if own.Contains t then [||] else t.Operands)
        let nodes = [| for struct (t, inputs) in Walk.postOrder enter trace.Outputs -> t, inputs |]
        Tree.eval (Array.map fst nodes) |> ignore

        nodes
        |> Array.tryPick (fun (t, inputs) ->
            if isFinite t then
                None
            else
                Some
                    { Pass = Value
                      Operation = (if Array.isEmpty inputs then "input" else Op.name t.Op)
                      Result = t
                      Given = List.ofArray inputs
                      Source = Sources.find t })

    let private found pass (step: Step) result (given: Tensor seq) =
        { Pass = pass
          Operation = Op.name step.Node.Op
          Result = result
          Given = List.ofSeq given
          Source = Sources.find step.Node }

    /// Pushes tangents of ones step by step until one is not finite.
    let private firstTangent (trace: Trace<'b>) =
        let ones =
            trace.Variables
            |> Array.map (fun v -> if v.DType.IsFloat() then Some(Tensor.onesLike v) else None)

        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        Array.iter2 (fun v t -> Option.iter (fun t -> known[v] <- t) t) trace.Variables ones

        let tangent t =
            match known.TryGetValue t with
            | true, d -> Some d
            | _ -> None

        trace.Steps
        |> Array.tryPick (fun step ->
            let incoming = Array.map tangent step.Inputs

            match
                (if Array.exists Option.isSome incoming then
                     Forward.push step incoming
                 else
                     None)
            with
            | Some d when isFinite d ->
                known[step.Node] <- d
                None
            | Some d -> Some(found Tangents step d (Seq.append step.Inputs (Seq.choose id incoming)))
            | None -> None)

    /// Pulls a cotangent of ones back step by step until one is not finite.
    let private firstCotangent (trace: Trace<'b>) =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let steps = HashSet<Tensor>(trace.Steps |> Seq.map _.Node, HashIdentity.Reference)

        for output in trace.Outputs do
            known[output] <- Tensor.onesLike output

        Array.rev trace.Steps
        |> Array.tryPick (fun step ->
            match known.TryGetValue step.Node with
            | true, g ->
                Array.zip step.Inputs (Reverse.pull step g (Array.map steps.Contains step.Inputs))
                |> Array.tryPick (fun (input, pulled) ->
                    match pulled with
                    | Some d when isFinite d ->
                        known[input] <-
                            match known.TryGetValue input with
                            | true, sum -> sum + d
                            | _ -> d

                        None
                    | Some d -> Some(found Cotangents step d (Seq.append step.Inputs [ g ]))
                    | None -> None)
            | _ -> None)

    /// <summary>
    /// The first operation of f at x that makes an infinity or a NaN of finite numbers: in the value, then in the tangents along ones, then in the
    /// cotangents from ones. None when all are finite.
    /// </summary>
    let nonFinite (f: 'a -> 'b) (x: 'a) : NonFinite option =
        Sources.record (fun () ->
            Trace.run f x (fun trace ->
                firstValue trace
                |> Option.orElseWith (fun () -> firstTangent trace)
                |> Option.orElseWith (fun () -> firstCotangent trace)))
