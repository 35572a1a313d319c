/// Models of data, distributions of parameters and natural gradients.
module Properties.GenerativeLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private key = Key.ofSeed 81L
let private s (x: float) = Tensor.scalar x
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private descend rate steps (f: int -> 'P -> Tensor) (p: 'P) =
    Seq.fold
        (fun p i -> Tree.eval (Tree.map2 (fun p g -> p - rate * g) p (grad (f i) p)))
        p
        (seq { 1..steps })

// Boltzmann machines

let private machine: Tied =
    { Weights = normal 1L [ 4; 4 ]
      Hidden = normal 2L [ 4 ]
      Visible = normal 3L [ 4 ] }

[<Fact>]
let ``the free energy is that of all hidden states together, and probabilities sum to 1`` () =
    let v, all = Boltzmann.states Float64 4, Boltzmann.states Float64 4
    Assert.Equal<int list>([ 16; 4 ], Tensor.shape all)

    let energies =
        -(Tensor.expandDims 1 (Tensor.matmul v machine.Visible))
        - Tensor.matmul all machine.Hidden
        - Tensor.matmul (Tensor.matmul v machine.Weights) (Tensor.transpose all)

    close 1e-13 (-(Tensor.logSumExpOver [ 1 ] (-energies))) (Boltzmann.freeEnergy machine v)
    let each = [ for i in 0..15 -> exp (number (Boltzmann.logLikelihood machine v[i..i])) ]
    Assert.Equal(1.0, List.sum each, 12)

[<Fact>]
let ``A165: contrastive divergence points the way the likelihood rises, and trains a 4 by 4 machine`` () =
    // Two patterns and their noise.
    let patterns = Tensor.matrix [ [ 1.0; 1.0; 0.0; 0.0 ]; [ 0.0; 0.0; 1.0; 1.0 ] ]
    let v = Tensor.take 0 (Random.integers 0 2 key [ 400 ]) patterns
    let flips = Tensor.cast Float64 (Random.bernoulli 0.05 (Key.ofSeed 4L) [ 400; 4 ])
    let v = v + flips - 2.0 * v * flips
    let start = Boltzmann.init Float64 4 4 (Key.ofSeed 5L)
    let exact = grad (fun p -> -(Boltzmann.logLikelihood p v)) start
    let many = Tensor.tile [ 20; 1 ] v
    let estimate = grad (fun p -> Boltzmann.contrastiveDivergence 1 (Key.ofSeed 6L) p many) start
    // Elements that are not near 0 have the same sign.
    for e, a in Seq.zip (Tree.leaves exact) (Tree.leaves estimate) do
        let large = Tensor.toArray<float> e |> Array.map (fun e -> abs e > 0.02)
        let signs t = Tensor.toArray<float>(Tensor.sign t) |> Array.zip large |> Array.filter fst
        Assert.Equal<(bool * float)[]>(signs e, signs a)

    let trained = descend 0.2 300 (fun i p -> Boltzmann.contrastiveDivergence 1 (Key.foldIn i key) p v) start
    let before, after = number (Boltzmann.logLikelihood start v), number (Boltzmann.logLikelihood trained v)
    Assert.Equal(-4.0 * log 2.0, before, 0.05)
    // The patterns' own entropy, log 2, and that of flips, 4 x 0.1985.
    Assert.InRange(after, -1.9, -1.3)

[<Fact>]
let ``A121: greedy autoencoders each lower what they fail to restore, and make a perceptron`` () =
    let x = Tensor.matmul (normal 7L [ 60; 3 ]) (normal 8L [ 3; 8 ])
    let widths = [ 8; 5; 3 ]

    let error (p: Tied) x =
        let layer = Block.autoencoder Float64 tanh p.Weights.Shape[0] p.Weights.Shape[1]
        Losses.meanSquared (layer.Apply Inference p x) x

    let errors = ResizeArray()

    let train start x =
        let trained = descend 0.05 300 (fun _ p -> error p x) start
        errors.Add(number (error start x), number (error trained x))
        trained

    let stack = Pretraining.greedy tanh train widths key x
    Assert.Equal(2, errors.Count)
    Assert.All(errors, fun (before, after) -> Assert.True(after < 0.6 * before, $"{before} to {after}"))
    let codes = stack |> List.fold (fun x p -> Block.encode tanh p x) x
    let layers = Pretraining.toDense stack
    let again = layers |> List.fold (fun x p -> tanh (Tensor.matmul x p.Weights + p.Bias)) x
    close 0.0 codes again

