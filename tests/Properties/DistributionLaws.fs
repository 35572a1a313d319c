module Properties.DistributionLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private s (x: float) = Tensor.scalar x
let private v (xs: float list) = Tensor.vector xs

/// One distribution of numbers of each kind, and a range that holds all but 1e-9 of it.
let private continuous: (string * Distribution * float * float) list =
    let normal = Normal(s 0.7, s 1.3)

    [ "normal", normal, -9.0, 10.0
      "uniform", Uniform(s -1.0, s 2.5), -1.0, 2.5
      "gamma", Gamma(s 2.7, s 1.4), 0.0, 30.0
      "gamma below 1", Gamma(s 0.6, s 0.8), 0.0, 40.0
      "beta", Beta(s 2.2, s 3.1), 0.0, 1.0
      "exponential", Exponential(s 1.7), 0.0, 20.0
      "laplace", Laplace(s 0.4, s 0.9), -20.0, 21.0
      "student t", StudentT(s 9.0, s 0.3, s 1.2), -120.0, 120.0
      "von mises", VonMises(s 0.9, s 2.3), -Math.PI, Math.PI
      "von mises, narrow", VonMises(s 0.9, s 40.0), -Math.PI, Math.PI
      "mixture", Mixture(v [ 0.3; -0.5 ], [ normal; Normal(s -2.0, s 0.5) ]), -9.0, 10.0
      "log-normal", Transformed(Normal(s 0.1, s 0.4), Bijections.exp), 0.0, 20.0
      "logit-normal", Transformed(normal, Bijections.sigmoid), 0.0, 1.0
      "tanh of a line",
      Transformed(
          Normal(s 0.1, s 0.4),
          Bijections.compose (Bijections.affine (s 0.2) (s -1.5)) Bijections.tanh
      ),
      -1.0,
      1.0 ]

let private discrete =
    [ "bernoulli", Bernoulli(s 0.8), [ 0.0; 1.0 ]
      "poisson", Poisson(s 3.4), [ 0.0 .. 60.0 ]
      "poisson above 10", Poisson(s 17.0), [ 0.0 .. 90.0 ] ]

let private vectors =
    [ "multivariate normal",
      MultivariateNormal(v [ 0.3; -1.0 ], Tensor.matrix [ [ 1.2; 0.0 ]; [ -0.5; 0.8 ] ])
      "dirichlet", Dirichlet(v [ 1.5; 0.7; 3.0 ]) ]

let private categorical = Categorical(v [ 0.2; -1.0; 0.7 ])
let private many = 40_000
let private drawn d = Distribution.sample (Key.ofSeed 5L) [ many ] d |> Tensor.eval

/// A mean over samples against what it should be, in standard errors.
let private near (name: string) (what: string) (expected: Tensor) (samples: Tensor) =
    let mean = Tensor.meanOver [ 0 ] samples
    let error = sqrt (Tensor.varianceOver [ 0 ] samples / float many)
    let far = Tensor.max (abs (mean - expected) / (error + 1e-12)) |> Tensor.toScalar

    Assert.True(
        far < 5.0,
        $"{name}: the {what} of samples is {mean} for {expected}, {far:F1} standard errors away."
    )

[<Fact>]
let ``densities integrate to 1`` () =
    for name, d, low, high in continuous do
        // x = low + (high - low) (3 u^2 - 2 u^3) crowds points at the ends, where densities may be infinite.
        let n = 400_000
        let u = (Tensor.arange Float64 n + 0.5) / float n
        let x = low + (high - low) * (3.0 * u * u - 2.0 * u * u * u)
        let weight = (high - low) * 6.0 * u * (1.0 - u) / float n
        let total = Tensor.sum (weight * exp (Distribution.logProb x d)) |> Tensor.toScalar
        Assert.True(abs (total - 1.0) < 1e-5, $"{name}: {total}")

    for name, d, values in discrete do
        let total = Tensor.sum (exp (Distribution.logProb (v values) d)) |> Tensor.toScalar
        Assert.True(abs (total - 1.0) < 1e-12, $"{name}: {total}")

    let all = exp (Distribution.logProb (Tensor.arange Int32 3) categorical)
    Assert.Equal(1.0, Tensor.toScalar (Tensor.sum all), 14)

[<Fact>]
let ``samples have the mean and the variance`` () =
    let all =
        [ for name, d, _, _ in continuous do
              yield name, d
          for name, d, _ in discrete do
              yield name, d
          yield! vectors ]

    for name, d in all do
        match d with
        | VonMises _
        | Transformed _ -> ()
        | _ ->
            let x = drawn d
            let mean = Distribution.mean d
            near name "mean" mean x
            near name "variance" (Distribution.variance d) (Tensor.square (x - mean))

