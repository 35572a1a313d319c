namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>An optimizer: two pure functions. Its state is a tree, so that it can be saved, resumed and differentiated through.</summary>
/// <remarks>The interface of optax (Babuschkin et al. 2020): updates are added to the parameters. Parts are chained by <c>&gt;-&gt;</c>.</remarks>
type Optimizer<'P, 'S> =
    {
        /// The state before the first step.
        Init: 'P -> 'S
        /// From gradients, state and parameters to updates and the next state.
        Update: 'P -> 'S -> 'P -> 'P * 'S
    }

/// A number that depends on the step, counted from 0 in an Int32 tensor of rank 0: a schedule's value has rank 0.
type Schedule = Tensor -> Tensor

/// What an optimizer does leaf by leaf: floats move, integers and booleans stay as they are.
[<RequireQualifiedAccess>]
module internal Leaves =
    let private onFloats f (leaf: Tensor) = if leaf.DType.IsFloat() then f leaf else leaf

    let map f (tree: 'P) : 'P = Tree.map (onFloats f) tree

    let map2 f (a: 'P) (b: 'P) : 'P = Tree.map2 (fun a b -> onFloats (fun a -> f a b) a) a b

    /// The leaves of trees of one structure, taken together: the first decides which are floats.
    let mapAll (f: Tensor[] -> Tensor) (trees: 'P list) : 'P =
        let leaves = trees |> List.map Tree.leaves

        leaves.Head
        |> Array.mapi (fun i leaf -> onFloats (fun _ -> f [| for l in leaves -> l[i] |]) leaf)
        |> fun mapped -> Tree.withLeaves mapped trees.Head

    let map3 f (a: 'P) (b: 'P) (c: 'P) : 'P = mapAll (fun x -> f x[0] x[1] x[2]) [ a; b; c ]
    let map4 f (a: 'P) (b: 'P) (c: 'P) (d: 'P) : 'P = mapAll (fun x -> f x[0] x[1] x[2] x[3]) [ a; b; c; d ]
    let zeros (tree: 'P) : 'P = Tree.map Tensor.zerosLike tree

    /// A factor of rank 0 in the leaf's own type.
    let times (factor: Tensor) (leaf: Tensor) = leaf * Tensor.cast leaf.DType factor

    /// decay average + (1 - decay) x.
    let average (decay: float) (x: 'P) (averages: 'P) : 'P =
        map2 (fun x m -> decay * m + (1.0 - decay) * x) x averages

    /// Averages over 1 - decay^count, by which an average that began at 0 is too small after so many steps.
    let unbiased (decay: float) (count: Tensor) (averages: 'P) : 'P =
        averages
        |> map (fun leaf ->
            let count = Tensor.cast leaf.DType count
            leaf / (1.0 - Tensor.Pow(Tensor.fullLike count decay, count)))

    let squares (tree: 'P) : 'P = map Tensor.square tree

    /// The sum over all float leaves, in Float64.
    let total (f: Tensor -> Tensor) (tree: 'P) : Tensor =
        Tree.leaves tree
        |> Array.filter (fun t -> t.DType.IsFloat())
        |> Array.map (Tensor.cast DType.Float64 >> f >> Tensor.sum)
        |> Array.fold (+) (Tensor.zeros DType.Float64 [])

    let dot (a: 'P) (b: 'P) : Tensor = total id (map2 (*) a b)

    /// 0 / 0 = 0.
    let ratio (a: Tensor) (b: Tensor) =
        let isZero = Tensor.equal b (Tensor.zerosLike b)
        Tensor.where isZero (Tensor.zerosLike a) (a / Tensor.where isZero (Tensor.onesLike b) b)

    /// Per leaf: the first tree where the condition of rank 0 holds, the second elsewhere.
    let choose (condition: Tensor) (a: 'T) (b: 'T) : 'T = Tree.map2 (Tensor.where condition) a b

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
    let optimistic (a: float) (b: float) : Optimizer<'P, 'P> =
        { Init = Leaves.zeros
          Update = fun g last _ -> Leaves.map2 (fun g last -> (a + b) * g - b * last) g last, g }

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

    // Parts of a tree

    // Names of leaves decide, so that it is known before any value is.
    let private chosen (isPart: string -> bool) (tree: 'P) = Tree.named tree |> Array.map (fst >> isPart)

    let private merge (mask: bool[]) (inside: 'P) (outside: 'P) : 'P =
        Tree.withLeaves
            (Array.map3
                (fun isInside a b -> if isInside then a else b)
                mask
                (Tree.leaves inside)
                (Tree.leaves outside))
            inside

    let private only mask (tree: 'P) : Tensor[] =
        Array.zip mask (Tree.leaves tree) |> Array.filter fst |> Array.map snd

    let private put mask (part: Tensor[]) (tree: 'P) : 'P =
        let mutable used = 0

        let next isInside leaf =
            if isInside then
                used <- used + 1
                part[used - 1]
            else
                leaf

        Tree.withLeaves (Array.map2 next mask (Tree.leaves tree)) tree

    /// An optimizer for the leaves whose names are chosen (<c>Tree.named</c>); the others' updates pass unchanged, and have no state.
    [<CompiledName("Masked")>]
    let masked (isPart: string -> bool) (inner: Optimizer<Tensor[], 'S>) : Optimizer<'P, 'S> =
        { Init = fun p -> inner.Init(only (chosen isPart p) p)
          Update =
            fun g state p ->
                let mask = chosen isPart p
                let updates, state = inner.Update (only mask g) state (only mask p)
                put mask updates g, state }

    /// Updates of zero for the leaves whose names are chosen.
    [<CompiledName("Freeze")>]
    let freeze (isFrozen: string -> bool) : Optimizer<'P, unit> = masked isFrozen zero

    /// An optimizer for each part of the parameters, by the label that a leaf's name has.
    /// <exception cref="T:System.ArgumentException">A leaf's label has no optimizer; the message names the leaf.</exception>
    [<CompiledName("Partition")>]
    let partition
        (labelOf: string -> string)
        (optimizers: Map<string, Optimizer<Tensor[], 'S>>)
        : Optimizer<'P, Map<string, 'S>> =
        let checkLabels (p: 'P) =
            for name, _ in Tree.named p do
                if not (optimizers.ContainsKey(labelOf name)) then
                    Shapes.refuse
                        "partition"
                        $"the label '{labelOf name}' of the parameter '{name}' has no optimizer."

        let maskOf label p = chosen (fun name -> labelOf name = label) p

        { Init =
            fun p ->
                checkLabels p
                optimizers |> Map.map (fun label o -> o.Init(only (maskOf label p) p))
          Update =
            fun g states p ->
                let mutable updates = g

                let states =
                    optimizers
                    |> Map.map (fun label o ->
                        let mask = maskOf label p
                        let part, state = o.Update (only mask g) states[label] (only mask p)
                        updates <- put mask part updates
                        state)

                updates, states }

    /// Updates where a mask of booleans, a tree of the parameters' structure, is true; zero elsewhere.
    [<CompiledName("WhereTrue")>]
    let whereTrue (mask: 'P) : Optimizer<'P, unit> =
        stateless (fun g _ -> Leaves.map2 (fun g mask -> Tensor.where mask g (Tensor.zerosLike g)) g mask)

    /// The inner optimizer's updates and next state while a condition on the gradients holds; else zero, and the state as it was.
    [<CompiledName("OnlyIf")>]
    let onlyIf (condition: 'P -> Tensor) (inner: Optimizer<'P, 'S>) : Optimizer<'P, 'S> =
        { Init = inner.Init
          Update =
            fun g state p ->
                let holds = condition g
                let updates, next = inner.Update g state p
                Leaves.choose holds updates (Leaves.zeros updates), Leaves.choose holds next state }

/// Chains optimizers.
[<AutoOpen>]
module OptimizerOperators =
    /// The second applied to what the first gives.
    let (>->) (first: Optimizer<'P, 'S>) (second: Optimizer<'P, 'T>) : Optimizer<'P, 'S * 'T> =
        Updates.chain first second
