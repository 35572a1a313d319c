/// Regularization, initialization and selection, each by what defines it.
module Properties.PracticeRows

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private key = Key.ofSeed 41L
let private normal seed shape = Random.normal (Key.ofSeed seed) shape
let private number (t: Tensor) = Tensor.toScalar t

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private net = Layer.perceptron Float64 tanh 0.0 [ 3; 4; 2 ]
let private x, private classes = normal 1L [ 8; 3 ], Tensor.vector [ 0; 1; 1; 0; 1; 0; 0; 1 ]
let private loss p = Losses.crossEntropy (net.Apply Inference p x) classes

[<Fact>]
let ``A090: from zeros, tanh networks get no gradient for any weight`` () =
    let g = grad loss (net.Init key |> Tree.map Tensor.zerosLike)

    for layer in g do
        close 0.0 (Tensor.zerosLike layer.Weights) layer.Weights

[<Fact>]
let ``A091: units that begin equal stay equal, bit by bit`` () =
    let step p = Tree.map2 (fun p g -> p - 0.1 * g) p (grad loss p) |> Tree.eval

    let p =
        Seq.fold (fun p _ -> step p) (net.Init key |> Tree.map (fun t -> Tensor.fullLike t 0.3)) [ 1..100 ]

    Assert.NotEqual(0.3, number p[0].Weights[0, 0])

    for unit in 1..3 do
        close 0.0 p[0].Weights[*, 0] p[0].Weights[*, unit]

[<Fact>]
let ``A099: at first few units of a tanh network are saturated`` () =
    let wide = Layer.perceptron Float64 tanh 0.0 (List.replicate 6 200)
    let start = Initializers.glorotUniform Float64 200 200

    let values =
        wide.Init key
        |> Array.mapi (fun i _ -> start (Key.foldIn i key) [ 200; 200 ])
        |> Array.scan (fun x w -> tanh (Tensor.matmul x w)) (normal 2L [ 100; 200 ])

    for layer in Array.tail values do
        let saturated = Tensor.greater (abs layer) (Tensor.fullLike layer 0.97) |> Tensor.cast Float64
        Assert.InRange(number (Tensor.mean saturated), 0.0, 0.05)

[<Fact>]
let ``A106: the gradient of a prior's -log is that of its penalty`` () =
    let w = normal 3L [ 5 ]
    let prior (d: Distribution) w = -(Tensor.sum (Distribution.logProb w d))
    let gaussian = Distribution.Normal(Tensor.scalar 0.0, Tensor.scalar 0.5)
    close 1e-13 (w / 0.25) (grad (prior gaussian) w)
    let laplace = Distribution.Laplace(Tensor.scalar 0.0, Tensor.scalar 0.5)
    close 1e-13 (Tensor.sign w / 0.5) (grad (prior laplace) w)

[<Fact>]
let ``A107: stopping early gives the best parameters, so many steps after them`` () =
    let losses = [ 5.0; 3.0; 4.0; 2.0; nan; 2.0; 2.5; 1.0 ]

    let states =
        (Selection.start 0, List.indexed losses)
        ||> List.scan (fun s (i, l) -> Selection.observe i l s)

    let stopped = states |> List.find (Selection.isOver 3)
    Assert.Equal((3, 2.0, 4, 7), (stopped.Best, stopped.Loss, stopped.At, stopped.Steps))

[<Fact>]
let ``A114: noise on the input of a linear network adds sigma^2 ||J||^2 to its squared error`` () =
    let w, x, t = normal 4L [ 3; 2 ], normal 5L [ 1; 3 ], normal 6L [ 1; 2 ]
    let error x = Tensor.sumOver [ 1 ] (Tensor.square (Tensor.matmul x w - t))
    let noisy = error (x + 0.3 * normal 7L [ 100_000; 3 ])
    let penalty = Regularization.contractive (fun x -> Tensor.matmul x w) (Tensor.reshape [ 3 ] x)
    let expected = number (Tensor.sum (error x) + 0.09 * penalty)
    let deviation = sqrt (number (Tensor.variance noisy) / 1e5)
    Assert.InRange(number (Tensor.mean noisy), expected - 3.0 * deviation, expected + 3.0 * deviation)

/// Points and weights of Gauss and Hermite's quadrature for a standard normal number (Golub and Welsch 1969).
let private hermite n =
    let beside =
        Tensor.ofArray
            [ n; n ]
            (Array.init (n * n) (fun k ->
                if abs (k / n - k % n) = 1 then
                    sqrt (float (max (k / n) (k % n)))
                else
                    0.0))

    let points, vectors = Linalg.eigh beside
    points, Tensor.square vectors[0, *]