[<Fact>]
let ``the share of samples below a point is the integral of the density`` () =
    for name, d, low, high in continuous do
        let x = drawn d

        for share in [ 0.05; 0.1; 0.3; 0.5; 0.6 ] do
            let limit = low + share * (high - low)
            let n = 200_000
            let u = (Tensor.arange Float64 n + 0.5) / float n
            let at = low + (limit - low) * (3.0 * u * u - 2.0 * u * u * u)
            let weight = (limit - low) * 6.0 * u * (1.0 - u) / float n
            let expected = Tensor.sum (weight * exp (Distribution.logProb at d))
            let isTail = abs (Tensor.toScalar expected - 0.5) > 0.49

            if not isTail then
                near name $"share below {limit}" expected (Tensor.cast Float64 (Tensor.less x (s limit)))

/// Those whose distribution function has a formula.
let private withCdf =
    continuous
    |> List.filter (fun (_, d, _, _) ->
        match d with
        | VonMises _
        | StudentT _
        | Transformed _ -> false
        | _ -> true)

[<Fact>]
let ``the derivative of the distribution function is the density, and it goes from 0 to 1`` () =
    for name, d, low, high in withCdf do
        let x = low + (high - low) * v [ 0.03; 0.2; 0.4; 0.55; 0.8; 0.97 ]
        let slope = grad (fun x -> Tensor.sum (Distribution.cdf x d)) x
        let density = exp (Distribution.logProb x d)
        let far = Tensor.toScalar (Tensor.max (abs (slope - density) / (density + 1e-300)))
        Assert.True(far < 1e-11, $"{name}: {slope} for {density}")
        let ends = Distribution.cdf (v [ low - 100.0; low; high; high + 100.0 ]) d
        let far = Tensor.toScalar (Tensor.max (abs (ends - v [ 0.0; 0.0; 1.0; 1.0 ])))
        Assert.True(far < 1e-6, $"{name}: {ends}")

[<Fact>]
let ``the distribution function of whole numbers is the sum of their probabilities, and flat between them``
    ()
    =
    for name, d, values in discrete do
        let x = v values
        let expected = Tensor.cumsum 0 (exp (Distribution.logProb x d))

        for shift in [ 0.0; 0.4 ] do
            let far = Tensor.toScalar (Tensor.max (abs (Distribution.cdf (x + shift) d - expected)))
            Assert.True(far < 1e-13, $"{name}: {far}")

        Assert.Equal(0.0, Tensor.toScalar (Distribution.cdf (s -0.5) d))

[<Fact>]
let ``a quantile is where the distribution function has come so far`` () =
    let p = v [ 1e-12; 0.1; 0.4; 0.5; 0.8; 0.999 ]

    for name, d, _, _ in continuous do
        match d with
        | Normal _
        | Uniform _
        | Exponential _
        | Laplace _ ->
            let back = Distribution.cdf (Distribution.quantile p d) d
            let far = Tensor.toScalar (Tensor.max (abs (back / p - 1.0)))
            Assert.True(far < 1e-3, $"{name}: {back}")
            let far = Tensor.toScalar (Tensor.max (abs (back - p)))
            Assert.True(far < 1e-14, $"{name}: {back}")
        | _ -> ()

    let bernoulli = Distribution.quantile (v [ 0.3; 0.32 ]) (Bernoulli(s 0.8))
    Assert.Equal<float[]>([| 0.0; 1.0 |], Tensor.toArray<float> bernoulli)

[<Fact>]
let ``a distribution without the formula says so`` () =
    let e =
        Assert.Throws<ArgumentException>(fun () ->
            Distribution.quantile (s 0.5) (Gamma(s 2.0, s 1.0)) |> ignore)

    Assert.Equal("quantile: has no formula for Gamma; samples of it estimate it.", e.Message)

[<Fact>]
let ``categories come as often as they should`` () =
    let classes = drawn categorical
    let expected = exp (Distribution.logProb (Tensor.arange Int32 3) categorical)
    near "categorical" "frequency" expected (Tensor.oneHot Float64 3 classes)

[<Fact>]
let ``the entropy is the mean of -log p`` () =
    let all =
        [ for name, d, _, _ in continuous do
              yield name, d
          yield "bernoulli", Bernoulli(s 0.8)
          yield "categorical", categorical
          yield! vectors ]

    for name, d in all do
        match d with
        | VonMises _
        | Mixture _
        | Transformed _ -> ()
        | _ -> near name "-log p" (Distribution.entropy d) (-(Distribution.logProb (drawn d) d))

