namespace Ad.Functional

open System
open System.Collections.Generic
open Ad.Tensors

/// <summary>
/// The unevaluated nodes behind some roots in a row, each after its inputs, in an order that only the graph decides, and everything as numbers: first the leaves, which
/// have values, then the nodes. A node that only passes its first input on goes by that one's number.
/// </summary>
/// <remarks>A listing is in use by one walk at a time; the thread's next one finds its memory again.</remarks>
[<Sealed>]
type internal Listing private () =
    // A mark with this bit is a leaf's.
    static let leafBit = 1 <<< 30

    // What a listing of more nodes took is not kept.
    static let mostKept = 1 <<< 16

    [<ThreadStatic; DefaultValue>]
    static val mutable private spare: Listing | null

    let stack = Stack<Visit<Node>>()
    let roots = List<Node>()
    let leaves = List<Node>()
    let values = List<Storage>()
    let sorted = List<struct (Node * Node[])>()
    let outputs = List<Node>()
    let mutable operands: int[] = Array.zeroCreate 64
    let mutable ends: int[] = Array.zeroCreate 32
    let mutable codes: int[] = Array.zeroCreate 32
    let mutable uses: int[] = Array.zeroCreate 32
    let mutable asked: int[] = Array.zeroCreate 32
    let mutable count = 0
    let mutable hash = 0L
    let mutable placeholders = 0

    let mix (n: int) = hash <- (hash ^^^ int64 n) * 0x2545F4914F6CDD1DL + (hash >>> 29)

    let fit (room: int[]) n =
        if room.Length >= n then
            room
        else
            let wider = Array.zeroCreate (max n (2 * room.Length))
            Array.Copy(room, wider, room.Length)
            wider

    member private _.Walk(marks: Marks, device: Device | null, requested: Node seq) =
        roots.AddRange requested

        let enter (node: Node) =
            // The inputs are read before the value: whoever keeps a value sets it before dropping the inputs.
            let inputs = node.Inputs

            match node.Value with
            | null ->
                match node.Group with
                | null -> ()
                | group ->
                    for other in group.Members do
                        // What is computed elsewhere is computed when somebody asks there.
                        if
                            isNull device || isNull other.Place || obj.ReferenceEquals(other.Place, device)
                        then
                            roots.Add other

                ValueSome inputs
            | value ->
                marks.Put(node, leaves.Count ||| leafBit)
                leaves.Add node
                values.Add value
                ValueNone

        // The list of roots grows on the way.
        let mutable next = 0

        while next < roots.Count do
            Walk.add marks stack sorted enter roots[next]
            next <- next + 1

    member private listing.Number(marks: Marks, device: Device | null) =
        ends <- fit ends sorted.Count
        codes <- fit codes sorted.Count
        uses <- fit uses sorted.Count
        Array.Clear(uses, 0, sorted.Count)
        mix leaves.Count

        for leaf in leaves do
            mix (Likeness.ofSignature leaf.Signature)

        for i in 0 .. sorted.Count - 1 do
            let struct (node, inputs) = sorted[i]
            let first = count
            operands <- fit operands (count + inputs.Length)

            for input in inputs do
                let mark = marks.Find input

                operands[count] <-
                    if mark &&& leafBit <> 0 then
                        mark - leafBit
                    else
                        uses[mark] <- uses[mark] + 1
                        codes[mark]

                count <- count + 1

            ends[i] <- count

            match node.Op with
            | Variable when inputs.Length = 0 ->
                placeholders <- placeholders + 1
                codes[i] <- leaves.Count + i
            | op when Likeness.passesOn device op -> codes[i] <- operands[first]
            | op ->
                codes[i] <- leaves.Count + i
                mix (Likeness.ofOp op)

                for k in first .. count - 1 do
                    mix operands[k]

    member private listing.Choose(marks: Marks, keep: Node -> int -> bool) =
        asked <- fit asked (roots.Count + sorted.Count)
        // A root is chosen once, and never again.
        let chosen = -1

        for root in roots do
            let mark = marks.Find root

            if mark &&& leafBit = 0 && uses[mark] >= 0 then
                asked[outputs.Count] <- codes[mark]
                outputs.Add root
                uses[mark] <- chosen

        for i in 0 .. sorted.Count - 1 do
            if uses[i] <> chosen then
                let struct (node, _) = sorted[i]

                if isNull node.Value && keep node uses[i] then
                    asked[outputs.Count] <- codes[i]
                    outputs.Add node

        for k in 0 .. outputs.Count - 1 do
            mix asked[k]

    /// Lists what computes the roots, with the groups of all nodes met; whatever else `keep` chooses among the nodes on the way, by how many of those
    /// listed read it, is an output too. Close it.
    static member Of(device: Device | null, roots: Node seq, keep: Node -> int -> bool) : Listing =
        let listing =
            match Listing.spare with
            | null -> new Listing()
            | spare ->
                Listing.spare <- null
                spare

        try
            use marks = new Marks()
            listing.Walk(marks, device, roots)
            listing.Number(marks, device)
            listing.Choose(marks, keep)
            listing
        with _ ->
            (listing :> IDisposable).Dispose()
            reraise ()

    /// A number that listings with the same program have in common.
    member _.Hash = hash

    /// How many nodes stand for a jit argument.
    member _.Placeholders = placeholders

    /// The nodes whose values are asked for.
    member _.Outputs = outputs

    /// The arguments of the program, as Lower orders them when it embeds no constants.
    member listing.Arguments() : Storage[] =
        for struct (node, _) in sorted do
            match node.Op with
            | Constant(value, _) when not (Likeness.isStructural value) -> values.Add(HostStorage.Of value)
            | _ -> ()

        values.ToArray()

    /// What it says but for the values.
    member listing.Form(device: Device | null) : Form =
        let opOf (struct (node: Node, _: Node[])) : Op | null =
            if Likeness.passesOn device node.Op then null else node.Op

        { Leaves = leaves.ToArray() |> Array.map _.Signature
          Ops = sorted.ToArray() |> Array.map opOf
          Signatures = sorted.ToArray() |> Array.map (fun (struct (node, _)) -> node.Signature)
          Operands = Array.sub operands 0 count
          Ends = Array.sub ends 0 sorted.Count
          Asked = Array.sub asked 0 outputs.Count }

    /// Whether it is of a form.
    member listing.Has(device: Device | null, form: Form) : bool =
        let sameNode i =
            let struct (node, _) = sorted[i]

            Likeness.isOne form.Signatures[i] node.Signature
            && (match form.Ops[i] with
                | null -> Likeness.passesOn device node.Op
                | op -> not (Likeness.passesOn device node.Op) && Likeness.areLike op node.Op)

        let all count (isSame: int -> bool) =
            let mutable i = 0

            while i < count && isSame i do
                i <- i + 1

            i = count

        form.Leaves.Length = leaves.Count
        && form.Ops.Length = sorted.Count
        && form.Asked.AsSpan().SequenceEqual(ReadOnlySpan(asked, 0, outputs.Count))
        && form.Ends.AsSpan().SequenceEqual(ReadOnlySpan(ends, 0, sorted.Count))
        && form.Operands.AsSpan().SequenceEqual(ReadOnlySpan(operands, 0, count))
        && all leaves.Count (fun i -> Likeness.isOne form.Leaves[i] leaves[i].Signature)
        && all sorted.Count sameNode

    /// The program, with numbers that are not structural among its constants or its arguments.
    member listing.Lower(device: Device | null, embedConstants: bool) : Lowered =
        let instructions = List<Instruction>()
        let arguments = List<Storage | null>()
        let jitted = List<Node>()
        let at: int[] = Array.zeroCreate (leaves.Count + sorted.Count)

        let emit operation (operands: int[]) (s: Signature) =
            instructions.Add(Instruction(operation, Axes(ReadOnlySpan operands), s.Type, s.Shape))
            instructions.Count - 1

        let argument (value: Storage | null) signature =
            arguments.Add value
            emit (Operation.Input(arguments.Count - 1)) [||] signature

        for i in 0 .. leaves.Count - 1 do
            at[i] <- argument values[i] leaves[i].Signature

        for i in 0 .. sorted.Count - 1 do
            let struct (node, inputs) = sorted[i]
            let first = ends[i] - inputs.Length

            let instruction =
                match node.Op with
                | Variable when inputs.Length = 0 ->
                    jitted.Add node
                    argument null node.Signature
                | op when Likeness.passesOn device op -> at[codes[i]]
                | Constant(value, shape) when not embedConstants && not (Likeness.isStructural value) ->
                    let scalar =
                        { Type = value.Type
                          Shape = Shape.Scalar }

                    let position = argument (HostStorage.Of value) scalar

                    if shape.Rank = 0 then
                        position
                    else
                        emit (Operation.Broadcast()) [| position |] node.Signature
                | OnDevice target ->
                    Shapes.refuse
                        "onDevice"
                        $"a function that is traced runs on one device; move its arguments to {target.Name} instead."
                | op ->
                    match Op.operation op with
                    | null -> invalidOp $"{Op.name op} has no value."
                    | operation ->
                        emit
                            operation
                            (Array.init inputs.Length (fun k -> at[operands[first + k]]))
                            node.Signature

            at[leaves.Count + i] <- instruction

        { Program =
            Program(
                ReadOnlySpan(instructions.ToArray()),
                ReadOnlySpan(Array.init outputs.Count (fun k -> at[asked[k]]))
            )
          Arguments = arguments.ToArray()
          Placeholders = jitted.ToArray()
          Outputs = outputs.ToArray() }

    /// Says of all nodes listed without a value that they were computed.
    member _.NoteComputed() =
        for struct (node, _) in sorted do
            if isNull node.Value then
                node.WasComputed <- true

    interface IDisposable with
        member listing.Dispose() =
            let isLarge = sorted.Count > mostKept || leaves.Count > mostKept
            stack.Clear()
            roots.Clear()
            leaves.Clear()
            values.Clear()
            sorted.Clear()
            outputs.Clear()
            count <- 0
            hash <- 0L
            placeholders <- 0

            if not isLarge then
                Listing.spare <- listing
