namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Optimizers by name, and optimizers around optimizers. Chains of <c>Updates</c> and <c>Scaling</c> make others.</summary>
/// <remarks>Those that end in By take the learning rate as a schedule. Settings not asked for are the ones of optax 0.2.</remarks>
[<RequireQualifiedAccess>]
module Optimizer =
    let private within = Updates.within

    /// The parameters with the updates added.
    [<CompiledName("Apply")>]
    let apply (updates: 'P) (parameters: 'P) : 'P = Leaves.map2 (fun p u -> p + u) parameters updates

    /// One step: from gradients, state and parameters to the next parameters and state, which are computed together.
    [<CompiledName("Step")>]
    let step (optimizer: Optimizer<'P, 'S>) (gradients: 'P) (state: 'S) (parameters: 'P) : 'P * 'S =
        let updates, state = optimizer.Update gradients state parameters
        let parameters = apply updates parameters
        Trace.together (Seq.append (Tree.leaves parameters) (Tree.leaves state))
        parameters, state

    let private decayed decay (first: Optimizer<'P, 'S>) rate : Optimizer<'P, ('S * unit) * Tensor> =
        first >-> Updates.addDecayedWeights decay >-> Updates.descendBy rate

    // Gradient descent

    /// Gradient descent with a schedule as learning rate.
    [<CompiledName("SgdBy")>]
    let sgdBy (rate: Schedule) : Optimizer<'P, Tensor> = Updates.descendBy rate

    /// Gradient descent: p' = p - rate g.
    [<CompiledName("Sgd")>]
    let sgd (rate: float) : Optimizer<'P, Tensor> = sgdBy (Updates.constant "sgd" rate)

    /// Gradient descent with momentum: v' = decay v + g, p' = p - rate v'.
    [<CompiledName("Momentum")>]
    let momentum (rate: float) (decay: float) : Optimizer<'P, 'P * Tensor> =
        Updates.momentum decay false
        >-> Updates.descendBy (Updates.constant "momentum" rate)

    /// Gradient descent with Nesterov's momentum: v' = decay v + g, p' = p - rate (g + decay v').
    [<CompiledName("Nesterov")>]
    let nesterov (rate: float) (decay: float) : Optimizer<'P, 'P * Tensor> =
        Updates.momentum decay true
        >-> Updates.descendBy (Updates.constant "nesterov" rate)

    /// Gradient descent with normal noise of variance 0.01 / (1 + t)^0.55 (Neelakantan et al. 2015).
    [<CompiledName("NoisySgd")>]
    let noisySgd (rate: float) (key: Key) : Optimizer<'P, Tensor * Tensor> =
        Updates.addNoise 0.01 0.55 key
        >-> Updates.descendBy (Updates.constant "noisySgd" rate)

    /// Optimistic gradient descent (Daskalakis et al. 2018): p' = p - rate (2 g - g').
    [<CompiledName("OptimisticSgd")>]
    let optimisticSgd (rate: float) : Optimizer<'P, ('P * Tensor) * Tensor> =
        Updates.optimistic 1.0 1.0
        >-> Updates.descendBy (Updates.constant "optimisticSgd" rate)

    /// p' = p - rate sign g.
    [<CompiledName("SignSgd")>]
    let signSgd (rate: float) : Optimizer<'P, unit * Tensor> =
        Signs.sign >-> Updates.descendBy (Updates.constant "signSgd" rate)

    /// Signum (Bernstein et al. 2018): the sign of an average of gradients; decay 0.9.
    [<CompiledName("Signum")>]
    let signum (rate: float) : Optimizer<'P, (('P * Tensor) * unit) * Tensor> =
        Updates.ema 0.9 false
        >-> Signs.sign
        >-> Updates.descendBy (Updates.constant "signum" rate)

    /// RProp (Riedmiller and Braun 1993): factors 0.5 and 1.2, step sizes from 1e-6 to 50. For gradients of all examples: it looks at their signs alone.
    [<CompiledName("RProp")>]
    let rprop (rate: float) : Optimizer<'P, ('P * 'P) * unit> =
        Signs.rprop rate 0.5 1.2 1e-6 50.0 >-> Updates.scale -1.0

    // Adam and its kin

    /// Adam with a schedule as learning rate; decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("AdamBy")>]
    let adamBy (rate: Schedule) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.adam 0.9 0.999 1e-8 >-> Updates.descendBy rate

    /// Adam (Kingma and Ba 2015); decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("Adam")>]
    let adam (rate: float) : Optimizer<'P, Moments<'P> * Tensor> = adamBy (Updates.constant "adam" rate)

    /// Adam with decoupled weight decay and a schedule as learning rate (Loshchilov and Hutter 2019).
    [<CompiledName("AdamWBy")>]
    let adamWBy (rate: Schedule) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        decayed decay (Scaling.adam 0.9 0.999 1e-8) rate

    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    [<CompiledName("AdamW")>]
    let adamW (rate: float) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        adamWBy (Updates.constant "adamW" rate) decay

    /// NAdam (Dozat 2016); decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("NAdam")>]
    let nadam (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.nadam 0.9 0.999 1e-8
        >-> Updates.descendBy (Updates.constant "nadam" rate)

    /// NAdam with decoupled weight decay.
    [<CompiledName("NAdamW")>]
    let nadamW (rate: float) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        decayed decay (Scaling.nadam 0.9 0.999 1e-8) (Updates.constant "nadamW" rate)

    /// AMSGrad (Reddi, Kale and Kumar 2018); decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("AmsGrad")>]
    let amsGrad (rate: float) : Optimizer<'P, ThreeMoments<'P> * Tensor> =
        Scaling.amsGrad 0.9 0.999 1e-8
        >-> Updates.descendBy (Updates.constant "amsGrad" rate)

    /// AdaMax (Kingma and Ba 2015, algorithm 2); decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("AdaMax")>]
    let adaMax (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.adaMax 0.9 0.999 1e-8
        >-> Updates.descendBy (Updates.constant "adaMax" rate)

    /// AdaMax with decoupled weight decay.
    [<CompiledName("AdaMaxW")>]
    let adaMaxW (rate: float) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        decayed decay (Scaling.adaMax 0.9 0.999 1e-8) (Updates.constant "adaMaxW" rate)

    /// AdaBelief (Zhuang et al. 2020); decays 0.9 and 0.999, both epsilons 1e-16.
    [<CompiledName("AdaBelief")>]
    let adaBelief (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.adaBelief 0.9 0.999 1e-16 1e-16
        >-> Updates.descendBy (Updates.constant "adaBelief" rate)

    /// ACProp (Zhuang et al. 2021); decays 0.9 and 0.999, both epsilons 1e-16.
    [<CompiledName("AcProp")>]
    let acProp (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.acProp 0.9 0.999 1e-16 1e-16
        >-> Updates.descendBy (Updates.constant "acProp" rate)

    /// Yogi (Zaheer et al. 2018); decays 0.9 and 0.999, epsilon 1e-3, moments from 1e-6.
    [<CompiledName("Yogi")>]
    let yogi (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.yogi 0.9 0.999 1e-3 1e-6
        >-> Updates.descendBy (Updates.constant "yogi" rate)

    /// RAdam (Liu et al. 2020); decays 0.9 and 0.999, epsilon 1e-8, threshold 5.
    [<CompiledName("RAdam")>]
    let radam (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.radam 0.9 0.999 1e-8 5.0
        >-> Updates.descendBy (Updates.constant "radam" rate)

    /// Adan (Xie et al. 2022); decays 0.98, 0.92 and 0.99, epsilon 1e-8.
    [<CompiledName("Adan")>]
    let adan (rate: float) : Optimizer<'P, ('P * ThreeMoments<'P>) * Tensor> =
        Scaling.adan 0.98 0.92 0.99 1e-8
        >-> Updates.descendBy (Updates.constant "adan" rate)

    /// Simplified AdEMAMix (Morwani et al. 2025); decays 0.99 and 0.95, epsilon 1e-8. With alpha 0 it is Adam with a momentum that is a sum.
    [<CompiledName("SimplifiedAdEmaMix")>]
    let simplifiedAdEmaMix (rate: float) (alpha: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.simplifiedAdEmaMix 0.99 0.95 alpha 1e-8
        >-> Updates.descendBy (Updates.constant "simplifiedAdEmaMix" rate)

    /// AdEMAMix (Pagliardini et al. 2024); decays 0.9, 0.999 and 0.9999, alpha 6, epsilon 1e-8.
    [<CompiledName("AdEmaMix")>]
    let adEmaMix (rate: float) : Optimizer<'P, ThreeMoments<'P> * Tensor> =
        Scaling.adEmaMix 0.9 0.999 0.9999 6.0 1e-8
        >-> Updates.descendBy (Updates.constant "adEmaMix" rate)

    /// ADOPT (Taniguchi et al. 2024); decays 0.9 and 0.9999, epsilon 1e-6.
    [<CompiledName("Adopt")>]
    let adopt (rate: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Scaling.adopt 0.9 0.9999 1e-6
        >-> Updates.descendBy (Updates.constant "adopt" rate)

    /// Adam's updates with Nesterov's momentum (Dozat 2016), optimistic: a u + b (u - u') of the last ones u' (Daskalakis et al. 2018), in which the first step has
    /// none before it; decays 0.9 and 0.999, epsilon 1e-8.
    [<CompiledName("OptimisticAdamBy")>]
    let optimisticAdamBy
        (a: float)
        (b: float)
        (rate: Schedule)
        : Optimizer<'P, (Moments<'P> * ('P * Tensor)) * Tensor> =
        Scaling.nadam 0.9 0.999 1e-8
        >-> Updates.optimistic a b
        >-> Updates.descendBy rate

    /// Adam's updates, optimistic: u + (u - u') of the last ones u' (Daskalakis et al. 2018); <c>optimisticAdamBy</c> has weights, a schedule and Nesterov's momentum.
    [<CompiledName("OptimisticAdam")>]
    let optimisticAdam (rate: float) : Optimizer<'P, (Moments<'P> * ('P * Tensor)) * Tensor> =
        Scaling.adam 0.9 0.999 1e-8
        >-> Updates.optimistic 1.0 1.0
        >-> Updates.descendBy (Updates.constant "optimisticAdam" rate)

    /// Ano (Kegreisz 2025) with decoupled weight decay: the sign of momentum, the size of the gradient; decays 0.92 and 0.99, epsilon 1e-8.
    [<CompiledName("Ano")>]
    let ano (rate: float) (decay: float) : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        decayed decay (Scaling.ano 0.92 0.99 1e-8) (Updates.constant "ano" rate)

    /// Lion (Chen et al. 2023) with decoupled weight decay; decays 0.9 and 0.99.
    [<CompiledName("Lion")>]
    let lion (rate: float) (decay: float) : Optimizer<'P, ('P * unit) * Tensor> =
        decayed decay (Signs.lion 0.9 0.99) (Updates.constant "lion" rate)

    /// NovoGrad (Ginsburg et al. 2019); decays 0.9 and 0.25, epsilon 1e-6.
    [<CompiledName("NovoGrad")>]
    let novoGrad (rate: float) (decay: float) : Optimizer<'P, Moments<'P> * Tensor> =
        Layerwise.novoGrad 0.9 0.25 1e-6 decay
        >-> Updates.descendBy (Updates.constant "novoGrad" rate)

    // Sums and averages of squares

    /// RMSProp (Tieleman and Hinton 2012): g / sqrt(v + 1e-8), decay 0.9.
    [<CompiledName("RmsProp")>]
    let rmsprop (rate: float) : Optimizer<'P, 'P * Tensor> =
        Scaling.rms 0.9 1e-8 true
        >-> Updates.descendBy (Updates.constant "rmsprop" rate)

    /// Centred RMSProp with momentum (Graves 2013, eq. 38 to 41); decays 0.95 and 0.9, epsilon 1e-4.
    [<CompiledName("CentredRmsProp")>]
    let centredRmsprop (rate: float) : Optimizer<'P, (('P * 'P) * 'P) * Tensor> =
        Scaling.standardDeviation 0.95 1e-4
        >-> Updates.momentum 0.9 false
        >-> Updates.descendBy (Updates.constant "centredRmsprop" rate)

    /// AdaGrad (Duchi, Hazan and Singer 2011): g / sqrt(s + 1e-7), sums from 0.1.
    [<CompiledName("AdaGrad")>]
    let adagrad (rate: float) : Optimizer<'P, 'P * Tensor> =
        Scaling.rootOfSquares 0.1 1e-7 true
        >-> Updates.descendBy (Updates.constant "adagrad" rate)

    /// AdaDelta (Zeiler 2012); decay 0.9, epsilon 1e-6. It needs no learning rate: take 1.
    [<CompiledName("AdaDelta")>]
    let adadelta (rate: float) : Optimizer<'P, ('P * 'P) * Tensor> =
        Scaling.adaDelta 0.9 1e-6
        >-> Updates.descendBy (Updates.constant "adadelta" rate)

    /// SM3-II (Anil et al. 2019) with momentum 0.9: AdaGrad with little memory.
    [<CompiledName("Sm3")>]
    let sm3 (rate: float) : Optimizer<'P, (Tensor[][] * ('P * Tensor)) * Tensor> =
        Factored.sm3 1e-8
        >-> Updates.ema 0.9 false
        >-> Updates.descendBy (Updates.constant "sm3" rate)

    /// Adafactor (Shazeer and Stern 2018, algorithm 6): factored second moments of matrices of 128 by 128 or more, updates clipped to a root mean square
    /// of 1, and relative to the parameters'; power 0.8.
    [<CompiledName("Adafactor")>]
    let adafactor (rate: float) : Optimizer<'P, (((Tensor * Tensor[][]) * unit) * unit) * Tensor> =
        Factored.factoredRms 0.8 128 1e-30
        >-> Updates.clipByBlockRms 1.0
        >-> Layerwise.parameterRms 1e-3
        >-> Updates.descendBy (Updates.constant "adafactor" rate)

    // Layer-wise rates

    /// LARS (You, Gitman and Ginsburg 2017): trust coefficient 0.001, momentum 0.9 after the rate.
    [<CompiledName("Lars")>]
    let lars (rate: float) (decay: float) : Optimizer<'P, ((unit * unit) * Tensor) * 'P> =
        Updates.addDecayedWeights decay
        >-> Layerwise.trustRatio 0.001 0.0
        >-> Updates.descendBy (Updates.constant "lars" rate)
        >-> Updates.momentum 0.9 false

    /// LAMB (You et al. 2020): Adam with epsilon 1e-6, decoupled weight decay and a trust ratio for each tensor.
    [<CompiledName("Lamb")>]
    let lamb (rate: float) (decay: float) : Optimizer<'P, ((Moments<'P> * unit) * unit) * Tensor> =
        Scaling.adam 0.9 0.999 1e-6
        >-> Updates.addDecayedWeights decay
        >-> Layerwise.trustRatio 1.0 0.0
        >-> Updates.descendBy (Updates.constant "lamb" rate)

    /// Fromage (Bernstein et al. 2020): each tensor turns by the rate: p' = (p - rate |p| / |g| g) / sqrt(1 + rate^2).
    [<CompiledName("Fromage")>]
    let fromage (rate: float) : Optimizer<'P, unit * unit> =
        let factor = 1.0 / Math.Sqrt(1.0 + rate * rate)

        Layerwise.trustRatio 1.0 0.0
        >-> Updates.stateless (fun u p ->
            Leaves.map2 (fun u p -> (factor - 1.0) * p - (rate * factor) * u) u p)

    /// Muon (Jordan et al. 2024): orthogonal momentum for matrices, decay 0.95, five steps; AdamW with the same rate for every other tensor.
    [<CompiledName("Muon")>]
    let muon (rate: float) (decay: float) : Optimizer<'P, Tensor[] * (Moments<Tensor[]> * unit)> =
        let rate = Updates.constant "muon" rate (Tensor.scalar 0)

        let matrices: Optimizer<Tensor[], Tensor[]> = Factored.muon 0.95 5
        let others = Scaling.adam 0.9 0.999 1e-8 >-> Updates.addDecayedWeights decay
        let isMatrix (t: Tensor) = t.Rank = 2
        let part f (tree: 'P) = Tree.leaves tree |> Array.filter f

        { Init = fun p -> matrices.Init(part isMatrix p), others.Init(part (isMatrix >> not) p)
          Update =
            fun g (m, s) p ->
                let a, m = matrices.Update (part isMatrix g) m (part isMatrix p)

                let b, s = others.Update (part (isMatrix >> not) g) s (part (isMatrix >> not) p)

                let a, b = System.Collections.Generic.Queue a, System.Collections.Generic.Queue b

                let updates =
                    Tree.leaves g
                    |> Array.map (fun t -> if isMatrix t then a.Dequeue() else b.Dequeue())

                Tree.withLeaves updates g |> Leaves.map (Leaves.times -rate), (m, s) }

    /// Shampoo (Gupta, Koren and Singer 2018): axes of up to 1,024 elements, epsilon 1e-4.
    [<CompiledName("Shampoo")>]
    let shampoo (rate: float) : Optimizer<'P, Tensor[][] * Tensor> =
        Factored.shampoo 1024 1e-4
        >-> Updates.descendBy (Updates.constant "shampoo" rate)

    /// GaLore (Zhao et al. 2024): Adam along 128 directions of each matrix, found anew every 200 steps.
    [<CompiledName("Galore")>]
    let galore (rate: float) (decay: float) : Optimizer<'P, (Projected<Moments<Tensor[]>> * unit) * Tensor> =
        Factored.galore 128 200 1.0 (Scaling.adam 0.9 0.999 1e-8)
        >-> Updates.addDecayedWeights decay
        >-> Updates.descendBy (Updates.constant "galore" rate)

    // From where it began

    /// MADGRAD (Defazio and Jelassi 2022): momentum 0.9, epsilon 1e-6.
    [<CompiledName("Madgrad")>]
    let madgrad (rate: float) : Optimizer<'P, DualAverages<'P>> =
        Anchored.madgrad (Updates.constant "madgrad" rate) 0.9 1e-6

    // Without a learning rate

    /// COCOB (Orabona and Tommasi 2017): alpha 100, epsilon 1e-8.
    [<CompiledName("Cocob")>]
    let cocob<'P> : Optimizer<'P, CoinBets<'P>> = Anchored.cocob 100.0 1e-8

    /// DoG (Ivgi, Hinder and Carmon 2023): the rate is the distance gone over the root of the gradients' squares; first share 1e-6.
    [<CompiledName("Dog")>]
    let dog<'P> : Optimizer<'P, Distances<'P> * unit> =
        Anchored.distanceOverGradients 1e-6 1e-8 >-> Updates.scale -1.0

    /// DoWG (Khaled, Mishchenko and Jin 2023); first share 1e-4.
    [<CompiledName("Dowg")>]
    let dowg<'P> : Optimizer<'P, Distances<'P> * unit> =
        Anchored.weightedDistance 1e-4 1e-8 >-> Updates.scale -1.0

    /// Prodigy (Mishchenko and Defazio 2023): the rate is a factor of its own estimate, 1 or a schedule from 1.
    [<CompiledName("Prodigy")>]
    let prodigy (rate: Schedule) (decay: float) : Optimizer<'P, ProdigyState<'P>> =
        Anchored.prodigy rate decay
