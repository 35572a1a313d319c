namespace Ad.Functional

open Ad.Tensors

/// Optimizers of parts: by the names of leaves, where a mask or a condition holds, and one after another by name.
[<RequireQualifiedAccess>]
module Parts =
    // Names of leaves decide, so that it is known before any value is.
    let private chosen (isPart: string -> bool) (tree: 'P) = Tree.named tree |> Array.map (fst >> isPart)

    let private merge (mask: bool[]) (inside: 'P) (outside: 'P) : 'P =
        Tree.withLeaves
            (Array.map3
                (fun isInside a b -> if isInside then a else b)
                mask
                (Tree.leaves inside)
                (Tree.leaves outside))
            inside

    let private only mask (tree: 'P) : Tensor[] =
        Array.zip mask (Tree.leaves tree) |> Array.filter fst |> Array.map snd

    let private put mask (part: Tensor[]) (tree: 'P) : 'P =
        let mutable used = 0

        let next isInside leaf =
            if isInside then
                used <- used + 1
                part[used - 1]
            else
                leaf

        Tree.withLeaves (Array.map2 next mask (Tree.leaves tree)) tree

    /// An optimizer for the leaves whose names are chosen (<c>Tree.named</c>); the others' updates pass unchanged, and have no state.
    [<CompiledName("Masked")>]
    let masked (isPart: string -> bool) (inner: Optimizer<Tensor[], 'S>) : Optimizer<'P, 'S> =
        { Init = fun p -> inner.Init(only (chosen isPart p) p)
          Update =
            fun g state p ->
                let mask = chosen isPart p
                let updates, state = inner.Update (only mask g) state (only mask p)
                put mask updates g, state }

    /// Updates of zero for the leaves whose names are chosen.
    [<CompiledName("Freeze")>]
    let freeze (isFrozen: string -> bool) : Optimizer<'P, unit> = masked isFrozen Updates.zero

    /// An optimizer for each part of the parameters, by the label that a leaf's name has.
    /// <exception cref="T:System.ArgumentException">A leaf's label has no optimizer; the message names the leaf.</exception>
    [<CompiledName("Partition")>]
    let partition
        (labelOf: string -> string)
        (optimizers: Map<string, Optimizer<Tensor[], 'S>>)
        : Optimizer<'P, Map<string, 'S>> =
        let checkLabels (p: 'P) =
            for name, _ in Tree.named p do
                if not (optimizers.ContainsKey(labelOf name)) then
                    Shapes.refuse
                        "partition"
                        $"the label '{labelOf name}' of the parameter '{name}' has no optimizer."

        let maskOf label p = chosen (fun name -> labelOf name = label) p

        { Init =
            fun p ->
                checkLabels p
                optimizers |> Map.map (fun label o -> o.Init(only (maskOf label p) p))
          Update =
            fun g states p ->
                let mutable updates = g

                let states =
                    optimizers
                    |> Map.map (fun label o ->
                        let mask = maskOf label p
                        let part, state = o.Update (only mask g) states[label] (only mask p)
                        updates <- put mask part updates
                        state)

                updates, states }

    /// Updates where a mask of booleans, a tree of the parameters' structure, is true; zero elsewhere.
    [<CompiledName("WhereTrue")>]
    let whereTrue (mask: 'P) : Optimizer<'P, unit> =
        Updates.stateless (fun g _ ->
            Leaves.map2 (fun g mask -> Tensor.where mask g (Tensor.zerosLike g)) g mask)

    /// The inner optimizer's updates and next state while a condition on the gradients holds; else zero, and the state as it was.
    [<CompiledName("OnlyIf")>]
    let onlyIf (condition: 'P -> Tensor) (inner: Optimizer<'P, 'S>) : Optimizer<'P, 'S> =
        { Init = inner.Init
          Update =
            fun g state p ->
                let holds = condition g
                let updates, next = inner.Update g state p
                Leaves.choose holds updates (Leaves.zeros updates), Leaves.choose holds next state }

    /// The inner optimizer's updates and next state while a condition on the gradients holds; else the gradients unchanged, and the state as it was.
    [<CompiledName("TransformIf")>]
    let transformIf (condition: 'P -> Tensor) (inner: Optimizer<'P, 'S>) : Optimizer<'P, 'S> =
        { Init = inner.Init
          Update =
            fun g state p ->
                let holds = condition g
                let updates, next = inner.Update g state p
                Leaves.map2 (Tensor.where holds) updates g, Leaves.choose holds next state }

    /// <summary>An optimizer of all float leaves as one vector, leaf after leaf: what it measures, it measures of them together, and it takes few operations for
    /// many leaves.</summary>
    /// <exception cref="T:System.ArgumentException">The float leaves have different types, or there are none.</exception>
    [<CompiledName("Flattened")>]
    let flattened (inner: Optimizer<Tensor, 'S>) : Optimizer<'P, 'S> =
        let isFloat (t: Tensor) = t.DType.IsFloat()

        let joined (tree: 'P) =
            let leaves = Tree.leaves tree |> Array.filter isFloat

            match leaves |> Array.map _.DType |> Array.distinct with
            | [| _ |] -> Tensor.concat 0 (leaves |> Array.map Tensor.flatten)
            | types ->
                Shapes.refuse "flattened" $"takes leaves of one float type, but was given {types.Length}."

        let apart (like: 'P) (v: Tensor) : 'P =
            let mutable start = 0

            Tree.map
                (fun (t: Tensor) ->
                    if isFloat t then
                        start <- start + int t.Count
                        Tensor.sliceAxis 0 (start - int t.Count) start 1 v |> Tensor.reshape t.Shape
                    else
                        t)
                like

        { Init = fun p -> inner.Init(joined p)
          Update =
            fun g state p ->
                let updates, state = inner.Update (joined g) state (joined p)
                apart g updates, state }

    /// <summary>Optimizers one after another, each with its state under its name: so that a part's state can be found, whatever stands before it.</summary>
    /// <exception cref="T:System.ArgumentException">Two have one name.</exception>
    [<CompiledName("ChainNamed")>]
    let chainNamed (optimizers: (string * Optimizer<'P, 'S>) list) : Optimizer<'P, Map<string, 'S>> =
        match optimizers |> List.countBy fst |> List.tryFind (fun (_, n) -> n > 1) with
        | Some(name, _) -> Shapes.refuse "chainNamed" $"two parts are called '{name}'."
        | None -> ()

        { Init = fun p -> Map [ for name, o in optimizers -> name, o.Init p ]
          Update =
            fun g states p ->
                ((g, states), optimizers)
                ||> List.fold (fun (g, states: Map<string, 'S>) (name, o) ->
                    let updates, state = o.Update g states[name] p
                    updates, Map.add name state states) }
