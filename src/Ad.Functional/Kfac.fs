namespace Ad.Functional

open System
open Ad.Tensors

/// What K-FAC knows of one dense layer: the second moments of its inputs (a 1 for the bias last) and of the gradients by its outputs.
type KroneckerFactors = { Inputs: Tensor; Outputs: Tensor }

/// What K-FAC keeps: the averaged factors of every layer, and the steps made.
type KroneckerState =
    { Factors: KroneckerFactors[]
      Count: Tensor }

/// <summary>K-FAC (Martens and Grosse 2015) for perceptrons: natural gradient descent with the Fisher matrix of each layer taken as a Kronecker product.</summary>
/// <remarks>
/// For weights and bias of one layer together, [W; b], the update is (A + pi mu I)^-1 G (B + mu / pi I)^-1, mu the root of the damping, pi the root of
/// the ratio of the mean eigenvalues of A and B (section 6.3).
/// </remarks>
[<RequireQualifiedAccess>]
module Kfac =
    let private withOne (x: Tensor) = Tensor.concat 1 [ x; Tensor.ones x.DType [ x.Shape[0]; 1 ] ]

    // What comes into each layer, the last result, with a term added to each layer's outputs, by which gradients are taken.
    let private run (activation: Tensor -> Tensor) (p: Dense[]) (x: Tensor) (terms: Tensor[]) =
        let last = p.Length - 1

        let inputs, y =
            Array.indexed p
            |> Array.mapFold
                (fun x (i, layer: Dense) ->
                    let z = Tensor.matmul x layer.Weights + layer.Bias + terms[i]
                    x, (if i < last then activation z else z))
                x

        y, inputs

    /// <summary>
    /// The factors of every layer of a perceptron, from a batch of examples, one a row, and a loss of its results that sums over examples the -log of
    /// probabilities of targets drawn from the model itself (for the Fisher matrix) or of the given ones (for the empirical one).
    /// </summary>
    [<CompiledName("Factors")>]
    let factors
        (activation: Tensor -> Tensor)
        (loss: Tensor -> Tensor)
        (p: Dense[])
        (x: Tensor)
        : KroneckerFactors[] =
        if x.Rank <> 2 then
            Shapes.refuse "kfac" $"takes one example a row, but was given {x.Signature}."

        let count = float x.Shape[0]

        let none =
            p
            |> Array.map (fun layer -> Tensor.zeros x.DType [ x.Shape[0]; layer.Weights.Shape[1] ])

        let (_, inputs), slopes =
            Reverse.valueAndGradientAux
                (fun terms ->
                    let y, inputs = run activation p x terms
                    loss y, inputs)
                none

        Array.map2
            (fun a (b: Tensor) ->
                let a = withOne a

                { Inputs = Tensor.matmul (Tensor.transpose a) a / count
                  Outputs = Tensor.matmul (Tensor.transpose b) b / count })
            inputs
            slopes

    /// Classes drawn, for a key, from the probabilities that rows of logits stand for.
    [<CompiledName("Drawn")>]
    let drawn (key: Key) (logits: Tensor) : Tensor =
        let u = Random.uniformOf logits.DType key logits.Shape
        // The largest of logits with Gumbel's noise added is drawn from their softmax.
        let noisy = Tensor.stopGradient logits - log (-(Tensor.log1p (-u)))
        Tensor.argmaxOver [ -1 ] noisy

    /// The factors for a classifier by softmax: Fisher's, with classes that the model itself gives, drawn for a key.
    [<CompiledName("OfClassifier")>]
    let ofClassifier (activation: Tensor -> Tensor) (key: Key) (p: Dense[]) (x: Tensor) : KroneckerFactors[] =
        let count = float x.Shape[0]
        factors activation (fun logits -> count * Losses.crossEntropy logits (drawn key logits)) p x

    /// Before the first step.
    [<CompiledName("Init")>]
    let init (p: Dense[]) : KroneckerState =
        { Factors =
            p
            |> Array.map (fun layer ->
                let n, m = layer.Weights.Shape[0] + 1, layer.Weights.Shape[1]

                { Inputs = Tensor.zeros layer.Weights.DType [ n; n ]
                  Outputs = Tensor.zeros layer.Weights.DType [ m; m ] })
          Count = Updates.zeroCount () }

    /// The state with a batch's factors averaged in: with decay min(decay, 1 - 1 / t), so that the first batch counts in full (section 5).
    [<CompiledName("Observe")>]
    let observe (decay: float) (seen: KroneckerFactors[]) (state: KroneckerState) : KroneckerState =
        Updates.within "kfac" "the decay" 0.0 1.0 decay
        let count = state.Count + 1
        let most = 1.0 - 1.0 / Tensor.cast DType.Float64 count
        let decay = Tensor.minimum (Tensor.scalar decay) most

        { Factors =
            Leaves.map2
                (fun next old -> Leaves.times decay old + Leaves.times (1.0 - decay) next)
                seen
                state.Factors
          Count = count }

    /// The natural direction of a gradient: what the learning rate is multiplied by and the parameters lose.
    [<CompiledName("Direction")>]
    let direction (damping: float) (state: KroneckerState) (gradient: Dense[]) : Dense[] =
        Updates.within "kfac" "the damping" 0.0 infinity damping
        let root = Math.Sqrt damping
        let mean (t: Tensor) = Tensor.trace t / float t.Shape[0]
        let damped (share: Tensor) (t: Tensor) = t + share * root * Tensor.eye t.DType t.Shape[0]

        Array.map2
            (fun (f: KroneckerFactors) (g: Dense) ->
                let ratio = Leaves.ratio (mean f.Inputs) (mean f.Outputs)
                let isSome = Tensor.greater ratio (Tensor.zerosLike ratio)

                let pi =
                    Tensor.where
                        isSome
                        (sqrt (Tensor.where isSome ratio (Tensor.onesLike ratio)))
                        (Tensor.onesLike ratio)

                let whole = Tensor.concat 0 [ g.Weights; Tensor.expandDims 0 g.Bias ]
                let left = Linalg.solvePositive (damped pi f.Inputs) whole

                let both =
                    Linalg.solvePositive (damped (1.0 / pi) f.Outputs) (Tensor.transpose left)
                    |> Tensor.transpose

                let n = g.Weights.Shape[0]

                { Weights = Tensor.sliceAxis 0 0 n 1 both
                  Bias = Tensor.squeeze [ 0 ] (Tensor.sliceAxis 0 n (n + 1) 1 both) })
            state.Factors
            gradient
