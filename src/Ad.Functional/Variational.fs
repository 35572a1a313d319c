namespace Ad.Functional

open Ad.Tensors

/// A normal distribution of each parameter of a tree: means, and deviations as softplus of what is kept.
type Uncertain<'P> = { Mean: 'P; Rough: 'P }

/// A variational autoencoder's parts: hidden layer, mean and log variance of the code, decoder.
type VariationalParameters =
    { Hidden: Dense
      Mean: Dense
      LogVariance: Dense
      Decoder: Dense[] }

/// <summary>Distributions of parameters and of codes, trained by gradients through samples (Kingma and Welling 2014).</summary>
[<RequireQualifiedAccess>]
module Variational =
    /// A distribution around parameters, with one deviation at first.
    [<CompiledName("Around")>]
    let around (deviation: float) (p: 'P) : Uncertain<'P> =
        Updates.within "around" "the deviation" 0.0 infinity deviation
        // The inverse of softplus.
        let rough = log (Tensor.scalar (System.Math.Exp deviation - 1.0))

        { Mean = p
          Rough = Leaves.map (fun t -> Leaves.times rough (Tensor.onesLike t)) p }

    let private deviation (rough: Tensor) = Tensor.softplus rough

    /// Parameters drawn for a key: mean + deviation * noise, through which derivatives go.
    [<CompiledName("Sample")>]
    let sample (key: Key) (q: Uncertain<'P>) : 'P =
        let keys = Key.split (max 1 (Tree.leaves q.Mean).Length) key

        let noise =
            Tree.leaves q.Mean
            |> Array.mapi (fun i t -> Random.normalOf t.DType keys[i] t.Shape)

        Leaves.map3
            (fun mean rough noise -> mean + deviation rough * noise)
            q.Mean
            q.Rough
            (Tree.withLeaves noise q.Mean)

    /// The divergence of Kullback and Leibler from normal numbers with mean 0 and a deviation.
    [<CompiledName("Divergence")>]
    let divergence (prior: float) (q: Uncertain<'P>) : Tensor =
        let one mean rough =
            let d = deviation rough

            System.Math.Log prior - log d
            + (Tensor.square d + Tensor.square mean) / (2.0 * prior * prior)
            - 0.5

        Leaves.total id (Leaves.map2 one q.Mean q.Rough)

    /// The layer with a distribution of its parameters: drawn anew for each key in training, their means in prediction (Blundell et al. 2015).
    [<CompiledName("Layer")>]
    let layer (start: float) (inner: Layer<'P>) : Layer<Uncertain<'P>> =
        { Init = fun key -> around start (inner.Init key)
          Apply =
            fun mode q x ->
                match mode with
                | Inference -> inner.Apply mode q.Mean x
                | Training key ->
                    let keys = Key.split 2 key
                    inner.Apply (Training keys[1]) (sample keys[0] q) x }

    // The autoencoder

    /// First parameters of an autoencoder with one hidden layer on each side.
    [<CompiledName("InitAutoencoder")>]
    let initAutoencoder
        (dtype: DType)
        (inputs: int)
        (hidden: int)
        (code: int)
        (key: Key)
        : VariationalParameters =
        let keys = Key.split 5 key
        let dense i a b = (Layer.dense dtype a b).Init keys[i]

        { Hidden = dense 0 inputs hidden
          Mean = dense 1 hidden code
          LogVariance = dense 2 hidden code
          Decoder = [| dense 3 code hidden; dense 4 hidden inputs |] }

    let private apply (p: Dense) (x: Tensor) = Tensor.matmul x p.Weights + p.Bias

    /// Mean and log variance of each example's code.
    [<CompiledName("Encode")>]
    let encode (p: VariationalParameters) (x: Tensor) : Tensor * Tensor =
        let h = tanh (apply p.Hidden x)
        apply p.Mean h, apply p.LogVariance h

    /// Logits of the inputs' bits, from codes.
    [<CompiledName("Decode")>]
    let decode (p: VariationalParameters) (z: Tensor) : Tensor =
        tanh (apply p.Decoder[0] z) |> apply p.Decoder[1]

    /// <summary>
    /// The negative of the lower bound on log p(x), mean over rows of values in [0, 1]: the cross-entropy of what a drawn code restores, plus the code's divergence
    /// from standard normal numbers (Kingma and Welling 2014, eq. 10).
    /// </summary>
    [<CompiledName("Bound")>]
    let bound (key: Key) (p: VariationalParameters) (x: Tensor) : Tensor =
        let mean, logVariance = encode p x
        let z = mean + exp (0.5 * logVariance) * Random.normalOf x.DType key mean.Shape
        let restored = Losses.binaryCrossEntropy (decode p z) x * float x.Shape[1]

        let apart =
            0.5
            * Tensor.sumOver [ -1 ] (Tensor.square mean + exp logVariance - logVariance - 1.0)

        restored + Tensor.mean apart
