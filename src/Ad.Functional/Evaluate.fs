namespace Ad.Functional

open System
open System.Collections.Generic
open Ad.Tensors

/// From nodes to their values: the unevaluated graph behind them becomes one program, which a device runs.
[<RequireQualifiedAccess>]
module internal Evaluate =
    let private isAlias (node: Node) =
        match node.Op with
        | Variable
        | Custom _
        | StopGradient -> node.Inputs.Length > 0
        | _ -> false

    /// The program that computes the roots, and whatever else `keep` chooses among the nodes on the way.
    let lower (device: Device | null) embedConstants (roots: Node seq) (keep: Node -> int -> bool) : Lowered =
        use listing = Listing.Of(device, roots, keep)
        listing.Lower(device, embedConstants)

    /// Counts a program's work, if somebody measures.
    let count (program: Program) (executable: Executable) =
        Meter.Count(fun () ->
            { Cost.Zero with
                PrimitiveEvaluations = ProgramCost.Evaluations program
                Flops = executable.Cost.Flops
                Bytes = executable.Cost.Bytes })

    // Kept beside the roots: what something outside this evaluation will read, and what was computed before without being kept.
    // So nothing is computed more than twice, and a chain of states that nobody looks at does not grow without end.
    let private worthKeeping (node: Node) internalUses =
        not (isAlias node)
        && (node.WasComputed || (node.Uses > internalUses && not (Op.isFree node.Op)))

    let private deviceOf (node: Node) : Device =
        match node.Place with
        | null -> Device.Cpu
        | place -> place

    // What is on no device in particular is made wherever it is wanted.
    let private isHere (device: Device) (node: Node) =
        isNull node.Place || obj.ReferenceEquals(node.Place, device)

    /// The nodes without a value, behind roots that a device computes, that it cannot compute itself: moves, and what they move.
    let elsewhere (device: Device) (roots: Node seq) : Node[] =
        if not (Places.areMany ()) then
            [||]
        else
            let found = List<Node>()

            let enter (node: Node) =
                let inputs = node.Inputs

                if not (isNull node.Value) then
                    ValueNone
                else
                    match node.Op, node.Place with
                    | Variable, _ when inputs.Length = 0 -> ValueNone
                    | OnDevice _, place when obj.ReferenceEquals(place, device) && isHere device inputs[0] ->
                        ValueSome inputs
                    | OnDevice _, _ ->
                        found.Add node
                        ValueNone
                    | _, null -> ValueSome inputs
                    | _, place when obj.ReferenceEquals(place, device) -> ValueSome inputs
                    | _ ->
                        found.Add node
                        ValueNone

            Walk.postOrder enter roots |> ignore
            found.ToArray()

    /// Computes the nodes' values, together with their groups', in one program for each device that they are on.
    let rec nodes (requested: Node seq) =
        let waiting = List<Node>()

        for node in requested do
            if isNull node.Value then
                waiting.Add node

        let roots = waiting.ToArray()

        if not (Places.areMany ()) then
            onDevice Device.Cpu roots
        else
            for device, those in roots |> Array.groupBy deviceOf do
                settle (elsewhere device those)
                onDevice device (those |> Array.filter (fun node -> isNull node.Value))

    /// Computes nodes that others wait for on another device, and moves those that are moves.
    and settle (waited: Node[]) =
        if waited.Length > 0 then
            let inputs = waited |> Array.map _.Inputs

            let computed =
                Array.map2
                    (fun (node: Node) (inputs: Node[]) ->
                        match node.Op with
                        | OnDevice _ when isNull node.Value -> inputs[0]
                        | _ -> node)
                    waited
                    inputs

            nodes computed

            for node, input in Array.zip waited computed do
                match node.Op with
                | OnDevice target when isNull node.Value -> node.Keep(target.Place(nonNull input.Value))
                | _ -> ()

    and private onDevice (device: Device) (roots: Node[]) =
        if roots.Length > 0 then
            use listing = Listing.Of(device, roots, worthKeeping)

            if listing.Placeholders > 0 then
                invalidOp
                    "The value of a tensor that depends on an argument of jit or vmap was asked for while the function was traced, when it has none yet. \
                     Branch with Tensor.where, or leave jit or vmap out."

            let ready = Ready.find device listing
            let results = ready.Executable.Run(ReadOnlySpan(listing.Arguments()))
            count ready.Program ready.Executable
            let outputs = listing.Outputs

            for i in 0 .. results.Length - 1 do
                outputs[i].Keep results[i]
                outputs[i].Group <- null

            listing.NoteComputed()

    /// The node's value, computed now if it is not known.
    let value (node: Node) : Storage =
        if isNull node.Value then
            nodes [ node ]

        match node.Value with
        | null -> invalidOp $"{Op.name node.Op} has no value."
        | value -> value
