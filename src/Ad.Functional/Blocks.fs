namespace Ad.Functional

open Ad.Tensors

/// Parameters of an autoencoder whose decoder is its encoder's transpose.
type Tied =
    { Weights: Tensor
      Hidden: Tensor
      Visible: Tensor }

/// Layers made of layers, and layers that add noise.
[<RequireQualifiedAccess>]
module Block =
    let private within name (rate: float) =
        if not (rate >= 0.0 && rate < 1.0) then
            Shapes.refuse name $"the rate {rate} is not in [0, 1)."

    /// <summary>
    /// In training, each element is 0 with a probability; otherwise each is multiplied by the probability to stay (Hinton et al. 2012).
    /// <c>Layer.dropout</c> scales in training instead.
    /// </summary>
    [<CompiledName("DropoutUnscaled")>]
    let dropoutUnscaled (rate: float) : Layer<unit> =
        within "dropoutUnscaled" rate

        { Init = fun _ -> ()
          Apply =
            fun mode () x ->
                match mode with
                | Training key ->
                    Tensor.where (Random.bernoulli (1.0 - rate) key x.Shape) x (Tensor.zerosLike x)
                | Inference -> x * (1.0 - rate) }

    /// A dense layer whose weights, not values, are 0 with a probability in training, the rest divided by the probability to stay (Wan et al. 2013).
    [<CompiledName("DropConnect")>]
    let dropConnect (dtype: DType) (rate: float) (inputs: int) (outputs: int) : Layer<Dense> =
        within "dropConnect" rate
        let layer = Layer.dense dtype inputs outputs
        let drop = Layer.dropout rate

        { Init = layer.Init
          Apply =
            fun mode p x ->
                layer.Apply
                    mode
                    { p with
                        Weights = drop.Apply mode () p.Weights }
                    x }

    /// In training, normal noise of a standard deviation is added to each element; the identity otherwise.
    [<CompiledName("Noise")>]
    let noise (deviation: float) : Layer<unit> =
        { Init = fun _ -> ()
          Apply =
            fun mode () x ->
                match mode with
                | Training key -> x + deviation * Random.normalOf x.DType key x.Shape
                | Inference -> x }

    /// In training, normal noise of a standard deviation is added to each parameter; the layer itself otherwise.
    [<CompiledName("WeightNoise")>]
    let weightNoise (deviation: float) (layer: Layer<'P>) : Layer<'P> =
        { Init = layer.Init
          Apply =
            fun mode p x ->
                match mode with
                | Inference -> layer.Apply mode p x
                | Training key ->
                    let keys = Key.split 2 key
                    let leaves = Tree.leaves p

                    let noisy =
                        Array.map2
                            (fun (t: Tensor) key -> t + deviation * Random.normalOf t.DType key t.Shape)
                            leaves
                            (Key.split leaves.Length keys[0])

                    layer.Apply (Training keys[1]) (Tree.withLeaves noisy p) x }

    /// The rows of a table of words, at the places that the input's whole numbers name; standard normal at first.
    [<CompiledName("Embedding")>]
    let embedding (dtype: DType) (words: int) (size: int) : Layer<Tensor> =
        { Init = fun key -> Random.normalOf dtype key [ words; size ]
          Apply = fun _ table x -> Tensor.take 0 x table }

    /// The largest of so many affine functions for each output (Goodfellow et al. 2013).
    [<CompiledName("Maxout")>]
    let maxout (dtype: DType) (pieces: int) (inputs: int) (outputs: int) : Layer<Dense> =
        Layer.dense dtype inputs (outputs * pieces)
        |> Layer.map (Activations.maxout pieces)

    /// x + f(x) (He et al. 2016).
    [<CompiledName("Residual")>]
    let residual (layer: Layer<'P>) : Layer<'P> =
        { Init = layer.Init
          Apply = fun mode p x -> x + layer.Apply mode p x }

    /// The results of layers of one kind, all applied to the same input, side by side along an axis (the inception module of Szegedy et al. 2015).
    [<CompiledName("SideBySide")>]
    let sideBySide (axis: int) (layers: Layer<'P> seq) : Layer<'P[]> =
        let layers = Array.ofSeq layers

        { Init =
            fun key ->
                Array.map2 (fun (layer: Layer<'P>) key -> layer.Init key) layers (Key.split layers.Length key)
          Apply =
            fun mode parameters x ->
                if parameters.Length <> layers.Length then
                    Shapes.refuse
                        "sideBySide"
                        $"there are {layers.Length} layers, but parameters for {parameters.Length}."

                Array.map3
                    (fun (layer: Layer<'P>) mode p -> layer.Apply mode p x)
                    layers
                    (Mode.split layers.Length mode)
                    parameters
                |> Tensor.concat axis }

    /// activation(x W + b): the hidden values of an autoencoder.
    [<CompiledName("Encode")>]
    let encode (activation: Tensor -> Tensor) (p: Tied) (x: Tensor) : Tensor =
        activation (Tensor.matmul x p.Weights + p.Hidden)

    /// h W' + c: the visible values that hidden ones stand for.
    [<CompiledName("Decode")>]
    let decode (p: Tied) (h: Tensor) : Tensor = Tensor.matmul h (Tensor.transpose p.Weights) + p.Visible

    /// The decoder applied to the encoder, both with the same weights (Vincent et al. 2010).
    [<CompiledName("Autoencoder")>]
    let autoencoder (dtype: DType) (activation: Tensor -> Tensor) (inputs: int) (hidden: int) : Layer<Tied> =
        { Init =
            fun key ->
                { Weights = Initializers.glorotUniform dtype inputs hidden key [ inputs; hidden ]
                  Hidden = Tensor.zeros dtype [ hidden ]
                  Visible = Tensor.zeros dtype [ inputs ] }
          Apply = fun _ p x -> decode p (encode activation p x) }
