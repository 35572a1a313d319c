namespace Ad.Functional

open Ad.Tensors

/// What a layer is applied for.
type Mode =
    /// Prediction: no randomness.
    | Inference
    /// Training, with a key for whatever is random.
    | Training of Key: Key

/// A layer is a value: how to make its parameters, a tree, and how to apply it.
type Layer<'P> =
    { Init: Key -> 'P
      Apply: Mode -> 'P -> Tensor -> Tensor }

/// Parameters of a dense layer: weights (inputs by outputs) and one bias an output.
type Dense = { Weights: Tensor; Bias: Tensor }

/// Layers and their composition.
[<RequireQualifiedAccess>]
module Layer =
    /// A function as a layer without parameters.
    [<CompiledName("OfFunction")>]
    let ofFunction (f: Tensor -> Tensor) : Layer<unit> =
        { Init = fun _ -> ()
          Apply = fun _ () x -> f x }

    /// x W + b, with weights initialized after He (2015) and biases 0.
    [<CompiledName("Dense")>]
    let dense (dtype: DType) (inputs: int) (outputs: int) : Layer<Dense> =
        if inputs < 1 || outputs < 1 then
            Shapes.refuse
                "dense"
                $"takes at least one input and one output, but was given {inputs} and {outputs}."

        { Init =
            fun key ->
                { Weights = Initializers.heNormal dtype inputs key [ inputs; outputs ]
                  Bias = Tensor.zeros dtype [ outputs ] }
          Apply = fun _ p x -> Tensor.matmul x p.Weights + p.Bias }

    /// In training, each element is 0 with a probability and else divided by the probability to stay, so that the expectation is kept; the
    /// identity otherwise (Srivastava et al. 2014).
    [<CompiledName("Dropout")>]
    let dropout (rate: float) : Layer<unit> =
        if not (rate >= 0.0 && rate < 1.0) then
            Shapes.refuse "dropout" $"the rate {rate} is not in [0, 1)."

        { Init = fun _ -> ()
          Apply =
            fun mode () x ->
                match mode with
                | Training key when rate > 0.0 ->
                    Tensor.where
                        (Random.bernoulli (1.0 - rate) key x.Shape)
                        (x / (1.0 - rate))
                        (Tensor.zerosLike x)
                | Training _
                | Inference -> x }

    /// Modes for two parts of a layer: their randomness is unrelated.
    let private split mode =
        match mode with
        | Inference -> Inference, Inference
        | Training key ->
            let keys = Key.split 2 key
            Training keys[0], Training keys[1]

    /// The second applied to the result of the first.
    [<CompiledName("Compose")>]
    let compose (first: Layer<'P>) (second: Layer<'Q>) : Layer<'P * 'Q> =
        { Init =
            fun key ->
                let keys = Key.split 2 key
                first.Init keys[0], second.Init keys[1]
          Apply =
            fun mode (p, q) x ->
                let m, n = split mode
                second.Apply n q (first.Apply m p x) }

    /// Layers of one kind, one after another.
    [<CompiledName("Sequence")>]
    let sequence (layers: Layer<'P> seq) : Layer<'P[]> =
        let layers = Array.ofSeq layers

        let modes mode =
            match mode with
            | Inference -> Array.create layers.Length Inference
            | Training key -> Key.split layers.Length key |> Array.map Training

        { Init = fun key -> Array.map2 (fun layer key -> layer.Init key) layers (Key.split layers.Length key)
          Apply =
            fun mode parameters x ->
                if parameters.Length <> layers.Length then
                    Shapes.refuse
                        "sequence"
                        $"there are {layers.Length} layers, but parameters for {parameters.Length}."

                Array.zip3 layers (modes mode) parameters
                |> Array.fold (fun x (layer, mode, p) -> layer.Apply mode p x) x }

    /// The layer with a function applied to its result.
    [<CompiledName("Map")>]
    let map (f: Tensor -> Tensor) (layer: Layer<'P>) : Layer<'P> =
        { layer with
            Apply = fun mode p x -> f (layer.Apply mode p x) }

    /// A multilayer perceptron: dense layers of these widths, an activation and dropout after each but the last.
    [<CompiledName("Perceptron")>]
    let perceptron
        (dtype: DType)
        (activation: Tensor -> Tensor)
        (dropRate: float)
        (widths: int seq)
        : Layer<Dense[]> =
        let widths = List.ofSeq widths

        if widths.Length < 2 then
            Shapes.refuse "perceptron" "takes at least two widths, of its input and its output."

        let drop = dropout dropRate

        let hidden (layer: Layer<Dense>) =
            { layer with
                Apply =
                    fun mode p x ->
                        let m, n = split mode
                        drop.Apply n () (activation (layer.Apply m p x)) }

        let layers = widths |> List.pairwise |> List.map (fun (i, o) -> dense dtype i o)
        let last = layers.Length - 1
        sequence (layers |> List.mapi (fun i layer -> if i < last then hidden layer else layer))

/// Composes layers.
[<AutoOpen>]
module LayerOperators =
    /// The second layer applied to the result of the first.
    let (-->) (first: Layer<'P>) (second: Layer<'Q>) : Layer<'P * 'Q> = Layer.compose first second
