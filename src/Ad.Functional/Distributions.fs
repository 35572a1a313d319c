namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>A smooth increasing or decreasing function with its inverse and the logarithm of its derivative's magnitude, element by element.</summary>
type Bijection =
    {
        Forward: Tensor -> Tensor
        Inverse: Tensor -> Tensor
        /// log |f'(x)|, at x rather than at f(x).
        LogDerivative: Tensor -> Tensor
    }

/// <summary>A probability distribution: a value whose parameters are tensors, and derivatives flow through all of them.</summary>
/// <remarks>
/// Parameters of different shapes are repeated to a common one, a distribution for each element. Multivariate ones, the categorical and Dirichlet's have their
/// event along the last axis.
/// </remarks>
type Distribution =
    /// Density exp(-((x - mean) / deviation)^2 / 2) / (deviation sqrt(2 pi)).
    | Normal of Mean: Tensor * Deviation: Tensor
    /// Of a vector, its covariance factor factor' with a lower triangular factor (Cholesky's) of positive diagonal.
    | MultivariateNormal of Mean: Tensor * Factor: Tensor
    /// Density 1 / (high - low) in [low, high].
    | Uniform of Low: Tensor * High: Tensor
    /// 1 with probability sigmoid(logits), else 0.
    | Bernoulli of Logits: Tensor
    /// Class k with probability softmax(logits)[k].
    | Categorical of Logits: Tensor
    /// Density rate^shape x^(shape - 1) e^(-rate x) / Gamma(shape) for x > 0.
    | Gamma of Shape: Tensor * Rate: Tensor
    /// Density x^(a - 1) (1 - x)^(b - 1) / B(a, b) in (0, 1).
    | Beta of A: Tensor * B: Tensor
    /// Density of probabilities proportional to the product of x_k^(concentration_k - 1).
    | Dirichlet of Concentration: Tensor
    /// k = 0, 1, ... with probability rate^k e^-rate / k!.
    | Poisson of Rate: Tensor
    /// Density rate e^(-rate x) for x >= 0.
    | Exponential of Rate: Tensor
    /// Density exp(-|x - location| / scale) / (2 scale).
    | Laplace of Location: Tensor * Scale: Tensor
    /// Density proportional to (1 + z^2 / freedom)^(-(freedom + 1) / 2) with z = (x - location) / scale.
    | StudentT of Freedom: Tensor * Location: Tensor * Scale: Tensor
    /// Density exp(concentration cos(x - location)) / (2 pi I0(concentration)) on the circle (-pi, pi].
    | VonMises of Location: Tensor * Concentration: Tensor
    /// One of the components, all of numbers or all of vectors, with probabilities softmax(logits), which are the same everywhere.
    | Mixture of Logits: Tensor * Components: Distribution list
    /// What a bijection makes of another distribution of numbers.
    | Transformed of Base: Distribution * Bijection: Bijection

/// Bijections for <c>Transformed</c>.
[<RequireQualifiedAccess>]
module Bijections =
    /// e^x: of a normal, the log-normal.
    let exp: Bijection =
        { Forward = exp
          Inverse = log
          LogDerivative = id }

    /// sigmoid(x): of a normal, the logit-normal.
    let sigmoid: Bijection =
        { Forward = Tensor.sigmoid
          Inverse = fun y -> log y - Tensor.log1p (-y)
          LogDerivative = fun x -> -(Tensor.softplus x) - Tensor.softplus (-x) }

    /// tanh(x).
    let tanh: Bijection =
        { Forward = tanh
          Inverse = Tensor.atanh
          LogDerivative = fun x -> 2.0 * (Math.Log 2.0 - x - Tensor.softplus (-2.0 * x)) }

    /// shift + scale x.
    let affine (shift: Tensor) (scale: Tensor) : Bijection =
        { Forward = fun x -> shift + scale * x
          Inverse = fun y -> (y - shift) / scale
          LogDerivative = fun x -> log (abs scale) + Tensor.zerosLike x }

    /// The second applied to what the first gives.
    let compose (first: Bijection) (second: Bijection) : Bijection =
        { Forward = first.Forward >> second.Forward
          Inverse = second.Inverse >> first.Inverse
          LogDerivative = fun x -> first.LogDerivative x + second.LogDerivative(first.Forward x) }

