namespace Ad.Functional

open System
open Ad.Tensors

/// Parameters of attention: what is asked, what is matched, what is given, and how heads are mixed.
type MultiHead =
    { Query: Dense
      Key: Dense
      Value: Dense
      Output: Dense }

/// Parameters of a transformer's block.
type Transformer =
    { BeforeAttention: Affine
      Attention: MultiHead
      BeforeDense: Affine
      Widen: Dense
      Narrow: Dense }

/// Attention (Vaswani et al. 2017).
[<RequireQualifiedAccess>]
module Attention =
    /// softmax(q k' / sqrt d) v over the last two axes [T; d] of each; where a mask is false nothing is given.
    [<CompiledName("ScaledDotProduct")>]
    let scaledDotProduct (mask: Tensor option) (q: Tensor) (k: Tensor) (v: Tensor) : Tensor =
        if q.Rank < 2 || k.Rank < 2 || q.Shape[q.Rank - 1] <> k.Shape[k.Rank - 1] then
            Shapes.refuse
                "attention"
                $"takes queries and keys of one size, but was given {q.Signature} and {k.Signature}."

        let scores = Tensor.matmul q (Tensor.swapAxes -1 -2 k) / Math.Sqrt(float q.Shape[q.Rank - 1])

        let scores =
            match mask with
            | None -> scores
            | Some mask -> Tensor.where mask scores (Tensor.fullLike scores Double.NegativeInfinity)

        Tensor.matmul (Tensor.softmax -1 scores) v

    /// True where the second place is not after the first: [T; T].
    [<CompiledName("Causal")>]
    let causal (length: int) : Tensor =
        let place axis = Tensor.iota DType.Int32 [ length; length ] axis
        Tensor.lessEqual (place 1) (place 0)

    /// Attention of sequences [N; T; size] to themselves, in heads of size / heads each; causal: no place sees later ones.
    [<CompiledName("MultiHead")>]
    let multiHead (dtype: DType) (size: int) (heads: int) (isCausal: bool) : Layer<MultiHead> =
        if heads < 1 || size < 1 || size % heads <> 0 then
            Shapes.refuse "multiHead" $"cannot cut {size} features into {heads} heads."

        let dense = Layer.dense dtype size size

        let init key : Dense =
            { Weights = Initializers.glorotUniform dtype size size key [ size; size ]
              Bias = Tensor.zeros dtype [ size ] }

        { Init =
            fun key ->
                let keys = Ad.Functional.Key.split 4 key

                { Query = init keys[0]
                  Key = init keys[1]
                  Value = init keys[2]
                  Output = init keys[3] }
          Apply =
            fun mode p x ->
                if x.Rank <> 3 || x.Shape[2] <> size then
                    Shapes.refuse "multiHead" $"takes sequences [N; T; {size}], but was given {x.Signature}."

                let n, t = x.Shape[0], x.Shape[1]

                let cut part =
                    dense.Apply mode part x
                    |> Tensor.reshape [ n; t; heads; size / heads ]
                    |> Tensor.swapAxes 1 2

                let mask = if isCausal then Some(causal t) else None

                scaledDotProduct mask (cut p.Query) (cut p.Key) (cut p.Value)
                |> Tensor.swapAxes 1 2
                |> Tensor.reshape [ n; t; size ]
                |> dense.Apply mode p.Output }

    /// A transformer's block, normalized before each part (Xiong et al. 2020): x + attention(norm x), then x + dense(gelu(dense(norm x))), with dropout on
    /// what is added.
    [<CompiledName("Transformer")>]
    let transformer
        (dtype: DType)
        (size: int)
        (heads: int)
        (hidden: int)
        (isCausal: bool)
        (dropRate: float)
        : Layer<Transformer> =
        let norm = Stateful.layerNorm dtype size 1e-5
        let attend = multiHead dtype size heads isCausal
        let widen, narrow = Layer.dense dtype size hidden, Layer.dense dtype hidden size
        let drop = Layer.dropout dropRate

        { Init =
            fun key ->
                let keys = Ad.Functional.Key.split 3 key

                { BeforeAttention = norm.Init key
                  Attention = attend.Init keys[0]
                  BeforeDense = norm.Init key
                  Widen = widen.Init keys[1]
                  Narrow = narrow.Init keys[2] }
          Apply =
            fun mode p x ->
                let modes = Mode.split 2 mode
                let attended = norm.Apply mode p.BeforeAttention x |> attend.Apply mode p.Attention
                let x = x + drop.Apply modes[0] () attended

                let dense =
                    norm.Apply mode p.BeforeDense x
                    |> widen.Apply mode p.Widen
                    |> Tensor.gelu
                    |> narrow.Apply mode p.Narrow

                x + drop.Apply modes[1] () dense }

    /// sin and cos of places times 10000^(-2i / size), side by side: [T; size] (Vaswani et al. 2017, section 3.5, halves instead of turns).
    [<CompiledName("Positions")>]
    let positions (dtype: DType) (length: int) (size: int) : Tensor =
        if size < 2 || size % 2 <> 0 then
            Shapes.refuse "positions" $"takes an even size, but was given {size}."

        let half = size / 2
        let rate = exp (Tensor.iota dtype [ length; half ] 1 * (-Math.Log 10000.0 / float half))
        let angle = Tensor.iota dtype [ length; half ] 0 * rate
        Tensor.concat -1 [ sin angle; cos angle ]
