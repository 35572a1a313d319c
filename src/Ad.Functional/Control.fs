namespace Ad.Functional

open Ad.Tensors

/// <summary>Loops and branches that the engine runs. They compose with all transforms, to any depth, and over any trees; their functions may close over
/// whatever is differentiated or mapped outside.</summary>
[<AutoOpen>]
module Control =
    let private describe (tree: 'a) =
        Tree.named tree
        |> Array.map (fun (path, t) -> $"{path} {t.Signature}".Trim())
        |> String.concat ", "
        |> fun text -> if text = "" then "no tensors" else text

    let private sameKind operation (what: string) (given: 'a) (other: string) (result: 'a) =
        let facts tree = Tree.named tree |> Array.map (fun (path, t) -> path, t.Signature)

        if facts given <> facts result then
            Shapes.refuse
                operation
                $"{what} is ({describe result}), but {other} ({describe given}); structures, types and shapes must be equal."

    /// The results of a structure are computed together.
    let private result (leaves: Tensor[]) (tree: 'a) : 'a =
        Trace.together leaves
        Tree.withLeaves leaves tree

    let private scanOf
        operation
        isReversed
        (length: int)
        (f: 's -> 'x -> 's * 'y)
        (init: 's)
        (xs: 'x)
        : 's * 'y =
        let states, slices = Tree.leaves init, Tree.leaves xs
        let last = ref None

        let one (t: Tensor) =
            { t.Signature with
                Shape = shapeOf (Seq.skip 1 t.Shape) }

        let body, captured =
            Body.trace
                (Array.append (Array.map (fun (t: Tensor) -> t.Signature) states) (Array.map one slices))
                (fun parameters ->
                    let carried, sliced = Array.splitAt states.Length parameters
                    let next, y = f (Tree.withLeaves carried init) (Tree.withLeaves sliced xs)
                    sameKind operation "the state after a step" init "before it" next
                    last.Value <- Some(next, y)
                    Array.append (Tree.leaves next) (Tree.leaves y))

        let operands = Array.concat [ states; slices; captured ]
        let all = Array.init body.Results.Length id
        let made = Scan.Run(body, length, states.Length, slices.Length, isReversed, operands, all)
        Trace.together made
        let next, y = Option.get last.Value

        Tree.withLeaves (Array.take states.Length made) next,
        Tree.withLeaves (Array.skip states.Length made) y

    let private lengthOf operation (xs: 'x) =
        let named = Tree.named xs

        match named |> Array.tryFind (fun (_, t) -> t.Rank = 0) with
        | Some(path, t) ->
            Shapes.refuse operation ($"{path} {t.Signature}".Trim() + " has no axis to go along.")
        | None -> ()

        match named |> Array.map (fun (_, t) -> t.Shape[0]) |> Array.distinct with
        | [| length |] -> length
        | [||] -> Shapes.refuse operation "there is no tensor to go along; iterate takes a number of steps."
        | _ -> Shapes.refuse operation $"the first axes differ in size: {describe xs}."

    /// <summary>
    /// The last state, and the results of all steps stacked along axis 0, of (state, y) = f state x for every x along axis 0 of xs. One operation,
    /// whatever the number of steps: f is traced once. In reverse mode the states are kept, and with them what costs more than elementwise work.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">f's state differs from init in structure, type or shape, or the tensors of xs in length.</exception>
    let scan (f: 's -> 'x -> 's * 'y) (init: 's) (xs: 'x) : 's * 'y =
        scanOf "scan" false (lengthOf "scan" xs) f init xs

    /// The same from the last x to the first; the result of each step stands where its x does.
    let scanReverse (f: 's -> 'x -> 's * 'y) (init: 's) (xs: 'x) : 's * 'y =
        scanOf "scanReverse" true (lengthOf "scanReverse" xs) f init xs

    let private ensureCount operation steps =
        if steps < 0 then
            Shapes.refuse operation $"cannot take {steps} steps."

    /// The last state, and the results stacked along axis 0, of so many steps (state, y) = f state.
    let scanSteps (steps: int) (f: 's -> 's * 'y) (init: 's) : 's * 'y =
        ensureCount "scanSteps" steps
        scanOf "scanSteps" false steps (fun state () -> f state) init ()

    /// The state after so many steps state = f i state, where i is the number of the step from 0, an int32.
    let iterate (steps: int) (f: Tensor -> 's -> 's) (init: 's) : 's =
        ensureCount "iterate" steps

        let step (i: Tensor, state) () = (i + 1, f i state), ()
        let (_, last), () = scanOf "iterate" false steps step (Tensor.scalar 0, init) ()
        last

    let private ensureCondition operation (p: Tensor) =
        if p.DType <> DType.Bool || p.Rank <> 0 then
            Shapes.refuse operation $"the condition is {p.Signature}, not one bool."

    /// <summary>
    /// f x if the condition, one bool, is true, else g x: only that one runs (under vmap with a mapped condition both do, and the condition selects). What
    /// the functions compute from nothing that varies with x is computed in any case.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The condition is not one bool, or the results differ in structure, type or shape.</exception>
    let cond (condition: Tensor) (f: 'a -> 'b) (g: 'a -> 'b) (x: 'a) : 'b =
        ensureCondition "cond" condition
        let leaves = Tree.leaves x
        let template = ref None

        let body, captured =
            Body.trace (Array.map (fun (t: Tensor) -> t.Signature) leaves) (fun parameters ->
                let given = Tree.withLeaves parameters x
                let ifTrue, ifFalse = f given, g given
                sameKind "cond" "the result if false" ifTrue "if true" ifFalse
                template.Value <- Some ifTrue
                Array.append (Tree.leaves ifTrue) (Tree.leaves ifFalse))

        result (Cond.Run(body, condition, Array.append leaves captured)) (Option.get template.Value)

    /// <summary>
    /// The state s = f s, as long as the condition p s, one bool, is true. Both modes go through. Reverse mode keeps 91 states whatever the number n of
    /// steps; it counts them, and runs each again while it reverses it, above 64 of them log2(n / 64) / 2 times more. Under vmap the loop runs until the last
    /// example is done, the others waiting.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The condition is not one bool, or f changes the state's structure, types or shapes.</exception>
    let whileLoop (p: 's -> Tensor) (f: 's -> 's) (init: 's) : 's =
        let leaves = Tree.leaves init
        let template = ref None

        let body, captured =
            Body.trace (Array.map (fun (t: Tensor) -> t.Signature) leaves) (fun parameters ->
                let state = Tree.withLeaves parameters init
                let next = f state
                sameKind "whileLoop" "the state after a step" init "before it" next
                let goesOn = p state
                ensureCondition "whileLoop" goesOn
                template.Value <- Some next
                Array.append (Tree.leaves next) [| goesOn |])

        let made = While.Run(body, Array.append leaves captured, Array.init leaves.Length id)
        result made (Option.get template.Value)

    /// <summary>
    /// The state s = f s, as long as the condition p s is true and for at most so many steps. Both modes go through; a step after the end costs next to
    /// nothing. A derivative keeps the states of all steps up to the bound, and runs none of them again.
    /// </summary>
    let whileLoopUpTo (steps: int) (p: 's -> Tensor) (f: 's -> 's) (init: 's) : 's =
        let step _ state =
            let goesOn = p state
            ensureCondition "whileLoopUpTo" goesOn
            cond goesOn f id state

        ensureCount "whileLoopUpTo" steps

        scanOf "whileLoopUpTo" false steps (fun state () -> step () state, ()) init ()
        |> fst

    /// <summary>
    /// The same value as f x; a derivative runs f again rather than keep what f computed on the way. Whatever f closes over is kept.
    /// </summary>
    let checkpoint (f: 'a -> 'b) (x: 'a) : 'b =
        let leaves = Tree.leaves x
        let template = ref None

        let body, captured =
            Body.trace (Array.map (fun (t: Tensor) -> t.Signature) leaves) (fun parameters ->
                let y = f (Tree.withLeaves parameters x)
                template.Value <- Some y
                Tree.leaves y)

        result (Checkpoint.Run(body, Array.append leaves captured)) (Option.get template.Value)
