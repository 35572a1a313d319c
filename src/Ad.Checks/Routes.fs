namespace Ad.Checks

open System
open Ad.Functional
open Ad.Tensors

/// <summary>Where the elements of results come from, read off the definitions of operations: none of the engine's code takes part.</summary>
[<RequireQualifiedAccess>]
module internal Routes =
    let private sizes (t: Tensor) = t.Shape.Sizes.ToArray()

    /// All indices of a shape, in row-major order.
    let private places (shape: int[]) : int[] seq =
        Seq.init (Array.fold (*) 1 shape) (fun offset ->
            let index = Array.zeroCreate shape.Length
            let mutable rest = offset

            for a in shape.Length - 1 .. -1 .. 0 do
                index[a] <- rest % shape[a]
                rest <- rest / shape[a]

            index)

    let private offset (shape: int[]) (index: int[]) =
        Array.fold2 (fun sum size i -> sum * size + i) 0 shape index

    /// For every result element, the source that a map of indices gives.
    let private gathered (source: int[]) (result: int[]) (map: int[] -> int[]) =
        places result
        |> Seq.mapi (fun r index -> struct (r, 0, offset source (map index)))
        |> Array.ofSeq

    /// For every source element, the result that a map of indices gives.
    let private spread k (source: int[]) (result: int[]) (map: int[] -> int[]) =
        places source
        |> Seq.mapi (fun s index -> struct (offset result (map index), k, s))
        |> Array.ofSeq

    let private positions (t: Tensor) : int[] = (Tensor.cast Int32 t).ToArray<int>()

    /// Of an index of what Take gives, that of the element that it reads: along an axis of so many elements after so many batch axes.
    let private taken axis batch size (indices: Tensor) : int[] -> int[] =
        let shape, at = sizes indices, positions indices
        let many = shape.Length - batch

        fun index ->
            let picked = Array.append index[.. batch - 1] index[axis .. axis + many - 1]
            let i = at[offset shape picked]
            let i = if i < 0 then i + size else i
            Array.concat [ index[.. axis - 1]; [| i |]; index[axis + many ..] ]

    /// Places q of windows p with elements i: i inputDilation = p stride + q dilation - low, along one axis.
    let private hits size window stride low inputDilation dilation p =
        [ for q in 0 .. window - 1 do
              let at = p * stride + q * dilation - low

              if at >= 0 && at % inputDilation = 0 && at / inputDilation < size then
                  struct (q, at / inputDilation) ]

    /// All combinations, one of each list.
    let rec private product (lists: 'a list list) : 'a list list =
        match lists with
        | [] -> [ [] ]
        | first :: rest ->
            let rest = product rest

            [ for a in first do
                  for others in rest -> a :: others ]

    /// For windows over the last axes: the result's elements and the sources in their windows.
    let windows (windows: Windows) (x: Tensor) (y: Tensor) =
        let source, result = sizes x, sizes y
        let first = source.Length - windows.Count

        [| for r, index in Seq.indexed (places result) do
               let along =
                   List.init windows.Count (fun a ->
                       hits
                           source[first + a]
                           windows.Sizes[a]
                           windows.Strides[a]
                           windows.Low[a]
                           windows.InputDilation[a]
                           windows.Dilation[a]
                           index[first + a])

               for at in product along do
                   let inner = at |> List.map (fun struct (_, i) -> i) |> Array.ofList
                   struct (r, 0, offset source (Array.append index[.. first - 1] inner)) |]

    /// For a reduction over axes: the result's elements and the sources that they combine.
    let reduced (axes: Axes) (x: Tensor) (y: Tensor) =
        let kept =
            [| for a in 0 .. x.Rank - 1 do
                   if not (axes.Contains a) then
                       a |]

        spread 0 (sizes x) (sizes y) (fun index -> kept |> Array.map (fun a -> index[a]))

    /// For an operation whose results are sums of elements of its float inputs: result, input and source of every term. None for all others.
    let linear (op: Op) (x: Tensor[]) (y: Tensor) : struct (int * int * int)[] option =
        let result = sizes y
        let source = if x.Length = 0 then [||] else sizes x[0]

        match op with
        | Variable
        | Custom _
        | StopGradient
        | OnDevice _
        | Reshape _ -> Some(Array.init (int y.Count) (fun i -> struct (i, 0, i)))
        | Cast _ when x[0].DType = y.DType -> Some(Array.init (int y.Count) (fun i -> struct (i, 0, i)))
        | Reduce(Reduction.Sum, axes) -> Some(reduced axes x[0] y)
        | CumulativeSum(axis, reverse) ->
            [| for r, index in Seq.indexed (places result) do
                   for i in
                       (if reverse then
                            [ index[axis] .. result[axis] - 1 ]
                        else
                            [ 0 .. index[axis] ]) do
                       struct (r, 0, offset source (Array.updateAt axis i index)) |]
            |> Some
        | Permute axes ->
            let order = axes.ToArray()
            Some(spread 0 source result (fun index -> order |> Array.map (fun a -> index[a])))
        | Broadcast _ ->
            let added = result.Length - source.Length

            gathered source result (fun index ->
                Array.init source.Length (fun a -> if source[a] = 1 then 0 else index[a + added]))
            |> Some
        | Slice(starts, _, steps) ->
            Some(gathered source result (Array.mapi (fun a i -> starts[a] + i * steps[a])))
        | Pad(low, _, interior) ->
            Some(spread 0 source result (Array.mapi (fun a i -> low[a] + i * (interior[a] + 1))))
        | Concatenate axis ->
            let starts = x |> Array.scan (fun sum t -> sum + t.Shape[axis]) 0

            Array.init x.Length (fun k ->
                spread k (sizes x[k]) result (fun index ->
                    Array.updateAt axis (index[axis] + starts[k]) index))
            |> Array.concat
            |> Some
        | Flip axes ->
            gathered source result (Array.mapi (fun a i -> if axes.Contains a then source[a] - 1 - i else i))
            |> Some
        | Take(axis, batch) -> Some(gathered source result (taken axis batch source[axis] x[1]))
        | ScatterAdd(axis, batch, size) -> Some(spread 1 (sizes x[1]) result (taken axis batch size x[0]))
        | Window(Reduction.Sum, _, w) -> Some(windows w x[0] y)
        | Data
        | Constant _
        | Iota _
        | Random _
        | Pointwise _
        | Cast _
        | Reduce _
        | Contract _
        | Decompose _
        | Solve _
        | Convolve _
        | Window _
        | Sort _
        | WindowShare _
        | WindowSpread _
        | Control _ -> None

    let private contracted (lb: Axes) (rb: Axes) (ls: Axes) (rs: Axes) (left: Tensor) (right: Tensor) y =
        let a, b = sizes left, sizes right

        let free (shape: int[]) (batch: Axes) (summed: Axes) =
            [| for i in 0 .. shape.Length - 1 do
                   if not (batch.Contains i || summed.Contains i) then
                       i |]

        let mine, others = free a lb ls, free b rb rs
        let depth = Array.init ls.Count (fun k -> a[ls[k]])

        [| for r, index in Seq.indexed (places (sizes y)) do
               for sum in places depth do
                   let i, j = Array.zeroCreate a.Length, Array.zeroCreate b.Length

                   for k in 0 .. lb.Count - 1 do
                       i[lb[k]] <- index[k]
                       j[rb[k]] <- index[k]

                   mine |> Array.iteri (fun k axis -> i[axis] <- index[lb.Count + k])

                   others
                   |> Array.iteri (fun k axis -> j[axis] <- index[lb.Count + mine.Length + k])

                   for k in 0 .. ls.Count - 1 do
                       i[ls[k]] <- sum[k]
                       j[rs[k]] <- sum[k]

                   struct (r, offset a i, offset b j) |]

    let private convolved (strides: Axes) (low: Axes) (inputDilation: Axes) (dilation: Axes) image kernel y =
        let a, b = sizes image, sizes kernel

        [| for r, index in Seq.indexed (places (sizes y)) do
               let along =
                   List.init low.Count (fun s ->
                       hits a[s + 3] b[s + 3] strides[s] low[s] inputDilation[s] dilation[s] index[s + 3])

               for at in product along do
                   let q = at |> List.map (fun struct (q, _) -> q) |> Array.ofList
                   let i = at |> List.map (fun struct (_, i) -> i) |> Array.ofList

                   for c in 0 .. a[2] - 1 do
                       let x = offset a (Array.append [| index[0]; index[1]; c |] i)
                       let k = offset b (Array.append [| index[1]; index[2]; c |] q)
                       struct (r, x, k) |]

    /// For an operation whose results are sums of products of its two inputs' elements: result and both factors of every term. None for all others.
    let bilinear (op: Op) (x: Tensor[]) (y: Tensor) : struct (int * int * int)[] option =
        match op with
        | Contract(lb, rb, ls, rs) -> Some(contracted lb rb ls rs x[0] x[1] y)
        | Convolve(_, strides, low, inputDilation, dilation) ->
            Some(convolved strides low inputDilation dilation x[0] x[1] y)
        | Variable
        | Custom _
        | Data
        | Constant _
        | Iota _
        | Random _
        | Pointwise _
        | Cast _
        | StopGradient
        | OnDevice _
        | Reduce _
        | CumulativeSum _
        | Reshape _
        | Permute _
        | Broadcast _
        | Slice _
        | Pad _
        | Concatenate _
        | Flip _
        | Take _
        | ScatterAdd _
        | Decompose _
        | Solve _
        | Window _
        | Sort _
        | WindowShare _
        | WindowSpread _
        | Control _ -> None
