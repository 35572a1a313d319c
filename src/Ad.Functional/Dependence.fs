namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// What the elements of one operation's result depend on, of what its inputs' do.
module internal Dependence =
    /// For each element of a node the sorted numbers of the input's elements that it depends on.
    type Sets = int[][]

    let union (a: int[]) (b: int[]) : int[] =
        if a.Length = 0 || obj.ReferenceEquals(a, b) then
            b
        elif b.Length = 0 then
            a
        else
            let merged = List<int>(a.Length + b.Length)
            let mutable i, j = 0, 0

            while i < a.Length || j < b.Length do
                if j = b.Length || (i < a.Length && a[i] < b[j]) then
                    merged.Add a[i]
                    i <- i + 1
                else
                    if i < a.Length && a[i] = b[j] then
                        i <- i + 1

                    merged.Add b[j]
                    j <- j + 1

            if merged.Count = a.Length then a
            elif merged.Count = b.Length then b
            else merged.ToArray()

    let numbered (shape: Shape) first =
        Tensor.arange DType.Int32 (int shape.Elements) + first |> Tensor.reshape shape

    let read (t: Tensor) = Tensor.toArray<int> t

    /// Which output element each input element of a reduction goes into.
    let spread (axes: Axes) (input: Shape) =
        let kept = input |> Seq.mapi (fun a n -> if axes.Contains a then 1 else n) |> shapeOf
        read (Tensor.broadcastTo input (numbered kept 0))

    let gathered (count: int64) (into: int[]) (sets: Sets) : Sets =
        let all = Array.create (int count) [||]
        Array.iteri (fun i target -> all[target] <- union all[target] sets[i]) into
        all

    /// Every element depends on what any element of any input does.
    let dense (step: Step) (sets: Sets option[]) : Sets =
        let all = sets |> Seq.choose id |> Seq.concat |> Seq.fold union [||]
        Array.create (int step.Node.Count) all

    /// Operations that only move elements, by moving their numbers; 0 stands for none.
    let moved (step: Step) (sets: Sets option[]) : Sets =
        let starts =
            step.Inputs
            |> Array.scan (fun at t -> at + (if t.DType.IsFloat() then int t.Count else 0)) 1

        let places =
            step.Inputs
            |> Array.mapi (fun i t -> if t.DType.IsFloat() then numbered t.Shape starts[i] else t)

        let sources =
            Array.append
                [| [||] |]
                (Array.zip step.Inputs sets
                 |> Array.collect (fun (t, s) ->
                     match s with
                     | Some s -> s
                     | None when t.DType.IsFloat() -> Array.create (int t.Count) [||]
                     | None -> [||]))

        read (Tensor.Create(step.Node.Op, places))
        |> Array.map (fun place -> sources[place])

    let contracted (step: Step) (lb: Axes) (rb: Axes) (ls: Axes) (rs: Axes) (sets: Sets option[]) : Sets =
        // An output of the free and batch elements of a side: its number, spread over the side's summed axes.
        let side (t: Tensor) (mine: Axes) (summed: Axes) (isLeft: bool) (set: Sets) : Sets =
            let shape = step.Node.Shape

            let free =
                Seq.init t.Rank id
                |> Seq.filter (fun a -> not (mine.Contains a || summed.Contains a))
                |> Seq.toArray

            let first = if isLeft then mine.Count else shape.Rank - free.Length
            let order = Array.concat [ mine.ToArray(); free; summed.ToArray() ]

            let kept =
                Array.append
                    (Array.init mine.Count (fun a -> shape[a]))
                    (Array.init free.Length (fun a -> shape[first + a]))

            let places = Tensor.permute order (numbered t.Shape 0)
            let rows = kept |> Array.fold (*) 1
            let per = if rows = 0 then 0 else int t.Count / rows
            let ids = read (Tensor.identity places)

            let joined =
                Array.init rows (fun r ->
                    Seq.init per (fun k -> set[ids[r * per + k]]) |> Seq.fold union [||])

            let others =
                shape
                |> Seq.mapi (fun a n ->
                    if a < mine.Count || (a >= first && a < first + free.Length) then
                        n
                    else
                        1)

            read (Tensor.broadcastTo shape (Tensor.reshape others (numbered (shapeOf kept) 0)))
            |> Array.map (fun r -> joined[r])

        [ sets[0] |> Option.map (side step.Inputs[0] lb ls true)
          sets[1] |> Option.map (side step.Inputs[1] rb rs false) ]
        |> List.choose id
        |> List.reduce (Array.map2 union)

    /// Along one axis the elements in the window at a position, and where in the window they stand.
    let private along (w: Windows) a size position =
        [| for k in 0 .. w.Sizes[a] - 1 do
               let place = position * w.Strides[a] + k * w.Dilation[a] - w.Low[a]

               if
                   place >= 0
                   && place % w.InputDilation[a] = 0
                   && place / w.InputDilation[a] < size
               then
                   place / w.InputDilation[a], k |]

    /// For each position of windows over several axes, the numbers of the elements there and of their places in the window.
    let private overAxes (w: Windows) (positions: Axes) (sizes: int[]) : (int * int)[][] =
        let mutable all = [| [| 0, 0 |] |]

        for a in 0 .. w.Count - 1 do
            let axis = Array.init positions[a] (along w a sizes[a])

            all <-
                all
                |> Array.collect (fun before ->
                    axis
                    |> Array.map (fun here ->
                        [| for element, place in before do
                               for i, k in here do
                                   element * sizes[a] + i, place * w.Sizes[a] + k |]))

        all

    /// For each position of windows over the last axes of a tensor, the numbers of the elements there.
    let places (w: Windows) (positions: Axes) (input: Tensor) : int[] seq =
        let sizes = Seq.skip (input.Rank - w.Count) input.Shape |> Seq.toArray
        let inside = Array.fold (*) 1 sizes
        let rows = if inside = 0 then 0 else int input.Count / inside
        let one = overAxes w positions sizes

        seq {
            for row in 0 .. rows - 1 do
                for position in one do
                    Array.map (fun (i, _) -> row * inside + i) position
        }

    let windowed (places: int[] seq) (count: int64) (sets: Sets) : Sets =
        let all = Array.create (int count) [||]

        places
        |> Seq.iteri (fun position elements ->
            all[position] <- elements |> Seq.map (fun i -> sets[i]) |> Seq.fold union [||])

        all

    let spatial (t: Tensor) = t.Shape |> Seq.skip 3 |> axesOf

    /// Images [N, G, C, ...] by kernels [G, O, C, ...] to [N, G, O, ...]: an element depends on its window in all channels of its group.
    let convolved (step: Step) (w: Windows) (sets: Sets option[]) : Sets =
        let image, kernel, result = step.Inputs[0], step.Inputs[1], step.Node
        let sizes = spatial image
        let here = overAxes w (spatial result) (sizes.ToArray())
        let product (axes: Axes) = axes.ToArray() |> Array.fold (*) 1
        let inside, taps = product sizes, product (spatial kernel)
        let groups, channels, outputs = image.Shape[1], image.Shape[2], kernel.Shape[1]

        [| for n in 0 .. image.Shape[0] - 1 do
               for g in 0 .. groups - 1 do
                   for o in 0 .. outputs - 1 do
                       for position in here do
                           let mutable all: int[] = [||]

                           for c in 0 .. channels - 1 do
                               for i, k in position do
                                   match sets[0] with
                                   | Some s ->
                                       all <- union all s[((n * groups + g) * channels + c) * inside + i]
                                   | None -> ()

                                   match sets[1] with
                                   | Some s ->
                                       all <- union all s[((g * outputs + o) * channels + c) * taps + k]
                                   | None -> ()

                           all |]

    /// Everything of a matrix depends on all of the matrix that it comes from, one for each index of the leading axes.
    let matrices (step: Step) (sets: Sets option[]) : Sets =
        let sizeOf (t: Tensor) = t.Shape[t.Rank - 2] * t.Shape[t.Rank - 1]
        let size = sizeOf step.Node
        let all = Array.create (int step.Node.Count) [||]

        Array.zip step.Inputs[.. sets.Length - 1] sets
        |> Array.iter (fun (input, s) ->
            match s with
            | Some s when all.Length > 0 ->
                let own = sizeOf input

                let ofMatrix =
                    Array.init (all.Length / size) (fun b ->
                        Seq.init own (fun i -> s[b * own + i]) |> Seq.fold union [||])

                all |> Array.iteri (fun i _ -> all[i] <- union all[i] ofMatrix[i / size])
            | _ -> ())

        all

    /// A column of a solution depends on all of its matrix and on its own column of the right side.
    let solved (step: Step) (sets: Sets option[]) : Sets =
        let ofMatrix = matrices step [| sets[0] |]

        match sets[1] with
        | None -> ofMatrix
        | Some s ->
            let columns = step.Node.Shape[step.Node.Rank - 1]
            let rows = step.Node.Shape[step.Node.Rank - 2]

            ofMatrix
            |> Array.mapi (fun i own ->
                let first = i / (rows * columns) * rows * columns + i % columns

                Seq.init rows (fun r -> s[first + r * columns]) |> Seq.fold union own)
