namespace Ad.Functional

open System
open System.Collections.Generic
open System.Threading
open Ad.Tensors

/// Where nodes are computed. Null is anywhere: numbers, and what the host has, go where the others are; what was moved stays where it was moved to.
[<RequireQualifiedAccess>]
module internal Places =
    let mutable private moves = 0

    /// Whether a node was ever moved, so that graphs need to be looked through for moves.
    let areMany () = Volatile.Read &moves > 0

    let note (device: Device) : Device =
        Volatile.Write(&moves, 1)
        device

    let ofValue (value: Storage) : Device | null =
        if obj.ReferenceEquals(value.Device, Device.Cpu) then
            null
        else
            note value.Device

    let join (op: Op) (a: Device | null) (b: Device | null) : Device | null =
        match a, b with
        | null, place
        | place, null -> place
        | p, q when obj.ReferenceEquals(p, q) -> p
        | p, q ->
            Shapes.refuse
                (Op.name op)
                $"the tensors are on {p.Name} and {q.Name}; move one with Tensor.onDevice."

/// <summary>A node of the expression graph: an operation on other nodes, and its value once somebody has asked for it.</summary>
/// <remarks>Every node is a <see cref="T:Ad.Functional.Tensor"/>; this is the part of it that evaluation knows.</remarks>
[<AbstractClass>]
type Node
    internal (op: Op, inputs: Node[], signature: Signature, ownScope: Scope | null, value: Storage | null) =
    [<VolatileField>]
    let mutable inputs = inputs

    [<VolatileField>]
    let mutable value = value

    let mutable uses = 0
    let mutable depth = 0

    let mutable scopes: Scope[] | null =
        match ownScope with
        | null -> null
        | scope -> [| scope |]

    let mutable place: Device | null =
        match op, value with
        | OnDevice target, _ -> Places.note target
        | _, null -> null
        | _, value -> Places.ofValue value

    do
        let isPlaced = not (isNull value && isNull place)

        for input in inputs do
            let input: Node = input
            scopes <- Scopes.union input.Scopes scopes

            if isNull input.Value then
                depth <- max depth input.Depth

            if not isPlaced then
                place <- Places.join op place input.Place

            input.Used()

        depth <- depth + 1

    /// Whose mark it bears; only marks that are put look at this.
    [<DefaultValue>]
    val mutable internal Holder: Marks | null

    /// The number that its holder gave it.
    [<DefaultValue>]
    val mutable internal Mark: int

    member internal _.Op = op
    member internal _.Signature = signature

    /// The element type.
    member _.DType = signature.Type

    member internal _.Size = signature.Shape

    /// The device that the node is computed on; null where it goes with others.
    member internal _.Place
        with get (): Device | null = place
        and set (device: Device | null) = place <- device

    /// The inputs; none once the value is known and no open scope needs them.
    member internal _.Inputs = inputs

    member internal _.Scopes = scopes

    /// How many operations lay between it and the nearest values when it was made.
    member internal _.Depth = depth

    /// The value, or null when nobody has asked for it yet.
    member internal _.Value = value

    /// How many nodes read it, or a few less where threads counted at once: whether a value is kept hangs on it, and no value.
    member internal _.Uses = uses

    member private _.Used() = uses <- uses + 1

    /// Whether an earlier evaluation computed the value on the way to others, and did not keep it.
    member val internal WasComputed = false with get, set

    member val internal Group: Group | null = null with get, set

    /// Keeps the value; the way it was computed is forgotten as soon as no open transform may walk it.
    member internal node.Keep(computed: Storage) =
        value <- computed

        let stillOpen =
            match scopes with
            | null -> null
            | s -> s |> Array.tryFindBack _.IsOpen |> Option.toObj

        match stillOpen with
        | null -> inputs <- [||]
        | scope -> scope.WhenClosed(fun () -> node.Keep computed)

/// Nodes that are best computed together: the results of one transform.
and [<Sealed>] internal Group(members: Node[]) =
    member _.Members = members

/// Numbers that one walk gives to nodes. They stand on the nodes, so that to find one takes no look-up; where other marks that are still open have a node at
/// the same time, on another thread or further out on this one, they stand aside.
and [<Sealed>] internal Marks() =
    [<VolatileField>]
    let mutable isOpen = true

    let mutable aside: Dictionary<Node, int> | null = null

    member private _.IsOpen = isOpen

    /// The number of a node, which is not negative; -1 when it has none.
    member marks.Find(node: Node) : int =
        if obj.ReferenceEquals(node.Holder, marks) then
            node.Mark
        else
            match aside with
            | null -> -1
            | others ->
                match others.TryGetValue node with
                | true, number -> number
                | _ -> -1

    /// Gives a node a number.
    member marks.Put(node: Node, number: int) : unit =
        let holder = node.Holder

        let isOurs =
            match holder with
            | null -> isNull (Interlocked.CompareExchange(&node.Holder, marks, null))
            | other when obj.ReferenceEquals(other, marks) -> true
            | other ->
                not other.IsOpen
                && obj.ReferenceEquals(Interlocked.CompareExchange(&node.Holder, marks, other), other)

        if isOurs then
            node.Mark <- number
        else
            let others =
                match aside with
                | null -> Dictionary<Node, int>(HashIdentity.Reference)
                | others -> others

            others[node] <- number
            aside <- others

    /// Leaves the nodes to others.
    member _.Close() =
        aside <- null
        isOpen <- false

    interface IDisposable with
        member marks.Dispose() = marks.Close()
