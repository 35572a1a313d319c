/// Losses, activations, initializers and schedules, each by what defines it.
module Properties.TrainingRows

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private s (x: float) = Tensor.scalar x
let private v (xs: float list) = Tensor.vector xs
let private floats (t: Tensor) = Tensor.toArray<float> t
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

// Losses

[<Fact>]
let ``every loss has right derivatives of first and second order`` () =
    let y, t = normal 1L [ 5; 4 ], normal 2L [ 5; 4 ]
    let p = Tensor.softmax -1 t
    let classes = Tensor.vector [ 0; 3; 1; 2; 2 ]
    let signs = Tensor.sign t
    let bits = Tensor.cast Float64 (Tensor.greater t (Tensor.zerosLike t))

    let losses: (string * (Tensor -> Tensor)) list =
        [ "meanSquared", fun y -> Losses.meanSquared y t
          "halfSquared", fun y -> Losses.halfSquared y t
          "meanAbsolute", fun y -> Losses.meanAbsolute y t
          "huber", fun y -> Losses.huber 0.7 y t
          "logCosh", fun y -> Losses.logCosh y t
          "cosineDistance", fun y -> Losses.cosineDistance y t
          "crossEntropy", fun y -> Losses.crossEntropy y classes
          "crossEntropyOf", fun y -> Losses.crossEntropyOf y p
          "binaryCrossEntropy", fun y -> Losses.binaryCrossEntropy y bits
          "hinge", fun y -> Losses.hinge y signs
          "multiclassHinge", fun y -> Losses.multiclassHinge y classes
          "perceptron", fun y -> Losses.perceptron y signs
          "negativeLogLikelihood", fun y -> Losses.negativeLogLikelihood (Tensor.logSoftmax -1 y) classes
          "focal", fun y -> Losses.focal 2.0 y bits
          "poly", fun y -> Losses.poly 1.5 y p
          "kullbackLeibler", fun y -> Losses.kullbackLeibler (Tensor.logSoftmax -1 y) p
          "dice", fun y -> Losses.dice 1.0 (Tensor.sigmoid y) bits
          "triplet", fun y -> Losses.triplet 1.0 y t (normal 3L [ 5; 4 ])
          "contrastive", fun y -> Losses.contrastive 0.5 y t
          "rankingSoftmax", fun y -> Losses.rankingSoftmax y (exp t)
          "distillation", fun y -> Losses.distillation 3.0 y t ]

    for name, loss in losses do
        let report = Gradients.check loss y
        Assert.True(report.IsPassed, $"{name}: {report}")

[<Fact>]
let ``A023: cross-entropy from logits stays finite, and its gradient is sigmoid(z) - t`` () =
    for z in [ -1e4; -30.0; 0.3; 700.0; 1e4 ] do
        for t in [ 0.0; 1.0 ] do
            let loss z = Losses.binaryCrossEntropy z (s t)
            Assert.True(Double.IsFinite(number (loss (s z))))
            Assert.Equal(number (Tensor.sigmoid (s z)) - t, number (grad loss (s z)), 15)

[<Fact>]
let ``A024: the hinge's gradient is -t inside the margin and 0 outside`` () =
    let gradient y t = number (grad (fun y -> Losses.hinge y (s t)) (s y))

    Assert.Equal<float list>(
        [ -1.0; 0.0; 1.0; 0.0 ],
        [ gradient 0.3 1.0; gradient 1.2 1.0; gradient -0.2 -1.0; gradient -3.0 -1.0 ]
    )

[<Fact>]
let ``A025, A026: the gradient is softmax less one-hot, and log-probabilities give the same loss`` () =
    let y, classes = normal 4L [ 3; 4 ], Tensor.vector [ 1; 0; 3 ]
    let expected = (Tensor.softmax -1 y - Tensor.oneHot Float64 4 classes) / 3.0
    close 1e-16 expected (grad (fun y -> Losses.crossEntropy y classes) y)

    close
        1e-15
        (Losses.crossEntropy y classes)
        (Losses.negativeLogLikelihood (Tensor.logSoftmax -1 y) classes)

[<Fact>]
let ``A027: with a sigmoid and squares nothing is learned from a confident mistake`` () =
    let squares = grad (fun z -> Losses.meanSquared (Tensor.sigmoid z) (s 1.0)) (s -20.0)
    let entropy = grad (fun z -> Losses.binaryCrossEntropy z (s 1.0)) (s -20.0)
    Assert.True(abs (number squares) < 1e-8)
    Assert.Equal(-1.0, number entropy, 1e-8)

