namespace Ad.Functional

open Ad.Tensors

/// Divides what a layer is applied for among its parts.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Mode =
    /// Modes for so many parts of a layer: their randomness is unrelated.
    [<CompiledName("Split")>]
    let split (count: int) (mode: Mode) : Mode[] =
        match mode with
        | Inference -> Array.create count Inference
        | Training key -> Key.split count key |> Array.map Training

/// A layer with a state that passes through it beside the data: running statistics. Nothing is changed; the next state is a result.
[<RequireQualifiedAccess>]
type StatefulLayer<'P, 'S> =
    { Init: Key -> 'P * 'S
      Apply: Mode -> 'P -> 'S -> Tensor -> Tensor * 'S }

/// What normalized values are multiplied by, and what is added to them.
type Affine = { Gain: Tensor; Shift: Tensor }

/// Averages of the batches seen: means and variances of channels.
type Running = { Mean: Tensor; Variance: Tensor }

/// Layers with states.
[<RequireQualifiedAccess>]
module Stateful =
    /// A layer without a state as one whose state is empty.
    [<CompiledName("OfLayer")>]
    let ofLayer (layer: Layer<'P>) : StatefulLayer<'P, unit> =
        { Init = fun key -> layer.Init key, ()
          Apply = fun mode p () x -> layer.Apply mode p x, () }

    /// The layer with a state held fixed, as one without: for prediction.
    [<CompiledName("Freeze")>]
    let freeze (state: 'S) (layer: StatefulLayer<'P, 'S>) : Layer<'P> =
        { Init = fun key -> fst (layer.Init key)
          Apply = fun mode p x -> fst (layer.Apply mode p state x) }

    /// The second applied to the result of the first.
    [<CompiledName("Compose")>]
    let compose
        (first: StatefulLayer<'P, 'S>)
        (second: StatefulLayer<'Q, 'T>)
        : StatefulLayer<'P * 'Q, 'S * 'T> =
        { Init =
            fun key ->
                let keys = Key.split 2 key
                let (p, s), (q, t) = first.Init keys[0], second.Init keys[1]
                (p, q), (s, t)
          Apply =
            fun mode (p, q) (s, t) x ->
                let modes = Mode.split 2 mode
                let y, s = first.Apply modes[0] p s x
                let z, t = second.Apply modes[1] q t y
                z, (s, t) }

    /// Layers of one kind, one after another.
    [<CompiledName("Sequence")>]
    let sequence (layers: StatefulLayer<'P, 'S> seq) : StatefulLayer<'P[], 'S[]> =
        let layers = Array.ofSeq layers

        { Init =
            fun key ->
                Array.map2
                    (fun (layer: StatefulLayer<'P, 'S>) key -> layer.Init key)
                    layers
                    (Key.split layers.Length key)
                |> Array.unzip
          Apply =
            fun mode parameters states x ->
                if parameters.Length <> layers.Length || states.Length <> layers.Length then
                    Shapes.refuse
                        "sequence"
                        $"there are {layers.Length} layers, but parameters for {parameters.Length} and states of {states.Length}."

                let modes = Mode.split layers.Length mode
                let next = Array.copy states

                let step x i =
                    let y, s = layers[i].Apply modes[i] parameters[i] states[i] x
                    next[i] <- s
                    y

                Seq.fold step x (seq { 0 .. layers.Length - 1 }), next }

    /// Per channel: a vector along axis 1 of an image.
    let private along (x: Tensor) (v: Tensor) =
        Tensor.reshape (1 :: v.Shape[0] :: List.replicate (x.Rank - 2) 1) v

    let private channelled name channels (x: Tensor) =
        if x.Rank < 2 || x.Shape[1] <> channels then
            Shapes.refuse
                name
                $"takes examples of {channels} channels along axis 1, but was given {x.Signature}."

    /// <summary>
    /// gain (x - m) / sqrt(v + epsilon) + shift for each channel, along axis 1 (Ioffe and Szegedy 2015, alg. 1). In training m and v are the mean and
    /// the variance of the batch, and the running statistics r become (1 - momentum) r + momentum times the batch's (its variance with n - 1);
    /// otherwise m and v are the running statistics. Derivatives go through m and v, not into the next state.
    /// </summary>
    [<CompiledName("BatchNorm")>]
    let batchNorm
        (dtype: DType)
        (channels: int)
        (momentum: float)
        (epsilon: float)
        : StatefulLayer<Affine, Running> =
        if channels < 1 || not (momentum >= 0.0 && momentum <= 1.0) || not (epsilon >= 0.0) then
            Shapes.refuse
                "batchNorm"
                $"takes channels, a momentum in [0, 1] and an epsilon of at least 0, but was given {channels}, {momentum} and {epsilon}."

        { Init =
            fun _ ->
                { Gain = Tensor.ones dtype [ channels ]
                  Shift = Tensor.zeros dtype [ channels ] },
                { Mean = Tensor.zeros dtype [ channels ]
                  Variance = Tensor.ones dtype [ channels ] }
          Apply =
            fun mode p running x ->
                channelled "batchNorm" channels x
                let dtype = x.DType

                // Statistics of 16 bits would stand still: a tenth of a percent of them is nothing.
                let wide (t: Tensor) =
                    if t.DType.IsHalf() then
                        Tensor.cast running.Mean.DType t
                    else
                        t

                let x = wide x
                let p = Tree.map wide p

                let normalize (mean: Tensor) (variance: Tensor) =
                    (x - along x mean) * along x (p.Gain * Tensor.rsqrt (variance + epsilon))
                    + along x p.Shift
                    |> fun y -> if dtype.IsHalf() then Tensor.cast dtype y else y

                match mode with
                | Inference -> normalize running.Mean running.Variance, running
                | Training _ ->
                    let count = x.Count / int64 channels

                    if count < 2L then
                        Shapes.refuse
                            "batchNorm"
                            $"needs at least two values of each channel to train, but was given {x.Signature}."

                    let axes = 0 :: [ 2 .. x.Rank - 1 ]
                    let mean, variance = Tensor.meanOver axes x, Tensor.varianceOver axes x

                    let blend (old: Tensor) (batch: Tensor) =
                        (1.0 - momentum) * old + momentum * Tensor.stopGradient batch

                    normalize mean variance,
                    { Mean = blend running.Mean mean
                      Variance = blend running.Variance (variance * (float count / float (count - 1L))) } }

    let private affine dtype size =
        { Gain = Tensor.ones dtype [ size ]
          Shift = Tensor.zeros dtype [ size ] }

    let private centred epsilon axes (x: Tensor) =
        x
        |> Tensor.inSingle (fun x ->
            let d = x - Tensor.meanKeep axes x
            d * Tensor.rsqrt (Tensor.meanKeep axes (Tensor.square d) + epsilon))

    let private trailing name size (x: Tensor) =
        if x.Rank < 1 || x.Shape[x.Rank - 1] <> size then
            Shapes.refuse name $"takes a last axis of {size}, but was given {x.Signature}."

    /// Mean 0 and variance 1 along the last axis of each example, then gain and shift (Ba, Kiros and Hinton 2016).
    [<CompiledName("LayerNorm")>]
    let layerNorm (dtype: DType) (size: int) (epsilon: float) : Layer<Affine> =
        { Init = fun _ -> affine dtype size
          Apply =
            fun _ p x ->
                trailing "layerNorm" size x
                centred epsilon [ -1 ] x * p.Gain + p.Shift }

    /// gain x / sqrt(mean(x^2) + epsilon) along the last axis (Zhang and Sennrich 2019).
    [<CompiledName("RmsNorm")>]
    let rmsNorm (dtype: DType) (size: int) (epsilon: float) : Layer<Tensor> =
        { Init = fun _ -> Tensor.ones dtype [ size ]
          Apply =
            fun _ gain x ->
                trailing "rmsNorm" size x
                let scaled (x: Tensor) = x * Tensor.rsqrt (Tensor.meanKeep [ -1 ] (Tensor.square x) + epsilon)
                Tensor.inSingle scaled x * gain }

    /// Mean 0 and variance 1 over each group of channels of each example, then gain and shift per channel (Wu and He 2018).
    [<CompiledName("GroupNorm")>]
    let groupNorm (dtype: DType) (groups: int) (channels: int) (epsilon: float) : Layer<Affine> =
        if groups < 1 || channels < 1 || channels % groups <> 0 then
            Shapes.refuse "groupNorm" $"cannot cut {channels} channels into {groups} groups."

        { Init = fun _ -> affine dtype channels
          Apply =
            fun _ p x ->
                channelled "groupNorm" channels x
                let y = centred epsilon [ -1 ] (Tensor.reshape [ x.Shape[0]; groups; -1 ] x)
                Tensor.reshape x.Shape y * along x p.Gain + along x p.Shift }

    /// Mean 0 and variance 1 over each channel of each example, then gain and shift (Ulyanov, Vedaldi and Lempitsky 2016).
    [<CompiledName("InstanceNorm")>]
    let instanceNorm (dtype: DType) (channels: int) (epsilon: float) : Layer<Affine> =
        groupNorm dtype channels channels epsilon