/// Densities, numbers, moments and divergences of distributions.
[<RequireQualifiedAccess>]
module Distribution =
    let private logTwoPi = Math.Log(2.0 * Math.PI)

    let private last (t: Tensor) =
        if t.Rank = 0 then
            Shapes.refuse
                "distribution"
                $"the parameter is {t.Signature}, but its event lies along the last axis."

        t.Shape[t.Rank - 1]

    let private logBeta (a: Tensor) (b: Tensor) = Tensor.lgamma a + Tensor.lgamma b - Tensor.lgamma (a + b)
    let private over = Tensor.sumOver [ -1 ]

    /// factor^-1 x for lower triangular factors, by substitution: the rows one after another.
    let private solveLower (factor: Tensor) (x: Tensor) =
        let n = last x
        let row i = Tensor.squeeze [ -2 ] (Tensor.sliceAxis -2 i (i + 1) 1 factor)
        let at i (t: Tensor) = Tensor.squeeze [ -1 ] (Tensor.sliceAxis -1 i (i + 1) 1 t)

        (([]: Tensor list), seq { 0 .. n - 1 })
        ||> Seq.fold (fun solved i ->
            let known =
                (Tensor.zerosLike (at i x), List.rev solved |> List.indexed)
                ||> List.fold (fun sum (j, z) -> sum + at j (row i) * z)

            (at i x - known) / at i (row i) :: solved)
        |> List.rev
        |> Tensor.stack -1

    let private diagonal (factor: Tensor) =
        let n = last factor
        let eye = Tensor.eye factor.DType n
        over (factor * eye)

    /// x log y, and 0 where x is 0.
    let private timesLog (x: Tensor) (y: Tensor) =
        let isZero = Tensor.equal x (Tensor.zerosLike x)
        let y = Tensor.where isZero (Tensor.onesLike (x + y)) (y + Tensor.zerosLike x)
        Tensor.where isZero (Tensor.zerosLike y) (x * log y)

    // log I0(k), by the power series up to 20 and the asymptotic one beyond (Abramowitz and Stegun 1964, 9.6.12 and 9.7.1): within 1e-13 of itself.
    let private logBessel0 (k: Tensor) =
        let isSmall = Tensor.less k (Tensor.fullLike k 20.0)
        let small = Tensor.where isSmall k (Tensor.onesLike k)
        let large = Tensor.where isSmall (Tensor.fullLike k 20.0) k
        let quarter = Tensor.square small / 4.0

        let series =
            (Tensor.onesLike k, seq { 60..-1..1 })
            ||> Seq.fold (fun sum m -> 1.0 + sum * quarter / float (m * m))

        let tail =
            (Tensor.onesLike k, seq { 17..-1..1 })
            ||> Seq.fold (fun sum m ->
                let odd = float (2 * m - 1)
                1.0 + sum * (odd * odd / (8.0 * float m)) / large)

        Tensor.where isSmall (log series) (large - 0.5 * log (2.0 * Math.PI * large) + log tail)

    /// log p(x); -infinity outside of what can come.
    [<CompiledName("LogProb")>]
    let rec logProb (x: Tensor) (d: Distribution) : Tensor =
        let within (condition: Tensor) (f: Tensor -> Tensor) inside =
            // Where x cannot be, the formula is read at a point where it can, so that no derivative is NaN.
            let value = f (Tensor.where condition x (inside + Tensor.zerosLike x))
            Tensor.where condition value (Tensor.fullLike value -infinity)

        match d with
        | Normal(mean, deviation) ->
            let z = (x - mean) / deviation
            -0.5 * (Tensor.square z + logTwoPi) - log deviation
        | MultivariateNormal(mean, factor) ->
            let z = solveLower factor (x - mean)

            -0.5 * (over (Tensor.square z) + float (last mean) * logTwoPi)
            - over (log (diagonal factor))
        | Uniform(low, high) ->
            let isInside = Tensor.logicalAnd (Tensor.lessEqual low x) (Tensor.lessEqual x high)
            let value = -(log (high - low)) + Tensor.zerosLike x
            Tensor.where isInside value (Tensor.fullLike value -infinity)
        | Bernoulli logits -> x * logits - Tensor.softplus logits
        | Categorical logits ->
            let logP = Tensor.logSoftmax -1 logits
            let shape = Seq.append x.Shape [ last logits ]

            Tensor.squeeze
                [ -1 ]
                (Tensor.takeAlong -1 (Tensor.expandDims -1 x) (Tensor.broadcastTo shape logP))
        | Gamma(shape, rate) ->
            let f x = timesLog (shape - 1.0) x - rate * x + shape * log rate - Tensor.lgamma shape
            within (Tensor.greater x (Tensor.zerosLike x)) f (Tensor.onesLike x)
        | Beta(a, b) ->
            let f x = timesLog (a - 1.0) x + timesLog (b - 1.0) (1.0 - x) - logBeta a b
            let zero = Tensor.zerosLike x

            within
                (Tensor.logicalAnd (Tensor.greater x zero) (Tensor.less x (Tensor.onesLike x)))
                f
                (Tensor.fullLike x 0.5)
        | Dirichlet c -> over (timesLog (c - 1.0) x) + Tensor.lgamma (over c) - over (Tensor.lgamma c)
        | Poisson rate -> timesLog x rate - rate - Tensor.lgamma (x + 1.0)
        | Exponential rate ->
            within
                (Tensor.greaterEqual x (Tensor.zerosLike x))
                (fun x -> log rate - rate * x)
                (Tensor.onesLike x)
        | Laplace(location, scale) -> -(abs (x - location) / scale) - log (2.0 * scale)
        | StudentT(freedom, location, scale) ->
            let z = (x - location) / scale

            Tensor.lgamma ((freedom + 1.0) / 2.0)
            - Tensor.lgamma (freedom / 2.0)
            - 0.5 * log (Math.PI * freedom)
            - log scale
            - (freedom + 1.0) / 2.0 * Tensor.log1p (Tensor.square z / freedom)
        | VonMises(location, concentration) ->
            concentration * cos (x - location) - logTwoPi - logBessel0 concentration
        | Mixture(logits, components) ->
            let logWeights = Tensor.logSoftmax -1 logits

            components
            |> List.mapi (fun k c -> logWeights[k] + logProb x c)
            |> Tensor.stack 0
            |> Tensor.logSumExpOver [ 0 ]
        | Transformed(inner, bijection) ->
            let y = bijection.Inverse x
            logProb y inner - bijection.LogDerivative y

    let private shapeOf (parameters: Tensor list) = (parameters |> List.reduce (+)).Shape |> Seq.toList

    let private typeOf (t: Tensor) = t.DType

    // u in (0, 1], so that its logarithm is finite.
    let private positive dtype key shape = 1.0 - Random.uniformOf dtype key shape

    // The first of several proposals that is accepted; each is accepted so often that none is left over.
    let private firstAccepted (attempts: int) (key: Key) (propose: Key -> Tensor * Tensor) =
        let proposals = Key.split attempts key |> Array.map propose

        (fst proposals[attempts - 1], Array.rev proposals[.. attempts - 2])
        ||> Array.fold (fun later (value, isAccepted) -> Tensor.where isAccepted value later)

    // Marsaglia and Tsang 2000: of shapes of at least 1, and by U^(1 / shape) of smaller ones.
    let private standardGamma dtype (key: Key) (all: int list) (shape: Tensor) =
        let keys = Key.split 2 key
        let isSmall = Tensor.less shape (Tensor.onesLike shape)
        let d = Tensor.where isSmall (shape + 1.0) shape - 1.0 / 3.0
        let c = 1.0 / sqrt (9.0 * d)

        let propose key =
            let keys = Key.split 2 key
            let x = Random.normalOf dtype keys[0] all
            let v = 1.0 + c * x
            let isPositive = Tensor.greater v (Tensor.zerosLike v)
            let v = Tensor.where isPositive v (Tensor.onesLike v)
            let v = v * v * v
            let u = positive dtype keys[1] all
            let bound = 0.5 * x * x + d * (1.0 - v + log v)
            d * v, Tensor.logicalAnd isPositive (Tensor.less (log u) bound)

        let value = firstAccepted 16 keys[0] propose
        let u = positive dtype keys[1] all
        let safe = Tensor.where isSmall shape (Tensor.onesLike shape)
        Tensor.where isSmall (value * Tensor.Pow(u, 1.0 / safe + Tensor.zerosLike u)) value

    // By multiplication of uniform numbers below a rate of 10 (Knuth 1969); by Hörmann's transformed rejection above (1993, PTRS).
    let private poisson dtype (key: Key) (all: int list) (rate: Tensor) =
        let keys = Key.split 2 key
        let isSmall = Tensor.less rate (Tensor.fullLike rate 10.0)
        let small = Tensor.where isSmall rate (Tensor.onesLike rate)
        let large = Tensor.where isSmall (Tensor.fullLike rate 10.0) rate
        let spans = -(log (positive dtype keys[0] (80 :: all)))
        let counted = Tensor.lessEqual (Tensor.cumsum 0 spans) (small + Tensor.zerosLike spans)
        let few = Tensor.cast dtype (Tensor.sumOver [ 0 ] (Tensor.cast DType.Int32 counted))

        let root = sqrt large
        let b = 0.931 + 2.53 * root
        let a = -0.059 + 0.02483 * b
        let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
        let vr = 0.9277 - 3.6224 / (b - 2.0)

        let propose key =
            let keys = Key.split 2 key
            let u = Random.uniformOf dtype keys[0] all - 0.5
            let v = positive dtype keys[1] all
            let us = 0.5 - abs u
            let k = Tensor.floor ((2.0 * a / us + b) * u + large + 0.43)

            let isCertain =
                Tensor.logicalAnd (Tensor.greaterEqual us (Tensor.fullLike us 0.07)) (Tensor.lessEqual v vr)

            let isOut =
                Tensor.logicalOr
                    (Tensor.less k (Tensor.zerosLike k))
                    (Tensor.logicalAnd (Tensor.less us (Tensor.fullLike us 0.013)) (Tensor.greater v us))

            let safe = Tensor.maximum k (Tensor.zerosLike k)
            let left = log v + log inverseAlpha - log (a / (us * us) + b)
            let right = safe * log large - large - Tensor.lgamma (safe + 1.0)
            let isInside = Tensor.logicalAnd (Tensor.logicalNot isOut) (Tensor.lessEqual left right)
            k, Tensor.logicalOr isCertain isInside

        Tensor.where isSmall few (firstAccepted 40 keys[1] propose)

    // Best and Fisher 1979, by a wrapped Cauchy envelope, which accepts at least two proposals in three.
    let private vonMises dtype (key: Key) (all: int list) (concentration: Tensor) =
        let keys = Key.split 2 key
        let tau = 1.0 + sqrt (1.0 + 4.0 * Tensor.square concentration)
        let rho = (tau - sqrt (2.0 * tau)) / (2.0 * concentration)
        let isTiny = Tensor.less concentration (Tensor.fullLike concentration 1e-3)
        // For small concentrations by the expansion of the same: no digits are lost.
        let r = Tensor.where isTiny (1.0 / concentration + concentration) ((1.0 + rho * rho) / (2.0 * rho))

        let propose key =
            let keys = Key.split 2 key
            let z = cos (Math.PI * Random.uniformOf dtype keys[0] all)
            let f = (1.0 + r * z) / (r + z)
            let c = concentration * (r - f)
            let u = positive dtype keys[1] all
            let isQuick = Tensor.greater (c * (2.0 - c)) u
            let isSlow = Tensor.greaterEqual (log (c / u) + 1.0) c
            Tensor.clip -1.0 1.0 f, Tensor.logicalOr isQuick isSlow

        let f = firstAccepted 40 keys[0] propose
        let sign = 2.0 * Random.uniformOf dtype keys[1] all - 1.0
        Tensor.sign sign * Tensor.acos f

    /// <summary>
    /// Numbers by a key, so many times the shape of the parameters: shape, then theirs. They are differentiable by the parameters (reparameterised) for the normal,
    /// multivariate normal, uniform, exponential, Laplace, and what is transformed from these; the others are constants to derivatives.
    /// </summary>
    [<CompiledName("Sample")>]
    let rec sample (key: Key) (shape: int list) (d: Distribution) : Tensor =
        let stop = Tensor.stopGradient

        match d with
        | Normal(mean, deviation) ->
            let all = shape @ shapeOf [ mean; deviation ]
            mean + deviation * Random.normalOf mean.DType key all
        | MultivariateNormal(mean, factor) ->
            let all = shape @ List.ofSeq mean.Shape
            let z = Random.normalOf mean.DType key all
            mean + over (factor * Tensor.expandDims -2 z)
        | Uniform(low, high) ->
            let all = shape @ shapeOf [ low; high ]
            low + (high - low) * Random.uniformOf low.DType key all
        | Bernoulli logits ->
            let all = shape @ List.ofSeq logits.Shape
            let u = Random.uniformOf logits.DType key all
            Tensor.cast logits.DType (Tensor.less u (stop (Tensor.sigmoid logits)))
        | Categorical logits ->
            // Gumbel's maximum (1954).
            let all = shape @ List.ofSeq logits.Shape
            let spans = -(log (positive logits.DType key all))
            let gumbel = -(log (Tensor.maximum spans (Tensor.fullLike spans 1e-30)))
            Tensor.argmaxOver [ -1 ] (stop logits + gumbel)
        | Gamma(shape', rate) ->
            let all = shape @ shapeOf [ shape'; rate ]
            stop (standardGamma (typeOf rate) key all (stop shape' + Tensor.zerosLike rate) / rate)
        | Beta(a, b) ->
            let keys = Key.split 2 key
            let all = shape @ shapeOf [ a; b ]
            let x = standardGamma (typeOf a) keys[0] all (stop a + Tensor.zerosLike b)
            let y = standardGamma (typeOf a) keys[1] all (stop b + Tensor.zerosLike a)
            stop (x / (x + y))
        | Dirichlet c ->
            let x = standardGamma (typeOf c) key (shape @ List.ofSeq c.Shape) (stop c)
            stop (x / Tensor.sumKeep [ -1 ] x)
        | Poisson rate -> stop (poisson (typeOf rate) key (shape @ List.ofSeq rate.Shape) (stop rate))
        | Exponential rate -> -(log (positive rate.DType key (shape @ List.ofSeq rate.Shape))) / rate
        | Laplace(location, scale) ->
            let u = Random.uniformOf location.DType key (shape @ shapeOf [ location; scale ]) - 0.5
            // 1 - 2 |u| is 0 at u = -1/2 only, which is given the next number.
            let rest = Tensor.maximum (1.0 - 2.0 * abs u) (Tensor.fullLike u 1e-30)
            location - scale * Tensor.sign u * log rest
        | StudentT(freedom, location, scale) ->
            let keys = Key.split 2 key
            let all = shape @ shapeOf [ freedom; location; scale ]
            let z = Random.normalOf (typeOf location) keys[0] all
            let half = stop freedom / 2.0 + Tensor.zerosLike (location + scale)
            let chi = 2.0 * standardGamma (typeOf location) keys[1] all half
            stop (location + scale * z / sqrt (chi / freedom))
        | VonMises(location, concentration) ->
            let all = shape @ shapeOf [ location; concentration ]

            let x =
                location
                + vonMises (typeOf location) key all (stop concentration + Tensor.zerosLike location)

            stop (x - 2.0 * Math.PI * Tensor.round (x / (2.0 * Math.PI)))
        | Mixture(logits, components) ->
            let keys = Key.split (components.Length + 1) key
            let drawn = components |> List.mapi (fun k c -> sample keys[k + 1] shape c)

            let isVector =
                match components.Head with
                | MultivariateNormal _
                | Dirichlet _ -> true
                | _ -> false

            let places =
                if isVector then
                    Seq.take (drawn.Head.Rank - 1) drawn.Head.Shape
                else
                    drawn.Head.Shape

            let chosen = sample keys[0] (List.ofSeq places) (Categorical logits)
            let chosen = if isVector then Tensor.expandDims -1 chosen else chosen

            drawn
            |> List.mapi (fun k x ->
                Tensor.where (Tensor.equal chosen (Tensor.fullLike chosen (float k))) x (Tensor.zerosLike x))
            |> List.reduce (+)
            |> stop
        | Transformed(inner, bijection) -> bijection.Forward(sample key shape inner)

    let private unknown (what: string) (d: Distribution) =
        let name = d.GetType().Name
        Shapes.refuse what $"has no formula for {name}; the mean over samples of it estimates it."

    /// The mean; NaN where there is none.
    [<CompiledName("Mean")>]
    let rec mean (d: Distribution) : Tensor =
        match d with
        | Normal(mean, deviation) -> mean + Tensor.zerosLike deviation
        | MultivariateNormal(mean, _) -> mean
        | Uniform(low, high) -> (low + high) / 2.0
        | Bernoulli logits -> Tensor.sigmoid logits
        | Gamma(shape, rate) -> shape / rate
        | Beta(a, b) -> a / (a + b)
        | Dirichlet c -> c / Tensor.sumKeep [ -1 ] c
        | Poisson rate -> rate
        | Exponential rate -> 1.0 / rate
        | Laplace(location, scale) -> location + Tensor.zerosLike scale
        | StudentT(freedom, location, scale) ->
            let all = location + Tensor.zerosLike (freedom + scale)
            Tensor.where (Tensor.greater freedom (Tensor.onesLike freedom)) all (Tensor.fullLike all nan)
        | Mixture(logits, components) ->
            let weights = Tensor.softmax -1 logits
            components |> List.mapi (fun k c -> weights[k] * mean c) |> List.reduce (+)
        | Categorical _
        | VonMises _
        | Transformed _ -> unknown "mean" d

    /// The variance of each element; infinite or NaN where there is none.
    [<CompiledName("Variance")>]
    let rec variance (d: Distribution) : Tensor =
        match d with
        | Normal(mean, deviation) -> Tensor.square deviation + Tensor.zerosLike mean
        | MultivariateNormal(_, factor) -> over (Tensor.square factor)
        | Uniform(low, high) -> Tensor.square (high - low) / 12.0
        | Bernoulli logits -> Tensor.sigmoid logits * Tensor.sigmoid (-logits)
        | Gamma(shape, rate) -> shape / Tensor.square rate
        | Beta(a, b) -> a * b / (Tensor.square (a + b) * (a + b + 1.0))
        | Dirichlet c ->
            let all = Tensor.sumKeep [ -1 ] c
            let p = c / all
            p * (1.0 - p) / (all + 1.0)
        | Poisson rate -> rate
        | Exponential rate -> 1.0 / Tensor.square rate
        | Laplace(location, scale) -> 2.0 * Tensor.square scale + Tensor.zerosLike location
        | StudentT(freedom, location, scale) ->
            let above limit = Tensor.greater freedom (Tensor.fullLike freedom limit)
            let safe = Tensor.where (above 2.0) freedom (Tensor.fullLike freedom 3.0)
            let value = Tensor.square scale * safe / (safe - 2.0) + Tensor.zerosLike location
            let heavy = Tensor.where (above 1.0) (Tensor.fullLike value infinity) (Tensor.fullLike value nan)
            Tensor.where (above 2.0) value heavy
        | Mixture(logits, components) ->
            let weights = Tensor.softmax -1 logits
            let all = mean d

            components
            |> List.mapi (fun k c -> weights[k] * (variance c + Tensor.square (mean c - all)))
            |> List.reduce (+)
        | Categorical _
        | VonMises _
        | Transformed _ -> unknown "variance" d

    /// The entropy, -E log p(x), in nats; differential for densities.
    [<CompiledName("Entropy")>]
    let rec entropy (d: Distribution) : Tensor =
        match d with
        | Normal(mean, deviation) -> 0.5 * (1.0 + logTwoPi) + log deviation + Tensor.zerosLike mean
        | MultivariateNormal(mean, factor) ->
            0.5 * float (last mean) * (1.0 + logTwoPi) + over (log (diagonal factor))
        | Uniform(low, high) -> log (high - low)
        | Bernoulli logits -> Tensor.softplus logits - logits * Tensor.sigmoid logits
        | Categorical logits ->
            let logP = Tensor.logSoftmax -1 logits
            -(over (exp logP * logP))
        | Gamma(shape, rate) -> shape - log rate + Tensor.lgamma shape + (1.0 - shape) * Tensor.digamma shape
        | Beta(a, b) ->
            logBeta a b - (a - 1.0) * Tensor.digamma a - (b - 1.0) * Tensor.digamma b
            + (a + b - 2.0) * Tensor.digamma (a + b)
        | Dirichlet c ->
            let all = over c
            let k = float (last c)

            over (Tensor.lgamma c) - Tensor.lgamma all + (all - k) * Tensor.digamma all
            - over ((c - 1.0) * Tensor.digamma c)
        | Exponential rate -> 1.0 - log rate
        | Laplace(location, scale) -> 1.0 + log (2.0 * scale) + Tensor.zerosLike location
        | StudentT(freedom, location, scale) ->
            let half = (freedom + 1.0) / 2.0

            half * (Tensor.digamma half - Tensor.digamma (freedom / 2.0))
            + 0.5 * log freedom
            + logBeta (freedom / 2.0) (Tensor.fullLike freedom 0.5)
            + log scale
            + Tensor.zerosLike location
        | Poisson _
        | VonMises _
        | Mixture _
        | Transformed _ -> unknown "entropy" d

    /// <summary>The divergence of Kullback and Leibler, E log p(x) / q(x) under p, for two of one kind.</summary>
    /// <exception cref="T:System.ArgumentException">There is no formula for the two; the mean of logProb x p - logProb x q over samples estimates it.</exception>
    [<CompiledName("KullbackLeibler")>]
    let kullbackLeibler (p: Distribution) (q: Distribution) : Tensor =
        match p, q with
        | Normal(m, s), Normal(n, t) ->
            let ratio = Tensor.square (s / t)
            0.5 * (ratio - 1.0 - log ratio + Tensor.square ((m - n) / t))
        | MultivariateNormal(m, f), MultivariateNormal(n, g) ->
            let k = last m
            let columns = [ for i in 0 .. k - 1 -> Tensor.squeeze [ -1 ] (Tensor.sliceAxis -1 i (i + 1) 1 f) ]
            let trace = columns |> List.map (solveLower g >> Tensor.square >> over) |> List.reduce (+)
            let shift = over (Tensor.square (solveLower g (n - m)))
            let logs = over (log (diagonal g)) - over (log (diagonal f))
            0.5 * (trace + shift - float k) + logs
        | Bernoulli a, Bernoulli b -> Tensor.sigmoid a * (a - b) + Tensor.softplus b - Tensor.softplus a
        | Categorical a, Categorical b ->
            let logP = Tensor.logSoftmax -1 a
            over (exp logP * (logP - Tensor.logSoftmax -1 b))
        | Gamma(a, r), Gamma(b, s) ->
            (a - b) * Tensor.digamma a - Tensor.lgamma a
            + Tensor.lgamma b
            + b * (log r - log s)
            + a * (s - r) / r
        | Beta(a, b), Beta(c, e) ->
            logBeta c e - logBeta a b
            + (a - c) * Tensor.digamma a
            + (b - e) * Tensor.digamma b
            + (c - a + e - b) * Tensor.digamma (a + b)
        | Dirichlet a, Dirichlet b ->
            let all = over a

            Tensor.lgamma all - over (Tensor.lgamma a) - Tensor.lgamma (over b)
            + over (Tensor.lgamma b)
            + over ((a - b) * (Tensor.digamma a - Tensor.expandDims -1 (Tensor.digamma all)))
        | Poisson a, Poisson b -> a * (log a - log b) - a + b
        | Exponential a, Exponential b -> log a - log b + b / a - 1.0
        | Laplace(m, s), Laplace(n, t) ->
            let distance = abs (m - n)
            log t - log s + (s * exp (-(distance / s)) + distance) / t - 1.0
        | _ ->
            Shapes.refuse
                "kullbackLeibler"
                $"has no formula for {p.GetType().Name} and {q.GetType().Name}; the mean of logProb x p - logProb x q over samples of p estimates it."
