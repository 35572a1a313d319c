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
    /// For each element of f x, in order, the sorted numbers of the elements of x that it may depend on: of operation after operation, whatever the numbers
    /// are. Scans are followed step by step, other loops until what a state may depend on grows no more, of a branch both sides; what goes through a
    /// derivative written by hand counts as depending on everything that goes in, what comes of a decomposition on all of its matrix.
    let pattern (f: Tensor -> Tensor) (x: Tensor) : int[][] = Sparsity.find f x

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
        let both = Array.map2 Dependence.union half (transposed n half)
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