[<Fact>]
let ``A119: distillation's gradient is T times the difference of softened probabilities`` () =
    let a, b = normal 5L [ 2; 4 ], normal 6L [ 2; 4 ]
    let expected = 3.0 * (Tensor.softmax -1 (a / 3.0) - Tensor.softmax -1 (b / 3.0)) / 2.0
    close 1e-15 expected (grad (fun a -> Losses.distillation 3.0 a b) a)

[<Fact>]
let ``huber is half the square near 0, and logCosh finite far from it`` () =
    Assert.Equal(0.5 * 0.09, number (Losses.huber 1.0 (s 0.3) (s 0.0)), 15)
    Assert.Equal(1.0 * (4.0 - 0.5), number (Losses.huber 1.0 (s 4.0) (s 0.0)), 15)
    Assert.Equal(1e5 - Math.Log 2.0, number (Losses.logCosh (s 1e5) (s 0.0)), 9)
    Assert.Equal(Math.Log(Math.Cosh 0.7), number (Losses.logCosh (s 0.7) (s 0.0)), 15)

// Activations

[<Fact>]
let ``every activation has right derivatives away from its corners`` () =
    for name, f in Activations.all do
        let report =
            Gradients.check
                (fun x -> Tensor.sum (f x))
                (v [ -3.7; -2.4; -0.85; -0.31; 0.27; 0.83; 1.7; 2.3; 3.6 ])

        Assert.True(report.IsPassed, $"{name}: {report}")

[<Fact>]
let ``A034, A035: sigma(-a) is 1 - sigma(a), tanh a is 2 sigma(2a) - 1, neither overflows`` () =
    let a = Tensor.linspace Float64 -20.0 20.0 801
    close 2.3e-16 (1.0 - Tensor.sigmoid a) (Tensor.sigmoid (-a))
    close 4.5e-16 (tanh a) (2.0 * Tensor.sigmoid (2.0 * a) - 1.0)

    close
        1.5e-15
        (grad (fun a -> Tensor.sum (tanh a)) a)
        (grad (fun a -> Tensor.sum (2.0 * Tensor.sigmoid (2.0 * a) - 1.0)) a)

    Assert.Equal<float list>(
        [ 0.0; 1.0 ],
        [ number (Tensor.sigmoid (s -1e4)); number (Tensor.sigmoid (s 1e4)) ]
    )

[<Fact>]
let ``A037: hard tanh has slope 1 inside, 0 outside and at its corners, in both modes`` () =
    let x = v [ -2.0; -1.0; 0.3; 1.0; 5.0 ]
    let expected = [| 0.0; 0.0; 1.0; 0.0; 0.0 |]
    Assert.Equal<float[]>(expected, floats (Reverse.gradient (Activations.hardTanh >> Tensor.sum) x))
    Assert.Equal<float[]>(expected, floats (Forward.gradient (Activations.hardTanh >> Tensor.sum) x))

[<Fact>]
let ``A039: maxout of two pieces is relu and the absolute value, and its gradient goes to one piece`` () =
    let x = normal 7L [ 6 ]
    let pieces a b = Activations.maxout 2 (Tensor.stack -1 [ a x; b x ]) |> Tensor.squeeze [ -1 ]
    close 0.0 (Tensor.relu x) (pieces id Tensor.zerosLike)
    close 0.0 (abs x) (pieces id (~-))
    let g = grad (Activations.maxout 3 >> Tensor.sum) (normal 8L [ 4; 6 ]) |> floats

    Assert.All(
        Array.chunkBySize 3 g,
        fun group -> Assert.Equal<float[]>([| 0.0; 0.0; 1.0 |], Array.sort group)
    )

[<Fact>]
let ``A040: tanh by lines is nowhere wrong by 0.024`` () =
    let x = Tensor.linspace Float64 -8.0 8.0 10_001
    let far = Tensor.max (abs (Activations.piecewiseTanh x - tanh x)) |> number
    Assert.InRange(far, 0.02, 0.024)

[<Fact>]
let ``selu keeps mean and variance of normal numbers`` () =
    let y = Activations.selu (normal 9L [ 200_000 ])
    Assert.Equal(0.0, number (Tensor.mean y), 0.01)
    Assert.Equal(1.0, number (Tensor.variance y), 0.02)

// Initializers

