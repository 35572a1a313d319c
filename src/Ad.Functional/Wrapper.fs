namespace Ad.Functional

open Ad.Tensors

/// What accumulates gradients keeps: the mean of those since the last step, how many they are, the steps made, and the inner state.
type Accumulated<'P, 'S> =
    { Mean: 'P
      Seen: Tensor
      Steps: Tensor
      Inner: 'S }

/// What skips gradients that are not finite keeps: how many in a row, how many in all, and the inner state.
type Skipped<'S> =
    { InARow: Tensor
      InAll: Tensor
      Inner: 'S }

/// What looks ahead keeps: the slow parameters, the steps since they moved, and the inner state.
type LookedAhead<'P, 'S> = { Slow: 'P; Since: Tensor; Inner: 'S }

/// What schedule-free training keeps: the inner optimizer's own parameters, the sum of the weights, the step, and the inner state.
type ScheduleFree<'P, 'S> =
    { Base: 'P
      Weights: Tensor
      Step: Tensor
      Inner: 'S }

/// Optimizers around optimizers: settings in the state, gradients of several steps, skipped and slow steps, averages.
[<RequireQualifiedAccess>]
module Wrapper =
    let private within = Updates.within

    /// <summary>An optimizer whose settings, a tree of tensors, stand in its state: they can be read there and changed between steps.</summary>
    [<CompiledName("WithSettings")>]
    let withSettings (settings: 'H) (make: 'H -> Optimizer<'P, 'S>) : Optimizer<'P, 'H * 'S> =
        { Init = fun p -> settings, (make settings).Init p
          Update =
            fun g (settings, state) p ->
                let updates, state = (make settings).Update g state p
                updates, (settings, state) }

    /// The mean of the gradients of k steps given to the inner optimizer at every k-th; updates of zero in between. How many belong together depends on the
    /// steps made, so that batches can grow.
    [<CompiledName("MultiStepsBy")>]
    let multiStepsBy (every: Schedule) (inner: Optimizer<'P, 'S>) : Optimizer<'P, Accumulated<'P, 'S>> =
        { Init =
            fun p ->
                { Mean = Leaves.zeros p
                  Seen = Updates.zeroCount ()
                  Steps = Updates.zeroCount ()
                  Inner = inner.Init p }
          Update =
            fun g s p ->
                let seen = s.Seen + 1
                let weight = 1.0 / Tensor.cast DType.Float64 seen
                let mean = Leaves.map2 (fun g mean -> mean + Leaves.times weight (g - mean)) g s.Mean
                let isLast = Tensor.greaterEqual seen (Tensor.cast DType.Int32 (every s.Steps))
                let updates, next = inner.Update mean s.Inner p
                let updates = Leaves.map (fun u -> Tensor.where isLast u (Tensor.zerosLike u)) updates

                updates,
                { Mean = Leaves.map (fun m -> Tensor.where isLast (Tensor.zerosLike m) m) mean
                  Seen = Tensor.where isLast (Tensor.zerosLike seen) seen
                  Steps = Tensor.where isLast (s.Steps + 1) s.Steps
                  Inner = Leaves.choose isLast next s.Inner } }

    /// The mean of the gradients of k steps given to the inner optimizer at every k-th; updates of zero in between.
    [<CompiledName("MultiSteps")>]
    let multiSteps (k: int) (inner: Optimizer<'P, 'S>) : Optimizer<'P, Accumulated<'P, 'S>> =
        if k < 1 then
            Shapes.refuse "multiSteps" $"takes at least one step, but was given {k}."

        multiStepsBy (fun _ -> Tensor.scalar k) inner

    /// The inner optimizer, except that gradients with an element that is not finite are skipped, until so many came in a row.
    [<CompiledName("ApplyIfFinite")>]
    let applyIfFinite (patience: int) (inner: Optimizer<'P, 'S>) : Optimizer<'P, Skipped<'S>> =
        let isFinite (g: 'P) =
            Tree.leaves g
            |> Array.filter (fun t -> t.DType.IsFloat())
            |> Array.map (fun t -> Tensor.min (Tensor.isFinite t))
            |> Array.fold Tensor.logicalAnd (Tensor.scalar true)

        { Init =
            fun p ->
                { InARow = Updates.zeroCount ()
                  InAll = Updates.zeroCount ()
                  Inner = inner.Init p }
          Update =
            fun g s p ->
                let finite = isFinite g
                let inARow = Tensor.where finite (Tensor.zerosLike s.InARow) (s.InARow + 1)
                let accepts = Tensor.logicalOr finite (Tensor.greater inARow (Tensor.scalar patience))
                let updates, next = inner.Update g s.Inner p

                Leaves.map (fun u -> Tensor.where accepts u (Tensor.zerosLike u)) updates,
                { InARow = inARow
                  InAll = Tensor.where finite s.InAll (s.InAll + 1)
                  Inner = Leaves.choose accepts next s.Inner } }

    /// Lookahead (Zhang et al. 2019): every k steps, slow parameters move a share of the way to the fast ones, which go on from there.
    [<CompiledName("Lookahead")>]
    let lookahead (k: int) (share: float) (inner: Optimizer<'P, 'S>) : Optimizer<'P, LookedAhead<'P, 'S>> =
        within "lookahead" "the share" 0.0 1.0 share

        if k < 1 then
            Shapes.refuse "lookahead" $"takes at least one step, but was given {k}."

        { Init =
            fun p ->
                { Slow = p
                  Since = Updates.zeroCount ()
                  Inner = inner.Init p }
          Update =
            fun g s p ->
                let updates, next = inner.Update g s.Inner p
                let since = s.Since + 1
                let meets = Tensor.greaterEqual since (Tensor.scalar k)

                let slow =
                    Leaves.map3
                        (fun p u slow -> Tensor.where meets (slow + share * (p + u - slow)) slow)
                        p
                        updates
                        s.Slow

                Leaves.map3 (fun u p slow -> Tensor.where meets (slow - p) u) updates p slow,
                { Slow = slow
                  Since = Tensor.where meets (Tensor.zerosLike since) since
                  Inner = next } }

    /// <summary>Schedule-free training (Defazio et al. 2024): gradients are taken at y, between the inner optimizer's z and the average x of the z.</summary>
    /// <remarks>
    /// y = (1 - beta) z + beta x, and x weighs each z by the square of its rate, which the inner optimizer has too. The parameters trained are y; those to
    /// predict with are <c>averaged</c>.
    /// </remarks>
    [<CompiledName("ScheduleFree")>]
    let scheduleFree
        (beta: float)
        (rate: Schedule)
        (inner: Optimizer<'P, 'S>)
        : Optimizer<'P, ScheduleFree<'P, 'S>> =
        if not (beta > 0.0 && beta <= 1.0) then
            Shapes.refuse "scheduleFree" $"beta is {beta}; it must be above 0, and 1 at most."

        { Init =
            fun p ->
                { Base = p
                  Weights = Tensor.zeros DType.Float64 []
                  Step = Updates.zeroCount ()
                  Inner = inner.Init p }
          Update =
            fun g s y ->
                let updates, next = inner.Update g s.Inner s.Base
                let z = Leaves.map2 (+) s.Base updates
                let weight = Tensor.square (Tensor.cast DType.Float64 (rate s.Step))
                let weights = s.Weights + weight
                let share = Leaves.ratio weight weights

                let moved (y: Tensor) (z: Tensor) (z': Tensor) =
                    let x = (y - (1.0 - beta) * z) / beta
                    let x = x + Leaves.times share (z' - x)
                    (1.0 - beta) * z' + beta * x - y

                Leaves.map3 moved y s.Base z,
                { Base = z
                  Weights = weights
                  Step = s.Step + 1
                  Inner = next } }

    /// The averaged parameters x of schedule-free training with the same beta, from its state and the parameters trained.
    [<CompiledName("Averaged")>]
    let averaged (beta: float) (state: ScheduleFree<'P, 'S>) (parameters: 'P) : 'P =
        Leaves.map2 (fun y z -> (y - (1.0 - beta) * z) / beta) parameters state.Base

    /// The inner optimizer, with exponential averages of the parameters in its state (Polyak and Juditsky 1992): they begin at the first parameters.
    [<CompiledName("WithAverage")>]
    let withAverage (decay: float) (inner: Optimizer<'P, 'S>) : Optimizer<'P, 'P * 'S> =
        within "withAverage" "the decay" 0.0 1.0 decay

        { Init = fun p -> p, inner.Init p
          Update =
            fun g (average, state) p ->
                let updates, state = inner.Update g state p
                updates, (Leaves.average decay (Leaves.map2 (+) p updates) average, state) }

    /// <summary>The inner optimizer, with a measure of its updates in the state, averaged with a decay (0 keeps the last): their norm, say, for whoever watches.</summary>
    [<CompiledName("Measured")>]
    let measured
        (decay: float)
        (measure: 'P -> Tensor)
        (inner: Optimizer<'P, 'S>)
        : Optimizer<'P, Tensor * 'S> =
        within "measured" "the decay" 0.0 1.0 decay

        { Init = fun p -> Tensor.zeros DType.Float64 [], inner.Init p
          Update =
            fun g (mean, state) p ->
                let updates, state = inner.Update g state p
                let found = Tensor.cast DType.Float64 (measure updates)
                updates, (decay * mean + (1.0 - decay) * found, state) }
