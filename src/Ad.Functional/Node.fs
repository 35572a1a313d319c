namespace Ad.Functional

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Runtime.CompilerServices
open System.Threading
open Ad.Tensors

/// The time during which a transform runs a function: while it is open, what depends on its variables keeps its inputs.
[<Sealed>]
type internal Scope() =
    let released = List<Action>()

    [<VolatileField>]
    let mutable isOpen = true

    member _.IsOpen = isOpen

    /// Calls back when it closes; at once if it has.
    member _.WhenClosed(release: Action) =
        let isLate =
            lock released (fun () ->
                if isOpen then
                    released.Add release

                not isOpen)

        if isLate then
            release.Invoke()

    /// Ends it: nothing will be differentiated by its variables again, except through graphs already captured.
    member _.Close() =
        lock released (fun () -> isOpen <- false)

        for release in released do
            release.Invoke()

/// The open scopes that a node depends on, oldest first; null when there are none. Mostly one array shared by a whole graph.
[<RequireQualifiedAccess>]
module internal Scopes =
    let contains (scope: Scope) (scopes: Scope[] | null) =
        match scopes with
        | null -> false
        | s -> Array.IndexOf(s, scope) >= 0

    /// Whether a transform other than one's own may still walk the graph.
    let isOpenBut (own: Scope | null) (scopes: Scope[] | null) =
        match scopes with
        | null -> false
        | s ->
            s
            |> Array.exists (fun scope -> scope.IsOpen && not (obj.ReferenceEquals(scope, own)))

    let isOpen scopes = isOpenBut null scopes

    let private opened (scopes: Scope[] | null) : Scope[] | null =
        match scopes with
        | null -> null
        | s when s |> Array.forall _.IsOpen -> s
        | s ->
            match s |> Array.filter _.IsOpen with
            | [||] -> null
            | rest -> rest

    let union (a: Scope[] | null) (b: Scope[] | null) : Scope[] | null =
        if obj.ReferenceEquals(a, b) then
            opened a
        else
            match opened a, opened b with
            | null, s
            | s, null -> s
            | s, t ->
                match t |> Array.filter (fun scope -> not (contains scope s)) with
                | [||] -> s
                | more when more.Length = t.Length -> Array.append s t
                | more -> Array.append s more

/// Remembers where nodes were made, for whoever diagnoses a function, in that flow of control and no other.
[<RequireQualifiedAccess>]
module internal Sources =
    let private places = AsyncLocal<ConditionalWeakTable<obj, string> | null>()

    // Read before the flow's own table, which costs more: nobody diagnoses most of the time.
    let mutable private active = 0

    let private own = typeof<Scope>.Assembly

    /// Runs a function, and remembers where it makes nodes.
    let record (f: unit -> 'a) : 'a =
        let before = places.Value
        places.Value <- ConditionalWeakTable()
        Interlocked.Increment &active |> ignore

        try
            f ()
        finally
            Interlocked.Decrement &active |> ignore
            places.Value <- before

    /// Notes that a node was made by the caller's caller, outside this library.
    let note (node: obj) =
        if Volatile.Read &active > 0 then
            match places.Value with
            | null -> ()
            | table ->
                let isUsers (frame: StackFrame) =
                    match frame.GetMethod() with
                    | null -> false
                    | m ->
                        match m.DeclaringType with
                        | null -> true
                        | t -> t.Assembly <> own && not (isNull (frame.GetFileName()))

                match StackTrace(1, true).GetFrames() |> Array.tryFind isUsers with
                | Some frame when not (isNull (frame.GetFileName())) ->
                    table.AddOrUpdate(
                        node,
                        $"{Path.GetFileName(frame.GetFileName())}:{frame.GetFileLineNumber()}"
                    )
                | _ -> ()

    /// Where a node was made, if that was noted.
    let find (node: obj) : string option =
        match places.Value with
        | null -> None
        | table ->
            match table.TryGetValue node with
            | true, place -> Some place
            | _ -> None

    /// Notes that a copy of a node was made where the node was.
    let carry (from: obj) (into: obj) =
        if Volatile.Read &active > 0 then
            match places.Value, find from with
            | null, _
            | _, None -> ()
            | table, Some place -> table.AddOrUpdate(into, place)

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

    let scopes: Scope[] | null =
        let mutable all: Scope[] | null =
            match ownScope with
            | null -> null
            | scope -> [| scope |]

        for input in inputs do
            all <- Scopes.union (input: Node).Scopes all

        all

    let depth =
        let mutable deepest = 0

        for input in inputs do
            if isNull (input: Node).Value then
                deepest <- max deepest input.Depth

        deepest + 1

    let place: Device | null =
        match op, value with
        | OnDevice target, _ -> Places.note target
        | _, null ->
            let mutable joined: Device | null = null

            for input in inputs do
                joined <- Places.join op joined (input: Node).Place

            joined
        | _, value -> Places.ofValue value

    do
        for input in inputs do
            input.Used()

    member internal _.Op = op
    member internal _.Signature = signature

    /// The element type.
    member _.DType = signature.Type

    member internal _.Size = signature.Shape

    /// The device that the node is computed on; null where it goes with others.
    member val internal Place: Device | null = place with get, set

    /// The inputs; none once the value is known and no open scope needs them.
    member internal _.Inputs = inputs

    member internal _.Scopes = scopes

    /// How many operations lay between it and the nearest values when it was made.
    member internal _.Depth = depth

    /// The value, or null when nobody has asked for it yet.
    member internal _.Value = value

    member internal _.Uses = uses
    member private _.Used() = Interlocked.Increment &uses |> ignore

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

/// Walks expression graphs, of any depth.
[<RequireQualifiedAccess>]
module internal Walk =
    /// The nodes behind the roots that are entered, with their inputs, each after its inputs, in an order that only the graph decides. A node is
    /// entered when `enter` gives its inputs, which is asked once; what is not entered ends the walk there.
    let postOrder (enter: 'n -> 'n[] voption) (roots: 'n seq) : List<struct ('n * 'n[])> =
        let seen = HashSet<'n>(HashIdentity.Reference)
        let sorted = List<struct ('n * 'n[])>()
        let stack = Stack<struct ('n * 'n[] * int)>()

        let visit node =
            if seen.Add node then
                match enter node with
                | ValueSome inputs -> stack.Push(struct (node, inputs, 0))
                | ValueNone -> ()

        for root in roots do
            visit root

            while stack.Count > 0 do
                let struct (node, inputs, next) = stack.Pop()

                if next < inputs.Length then
                    stack.Push(struct (node, inputs, next + 1))
                    visit inputs[next]
                else
                    sorted.Add(struct (node, inputs))

        sorted
