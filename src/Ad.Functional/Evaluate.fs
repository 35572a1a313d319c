namespace Ad.Functional

open System
open System.Collections.Generic
open Ad.Tensors

/// A stretch of the expression graph as a program, with what it needs and what it gives.
type internal Lowered =
    {
        Program: Program
        /// The values of the program's inputs, in order; null for a jit argument.
        Arguments: (Storage | null)[]
        /// The jit arguments among the inputs.
        Placeholders: Node[]
        /// The nodes whose values are the program's outputs, in order.
        Outputs: Node[]
        /// The nodes that the program computes, outputs included.
        Computed: Node[]
    }

/// From nodes to their values: the unevaluated graph behind them becomes one program, which a device runs.
[<RequireQualifiedAccess>]
module internal Evaluate =
    /// The nodes with a value that the roots depend on; those without, each after its inputs, in an order that only the graph decides; and the
    /// roots together with the groups of all nodes met.
    let private order (device: Device | null) (roots: Node seq) =
        let leaves = List<Node>()
        let rest = Queue<Node> roots
        let all = List<Node>()

        let enter (node: Node) =
            // The inputs are read before the value: whoever keeps a value sets it before dropping the inputs.
            let inputs = node.Inputs

            if isNull node.Value then
                match node.Group with
                | null -> ()
                | group ->
                    for other in group.Members do
                        // What is computed elsewhere is computed when somebody asks there.
                        if
                            isNull device || isNull other.Place || obj.ReferenceEquals(other.Place, device)
                        then
                            rest.Enqueue other

                ValueSome inputs
            else
                leaves.Add node
                ValueNone

        let sorted =
            Walk.postOrder
                enter
                (seq {
                    while rest.Count > 0 do
                        all.Add(rest.Peek())
                        rest.Dequeue()
                })

        leaves, sorted, all

    // Scalars that simplification can use are part of the program; others are arguments of it, so that a changing
    // learning rate does not make a new program at every step.
    let isStructural (value: Scalar) =
        not (value.Type.IsFloat())
        || (match value.ToDouble() with
            | 0.0
            | 1.0
            | -1.0
            | 2.0
            | 0.5 -> true
            | _ -> false)

    let private isAlias (node: Node) =
        match node.Op with
        | Variable
        | Custom _
        | StopGradient -> node.Inputs.Length > 0
        | _ -> false

    /// The program that computes the roots, and whatever else `keep` chooses among the nodes on the way.
    let lower (device: Device | null) embedConstants (roots: Node seq) (keep: Node -> int -> bool) : Lowered =
        let leaves, sorted, roots = order device roots
        let instructions = List<Instruction>()
        let arguments = List<Storage | null>()
        let placeholders = List<Node>()
        let index = Dictionary<Node, int>(HashIdentity.Reference)
        let internalUses = Dictionary<Node, int>(HashIdentity.Reference)

        let used (node: Node) =
            match internalUses.TryGetValue node with
            | true, count -> count
            | _ -> 0

        let emit operation (operands: int[]) (s: Signature) =
            instructions.Add(Instruction(operation, Axes(ReadOnlySpan operands), s.Type, s.Shape))
            instructions.Count - 1

        let argument (value: Storage | null) signature =
            arguments.Add value
            emit (Operation.Input(arguments.Count - 1)) [||] signature

        for leaf in leaves do
            index[leaf] <- argument leaf.Value leaf.Signature

        for struct (node, inputs) in sorted do
            for input in inputs do
                internalUses[input] <- used input + 1

            index[node] <-
                match node.Op with
                | Variable when inputs.Length = 0 ->
                    placeholders.Add node
                    argument null node.Signature
                | Variable
                | Custom _
                | StopGradient -> index[inputs[0]]
                | Constant(value, shape) when not embedConstants && not (isStructural value) ->
                    let scalar =
                        { Type = value.Type
                          Shape = Shape.Scalar }

                    let position = argument (HostStorage.Of value) scalar

                    if shape.Rank = 0 then
                        position
                    else
                        emit (Operation.Broadcast()) [| position |] node.Signature
                | OnDevice target when obj.ReferenceEquals(target, device) -> index[inputs[0]]
                | OnDevice target ->
                    Shapes.refuse
                        "onDevice"
                        $"a function that is traced runs on one device; move its arguments to {target.Name} instead."
                | op ->
                    match Op.operation op with
                    | null -> invalidOp $"{Op.name op} has no value."
                    | operation -> emit operation (inputs |> Array.map (fun i -> index[i])) node.Signature

        let outputs = List<Node>()
        let chosen = HashSet<Node>(HashIdentity.Reference)

        for root in roots do
            if isNull root.Value && chosen.Add root then
                outputs.Add root

        for struct (node, _) in sorted do
            if isNull node.Value && not (chosen.Contains node) && keep node (used node) then
                chosen.Add node |> ignore
                outputs.Add node

        { Program =
            Program(
                ReadOnlySpan(instructions.ToArray()),
                ReadOnlySpan(outputs.ToArray() |> Array.map (fun n -> index[n]))
            )
          Arguments = arguments.ToArray()
          Placeholders = placeholders.ToArray()
          Outputs = outputs.ToArray()
          Computed = [| for struct (node, _) in sorted -> node |] }

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
        let roots = requested |> Seq.filter (fun node -> isNull node.Value) |> Seq.toArray

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
            let lowered = lower device false roots worthKeeping

            if lowered.Placeholders.Length > 0 then
                invalidOp
                    "The value of a tensor that depends on an argument of jit or vmap was asked for while the function was traced, when it has none yet. \
                     Branch with Tensor.where, or leave jit or vmap out."

            let executable = device.Prepare lowered.Program
            let results = executable.Run(ReadOnlySpan(lowered.Arguments |> Array.map Unchecked.nonNull))
            count lowered.Program executable

            for i in 0 .. results.Length - 1 do
                lowered.Outputs[i].Keep results[i]
                lowered.Outputs[i].Group <- null

            for node in lowered.Computed do
                if isNull node.Value then
                    node.WasComputed <- true

    /// The node's value, computed now if it is not known.
    let value (node: Node) : Storage =
        if isNull node.Value then
            nodes [ node ]

        match node.Value with
        | null -> invalidOp $"{Op.name node.Op} has no value."
        | value -> value