// Distributions of parameters

[<Fact>]
let ``A126: the gradient through drawn weights is, in the mean, that of the mean loss`` () =
    let inner = Layer.dense Float64 3 1
    let q = Variational.around 0.3 (inner.Init key)
    let x, t = normal 9L [ 6; 3 ], normal 10L [ 6; 1 ]
    let layer = Variational.layer 0.3 inner

    let loss key (q: Uncertain<Dense>) = Losses.meanSquared (layer.Apply (Training key) q x) t
    // E (x w + b - t)^2 has a closed form: the error of the means plus sigma^2 (|x|^2 + 1).
    let mean (q: Uncertain<Dense>) =
        let w, b = Tensor.softplus q.Rough.Weights, Tensor.softplus q.Rough.Bias
        let spread = Tensor.matmul (Tensor.square x) (Tensor.square w) + Tensor.square b
        Losses.meanSquared (inner.Apply Inference q.Mean x) t + Tensor.mean spread

    let keys = Key.split 2000 (Key.ofSeed 11L)
    let words = { Words = keys |> Array.map _.Words |> Tensor.stack 0 }
    let each = vmap (fun key -> grad (loss key) q) words

    for e, a in Seq.zip (Tree.leaves (grad mean q)) (Tree.leaves each) do
        let error = sqrt (Tensor.varianceOver [ 0 ] a / 2000.0)
        let apart = abs (Tensor.meanOver [ 0 ] a - e) / error
        // Of eight elements the largest is beyond 3.5 standard errors once in 270 times.
        Assert.InRange(number (Tensor.max apart), 0.0, 3.5)

[<Fact>]
let ``the divergence of drawn parameters is that of normal distributions`` () =
    let q = Variational.around 0.4 (Tensor.vector [ 0.5; -1.0 ])
    let one = Distribution.Normal(q.Mean, Tensor.full Float64 [ 2 ] 0.4)
    let prior = Distribution.Normal(s 0.0, s 0.8)
    let expected = Tensor.sum (Distribution.kullbackLeibler one prior)
    Assert.Equal(number expected, number (Variational.divergence 0.8 q), 12)

[<Fact>]
let ``A127: averaged over the posterior, predictions have less loss on what was held out than the best parameters``
    ()
    =
    let truth, x = normal 12L [ 8 ], normal 13L [ 300; 8 ]
    let t = Tensor.cast Float64 (Random.bernoulli 0.5 key [ 300 ])
    let p = Tensor.sigmoid (2.0 * Tensor.matmul x truth)

    let t =
        Tensor.cast Float64 (Tensor.less (Random.uniform (Key.ofSeed 14L) [ 300 ]) p)
        + 0.0 * t

    let few, rest = x[..19, *], x[20.., *]

    let loss w =
        20.0 * Losses.binaryCrossEntropy (Tensor.matmul few w) t[..19]
        + Tensor.sum (Tensor.square w) / 50.0

    let best = Minimizer.run 100 0.0 (SecondOrder.newtonCg 30) loss (Tensor.zeros Float64 [ 8 ])
    // The posterior by Metropolis' walk.
    let walk =
        let noise, coins =
            normal 15L [ 20_000; 8 ], Tensor.toArray<float>(Random.uniform (Key.ofSeed 16L) [ 20_000 ])

        let at = jit loss

        ((best, number (at best)), seq { 0..19_999 })
        ||> Seq.scan (fun (w, energy) i ->
            let next = Tensor.eval (w + 0.5 * noise[i])
            let there = number (at next)

            if coins[i] < exp (energy - there) then
                next, there
            else
                w, energy)
        |> Seq.indexed
        |> Seq.filter (fun (i, _) -> i > 1000 && i % 50 = 0)
        |> Seq.map (snd >> fst)
        |> List.ofSeq

    let probability w = Tensor.sigmoid (Tensor.matmul rest w)
    let mean = (walk |> List.map probability |> List.reduce (+)) / float walk.Length
    let held (p: Tensor) = -(number (Tensor.mean (t[20..] * log p + (1.0 - t[20..]) * log (1.0 - p))))
    Assert.True(held mean < held (probability best), $"{held mean} against {held (probability best)}")

