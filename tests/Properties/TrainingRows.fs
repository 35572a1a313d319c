/// Losses, activations, initializers, schedules and transformations of updates, each by what defines it.
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
let ``A081 to A084: schedules pass through the values that define them`` () =
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

// Transformations of updates

let private updates (o: Optimizer<'P, 'S>) g p = fst (o.Update g (o.Init p) p)

[<Fact>]
let ``A076: clipping keeps the direction and limits the norm, and does nothing below it`` () =
    let g = normal 11L [ 3 ], normal 12L [ 2; 2 ]
    let norm = number (Updates.globalNorm g)
    let clipped = updates (Updates.clipByGlobalNorm (norm / 2.0)) g g
    Assert.Equal(norm / 2.0, number (Updates.globalNorm clipped), 14)
    close 1e-15 (fst g / 2.0) (fst clipped)
    close 0.0 (snd g) (snd (updates (Updates.clipByGlobalNorm (norm * 1.01)) g g))

[<Fact>]
let ``A102: coupled and decoupled decay are one under gradient descent, and two under Adam`` () =
    let p, g = normal 13L [ 4 ], normal 14L [ 4 ]
    let before = updates (Updates.addDecayedWeights 0.1 >-> Optimizer.sgd 0.01) g p
    let after = updates (Updates.descend 0.01 >-> Updates.stateless (fun u p -> u - 0.01 * 0.1 * p)) g p
    close 1e-17 before after
    let coupled = updates (Updates.addDecayedWeights 0.1 >-> Optimizer.adam 0.01) g p
    let decoupled = updates (Optimizer.adamW 0.01 0.1) g p
    Assert.True(number (Tensor.max (abs (coupled - decoupled))) > 1e-4)

[<Fact>]
let ``A103, A104: the proximal step gives exact zeros: soft thresholding`` () =
    let p = v [ 3.0; 0.05; -0.2; -4.0 ]

    let moved =
        Optimizer.apply (updates (Updates.zero >-> Updates.softThreshold 0.3) (Tensor.zerosLike p) p) p

    Assert.Equal<float[]>([| 2.7; 0.0; 0.0; -3.7 |], floats moved)

[<Fact>]
let ``A105: the projection onto a largest norm is idempotent and leaves short columns alone`` () =
    let p = Tensor.matrix [ [ 3.0; 0.1 ]; [ 4.0; 0.2 ] ]
    let project p = Optimizer.apply (updates (Updates.zero >-> Updates.maxNorm 2.0) (Tensor.zerosLike p) p) p
    let once = project p
    close 1e-15 (Tensor.matrix [ [ 1.2; 0.1 ]; [ 1.6; 0.2 ] ]) once
    close 1e-15 once (project once)

[<Fact>]
let ``A061: Adam without correction takes a first step of 3.1623 rates`` () =
    let first = updates (Scaling.biasedAdam 0.9 0.999 0.0) (v [ 0.3; -7.0 ]) (v [ 0.0; 0.0 ])
    close 1e-12 (v [ 0.1 / sqrt 0.001; -0.1 / sqrt 0.001 ]) first

