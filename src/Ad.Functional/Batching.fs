namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// The batching rule of every operation: what it does to inputs that have a new first axis, one example after another.
[<RequireQualifiedAccess>]
module internal Batching =
    let private shifted (axes: Axes) = axes.ToArray() |> Array.map ((+) 1)
    let private withFirst first (axes: Axes) = Array.append [| first |] (axes.ToArray()) |> axesOf
    let private sized size (shape: Shape) = shapeOf (Seq.append [ size ] shape)

    /// The same for every example.
    let repeat size (t: Tensor) = Tensor.expandDims 0 t |> Tensor.broadcastTo (sized size t.Shape)

    let private toFront axis (t: Tensor) =
        Tensor.permute (Seq.append [ axis ] (Seq.init t.Rank id |> Seq.filter ((<>) axis))) t

    // An axis of examples on one side is one more free axis of that side, which the result has among its others.
    let private contract
        (lb: Axes)
        (rb: Axes)
        (ls: Axes)
        (rs: Axes)
        (left: Tensor, leftBatched)
        (right: Tensor, rightBatched)
        =
        let over isBatched (axes: Axes) = if isBatched then shifted axes else axes.ToArray()

        let batch isBatched (axes: Axes) =
            if leftBatched && rightBatched then
                Array.append [| 0 |] (shifted axes)
            else
                over isBatched axes

        let product =
            Tensor.Create(
                Contract(
                    axesOf (batch leftBatched lb),
                    axesOf (batch rightBatched rb),
                    axesOf (over leftBatched ls),
                    axesOf (over rightBatched rs)
                ),
                left,
                right
            )

        if leftBatched && rightBatched then product
        elif leftBatched then toFront lb.Count product
        else toFront (left.Rank - ls.Count) product

    // The axis of examples joins those of one side: the image's examples, the kernel's rows, or the groups of both.
    let private convolve op (image: Tensor, imageBatched) (kernel: Tensor, kernelBatched) =
        let merged axis (t: Tensor) =
            let rest = Seq.skip (axis + 2) t.Shape

            Tensor.reshape
                (Seq.concat [ Seq.take axis t.Shape; [ t.Shape[axis] * t.Shape[axis + 1] ]; rest ])
                t

        let parted axis sizes (t: Tensor) =
            Tensor.reshape (Seq.concat [ Seq.take axis t.Shape; sizes; Seq.skip (axis + 1) t.Shape ]) t

        let second (t: Tensor) = Tensor.swapAxes 0 1 t
        let run (image: Tensor) (kernel: Tensor) = Tensor.Create(op, image, kernel)

        match imageBatched, kernelBatched with
        | true, true ->
            run (merged 1 (second image)) (merged 0 kernel)
            |> parted 1 [ image.Shape[0]; image.Shape[2] ]
            |> toFront 1
        | true, false -> run (merged 0 image) kernel |> parted 0 [ image.Shape[0]; image.Shape[1] ]
        | false, _ ->
            run image (merged 1 (second kernel))
            |> parted 2 [ kernel.Shape[0]; kernel.Shape[2] ]
            |> toFront 2

    /// What stands for one example of each mapped argument.
    let private placeholders scope (arguments: (Tensor * bool)[]) =
        arguments
        |> Array.map (fun (t, isMapped) ->
            if isMapped then
                let one =
                    { t.Signature with
                        Shape = shapeOf (Seq.skip 1 t.Shape) }

                Tensor(Variable, [||], one, scope, null)
            else
                t)

    /// The tensors of a function's result for all examples, and the result for one: what depends on mapped arguments is built anew, each operation by
    /// its rule. The tensors, mapped or not, have the examples along their first axis.
    let rec mapTree<'r> (size: int) (f: Tensor[] -> 'r) (arguments: (Tensor * bool)[]) : Tensor[] * 'r =
        let scope = Scope()

        try
            let placeholders = placeholders scope arguments
            let result = f placeholders

            let mapped =
                replay size scope (Array.zip placeholders arguments) (Tree.leaves result)
                |> Array.map (fun (t, isMapped) -> if isMapped then t else repeat size t)

            mapped, result
        finally
            scope.Close()

    /// A function's results for all examples, mapped where they depend on mapped arguments.
    and mapArrays (size: int) (f: Tensor[] -> Tensor[]) (arguments: (Tensor * bool)[]) : (Tensor * bool)[] =
        let scope = Scope()

        try
            let placeholders = placeholders scope arguments
            replay size scope (Array.zip placeholders arguments) (f placeholders)
        finally
            scope.Close()

    /// The result of an operation for all examples: inputs with true have them along their first axis, and so has the result.
    and private rule (size: int) (op: Op) (inputs: (Tensor * bool)[]) : Tensor =
        let every () =
            inputs
            |> Array.map (fun (t, isBatched) -> if isBatched then t else repeat size t)

        let only = fst inputs[0]

        match op with
        | Variable
        | Data
        | Constant _
        | Iota _ -> Shapes.refuse "vmap" $"{Op.name op} has no inputs to map over."
        | Custom(rule, result) ->
            let flags = inputs |> Array.tail |> Array.map snd
            byHand size (mappedRule size (rule :?> CustomRule) flags) result inputs
        | StopGradient
        | OnDevice _
        | Cast _ -> Tensor.Create(op, only)
        | Pointwise _ -> Tensor.Create(op, every ())
        | Random _ -> Seq.init size (fun i -> Tensor.Create(op, only[i])) |> Tensor.stack 0
        | Reduce(kind, axes) -> Tensor.Create(Reduce(kind, axesOf (shifted axes)), only)
        | CumulativeSum(axis, reverse) -> Tensor.Create(CumulativeSum(axis + 1, reverse), only)
        | Reshape shape -> Tensor.Create(Reshape(sized size shape), only)
        | Permute axes -> Tensor.Create(Permute(withFirst 0 (axesOf (shifted axes))), only)
        | Broadcast shape ->
            let ones = Seq.replicate (shape.Rank - (only.Rank - 1)) 1
            let aligned = Tensor.reshape (Seq.concat [ Seq.singleton size; ones; Seq.skip 1 only.Shape ]) only
            Tensor.broadcastTo (sized size shape) aligned
        | Slice(starts, sizes, steps) ->
            Tensor.Create(Slice(withFirst 0 starts, withFirst size sizes, withFirst 1 steps), only)
        | Pad(low, high, interior) ->
            Tensor.Create(Pad(withFirst 0 low, withFirst 0 high, withFirst 0 interior), only)
        | Concatenate axis -> Tensor.Create(Concatenate(axis + 1), every ())
        | Flip axes -> Tensor.Create(Flip(axesOf (shifted axes)), only)
        | Take(axis, batch) ->
            match inputs with
            | [| x, true; i, false |] when batch = 0 -> Tensor.Create(Take(axis + 1, 0), x, i)
            | [| x, false; i, true |] when batch = 0 -> Tensor.Create(op, x, i) |> toFront axis
            | _ -> Tensor.Create(Take(axis + 1, batch + 1), every ())
        | ScatterAdd(axis, batch, count) ->
            match inputs with
            | [| i, false; u, true |] when batch = 0 -> Tensor.Create(ScatterAdd(axis + 1, 0, count), i, u)
            | _ -> Tensor.Create(ScatterAdd(axis + 1, batch + 1, count), every ())
        | Contract(lb, rb, ls, rs) -> contract lb rb ls rs inputs[0] inputs[1]
        | Decompose _ -> Tensor.Create(op, only)
        | Solve _ -> Tensor.Create(op, every ())
        | Convolve _ -> convolve op inputs[0] inputs[1]
        | Window _ -> Tensor.Create(op, only)
        | Sort(axis, descending) -> Tensor.Create(Sort(axis + 1, descending), only)
        | WindowShare _
        | WindowSpread _ -> Tensor.Create(op, every ())
        | Control(structure, result) -> ((structure :?> ControlRule).Batch(size, inputs, [| result |]))[0]

    /// A rule by hand for all examples: its derivative is the derivative of each.
    and private mappedRule (size: int) (rule: CustomRule) (flags: bool[]) : CustomRule =
        let mapped f (arguments: Tensor[]) (others: Tensor[]) =
            let count = arguments.Length
            let all = Array.append (Array.zip arguments flags) (others |> Array.map (fun t -> t, true))
            fst (mapTree size (fun given -> f (Array.take count given) (Array.skip count given)) all)

        let tangents (arguments: Tensor[]) (t: Tensor[]) =
            mapped
                rule.Jvp
                arguments
                (Array.map2 (fun isMapped t -> if isMapped then t else repeat size t) flags t)

        let cotangents arguments g =
            mapped rule.Vjp arguments g
            |> Array.map2 (fun isMapped t -> if isMapped then t else Tensor.sumOver [ 0 ] t) flags

        let results = rule.Results |> Array.map (fun s -> { s with Shape = sized size s.Shape })
        CustomRule(results, tangents, cotangents)

    and private byHand size (rule: CustomRule) result (inputs: (Tensor * bool)[]) : Tensor =
        let value, isMapped = inputs[0]

        Tensor.Create(
            Custom(rule, result),
            Array.append
                [| (if isMapped then value else repeat size value) |]
                (Array.map fst (Array.tail inputs))
        )

    /// The outputs as operations on what the placeholders stand for.
    and private replay
        size
        (scope: Scope)
        (placeholders: (Tensor * (Tensor * bool))[])
        (outputs: Tensor[])
        : (Tensor * bool)[] =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)

        for placeholder, (batched, isMapped) in placeholders do
            if isMapped then
                known[placeholder] <- batched

        let enter (t: Tensor) =
            if Scopes.contains scope t.Scopes && not (known.ContainsKey t) then
                ValueSome t.Operands
            else
                ValueNone

        let nodes = Walk.postOrder enter outputs
        let siblings = Siblings.find nodes
        let rules = Dictionary<Tensor, CustomRule>(HashIdentity.Reference)

        for struct (t, inputs) in nodes |> Seq.filter (fun (struct (t, _)) -> not (known.ContainsKey t)) do
            let given =
                inputs
                |> Array.map (fun input ->
                    match known.TryGetValue input with
                    | true, b -> b, true
                    | _ -> input, false)

            match t.Op with
            | Variable -> known[t] <- fst given[0]
            | Control(structure, _) ->
                let members, results = siblings t inputs |> Array.unzip

                (structure :?> ControlRule).Batch(size, given, results)
                |> Array.iter2 (fun node mapped -> known[node] <- mapped) members
            | Custom(rule, result) ->
                // Results that had one rule still have one.
                let first = siblings t inputs |> Array.head |> fst

                let rule =
                    match rules.TryGetValue first with
                    | true, mapped -> mapped
                    | _ -> mappedRule size (rule :?> CustomRule) (given |> Array.tail |> Array.map snd)

                rules[first] <- rule
                known[t] <- byHand size rule result given
            | op -> known[t] <- rule size op given

        outputs
        |> Array.map (fun t ->
            match known.TryGetValue t with
            | true, b -> b, true
            | _ -> t, false)