[<Fact>]
let ``a variational autoencoder's bound has right derivatives, and is above -log p of what it models`` () =
    let p = Variational.initAutoencoder Float64 4 6 2 key
    let x = Tensor.cast Float64 (Random.bernoulli 0.4 (Key.ofSeed 17L) [ 5; 4 ])
    let report = Gradients.check (fun p -> Variational.bound key p x) p
    Assert.True(report.IsPassed, string report)
    // -log of the mean of p(x | z) over codes drawn from the prior, against the bound averaged over keys.
    let row = x[0..0, *]
    let z = normal 18L [ 100_000; 2 ]
    let logits = Variational.decode p z
    let logP = Tensor.sumOver [ -1 ] (row * logits - Tensor.softplus logits)
    let exact = -(number (Tensor.logSumExp logP - log 1e5))
    let bounds = [ for key in Key.split 300 key -> number (Variational.bound key p row) ]
    Assert.True(List.average bounds > exact - 0.02, $"{List.average bounds} below {exact}")

// Natural gradients

[<Fact>]
let ``where the curvature is a Kronecker product, one natural step is at the minimum`` () =
    let x, t = normal 19L [ 30; 3 ], normal 20L [ 30; 2 ]
    let p = (Layer.perceptron Float64 id 0.0 [ 3; 2 ]).Init key

    let loss (p: Dense[]) =
        15.0 / 30.0
        * Tensor.sum (Tensor.square (Tensor.matmul x p[0].Weights + p[0].Bias - t))
        / 15.0
    // Targets drawn from the model, normal with variance 1: its gradients by the outputs are standard normal, with second moments near I.
    let noise = normal 21L [ 30; 2 ]
    let found = Kfac.factors id (fun y -> Tensor.sum (y * noise)) p x

    let exact =
        found
        |> Array.map (fun f ->
            { f with
                Outputs = Tensor.eye Float64 2 })

    let state = Kfac.init p |> Kfac.observe 0.95 exact
    let step = Kfac.direction 0.0 state (grad (fun p -> 0.5 * loss p) p)
    let next = Tree.map2 (fun p d -> p - d) p step
    let design = Tensor.concat 1 [ x; Tensor.ones Float64 [ 30; 1 ] ]
    let best = Linalg.leastSquares design t
    close 1e-10 best[..2, *] next[0].Weights
    close 1e-10 best[3, *] next[0].Bias
    close 1e-12 (Tensor.matmul (Tensor.transpose design) design / 30.0) found[0].Inputs
    close 1e-12 (Tensor.matmul (Tensor.transpose noise) noise / 30.0) found[0].Outputs

[<Fact>]
let ``with much damping the natural direction is the gradient's, and averages begin with the first batch``
    ()
    =
    let net = Layer.perceptron Float64 tanh 0.0 [ 3; 5; 2 ]
    let p = net.Init key
    let x, classes = normal 22L [ 10; 3 ], Random.integers 0 2 key [ 10 ]
    let seen = Kfac.ofClassifier tanh key p x
    let state = Kfac.observe 0.95 seen (Kfac.init p)

    for a, b in Seq.zip (Tree.leaves seen) (Tree.leaves state.Factors) do
        close 1e-15 a b

    let g = grad (fun p -> Losses.crossEntropy (net.Apply Inference p x) classes) p
    let d = Kfac.direction 1e10 state g

    for g, d in Seq.zip (Tree.leaves g) (Tree.leaves d) do
        close (1e-4 * number (Tensor.max (abs g))) g (1e10 * d)

