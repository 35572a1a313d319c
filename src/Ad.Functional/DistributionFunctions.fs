namespace Ad.Functional

open System
open Ad.Tensors

/// Densities, numbers, moments and divergences of distributions.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Distribution =
    open Densities

    /// log p(x); -infinity outside of what can come.
    [<CompiledName("LogProb")>]
    let logProb (x: Tensor) (d: Distribution) : Tensor = Densities.logProb x d

    /// <summary>
    /// Numbers by a key, so many times the shape of the parameters: shape, then theirs. They are differentiable by the parameters (reparameterised) for the normal,
    /// multivariate normal, uniform, exponential, Laplace, and what is transformed from these; the others are constants to derivatives.
    /// </summary>
    [<CompiledName("Sample")>]
    let sample (key: Key) (shape: int list) (d: Distribution) : Tensor = Samplers.sample key shape d

    let private unknown (what: string) (d: Distribution) =
        let name = d.GetType().Name
        Shapes.refuse what $"has no formula for {name}; samples of it estimate it."

    /// The probability of at most x.
    [<CompiledName("Cdf")>]
    let rec cdf (x: Tensor) (d: Distribution) : Tensor =
        let above (low: Tensor) f =
            let isAbove = Tensor.greater x low
            Tensor.where isAbove (f (Tensor.where isAbove x (low + Tensor.onesLike x))) (Tensor.zerosLike x)

        match d with
        | Normal(mean, deviation) -> Tensor.ndtr ((x - mean) / deviation)
        | Uniform(low, high) -> Tensor.clip 0.0 1.0 ((x - low) / (high - low))
        | Bernoulli logits ->
            let x = x + Tensor.zerosLike logits
            let below (limit: float) f = Tensor.where (Tensor.less x (Tensor.fullLike x limit)) f

            below
                0.0
                (Tensor.zerosLike x)
                (below 1.0 (Tensor.sigmoid -logits + Tensor.zerosLike x) (Tensor.onesLike x))
        | Gamma(shape, rate) -> above (Tensor.zerosLike x) (fun x -> Tensor.gammainc shape (rate * x))
        | Beta(a, b) -> Tensor.betainc a b (Tensor.clip 0.0 1.0 x)
        | Poisson rate ->
            let below = Tensor.less x (Tensor.zerosLike x)
            let whole = Tensor.floor (Tensor.where below (Tensor.zerosLike x) x)
            Tensor.where below (Tensor.zerosLike x) (Tensor.gammaincc (whole + 1.0) rate)
        | Exponential rate -> above (Tensor.zerosLike x) (fun x -> -(Tensor.expm1 -(rate * x)))
        | Laplace(location, scale) ->
            let z = (x - location) / scale
            let tail = 0.5 * exp -(abs z)
            Tensor.where (Tensor.less z (Tensor.zerosLike z)) tail (1.0 - tail)
        | Mixture(logits, components) ->
            let weights = Tensor.softmax -1 logits
            components |> List.mapi (fun k c -> weights[k] * cdf x c) |> List.reduce (+)
        | MultivariateNormal _
        | Categorical _
        | Dirichlet _
        | StudentT _
        | VonMises _
        | Transformed _ -> unknown "cdf" d

    /// The least x that at most p of the distribution is below, the inverse of cdf, for p in [0, 1]; NaN outside for densities.
    [<CompiledName("Quantile")>]
    let quantile (p: Tensor) (d: Distribution) : Tensor =
        match d with
        | Normal(mean, deviation) -> mean + deviation * Tensor.ndtri p
        | Uniform(low, high) ->
            let isIn =
                Tensor.logicalAnd
                    (Tensor.greaterEqual p (Tensor.zerosLike p))
                    (Tensor.lessEqual p (Tensor.onesLike p))

            Tensor.where isIn (low + (high - low) * p) (Tensor.fullLike p nan)
        | Bernoulli logits -> Tensor.cast p.DType (Tensor.greater p (Tensor.sigmoid -logits))
        | Exponential rate -> -(Tensor.log1p -p) / rate
        | Laplace(location, scale) ->
            let isLow = Tensor.less p (Tensor.fullLike p 0.5)
            let tail = Tensor.log (2.0 * Tensor.where isLow p (1.0 - p))
            location + scale * Tensor.where isLow tail -tail
        | Gamma _
        | Beta _
        | Poisson _
        | Mixture _
        | MultivariateNormal _
        | Categorical _
        | Dirichlet _
        | StudentT _
        | VonMises _
        | Transformed _ -> unknown "quantile" d

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
            Tensor.lbeta a b - (a - 1.0) * Tensor.digamma a - (b - 1.0) * Tensor.digamma b
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
            + Tensor.lbeta (freedom / 2.0) (Tensor.fullLike freedom 0.5)
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
            Tensor.lbeta c e - Tensor.lbeta a b
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
