namespace Ad.Functional

open System
open Ad.Tensors

/// Moments that adaptive optimizers keep, and how many steps they have seen.
type Moments<'P> =
    { Count: Tensor; First: 'P; Second: 'P }

/// Moments with a third.
type ThreeMoments<'P> =
    { Count: Tensor
      First: 'P
      Second: 'P
      Third: 'P }

/// How far the parameters went from where they began, and the squares of the gradients met on the way.
type Distances<'P> =
    { Start: 'P
      Farthest: Tensor
      Squares: Tensor }

/// <summary>Gradients divided by statistics of those before: what makes an optimizer adaptive. <c>Updates.descend</c> follows in a chain.</summary>
/// <remarks>Averages begin at 0. Decays are the share of the old; epsilon is added to the root, and epsilonInRoot to what it is taken of.</remarks>
[<RequireQualifiedAccess>]
module Scaling =
    let private within = Updates.within

    let private checkDecays name decay1 decay2 =
        within name "the first decay" 0.0 1.0 decay1
        within name "the second decay" 0.0 1.0 decay2

    let private noMoments p : Moments<'P> =
        { Count = Updates.zeroCount ()
          First = Leaves.zeros p
          Second = Leaves.zeros p }

    let private noThree p : ThreeMoments<'P> =
        { Count = Updates.zeroCount ()
          First = Leaves.zeros p
          Second = Leaves.zeros p
          Third = Leaves.zeros p }

    let private over (epsilonInRoot: float) (epsilon: float) : 'P -> 'P -> 'P =
        Leaves.map2 (fun m v -> m / (sqrt (if epsilonInRoot = 0.0 then v else v + epsilonInRoot) + epsilon))

    /// Moments from a start, the next ones from gradients and the last ones, and updates made of gradients, the last and the next.
    let private byMomentsFrom
        start
        (next: 'P -> Moments<'P> -> 'P * 'P)
        (update: 'P -> Moments<'P> -> Moments<'P> -> 'P)
        : Optimizer<'P, Moments<'P>> =
        { Init = start
          Update =
            fun g state _ ->
                let m, v = next g state

                let after =
                    { Count = state.Count + 1
                      First = m
                      Second = v }

                update g state after, after }

    let private byMoments next update = byMomentsFrom noMoments next update

    /// Averages of gradients and of their squares.
    let private averages decay1 decay2 (g: 'P) (state: Moments<'P>) : 'P * 'P =
        Leaves.average decay1 g state.First, Leaves.average decay2 (Leaves.squares g) state.Second

    /// m / (sqrt v + epsilon) of unbiased moments.
    let private overRoot decay1 decay2 epsilon _ _ (state: Moments<'P>) : 'P =
        over
            0.0
            epsilon
            (Leaves.unbiased decay1 state.Count state.First)
            (Leaves.unbiased decay2 state.Count state.Second)

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

    /// Lion (Chen et al. 2023): the sign of decay1 m + (1 - decay1) g, where m decays by decay2.
    [<CompiledName("Lion")>]
    let lion (decay1: float) (decay2: float) : Optimizer<'P, 'P> =
        checkDecays "lion" decay1 decay2

        { Init = Leaves.zeros
          Update = fun g m _ -> Leaves.map Tensor.sign (Leaves.average decay1 g m), Leaves.average decay2 g m }

    /// The sign of each element.
    [<CompiledName("Sign")>]
    let sign<'P> : Optimizer<'P, unit> = Updates.ofLeaves Tensor.sign

    /// NovoGrad (Ginsburg et al. 2019): momentum of g / (sqrt v + epsilon) + weightDecay p, where v averages the squared norm of each tensor and begins
    /// with the first one.
    [<CompiledName("NovoGrad")>]
    let novoGrad
        (decay1: float)
        (decay2: float)
        (epsilon: float)
        (weightDecay: float)
        : Optimizer<'P, Moments<'P>> =
        checkDecays "novoGrad" decay1 decay2

        { Init =
            fun p ->
                { Count = Updates.zeroCount ()
                  First = Leaves.zeros p
                  Second = Tree.map (fun t -> Tensor.zeros t.DType []) p }
          Update =
            fun g state p ->
                let isFirst = Tensor.equal state.Count (Tensor.zerosLike state.Count)
                let norms = Leaves.map (Tensor.square >> Tensor.sum) g

                let v = Leaves.choose isFirst norms (Leaves.average decay2 norms state.Second)

                let m =
                    Leaves.map4
                        (fun g v m p -> decay1 * m + (g / (sqrt v + epsilon) + weightDecay * p))
                        g
                        v
                        state.First
                        p

                m,
                { Count = state.Count + 1
                  First = m
                  Second = v } }

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

    // The largest of what is kept for the axes, at each element.
    let private coverOf (g: Tensor) (kept: Tensor[]) =
        kept
        |> Array.mapi (fun axis v ->
            Tensor.reshape (Seq.init g.Rank (fun i -> if i = axis then g.Shape[i] else 1)) v)
        |> Array.reduce Tensor.minimum

    /// SM3-II (Anil et al. 2019): AdaGrad that keeps, of each tensor, a sum for each slice along each axis instead of one for each element.
    [<CompiledName("Sm3")>]
    let sm3 (epsilon: float) : Optimizer<'P, Tensor[][]> =
        let axes (t: Tensor) = if t.DType.IsFloat() then t.Rank else 0
        let atLeastVector (t: Tensor) = if t.Rank = 0 then Tensor.reshape [ 1 ] t else t

        { Init =
            fun p ->
                Tree.leaves p
                |> Array.map (fun t ->
                    [| for axis in 0 .. max 1 (axes t) - 1 ->
                           Tensor.zeros t.DType [ (atLeastVector t).Shape[axis] ] |])
          Update =
            fun g kept _ ->
                let step (leaf: Tensor) kept =
                    if not (leaf.DType.IsFloat()) then
                        leaf, kept
                    else
                        let g = atLeastVector leaf
                        let v = coverOf g kept + g * g

                        let kept =
                            Array.init g.Rank (fun axis ->
                                Tensor.maxOver (Seq.init g.Rank id |> Seq.filter ((<>) axis)) v)

                        let isZero = Tensor.equal v (Tensor.zerosLike v)
                        let root = sqrt (Tensor.where isZero (Tensor.onesLike v) v + epsilon)
                        Tensor.reshape leaf.Shape (Tensor.where isZero (Tensor.zerosLike g) (g / root)), kept

                let leaves, kept = Array.map2 step (Tree.leaves g) kept |> Array.unzip
                Tree.withLeaves leaves g, kept }

    // The two largest axes, the last two where there is a choice; none if the smaller is below a size.
    let private factoredAxes (smallest: int) (t: Tensor) =
        if t.Rank < 2 then
            None
        else
            let byLength = Seq.init t.Rank id |> Seq.sortBy (fun i -> t.Shape[i]) |> Seq.toArray
            let row, column = byLength[t.Rank - 2], byLength[t.Rank - 1]
            if t.Shape[row] >= smallest then Some(row, column) else None

    /// Adafactor's scaling (Shazeer and Stern 2018, algorithm 4): the second moment of a matrix as the product of its row and column means; the decay is 1 -
    /// (t + 1)^-power. Tensors whose two longest axes are not both at least a size keep all of it.
    [<CompiledName("FactoredRms")>]
    let factoredRms (power: float) (smallest: int) (epsilon: float) : Optimizer<'P, Tensor * Tensor[][]> =
        within "factoredRms" "the power" 0.0 1.0 power

        let without axis (t: Tensor) =
            Seq.init t.Rank id
            |> Seq.filter ((<>) axis)
            |> Seq.map (fun i -> t.Shape[i])
            |> Seq.toList

        { Init =
            fun p ->
                Updates.zeroCount (),
                Tree.leaves p
                |> Array.map (fun t ->
                    match factoredAxes smallest t with
                    | Some(row, column) ->
                        [| Tensor.zeros t.DType (without column t)
                           Tensor.zeros t.DType (without row t) |]
                    | None -> [| Tensor.zerosLike t |])
          Update =
            fun g (count, kept) _ ->
                let decay = 1.0 - Tensor.Pow(Tensor.cast DType.Float64 count + 1.0, Tensor.scalar -power)

                let step (g: Tensor) (kept: Tensor[]) =
                    let decay = Tensor.cast g.DType decay
                    let squares = g * g + epsilon
                    let average x v = decay * v + (1.0 - decay) * x

                    match factoredAxes smallest g with
                    | Some(row, column) ->
                        let rows = average (Tensor.meanOver [ column ] squares) kept[0]
                        let columns = average (Tensor.meanOver [ row ] squares) kept[1]
                        // Of the two axes only the row's is left in `rows`.
                        let rowAxis = if row > column then row - 1 else row
                        let rowFactor = Tensor.rsqrt (rows / Tensor.meanKeep [ rowAxis ] rows)

                        g
                        * Tensor.expandDims column rowFactor
                        * Tensor.expandDims row (Tensor.rsqrt columns),
                        [| rows; columns |]
                    | None ->
                        let v = average squares kept[0]
                        g * Tensor.rsqrt v, [| v |]

                let leaves, kept =
                    Array.map2
                        (fun (g: Tensor) kept -> if g.DType.IsFloat() then step g kept else g, kept)
                        (Tree.leaves g)
                        kept
                    |> Array.unzip

                Tree.withLeaves leaves g, (count + 1, kept) }

    let private norm (x: Tensor) = sqrt (Tensor.sum (Tensor.square x))

    /// Each tensor's update times coefficient |p| / (|u| + epsilon), the trust ratio of LARS (You, Gitman and Ginsburg 2017) and LAMB (You et al. 2020); as it is where
    /// either norm is 0.
    [<CompiledName("TrustRatio")>]
    let trustRatio (coefficient: float) (epsilon: float) : Optimizer<'P, unit> =
        Updates.stateless (fun u p ->
            Leaves.map2
                (fun u p ->
                    let lengthU, lengthP = norm u, norm p
                    let zero = Tensor.zerosLike lengthU
                    let isZero = Tensor.logicalOr (Tensor.equal lengthU zero) (Tensor.equal lengthP zero)
                    let one = Tensor.onesLike lengthU

                    u
                    * Tensor.where
                        isZero
                        one
                        (coefficient * lengthP / (Tensor.where isZero one lengthU + epsilon)))
                u
                p)

    /// Each tensor's update times the root mean square of the parameter, at least a value (Shazeer and Stern 2018, relative step sizes).
    [<CompiledName("ParameterRms")>]
    let parameterRms (least: float) : Optimizer<'P, unit> =
        Updates.stateless (fun u p ->
            Leaves.map2
                (fun u p ->
                    let rms = sqrt (Tensor.mean (Tensor.square p))
                    u * Tensor.maximum rms (Tensor.fullLike rms least))
                u
                p)

    /// Each tensor's update times the norm of the parameter, at least a value.
    [<CompiledName("ParameterNorm")>]
    let parameterNorm (least: float) : Optimizer<'P, unit> =
        Updates.stateless (fun u p ->
            Leaves.map2 (fun u p -> u * Tensor.maximum (norm p) (Tensor.fullLike (norm p) least)) u p)

    /// Newton and Schulz's iteration toward the nearest orthogonal matrix, by the polynomial a X + b (X X') X + c (X X')^2 X (Jordan et al. 2024, whose
    /// coefficients bring singular values near 1 in five steps rather than to it).
    [<CompiledName("Orthogonalize")>]
    let orthogonalize (steps: int) (x: Tensor) : Tensor =
        if x.Rank <> 2 then
            Shapes.refuse "orthogonalize" $"takes a matrix, but was given {x.Signature}."

        let a, b, c = 3.4445, -4.7750, 2.0315
        let isTall = x.Shape[0] > x.Shape[1]
        let wide = if isTall then Tensor.transpose x else x
        let mutable y = wide / (norm wide + 1e-8)

        for _ in 1..steps do
            let gram = Tensor.matmul y (Tensor.transpose y)
            let poly = b * gram + c * Tensor.matmul gram gram
            y <- a * y + Tensor.matmul poly y

        if isTall then Tensor.transpose y else y

    /// Muon's scaling of matrices (Jordan et al. 2024): Nesterov momentum made orthogonal, times sqrt(max(1, rows / columns)). Other tensors keep their momentum as it
    /// is; <c>Updates.partition</c> gives them another optimizer.
    [<CompiledName("Muon")>]
    let muon (decay: float) (steps: int) : Optimizer<'P, 'P> =
        within "muon" "the decay" 0.0 1.0 decay

        { Init = Leaves.zeros
          Update =
            fun g m _ ->
                let m = Leaves.average decay g m

                let update (g: Tensor) (m: Tensor) =
                    let ahead = decay * m + (1.0 - decay) * g

                    if g.Rank = 2 then
                        let ratio = float g.Shape[0] / float g.Shape[1]
                        orthogonalize steps ahead * Math.Sqrt(max 1.0 ratio)
                    else
                        ahead

                Leaves.map2 update g m, m }

    let private distance (a: 'P) (b: 'P) = Updates.globalNorm (Leaves.map2 (-) a b)

    let private noDistance first (p: 'P) : Distances<'P> =
        { Start = p
          Farthest = first p
          Squares = Tensor.zeros DType.Float64 [] }

    let private relative (share: float) p = share * (1.0 + Updates.globalNorm p)

    /// DoG (Ivgi, Hinder and Carmon 2023): g r / sqrt(G + epsilon), where r is the largest distance from the start so far (at first a share of 1 + |p|) and G the
    /// sum of the gradients' squared norms. It needs no learning rate: descend with 1.
    [<CompiledName("DistanceOverGradients")>]
    let distanceOverGradients (share: float) (epsilon: float) : Optimizer<'P, Distances<'P>> =
        { Init = noDistance (relative share)
          Update =
            fun g state p ->
                let farthest = Tensor.maximum state.Farthest (distance p state.Start)
                let squares = state.Squares + Leaves.total Tensor.square g
                let rate = farthest / sqrt (squares + epsilon)

                Leaves.map (Leaves.times rate) g,
                { state with
                    Farthest = farthest
                    Squares = squares } }

    /// DoWG (Khaled, Mishchenko and Jin 2023): g r^2 / sqrt(v + epsilon), with r^2 the largest squared distance so far and v the sum of r^2 |g|^2. Descend with 1.
    [<CompiledName("WeightedDistance")>]
    let weightedDistance (share: float) (epsilon: float) : Optimizer<'P, Distances<'P>> =
        { Init = noDistance (relative share >> Tensor.square)
          Update =
            fun g state p ->
                let farthest = Tensor.maximum state.Farthest (Tensor.square (distance p state.Start))

                let squares = state.Squares + farthest * Leaves.total Tensor.square g
                let rate = farthest / sqrt (squares + epsilon)

                Leaves.map (Leaves.times rate) g,
                { state with
                    Farthest = farthest
                    Squares = squares } }
