namespace Ad.Functional

open Ad.Tensors

/// <summary>Where elements stand, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorArranging =
    /// <summary>Shapes, parts and joints of tensors.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// <summary>The same elements in row-major order under another shape; one size may be -1, and is found from the others.</summary>
        let reshape (sizes: int seq) (t: Tensor) =
            let sizes = Seq.toArray sizes

            let resolved =
                match sizes |> Array.filter (fun s -> s = -1) with
                | [||] -> sizes
                | [| _ |] ->
                    let others =
                        sizes
                        |> Array.filter (fun s -> s <> -1)
                        |> Array.fold (fun n s -> n * int64 s) 1L

                    if others = 0L || t.Count % others <> 0L then
                        Shapes.refuse
                            "reshape"
                            $"{t.Signature} has {t.Count} elements, which {axesOf sizes} cannot hold."

                    sizes |> Array.map (fun s -> if s = -1 then int (t.Count / others) else s)
                | _ -> Shapes.refuse "reshape" $"only one size may be -1, not those of {axesOf sizes}."

            let shape = shapeOf resolved

            if shape = t.Shape then
                t
            else
                Tensor.Create(Reshape shape, t)

        /// All elements in one axis.
        let flatten (t: Tensor) = reshape [ -1 ] t |> fun r -> if t.Count = 0L then reshape [ 0 ] t else r

        /// The axes in another order: result axis i is axis order[i].
        let permute (order: int seq) (t: Tensor) =
            let resolved = order |> Seq.map (Shapes.axis "permute" t.Rank) |> Seq.toArray

            if Array.sort resolved <> Array.init t.Rank id then
                Shapes.refuse
                    "permute"
                    $"{axesOf (Seq.toArray order)} does not name each axis of {t.Signature} once."

            if resolved = Array.init t.Rank id then
                t
            else
                Tensor.Create(Permute(axesOf resolved), t)

        /// Two axes exchanged.
        let swapAxes (a: int) (b: int) (t: Tensor) =
            let a, b = Shapes.axis "swapAxes" t.Rank a, Shapes.axis "swapAxes" t.Rank b

            permute
                (Seq.init t.Rank (fun i ->
                    if i = a then b
                    elif i = b then a
                    else i))
                t

        /// An axis taken out and put in at another position, counted in the result.
        let moveAxis (from: int) (into: int) (t: Tensor) =
            let from, into = Shapes.axis "moveAxis" t.Rank from, Shapes.axis "moveAxis" t.Rank into

            let others = Seq.init t.Rank id |> Seq.filter (fun axis -> axis <> from) |> Seq.toList
            permute (List.insertAt into from others) t

        /// The axes in reverse order; the transpose of a matrix.
        let transpose (t: Tensor) = permute (Seq.init t.Rank (fun i -> t.Rank - 1 - i)) t

        /// Repeated to a larger shape by NumPy's rule.
        let broadcastTo (shape: int seq) (t: Tensor) =
            let target = shapeOf shape

            if target = t.Shape then
                t
            else
                Tensor.BroadcastTo((Shapes.infer (Broadcast target) [| t.Signature |]).Shape, t)

        /// A new axis of size 1 at a position.
        let expandDims (axis: int) (t: Tensor) =
            let axis = Shapes.axis "expandDims" (t.Rank + 1) axis
            reshape (Seq.concat [ Seq.take axis t.Shape; Seq.singleton 1; Seq.skip axis t.Shape ]) t

        /// The axes given, which have size 1, removed.
        let squeeze (axes: int seq) (t: Tensor) =
            let axes = Shapes.axes "squeeze" t.Rank axes

            for a in axes do
                if t.Shape[a] <> 1 then
                    Shapes.refuse "squeeze" $"axis {a} of {t.Signature} does not have size 1."

            reshape
                (t.Shape
                 |> Seq.indexed
                 |> Seq.filter (fun (a, _) -> not (Array.contains a axes))
                 |> Seq.map snd)
                t

        /// <summary>Per axis, elements start, start + step, ... below stop; negative starts and stops count from the end.</summary>
        let slice (ranges: (int * int * int) seq) (t: Tensor) =
            let ranges = Seq.toArray ranges

            if ranges.Length <> t.Rank then
                Shapes.refuse
                    "slice"
                    $"{t.Signature} has {t.Rank} axes, but {ranges.Length} ranges were given."

            let fromEnd a i = if i < 0 then i + t.Shape[a] else i
            let starts = ranges |> Array.mapi (fun a (start, _, _) -> fromEnd a start)

            let sizes =
                ranges
                |> Array.mapi (fun a (_, stop, step) ->
                    if step < 1 then
                        Shapes.refuse "slice" $"the step {step} along axis {a} is not at least 1."

                    let stop = fromEnd a stop

                    if stop > t.Shape[a] || starts[a] < 0 || starts[a] > t.Shape[a] then
                        Shapes.refuse
                            "slice"
                            $"{starts[a]} to {stop} does not lie within axis {a} of {t.Signature}."

                    max 0 ((stop - starts[a] + step - 1) / step))

            let steps = ranges |> Array.map (fun (_, _, step) -> step)

            if sizes = Seq.toArray t.Shape then
                t
            else
                Tensor.Create(Slice(axesOf starts, axesOf sizes, axesOf steps), t)

        /// A range of one axis, the others whole.
        let sliceAxis (axis: int) (start: int) (stop: int) (step: int) (t: Tensor) =
            let axis = Shapes.axis "slice" t.Rank axis
            slice (t.Shape |> Seq.mapi (fun a n -> if a = axis then start, stop, step else 0, n, 1)) t

        /// <summary>Zeros before and after, per axis; negative numbers cut off as many.</summary>
        /// <exception cref="T:System.ArgumentException">There is not a pair for each axis, or more is cut off than there is.</exception>
        let pad (widths: (int * int) seq) (t: Tensor) =
            let widths = Seq.toArray widths

            if widths.Length <> t.Rank then
                Shapes.refuse
                    "pad"
                    $"{t.Signature} has {t.Rank} axes, but {widths.Length} pairs of numbers were given."

            let padded =
                Tensor.Create(
                    Pad(
                        axesOf (Array.map (fst >> max 0) widths),
                        axesOf (Array.map (snd >> max 0) widths),
                        axesOf (Array.create widths.Length 0)
                    ),
                    t
                )

            if widths |> Array.forall (fun (low, high) -> low >= 0 && high >= 0) then
                padded
            else
                widths
                |> Array.mapi (fun axis (low, high) ->
                    let n = padded.Shape[axis]
                    let first, last = max 0 -low, n - max 0 -high

                    if first > last then
                        Shapes.refuse
                            "pad"
                            $"({low}, {high}) cuts off more of {t.Signature} than axis {axis} has."

                    first, last, 1)
                |> fun kept -> slice kept padded

        /// Tensors one after another along an axis they have.
        let concat (axis: int) (tensors: Tensor seq) =
            match Seq.toArray tensors with
            | [| one |] -> one
            | [||] -> Shapes.refuse "concat" "was given no tensors."
            | several -> Tensor.Create(Concatenate(Shapes.axis "concat" several[0].Rank axis), several)

        /// <summary>Cut along an axis into pieces of the sizes given, which add up to its own: the inverse of concat.</summary>
        let split (axis: int) (sizes: int seq) (t: Tensor) : Tensor list =
            let axis = Shapes.axis "split" t.Rank axis
            let sizes = Seq.toList sizes

            if List.exists (fun size -> size < 0) sizes || List.sum sizes <> t.Shape[axis] then
                Shapes.refuse
                    "split"
                    $"the sizes {sizes} do not add up to the {t.Shape[axis]} elements along axis {axis} of {t.Signature}."

            List.scan (+) 0 sizes
            |> List.pairwise
            |> List.map (fun (start, stop) -> sliceAxis axis start stop 1 t)

        /// <summary>Cut along an axis into so many pieces of one size.</summary>
        let chunk (axis: int) (count: int) (t: Tensor) : Tensor list =
            let axis = Shapes.axis "chunk" t.Rank axis

            if count < 1 || t.Shape[axis] % count <> 0 then
                Shapes.refuse
                    "chunk"
                    $"cannot cut the {t.Shape[axis]} elements along axis {axis} of {t.Signature} into {count} pieces of one size."

            split axis (List.replicate count (t.Shape[axis] / count)) t

        /// <summary>The slices along an axis, which they have no more: the inverse of stack.</summary>
        let unstack (axis: int) (t: Tensor) : Tensor list =
            let axis = Shapes.axis "unstack" t.Rank axis
            List.init t.Shape[axis] (fun i -> sliceAxis axis i (i + 1) 1 t |> squeeze [ axis ])

        // Room around a part that is put at the starts given.
        let private around name (starts: int seq) (part: Tensor) (whole: Tensor) =
            let starts = Seq.toArray starts

            if
                part.Rank <> whole.Rank
                || starts.Length <> whole.Rank
                || Seq.exists2
                    (fun start (size: int, room: int) -> start < 0 || start + size > room)
                    starts
                    (Seq.zip part.Shape whole.Shape)
            then
                Shapes.refuse
                    name
                    $"{part.Signature} at {List.ofArray starts} does not lie within {whole.Signature}."

            starts
            |> Array.mapi (fun a start -> start, whole.Shape[a] - start - part.Shape[a])

        /// <summary>A part added to what the whole has from the starts on.</summary>
        let addSlice (starts: int seq) (part: Tensor) (whole: Tensor) : Tensor =
            whole + pad (around "addSlice" starts part whole) part

        /// <summary>A part put in the place of what the whole has from the starts on.</summary>
        let setSlice (starts: int seq) (part: Tensor) (whole: Tensor) : Tensor =
            let widths = around "setSlice" starts part whole

            Tensor.where (pad widths (Tensor.ones DType.Bool part.Shape)) (pad widths part) whole

        /// <summary>Coordinates on a grid: for vectors of lengths n1, n2, ... as many tensors of shape [n1; n2; ...], the i-th of which changes along axis i.</summary>
        let meshgrid (axes: Tensor seq) : Tensor list =
            let axes = Seq.toList axes

            match axes |> List.tryFind (fun axis -> axis.Rank <> 1) with
            | Some other -> Shapes.refuse "meshgrid" $"takes vectors, but was given {other.Signature}."
            | None -> ()

            let shape = axes |> List.map (fun axis -> axis.Shape[0])

            axes
            |> List.mapi (fun i axis ->
                axis
                |> reshape (List.init shape.Length (fun a -> if a = i then shape[i] else 1))
                |> broadcastTo shape)

        /// Tensors of one shape side by side along a new axis.
        let stack (axis: int) (tensors: Tensor seq) =
            match Seq.toList tensors with
            | [] -> Shapes.refuse "stack" "was given no tensors."
            | several -> concat axis (several |> List.map (expandDims axis))

        /// The order of elements reversed along axes.
        let flip (axes: int seq) (t: Tensor) =
            match Shapes.axes "flip" t.Rank axes with
            | [||] -> t
            | axes -> Tensor.Create(Flip(axesOf axes), t)
