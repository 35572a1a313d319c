namespace Ad.Functional

open System
open Ad.Tensors

/// Logarithms of densities and what they are made of.
module internal Densities =
    let logTwoPi = Math.Log(2.0 * Math.PI)

    let last (t: Tensor) =
        if t.Rank = 0 then
            Shapes.refuse
                "distribution"
                $"the parameter is {t.Signature}, but its event lies along the last axis."

        t.Shape[t.Rank - 1]

    let over = Tensor.sumOver [ -1 ]

    /// factor^-1 x for lower triangular factors, by substitution: the rows one after another.
    let solveLower (factor: Tensor) (x: Tensor) =
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

    let diagonal (factor: Tensor) =
        let n = last factor
        let eye = Tensor.eye factor.DType n
        over (factor * eye)

    /// x log y, and 0 where x is 0.
    let timesLog (x: Tensor) (y: Tensor) =
        let isZero = Tensor.equal x (Tensor.zerosLike x)
        let y = Tensor.where isZero (Tensor.onesLike (x + y)) (y + Tensor.zerosLike x)
        Tensor.where isZero (Tensor.zerosLike y) (x * log y)

    /// log p(x); -infinity outside of what can come.
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
            let f x = timesLog (a - 1.0) x + timesLog (b - 1.0) (1.0 - x) - Tensor.lbeta a b
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
            concentration * (cos (x - location) - 1.0)
            - logTwoPi
            - log (Tensor.besselIe 0 concentration)
        | Mixture(logits, components) ->
            let logWeights = Tensor.logSoftmax -1 logits

            components
            |> List.mapi (fun k c -> logWeights[k] + logProb x c)
            |> Tensor.stack 0
            |> Tensor.logSumExpOver [ 0 ]
        | Transformed(inner, bijection) ->
            let y = bijection.Inverse x
            logProb y inner - bijection.LogDerivative y