[<Fact>]
let ``A114: for a smooth network the penalty needs the error times the Laplacian, and then only sigma^4 is left``
    ()
    =
    let w, v, x, t = normal 31L [ 2; 4 ], normal 32L [ 4 ], Tensor.vector [ 0.3; -0.5 ], 0.7
    let f x = Tensor.dot (tanh (Tensor.matmul x w)) v
    let error x = Tensor.square (f x - t)
    let points, weights = hermite 20
    let grid = Tensor.stack 1 [ Tensor.repeat 0 20 points; Tensor.tile [ 20 ] points ]
    let both = Tensor.flatten (Tensor.outer weights weights)

    let remainder withLaplacian sigma =
        let noisy = Tensor.dot both (vmap error (x + sigma * grid)) |> number
        let slopes = number (Tensor.sum (Tensor.square (grad f x)))

        let curvature =
            if withLaplacian then
                number ((f x - t) * laplacian f x)
            else
                0.0

        abs (noisy - number (error x) - sigma * sigma * (slopes + curvature))

    let slope withLaplacian = Math.Log2(remainder withLaplacian 0.05 / remainder withLaplacian 0.025)
    Assert.Equal(4.0, slope true, 0.1)
    Assert.Equal(2.0, slope false, 0.1)

[<Fact>]
let ``A115: the contractive penalty has right derivatives of first and second order`` () =
    let penalty (w, x) = Regularization.contractive (fun x -> tanh (Tensor.matmul x w)) x
    let report = Gradients.check penalty (normal 8L [ 3; 4 ], normal 9L [ 3 ])
    Assert.True(report.IsPassed, string report)

[<Fact>]
let ``A117: descending the sparsity penalty brings mean activations to their level`` () =
    let a (b: Tensor) = Tensor.sigmoid (normal 10L [ 50; 3 ] + b)
    let penalty b = Regularization.sparsity 0.1 (a b)

    let b =
        Seq.fold (fun b _ -> Tensor.eval (b - 2.0 * grad penalty b)) (Tensor.zeros Float64 [ 3 ]) [ 1..300 ]

    close 1e-3 (Tensor.full Float64 [ 3 ] 0.1) (Tensor.meanOver [ 0 ] (a b))
    Assert.InRange(number (penalty b), 0.0, 1e-4)

[<Fact>]
let ``A118: an ensemble's squared error is at most its members' mean error`` () =
    Check.property (fun (seed: int64) ->
        let members, t = normal seed [ 5; 4 ], normal (seed + 1L) [ 4 ]
        let error y = number (Tensor.mean (Tensor.square (y - t)))
        error (Tensor.meanOver [ 0 ] members) <= error members + 1e-12)

[<Fact>]
let ``A122: the fast gradient sign moves each element by the size, and the loss by size times the gradient's 1-norm``
    ()
    =
    let p = net.Init key
    let loss x = Losses.crossEntropy (net.Apply Inference p x) classes
    let moved = Regularization.fastGradientSign 1e-5 loss x
    close 1e-15 (Tensor.full Float64 [ 8; 3 ] 1e-5) (abs (moved - x))
    let first = 1e-5 * number (Tensor.sum (abs (grad loss x)))
    Assert.InRange(number (loss moved - loss x), 0.999 * first, 1.001 * first)

[<Fact>]
let ``A123: the virtual adversarial direction is the divergence's top eigenvector`` () =
    let p, x = net.Init key, normal 11L [ 3 ]
    let logits x = net.Apply Inference p (Tensor.reshape [ 1; 3 ] x)
    let own = Tensor.softmax -1 (logits x)
    let divergence x = Losses.kullbackLeibler (Tensor.logSoftmax -1 (logits x)) own
    let d = Regularization.virtualAdversarial 30 key divergence x
    let _, vectors = Linalg.eigh (hessian divergence x)
    Assert.Equal(1.0, abs (number (Tensor.dot d vectors[*, 2])), 6)

[<Fact>]
let ``A123: in many networks the direction is within 1e-3 of the eigenvector, and no other raises the divergence more``
    ()
    =
    for seed in 50L .. 54L do
        let p, x = net.Init(Key.ofSeed seed), normal seed [ 3 ]
        let logits x = net.Apply Inference p (Tensor.reshape [ 1; 3 ] x)
        let own = Tensor.softmax -1 (logits x)
        let divergence x = Losses.kullbackLeibler (Tensor.logSoftmax -1 (logits x)) own
        let d = Regularization.virtualAdversarial 60 key divergence x
        let w, vectors = Linalg.eigh (hessian divergence x)
        // The others' share is what is left of the unit vector: below 1e-3 of it.
        let others = Tensor.matmul (Tensor.transpose vectors[*, 0..1]) d
        Assert.InRange(number (Tensor.norm others), 0.0, 1e-3)
        Assert.True(number w[2] > 1.1 * number w[1])

        for other in 0..4 do
            let r = normal (100L + int64 other) [ 3 ]
            let raised (d: Tensor) = number (divergence (x + 1e-2 * d))
            Assert.True(raised (r / Tensor.norm r) <= 1.001 * max (raised d) (raised (-d)))