[<Fact>]
let ``A093 to A096: initial weights have the variance that their formula gives`` () =
    let key, shape = Key.ofSeed 3L, [ 300; 200 ]

    let variances =
        [ "glorotUniform", Initializers.glorotUniform Float64 300 200, 2.0 / 500.0
          "glorotNormal", Initializers.glorotNormal Float64 300 200, 2.0 / 500.0
          "balancedNormal", Initializers.balancedNormal Float64 300 200, 4.0 / 500.0
          "heNormal", Initializers.heNormal Float64 300, 2.0 / 300.0
          "heNormalBackward", Initializers.heNormalBackward Float64 200, 2.0 / 200.0
          "heUniform", Initializers.heUniform Float64 300, 2.0 / 300.0
          "lecunNormal", Initializers.lecunNormal Float64 300, 1.0 / 300.0 ]

    for name, initialize, expected in variances do
        let w: Tensor = initialize key shape
        let variance = number (Tensor.variance w)
        // The variance of 60,000 normal numbers has a standard error of sqrt(2 / 60000), 0.6 %.
        Assert.True(abs (variance / expected - 1.0) < 0.018, $"{name}: {variance} for {expected}")

    let bound = Math.Sqrt(6.0 / 500.0)

    Assert.True(
        number (Tensor.max (abs (Initializers.glorotUniform Float64 300 200 key shape)))
        <= bound
    )

[<Fact>]
let ``A094, A095: behind fifty rectifiers values keep their variance, and so do gradients with the other rule``
    ()
    =
    let depth, width = 50, 256

    let through initialize =
        let keys = Key.split depth (Key.ofSeed 17L)
        let weights = keys |> Array.map (fun key -> initialize key [ width; width ]: Tensor)
        fun x -> Array.fold (fun x w -> Tensor.relu (Tensor.matmul x w)) x weights

    let x = normal 18L [ 64; width ]
    let square (t: Tensor) = number (Tensor.mean (Tensor.square t))
    // The second moment is what He's rule keeps; a chain of 50 random matrices of 256 multiplies it by e^(±0.6) or so.
    let y = through (Initializers.heNormal Float64 width) x
    Assert.InRange(square y / square x, 0.25, 4.0)
    let c = normal 19L [ 64; width ]
    let g = grad (fun x -> Tensor.sum (c * through (Initializers.heNormalBackward Float64 width) x)) x
    Assert.InRange(square g / square c, 0.25, 4.0)
    let small = through (Initializers.normal (Math.Sqrt(1.0 / float width)) Float64) x
    Assert.True(square small / square x < 1e-10)

[<Fact>]
let ``A097: orthogonal weights have orthonormal rows or columns`` () =
    for rows, columns in [ 5, 5; 3, 7; 8, 2; 1, 1 ] do
        let w = Initializers.orthogonal Float64 (Key.ofSeed 4L) rows columns

        let gram =
            if rows <= columns then
                Tensor.matmul w (Tensor.transpose w)
            else
                Tensor.matmul (Tensor.transpose w) w

        close 1e-14 (Tensor.eye Float64 (min rows columns)) gram

[<Fact>]
let ``A098: sparse weights have so many places in every row`` () =
    let w = Initializers.sparse 3 1.0 Float64 (Key.ofSeed 5L) 20 11
    let isSet = Tensor.notEqual w (Tensor.zerosLike w)
    Assert.All(Tensor.toArray<int>(Tensor.sumOver [ 1 ] isSet), fun count -> Assert.Equal(3, count))

// Schedules

let private at (schedule: Schedule) (step: int) = number (schedule (Tensor.scalar step))

[<Fact>]
let ``A081, A082, A083 and A084: schedules pass through the values that define them`` () =
    Assert.Equal(0.3 / Math.E, at (Schedules.natural 0.3 40) 40, 15)
    Assert.Equal(0.15, at (Schedules.reciprocal 0.3 1.0 40) 40, 15)

    Assert.Equal<float list>(
        [ 1.0; 1.0; 0.5; 0.5; 0.1 ],
        [ for t in [ 0; 9; 10; 19; 20 ] -> at (Schedules.piecewise 1.0 [ 20, 0.1; 10, 0.5 ]) t ]
    )

    Assert.Equal<float list>(
        [ 1.0; 1.0; 0.5; 0.25 ],
        [ for t in [ 0; 4; 5; 10 ] -> at (Schedules.staircase 1.0 0.5 5) t ]
    )

    Assert.Equal(1.0 * Math.Pow(0.5, 1.4), at (Schedules.exponential 1.0 0.5 5) 7, 15)
    Assert.Equal(0.1 + 0.9 * 0.49, at (Schedules.polynomial 1.0 0.1 2.0 10) 3, 15)
    // 1/t sums to ever more, its squares to pi^2/6.
    let rates = Schedules.values 2000 (Schedules.reciprocal 1.0 1.0 1)
    Assert.True(Array.sum rates > 8.0)
    Assert.Equal(Math.PI * Math.PI / 6.0, Array.sumBy (fun r -> r * r) rates, 1e-3)

    // So do powers between a half and 1: twice the steps add no less than twice the steps before did, halved, but ever less to the squares.
    for c in [ 0.6; 0.75; 1.0 ] do
        let rates = Schedules.values 4096 (Schedules.reciprocal 1.0 c 1)
        let added f = [ for k in 8..11 -> rates[1 <<< k .. (2 <<< k) - 1] |> Array.sumBy f ]
        Assert.All(added id, fun sum -> Assert.True(sum > 0.69))
        Assert.All(Seq.pairwise (added (fun r -> r * r)), fun (a, b) -> Assert.True(b < 0.9 * a))

