namespace Ad.Functional

open Ad.Tensors

/// What loss scaling keeps: the factor of the loss, the steps made since it last changed, those skipped in all, and the inner state.
type LossScaled<'S> =
    {
        /// The factor, Float32 of rank 0.
        Scale: Tensor
        /// Steps since the factor last changed, Int32 of rank 0.
        Since: Tensor
        /// Steps skipped, as a gradient was not finite, Int32 of rank 0.
        Skipped: Tensor
        Inner: 'S
    }

/// How a loss scale changes: it is multiplied by the growth after so many steps without overflow, by the backoff at each overflow, and stays within bounds.
type LossScaling =
    { First: float
      Growth: float
      Backoff: float
      Every: int
      Least: float
      Most: float }

/// <summary>Loss scaling for gradients of few bits (Micikevicius et al. 2018): the loss times a factor, gradients over it, and no step where one of them overflowed.</summary>
/// <remarks>
/// Small gradients, which Float16 would round to 0, then have bits. The factor is part of the optimizer's state, so that a step stays a pure function and the state can be saved.
/// </remarks>
[<RequireQualifiedAccess>]
module LossScale =
    /// A factor that begins at 2^15, the largest power of 2 in Float16, doubles after 2000 steps without overflow, and halves at each overflow, between 1 and 2^24.
    let dynamic: LossScaling =
        { First = 32768.0
          Growth = 2.0
          Backoff = 0.5
          Every = 2000
          Least = 1.0
          Most = 16777216.0 }

    /// A factor that stays.
    [<CompiledName("Fixed")>]
    let fixedAt (scale: float) : LossScaling =
        { dynamic with
            First = scale
            Growth = 1.0
            Backoff = 1.0
            Least = scale
            Most = scale }

    /// The loss times the state's factor, to be differentiated: computed in Float32 where the loss has 16 bits.
    [<CompiledName("Apply")>]
    let apply (state: LossScaled<'S>) (loss: Tensor) : Tensor =
        let loss =
            if loss.DType.IsHalf() then
                Tensor.cast DType.Float32 loss
            else
                loss

        Leaves.times state.Scale loss

    let private isFinite (gradients: 'P) =
        Tree.leaves gradients
        |> Array.filter (fun t -> t.DType.IsFloat())
        |> Array.map (fun t -> Tensor.min (Tensor.isFinite t))
        |> Array.fold Tensor.logicalAnd (Tensor.scalar true)

    let private number (x: float) = Tensor.scalar (float32 x)

    /// <summary>The inner optimizer, given gradients of a loss times the state's factor: they are divided by it; if one is not finite, updates are 0 and the inner state stays.</summary>
    /// <exception cref="T:System.ArgumentException">The settings are no such: factors that are not positive, a backoff above 1, a growth below 1, or bounds that do not hold the first factor.</exception>
    [<CompiledName("Wrap")>]
    let wrap (settings: LossScaling) (inner: Optimizer<'P, 'S>) : Optimizer<'P, LossScaled<'S>> =
        let isRight =
            settings.Backoff > 0.0
            && settings.Backoff <= 1.0
            && settings.Growth >= 1.0
            && settings.Every >= 1
            && settings.Least > 0.0
            && settings.Least <= settings.First
            && settings.First <= settings.Most
            && settings.Most < infinity

        if not isRight then
            Shapes.refuse
                "lossScale"
                $"takes a backoff in (0, 1], a growth of 1 at least, after one step at least, and bounds that hold the first factor, but was given {settings}."

        { Init =
            fun p ->
                { Scale = number settings.First
                  Since = Updates.zeroCount ()
                  Skipped = Updates.zeroCount ()
                  Inner = inner.Init p }
          Update =
            fun g s p ->
                let finite = isFinite g
                let gradients = Leaves.map (fun g -> Leaves.times (1.0 / s.Scale) g) g
                let updates, next = inner.Update gradients s.Inner p
                let since = s.Since + 1
                let grows = Tensor.greaterEqual since (Tensor.scalar settings.Every)
                let grown = Tensor.minimum (s.Scale * settings.Growth) (number settings.Most)
                let backed = Tensor.maximum (s.Scale * settings.Backoff) (number settings.Least)
                let zero = Tensor.zerosLike since

                Leaves.map (fun u -> Tensor.where finite u (Tensor.zerosLike u)) updates,
                { Scale = Tensor.where finite (Tensor.where grows grown s.Scale) backed
                  Since = Tensor.where finite (Tensor.where grows zero since) zero
                  Skipped = Tensor.where finite s.Skipped (s.Skipped + 1)
                  Inner = Leaves.choose finite next s.Inner } }