[<Fact>]
let ``the divergence is the mean of log p / q, and 0 from a distribution to itself`` () =
    let pairs =
        [ Normal(s 0.7, s 1.3), Normal(s 0.2, s 0.9)
          MultivariateNormal(v [ 0.3; -1.0 ], Tensor.matrix [ [ 1.2; 0.0 ]; [ -0.5; 0.8 ] ]),
          MultivariateNormal(v [ 0.0; -0.5 ], Tensor.matrix [ [ 0.9; 0.0 ]; [ 0.4; 1.1 ] ])
          Bernoulli(s 0.8), Bernoulli(s -0.3)
          categorical, Categorical(v [ 0.0; 0.4; -0.2 ])
          Gamma(s 2.7, s 1.4), Gamma(s 2.0, s 1.0)
          Beta(s 2.2, s 3.1), Beta(s 1.5, s 2.0)
          Dirichlet(v [ 1.5; 0.7; 3.0 ]), Dirichlet(v [ 1.0; 1.2; 2.0 ])
          Poisson(s 3.4), Poisson(s 4.1)
          Exponential(s 1.7), Exponential(s 1.1)
          Laplace(s 0.4, s 0.9), Laplace(s 0.1, s 1.2) ]

    for p, q in pairs do
        let x = drawn p
        let name = $"{p.GetType().Name}"

        near
            name
            "log p / q"
            (Distribution.kullbackLeibler p q)
            (Distribution.logProb x p - Distribution.logProb x q)

        Assert.Equal(0.0, Tensor.toScalar (Distribution.kullbackLeibler p p), 12)

[<Fact>]
let ``log densities have right derivatives, by the point and by every parameter`` () =
    let check (name: string) f x =
        let report = Gradients.check f x
        Assert.True(report.IsPassed, $"{name}: {report}")

    check "normal" (fun (x, m, d) -> Distribution.logProb x (Normal(m, d))) (s 0.3, s 0.7, s 1.3)
    check "gamma" (fun (x, a, r) -> Distribution.logProb x (Gamma(a, r))) (s 1.3, s 2.7, s 1.3)
    check "beta" (fun (x, a, b) -> Distribution.logProb x (Beta(a, b))) (s 0.3, s 2.7, s 1.3)

    check
        "student t"
        (fun (x, (f, m, d)) -> Distribution.logProb x (StudentT(f, m, d)))
        (s 0.3, (s 4.0, s 0.7, s 1.3))

    check "von mises" (fun (x, m, k) -> Distribution.logProb x (VonMises(m, k))) (s 0.3, s 0.7, s 1.3)

    check
        "von mises, narrow"
        (fun (x, m, k) -> Distribution.logProb x (VonMises(m, k)))
        (s 0.3, s 0.7, s 31.0)

    check
        "dirichlet"
        (fun (x, c) -> Distribution.logProb x (Dirichlet c))
        (v [ 0.2; 0.5; 0.3 ], v [ 1.5; 0.7; 3.0 ])

    check
        "multivariate normal"
        (fun (x, m, f) -> Distribution.logProb x (MultivariateNormal(m, f)))
        (v [ 0.1; 0.2 ], v [ 0.3; -1.0 ], Tensor.matrix [ [ 1.2; 0.0 ]; [ -0.5; 0.8 ] ])

    check
        "mixture"
        (fun (x, l, m) -> Distribution.logProb x (Mixture(l, [ Normal(m, s 1.0); Laplace(s 2.0, s 0.5) ])))
        (s 0.3, v [ 0.3; -0.5 ], s 0.1)

[<Fact>]
let ``what cannot come has density 0 and no NaN in its derivative`` () =
    for d in [ Gamma(s 2.7, s 1.3); Exponential(s 1.1); Beta(s 2.0, s 3.0) ] do
        Assert.Equal(-infinity, Tensor.toScalar (Distribution.logProb (s -1.0) d))
        Assert.Equal(0.0, Tensor.toScalar (grad (fun x -> Distribution.logProb x d) (s -1.0)))

[<Fact>]
let ``reparameterised samples carry derivatives to the parameters`` () =
    let mean f d = grad (fun p -> Tensor.mean (f (Distribution.sample (Key.ofSeed 3L) [ many ] (d p))))

    let close (expected: float) actual =
        Assert.Equal(expected, Tensor.toScalar actual, 0.01 + 0.05 * abs expected)

    close 1.0 (mean id (fun m -> Normal(m, s 1.3)) (s 0.7))
    close 2.6 (mean Tensor.square (fun d -> Normal(s 0.7, d)) (s 1.3))
    close (-1.0 / 4.0) (mean id Exponential (s 2.0))
    close (2.0 * 1.5 * 2.0) (mean (fun x -> Tensor.square (x - 0.5)) (fun b -> Laplace(s 0.5, b)) (s 1.5))
    close 0.5 (mean id (fun h -> Uniform(s 0.0, h)) (s 2.0))
    close 0.0 (mean id (fun a -> Gamma(a, s 1.0)) (s 2.0))
