/// Losses taken apart into examples, and statistics of observations that weigh differently.
module Properties.ReductionLaws

open Xunit
open Ad.Functional

let private normal seed shape = Random.normal (Key.ofSeed seed) shape
let private classes = Tensor.vector [ 2; 0; 1; 1; 2; 0 ]
let private shares = Tensor.softmax -1 (normal 2L [ 6; 3 ])
let private signs = Tensor.sign (normal 3L [ 6; 3 ])
let private bits = 0.5 * (signs + 1.0)

let private close (expected: Tensor) (actual: Tensor) =
    let far = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    Assert.True(far <= 1e-14 * (1.0 + Tensor.toScalar (Tensor.max (abs expected))), $"apart by {far}")

/// Losses of scores of 6 examples by 3, with their targets.
let private losses: (string * (Tensor -> Tensor -> Tensor) * Tensor) list =
    let values = normal 4L [ 6; 3 ]

    [ "meanSquared", Losses.meanSquared, values
      "meanAbsolute", Losses.meanAbsolute, values
      "halfSquared", Losses.halfSquared, values
      "huber", Losses.huber 0.5, values
      "logCosh", Losses.logCosh, values
      "cosineDistance", Losses.cosineDistance, values
      "crossEntropy", Losses.crossEntropy, classes
      "crossEntropyOf", Losses.crossEntropyOf, shares
      "binaryCrossEntropy", Losses.binaryCrossEntropy, bits
      "hinge", Losses.hinge, signs
      "multiclassHinge", Losses.multiclassHinge, classes
      "perceptron", Losses.perceptron, signs
      "multiclassPerceptron", Losses.multiclassPerceptron, classes
      "negativeLogLikelihood", (fun y t -> Losses.negativeLogLikelihood (Tensor.logSoftmax -1 y) t), classes
      "focal", Losses.focal 2.0, bits
      "poly", Losses.poly 1.0, shares
      "kullbackLeibler", Losses.kullbackLeibler, shares
      "generalizedKullbackLeibler", Losses.generalizedKullbackLeibler, shares
      "sparsemax", Losses.sparsemax, classes
      "dice", Losses.dice 1.0, bits
      "rankingSoftmax", Losses.rankingSoftmax, shares
      "distillation", Losses.distillation 2.0, values
      "softMargin", MarginLosses.softMargin, signs
      "multiMargin", MarginLosses.multiMargin 1.0, classes
      "weightedBinaryCrossEntropy", MarginLosses.weightedBinaryCrossEntropy 3.0, bits
      "poissonLikelihood", MarginLosses.poissonLikelihood, bits ]

let private scores = normal 1L [ 6; 3 ]
let names = TheoryData<string>(losses |> List.map (fun (name, _, _) -> name))
let private find name = losses |> List.find (fun (n, _, _) -> n = name)

[<Theory; MemberData(nameof names)>]
let ``the mean of a loss by examples is the loss, and so are its gradients`` (name: string) =
    let _, loss, t = find name
    let each y = Losses.perExample loss y t
    Assert.Equal<int list>([ 6 ], Tensor.shape (each scores))
    close (loss scores t) (Tensor.mean (each scores))
    close (grad (fun y -> loss y t) scores) (grad (fun y -> Tensor.mean (each y)) scores)

[<Theory; MemberData(nameof names)>]
let ``weights of one change nothing, and whole weights are examples that come so often`` (name: string) =
    let _, loss, t = find name
    close (loss scores t) (Losses.weighted (Tensor.ones Float64 [ 6 ]) loss scores t)
    let places = Tensor.vector [ 0; 0; 2; 3; 3; 3; 5 ]
    let often = Tensor.vector [ 2.0; 0.0; 1.0; 3.0; 0.0; 1.0 ]
    let repeated (y: Tensor) = loss (Tensor.take 0 places y) (Tensor.take 0 places t)
    close (repeated scores) (Losses.weighted often loss scores t)
    close (grad repeated scores) (grad (fun y -> Losses.weighted often loss y t) scores)

[<Fact>]
let ``losses of more than two tensors go by examples as trees`` () =
    let a, p, n = scores, shares, bits
    let each = Losses.perExample (fun a (p, n) -> Losses.triplet 0.5 a p n) a (p, n)
    close (Losses.triplet 0.5 a p n) (Tensor.mean each)

[<Fact>]
let ``a weight for each example is asked for`` () =
    let e =
        Assert.Throws<System.ArgumentException>(fun () ->
            Losses.weighted (Tensor.ones Float64 [ 5 ]) Losses.crossEntropy scores classes
            |> ignore)

    Assert.Equal(
        "weighted: takes a weight for each example, but was given float64[5] for float64[6].",
        e.Message
    )

