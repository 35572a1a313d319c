/// What PyTorch's reductions, arrangements and indexing are here.
module Properties.PublishedArrays

open Ad.Functional
open Properties.PublishedRows

let private x (a: Arguments) = a.Tensor "input"
let private unary f (a: Arguments) : Tensor list = [ f (x a) ]

/// Axes counted from the start; all where none are given.
let private axes (a: Arguments) =
    let rank = (x a).Rank

    match a.Ints "dim" with
    | [] -> [ 0 .. rank - 1 ]
    | given -> given |> List.map (fun axis -> if axis < 0 then axis + rank else axis)

/// Over axes, which stay with size 1 if asked for.
let private over (reduce: int list -> Tensor -> Tensor) (a: Arguments) : Tensor =
    let axes = axes a
    let r = reduce axes (x a)

    if a.Is "keepdim" then
        List.fold (fun r axis -> Tensor.expandDims axis r) r (List.sort axes)
    else
        r

let private reduced reduce (a: Arguments) = [ over (fun axes -> reduce (Seq.ofList axes)) a ]

let private spread deviation (a: Arguments) =
    let isUnbiased = a.Float("unbiased", 1.0) <> 0.0

    let variance =
        over
            (fun axes ->
                (if isUnbiased then
                     Stats.varianceOver
                 else
                     Tensor.varianceOver)
                    axes)
            a

    if deviation then sqrt variance else variance

let private along f (a: Arguments) : Tensor list = [ f (a.Int("dim", -1)) (x a) ]
let private isTrue (t: Tensor) = Tensor.notEqual t (Tensor.zerosLike t)
let private dim (a: Arguments) = a.Int("dim", 0)

/// By the published name.
let table: (string * (Arguments -> Tensor list)) list =
    [ "sum", reduced Tensor.sumOver
      "mean", reduced Tensor.meanOver
      "prod", reduced Tensor.prodOver
      "amax", reduced Tensor.maxOver
      "amin", reduced Tensor.minOver
      "logsumexp", reduced Tensor.logSumExpOver
      "argmax", reduced Tensor.argmaxOver
      "argmin", reduced Tensor.argminOver
      "all", reduced (fun axes t -> Tensor.allOver axes (isTrue t))
      "any", reduced (fun axes t -> Tensor.anyOver axes (isTrue t))
      "count_nonzero", reduced (fun axes t -> Tensor.sumOver axes (isTrue t))
      "var", (fun a -> [ spread false a ])
      "std", (fun a -> [ spread true a ])
      "std_mean", (fun a -> [ spread true a; over (fun axes -> Tensor.meanOver axes) a ])
      "linalg.vector_norm", (fun a -> [ over (fun axes -> Stats.norm (a.Float("ord", 2.0)) axes) a ])
      "cumsum", along Tensor.cumsum
      "cumprod", along Tensor.cumprod
      "cummax", along Tensor.cummax
      "cummin", along Tensor.cummin
      "logcumsumexp", along Stats.logCumSumExp
      "softmax", along Tensor.softmax
      "log_softmax", along Tensor.logSoftmax
      "sort", along (fun axis t -> Ordering.sort axis t)
      "argsort", along Ordering.argsort
      "topk", (fun a -> [ fst (Ordering.topK (a.Int("dim", -1)) (a.Int("k", 1)) (x a)) ])
      "broadcast_to", (fun a -> [ Tensor.broadcastTo (a.Ints "shape") (x a) ])
      "reshape", (fun a -> [ Tensor.reshape (a.Ints "shape") (x a) ])
      "flip", (fun a -> [ Tensor.flip (a.Ints "dims") (x a) ])
      "permute", (fun a -> [ Tensor.permute (a.Ints "dims") (x a) ])
      "transpose", (fun a -> [ Tensor.swapAxes (a.Int("dim0", 0)) (a.Int("dim1", 0)) (x a) ])
      "movedim", (fun a -> [ Tensor.moveAxis (a.Int("source", 0)) (a.Int("destination", 0)) (x a) ])
      "ravel", unary Tensor.flatten
      "unsqueeze", (fun a -> [ Tensor.expandDims (dim a) (x a) ])
      "repeat", (fun a -> [ Tensor.tile (a.Ints "reps") (x a) ])
      "tile", (fun a -> [ Tensor.tile (a.Ints "reps") (x a) ])
      "linalg.cross", (fun a -> [ Tensor.cross (a.Int("dim", -1)) (x a) (a.Tensor "other") ])
      "roll",
      (fun a -> [ List.fold2 (fun t n d -> Tensor.roll d n t) (x a) (a.Ints "shifts") (a.Ints "dims") ])
      "cat", (fun a -> [ Tensor.concat (dim a) (a.All "input") ])
      "stack", (fun a -> [ Tensor.stack (dim a) (a.All "input") ])
      "split_with_sizes", (fun a -> Tensor.split (dim a) (a.Ints "sizes") (x a))
      "unbind", (fun a -> Tensor.unstack (dim a) (x a))
      "meshgrid", (fun a -> Tensor.meshgrid (a.All "input"))
      "triu", (fun a -> [ Linalg.triu (a.Int("k", 0)) (x a) ])
      "tril", (fun a -> [ Linalg.tril (a.Int("k", 0)) (x a) ])
      "diagonal", (fun a -> [ Linalg.diagonalAt (a.Int("offset", 0)) (x a) ])
      "gather", (fun a -> [ Tensor.takeAlong (dim a) (a.Tensor "index") (x a) ])
      "take_along_dim", (fun a -> [ Tensor.takeAlong (dim a) (a.Tensor "index") (x a) ])
      "index_select", (fun a -> [ Tensor.take (dim a) (a.Tensor "index") (x a) ])
      "index_add",
      (fun a ->
          let source = a.Float("alpha", 1.0) * a.Tensor "source"
          [ Tensor.scatterAdd (dim a) (a.Tensor "index") source (x a) ])
      "masked_select", (fun a -> [ Ordering.masked (a.Tensor "mask") (x a) ])
      "searchsorted", (fun a -> [ Ordering.searchSorted (a.Is "right") (x a) (a.Tensor "values") ])
      "constant_pad_nd",
      (fun a ->
          // Pairs from the last axis on.
          let pairs = a.Ints "pad" |> List.chunkBySize 2 |> List.map (fun p -> p[0], p[1]) |> List.rev
          [ Tensor.pad (List.replicate ((x a).Rank - pairs.Length) (0, 0) @ pairs) (x a) ]) ]
