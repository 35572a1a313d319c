namespace Ad.Functional

open System
open System.Collections.Generic
open Ad.Tensors

/// Shapes and axes from sequences.
[<AutoOpen>]
module internal Sizes =
    /// A shape of these sizes: itself if it is one.
    let shapeOf (sizes: int seq) : Shape =
        match sizes with
        | :? Shape as shape -> shape
        | :? (int[]) as sizes -> Shape(ReadOnlySpan sizes)
        | _ -> Shape(ReadOnlySpan(Seq.toArray sizes))

    let axesOf (values: int seq) : Axes =
        match values with
        | :? (int[]) as values -> Axes(ReadOnlySpan values)
        | :? Shape as shape -> Axes shape.Sizes
        | _ -> Axes(ReadOnlySpan(Seq.toArray values))

/// A type and a shape, as in float32[2, 3].
[<Struct>]
type internal Signature =
    { Type: DType
      Shape: Shape }

    override s.ToString() = $"{s.Type.Name()}{s.Shape}"

/// The shape and type rule of every operation, and the errors for inputs that break it.
[<RequireQualifiedAccess>]
module internal Shapes =
    /// Raises an ArgumentException: a sentence that names the operation first.
    let refuse (operation: string) (problem: string) : 'a =
        raise (ArgumentException $"{operation}: {problem}")

    let private list (inputs: Signature[]) = inputs |> Array.map string |> String.concat " and "

    /// An axis counted from the end if negative, as one counted from the start.
    let axis operation rank (a: int) =
        if a < -rank || a >= rank then
            refuse operation $"there is no axis {a} in a tensor of rank {rank}."
        elif a < 0 then
            a + rank
        else
            a

    /// Distinct axes, in ascending order, counted from the start.
    let axes operation rank (given: int seq) =
        let resolved = Seq.toArray given

        for i in 0 .. resolved.Length - 1 do
            resolved[i] <- axis operation rank resolved[i]

        Array.sortInPlace resolved

        for i in 1 .. resolved.Length - 1 do
            if resolved[i] = resolved[i - 1] then
                refuse operation $"an axis is named twice in {axesOf resolved}."

        resolved

    /// The two shapes broadcast together, or an error that names both.
    let broadcast operation (left: Signature) (right: Signature) =
        match Shape.Broadcast(left.Shape, right.Shape) with
        | null -> refuse operation $"the shapes {left.Shape} and {right.Shape} do not broadcast together."
        | shape -> shape

    let private sameType name (inputs: Signature[]) =
        for i in 1 .. inputs.Length - 1 do
            if inputs[i].Type <> inputs[0].Type then
                refuse
                    name
                    $"the element types {inputs[0].Type.Name()} and {inputs[i].Type.Name()} differ; convert one with Tensor.cast."

    let private sameShape name (inputs: Signature[]) =
        for i in 1 .. inputs.Length - 1 do
            if inputs[i].Shape <> inputs[0].Shape then
                refuse name $"the shapes {inputs[0].Shape} and {inputs[i].Shape} differ."

    let private only name (allowed: DType -> bool) (what: string) (input: Signature) =
        if not (allowed input.Type) then
            refuse name $"takes {what}, but was given {input}."

    let private isNumber (t: DType) = t <> DType.Bool

    let private pointwise (f: Pointwise) (inputs: Signature[]) =
        let name = f.Name()

        if inputs.Length <> f.Arity() then
            refuse name $"takes {f.Arity()} tensors, but was given {inputs.Length}."

        sameShape name inputs

        match f.Types() with
        | PointwiseTypes.Floats ->
            Array.iter (only name (fun t -> t.IsFloat()) "floats") inputs
            sameType name inputs
            inputs[0]
        | PointwiseTypes.Numbers ->
            Array.iter (only name isNumber "numbers") inputs
            sameType name inputs
            inputs[0]
        | PointwiseTypes.Test ->
            sameType name inputs
            { inputs[0] with Type = DType.Bool }
        | PointwiseTypes.Logic ->
            Array.iter (only name ((=) DType.Bool) "bool") inputs
            inputs[0]
        | PointwiseTypes.Choice ->
            only name ((=) DType.Bool) "a bool condition first" inputs[0]
            sameType name inputs[1..]
            inputs[1]

    /// Whether an elementwise function of inputs of one shape, all of them of this type, gives that type.
    let keepsType (f: Pointwise) (t: DType) =
        match f.Types() with
        | PointwiseTypes.Floats -> t.IsFloat()
        | PointwiseTypes.Numbers -> isNumber t
        | PointwiseTypes.Logic -> t = DType.Bool
        | PointwiseTypes.Test
        | PointwiseTypes.Choice -> false

    let private without (removed: Axes) (shape: Shape) : int[] =
        let kept = List<int>(shape.Rank)

        for axis in 0 .. shape.Rank - 1 do
            if not (removed.Contains axis) then
                kept.Add shape[axis]

        kept.ToArray()

    let private reduce op kind (axes: Axes) (input: Signature) =
        let name = Op.name op

        match kind with
        | Reduction.Sum -> only name isNumber "numbers (cast a bool first)" input
        | Reduction.ArgMax
        | Reduction.ArgMin when axes.Count <> 1 -> refuse name "works along one axis."
        | Reduction.ArgMax
        | Reduction.ArgMin when input.Shape[axes[0]] = 0 -> refuse name $"axis {axes[0]} of {input} is empty."
        | Reduction.Max
        | Reduction.Min
        | Reduction.ArgMax
        | Reduction.ArgMin -> ()

        let shape = shapeOf (without axes input.Shape)

        match kind with
        | Reduction.ArgMax
        | Reduction.ArgMin -> { Type = DType.Int32; Shape = shape }
        | Reduction.Sum
        | Reduction.Max
        | Reduction.Min -> { input with Shape = shape }

    let private slice (starts: Axes) (sizes: Axes) (steps: Axes) (input: Signature) =
        for a in 0 .. input.Shape.Rank - 1 do
            let size = input.Shape[a]

            if steps[a] < 1 then
                refuse "slice" $"the step {steps[a]} along axis {a} is not at least 1."

            if
                starts[a] < 0
                || sizes[a] < 0
                || (sizes[a] > 0 && starts[a] + (sizes[a] - 1) * steps[a] >= size)
            then
                refuse
                    "slice"
                    $"{sizes[a]} elements from {starts[a]} in steps of {steps[a]} do not lie within axis {a} of {input}."

        { input with
            Shape = shapeOf (sizes.ToArray()) }

    let private pad (low: Axes) (high: Axes) (interior: Axes) (input: Signature) =
        let check (values: Axes) =
            let mutable fits = values.Count = input.Shape.Rank

            for value in values.Values do
                fits <- fits && value >= 0

            if not fits then
                refuse
                    "pad"
                    $"needs {input.Shape.Rank} numbers, none negative, for {input}, but was given {values}."

        check low
        check high
        check interior
        let size a = low[a] + high[a] + input.Shape[a] + max 0 (input.Shape[a] - 1) * interior[a]

        { input with
            Shape = shapeOf (Array.init input.Shape.Rank size) }

    let private concatenate axis (inputs: Signature[]) =
        if inputs.Length = 0 then
            refuse "concat" "was given no tensors."

        sameType "concat" inputs
        let others (s: Signature) = without (axesOf [ axis ]) s.Shape

        for input in inputs do
            if input.Shape.Rank <> inputs[0].Shape.Rank || others input <> others inputs[0] then
                refuse "concat" $"the shapes {inputs[0].Shape} and {input.Shape} differ outside axis {axis}."

        let total = inputs |> Array.sumBy (fun s -> s.Shape[axis])

        { inputs[0] with
            Shape = shapeOf (Seq.mapi (fun a n -> if a = axis then total else n) inputs[0].Shape) }

    let private matrices name (s: Signature) =
        only name (fun t -> t.IsFloat()) "floats" s

        if s.Shape.Rank < 2 then
            refuse name $"takes matrices, but was given {s}."

        s.Shape[s.Shape.Rank - 2], s.Shape[s.Shape.Rank - 1]

    let private decompose name kind (a: Signature) =
        let m, n = matrices name a

        let sizes =
            match kind with
            | Decomposition.Qr when m >= n -> m + n, n
            | Decomposition.Qr -> refuse name $"takes no more columns than rows, but was given {a}."
            | Decomposition.Svd -> m + n + 1, min m n
            | _ when m <> n -> refuse name $"takes square matrices, but was given {a}."
            | Decomposition.Lu
            | Decomposition.Eigh -> n + 1, n
            | Decomposition.Eig -> 2 * n + 3, n
            | Decomposition.Determinant -> 1, 1
            | Decomposition.Cholesky
            | Decomposition.Cofactors -> n, n

        { a with
            Shape = shapeOf (Seq.append (Seq.take (a.Shape.Rank - 2) a.Shape) [ fst sizes; snd sizes ]) }

    let private solve (a: Signature) (b: Signature) =
        let m, n = matrices "solve" a
        let rows, _ = matrices "solve" b
        sameType "solve" [| a; b |]
        let batch (s: Signature) = Seq.toList (Seq.take (s.Shape.Rank - 2) s.Shape)

        if m <> n || rows <> n || batch a <> batch b then
            refuse
                "solve"
                $"takes square matrices and as many right sides of as many rows, but was given {a} and {b}."

        b

    let private indices name (s: Signature) = only name (fun t -> t.IsInteger()) "int32 or int64 indices" s

    let private take axis batch (x: Signature) (i: Signature) =
        indices "take" i

        if
            batch > axis
            || i.Shape.Rank < batch
            || Seq.take batch x.Shape |> Seq.toList <> (Seq.take batch i.Shape |> Seq.toList)
        then
            refuse "take" $"the first {batch} axes of {x} and {i} must agree."

        { x with
            Shape =
                Seq.concat [ Seq.take axis x.Shape; Seq.skip batch i.Shape; Seq.skip (axis + 1) x.Shape ]
                |> shapeOf }

    let private scatterAdd axis batch size (i: Signature) (u: Signature) =
        indices "scatterAdd" i
        only "scatterAdd" isNumber "numbers" u
        let extra = i.Shape.Rank - batch

        if
            extra < 0
            || u.Shape.Rank < axis + extra
            || Seq.take batch u.Shape |> Seq.toList <> (Seq.take batch i.Shape |> Seq.toList)
            || (u.Shape |> Seq.skip axis |> Seq.take extra |> Seq.toList)
               <> (Seq.skip batch i.Shape |> Seq.toList)
        then
            refuse "scatterAdd" $"updates {u} do not fit indices {i} along axis {axis}."

        { u with
            Shape =
                Seq.concat [ Seq.take axis u.Shape; Seq.singleton size; Seq.skip (axis + extra) u.Shape ]
                |> shapeOf }

    let private contract (lb: Axes) (rb: Axes) (ls: Axes) (rs: Axes) (l: Signature) (r: Signature) =
        only "matmul" isNumber "numbers" l
        sameType "matmul" [| l; r |]

        for left, right in [ lb, rb; ls, rs ] do
            if left.Count <> right.Count then
                refuse "matmul" $"the axes {left} and {right} do not pair up."

            for i in 0 .. left.Count - 1 do
                if l.Shape[left[i]] <> r.Shape[right[i]] then
                    refuse
                        "matmul"
                        $"axis {left[i]} of {l} has size {l.Shape[left[i]]}, but axis {right[i]} of {r} has size {r.Shape[right[i]]}."

        let free (s: Signature) (batch: Axes) (summed: Axes) =
            without (axesOf (Seq.append (batch.ToArray()) (summed.ToArray()))) s.Shape

        { l with
            Shape =
                Seq.concat [ lb.ToArray() |> Seq.map (fun a -> l.Shape[a]); free l lb ls; free r rb rs ]
                |> shapeOf }

    let private convolve (sizes: Axes) (parameters: Axes list) (x: Signature) (k: Signature) =
        only "conv" isNumber "numbers" x
        sameType "conv" [| x; k |]
        let spatial = sizes.Count

        if x.Shape.Rank <> spatial + 3 || k.Shape.Rank <> spatial + 3 then
            refuse "conv" $"takes {spatial} spatial axes, but was given {x} and {k}."

        if x.Shape[1] <> k.Shape[0] || x.Shape[2] <> k.Shape[2] then
            refuse "conv" $"the groups and channels of {x} and {k} differ."

        for values in parameters do
            if values.Count <> spatial || Seq.exists (fun v -> v < 1) (values.ToArray()) then
                refuse "conv" $"strides and dilations are {spatial} positive numbers, not {values}."

        { x with
            Shape = shapeOf (Seq.append [ x.Shape[0]; x.Shape[1]; k.Shape[1] ] (sizes.ToArray())) }

    let private windowed name (positions: Axes) (windows: Windows) (x: Signature) =
        let count = windows.Count

        if x.Shape.Rank < count || positions.Count <> count then
            refuse name $"takes at least {count} axes, but was given {x}."

        for values in [ windows.Sizes; windows.Strides; windows.InputDilation; windows.Dilation ] do
            if values.Count <> count || Seq.exists (fun v -> v < 1) (values.ToArray()) then
                refuse name $"sizes, strides and dilations are {count} positive numbers, not {values}."

        shapeOf (Seq.append (Seq.take (x.Shape.Rank - count) x.Shape) (positions.ToArray()))

    let private window op kind positions windows (x: Signature) =
        let name = Op.name op
        only name isNumber "numbers" x

        { Type =
            match kind with
            | Reduction.ArgMax
            | Reduction.ArgMin -> DType.Int32
            | Reduction.Sum
            | Reduction.Max
            | Reduction.Min -> x.Type
          Shape = windowed name positions windows x }

    let private windowShare positions windows (x: Signature) (t: Signature) =
        only "windowShare" (fun t -> t.IsFloat()) "floats" x
        sameType "windowShare" [| x; t |]
        sameShape "windowShare" [| x; t |]

        { x with
            Shape = windowed "windowShare" positions windows x }

    let private windowSpread (windows: Windows) (x: Signature) (g: Signature) =
        only "windowSpread" (fun t -> t.IsFloat()) "floats" x
        sameType "windowSpread" [| x; g |]

        if
            x.Shape.Rank <> g.Shape.Rank
            || windowed "windowSpread" (axesOf (Seq.skip (g.Shape.Rank - windows.Count) g.Shape)) windows x
               <> g.Shape
        then
            refuse "windowSpread" $"{g} does not have what comes from windows on {x}."

        x

    /// The type and shape of an operation's result.
    let infer (op: Op) (inputs: Signature[]) : Signature =
        match op with
        | Variable
        | Custom _
        | StopGradient
        | OnDevice _ -> inputs[0]
        | Data -> refuse "data" "carries its own type and shape."
        | Constant(value, shape) -> { Type = value.Type; Shape = shape }
        | Iota(t, shape, _)
        | Random(t, shape) -> { Type = t; Shape = shape }
        | Pointwise f -> pointwise f inputs
        | Cast t -> { inputs[0] with Type = t }
        | Reduce(kind, axes) -> reduce op kind axes inputs[0]
        | CumulativeSum _ ->
            only "cumsum" isNumber "numbers (cast a bool first)" inputs[0]
            inputs[0]
        | Reshape shape ->
            if shape.Elements <> inputs[0].Shape.Elements then
                refuse
                    "reshape"
                    $"{inputs[0]} has {inputs[0].Shape.Elements} elements, but {shape} has {shape.Elements}."

            { inputs[0] with Shape = shape }
        | Permute axes ->
            { inputs[0] with
                Shape = axes.ToArray() |> Seq.map (fun a -> inputs[0].Shape[a]) |> shapeOf }
        | Broadcast shape ->
            match Shape.Broadcast(inputs[0].Shape, shape) with
            | null -> refuse "broadcast" $"{inputs[0]} does not broadcast to {shape}."
            | s when s <> shape -> refuse "broadcast" $"{inputs[0]} does not broadcast to {shape}."
            | _ -> { inputs[0] with Shape = shape }
        | Slice(starts, sizes, steps) -> slice starts sizes steps inputs[0]
        | Pad(low, high, interior) -> pad low high interior inputs[0]
        | Concatenate axis -> concatenate axis inputs
        | Flip _ -> inputs[0]
        | Take(axis, batch) -> take axis batch inputs[0] inputs[1]
        | ScatterAdd(axis, batch, size) -> scatterAdd axis batch size inputs[0] inputs[1]
        | Contract(lb, rb, ls, rs) -> contract lb rb ls rs inputs[0] inputs[1]
        | Decompose kind -> decompose (Op.name op) kind inputs[0]
        | Solve _ -> solve inputs[0] inputs[1]
        | Convolve(sizes, strides, _, inputDilation, kernelDilation) ->
            convolve sizes [ strides; inputDilation; kernelDilation ] inputs[0] inputs[1]
        | Window(kind, positions, windows) -> window op kind positions windows inputs[0]
        | Sort _ -> { inputs[0] with Type = DType.Int32 }
        | WindowShare(_, positions, windows) -> windowShare positions windows inputs[0] inputs[1]
        | WindowSpread(_, windows) -> windowSpread windows inputs[0] inputs[1]
        | Control(structure, result) ->
            let struct (dtype, shape) = structure.Result result
            { Type = dtype; Shape = shape }