let private observations =
    Tensor.matrix
        [ [ 1.0; 2.5; -0.5 ]
          [ 0.25; -1.0; 2.0 ]
          [ 3.0; 0.5; 1.5 ]
          [ -2.0; 1.25; 0.75 ]
          [ 0.5; 4.0; -3.0 ] ]

let private often = Tensor.vector [ 1; 3; 2; 1; 4 ]
let private important = Tensor.vector [ 0.5; 1.5; 2.0; 0.25; 1.0 ]
let private one = Tensor.scalar 1.0

/// numpy.cov(x.T, fweights=f, aweights=a, ddof=d) of NumPy 1.24.2.
let published: (string * float * Tensor * Tensor * float list) list =
    [ "frequencies",
      0.0,
      often,
      one,
      [ 1.702479338842975
        -0.20506198347107443
        0.40340909090909094
        -0.20506198347107443
        4.242768595041323
        -4.3977272727272725
        0.40340909090909094
        -4.3977272727272725
        4.784090909090909 ]
      "frequencies",
      1.0,
      often,
      one,
      [ 1.8727272727272728
        -0.2255681818181819
        0.44375000000000003
        -0.2255681818181819
        4.6670454545454545
        -4.8375
        0.44375000000000003
        -4.8375
        5.2625 ]
      "importances",
      0.0,
      one,
      important,
      [ 2.064909297052154
        -0.2627551020408163
        0.7196712018140589
        -0.2627551020408162
        3.168367346938775
        -3.1853741496598635
        0.7196712018140587
        -3.1853741496598635
        3.4518140589569155 ]
      "importances",
      1.0,
      one,
      important,
      [ 2.8457031250000004
        -0.36210937499999996
        0.991796875
        -0.36210937499999984
        4.36640625
        -4.38984375
        0.9917968749999999
        -4.38984375
        4.75703125 ]
      "both",
      0.0,
      often,
      important,
      [ 1.623843004627982
        -0.2787913848344607
        0.7752313990744037
        -0.2787913848344607
        4.218316126735493
        -4.356977572089711
        0.7752313990744037
        -4.356977572089711
        4.725614097543609 ]
      "both",
      1.0,
      often,
      important,
      [ 1.821635383386582
        -0.31274960063897767
        0.8696585463258787
        -0.31274960063897767
        4.732128594249201
        -4.887679712460064
        0.8696585463258787
        -4.887679712460064
        5.3012180511182105 ]
      "both",
      2.0,
      often,
      important,
      [ 2.074295134151888
        -0.35612778535698053
        0.9902796725784448
        -0.35612778535698053
        5.388472032742156
        -5.565597999090496
        0.9902796725784448
        -5.565597999090496
        6.036493860845839 ] ]

[<Fact>]
let ``weighted covariances are NumPy's`` () =
    for _, correction, f, a, expected in published do
        close
            (Tensor.ofArray [ 3; 3 ] (Array.ofList expected))
            (Stats.covarianceWith correction f a observations)

[<Fact>]
let ``frequencies are rows that come so often, and weights of one change nothing`` () =
    close (Stats.covariance observations) (Stats.covarianceWith 1.0 one one observations)
    let places = Tensor.vector [ 0; 1; 1; 1; 2; 2; 3; 4; 4; 4; 4 ]

    close
        (Stats.covariance (Tensor.take 0 places observations))
        (Stats.covarianceWith 1.0 often one observations)

[<Fact>]
let ``correlations of weighted observations are covariances of such standardized`` () =
    let c = Stats.covarianceWith 0.0 often important observations
    let r = Stats.correlationOf c
    close (Tensor.ones Float64 [ 3 ]) (Linalg.diagonal r)
    let scaled = observations * Tensor.vector [ 2.0; 0.5; 10.0 ]
    close r (Stats.correlationOf (Stats.covarianceWith 1.0 often important scaled))

    close
        (Stats.correlation observations)
        (Stats.correlationOf (Stats.covarianceWith 0.0 one one observations))

[<Fact>]
let ``observations without a weight each are refused`` () =
    let e =
        Assert.Throws<System.ArgumentException>(fun () ->
            Stats.covarianceWith 1.0 one (Tensor.vector [ 1.0; 2.0 ]) observations |> ignore)

    Assert.Equal(
        "covarianceWith: takes observations in rows and an importance for each or one for all, but was given float64[5, 3] and float64[2].",
        e.Message
    )
