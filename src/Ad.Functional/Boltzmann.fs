namespace Ad.Functional

open Ad.Tensors

/// <summary>Restricted Boltzmann machines of visible and hidden bits (Smolensky 1986; Hinton 2002): energy -v.b - h.c - v W h.</summary>
/// <remarks>Weights, hidden and visible biases are those of a tied autoencoder, which a machine can be the start of. Examples are rows of 0 and 1.</remarks>
[<RequireQualifiedAccess>]
module Boltzmann =
    /// First parameters: normal weights with a standard deviation of 0.01, biases 0 (Hinton 2012).
    [<CompiledName("Init")>]
    let init (dtype: DType) (visible: int) (hidden: int) (key: Key) : Tied =
        { Weights = Initializers.normal 0.01 dtype key [ visible; hidden ]
          Hidden = Tensor.zeros dtype [ hidden ]
          Visible = Tensor.zeros dtype [ visible ] }

    /// Probabilities of the hidden bits, given visible ones: sigmoid(v W + c).
    [<CompiledName("HiddenOf")>]
    let hiddenOf (p: Tied) (v: Tensor) : Tensor = Tensor.sigmoid (Tensor.matmul v p.Weights + p.Hidden)

    /// Probabilities of the visible bits, given hidden ones: sigmoid(h W' + b).
    [<CompiledName("VisibleOf")>]
    let visibleOf (p: Tied) (h: Tensor) : Tensor =
        Tensor.sigmoid (Tensor.matmul h (Tensor.transpose p.Weights) + p.Visible)

    /// The free energy of each row, -log sum over h of e^(-energy): -v.b - sum of softplus(v W + c).
    [<CompiledName("FreeEnergy")>]
    let freeEnergy (p: Tied) (v: Tensor) : Tensor =
        -(Tensor.matmul v p.Visible)
        - Tensor.sumOver [ -1 ] (Tensor.softplus (Tensor.matmul v p.Weights + p.Hidden))

    /// Every row of so many bits.
    [<CompiledName("States")>]
    let states (dtype: DType) (bits: int) : Tensor =
        if bits < 1 || bits > 20 then
            Shapes.refuse "states" $"lists the states of 1 to 20 bits, but was given {bits}."

        let number = Tensor.reshape [ -1; 1 ] (Tensor.arange DType.Int32 (1 <<< bits))
        let powers = Tensor.vector [ for i in 0 .. bits - 1 -> 1 <<< i ]
        Tensor.cast dtype (Tensor.remainder (number / powers) (Tensor.scalar 2))

    /// The mean of log p(v) over rows, with the sum over all visible states: for machines of few visible units.
    [<CompiledName("LogLikelihood")>]
    let logLikelihood (p: Tied) (v: Tensor) : Tensor =
        let all = states v.DType p.Visible.Shape[0]
        -(Tensor.mean (freeEnergy p v)) - Tensor.logSumExp (-(freeEnergy p all))

    let private bits (key: Key) (probabilities: Tensor) =
        let u = Random.uniformOf probabilities.DType key probabilities.Shape
        Tensor.cast probabilities.DType (Tensor.less u probabilities)

    /// Visible bits after so many steps of Gibbs sampling, from given ones.
    [<CompiledName("Sample")>]
    let sample (steps: int) (key: Key) (p: Tied) (v: Tensor) : Tensor =
        let step v i =
            let keys = Key.split 2 (Key.foldIn i key)
            let h = bits keys[0] (hiddenOf p v)
            bits keys[1] (visibleOf p h)

        Tensor.stopGradient (Seq.fold step v (seq { 0 .. steps - 1 }))

    /// <summary>The loss whose gradient is that of contrastive divergence (Hinton 2002): mean free energy of the data less that of samples k steps away.</summary>
    /// <remarks>Its value says little; <c>logLikelihood</c> tells how good a small machine is.</remarks>
    [<CompiledName("ContrastiveDivergence")>]
    let contrastiveDivergence (steps: int) (key: Key) (p: Tied) (v: Tensor) : Tensor =
        if steps < 1 then
            Shapes.refuse "contrastiveDivergence" $"takes at least one step, but was given {steps}."

        let away = sample steps key p v
        Tensor.mean (freeEnergy p v) - Tensor.mean (freeEnergy p away)

/// Layers trained one after another, each to restore what the layer below it gives (Hinton, Osindero and Teh 2006; Bengio et al. 2007).
[<RequireQualifiedAccess>]
module Pretraining =
    /// <summary>Autoencoders for a stack of widths, the first of them of the input, each trained by a function on the codes of those below.</summary>
    /// <param name="activation">What the codes go through.</param>
    /// <param name="train">From a layer's first parameters and its examples to trained ones.</param>
    /// <param name="widths">The width of the input and of each code.</param>
    /// <param name="key">For first parameters.</param>
    /// <param name="x">Examples, one a row.</param>
    [<CompiledName("Greedy")>]
    let greedy
        (activation: Tensor -> Tensor)
        (train: Tied -> Tensor -> Tied)
        (widths: int list)
        (key: Key)
        (x: Tensor)
        : Tied list =
        let sizes = List.pairwise widths

        if sizes.IsEmpty then
            Shapes.refuse "greedy" "takes at least two widths, of the input and of a code."

        let keys = Key.split sizes.Length key

        let layer (x: Tensor) (i, (inputs, codes)) =
            let start = (Block.autoencoder x.DType activation inputs codes).Init keys[i]
            let trained = Tree.eval (train start x)
            trained, Tensor.eval (Block.encode activation trained x)

        List.mapFold layer x (List.indexed sizes) |> fst

    /// The codes of trained autoencoders as the layers of a perceptron, to be trained further.
    [<CompiledName("ToDense")>]
    let toDense (stack: Tied list) : Dense list =
        stack
        |> List.map (fun layer ->
            { Weights = layer.Weights
              Bias = layer.Hidden })
