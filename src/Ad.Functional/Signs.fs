namespace Ad.Functional

open Ad.Tensors

/// <summary>Updates by the signs of gradients: lion, rprop and gains that grow while a sign stays.</summary>
/// <remarks><c>Updates.descend</c> follows in a chain, except after rprop.</remarks>
[<RequireQualifiedAccess>]
module Signs =
    let private within = Updates.within

    /// Lion (Chen et al. 2023): the sign of decay1 m + (1 - decay1) g, where m decays by decay2.
    [<CompiledName("Lion")>]
    let lion (decay1: float) (decay2: float) : Optimizer<'P, 'P> =
        within "lion" "the first decay" 0.0 1.0 decay1
        within "lion" "the second decay" 0.0 1.0 decay2

        { Init = Leaves.zeros
          Update = fun g m _ -> Leaves.map Tensor.sign (Leaves.average decay1 g m), Leaves.average decay2 g m }

    /// The sign of each element.
    [<CompiledName("Sign")>]
    let sign<'P> : Optimizer<'P, unit> = Updates.ofLeaves Tensor.sign

    /// RProp (Riedmiller and Braun 1993), on signs alone: each step size grows by a factor while the sign stays and shrinks when it changes, and then that element
    /// waits once. The updates are step sizes with the gradients' signs.
    [<CompiledName("RProp")>]
    let rprop
        (rate: float)
        (shrink: float)
        (grow: float)
        (smallest: float)
        (largest: float)
        : Optimizer<'P, 'P * 'P> =
        within "rprop" "the shrinking factor" 0.0 1.0 shrink
        within "rprop" "the growing factor" 1.0 infinity grow

        { Init = fun p -> Leaves.map (fun t -> Tensor.fullLike t rate) p, Leaves.zeros p
          Update =
            fun g (sizes, last) _ ->
                let agreement = Leaves.map2 (fun (g: Tensor) last -> Tensor.sign (g * last)) g last

                let resized (size: Tensor) agreement =
                    let zero = Tensor.zerosLike size

                    let factor =
                        Tensor.where
                            (Tensor.greater agreement zero)
                            (Tensor.fullLike size grow)
                            (Tensor.where
                                (Tensor.less agreement zero)
                                (Tensor.fullLike size shrink)
                                (Tensor.onesLike size))

                    Tensor.clip smallest largest (size * factor)

                let sizes = Leaves.map2 resized sizes agreement

                let kept =
                    Leaves.map2
                        (fun g agreement ->
                            Tensor.where (Tensor.less agreement (Tensor.zerosLike g)) (Tensor.zerosLike g) g)
                        g
                        agreement

                Leaves.map2 (fun size g -> size * Tensor.sign g) sizes kept, (sizes, kept) }

    /// A gain for each parameter (Jacobs 1988; Hinton's lecture 6c): plus a step while the gradient keeps its sign, times a factor when it changes, within limits.
    [<CompiledName("Gains")>]
    let gains (step: float) (factor: float) (smallest: float) (largest: float) : Optimizer<'P, 'P * 'P> =
        { Init = fun p -> Leaves.map Tensor.onesLike p, Leaves.zeros p
          Update =
            fun g (gains, last) _ ->
                let changed (gain: Tensor) (g: Tensor) last =
                    let product = g * last
                    let zero = Tensor.zerosLike product

                    Tensor.where
                        (Tensor.greater product zero)
                        (gain + step)
                        (Tensor.where (Tensor.less product zero) (gain * factor) gain)
                    |> Tensor.clip smallest largest

                let gains = Leaves.map3 changed gains g last
                Leaves.map2 (fun gain g -> gain * g) gains g, (gains, g) }
