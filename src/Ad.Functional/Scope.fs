namespace Ad.Functional

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Runtime.CompilerServices
open System.Threading

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
        | s ->
            let mutable isThere = false

            for other in s do
                isThere <- isThere || obj.ReferenceEquals(other, scope)

            isThere

    /// Whether a transform other than one's own may still walk the graph.
    let isOpenBut (own: Scope | null) (scopes: Scope[] | null) =
        match scopes with
        | null -> false
        | s ->
            let mutable isOpen = false

            for scope in s do
                isOpen <- isOpen || (scope.IsOpen && not (obj.ReferenceEquals(scope, own)))

            isOpen

    let isOpen scopes = isOpenBut null scopes

    let private opened (scopes: Scope[] | null) : Scope[] | null =
        match scopes with
        | null -> null
        | s ->
            let mutable areOpen = true

            for scope in s do
                areOpen <- areOpen && scope.IsOpen

            if areOpen then
                s
            else
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
