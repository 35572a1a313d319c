namespace Ad.Functional

open System
open Ad.Tensors

/// What MoMo keeps: averages of gradients, of their squares (for its Adam form), of values and of products of gradients with parameters; the step.
type ModelMoments<'P> =
    { First: 'P
      Second: 'P
      Value: Tensor
      Product: Tensor
      Count: Tensor }

/// What Sophia keeps: averages of gradients and of the Hessian's diagonal, the step.
type DiagonalMoments<'P> =
    { First: 'P
      Diagonal: 'P
      Count: Tensor }

/// <summary>Methods for functions that change from step to step, as losses of batches do, which see more of them than the gradient.</summary>
/// <remarks>Nothing is asked for while they run, so that a step goes within <c>jit</c>. Settings not asked for are those of optax.</remarks>
[<RequireQualifiedAccess>]
module Stochastic =
    /// <summary>MoMo's step: the largest allowed, or what a model of the loss, cut off at its lower bound, asks for, if less.</summary>
    let private step
        (rate: Tensor)
        (decay: float)
        (bound: Tensor)
        value
        product
        (inner: Tensor)
        (norm: Tensor)
        =
        let above = (1.0 + rate * decay) * (value - bound - product) + inner
        Leaves.ratio (Tensor.relu above) norm

    let private none (p: 'P) : ModelMoments<'P> =
        { First = Leaves.zeros p
          Second = Leaves.zeros p
          Value = Tensor.zeros DType.Float64 []
          Product = Tensor.zeros DType.Float64 []
          Count = Updates.zeroCount () }

    /// The parameters after weight decay and a step against a direction.
    let private moved (rate: Tensor) (decay: float) (step: Tensor) (p: 'P) (direction: 'P) : 'P =
        let kept = 1.0 / (1.0 + rate * decay)
        Leaves.map2 (fun p d -> Leaves.times kept p - Leaves.times step d) p direction

    /// <summary>MoMo (Schaipp et al. 2023, algorithm 1): momentum with Polyak's step for the average of the losses so far, at most the rate.</summary>
    /// <remarks>The loss is nowhere below the bound; averages have decay 0.9 and begin with the first loss and gradient.</remarks>
    [<CompiledName("Momo")>]
    let momo (rate: Schedule) (bound: float) (weightDecay: float) : Minimizer<'P, ModelMoments<'P>> =
        Updates.within "momo" "the weight decay" 0.0 infinity weightDecay

        { Init = fun _ p -> none p
          Step =
            fun f p s ->
                let value, g = Reverse.valueAndGradient f p
                let isFirst = Tensor.equal s.Count (Tensor.zerosLike s.Count)
                let decay = Tensor.where isFirst (Tensor.scalar 0.0) (Tensor.scalar 0.9)
                let blend next old = decay * old + (1.0 - decay) * next
                let rate = rate s.Count
                let mean = blend (Tensor.cast DType.Float64 value) s.Value
                let product = blend (Leaves.dot g p) s.Product
                let m = Leaves.map2 (fun g m -> Leaves.times decay m + Leaves.times (1.0 - decay) g) g s.First

                let size =
                    step rate weightDecay (Tensor.scalar bound) mean product (Leaves.dot m p) (Leaves.dot m m)

                value,
                moved rate weightDecay (Tensor.minimum rate size) p m,
                { s with
                    First = m
                    Value = mean
                    Product = product
                    Count = s.Count + 1 } }

    /// <summary>MoMo-Adam (Schaipp et al. 2023, algorithm 2): Adam's directions with MoMo's step; decays 0.9 and 0.999, epsilon 1e-8.</summary>
    [<CompiledName("MomoAdam")>]
    let momoAdam (rate: Schedule) (bound: float) (weightDecay: float) : Minimizer<'P, ModelMoments<'P>> =
        Updates.within "momoAdam" "the weight decay" 0.0 infinity weightDecay
        let decay1, decay2, epsilon = 0.9, 0.999, 1e-8

        { Init = fun _ p -> none p
          Step =
            fun f p s ->
                let value, g = Reverse.valueAndGradient f p
                let count = s.Count + 1

                let left (decay: float) =
                    1.0 - Tensor.Pow(Tensor.scalar decay, Tensor.cast DType.Float64 count)

                let rate = rate s.Count
                let mean = decay1 * s.Value + (1.0 - decay1) * Tensor.cast DType.Float64 value
                let product = decay1 * s.Product + (1.0 - decay1) * Leaves.dot g p
                let m = Leaves.average decay1 g s.First
                let v = Leaves.average decay2 (Leaves.squares g) s.Second

                let direction =
                    Leaves.map2 (fun m v -> m / (sqrt v + epsilon)) m (Leaves.unbiased decay2 count v)

                let bound = left decay1 * bound
                let size = step rate weightDecay bound mean product (Leaves.dot m p) (Leaves.dot m direction)

                value,
                moved rate weightDecay (Tensor.minimum (rate / left decay1) size) p direction,
                { First = m
                  Second = v
                  Value = mean
                  Product = product
                  Count = count } }

    /// <summary>An estimate of the Hessian's diagonal, u * (H u) with signs u that the key gives (Hutchinson 1990), whose mean it is; exact where H is diagonal.</summary>
    [<CompiledName("HessianDiagonal")>]
    let hessianDiagonal (key: Key) (f: 'P -> Tensor) (p: 'P) : 'P =
        let leaves = Tree.leaves p
        let keys = Key.split (max 1 leaves.Length) key

        let signs =
            Array.mapi
                (fun i (t: Tensor) -> 2.0 * Tensor.cast t.DType (Random.bernoulli 0.5 keys[i] t.Shape) - 1.0)
                leaves

        let signs = Tree.withLeaves signs p
        Leaves.map2 (*) signs (hvp f p signs)

    /// <summary>Sophia-H (Liu et al. 2023, algorithm 3): momentum over the Hessian's diagonal, each element clipped to 1, times the rate.</summary>
    /// <remarks>
    /// The diagonal is estimated at every so many steps, and used from the next one on; decays 0.965 and 0.99, gamma 0.01, epsilon 1e-8. Weight decay is
    /// decoupled. As in optax, the momentum is unbiased and the first step that of its signs.
    /// </remarks>
    [<CompiledName("Sophia")>]
    let sophia
        (rate: Schedule)
        (weightDecay: float)
        (every: int)
        (key: Key)
        : Minimizer<'P, DiagonalMoments<'P>> =
        Updates.within "sophia" "the weight decay" 0.0 infinity weightDecay
        let decay1, decay2, gamma, epsilon = 0.965, 0.99, 0.01, 1e-8

        if every < 1 then
            Shapes.refuse
                "sophia"
                $"looks at the curvature every so many steps, at least 1, but was given {every}."

        { Init =
            fun _ p ->
                { First = Leaves.zeros p
                  Diagonal = Leaves.zeros p
                  Count = Updates.zeroCount () }
          Step =
            fun f p s ->
                let value, g = Reverse.valueAndGradient f p
                let count = s.Count + 1
                let m = Leaves.average decay1 g s.First

                let direction =
                    Leaves.map2
                        (fun m h ->
                            Tensor.clip -1.0 1.0 (m / Tensor.maximum (gamma * h) (Tensor.fullLike h epsilon)))
                        (Leaves.unbiased decay1 count m)
                        s.Diagonal

                let rate = rate s.Count
                let next = Leaves.map2 (fun p d -> p - Leaves.times rate (d + weightDecay * p)) p direction
                let isDue = Tensor.equal (Tensor.remainder s.Count (Tensor.scalar every)) (Tensor.scalar 0)

                let diagonal =
                    cond
                        isDue
                        (fun (p, h) ->
                            Leaves.average decay2 (hessianDiagonal (Key.foldInTensor s.Count key) f p) h)
                        snd
                        (p, s.Diagonal)

                value,
                next,
                { First = m
                  Diagonal = diagonal
                  Count = count } }