[<Fact>]
let ``A058, A064: the scale of the loss changes nothing for RMSProp, nor for RProp`` () =
    let run (o: Optimizer<Tensor, 'S>) scale =
        ((s 3.0, o.Init(s 3.0)), seq { 1..50 })
        ||> Seq.fold (fun (p, state) i -> Optimizer.step o (scale * (p + 0.3 * s (sin (float i)))) state p)
        |> fst

    let rms = Scaling.rms 0.9 0.0 false >-> Updates.descend 0.05
    close 1e-13 (run rms 1.0) (run rms 1000.0)
    close 0.0 (run (Optimizer.rprop 0.05) 1.0) (run (Optimizer.rprop 0.05) 1024.0)

[<Fact>]
let ``A065: the sign alone is RMSProp that forgets at once`` () =
    let g = v [ 0.3; -7.0; 1e-6 ]
    close 0.0 (updates Signs.sign g g) (updates (Scaling.rms 0.0 0.0 false) g g)

[<Fact>]
let ``A055: momentum under a constant gradient reaches its terminal velocity`` () =
    let o: Optimizer<Tensor, Tensor> = Updates.momentum 0.9 false

    let velocity =
        (s 0.0, seq { 1..200 })
        ||> Seq.fold (fun state _ -> snd (o.Update (s 0.4) state (s 0.0)))

    Assert.Equal(4.0, number velocity, 8)

[<Fact>]
let ``A053, A054: the two forms of momentum agree for a constant rate and differ under a schedule`` () =
    let gradients = [ -1.0; 0.5; 0.25; -0.5 ]

    let run (o: Optimizer<Tensor, 'S>) =
        ((s 0.0, o.Init(s 0.0)), gradients)
        ||> List.fold (fun (p, state) g -> Optimizer.step o (s g) state p)
        |> fst
        |> number

    let both rate =
        run (Updates.momentum 0.9 false >-> Updates.descendBy rate),
        run (Updates.heavyBall rate (Schedules.constant 0.9))

    let a, b = both (Schedules.constant 0.1)
    Assert.Equal(a, b, 15)
    let a, b = both (Schedules.staircase 0.1 0.5 2)
    Assert.True(abs (a - b) > 0.01)

[<Fact>]
let ``A057: gains grow by a step while the sign stays and shrink by a factor when it changes`` () =
    let o: Optimizer<Tensor, Tensor * Tensor> = Signs.gains 0.05 0.95 0.1 10.0

    let state =
        (o.Init(s 0.0), [ 1.0; 1.0; 1.0; -1.0 ])
        ||> List.fold (fun state g -> snd (o.Update (s g) state (s 0.0)))

    Assert.Equal(1.1 * 0.95, number (fst state), 14)

[<Fact>]
let ``A129: frozen parameters stay bit by bit, and a mask that is all true is the plain optimizer`` () =
    let p =
        {| First = normal 21L [ 3 ]
           Second = normal 22L [ 2 ] |}

    let g =
        {| First = normal 23L [ 3 ]
           Second = normal 24L [ 2 ] |}

    let frozen =
        Optimizer.apply
            (updates (Optimizer.adam 0.1 >-> Updates.freeze (fun name -> name.Contains "Second")) g p)
            p

    close 0.0 p.Second frozen.Second
    Assert.True(number (Tensor.min (abs (p.First - frozen.First))) > 0.09)
    let all = updates (Updates.masked (fun _ -> true) (Optimizer.adam 0.1)) g p
    let plain = updates (Optimizer.adam 0.1) g p
    close 0.0 plain.First all.First
    let none = updates (Updates.masked (fun _ -> false) (Optimizer.adam 0.1)) g p
    close 0.0 g.First none.First

[<Fact>]
let ``a partition gives each part its optimizer, and names what has none`` () =
    let p =
        {| A = normal 21L [ 3 ]
           B = normal 22L [ 2 ] |}

    let split = Updates.partition (fun name -> if name.Contains "A" then "a" else "b")
    let o = split (Map [ "a", Updates.scale -1.0; "b", Updates.scale -2.0 ])
    let u = updates o p p
    close 0.0 (-p.A) u.A
    close 0.0 (-2.0 * p.B) u.B

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            updates (split (Map [ "a", Updates.scale 1.0 ])) p p |> ignore)

    Assert.Contains("'b'", error.Message)
    Assert.Contains("B", error.Message)

[<Fact>]
let ``A047: gradients of small batches accumulated are that of the large batch, and batches may grow`` () =
    let gs = [ for i in 1L .. 6L -> normal (30L + i) [ 3 ] ]

    let o =
        Wrapper.multiStepsBy
            (fun step -> Tensor.where (Tensor.equal step (Tensor.scalar 0)) (s 2.0) (s 4.0))
            (Optimizer.sgd 1.0)

    let states =
        gs
        |> List.scan (fun (_, state) g -> o.Update g state gs.Head) (gs.Head, o.Init gs.Head)
        |> List.tail

    let u = states |> List.map fst
    Assert.All([ u[0]; u[2]; u[3]; u[4] ], fun u -> Assert.Equal<float[]>([| 0.0; 0.0; 0.0 |], floats u))
    close 1e-15 (-(gs[0] + gs[1]) / 2.0) u[1]
    close 1e-15 (-(gs[2] + gs[3] + gs[4] + gs[5]) / 4.0) u[5]

[<Fact>]
let ``gradients that are not finite are skipped, counted, and accepted when patience ends`` () =
    let o = Wrapper.applyIfFinite 2 (Optimizer.momentum 1.0 0.5)
    let gs = [ 1.0; nan; infinity; nan; 1.0 ]

    let states =
        gs
        |> List.scan (fun (_, state) g -> o.Update (s g) state (s 0.0)) (s 0.0, o.Init(s 0.0))
        |> List.tail

    let u = states |> List.map (fst >> number)
    Assert.Equal<float list>([ -1.0; 0.0; 0.0 ], List.take 3 u)
    Assert.True(Double.IsNaN u[3])
    Assert.Equal(3.0, number (snd states[4]).InAll)

[<Fact>]
let ``settings in the state are read there, and changed between steps`` () =
    let o = Wrapper.withSettings {| Rate = s 0.1 |} (fun h -> Updates.scaleBy (-h.Rate))
    let settings, inner = o.Init(s 0.0)
    let u, _ = o.Update (s 2.0) (settings, inner) (s 0.0)
    let v, _ = o.Update (s 2.0) ({| settings with Rate = s 0.5 |}, inner) (s 0.0)
    Assert.Equal<float list>([ -0.2; -1.0 ], [ number u; number v ])

[<Fact>]
let ``clipping each example bounds each one's share of the mean`` () =
    let g = Tensor.matrix [ [ 3.0; 4.0 ]; [ 0.3; 0.4 ] ]
    close 1e-15 (v [ (0.6 + 0.3) / 2.0; (0.8 + 0.4) / 2.0 ]) (Updates.clipPerExample 1.0 g)

[<Fact>]
let ``private gradients are the clipped mean plus noise of the deviation asked for`` () =
    let g = normal 25L [ 50; 2000 ]
    close 0.0 (Updates.clipPerExample 3.0 g) (Updates.privateMean 3.0 0.0 (Key.ofSeed 1L) g)
    let noise = Updates.privateMean 3.0 2.0 (Key.ofSeed 1L) g - Updates.clipPerExample 3.0 g
    // The deviation of 2,000 normal numbers has a standard error of 1.6 %.
    Assert.InRange(sqrt (number (Tensor.variance noise)) / (2.0 * 3.0 / 50.0), 0.95, 1.05)

[<Fact>]
let ``a measure of the updates stands in the state, and changes nothing`` () =
    let o = Wrapper.measured 0.5 Updates.globalNorm (Optimizer.sgd 0.1)

    let states =
        [ 3.0; -1.0; 2.0 ]
        |> List.scan (fun (_, state) g -> o.Update (s g) state (s 0.0)) (s 0.0, o.Init(s 0.0))
        |> List.tail

    Assert.Equal<float list>([ -0.3; 0.1; -0.2 ], [ for u, _ in states -> Math.Round(number u, 12) ])
    Assert.Equal(0.5 * (0.5 * (0.5 * 0.3) + 0.5 * 0.1) + 0.5 * 0.2, number (fst (snd states[2])), 15)

[<Fact>]
let ``schedule-free training predicts with the average of where its base went`` () =
    let o = Wrapper.scheduleFree 0.9 (Schedules.constant 0.1) (Optimizer.sgd 0.1)
    let mutable p, state = s 1.0, o.Init(s 1.0)
    let places = ResizeArray()

    for _ in 1..7 do
        let p', state' = Optimizer.step o (2.0 * p) state p
        p <- p'
        state <- state'
        places.Add(number state'.Base)

    Assert.Equal(Seq.average places, number (Wrapper.averaged 0.9 state p), 14)

[<Fact>]
let ``adaptive clipping compares each unit's gradient with its weights`` () =
    let p = Tensor.matrix [ [ 3.0; 0.0 ]; [ 4.0; 0.0 ] ]
    let g = Tensor.matrix [ [ 6.0; 0.3 ]; [ 8.0; 0.4 ] ]
    // The first column may have 0.1 of 5, the second 0.1 of epsilon.
    let u = updates (Updates.adaptiveClip 0.1 1e-3) g p
    close 1e-15 (Tensor.matrix [ [ 0.3; 0.6e-4 ]; [ 0.4; 0.8e-4 ] ]) u
