namespace Ad.Functional

open System
open Ad.Tensors

/// Samples of distributions, by the methods named.
module internal Samplers =
    open Densities

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
