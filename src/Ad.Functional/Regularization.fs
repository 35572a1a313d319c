namespace Ad.Functional

open System

/// Penalties and perturbations that make predictions smooth, and sparse hidden values.
[<RequireQualifiedAccess>]
module Regularization =
    /// ||df/dx||^2, the sum of squares of the Jacobian of a function of one example, a vector (Rifai et al. 2011). As many passes as results.
    [<CompiledName("Contractive")>]
    let contractive (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        Tensor.sum (Tensor.square (Reverse.jacobian f x))

    /// The Kullback-Leibler divergence of hidden units' mean activations, over axis 0, from a level: sum of level log(level / m) +
    /// (1 - level) log((1 - level) / (1 - m)). Activations lie in (0, 1).
    [<CompiledName("Sparsity")>]
    let sparsity (level: float) (activations: Tensor) : Tensor =
        if not (level > 0.0 && level < 1.0) then
            Shapes.refuse "sparsity" $"the level {level} is not in (0, 1)."

        let m = Tensor.meanOver [ 0 ] activations
        let own = level * Math.Log level + (1.0 - level) * Math.Log(1.0 - level)
        Tensor.sum (own - level * log m - (1.0 - level) * Tensor.log1p (-m))

    /// The fast gradient sign: x + size sign(dloss/dx) (Goodfellow, Shlens and Szegedy 2015).
    [<CompiledName("FastGradientSign")>]
    let fastGradientSign (size: float) (loss: Tensor -> Tensor) (x: Tensor) : Tensor =
        x + size * Tensor.sign (Reverse.gradient loss x)

    /// <summary>
    /// The unit direction, per batch, in which a divergence from x, 0 and smallest at x itself, grows fastest: so many power iterations of its Hessian
    /// from a random direction, no Hessian formed (Miyato et al. 2018).
    /// </summary>
    [<CompiledName("VirtualAdversarial")>]
    let virtualAdversarial (iterations: int) (key: Key) (divergence: Tensor -> Tensor) (x: Tensor) : Tensor =
        let unit (d: Tensor) = d / Tensor.norm d
        let start = unit (Random.normalOf x.DType key x.Shape)
        // Evaluated at each iteration: the expression of one holds those of all before it.
        Seq.fold (fun d _ -> Tensor.eval (unit (hvp divergence x d))) start (seq { 1..iterations })

/// The best of a series so far, for stopping early: what gave it, its loss and step, and how many steps there were.
type EarlyStopping<'P> =
    { Best: 'P
      Loss: float
      At: int
      Steps: int }

/// Choosing among runs: when to stop, which examples to hold back, which settings to try.
[<RequireQualifiedAccess>]
module Selection =
    /// Before the first loss.
    [<CompiledName("Start")>]
    let start (parameters: 'P) : EarlyStopping<'P> =
        { Best = parameters
          Loss = infinity
          At = 0
          Steps = 0 }

    /// After a validation loss: parameters are kept only if it is less than all before; a NaN is never the best.
    [<CompiledName("Observe")>]
    let observe (parameters: 'P) (loss: float) (s: EarlyStopping<'P>) : EarlyStopping<'P> =
        if loss < s.Loss then
            { Best = parameters
              Loss = loss
              At = s.Steps + 1
              Steps = s.Steps + 1 }
        else
            { s with Steps = s.Steps + 1 }

    /// Whether nothing got better for so many steps (Prechelt 1998).
    [<CompiledName("IsOver")>]
    let isOver (patience: int) (s: EarlyStopping<'P>) : bool = s.Steps - s.At >= patience

    /// The numbers 0 to count - 1 in an order that the key gives.
    [<CompiledName("Permutation")>]
    let permutation (key: Key) (count: int) : int[] =
        Random.uniform key [ count ]
        |> Tensor.toArray<float>
        |> Array.indexed
        |> Array.sortBy (fun (i, u) -> struct (u, i))
        |> Array.map fst

    /// Examples to train with and to validate with, for each of k folds: every example validates in exactly one.
    [<CompiledName("Folds")>]
    let folds (k: int) (key: Key) (count: int) : (int[] * int[])[] =
        if k < 2 || k > count then
            Shapes.refuse "folds" $"takes 2 to {count} folds of {count} examples, but was given {k}."

        let order = permutation key count

        [| for fold in 0 .. k - 1 ->
               order
               |> Array.indexed
               |> Array.partition (fun (place, _) -> place % k <> fold)
               |> fun (train, validate) -> Array.map snd train, Array.map snd validate |]

    /// All combinations of settings, the last setting changing fastest.
    [<CompiledName("Grid")>]
    let grid (settings: (string * float list) list) : Map<string, float> list =
        List.foldBack
            (fun (name, values) rest ->
                [ for value in values do
                      for others in rest -> Map.add name value others ])
            settings
            [ Map.empty ]

    /// A number uniform on a logarithmic scale between two, for a key (Bergstra and Bengio 2012).
    [<CompiledName("LogUniform")>]
    let logUniform (low: float) (high: float) (key: Key) : float =
        if not (low > 0.0 && high >= low) then
            Shapes.refuse "logUniform" $"takes 0 < low <= high, but was given {low} and {high}."

        low * Math.Pow(high / low, Tensor.toScalar (Random.uniform key []))
