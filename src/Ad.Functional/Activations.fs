namespace Ad.Functional

open System

/// <summary>Nonlinearities beyond those in <c>Tensor</c> (relu, leakyRelu, sigmoid, tanh, softplus, silu, gelu, softmax).</summary>
/// <remarks>At a corner the derivative is that of the side named, or the mean of both sides.</remarks>
[<RequireQualifiedAccess>]
module Activations =
    let private isPositive (x: Tensor) = Tensor.greater x (Tensor.zerosLike x)

    /// max(-1, min(1, x)); the derivative is 1 inside, and 0 outside and at -1 and 1.
    [<CompiledName("HardTanh")>]
    let hardTanh (x: Tensor) = Tensor.clip -1.0 1.0 x

    /// min(max(0, x), 6).
    [<CompiledName("Relu6")>]
    let relu6 (x: Tensor) = Tensor.clip 0.0 6.0 x

    /// tanh by lines between its values at 0, ±1/2, ±1, ±3/2, ±2, ±3: wrong by less than 0.024; ±tanh 3 beyond.
    [<CompiledName("PiecewiseTanh")>]
    let piecewiseTanh (x: Tensor) =
        let knots = [ 0.0; 0.5; 1.0; 1.5; 2.0; 3.0 ]

        let piece (left: float, right: float) =
            let slope = (Math.Tanh right - Math.Tanh left) / (right - left)
            slope * (Tensor.clip left right (abs x) - left)

        // The innermost line goes through 0, where sign and abs have no derivative.
        let innermost = Math.Tanh 0.5 / 0.5 * Tensor.clip -0.5 0.5 x

        innermost
        + Tensor.sign x
          * (List.tail knots |> List.pairwise |> List.map piece |> List.reduce (+))

    // Not a minimum, whose derivative at 0 is shared. What is positive is replaced, so that nothing overflows on the side not taken.
    let private negativePart (x: Tensor) = Tensor.where (isPositive x) (Tensor.zerosLike x) x

    /// x for x > 0, alpha (e^x - 1) elsewhere (Clevert et al. 2016); the derivative at 0 is alpha.
    [<CompiledName("Elu")>]
    let elu (alpha: float) (x: Tensor) = Tensor.where (isPositive x) x (alpha * Tensor.expm1 (negativePart x))

    /// max(0, x) + min(0, alpha (e^(x / alpha) - 1)) (Barron 2017); the derivative at 0 is 1.
    [<CompiledName("Celu")>]
    let celu (alpha: float) (x: Tensor) =
        Tensor.where (isPositive x) x (alpha * Tensor.expm1 (negativePart x / alpha))

    /// ELU with the alpha and the scale that keep mean 0 and variance 1 (Klambauer et al. 2017, eq. 14).
    [<CompiledName("Selu")>]
    let selu (x: Tensor) = 1.0507009873554805 * elu 1.6732632423543772 x

    /// x for x > 0, slope x elsewhere, with a slope that is trained (He et al. 2015).
    [<CompiledName("Prelu")>]
    let prelu (slope: Tensor) (x: Tensor) = Tensor.where (isPositive x) x (slope * x)

    /// x tanh(softplus x) (Misra 2020).
    [<CompiledName("Mish")>]
    let mish (x: Tensor) = x * tanh (Tensor.softplus x)

    /// relu6(x + 3) / 6 (Howard et al. 2019).
    [<CompiledName("HardSigmoid")>]
    let hardSigmoid (x: Tensor) = relu6 (x + 3.0) / 6.0

    /// x hardSigmoid(x) (Howard et al. 2019).
    [<CompiledName("HardSwish")>]
    let hardSwish (x: Tensor) = x * hardSigmoid x

    /// GELU by its tanh formula (Hendrycks and Gimpel 2016): wrong by less than 5e-4.
    [<CompiledName("GeluTanh")>]
    let geluTanh (x: Tensor) = 0.5 * x * (1.0 + tanh (Math.Sqrt(2.0 / Math.PI) * (x + 0.044715 * x * x * x)))

    /// log sigmoid(x), as -softplus(-x).
    [<CompiledName("LogSigmoid")>]
    let logSigmoid (x: Tensor) = -(Tensor.softplus (-x))

    /// x / (1 + |x|).
    [<CompiledName("Softsign")>]
    let softsign (x: Tensor) = x / (1.0 + abs x)

    /// (x + sqrt(x^2 + b)) / 2 (Barron 2021), without overflow or loss for b above 0: 0 at -infinity, x at infinity.
    [<CompiledName("Squareplus")>]
    let squareplus (b: float) (x: Tensor) =
        if b = 0.0 then
            0.5 * (x + abs x)
        else
            // Of x and -x the product is b / 4, which leaves no difference to take; far out nothing is squared.
            let size = Tensor.where (isPositive x) x -x
            let isFar = Tensor.greater size (Tensor.onesLike size)
            let far = Tensor.where isFar size (Tensor.onesLike size)
            let near = Tensor.where isFar (Tensor.zerosLike size) size

            let larger =
                Tensor.where
                    isFar
                    (0.5 * far * (1.0 + sqrt (1.0 + b * Tensor.square (1.0 / far))))
                    (0.5 * (near + sqrt (Tensor.square near + b)))

            Tensor.where (isPositive x) larger (0.25 * b / larger)

    /// x - tanh x.
    [<CompiledName("TanhShrink")>]
    let tanhShrink (x: Tensor) = x - tanh x

    /// sign(x) max(0, |x| - limit).
    [<CompiledName("SoftShrink")>]
    let softShrink (limit: float) (x: Tensor) = Tensor.sign x * Tensor.relu (abs x - limit)

    /// x where |x| > limit, 0 elsewhere; NaN of NaN.
    [<CompiledName("HardShrink")>]
    let hardShrink (limit: float) (x: Tensor) =
        Tensor.where (Tensor.lessEqual (abs x) (Tensor.fullLike x limit)) (Tensor.zerosLike x) x

    /// e^(-x^2).
    [<CompiledName("Gaussian")>]
    let gaussian (x: Tensor) = exp (-(Tensor.square x))

    /// The nearest probabilities to each row along the last axis: like softmax, but with exact zeros (Martins and Astudillo 2016).
    [<CompiledName("Sparsemax")>]
    let sparsemax (x: Tensor) = Projections.simplex x

    /// The first half of the last axis times the sigmoid of the second (Dauphin et al. 2017).
    [<CompiledName("Glu")>]
    let glu (x: Tensor) =
        let size = if x.Rank = 0 then 1 else x.Shape[x.Rank - 1]

        if size % 2 <> 0 then
            Shapes.refuse "glu" $"takes a last axis of even size, but was given {x.Signature}."

        Tensor.sliceAxis -1 0 (size / 2) 1 x
        * Tensor.sigmoid (Tensor.sliceAxis -1 (size / 2) size 1 x)

    /// The largest of groups of so many neighbours along the last axis (Goodfellow et al. 2013); at ties the derivative is shared.
    [<CompiledName("Maxout")>]
    let maxout (pieces: int) (x: Tensor) =
        let size = if x.Rank = 0 then 1 else x.Shape[x.Rank - 1]

        if pieces < 1 || size % pieces <> 0 then
            Shapes.refuse "maxout" $"takes a last axis that {pieces} divides, but was given {x.Signature}."

        let shape = Seq.append (Seq.take (x.Rank - 1) x.Shape) [ size / pieces; pieces ]
        Tensor.maxOver [ -1 ] (Tensor.reshape shape x)

    /// All functions of one element, with their usual settings, by name.
    let all: (string * (Tensor -> Tensor)) list =
        [ "identity", id
          "relu", Tensor.relu
          "leakyRelu", Tensor.leakyRelu 0.01
          "relu6", relu6
          "elu", elu 1.0
          "celu", celu 1.0
          "selu", selu
          "silu", Tensor.silu
          "gelu", Tensor.gelu
          "geluTanh", geluTanh
          "mish", mish
          "hardSwish", hardSwish
          "sigmoid", Tensor.sigmoid
          "logSigmoid", logSigmoid
          "hardSigmoid", hardSigmoid
          "tanh", tanh
          "hardTanh", hardTanh
          "piecewiseTanh", piecewiseTanh
          "softsign", softsign
          "softplus", Tensor.softplus
          "squareplus", squareplus 4.0
          "tanhShrink", tanhShrink
          "softShrink", softShrink 0.5
          "hardShrink", hardShrink 0.5
          "gaussian", gaussian ]
