namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Gradients divided by statistics of those before: what makes an optimizer adaptive. <c>Updates.descend</c> follows in a chain.</summary>
/// <remarks>Averages begin at 0. Decays are the share of the old; epsilon is added to the root, and epsilonInRoot to what it is taken of.</remarks>
[<RequireQualifiedAccess>]
module Scaling =
    open Moments

    /// Adam (Kingma and Ba 2015, algorithm 1): m / (sqrt v + epsilon) with unbiased averages m of the gradients and v of their squares.
    [<CompiledName("Adam")>]
    let adam (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, Moments<'P>> =
        checkDecays "adam" decay1 decay2
        within "adam" "epsilon" 0.0 infinity epsilon
        byMoments (averages decay1 decay2) (overRoot decay1 decay2 epsilon)

    /// Adam with averages as they are, which are too small at first.
    [<CompiledName("BiasedAdam")>]
    let biasedAdam (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, 'P * 'P> =
        checkDecays "biasedAdam" decay1 decay2

        { Init = fun p -> Leaves.zeros p, Leaves.zeros p
          Update =
            fun g (m, v) _ ->
                let m, v = Leaves.average decay1 g m, Leaves.average decay2 (Leaves.squares g) v
                over 0.0 epsilon m v, (m, v) }

    /// NAdam (Dozat 2016): Adam whose first moment looks one step ahead, as Nesterov's momentum does.
    [<CompiledName("NAdam")>]
    let nadam (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, Moments<'P>> =
        checkDecays "nadam" decay1 decay2

        byMoments (averages decay1 decay2) (fun g _ state ->
            let ahead =
                Leaves.average
                    decay1
                    (Leaves.unbiased decay1 state.Count g)
                    (Leaves.unbiased decay1 (state.Count + 1) state.First)

            over 0.0 epsilon ahead (Leaves.unbiased decay2 state.Count state.Second))

    /// AMSGrad (Reddi, Kale and Kumar 2018): Adam over the largest second moment so far, all of them unbiased.
    [<CompiledName("AmsGrad")>]
    let amsGrad (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, ThreeMoments<'P>> =
        checkDecays "amsGrad" decay1 decay2

        { Init = noThree
          Update =
            fun g state _ ->
                let count = state.Count + 1
                let m = Leaves.average decay1 g state.First
                let v = Leaves.average decay2 (Leaves.squares g) state.Second
                let largest = Leaves.map2 Tensor.maximum (Leaves.unbiased decay2 count v) state.Third

                over 0.0 epsilon (Leaves.unbiased decay1 count m) largest,
                { Count = count
                  First = m
                  Second = v
                  Third = largest } }

    /// AdaMax (Kingma and Ba 2015, algorithm 2): the unbiased first moment over the decayed largest |g| + epsilon.
    [<CompiledName("AdaMax")>]
    let adaMax (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, Moments<'P>> =
        checkDecays "adaMax" decay1 decay2

        let next g (state: Moments<'P>) =
            Leaves.average decay1 g state.First,
            Leaves.map2 (fun g u -> Tensor.maximum (decay2 * u) (abs g + epsilon)) g state.Second

        byMoments next (fun _ _ state ->
            Leaves.map2 Leaves.ratio (Leaves.unbiased decay1 state.Count state.First) state.Second)

    /// AdaBelief (Zhuang et al. 2020): Adam over the average square of what the first moment did not foresee, plus epsilonInRoot.
    [<CompiledName("AdaBelief")>]
    let adaBelief
        (decay1: float)
        (decay2: float)
        (epsilon: float)
        (epsilonInRoot: float)
        : Optimizer<'P, Moments<'P>> =
        checkDecays "adaBelief" decay1 decay2

        let next g (state: Moments<'P>) =
            let m = Leaves.average decay1 g state.First
            let surprise = Leaves.map2 (fun g m -> Tensor.square (g - m)) g m

            m,
            Leaves.average decay2 surprise state.Second
            |> Leaves.map (fun v -> v + epsilonInRoot)

        byMoments next (overRoot decay1 decay2 epsilon)

    /// <summary>ACProp (Zhuang et al. 2021): g / (sqrt v + epsilon), with the unbiased average v, as it was before g, of what the average of gradients did not foresee.</summary>
    /// <remarks>The first update is the gradient over 1 + epsilon. EpsilonInRoot is added to the average at each step.</remarks>
    [<CompiledName("AcProp")>]
    let acProp
        (decay1: float)
        (decay2: float)
        (epsilon: float)
        (epsilonInRoot: float)
        : Optimizer<'P, Moments<'P>> =
        checkDecays "acProp" decay1 decay2

        let next g (state: Moments<'P>) =
            let surprise = Leaves.map2 (fun g m -> Tensor.square (g - m)) g state.First

            Leaves.average decay1 g state.First,
            Leaves.average decay2 surprise state.Second
            |> Leaves.map (fun v -> v + epsilonInRoot)

        byMoments next (fun g before _ ->
            let isFirst = Tensor.equal before.Count (Tensor.zerosLike before.Count)
            let count = Tensor.maximum before.Count (Tensor.onesLike before.Count)

            let v =
                Leaves.unbiased decay2 count before.Second
                |> Leaves.map (fun v -> Tensor.where isFirst (Tensor.onesLike v) v)

            over 0.0 epsilon g v)

    /// Yogi (Zaheer et al. 2018): Adam whose second moment moves toward g^2 by (1 - decay2) g^2 whatever the distance; moments begin at a value.
    [<CompiledName("Yogi")>]
    let yogi (decay1: float) (decay2: float) (epsilon: float) (initial: float) : Optimizer<'P, Moments<'P>> =
        checkDecays "yogi" decay1 decay2
        let filled p = Leaves.map (fun t -> Tensor.fullLike t initial) p

        let start p : Moments<'P> =
            { Count = Updates.zeroCount ()
              First = filled p
              Second = filled p }

        let next g (state: Moments<'P>) =
            Leaves.average decay1 g state.First,
            Leaves.map2
                (fun (g: Tensor) v -> v - (1.0 - decay2) * Tensor.sign (v - g * g) * (g * g))
                g
                state.Second

        byMomentsFrom start next (overRoot decay1 decay2 epsilon)

    /// Ano (Kegreisz 2025): as long as the gradient, |g| / sqrt(v + epsilon), and to where its average m points, sign m. The second moment moves toward g^2 as Yogi's, by
    /// (1 - decay2) g^2 whatever the distance, and is unbiased.
    [<CompiledName("Ano")>]
    let ano (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, Moments<'P>> =
        checkDecays "ano" decay1 decay2

        let next g (state: Moments<'P>) =
            Leaves.average decay1 g state.First,
            Leaves.map2
                (fun (g: Tensor) v -> decay2 * v + (1.0 - decay2) * Tensor.sign (g * g - v) * (g * g))
                g
                state.Second

        let update g _ (after: Moments<'P>) =
            let v = Leaves.unbiased decay2 after.Count after.Second
            Leaves.map3 (fun g m v -> abs g * Tensor.sign m / sqrt (v + epsilon)) g after.First v

        byMoments next update

    /// RAdam (Liu et al. 2020, algorithm 2): Adam, its adaptive part put right for the few gradients it has seen, and left out while there are fewer than a threshold
    /// tells.
    [<CompiledName("RAdam")>]
    let radam
        (decay1: float)
        (decay2: float)
        (epsilon: float)
        (threshold: float)
        : Optimizer<'P, Moments<'P>> =
        checkDecays "radam" decay1 decay2
        let limit = 2.0 / (1.0 - decay2) - 1.0

        byMoments (averages decay1 decay2) (fun _ _ state ->
            let t = Tensor.cast DType.Float64 state.Count
            let power = Tensor.Pow(Tensor.scalar decay2, t)
            let length = limit - 2.0 * t * power / (1.0 - power)
            let isTractable = Tensor.greaterEqual length (Tensor.scalar threshold)
            let safe = Tensor.where isTractable length (Tensor.scalar limit)

            let rectified =
                sqrt ((safe - 4.0) * (safe - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * safe))

            Leaves.map2
                (fun m v -> Tensor.where isTractable (Leaves.times rectified (m / (sqrt v + epsilon))) m)
                (Leaves.unbiased decay1 state.Count state.First)
                (Leaves.unbiased decay2 state.Count state.Second))

    /// RMSProp (Tieleman and Hinton 2012): g / (sqrt v + epsilon), or g / sqrt(v + epsilon) if it is in the root, with averages v of squares.
    [<CompiledName("Rms")>]
    let rms (decay: float) (epsilon: float) (isInRoot: bool) : Optimizer<'P, 'P> =
        within "rms" "the decay" 0.0 1.0 decay
        let inRoot, outside = if isInRoot then epsilon, 0.0 else 0.0, epsilon

        { Init = Leaves.zeros
          Update =
            fun g v _ ->
                let v = Leaves.average decay (Leaves.squares g) v
                over inRoot outside g v, v }

    /// Centred RMSProp (Graves 2013, eq. 38 to 41): g over the standard deviation, sqrt(v - m^2 + epsilon).
    [<CompiledName("StandardDeviation")>]
    let standardDeviation (decay: float) (epsilon: float) : Optimizer<'P, 'P * 'P> =
        within "standardDeviation" "the decay" 0.0 1.0 decay

        { Init = fun p -> Leaves.zeros p, Leaves.zeros p
          Update =
            fun g (m, v) _ ->
                let m, v = Leaves.average decay g m, Leaves.average decay (Leaves.squares g) v
                Leaves.map3 (fun g m v -> g / sqrt (v - Tensor.square m + epsilon)) g m v, (m, v) }

    /// AdaGrad (Duchi, Hazan and Singer 2011): g over the root of the sum s of squares, which begins at a value; 0 where s is 0. Epsilon as in <c>rms</c>.
    [<CompiledName("RootOfSquares")>]
    let rootOfSquares (initial: float) (epsilon: float) (isInRoot: bool) : Optimizer<'P, 'P> =
        within "rootOfSquares" "the first sum" 0.0 infinity initial

        { Init = Leaves.map (fun p -> Tensor.fullLike p initial)
          Update =
            fun g sum _ ->
                let sum = Leaves.map2 (fun (g: Tensor) s -> s + g * g) g sum

                let scaled (g: Tensor) s =
                    let isZero = Tensor.equal s (Tensor.zerosLike s)
                    let s = Tensor.where isZero (Tensor.onesLike s) s
                    let root = if isInRoot then sqrt (s + epsilon) else sqrt s + epsilon
                    Tensor.where isZero (Tensor.zerosLike g) (g / root)

                Leaves.map2 scaled g sum, sum }

    /// AdaDelta (Zeiler 2012, algorithm 1): g sqrt(d + epsilon) / sqrt(v + epsilon), with averages v of g^2 and d of the updates' squares.
    [<CompiledName("AdaDelta")>]
    let adaDelta (decay: float) (epsilon: float) : Optimizer<'P, 'P * 'P> =
        within "adaDelta" "the decay" 0.0 1.0 decay

        { Init = fun p -> Leaves.zeros p, Leaves.zeros p
          Update =
            fun g (v, d) _ ->
                let v = Leaves.average decay (Leaves.squares g) v
                let u = Leaves.map3 (fun g v d -> g * sqrt (d + epsilon) / sqrt (v + epsilon)) g v d
                u, (v, Leaves.average decay (Leaves.squares u) d) }

    /// Adan (Xie et al. 2022, algorithm 1): momenta of gradients and of their differences, over the root of the average square of both; decays 0.98,
    /// 0.92, 0.99.
    [<CompiledName("Adan")>]
    let adan
        (decay1: float)
        (decay2: float)
        (decay3: float)
        (epsilon: float)
        : Optimizer<'P, 'P * ThreeMoments<'P>> =
        checkDecays "adan" decay1 decay2
        within "adan" "the third decay" 0.0 1.0 decay3

        { Init = fun p -> Leaves.zeros p, noThree p
          Update =
            fun g (last, state) _ ->
                let isFirst = Tensor.equal state.Count (Tensor.zerosLike state.Count)

                let change =
                    Leaves.map2 (fun g last -> Tensor.where isFirst (Tensor.zerosLike g) (g - last)) g last

                let count = state.Count + 1
                let m = Leaves.average decay1 g state.First
                let d = Leaves.average decay2 change state.Second
                let ahead = Leaves.map2 (fun g change -> Tensor.square (g + decay2 * change)) g change
                let n = Leaves.average decay3 ahead state.Third

                Leaves.map3
                    (fun m d n -> (m + decay2 * d) / (sqrt n + epsilon))
                    (Leaves.unbiased decay1 count m)
                    (Leaves.unbiased decay2 count d)
                    (Leaves.unbiased decay3 count n),
                (g,
                 { Count = count
                   First = m
                   Second = d
                   Third = n }) }

    /// AdEMAMix (Pagliardini et al. 2024): Adam with alpha times a slow momentum, not unbiased, beside the fast one.
    [<CompiledName("AdEmaMix")>]
    let adEmaMix
        (decay1: float)
        (decay2: float)
        (slowDecay: float)
        (alpha: float)
        (epsilon: float)
        : Optimizer<'P, ThreeMoments<'P>> =
        checkDecays "adEmaMix" decay1 decay2
        within "adEmaMix" "the slow decay" 0.0 1.0 slowDecay

        { Init = noThree
          Update =
            fun g state _ ->
                let count = state.Count + 1
                let m = Leaves.average decay1 g state.First
                let v = Leaves.average decay2 (Leaves.squares g) state.Second
                let slow = Leaves.average slowDecay g state.Third
                let mixed = Leaves.map2 (fun m slow -> m + alpha * slow) (Leaves.unbiased decay1 count m) slow

                over 0.0 epsilon mixed (Leaves.unbiased decay2 count v),
                { Count = count
                  First = m
                  Second = v
                  Third = slow } }

    /// AdEMAMix with one momentum, simplified (Morwani et al. 2025): (m + alpha g) / (sqrt v + epsilon), with the sum m' = decay1 m + g and the unbiased average v
    /// of squares.
    [<CompiledName("SimplifiedAdEmaMix")>]
    let simplifiedAdEmaMix
        (decay1: float)
        (decay2: float)
        (alpha: float)
        (epsilon: float)
        : Optimizer<'P, Moments<'P>> =
        checkDecays "simplifiedAdEmaMix" decay1 decay2
        within "simplifiedAdEmaMix" "alpha" 0.0 infinity alpha

        { Init = noMoments
          Update =
            fun g state _ ->
                let count = state.Count + 1
                let m = Leaves.map2 (fun g m -> decay1 * m + g) g state.First
                let v = Leaves.average decay2 (Leaves.squares g) state.Second
                let mixed = Leaves.map2 (fun m g -> m + alpha * g) m g

                over 0.0 epsilon mixed (Leaves.unbiased decay2 count v),
                { Count = count; First = m; Second = v } }

    /// ADOPT (Taniguchi et al. 2024, algorithm 2): momentum of g / max(sqrt v, epsilon), clipped to t^(1/4), with the average of squares as it was before g. The
    /// first step only sets v, and does not move.
    [<CompiledName("Adopt")>]
    let adopt (decay1: float) (decay2: float) (epsilon: float) : Optimizer<'P, Moments<'P>> =
        checkDecays "adopt" decay1 decay2

        { Init = noMoments
          Update =
            fun g state _ ->
                let isFirst = Tensor.equal state.Count (Tensor.zerosLike state.Count)

                let limit = Tensor.Pow(Tensor.cast DType.Float64 state.Count, Tensor.scalar 0.25)

                let normed (g: Tensor) v =
                    let limit = Tensor.cast g.DType limit
                    let u = g / Tensor.maximum (sqrt v) (Tensor.fullLike v epsilon)
                    Tensor.maximum (-limit) (Tensor.minimum limit u)

                let m =
                    Leaves.map3
                        (fun g v m -> Tensor.where isFirst m (decay1 * m + (1.0 - decay1) * normed g v))
                        g
                        state.Second
                        state.First

                let v =
                    Leaves.map2
                        (fun (g: Tensor) v ->
                            Tensor.where isFirst (g * g) (decay2 * v + (1.0 - decay2) * (g * g)))
                        g
                        state.Second

                m,
                { Count = state.Count + 1
                  First = m
                  Second = v } }
