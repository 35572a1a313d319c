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
        /// The loops and branches that it stands in, from the outermost, each with the step from 0.
        Within: (string * int) list
    }

    override found.ToString() =
        let pass =
            match found.Pass with
            | Value -> "value"
            | Tangents -> "tangent"
            | Cotangents -> "cotangent"

        let place = found.Source |> Option.map (fun s -> $" at {s}") |> Option.defaultValue ""
        let given = found.Given |> List.map string |> String.concat "; "

        let within =
            found.Within
            |> List.rev
            |> List.map (fun (name, step) ->
                match name with
                | "scan"
                | "whileLoop" -> $", in step {step} of {name}"
                | _ -> $", in {name}")
            |> String.concat ""

        $"The {pass} of {found.Operation}{place}{within} is {found.Result}, given {given}."

/// Finds where numbers go wrong.
[<RequireQualifiedAccess>]
module Diagnose =
    let private isFinite (t: Tensor) =
        not (t.DType.IsFloat())
        || Tensor.toScalar (Tensor.minOver (Seq.init t.Rank id) (Tensor.isFinite t)) = 1.0

    let private within (structure: Structure) (run: Run) found =
        { found with
            Within = (structure.Name, run.Step) :: found.Within }

    /// What the runs of a structure find, or else what is found of the whole.
    let private deeper (op: Op) (look: Structure -> NonFinite option) (whole: NonFinite) =
        match op with
        | Control(structure, _) -> look structure |> Option.defaultValue whole
        | _ -> whole

    let rec private firstValue (trace: Trace<Tensor[]>) : NonFinite option =
        let own = HashSet<Tensor>(trace.Variables, HashIdentity.Reference)
        let enter (t: Tensor) = ValueSome(if own.Contains t then [||] else t.Operands)
        let nodes = [| for struct (t, inputs) in Walk.postOrder enter trace.Outputs -> t, inputs |]
        Tree.eval (Array.map fst nodes) |> ignore

        nodes
        |> Array.tryPick (fun (t, inputs) ->
            if isFinite t then
                None
            else
                { Pass = Value
                  Operation = (if Array.isEmpty inputs then "input" else Op.name t.Op)
                  Result = t
                  Given = List.ofArray inputs
                  Source = Sources.find t
                  Within = [] }
                |> deeper t.Op (fun structure ->
                    Runs.all structure inputs
                    |> Seq.tryPick (fun run ->
                        Trace.run run.Function run.Arguments firstValue
                        |> Option.map (within structure run)))
                |> Some)

    let private found pass (step: Step) result (given: Tensor seq) =
        { Pass = pass
          Operation = Op.name step.Node.Op
          Result = result
          Given = List.ofSeq given
          Source = Sources.find step.Node
          Within = [] }

    let private lookup (known: Dictionary<Tensor, Tensor>) t =
        match known.TryGetValue t with
        | true, d -> Some d
        | _ -> None

    let private rowOf i (t: Tensor option) =
        t
        |> Option.map (fun t -> Tensor.sliceAxis 0 i (i + 1) 1 t |> Tensor.squeeze [ 0 ])

    /// Pushes tangents step by step until one is not finite; else those of the outputs.
    let rec private firstTangent
        (trace: Trace<Tensor[]>)
        (seeds: Tensor option[])
        : Result<Tensor option[], NonFinite> =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        Array.iter2 (fun v t -> Option.iter (fun t -> known[v] <- t) t) trace.Variables seeds

        // The tangents of run after run, until one of them holds what is sought.
        let into structure (inputs: Tensor[]) (incoming: Tensor option[]) =
            let next (before: Result<Tensor option[] option, NonFinite>) run =
                match before with
                | Error _ -> before
                | Ok last ->
                    let given = Runs.given structure rowOf incoming last run

                    match Trace.run run.Function run.Arguments (fun trace -> firstTangent trace given) with
                    | Ok outputs -> Ok(Some outputs)
                    | Error found -> Error(within structure run found)

            match Runs.all structure inputs |> Seq.fold next (Ok None) with
            | Error found -> Some found
            | Ok _ -> None

        trace.Steps
        |> Array.tryPick (fun step ->
            let incoming = step.Inputs |> Array.map (lookup known)

            match
                (if Array.exists Option.isSome incoming then
                     Forward.push step incoming
                 else
                     None)
            with
            | Some d when isFinite d ->
                known[step.Node] <- d
                None
            | Some d ->
                found Tangents step d (Seq.append step.Inputs (Seq.choose id incoming))
                |> deeper step.Node.Op (fun structure -> into structure step.Inputs incoming)
                |> Some
            | None -> None)
        |> function
            | Some found -> Error found
            | None -> Ok(trace.Outputs |> Array.map (lookup known))

    /// Pulls cotangents back step by step until one is not finite; else those of the variables.
    let rec private firstCotangent
        (trace: Trace<Tensor[]>)
        (seeds: Tensor option[])
        : Result<Tensor option[], NonFinite> =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let steps = HashSet<Tensor>(trace.Steps |> Seq.map _.Node, HashIdentity.Reference)

        let add t g =
            known[t] <-
                match known.TryGetValue t with
                | true, sum -> sum + g
                | _ -> g

        Array.iter2 (fun output g -> Option.iter (add output) g) trace.Outputs seeds

        let into structure result (inputs: Tensor[]) (g: Tensor) =
            let before (after: Result<Tensor option[] option, NonFinite>) run =
                match after with
                | Error _ -> after
                | Ok later ->
                    let seeds = Runs.seeds structure result g later run

                    match Trace.run run.Function run.Arguments (fun trace -> firstCotangent trace seeds) with
                    | Ok pulled -> Ok(Some pulled)
                    | Error found -> Error(within structure run found)

            match Runs.all structure inputs |> Seq.rev |> Seq.fold before (Ok None) with
            | Error found -> Some found
            | Ok _ -> None

        Array.rev trace.Steps
        |> Array.tryPick (fun step ->
            match known.TryGetValue step.Node with
            | true, g ->
                Array.zip step.Inputs (Reverse.pull step g (Array.map steps.Contains step.Inputs))
                |> Array.tryPick (fun (input, pulled) ->
                    match pulled with
                    | Some d when isFinite d ->
                        add input d
                        None
                    | Some d ->
                        found Cotangents step d (Seq.append step.Inputs [ g ])
                        |> deeper step.Node.Op (fun structure ->
                            match step.Node.Op with
                            | Control(_, result) -> into structure result step.Inputs g
                            | _ -> None)
                        |> Some
                    | None -> None)
            | _ -> None)
        |> function
            | Some found -> Error found
            | None -> Ok(trace.Variables |> Array.map (lookup known))

    let private ones (all: Tensor[]) =
        all
        |> Array.map (fun t -> if t.DType.IsFloat() then Some(Tensor.onesLike t) else None)

    let private failure (result: Result<'r, NonFinite>) =
        match result with
        | Ok _ -> None
        | Error found -> Some found

    /// <summary>
    /// The first operation of f at x that makes an infinity or a NaN of finite numbers: in the value, then in the tangents along ones, then in the
    /// cotangents from ones. Loops and branches are looked into, step by step. None when all are finite.
    /// </summary>
    let nonFinite (f: 'a -> 'b) (x: 'a) : NonFinite option =
        Sources.record (fun () ->
            let ofLeaves leaves = Tree.leaves (f (Tree.withLeaves leaves x))

            Trace.run ofLeaves (Tree.leaves x) (fun trace ->
                firstValue trace
                |> Option.orElseWith (fun () -> failure (firstTangent trace (ones trace.Variables)))
                |> Option.orElseWith (fun () -> failure (firstCotangent trace (ones trace.Outputs)))))
