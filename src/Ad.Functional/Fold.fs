namespace Ad.Functional

open System
open System.Collections.Concurrent
open System.Collections.Generic
open Ad.Tensors

/// A compiled step of a loop: a function of a state and an input that gives the next state and an output.
type internal LoopStep<'s, 'y> =
    {
        Compiled: Compiled<'s * 'y>
        /// How many leaves a state has.
        Width: int
        /// The one argument of the program that each leaf of the state is, or -1.
        Argument: int[]
        /// The output of the program that each leaf of the next state is, or -1 where it is known without running.
        Output: int[]
        /// Whether the next state has the structure of the state, so that the same step goes on.
        IsClosed: bool
    }

/// A step run over a sequence. The states on the way are nobody's but the loop's, so that their memory goes from one to the next.
[<RequireQualifiedAccess>]
module internal Fold =
    /// The leaves of a state, which of their memories nobody else can see, and memory left over by the states before.
    type private Carried =
        { Values: Storage[]
          Mine: bool[]
          Spare: (Storage | null)[] }

    let private carry (leaves: Tensor[]) =
        Evaluate.nodes (Seq.cast<Node> leaves)

        { Values = leaves |> Array.map (fun t -> Evaluate.value t)
          Mine = Array.create leaves.Length false
          Spare = Array.create leaves.Length null }

    let private prepare (step: 's * 'x -> 's * 'y) (state: 's) (x: 'x) : LoopStep<'s, 'y> option =
        let width = (Tree.leaves state).Length

        Jit.trace step (state, x) (Tree.leaves (state, x))
        |> Option.map (fun compiled ->
            let next = fst compiled.Template

            let argument leaf = compiled.Arguments |> Array.findIndex (fun a -> a = Choice1Of2 leaf)

            let isOnce leaf =
                (compiled.Arguments
                 |> Array.filter (function
                     | Choice1Of2 l -> l = leaf
                     | Choice2Of2 _ -> false))
                    .Length
                    =
                    1

            { Compiled = compiled
              Width = width
              Argument = Array.init width (fun leaf -> if isOnce leaf then argument leaf else -1)
              Output =
                Array.init (Tree.leaves next).Length (fun leaf ->
                    match compiled.Results[leaf] with
                    | Choice1Of2 output -> output
                    | Choice2Of2 _ -> -1)
              IsClosed = Tree.structure next = Tree.structure state })

    /// Memory for the program's outputs: a leaf of the next state goes over the leaf before it where the device can do that, else into what
    /// was left over. Where two leaves are one output, the first has it.
    let private room (step: LoopStep<'s, 'y>) (carried: Carried) (outputs: int) : (Storage | null)[] =
        let room: (Storage | null)[] = Array.create outputs null

        if step.IsClosed then
            for leaf in step.Width - 1 .. -1 .. 0 do
                let output = step.Output[leaf]

                if output >= 0 then
                    let before = step.Argument[leaf]

                    room[output] <-
                        if
                            carried.Mine[leaf]
                            && before >= 0
                            && step.Compiled.Executable.MayReplace(before, output)
                        then
                            carried.Values[leaf]
                        else
                            carried.Spare[leaf]

        room

    /// What the next state may write over: memory that one leaf alone has, and neither the caller nor an output.
    let private own (carried: Carried) (next: Storage[]) (seen: HashSet<obj>) =
        let counts = Dictionary<obj, int>(HashIdentity.Reference)

        for value in next do
            counts[value.Memory] <-
                match counts.TryGetValue value.Memory with
                | true, n -> n + 1
                | _ -> 1

        let isMine (value: Storage) = counts[value.Memory] = 1 && not (seen.Contains value.Memory)

        { Values = next
          Mine = next |> Array.map isMine
          Spare =
            Array.init next.Length (fun leaf ->
                if leaf >= carried.Values.Length then
                    null
                else
                    let before = carried.Values[leaf]

                    if
                        carried.Mine[leaf]
                        && not (counts.ContainsKey before.Memory)
                        && not (seen.Contains before.Memory)
                    then
                        before
                    else
                        match carried.Spare[leaf] with
                        | null -> null
                        | spare when counts.ContainsKey spare.Memory -> null
                        | spare -> spare) }

    /// One step: the next state, flat, and the output.
    let private advance (step: LoopStep<'s, 'y>) (carried: Carried) (x: 'x) : Carried * 'y =
        let compiled = step.Compiled
        let leaves = Tree.leaves x
        Evaluate.nodes (Seq.cast<Node> leaves)
        let seen = HashSet<obj>(HashIdentity.Reference)

        for leaf in 0 .. step.Width - 1 do
            if not carried.Mine[leaf] then
                seen.Add carried.Values[leaf].Memory |> ignore

        let others (value: Storage) =
            seen.Add value.Memory |> ignore
            value

        let arguments =
            compiled.Arguments
            |> Array.map (function
                | Choice1Of2 leaf when leaf < step.Width -> carried.Values[leaf]
                | Choice1Of2 leaf -> others (Evaluate.value leaves[leaf - step.Width])
                | Choice2Of2 value -> others value)

        let outputs = compiled.Program.Outputs.Length

        let values = compiled.Executable.Run(ReadOnlySpan arguments, ReadOnlySpan(room step carried outputs))

        Evaluate.count compiled.Program compiled.Executable

        let next =
            Array.init step.Output.Length (fun leaf ->
                match compiled.Results[leaf] with
                | Choice1Of2 output -> values[output]
                | Choice2Of2 known -> others (Evaluate.value known))

        let given =
            compiled.Results[step.Output.Length ..]
            |> Array.map (function
                | Choice1Of2 output -> Tensor.OfStorage(others values[output])
                | Choice2Of2 known -> known)

        own carried next seen, Tree.withLeaves given (snd compiled.Template)

    let private stateOf (step: LoopStep<'s, 'y>) (carried: Carried) : 's =
        Tree.withLeaves (carried.Values |> Array.map Tensor.OfStorage) (fst step.Compiled.Template)

    /// The step over inputs from a first state, traced once for each structure of state and input.
    let compile (step: 's -> 'x -> 's * 'y) : 's -> 'x seq -> 's * 'y list =
        let cache = ConcurrentDictionary<obj list, LoopStep<'s, 'y> option>()
        let paired (state, x) = step state x

        fun start inputs ->
            let outputs = List<'y>()
            let mutable state = start
            let mutable kept: (LoopStep<'s, 'y> * obj list * Carried) option = None

            // The state as a tree, for whoever cannot take it as it is carried.
            let settle () =
                match kept with
                | Some(last, _, carried) ->
                    state <- stateOf last carried
                    kept <- None
                | None -> ()

            let isTransformed x = Tree.leaves (state, x) |> Array.exists (fun t -> Scopes.isOpen t.Scopes)

            let keep (last: LoopStep<'s, 'y>) structure (carried, y) =
                outputs.Add y
                kept <- Some(last, structure, carried)

                if not last.IsClosed then
                    settle ()

            let plain x =
                let next, y = step state x
                state <- next
                outputs.Add y

            for x in inputs do
                let structure = Tree.structure x

                match kept with
                | Some(last, before, carried) when
                    before = structure
                    && not (Tree.leaves x |> Array.exists (fun t -> Scopes.isOpen t.Scopes))
                    ->
                    keep last before (advance last carried x)
                | _ ->
                    settle ()

                    if isTransformed x then
                        plain x
                    else
                        let key = Tree.structure (state, x)

                        match cache.GetOrAdd(key, (fun _ -> prepare paired state x)) with
                        | None -> plain x
                        | Some first -> keep first structure (advance first (carry (Tree.leaves state)) x)

            settle ()
            state, List.ofSeq outputs
