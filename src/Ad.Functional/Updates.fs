namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Transformations of updates that optimizers are chained from: scaled, clipped, decayed, accumulated, masked.</summary>
/// <remarks>What divides by statistics of the gradients is in <c>Scaling</c>.</remarks>
[<RequireQualifiedAccess>]
module Updates =
    /// Refuses a setting that is not a number within its range.
    let internal within operation (name: string) low high (value: float) =
        if not (value >= low && value <= high) then
            Shapes.refuse operation $"{name} is {value}; it must be a number from {low} to {high}."

    /// A transformation without state, of updates and parameters.
    [<CompiledName("Stateless")>]
    let stateless (f: 'P -> 'P -> 'P) : Optimizer<'P, unit> =
        { Init = fun _ -> ()
          Update = fun gradients () parameters -> f gradients parameters, () }

    /// A transformation of each float leaf of the updates by itself.
    [<CompiledName("OfLeaves")>]
    let ofLeaves (f: Tensor -> Tensor) : Optimizer<'P, unit> = stateless (fun g _ -> Leaves.map f g)

    /// Updates equal to the gradients.
    [<CompiledName("Identity")>]
    let identity<'P> : Optimizer<'P, unit> = stateless (fun g _ -> g)

    /// Updates of zero.
    [<CompiledName("Zero")>]
    let zero<'P> : Optimizer<'P, unit> = stateless (fun g _ -> Leaves.zeros g)

    /// The second applied to what the first gives.
    [<CompiledName("Chain")>]
    let chain (first: Optimizer<'P, 'S>) (second: Optimizer<'P, 'T>) : Optimizer<'P, 'S * 'T> =
        { Init = fun p -> first.Init p, second.Init p
          Update =
            fun gradients (s, t) parameters ->
                let updates, s = first.Update gradients s parameters
                let updates, t = second.Update updates t parameters
                updates, (s, t) }

    /// Updates times a tensor of rank 0, by which the training can then be differentiated.
    [<CompiledName("ScaleBy")>]
    let scaleBy (factor: Tensor) : Optimizer<'P, unit> = ofLeaves (Leaves.times factor)

    /// Updates times a number.
    [<CompiledName("Scale")>]
    let scale (factor: float) : Optimizer<'P, unit> =
        if not (Double.IsFinite factor) then
            Shapes.refuse "scale" $"the factor is {factor}; it must be finite."

        ofLeaves (fun g -> g * factor)

    let internal zeroCount () = Tensor.zeros DType.Int32 []

    /// Updates times a schedule's value; the state is the step.
    [<CompiledName("ScaleBySchedule")>]
    let scaleBySchedule (schedule: Schedule) : Optimizer<'P, Tensor> =
        { Init = fun _ -> zeroCount ()
          Update = fun g step _ -> Leaves.map (Leaves.times (schedule step)) g, step + 1 }

    /// Updates times minus a schedule's value; the state is the step.
    [<CompiledName("DescendBy")>]
    let descendBy (rate: Schedule) : Optimizer<'P, Tensor> = scaleBySchedule (fun step -> -(rate step))

    /// A learning rate that does not change, refused unless it is a finite number, 0 or more.
    let internal constant (name: string) (rate: float) : Schedule =
        if not (rate >= 0.0 && Double.IsFinite rate) then
            Shapes.refuse name $"the learning rate is {rate}; it must be a finite number, 0 or more."

        fun _ -> Tensor.scalar rate

    /// Updates times minus a learning rate; the state is the step.
    [<CompiledName("Descend")>]
    let descend (rate: float) : Optimizer<'P, Tensor> = descendBy (constant "descend" rate)

    // Momentum

    /// Updates accumulated with a decay, the velocity: v' = decay v + g (Polyak 1964); with Nesterov's look-ahead, g + decay v'. Scaled by a rate that
    /// changes, it is not the heavy ball <c>heavyBall</c>.
    [<CompiledName("Momentum")>]
    let momentum (decay: float) (nesterov: bool) : Optimizer<'P, 'P> =
        within "momentum" "the decay" 0.0 1.0 decay

        { Init = Leaves.zeros
          Update =
            fun g velocity _ ->
                let velocity = Leaves.map2 (fun g v -> decay * v + g) g velocity

                if nesterov then
                    Leaves.map2 (fun g v -> g + decay * v) g velocity, velocity
                else
                    velocity, velocity }

    /// The heavy ball with rates within it: d' = decay d - rate(t) g (Rumelhart, Hinton and Williams 1986); for a constant rate
    /// <c>momentum</c> followed by the rate. The decay is a schedule, so that it can ramp up.
    [<CompiledName("HeavyBall")>]
    let heavyBall (rate: Schedule) (decay: Schedule) : Optimizer<'P, 'P * Tensor> =
        { Init = fun p -> Leaves.zeros p, zeroCount ()
          Update =
            fun g (velocity, step) _ ->
                let rate, decay = rate step, decay step
                let next g d = Leaves.times decay d - Leaves.times rate g
                let velocity = Leaves.map2 next g velocity
                velocity, (velocity, step + 1) }

    /// Exponential averages of updates: m' = decay m + (1 - decay) g, over 1 - decay^t if unbiased.
    [<CompiledName("Ema")>]
    let ema (decay: float) (unbias: bool) : Optimizer<'P, 'P * Tensor> =
        within "ema" "the decay" 0.0 1.0 decay

        { Init = fun p -> Leaves.zeros p, zeroCount ()
          Update =
            fun g (averages, count) _ ->
                let averages, count = Leaves.average decay g averages, count + 1

                (if unbias then
                     Leaves.unbiased decay count averages
                 else
                     averages),
                (averages, count) }

    /// (a + b) g - b g', with the last gradients g' (Daskalakis et al. 2018): gradient descent that looks back.
    [<CompiledName("Optimistic")>]
    let optimistic (a: float) (b: float) : Optimizer<'P, 'P * Tensor> =
        { Init = fun p -> Leaves.zeros p, zeroCount ()
          Update =
            fun g (last, count) _ ->
                let isFirst = Tensor.equal count (Tensor.zerosLike count)
                let before = Leaves.choose isFirst g last
                Leaves.map2 (fun g last -> (a + b) * g - b * last) g before, (g, count + 1) }

    // Regularisation

    /// Updates with a multiple of the parameters added: before the scaling of gradients this is an L2 penalty, after it decoupled weight decay
    /// (Loshchilov and Hutter 2019).
    [<CompiledName("AddDecayedWeights")>]
    let addDecayedWeights (decay: float) : Optimizer<'P, unit> =
        within "weight decay" "the decay" 0.0 infinity decay
        stateless (fun g p -> Leaves.map2 (fun g p -> g + decay * p) g p)

    /// Normal noise of variance eta / (1 + t)^gamma added to gradients (Neelakantan et al. 2015, eq. 1).
    [<CompiledName("AddNoise")>]
    let addNoise (eta: float) (gamma: float) (key: Key) : Optimizer<'P, Tensor> =
        within "addNoise" "eta" 0.0 infinity eta

        { Init = fun _ -> zeroCount ()
          Update =
            fun g step _ ->
                let scale =
                    sqrt (eta * Tensor.Pow(1.0 + Tensor.cast DType.Float64 step, Tensor.scalar -gamma))

                let leaves = Tree.leaves g
                let keys = Key.split leaves.Length (Key.foldInTensor step key)

                let noisy =
                    Array.map2
                        (fun key (leaf: Tensor) ->
                            if leaf.DType.IsFloat() then
                                leaf + Leaves.times scale (Random.normalOf leaf.DType key leaf.Shape)
                            else
                                leaf)
                        keys
                        leaves

                Tree.withLeaves noisy g, step + 1 }

    // Clipping

    /// The Euclidean norm of all tensors of a tree together.
    [<CompiledName("GlobalNorm")>]
    let globalNorm (tree: 'P) : Tensor = sqrt (Leaves.total Tensor.square tree)

    let private shorten (limit: float) (norm: Tensor) =
        let tooLong = Tensor.greater norm (Tensor.fullLike norm limit)
        let one = Tensor.onesLike norm
        Tensor.where tooLong (limit / Tensor.where tooLong norm one) one

    /// Updates shortened, if need be, to a global norm (Pascanu, Mikolov and Bengio 2013); the direction stays.
    [<CompiledName("ClipByGlobalNorm")>]
    let clipByGlobalNorm (limit: float) : Optimizer<'P, unit> =
        within "clipByGlobalNorm" "the limit" 0.0 infinity limit
        stateless (fun g _ -> Leaves.map (Leaves.times (shorten limit (globalNorm g))) g)

    /// Updates limited, element by element, to [-limit, limit].
    [<CompiledName("Clip")>]
    let clip (limit: float) : Optimizer<'P, unit> =
        within "clip" "the limit" 0.0 infinity limit
        ofLeaves (Tensor.clip -limit limit)

    let private rms (x: Tensor) = sqrt (Tensor.mean (Tensor.square x))

    /// Each tensor of the updates shortened, if need be, to a root mean square (Shazeer and Stern 2018).
    [<CompiledName("ClipByBlockRms")>]
    let clipByBlockRms (limit: float) : Optimizer<'P, unit> =
        within "clipByBlockRms" "the limit" 0.0 infinity limit
        ofLeaves (fun g -> g / Tensor.maximum (Tensor.onesLike (rms g)) (rms g / limit))

    // A unit is what leads to one output: all of a vector, the columns of a matrix, all but the first axis of a convolution's kernel.
    let private unitNorm (x: Tensor) =
        let axes =
            match x.Rank with
            | 0
            | 1 -> [ 0 .. x.Rank - 1 ]
            | 2 -> [ 0 ]
            | rank -> [ 1 .. rank - 1 ]

        sqrt (Tensor.sumKeep axes (Tensor.square x))

    /// Adaptive clipping (Brock et al. 2021, eq. 3): each unit's gradient is at most a multiple of the norm of its weights, taken as at least epsilon.
    [<CompiledName("AdaptiveClip")>]
    let adaptiveClip (limit: float) (epsilon: float) : Optimizer<'P, unit> =
        within "adaptiveClip" "the limit" 0.0 infinity limit

        stateless (fun g p ->
            Leaves.map2
                (fun g p ->
                    let norm = unitNorm g
                    let most = limit * Tensor.maximum (unitNorm p) (Tensor.fullLike norm epsilon)
                    let tooLong = Tensor.greater norm most
                    Tensor.where tooLong (g * most / Tensor.where tooLong norm (Tensor.onesLike norm)) g)
                g
                p)

    /// The mean over examples, along the first axis of each leaf, of gradients that are first shortened, if need be, to a norm each: differentially private
    /// training's clipping (Abadi et al. 2016).
    [<CompiledName("ClipPerExample")>]
    let clipPerExample (limit: float) : 'P -> 'P =
        within "clipPerExample" "the limit" 0.0 infinity limit

        fun gradients ->
            let ofExamples (x: Tensor) = Tensor.sumOver [ 1 .. x.Rank - 1 ] (Tensor.square x)

            let floats = Tree.leaves gradients |> Array.filter (fun t -> t.DType.IsFloat())

            let norms =
                floats
                |> Array.map (Tensor.cast DType.Float64 >> ofExamples)
                |> Array.reduce (+)
                |> sqrt

            let factors = shorten limit norms

            gradients
            |> Leaves.map (fun g ->
                let aligned =
                    Tensor.reshape
                        (Seq.append factors.Shape (Seq.replicate (g.Rank - 1) 1))
                        (Tensor.cast g.DType factors)

                Tensor.meanOver [ 0 ] (g * aligned))

    /// The mean over examples of gradients of which each leaf is shortened by itself: K leaves to a share of the limit C each, C / sqrt K, or by their sizes, C sqrt(D_i / D) for D_i of
    /// all D parameters, so that an example's whole gradient has at most the norm C (McMahan et al. 2018, section 3.1).
    [<CompiledName("ClipPerExampleByLeaf")>]
    let clipPerExampleByLeaf (bySize: bool) (limit: float) : 'P -> 'P =
        within "clipPerExampleByLeaf" "the limit" 0.0 infinity limit

        fun gradients ->
            let size (t: Tensor) = float t.Count / float t.Shape[0]
            let floats = Tree.leaves gradients |> Array.filter (fun t -> t.DType.IsFloat())
            let all = floats |> Array.sumBy size

            gradients
            |> Leaves.map (fun g ->
                let share = if bySize then size g / all else 1.0 / float floats.Length
                clipPerExample (limit * Math.Sqrt share) g)

    /// <summary>
    /// The mean over examples of gradients shortened to a norm each, plus normal noise with a standard deviation of multiplier times the norm over the number of
    /// examples (Abadi et al. 2016, algorithm 1): differentially private gradients.
    /// </summary>
    [<CompiledName("PrivateMean")>]
    let privateMean (limit: float) (multiplier: float) (key: Key) (gradients: 'P) : 'P =
        within "privateMean" "the multiplier" 0.0 infinity multiplier
        let mean = clipPerExample limit gradients
        let leaves = Tree.leaves mean
        let keys = Key.split (max 1 leaves.Length) key
        let examples = (Array.head (Tree.leaves gradients)).Shape[0]
        let deviation = multiplier * limit / float examples

        let noisy =
            leaves
            |> Array.mapi (fun i t ->
                if t.DType.IsFloat() then
                    t + deviation * Random.normalOf t.DType keys[i] t.Shape
                else
                    t)

        Tree.withLeaves noisy mean

    /// Updates of global norm 1; 0 stays 0.
    [<CompiledName("Normalize")>]
    let normalize<'P> : Optimizer<'P, unit> =
        stateless (fun g _ ->
            let norm = globalNorm g
            Leaves.map (Leaves.times (Leaves.ratio (Tensor.onesLike norm) norm)) g)

    /// From each row of a tensor of rank 2 or more its mean is taken (Yong et al. 2020).
    [<CompiledName("Centralize")>]
    let centralize<'P> : Optimizer<'P, unit> =
        ofLeaves (fun g ->
            if g.Rank < 2 then
                g
            else
                g - Tensor.meanKeep [ 1 .. g.Rank - 1 ] g)

    /// NaN replaced by 0.
    [<CompiledName("ZeroNaNs")>]
    let zeroNaNs<'P> : Optimizer<'P, unit> =
        ofLeaves (fun g -> Tensor.where (Tensor.isNaN g) (Tensor.zerosLike g) g)

    // Constraints: the last of a chain, they see the update that will be added.

    /// Updates that take the parameters to their projection onto a set: p + update is f(p + g).
    [<CompiledName("Project")>]
    let project (f: Tensor -> Tensor) : Optimizer<'P, unit> =
        stateless (fun g p -> Leaves.map2 (fun g p -> f (p + g) - p) g p)

    /// Updates that leave no parameter below 0.
    [<CompiledName("KeepNonNegative")>]
    let keepNonNegative<'P> : Optimizer<'P, unit> = project Tensor.relu

    /// Updates that leave no unit's weights (the columns of a matrix) longer than a limit (Srebro and Shraibman 2005).
    [<CompiledName("MaxNorm")>]
    let maxNorm (limit: float) : Optimizer<'P, unit> =
        within "maxNorm" "the limit" 0.0 infinity limit
        project (fun p -> if p.Rank < 2 then p else p * shorten limit (unitNorm p))

    /// Updates followed by the proximal step of an L1 penalty: each parameter moves toward 0 by the threshold, and stays there if it would pass it (Tibshirani
    /// 1996, soft thresholding). The threshold is learning rate times penalty.
    [<CompiledName("SoftThreshold")>]
    let softThreshold (threshold: float) : Optimizer<'P, unit> =
        within "softThreshold" "the threshold" 0.0 infinity threshold
        project (fun p -> Tensor.sign p * Tensor.relu (abs p - threshold))

/// Chains optimizers.
[<AutoOpen>]
module OptimizerOperators =
    /// The second applied to what the first gives.
    let (>->) (first: Optimizer<'P, 'S>) (second: Optimizer<'P, 'T>) : Optimizer<'P, 'S * 'T> =
        Updates.chain first second
