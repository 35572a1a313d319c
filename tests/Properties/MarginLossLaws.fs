/// Losses with margins, weights and variances, by what PyTorch gives and by their derivatives.
module Properties.MarginLossLaws

open Xunit
open Ad.Functional
open Ad.Checks

let private y = Tensor.matrix [ [ 0.3; -1.2; 2.0; 0.7 ]; [ 1.1; 0.4; -0.6; 0.9 ]; [ -0.2; 0.5; 1.4; -1.0 ] ]

let private b = Tensor.roll 1 1 y * 0.7 + 0.1

let private signs =
    Tensor.matrix [ [ 1.0; -1.0; 1.0; 1.0 ]; [ -1.0; -1.0; 1.0; -1.0 ]; [ 1.0; 1.0; -1.0; 1.0 ] ]

let private classes = Tensor.vector [ 2; 0; 3 ]
let private weights = Tensor.vector [ 0.2; 1.5; 0.7; 2.0 ]

/// Each loss of y with PyTorch 1.13's value in float64.
let private losses: (string * (Tensor -> Tensor) * float) list =
    [ "softMargin", (fun y -> MarginLosses.softMargin y signs), 0.8443865937888931
      "multiMargin", (fun y -> MarginLosses.multiMargin 0.8 y classes), 0.65
      "marginRanking", (fun y -> MarginLosses.marginRanking 0.3 y b signs), 0.7325
      "cosineEmbedding",
      (fun y -> MarginLosses.cosineEmbedding -0.2 y b (Tensor.vector [ 1.0; -1.0; -1.0 ])),
      0.5717720379359409
      "weightedCrossEntropy",
      (fun y -> MarginLosses.weightedCrossEntropy weights y classes),
      2.1811518524304323
      "weightedBinaryCrossEntropy",
      (fun y -> MarginLosses.weightedBinaryCrossEntropy 2.5 y ((signs + 1.0) / 2.0)),
      1.4328159432842387
      "poissonLikelihood", (fun y -> MarginLosses.poissonLikelihood y (abs b)), 1.87106656054352
      "gaussianLikelihood", (fun y -> MarginLosses.gaussianLikelihood y (abs b + 0.1) b), 0.9598514618086017 ]

[<Fact>]
let ``each loss has PyTorch's value`` () =
    for name, loss, expected in losses do
        let found = Tensor.toScalar (loss y)
        // PyTorch's cosine is of lengths to which a little is added.
        Assert.True(abs (found - expected) < 1e-12, $"{name}: {found}, not {expected}")

[<Fact>]
let ``each loss has right derivatives of first and second order`` () =
    for name, loss, _ in losses do
        // A little beside the numbers above, of which some lie on corners.
        let report = Gradients.check loss (y + 0.0123 * Random.normal (Key.ofSeed 1L) [ 3; 4 ])
        Assert.True(report.IsPassed, $"{name}: {report}")

[<Fact>]
let ``with equal weights classes weigh as without, and rows of zeros have no direction`` () =
    let plain = Losses.crossEntropy y classes
    let weighted = MarginLosses.weightedCrossEntropy (Tensor.full Float64 [ 4 ] 3.0) y classes
    Assert.Equal(Tensor.toScalar plain, Tensor.toScalar weighted, 14)
    let bits = (signs + 1.0) / 2.0

    Assert.Equal(
        Tensor.toScalar (Losses.binaryCrossEntropy y bits),
        Tensor.toScalar (MarginLosses.weightedBinaryCrossEntropy 1.0 y bits),
        14
    )

    let zeros = Tensor.zerosLike y
    let f y = MarginLosses.cosineEmbedding 0.0 y b (Tensor.ones Float64 [ 3 ])
    Assert.Equal(1.0, Tensor.toScalar (f zeros), 15)
    Assert.Equal(0.0, Tensor.toScalar (Tensor.max (abs (grad f zeros))), 15)

[<Fact>]
let ``confident logits keep losses finite`` () =
    let far = Tensor.matrix [ [ 1e4; -1e4; 0.0; 0.0 ] ]
    let bits = Tensor.matrix [ [ 0.0; 1.0; 1.0; 0.0 ] ]

    for loss in
        [ fun y -> MarginLosses.weightedBinaryCrossEntropy 2.0 y bits
          fun y -> MarginLosses.softMargin y (2.0 * bits - 1.0)
          fun y -> MarginLosses.weightedCrossEntropy weights y (Tensor.vector [ 1 ]) ] do
        let value, slope = valueAndGrad loss far
        Assert.True(Tensor.toScalar (Tensor.all (Tensor.isFinite value)) = 1.0)
        Assert.True(Tensor.toScalar (Tensor.all (Tensor.isFinite slope)) = 1.0)
