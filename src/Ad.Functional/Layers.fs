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

/// Parameters of a convolution: its kernel, and one bias a channel of the result.
type Convolution = { Kernel: Tensor; Bias: Tensor }

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

    let private positive name (inputs: int) (outputs: int) (window: int list) groups =
        if
            inputs < 1
            || outputs < 1
            || window.IsEmpty
            || List.exists (fun n -> n < 1) window
            || groups < 1
            || inputs % groups <> 0
            || outputs % groups <> 0
        then
            Shapes.refuse
                name
                $"cannot take {inputs} channels to {outputs} with a window {axesOf window} in {groups} groups."

    /// The bias of each channel of an image with so many spatial axes.
    let private perChannel (window: int list) (bias: Tensor) =
        Tensor.reshape (bias.Shape[0] :: List.map (fun _ -> 1) window) bias

    /// A convolution of images [N; inputs; spatial...] with a window for each spatial axis, its kernel initialized after He (2015), biases 0.
    [<CompiledName("Conv")>]
    let conv
        (dtype: DType)
        (inputs: int)
        (outputs: int)
        (window: int list)
        (options: ConvOptions)
        : Layer<Convolution> =
        positive "conv" inputs outputs window options.Groups
        let channels = inputs / options.Groups

        { Init =
            fun key ->
                { Kernel =
                    Initializers.heNormal
                        dtype
                        (List.fold (*) channels window)
                        key
                        (outputs :: channels :: window)
                  Bias = Tensor.zeros dtype [ outputs ] }
          Apply = fun _ p x -> Conv.conv options p.Kernel x + perChannel window p.Bias }

    /// A transposed convolution of images [N; inputs; spatial...], its kernel [inputs; outputs / groups; window...] initialized after He (2015)
    /// for the inputs that meet in one result, biases 0.
    [<CompiledName("ConvTranspose")>]
    let convTranspose
        (dtype: DType)
        (inputs: int)
        (outputs: int)
        (window: int list)
        (options: ConvOptions)
        (outputPadding: int list)
        : Layer<Convolution> =
        positive "convTranspose" inputs outputs window options.Groups
        let meeting = List.fold (*) (inputs / options.Groups) window / List.fold (*) 1 options.Strides

        { Init =
            fun key ->
                { Kernel =
                    Initializers.heNormal
                        dtype
                        (max 1 meeting)
                        key
                        (inputs :: outputs / options.Groups :: window)
                  Bias = Tensor.zeros dtype [ outputs ] }
          Apply = fun _ p x -> Conv.convTranspose options outputPadding p.Kernel x + perChannel window p.Bias }

    /// The largest element of each window over the last axes.
    [<CompiledName("MaxPool")>]
    let maxPool (options: PoolOptions) (window: int list) : Layer<unit> = ofFunction (Pool.max options window)

    /// The mean of each window over the last axes.
    [<CompiledName("AveragePool")>]
    let averagePool (options: PoolOptions) (window: int list) : Layer<unit> =
        ofFunction (Pool.average options window)

    /// All axes but the first in one.
    [<CompiledName("Flatten")>]
    let flatten: Layer<unit> =
        ofFunction (fun x ->
            if x.Rank = 0 then
                Shapes.refuse "flatten" $"takes examples along a first axis, but was given {x.Signature}."

            Tensor.reshape [ x.Shape[0]; Seq.fold (*) 1 (Seq.tail x.Shape) ] x)

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
