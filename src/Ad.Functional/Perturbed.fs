namespace Ad.Functional

open Ad.Tensors

/// What inputs are perturbed by.
[<RequireQualifiedAccess>]
type Noise =
    /// Standard normal.
    | Normal
    /// Gumbel's extreme-value distribution, under which the largest of perturbed scores is a choice by softmax.
    | Gumbel

/// <summary>Functions that are constant in pieces, such as a choice or a ranking, made differentiable by the noise that they are averaged over.</summary>
[<RequireQualifiedAccess>]
module Perturbed =
    let private draw noise (key: Key) (count: int) (t: Tensor) =
        let shape = Seq.append [ count ] t.Shape

        match noise with
        | Noise.Normal -> Random.normalOf t.DType key shape
        | Noise.Gumbel ->
            // 1 - u is above 0, and so is minus its logarithm where u is.
            let u = Random.uniformOf t.DType key shape
            let least = Tensor.fullLike u (if t.DType = DType.Float32 then 1e-38 else 1e-300)
            -(log (Tensor.maximum least (-(Tensor.log1p (-u)))))

    let private logDensity noise (z: Tensor) =
        match noise with
        | Noise.Normal -> -0.5 * z * z
        | Noise.Gumbel -> -z - exp (-z)

    /// <summary>
    /// The mean of f (x + sigma z) over so many draws of noise z. Its derivative, of any order and in both modes, is that of the expectation: f, which need have
    /// none, is weighed by the density of what it was given (Berthet et al. 2020; Foerster et al. 2018).
    /// </summary>
    /// <remarks>f x is subtracted where the derivative is taken, so that fewer draws do.</remarks>
    /// <exception cref="T:System.ArgumentException">There is less than one draw, sigma is not above 0, or x holds something other than floats.</exception>
    [<CompiledName("Mean")>]
    let mean (noise: Noise) (draws: int) (sigma: float) (f: 'a -> 'b) (key: Key) (x: 'a) : 'b =
        if draws < 1 then
            Shapes.refuse "perturbed" $"cannot average over {draws} draws."

        if not (sigma > 0.0 && sigma < infinity) then
            Shapes.refuse "perturbed" $"sigma is {sigma}; it must be above 0."

        for path, t in Tree.named x do
            if not (t.DType.IsFloat()) then
                Shapes.refuse "perturbed" ($"{path} {t.Signature}".Trim() + " is not a float.")

        let leaves = Tree.leaves x
        let keys = Key.split (max 1 leaves.Length) key

        let given =
            leaves
            |> Array.mapi (fun i t ->
                Tensor.stopGradient (Tensor.expandDims 0 t + sigma * draw noise keys[i] draws t))

        // 1 for each draw, with the derivative of the logarithm of its density.
        let weights =
            Array.map2
                (fun (t: Tensor) (moved: Tensor) ->
                    let density = logDensity noise ((moved - Tensor.expandDims 0 t) / sigma)
                    Tensor.sumOver [ 1 .. density.Rank - 1 ] density |> Tensor.cast DType.Float64)
                leaves
                given
            |> Array.fold (+) (Tensor.zeros DType.Float64 [ draws ])
            |> fun all -> exp (all - Tensor.stopGradient all)

        let still tree = Tree.map Tensor.stopGradient tree
        let ofDraws = still (vmap f (Tree.withLeaves given x))

        Tree.map2
            (fun (baseline: Tensor) (all: Tensor) ->
                if baseline.DType.IsFloat() then
                    let weights =
                        Tensor.cast all.DType weights
                        |> Tensor.reshape (Seq.append [ draws ] (Seq.replicate baseline.Rank 1))

                    baseline + Tensor.meanOver [ 0 ] (weights * (all - baseline))
                else
                    baseline)
            (still (f (still x)))
            ofDraws
