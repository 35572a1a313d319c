namespace Ad.Functional

open System
open Ad.Tensors

/// How far the parameters went from where they began, and the squares of the gradients met on the way.
type Distances<'P> =
    { Start: 'P
      Farthest: Tensor
      Squares: Tensor }

/// What Prodigy keeps: where it began, moments, the weighted sum of gradients, the numerator and the estimate of the distance, the step.
type ProdigyState<'P> =
    { Start: 'P
      First: 'P
      Second: 'P
      Sum: 'P
      Numerator: Tensor
      Distance: Tensor
      Count: Tensor }

/// What MADGRAD keeps: where it began, the weighted sums of gradients and of their squares, the step.
type DualAverages<'P> =
    { Start: 'P
      Sum: 'P
      Squares: 'P
      Count: Tensor }

/// What COCOB keeps: where it began, the largest gradient, the sums of gradients and of their magnitudes, the reward.
type CoinBets<'P> =
    { Start: 'P
      Largest: 'P
      Sum: 'P
      Magnitudes: 'P
      Reward: 'P }

/// What D-Adaptation keeps: moments, the weighted sum of gradients, the numerator and the estimate of the distance, the step.
type AdaptedDistance<'P> =
    { First: 'P
      Second: 'P
      Sum: 'P
      Numerator: Tensor
      Distance: Tensor
      Count: Tensor }

/// What Mechanic keeps: where it began, how far the inner optimizer would have gone, its six bets (largest products, squares, rewards, scales), the inner state.
type Mechanic<'P, 'S> =
    { Start: 'P
      Gone: 'P
      Largest: Tensor
      Squares: Tensor
      Rewards: Tensor
      Scales: Tensor
      Inner: 'S }

/// <summary>Optimizers that measure from where they began, most of them without a learning rate.</summary>
/// <remarks>Their updates are complete: nothing follows them in a chain. Settings not asked for are those of optax.</remarks>
[<RequireQualifiedAccess>]
module Anchored =
    /// <summary>MADGRAD (Defazio and Jelassi 2022, algorithm 1): x' = decay x + (1 - decay) (x0 - s / (v^(1/3) + epsilon)), with sums s of r g and v of r g^2.</summary>
    /// <remarks>r is (rate + epsilon) sqrt(t), t from 1.</remarks>
    [<CompiledName("Madgrad")>]
    let madgrad (rate: Schedule) (decay: float) (epsilon: float) : Optimizer<'P, DualAverages<'P>> =
        Updates.within "madgrad" "the decay" 0.0 1.0 decay
        Updates.within "madgrad" "epsilon" 0.0 infinity epsilon

        { Init =
            fun p ->
                { Start = p
                  Sum = Leaves.zeros p
                  Squares = Leaves.zeros p
                  Count = Updates.zeroCount () }
          Update =
            fun g s p ->
                let weight = (rate s.Count + epsilon) * sqrt (Tensor.cast DType.Float64 (s.Count + 1))
                let sum = Leaves.map2 (fun g sum -> sum + Leaves.times weight g) g s.Sum

                let squares = Leaves.map2 (fun (g: Tensor) v -> v + Leaves.times weight (g * g)) g s.Squares

                let update (x: Tensor) (start: Tensor) (sum: Tensor) (v: Tensor) =
                    let root = Tensor.Pow(v, Tensor.fullLike v (1.0 / 3.0)) + epsilon
                    (1.0 - decay) * (start - sum / root - x)

                Leaves.map4 update p s.Start sum squares,
                { s with
                    Sum = sum
                    Squares = squares
                    Count = s.Count + 1 } }

    /// <summary>COCOB (Orabona and Tommasi 2017, algorithm 2): each parameter bets on a coin and needs no learning rate; alpha is 100.</summary>
    /// <remarks>x' = x0 + s (L + R) / (L max(G + L, alpha L)), with the largest gradient L so far, the sum s of -g, G of |g|, and the reward R.</remarks>
    [<CompiledName("Cocob")>]
    let cocob (alpha: float) (epsilon: float) : Optimizer<'P, CoinBets<'P>> =
        Updates.within "cocob" "alpha" 0.0 infinity alpha

        { Init =
            fun p ->
                { Start = p
                  Largest = Leaves.map (fun t -> Tensor.fullLike t epsilon) p
                  Sum = Leaves.zeros p
                  Magnitudes = Leaves.zeros p
                  Reward = Leaves.zeros p }
          Update =
            fun g s p ->
                let largest = Leaves.map2 (fun g l -> Tensor.maximum l (abs g)) g s.Largest
                let magnitudes = Leaves.map2 (fun g sum -> sum + abs g) g s.Magnitudes

                let reward =
                    Leaves.map4 (fun g r p start -> Tensor.relu (r - g * (p - start))) g s.Reward p s.Start

                let sum = Leaves.map2 (fun g sum -> sum - g) g s.Sum

                let bet =
                    Leaves.map4
                        (fun (sum: Tensor) l m r -> sum / (l * Tensor.maximum (m + l) (alpha * l)) * (l + r))
                        sum
                        largest
                        magnitudes
                        reward

                Leaves.map3 (fun p start bet -> start + bet - p) p s.Start bet,
                { s with
                    Largest = largest
                    Sum = sum
                    Magnitudes = magnitudes
                    Reward = reward } }

    /// <summary>D-Adaptation of AdamW (Defazio and Mishchenko 2023, algorithm 5): its rate is an estimate of the distance to the solution.</summary>
    /// <remarks>The schedule multiplies the estimate and is 1, or factors from 1; decays 0.9 and 0.999, epsilon 1e-8, first estimate 1e-6.</remarks>
    [<CompiledName("DAdaptation")>]
    let dAdaptation (rate: Schedule) (decay: float) : Optimizer<'P, AdaptedDistance<'P>> =
        Updates.within "dAdaptation" "the weight decay" 0.0 infinity decay
        let decay1, decay2, epsilon, first = 0.9, 0.999, 1e-8, 1e-6
        let decay3 = Math.Sqrt decay2

        { Init =
            fun p ->
                { First = Leaves.zeros p
                  Second = Leaves.zeros p
                  Sum = Leaves.zeros p
                  Numerator = Tensor.zeros DType.Float64 []
                  Distance = Tensor.scalar first
                  Count = Updates.zeroCount () }
          Update =
            fun g s p ->
                let count = Tensor.cast DType.Float64 (s.Count + 1)
                let left (decay: float) = 1.0 - Tensor.Pow(Tensor.scalar decay, count)
                let step = s.Distance * rate s.Count * sqrt (left decay2) / left decay1
                let scaled = Leaves.map2 (fun sum v -> sum / (sqrt v + epsilon)) s.Sum s.Second
                let product = Leaves.dot g scaled
                let m = Leaves.map2 (fun g m -> decay1 * m + (1.0 - decay1) * Leaves.times step g) g s.First
                let v = Leaves.average decay2 (Leaves.squares g) s.Second

                let sum =
                    Leaves.map2 (fun g sum -> decay3 * sum + (1.0 - decay3) * Leaves.times step g) g s.Sum

                let numerator = decay3 * s.Numerator + (1.0 - decay3) * step * product
                let estimate = Leaves.ratio numerator ((1.0 - decay3) * Leaves.total abs sum)

                Leaves.map3 (fun p m v -> -(decay * Leaves.times step p + m / (sqrt v + epsilon))) p m v,
                { First = m
                  Second = v
                  Sum = sum
                  Numerator = numerator
                  Distance = Tensor.maximum s.Distance estimate
                  Count = s.Count + 1 } }

    /// <summary>Mechanic (Cutkosky, Defazio and Mehta 2023, algorithm 1): learns by what the inner optimizer's updates are to be multiplied.</summary>
    /// <remarks>Give the inner one the learning rate 1. Six bets with decays 0.9, 0.99, ...; weight decay 0.01, first scale 1e-6, and the
    /// products clipped, as in optax.</remarks>
    [<CompiledName("Mechanize")>]
    let mechanize (inner: Optimizer<'P, 'S>) : Optimizer<'P, Mechanic<'P, 'S>> =
        let epsilon, first, bets, weightDecay = 1e-8, 1e-6, 6, 1e-2
        let decays = Tensor.vector [ for i in 1..bets -> 1.0 - Math.Pow(0.1, float i) ]
        let none () = Tensor.zeros DType.Float64 [ bets ]

        { Init =
            fun p ->
                { Start = p
                  Gone = Leaves.zeros p
                  Largest = none ()
                  Squares = none ()
                  Rewards = none ()
                  Scales = Tensor.full DType.Float64 [ bets ] first
                  Inner = inner.Init p }
          Update =
            fun g s p ->
                let updates, next = inner.Update g s.Inner p
                let scale = Tensor.sum s.Scales

                let share = weightDecay * scale * Updates.globalNorm g / (Updates.globalNorm p + epsilon)

                let decayed = Leaves.map2 (fun g p -> g + Leaves.times share p) g p

                // Against the sum of the inner updates, which point downhill.
                let product = -(Leaves.dot decayed s.Gone)
                let clipped = Tensor.maximum (-s.Largest) (Tensor.minimum s.Largest product)
                let largest = Tensor.maximum (decays * s.Largest) (abs product + epsilon)
                let squares = Tensor.square decays * s.Squares + Tensor.square product
                let rewards = decays * s.Rewards + clipped * s.Scales
                let wealth = first / float bets * largest + Tensor.relu rewards
                let scales = wealth / (sqrt squares + epsilon)
                let total = Tensor.sum scales

                let gone = Leaves.map2 (+) s.Gone updates

                Leaves.map3 (fun p start gone -> start + Leaves.times total gone - p) p s.Start gone,
                { s with
                    Gone = gone
                    Largest = largest
                    Squares = squares
                    Rewards = rewards
                    Scales = scales
                    Inner = next } }

    /// <summary>Prodigy (Mishchenko and Defazio 2023, algorithm 4): AdamW whose rate is an estimate of the distance to the solution.</summary>
    /// <remarks>The rate multiplies the estimate and is 1, or a schedule of factors from 1; decays 0.9 and 0.999, epsilon 1e-8, first estimate 1e-6.</remarks>
    [<CompiledName("Prodigy")>]
    let prodigy (rate: Schedule) (decay: float) : Optimizer<'P, ProdigyState<'P>> =
        let decay1, decay2, epsilon, first = 0.9, 0.999, 1e-8, 1e-6
        let decay3 = Math.Sqrt decay2

        { Init =
            fun p ->
                { Start = p
                  First = Leaves.zeros p
                  Second = Leaves.zeros p
                  Sum = Leaves.zeros p
                  Numerator = Tensor.zeros DType.Float64 []
                  Distance = Tensor.scalar first
                  Count = Updates.zeroCount () }
          Update =
            fun g s p ->
                let d = s.Distance
                let rate = d * Tensor.cast DType.Float64 (rate s.Count)
                let weight = d * rate / first
                let m = Leaves.map2 (fun g m -> decay1 * m + (1.0 - decay1) * Leaves.times d g) g s.First

                let v =
                    Leaves.map2
                        (fun g v -> decay2 * v + (1.0 - decay2) * Tensor.square (Leaves.times d g))
                        g
                        s.Second

                let sum = Leaves.map2 (fun g sum -> decay3 * sum + Leaves.times weight g) g s.Sum

                let numerator = decay3 * s.Numerator + weight * Leaves.dot g (Leaves.map2 (-) s.Start p)

                let estimate = Leaves.ratio numerator (Leaves.total abs sum)
                let next = Tensor.maximum d estimate

                let update (p: Tensor) (m: Tensor) v =
                    let direction = m / (sqrt v + Leaves.times next (Tensor.fullLike v epsilon))
                    -(Leaves.times rate (direction + decay * p))

                Leaves.map3 update p m v,
                { s with
                    First = m
                    Second = v
                    Sum = sum
                    Numerator = numerator
                    Distance = next
                    Count = s.Count + 1 } }

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
