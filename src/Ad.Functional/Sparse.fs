namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// <summary>A matrix of which only the elements that may differ from 0 are stored.</summary>
type SparseMatrix =
    {
        /// Rows and columns of the whole.
        Size: int * int
        /// The row of each stored element, ascending.
        Rows: int[]
        /// The column of each stored element, ascending within a row.
        Columns: int[]
        /// The stored elements, one axis.
        Values: Tensor
    }

/// <summary>Derivatives that are mostly zeros: where they are not is found first, and then many columns or rows share one pass.</summary>
[<RequireQualifiedAccess>]
module Sparse =
    /// For each element of a node the sorted numbers of the input's elements that it depends on.
    type private Sets = int[][]

    let private union (a: int[]) (b: int[]) : int[] =
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

    let private numbered (shape: Shape) first =
        Tensor.arange DType.Int32 (int shape.Elements) + first |> Tensor.reshape shape

    let private read (t: Tensor) = Tensor.toArray<int> t

    /// Which output element each input element of a reduction goes into.
    let private spread (axes: Axes) (input: Shape) =
        let kept = input |> Seq.mapi (fun a n -> if axes.Contains a then 1 else n) |> shapeOf
        read (Tensor.broadcastTo input (numbered kept 0))

    let private gathered (count: int64) (into: int[]) (sets: Sets) : Sets =
        let all = Array.create (int count) [||]
        Array.iteri (fun i target -> all[target] <- union all[target] sets[i]) into
        all

    /// Every element depends on what any element of any input does.
    let private dense (step: Step) (sets: Sets option[]) : Sets =
        let all = sets |> Seq.choose id |> Seq.concat |> Seq.fold union [||]
        Array.create (int step.Node.Count) all

    /// Operations that only move elements, by moving their numbers; 0 stands for none.
    let private moved (step: Step) (sets: Sets option[]) : Sets =
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

    let private contracted
        (step: Step)
        (lb: Axes)
        (rb: Axes)
        (ls: Axes)
        (rs: Axes)
        (sets: Sets option[])
        : Sets =
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

    let private through (step: Step) (sets: Sets option[]) : Sets =
        let known = Array.choose id sets
        let only = known[0]

        match step.Node.Op with
        | Variable
        | OnDevice _
        | Cast _ -> only
        | Pointwise _ ->
            match step.Rule with
            | Elementwise partials ->
                Array.zip partials sets
                |> Array.choose (fun (partial, s) ->
                    match s with
                    | Some s ->
                        match partial step.Inputs step.Node with
                        | Partial.Zero -> None
                        | Partial.One
                        | Partial.MinusOne
                        | Partial.Factor _ -> Some s
                    | None -> None)
                |> Array.fold (Array.map2 union) (Array.create (int step.Node.Count) [||])
            | Linear _
            | Multilinear _
            | Rule _
            | Joint _
            | NonDifferentiable -> known |> Array.reduce (Array.map2 union)
        | Reshape _
        | Permute _
        | Broadcast _
        | Slice _
        | Pad _
        | Concatenate _
        | Flip _
        | Take _ -> moved step sets
        | Reduce(_, axes) -> gathered step.Node.Count (spread axes step.Inputs[0].Shape) only
        | CumulativeSum(axis, reverse) ->
            let shape = step.Node.Shape
            let stride = shape |> Seq.skip (axis + 1) |> Seq.fold (*) 1
            let all = Array.copy only

            let order =
                if reverse then
                    [| all.Length - 1 .. -1 .. 0 |]
                else
                    [| 0 .. all.Length - 1 |]

            for i in order do
                let place = i / stride % shape[axis]
                let before = if reverse then i + stride else i - stride

                if (if reverse then place < shape[axis] - 1 else place > 0) then
                    all[i] <- union all[i] all[before]

            all
        | ScatterAdd(axis, batch, _) ->
            let targets = Tensor.Create(Take(axis, batch), numbered step.Node.Shape 0, step.Inputs[0])
            gathered step.Node.Count (read targets) only
        | Contract(lb, rb, ls, rs) -> contracted step lb rb ls rs sets
        // Their results are taken to depend on every element of what varies.
        | Decompose _
        | Solve _
        | Convolve _
        | Window _
        | WindowShare _
        | WindowSpread _
        | Sort _
        | Custom _
        | Control _
        | Data
        | Constant _
        | Iota _
        | Random _
        | StopGradient -> dense step sets

    /// For each element of f x, in order, the sorted numbers of the elements of x that it may depend on: of operation after operation, whatever the numbers
    /// are. What goes through a decomposition, a convolution, a window, a loop, a branch
    /// or a derivative written by hand counts as depending on everything that goes in.
    let pattern (f: Tensor -> Tensor) (x: Tensor) : int[][] =
        Trace.run f x (fun trace ->
            let known = Dictionary<Tensor, Sets>(HashIdentity.Reference)
            known[trace.Variables[0]] <- Array.init (int x.Count) (fun i -> [| i |])

            for step in trace.Steps do
                if not (known.ContainsKey step.Node) then
                    let sets =
                        step.Inputs
                        |> Array.map (fun t ->
                            match known.TryGetValue t with
                            | true, s -> Some s
                            | _ -> None)

                    known[step.Node] <- through step sets

            match known.TryGetValue trace.Outputs[0] with
            | true, s -> s
            | _ -> Array.create (int trace.Outputs[0].Count) [||])

    let private transposed count (rows: int[][]) : int[][] =
        let columns = Array.init count (fun _ -> List<int>())

        rows
        |> Array.iteri (fun r columnsOfRow ->
            for c in columnsOfRow do
                columns[c].Add r)

        columns |> Array.map _.ToArray()

    let private smallest (isForbidden: int -> bool) = Seq.initInfinite id |> Seq.find (isForbidden >> not)

    /// A colour for each column such that no row has two of one colour (Curtis, Powell and Reid 1974).
    let internal colours (count: int) (rows: int[][]) : int[] =
        let columns = transposed count rows
        let colour = Array.create count -1
        let seenBy = Dictionary<int, int>()

        for c in 0 .. count - 1 do
            for r in columns[c] do
                for other in rows[r] do
                    if colour[other] >= 0 then
                        seenBy[colour[other]] <- c

            colour[c] <-
                smallest (fun k ->
                    match seenBy.TryGetValue k with
                    | true, by -> by = c
                    | _ -> false)

        colour

    /// A colour for each vertex of a symmetric pattern such that neighbours differ and no path of four has only two (Coleman and Moré 1984; Gebremedhin,
    /// Manne and Pothen 2005, algorithm 4.1).
    let internal starColours (rows: int[][]) : int[] =
        let colour = Array.create rows.Length -1
        let neighbours v = rows[v] |> Seq.filter (fun w -> w <> v && colour[w] >= 0)

        for v in 0 .. rows.Length - 1 do
            let forbidden = HashSet<int>()
            let near = neighbours v |> Seq.toArray

            let twice =
                near
                |> Array.countBy (fun w -> colour[w])
                |> Array.filter (fun (_, n) -> n > 1)
                |> Array.map fst

            for w in near do
                forbidden.Add colour[w] |> ignore

                for x in neighbours w do
                    if
                        Array.contains colour[w] twice
                        || neighbours x |> Seq.exists (fun y -> y <> w && colour[y] = colour[w])
                    then
                        forbidden.Add colour[x] |> ignore

            colour[v] <- smallest forbidden.Contains

        colour

    let private seed (like: Tensor) (colour: int[]) (k: int) =
        Tensor.ofArray [ colour.Length ] (colour |> Array.map (fun c -> c = k))
        |> Tensor.cast like.DType
        |> Tensor.reshape like.Shape

    let private count (colour: int[]) = if colour.Length = 0 then 0 else Array.max colour + 1

    /// The elements at places (pass, element) of the passes' results.
    let private pick (dtype: DType) (passes: Tensor[]) (places: (int * int)[]) =
        if passes.Length = 0 then
            Tensor.zeros dtype [ 0 ]
        else
            let width = int passes[0].Count
            let all = Tensor.concat 0 (passes |> Array.map Tensor.flatten)

            Tensor.take
                0
                (Tensor.ofArray [ places.Length ] (places |> Array.map (fun (k, i) -> k * width + i)))
                all

    let private entries (rows: int[][]) =
        [| for r in 0 .. rows.Length - 1 do
               for c in rows[r] -> r, c |]

    let private matrix rows columns (places: (int * int)[]) values =
        { Size = rows, columns
          Rows = Array.map fst places
          Columns = Array.map snd places
          Values = values }

    /// <summary>
    /// The Jacobian, elements of f x by elements of x in order, by as few passes as colours are found: columns that no row shares go through forward mode
    /// together, or, where that takes fewer, rows that no column shares through reverse mode.
    /// </summary>
    let jacobian (f: Tensor -> Tensor) (x: Tensor) : SparseMatrix =
        let rows = pattern f x
        let places = entries rows
        let n = int x.Count
        let ofColumns, ofRows = colours n rows, colours rows.Length (transposed n rows)

        if count ofColumns <= count ofRows then
            let _, push = Forward.linearize f x
            let passes = Array.init (count ofColumns) (seed x ofColumns >> push)

            matrix
                rows.Length
                n
                places
                (pick x.DType passes (places |> Array.map (fun (r, c) -> ofColumns[c], r)))
        else
            let y, pull = Reverse.vjp f x
            let passes = Array.init (count ofRows) (seed y ofRows >> pull)

            matrix
                rows.Length
                n
                places
                (pick x.DType passes (places |> Array.map (fun (r, c) -> ofRows[r], c)))

    /// <summary>The Hessian of a function with a scalar result, by as many products as colours are found; its symmetry saves some.</summary>
    let hessian (f: Tensor -> Tensor) (x: Tensor) : SparseMatrix =
        let slope = Reverse.gradient f
        let half = pattern slope x
        let n = int x.Count
        let both = Array.map2 union half (transposed n half)
        let colour = starColours both
        let _, push = Forward.linearize slope x
        let passes = Array.init (count colour) (seed x colour >> push)
        let places = entries both

        let place (r, c) =
            // Where two columns of a colour meet in row r, they do not in row c.
            if both[r] |> Array.exists (fun other -> other <> c && colour[other] = colour[c]) then
                colour[r], c
            else
                colour[c], r

        matrix n n places (pick x.DType passes (Array.map place places))

    /// The whole matrix, zeros included.
    let toDense (m: SparseMatrix) : Tensor =
        let rows, columns = m.Size
        let places = Array.map2 (fun r c -> r * columns + c) m.Rows m.Columns

        Tensor.zeros m.Values.DType [ rows * columns ]
        |> Tensor.scatterAdd 0 (Tensor.ofArray [ places.Length ] places) m.Values
        |> Tensor.reshape [ rows; columns ]
