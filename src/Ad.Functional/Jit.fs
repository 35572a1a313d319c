namespace Ad.Functional

open System
open System.Collections.Concurrent
open System.Collections.Generic
open Ad.Tensors

/// A function traced and made ready for one structure of arguments.
type internal Compiled<'b> =
    {
        Executable: Executable
        Program: Program
        /// Where each argument of the program comes from: a leaf of the function's argument, or a value it closed over.
        Arguments: Choice<int, Storage>[]
        /// Where each leaf of the result comes from: an output of the program, or a value known when tracing.
        Results: Choice<int, Tensor>[]
        /// The result's structure, with argument nodes in place of its tensors.
        Template: 'b
    }

/// What was found last for tensors of some signatures.
[<Sealed>]
type internal Recent<'v>() =
    [<VolatileField>]
    let mutable kept: struct (struct (Signature * (Device | null))[] * 'v) array = [||]

    /// What was kept, if it was for tensors like these.
    member _.Find(tensors: Tensor[]) : 'v voption =
        match kept with
        | [| struct (signatures, value) |] when signatures.Length = tensors.Length ->
            let mutable isSame = true

            for i in 0 .. signatures.Length - 1 do
                let struct (a, place) = signatures[i]
                let b = tensors[i].Signature

                isSame <-
                    isSame
                    && a.Type = b.Type
                    && a.Shape.Equals b.Shape
                    && obj.ReferenceEquals(place, tensors[i].Place)

            if isSame then ValueSome value else ValueNone
        | _ -> ValueNone

    /// Keeps a value for tensors like these, in place of what was kept before.
    member _.Keep(tensors: Tensor[], value: 'v) =
        kept <- [| struct (tensors |> Array.map (fun t -> struct (t.Signature, t.Place)), value) |]

/// Tracing a function once, to run it many times.
[<RequireQualifiedAccess>]
module internal Jit =
    /// The function's program for one structure of arguments; none if it depends on what a transform around it varies.
    let trace (f: 'a -> 'b) (x: 'a) (leaves: Tensor[]) : Compiled<'b> option =
        let scope = Scope()

        try
            let placeholders = leaves |> Array.map (fun t -> Tensor.Standing(t, scope))

            let result = f (Tree.withLeaves placeholders x)
            let outputs = Tree.leaves result

            let dependsOnOthers (t: Tensor) =
                match t.Scopes with
                | null -> false
                | scopes ->
                    scopes
                    |> Array.exists (fun s -> s.IsOpen && not (obj.ReferenceEquals(s, scope)))

            let devices =
                outputs
                |> Array.choose (fun t -> Option.ofObj t.Place)
                |> Array.distinctBy _.Name

            // Of results that go anywhere the arguments decide.
            let device: Device =
                match devices with
                | [||] ->
                    leaves
                    |> Array.tryPick (fun t -> Option.ofObj t.Place)
                    |> Option.defaultValue Device.Cpu
                | _ -> devices[0]

            let waited = Evaluate.elsewhere device (Seq.cast<Node> outputs)

            if
                Array.exists dependsOnOthers outputs
                || devices.Length > 1
                || waited |> Array.exists (fun node -> Scopes.contains scope node.Scopes)
            then
                None
            else
                Evaluate.settle waited
                let lowered = Evaluate.lower device true (Seq.cast<Node> outputs) (fun _ _ -> false)

                let placeOf (nodes: Node seq) =
                    let places = Dictionary<Node, int>(HashIdentity.Reference)
                    nodes |> Seq.iteri (fun i node -> places[node] <- i)
                    places

                let leafOf = placeOf (Seq.cast<Node> placeholders)
                let outputOf = placeOf lowered.Outputs
                let mutable used = 0

                let arguments =
                    lowered.Arguments
                    |> Array.map (fun value ->
                        match value with
                        | null ->
                            used <- used + 1
                            Choice1Of2 leafOf[lowered.Placeholders[used - 1]]
                        | value -> Choice2Of2 value)

                let results =
                    outputs
                    |> Array.map (fun t ->
                        match outputOf.TryGetValue t with
                        | true, i -> Choice1Of2 i
                        | _ -> Choice2Of2 t)

                let markers = outputs |> Array.map (fun t -> Tensor.Standing(t, null))

                Some
                    { Executable = device.Prepare lowered.Program
                      Program = lowered.Program
                      Arguments = arguments
                      Results = results
                      Template = Tree.withLeaves markers result }
        finally
            scope.Close()

    let private arguments (compiled: Compiled<'b>) (leaves: Tensor[]) =
        if leaves |> Array.exists (fun t -> isNull t.Value) then
            Evaluate.nodes (Seq.cast<Node> leaves)

        compiled.Arguments
        |> Array.map (function
            | Choice1Of2 leaf -> Unchecked.nonNull leaves[leaf].Value
            | Choice2Of2 value -> value)

    let private run (compiled: Compiled<'b>) (leaves: Tensor[]) : 'b =
        let values = compiled.Executable.Run(ReadOnlySpan(arguments compiled leaves))
        Evaluate.count compiled.Program compiled.Executable

        let results =
            compiled.Results
            |> Array.map (function
                | Choice1Of2 i -> Tensor.OfStorage values[i]
                | Choice2Of2 known -> known)

        Tree.withLeaves results compiled.Template

    /// The function, traced at its first call with each structure of arguments; run as it is where a transform looks on.
    let compile (f: 'a -> 'b) : 'a -> 'b =
        let cache = ConcurrentDictionary<obj list, Compiled<'b> option>()

        // Mostly a function is called with one structure of arguments, and mostly that is a tensor or a few.
        let last = Recent<Compiled<'b>>()

        let general x leaves =
            match cache.GetOrAdd(Tree.structure x, (fun _ -> trace f x leaves)) with
            | Some compiled -> ValueSome compiled
            | None -> ValueNone

        fun x ->
            let flat = Tree.flat x

            let leaves =
                match flat with
                | ValueSome leaves -> leaves
                | ValueNone -> Tree.leaves x

            if leaves |> Array.exists (fun t -> Scopes.isOpen t.Scopes) then
                f x
            else
                match flat with
                | ValueSome _ ->
                    match last.Find leaves with
                    | ValueSome compiled -> run compiled leaves
                    | ValueNone ->
                        match general x leaves with
                        | ValueSome compiled ->
                            last.Keep(leaves, compiled)
                            run compiled leaves
                        | ValueNone -> f x
                | ValueNone ->
                    match general x leaves with
                    | ValueSome compiled -> run compiled leaves
                    | ValueNone -> f x

    /// What would run for the function at x: its program, and the plan that the device made of it.
    let explain (f: 'a -> 'b) (x: 'a) : string =
        match trace f x (Tree.leaves x) with
        | Some compiled -> $"{compiled.Program}\n{compiled.Executable}"
        | None -> Shapes.refuse "explain" "the function depends on what a transform around it varies."

    /// What explain says, with the median time of each kernel over so many runs at x.
    let profile (runs: int) (f: 'a -> 'b) (x: 'a) : string =
        let leaves = Tree.leaves x

        match trace f x leaves with
        | Some compiled -> compiled.Executable.Profile(ReadOnlySpan(arguments compiled leaves), runs)
        | None -> Shapes.refuse "profile" "the function depends on what a transform around it varies."