[<Fact>]
let ``A113: noise on activations too is fresh for each epoch's key, and repeats from it`` () =
    let net =
        Layer.dense Float64 3 4
        --> Layer.ofFunction tanh
        --> Block.noise 0.1
        --> Layer.dense Float64 4 2

    let p = net.Init key
    let at epoch = net.Apply (Training(Key.foldIn epoch key)) p x
    Assert.Equal(at 1, at 1)
    Assert.NotEqual(at 1, at 2)

    let plain =
        Layer.dense Float64 3 4
        --> Layer.ofFunction tanh
        --> Layer.ofFunction id
        --> Layer.dense Float64 4 2

    Assert.Equal(plain.Apply Inference p x, net.Apply Inference p x)

[<Fact>]
let ``A161: gradients stay as large through a hundred residual blocks as at their end, and vanish without the pass-through``
    ()
    =
    let block i =
        let w = 0.05 * normal (200L + int64 i) [ 8; 8 ]
        fun x -> tanh (Tensor.matmul x w)

    let start = normal 33L [ 8 ]

    let norms pass =
        let blocks = [ for i in 0..99 -> if pass then (fun x -> x + block i x) else block i ]
        let states = List.scan (fun x b -> Tensor.eval (b x)) start blocks
        // From the last block to the first.
        List.foldBack
            (fun (x, b) (c, found) ->
                let _, back = Reverse.vjp b x
                let c = Tensor.eval (back c)
                c, number (Tensor.norm c) :: found)
            (List.zip (List.take 100 states) blocks)
            (Tensor.ones Float64 [ 8 ], [])
        |> snd

    let residual, plain = norms true, norms false
    Assert.All(residual, fun n -> Assert.InRange(n / List.last residual, 0.1, 10.0))
    Assert.True(plain.Head < 1e-30 * List.last plain)

[<Fact>]
let ``A157: a perceptron of twenty units fits a wave everywhere`` () =
    let net = Layer.perceptron Float64 tanh 0.0 [ 1; 20; 1 ]
    let x = Tensor.reshape [ 60; 1 ] (Tensor.linspace Float64 -3.0 3.0 60)
    let t = sin x
    let fit p = Losses.meanSquared (net.Apply Inference p x) t
    let p = Minimizer.run 400 0.0 (Minimizer.lbfgs 20) fit (net.Init key)
    let between = Tensor.reshape [ 400; 1 ] (Tensor.linspace Float64 -3.0 3.0 400)
    close 0.01 (sin between) (net.Apply Inference p between)

[<Fact>]
let ``A141, A142, A143: folds partition, the grid is the product, and random settings are uniform in the logarithm``
    ()
    =
    for k in [ 2; 3; 10 ] do
        let folds = Selection.folds k key 10
        Assert.Equal<int seq>([ 0..9 ], folds |> Seq.collect snd |> Seq.sort)

        for train, validate in folds do
            Assert.Equal<int seq>([ 0..9 ], Seq.sort (Seq.append train validate))

    let grid = Selection.grid [ "rate", [ 0.1; 0.2; 0.3 ]; "decay", [ 0.0; 1.0 ] ]
    Assert.Equal(6, (List.distinct grid).Length)

    let rates =
        [ for key in Key.split 1000 key -> log10 (Selection.logUniform 1e-4 1.0 key) / 4.0 + 1.0 ]
        |> List.sort
    // Kolmogorov and Smirnov at one in a thousand: 1.95 / sqrt n.
    let apart = rates |> List.mapi (fun i u -> abs (u - (float i + 0.5) / 1000.0)) |> List.max
    Assert.InRange(apart, 0.0, 1.95 / sqrt 1000.0)

[<Fact>]
let ``A157: a two-layer perceptron solves exclusive or`` () =
    let net = Layer.perceptron Float64 tanh 0.0 [ 2; 8; 1 ]
    let x = Tensor.matrix [ [ 0.0; 0.0 ]; [ 0.0; 1.0 ]; [ 1.0; 0.0 ]; [ 1.0; 1.0 ] ]
    let t = Tensor.matrix [ [ 0.0 ]; [ 1.0 ]; [ 1.0 ]; [ 0.0 ] ]
    let loss p = Losses.binaryCrossEntropy (net.Apply Inference p x) t
    let step p = Tree.map2 (fun p g -> p - 0.5 * g) p (grad loss p) |> Tree.eval
    let p = Seq.fold (fun p _ -> step p) (net.Init key) [ 1..1000 ]
    close 0.05 t (Tensor.sigmoid (net.Apply Inference p x))