[<Fact>]
let ``A056: momentum's ramp begins at a half, never falls and ends at its last value`` () =
    let ramp = Schedules.values 120 (Schedules.momentumRamp 0.99 100)
    Assert.Equal(0.5, ramp[0], 15)
    Assert.Equal(0.99, ramp[119], 15)
    Assert.All(Array.pairwise ramp, fun (a, b) -> Assert.True(b >= a))

[<Fact>]
let ``warm restarts begin again at each cycle, each longer than the last`` () =
    let schedule = Schedules.warmRestarts 1.0 0.0 10 2 3
    Assert.Equal<float list>([ 1.0; 1.0; 1.0 ], [ for t in [ 0; 10; 30 ] -> at schedule t ])
    Assert.True(at schedule 9 < 0.1 && at schedule 29 < 0.1 && at schedule 69 < 0.1)
    Assert.Equal(0.0, at schedule 100, 15)

[<Fact>]
let ``one cycle rises to its peak and falls to almost nothing`` () =
    let rates = Schedules.values 101 (Schedules.oneCycle 1.0 0.3 100)
    Assert.Equal(0.04, rates[0], 15)
    Assert.Equal(1.0, rates[30], 15)
    Assert.Equal(0.04 / 1e4, rates[100], 15)

[<Fact>]
let ``joined schedules each begin at their own zero, and lines pass through their points`` () =
    let schedule = Schedules.join (Schedules.constant 3.0) [ 5, Schedules.linear 0.0 1.0 10 ]
    Assert.Equal<float list>([ 3.0; 0.0; 0.5; 1.0 ], [ for t in [ 4; 5; 10; 99 ] -> at schedule t ])
    let lines = Schedules.interpolate [ 0, 1.0; 10, 3.0; 20, 2.0 ]

    Assert.Equal<float list>(
        [ 1.0; 2.0; 3.0; 2.5; 2.0 ],
        [ for t in [ 0; 5; 10; 15; 30 ] -> Math.Round(at lines t, 12) ]
    )

[<Fact>]
let ``A085: NewBOB stays, then halves at every loss and never rises`` () =
    let losses = [ 5.0; 4.0; 3.0; 3.0; 2.0; 1.0; 0.5 ]

    let states =
        losses
        |> List.scan (fun state loss -> Schedules.newBob 0.01 (s loss) state) (Schedules.waiting 1.0)

    Assert.Equal<float list>(
        [ 1.0; 1.0; 1.0; 0.5; 0.25; 0.125; 0.0625 ],
        [ for state in List.tail states -> number state.Rate ]
    )

[<Fact>]
let ``A080, A086: the rate falls only when nothing got better for longer than its patience`` () =
    let rates losses =
        losses
        |> List.scan (fun p loss -> Schedules.onPlateau 0.1 2 1e-4 (s loss) p) (Schedules.waiting 1.0)
        |> List.map (fun p -> number p.Rate)
    // It escapes within its patience.
    Assert.Equal<float list>([ 1.0; 1.0; 1.0; 1.0; 1.0; 1.0; 1.0 ], rates [ 3.0; 3.0; 3.0; 2.0; 2.0; 2.0 ])

    Assert.Equal<float list>(
        [ 1.0; 1.0; 1.0; 1.0; 0.1; 0.1 ],
        rates [ 3.0; 3.0; 3.0; 3.0; 3.0 ] |> List.map (fun r -> Math.Round(r, 12))
    )

[<Fact>]
let ``A088: the largest stable rate is within a factor of two of 2 / lambda`` () =
    let isStable rate =
        let final = (1.0, seq { 1..200 }) ||> Seq.fold (fun w _ -> w - rate * 7.0 * w)
        abs final <= 1.0

    let found = Schedules.largestStable 10.0 20 isStable |> Option.get
    Assert.InRange(found, 1.0 / 7.0, 2.0 / 7.0)