[<Fact>]
let ``natural gradients bring a perceptron further in as many steps than plain ones at their best rate`` () =
    let net = Layer.perceptron Float64 tanh 0.0 [ 4; 10; 3 ]
    let x = normal 23L [ 90; 4 ] * Tensor.vector [ 5.0; 1.0; 0.3; 0.1 ]

    let classes =
        Tensor.argmaxOver
            [ 1 ]
            (Tensor.matmul (x / Tensor.vector [ 5.0; 1.0; 0.3; 0.1 ]) (normal 24L [ 4; 3 ]))

    let loss p = Losses.crossEntropy (net.Apply Inference p x) classes
    let start = net.Init key

    let natural =
        Seq.fold
            (fun (p, state) i ->
                let state = Kfac.observe 0.95 (Kfac.ofClassifier tanh (Key.foldIn i key) p x) state
                let d = Kfac.direction 1e-2 state (grad loss p)
                Tree.eval (Tree.map2 (fun p d -> p - 0.5 * d) p d, state))
            (start, Kfac.init start)
            (seq { 1..40 })
        |> fst

    let plain =
        [ for rate in [ 0.03; 0.1; 0.3; 1.0; 3.0 ] ->
              number (loss (descend rate 40 (fun _ p -> loss p) start)) ]
        |> List.min

    Assert.True(number (loss natural) < 0.5 * plain, $"{number (loss natural)} against {plain}")

// Projected and preconditioned gradients

[<Fact>]
let ``GaLore with all directions and plain descent inside is plain descent, and finds new directions when they are due``
    ()
    =
    let p = normal 25L [ 3; 2 ], normal 26L [ 2; 4 ], normal 27L [ 3 ]

    let gradient i =
        normal (28L + 3L * i) [ 3; 2 ], normal (29L + 3L * i) [ 2; 4 ], normal (30L + 3L * i) [ 3 ]

    let full: Optimizer<Tensor * Tensor * Tensor, _> = Factored.galore 2 3 1.0 (Updates.scale -0.1)

    let states =
        [ 0L .. 6L ]
        |> List.scan (fun (_, state) i -> full.Update (gradient i) state p) (p, full.Init p)

    for i in [ 0; 3; 6 ] do
        for e, a in Seq.zip (Tree.leaves (gradient (int64 i))) (Tree.leaves (fst states.Tail[i])) do
            close 1e-14 (-0.1 * e) a

    // Between, the gradient's part along the directions is what is left.
    let (u, _, _), state = states.Tail[1]
    let (g, _, _), d = gradient 1L, state.Directions[0]
    close 1e-14 (-0.1 * Tensor.matmul d (Tensor.matmul (Tensor.transpose d) g)) u

    let directions = states.Tail |> List.map (fun (_, state) -> state.Directions[0])
    close 0.0 directions[0] directions[2]
    Assert.NotEqual(directions[2], directions[3])

[<Fact>]
let ``Shampoo of a vector is AdaGrad with the whole matrix, and of a matrix does not depend on how it lies``
    ()
    =
    let g = normal 31L [ 3; 4 ]
    let o: Optimizer<Tensor, _> = Factored.shampoo 100 1e-3
    let u, _ = o.Update g (o.Init g) g
    let turned = Tensor.transpose g
    let v, _ = o.Update turned (o.Init turned) turned
    close 1e-12 (Tensor.transpose u) v
    let w = normal 32L [ 4 ]
    let u, sums = o.Update w (o.Init w) w
    // (epsilon I + w w')^(-1/2) w = w / sqrt(epsilon + |w|^2).
    close 1e-12 (w / sqrt (1e-3 + Tensor.sum (Tensor.square w))) u
    close 1e-15 (1e-3 * Tensor.eye Float64 4 + Tensor.outer w w) (Array.item 0 sums[0])
