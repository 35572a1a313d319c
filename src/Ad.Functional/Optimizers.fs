namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>An optimizer: two pure functions. Its state is a tree, so that it can be saved, resumed and differentiated through.</summary>
/// <remarks>The interface of optax (Babuschkin et al. 2020): updates are added to the parameters.</remarks>
type Optimizer<'P, 'S> =
    {
        /// The state before the first step.
        Init: 'P -> 'S
        /// From gradients, state and parameters to updates and the next state.
        Update: 'P -> 'S -> 'P -> 'P * 'S
    }

/// A number that depends on the step, counted from 0 in an Int32 tensor of rank 0: a schedule's value has rank 0.
type Schedule = Tensor -> Tensor

/// Moments that adaptive optimizers keep, and how many steps they have seen.
type Moments<'P> =
    { Count: Tensor; First: 'P; Second: 'P }

/// Optimizers and the transformations of gradients that they are chained from.
[<RequireQualifiedAccess>]
module Optimizer =
    /// Refuses a setting that is not a number within its range.
    let private within operation (name: string) low high (value: float) =
        if not (value >= low && value <= high) then
            Shapes.refuse operation $"{name} is {value}; it must be a number from {low} to {high}."

    let private stateless (f: 'P -> 'P -> 'P) : Optimizer<'P, unit> =
        { Init = fun _ -> ()
          Update = fun gradients () parameters -> f gradients parameters, () }

    /// Updates equal to the gradients.
    [<CompiledName("Identity")>]
    let identity<'P> : Optimizer<'P, unit> = stateless (fun g _ -> g)

    /// The second applied to what the first gives.
    [<CompiledName("Chain")>]
    let chain (first: Optimizer<'P, 'S>) (second: Optimizer<'P, 'T>) : Optimizer<'P, 'S * 'T> =
        { Init = fun p -> first.Init p, second.Init p
          Update =
            fun gradients (s, t) parameters ->
                let updates, s = first.Update gradients s parameters
                let updates, t = second.Update updates t parameters
                updates, (s, t) }

    /// A rank-0 factor in each leaf's own type.
    let private times (factor: Tensor) (leaf: Tensor) =
        if leaf.DType.IsFloat() then
            leaf * Tensor.cast leaf.DType factor
        else
            leaf

    /// Updates times a tensor of rank 0, by which the training can then be differentiated.
    [<CompiledName("ScaleBy")>]
    let scaleBy (factor: Tensor) : Optimizer<'P, unit> = stateless (fun g _ -> Tree.map (times factor) g)

    /// Updates times a number.
    [<CompiledName("Scale")>]
    let scale (factor: float) : Optimizer<'P, unit> =
        if not (Double.IsFinite factor) then
            Shapes.refuse "scale" $"the factor is {factor}; it must be finite."

        stateless (fun g _ ->
            g |> Tree.map (fun leaf -> if leaf.DType.IsFloat() then leaf * factor else leaf))

    let private zeroCount () = Tensor.zeros DType.Int32 []

    /// Updates times minus a schedule's value; the state is the step.
    [<CompiledName("DescendBy")>]
    let descendBy (rate: Schedule) : Optimizer<'P, Tensor> =
        { Init = fun _ -> zeroCount ()
          Update = fun g step _ -> Tree.map (times (-(rate step))) g, step + 1 }

    /// Updates accumulated with a decay, the velocity: v' = decay v + g (Polyak 1964); with Nesterov's look-ahead, g + decay v'.
    [<CompiledName("MomentumOf")>]
    let momentumOf (decay: float) (nesterov: bool) : Optimizer<'P, 'P> =
        within "momentum" "the decay" 0.0 1.0 decay

        { Init = Tree.map Tensor.zerosLike
          Update =
            fun g velocity _ ->
                let velocity = Tree.map2 (fun g v -> decay * v + g) g velocity

                if nesterov then
                    Tree.map2 (fun g v -> g + decay * v) g velocity, velocity
                else
                    velocity, velocity }

    /// 1 - decay^count, by which a moment that began at 0 is too small.
    let private unbiased (decay: float) (count: Tensor) (leaf: Tensor) =
        let count = Tensor.cast leaf.DType count
        leaf / (1.0 - Tensor.Pow(Tensor.fullLike count decay, count))

    /// m / (sqrt v + eps) with bias-corrected averages m of the gradients and v of their squares (Kingma and Ba 2015, algorithm 1).
    [<CompiledName("ScaleByAdam")>]
    let scaleByAdam (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, Moments<'P>> =
        within "adam" "the first decay" 0.0 1.0 decay1
        within "adam" "the second decay" 0.0 1.0 decay2
        within "adam" "epsilon" 0.0 infinity epsilon

        { Init =
            fun p ->
                { Count = zeroCount ()
                  First = Tree.map Tensor.zerosLike p
                  Second = Tree.map Tensor.zerosLike p }
          Update =
            fun g state _ ->
                let average decay = Tree.map2 (fun (g: Tensor) m -> decay * m + (1.0 - decay) * g)
                let count = state.Count + 1
                let first = average decay1 g state.First
                let second = average decay2 (Tree.map Tensor.square g) state.Second

                let update m v = unbiased decay1 count m / (sqrt (unbiased decay2 count v) + epsilon)

                Tree.map2 update first second,
                { Count = count
                  First = first
                  Second = second } }

    /// g / (sqrt v + eps) with an average v of the squared gradients (Tieleman and Hinton 2012).
    [<CompiledName("ScaleByRms")>]
    let scaleByRms (decay: float) (epsilon: float) : Optimizer<'P, 'P> =
        within "rmsprop" "the decay" 0.0 1.0 decay

        { Init = Tree.map Tensor.zerosLike
          Update =
            fun g second _ ->
                let second = Tree.map2 (fun (g: Tensor) v -> decay * v + (1.0 - decay) * (g * g)) g second
                Tree.map2 (fun g v -> g / (sqrt v + epsilon)) g second, second }

    /// g / (sqrt s + eps) with the sum s of the squared gradients (Duchi, Hazan and Singer 2011).
    [<CompiledName("ScaleByRootOfSquares")>]
    let scaleByRootOfSquares (epsilon: float) : Optimizer<'P, 'P> =
        { Init = Tree.map Tensor.zerosLike
          Update =
            fun g sum _ ->
                let sum = Tree.map2 (fun (g: Tensor) s -> s + g * g) g sum
                Tree.map2 (fun g s -> g / (sqrt s + epsilon)) g sum, sum }

    /// Updates with a multiple of the parameters added: weight decay.
    [<CompiledName("AddDecayedWeights")>]
    let addDecayedWeights (decay: float) : Optimizer<'P, unit> =
        within "weight decay" "the decay" 0.0 infinity decay
        stateless (fun g p -> Tree.map2 (fun g p -> g + decay * p) g p)

    /// The Euclidean norm of all tensors of a tree together.
    [<CompiledName("GlobalNorm")>]
    let globalNorm (tree: 'P) : Tensor =
        let squares =
            Tree.leaves tree
            |> Array.map (Tensor.cast DType.Float64 >> Tensor.square >> Tensor.sum)

        sqrt (Array.fold (+) (Tensor.zeros DType.Float64 []) squares)

    /// Updates shortened, if need be, to a global norm (Pascanu, Mikolov and Bengio 2013); the direction stays.
    [<CompiledName("ClipByGlobalNorm")>]
    let clipByGlobalNorm (limit: float) : Optimizer<'P, unit> =
        within "clipByGlobalNorm" "the limit" 0.0 infinity limit

        stateless (fun g _ ->
            let norm = globalNorm g
            let tooLong = Tensor.greater norm (Tensor.fullLike norm limit)

            let factor =
                Tensor.where
                    tooLong
                    (limit / Tensor.where tooLong norm (Tensor.onesLike norm))
                    (Tensor.onesLike norm)

            Tree.map (times factor) g)

    /// Updates limited, element by element, to [-limit, limit].
    [<CompiledName("Clip")>]
    let clip (limit: float) : Optimizer<'P, unit> =
        within "clip" "the limit" 0.0 infinity limit
        stateless (fun g _ -> Tree.map (Tensor.clip -limit limit) g)

    let private constant (name: string) (rate: float) : Schedule =
        if not (rate >= 0.0 && Double.IsFinite rate) then
            Shapes.refuse name $"the learning rate is {rate}; it must be a finite number, 0 or more."

        fun _ -> Tensor.scalar rate

    /// Gradient descent with a schedule as learning rate.
    [<CompiledName("SgdBy")>]
    let sgdBy (rate: Schedule) : Optimizer<'P, Tensor> = descendBy rate

    /// Gradient descent: p' = p - rate g.
    [<CompiledName("Sgd")>]
    let sgd (rate: float) : Optimizer<'P, Tensor> = sgdBy (constant "sgd" rate)

    /// Gradient descent with momentum: v' = decay v + g, p' = p - rate v'.
    [<CompiledName("Momentum")>]
    let momentum (rate: float) (decay: float) : Optimizer<'P, 'P * Tensor> =
        chain (momentumOf decay false) (descendBy (constant "momentum" rate))

    /// Gradient descent with Nesterov's momentum: v' = decay v + g, p' = p - rate (g + decay v').
    [<CompiledName("Nesterov")>]
    let nesterov (rate: float) (decay: float) : Optimizer<'P, 'P * Tensor> =
        chain (momentumOf decay true) (descendBy (constant "nesterov" rate))

    /// Adam with a schedule as learning rate; decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("AdamBy")>]
    let adamBy (rate: Schedule) : Optimizer<'P, Moments<'P> * Tensor> =
        chain (scaleByAdam 0.9 0.999 1e-8) (descendBy rate)

    /// Adam (Kingma and Ba 2015); decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("Adam")>]
    let adam (rate: float) : Optimizer<'P, Moments<'P> * Tensor> = adamBy (constant "adam" rate)

    /// Adam with decoupled weight decay and a schedule as learning rate (Loshchilov and Hutter 2019).
    [<CompiledName("AdamWBy")>]
    let adamWBy (rate: Schedule) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        chain (chain (scaleByAdam 0.9 0.999 1e-8) (addDecayedWeights decay)) (descendBy rate)

    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    [<CompiledName("AdamW")>]
    let adamW (rate: float) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        adamWBy (constant "adamW" rate) decay

    /// RMSProp; decay 0.9, epsilon 1e-8.
    [<CompiledName("Rmsprop")>]
    let rmsprop (rate: float) : Optimizer<'P, 'P * Tensor> =
        chain (scaleByRms 0.9 1e-8) (descendBy (constant "rmsprop" rate))

    /// AdaGrad; epsilon 1e-10.
    [<CompiledName("Adagrad")>]
    let adagrad (rate: float) : Optimizer<'P, 'P * Tensor> =
        chain (scaleByRootOfSquares 1e-10) (descendBy (constant "adagrad" rate))

    /// The parameters with the updates added.
    [<CompiledName("Apply")>]
    let apply (updates: 'P) (parameters: 'P) : 'P =
        Tree.map2 (fun u (p: Tensor) -> if p.DType.IsFloat() then p + u else p) updates parameters

    /// One step: from gradients, state and parameters to the next parameters and state, which are computed together.
    [<CompiledName("Step")>]
    let step (optimizer: Optimizer<'P, 'S>) (gradients: 'P) (state: 'S) (parameters: 'P) : 'P * 'S =
        let updates, state = optimizer.Update gradients state parameters
        let parameters = apply updates parameters
        Trace.together (Seq.append (Tree.leaves parameters) (Tree.leaves state))
        parameters, state

/// Chains optimizers.
[<AutoOpen>]
module OptimizerOperators =
    /// The second applied to what the first gives.
    let (>->) (first: Optimizer<'P, 'S>) (second: Optimizer<'P, 'T>) : Optimizer<'P, 'S * 'T> =
        Optimizer.chain first second

/// Learning rates by step.
[<RequireQualifiedAccess>]
module Schedules =
    /// The same value at every step.
    [<CompiledName("Constant")>]
    let constant (value: float) : Schedule = fun _ -> Tensor.scalar value

    let private float (step: Tensor) = Tensor.cast DType.Float64 step

    /// From one value to another, along a line, over so many steps; then it stays.
    [<CompiledName("Linear")>]
    let linear (start: float) (stop: float) (steps: int) : Schedule =
        fun step ->
            start
            + (stop - start)
              * Tensor.clip 0.0 1.0 (float step / Operators.float (max 1 steps))

    /// start factor^(step / every).
    [<CompiledName("Exponential")>]
    let exponential (start: float) (factor: float) (every: int) : Schedule =
        fun step -> start * exp (float step * (Math.Log factor / Operators.float (max 1 every)))

    /// From start to stop along half a cosine over so many steps; then it stays (Loshchilov and Hutter 2017).
    [<CompiledName("Cosine")>]
    let cosine (start: float) (stop: float) (steps: int) : Schedule =
        fun step ->
            let progress = Tensor.clip 0.0 1.0 (float step / Operators.float (max 1 steps))
            stop + (start - stop) * 0.5 * (1.0 + cos (Math.PI * progress))

    /// Up from 0 along a line over so many steps, and then another schedule from its own beginning.
    [<CompiledName("WarmUp")>]
    let warmUp (steps: int) (after: Schedule) : Schedule =
        fun step ->
            let steps = max 1 steps
            let start = Tensor.zerosLike step
            let rising = after start * (float (step + 1) / Operators.float steps)

            Tensor.where
                (Tensor.less step (Tensor.fullLike step (Operators.float steps)))
                rising
                (after (step - steps))
