/// What PyTorch's functions of elements, activations and losses are here.
module Properties.PublishedElements

open Ad.Functional
open Properties.PublishedRows

let private unary f (a: Arguments) : Tensor list = [ f (a.Tensor "input") ]
let private binary f (a: Arguments) : Tensor list = [ f (a.Tensor "input") (a.Tensor "other") ]
let private towards f (a: Arguments) : Tensor list = [ f (a.Tensor "input") (a.Tensor "target") ]

/// Classes lie along axis 1 there, along the last one here.
let private ofClasses f (a: Arguments) : Tensor list =
    [ f (Tensor.moveAxis 1 -1 (a.Tensor "input")) (a.Tensor "target") ]

/// By the published name.
let table: (string * (Arguments -> Tensor list)) list =
    [ "abs", unary abs
      "acos", unary acos
      "acosh", unary Tensor.acosh
      "asin", unary asin
      "asinh", unary Tensor.asinh
      "atan", unary atan
      "atanh", unary Tensor.atanh
      "ceil", unary ceil
      "cos", unary cos
      "cosh", unary cosh
      "digamma", unary Tensor.digamma
      "erf", unary Tensor.erf
      "exp", unary exp
      "expm1", unary Tensor.expm1
      "floor", unary floor
      "lgamma", unary Tensor.lgamma
      "log", unary log
      "log10", unary Tensor.log10
      "log1p", unary Tensor.log1p
      "log2", unary Tensor.log2
      "neg", unary (~-)
      "reciprocal", unary (fun x -> 1.0 / x)
      "round", unary round
      "rsqrt", unary Tensor.rsqrt
      "sigmoid", unary Tensor.sigmoid
      "sign", unary Tensor.sign
      "sin", unary sin
      "sinh", unary sinh
      "sqrt", unary sqrt
      "square", unary Tensor.square
      "tan", unary tan
      "tanh", unary tanh
      "trunc", unary Tensor.trunc
      "nan_to_num", unary Tensor.nanToNum
      "logit", unary Tensor.logit
      "hypot", binary Tensor.hypot
      "xlogy", binary Tensor.xlogy
      "isnan", unary Tensor.isNaN
      "isinf", unary Tensor.isInfinite
      "isfinite", unary Tensor.isFinite
      "mul", binary (*)
      "true_divide", binary (/)
      "fmod", binary (%)
      "atan2", binary Tensor.atan2
      "maximum", binary Tensor.maximum
      "minimum", binary Tensor.minimum
      "pow", binary Tensor.pow
      "logaddexp", binary Stats.logAddExp
      "eq", binary Tensor.equal
      "ne", binary Tensor.notEqual
      "lt", binary Tensor.less
      "le", binary Tensor.lessEqual
      "gt", binary Tensor.greater
      "ge", binary Tensor.greaterEqual
      "add", (fun a -> [ a.Tensor "input" + a.Float("alpha", 1.0) * a.Tensor "other" ])
      "sub", (fun a -> [ a.Tensor "input" - a.Float("alpha", 1.0) * a.Tensor "other" ])
      "lerp", (fun a -> [ a.Tensor "input" + a.Tensor "weight" * (a.Tensor "end" - a.Tensor "input") ])
      "masked_fill", (fun a -> [ Tensor.where (a.Tensor "mask") (a.Tensor "value") (a.Tensor "input") ])
      "where", (fun a -> [ Tensor.where (a.Tensor "cond") (a.Tensor "input") (a.Tensor "other") ])
      "polygamma", (fun a -> [ Tensor.polygamma (Tensor.scalar (a.Float("n", 0.0))) (a.Tensor "input") ])
      "relu", unary Tensor.relu
      "relu6", unary Activations.relu6
      "hardswish", unary Activations.hardSwish
      "hardsigmoid", unary Activations.hardSigmoid
      "logsigmoid", unary Activations.logSigmoid
      "mish", unary Activations.mish
      "softsign", unary Activations.softsign
      "tanhshrink", unary Activations.tanhShrink
      "selu", unary Activations.selu
      "silu", unary Tensor.silu
      "leaky_relu", (fun a -> [ Tensor.leakyRelu (a.Float("negative_slope", 0.01)) (a.Tensor "input") ])
      "elu", (fun a -> [ Activations.elu (a.Float("alpha", 1.0)) (a.Tensor "input") ])
      "celu", (fun a -> [ Activations.celu (a.Float("alpha", 1.0)) (a.Tensor "input") ])
      "softshrink", (fun a -> [ Activations.softShrink (a.Float("lambd", 0.5)) (a.Tensor "input") ])
      "hardshrink", (fun a -> [ Activations.hardShrink (a.Float("lambd", 0.5)) (a.Tensor "input") ])
      "hardtanh",
      (fun a -> [ Tensor.clip (a.Float("min_val", -1.0)) (a.Float("max_val", 1.0)) (a.Tensor "input") ])
      "gelu",
      (fun a ->
          let isByTanh = a.Word("approximate", "none") = "tanh"
          [ (if isByTanh then Activations.geluTanh else Tensor.gelu) (a.Tensor "input") ])
      "cross_entropy", ofClasses Losses.crossEntropy
      "nll_loss", ofClasses Losses.negativeLogLikelihood
      "binary_cross_entropy_with_logits", towards Losses.binaryCrossEntropy
      "mse_loss", towards Losses.meanSquared
      "l1_loss", towards Losses.meanAbsolute
      "soft_margin_loss", towards MarginLosses.softMargin
      "poisson_nll_loss", towards MarginLosses.poissonLikelihood
      "huber_loss", (fun a -> [ Losses.huber (a.Float("delta", 1.0)) (a.Tensor "input") (a.Tensor "target") ])
      "multi_margin_loss",
      (fun a -> [ MarginLosses.multiMargin (a.Float("margin", 1.0)) (a.Tensor "input") (a.Tensor "target") ])
      "cosine_embedding_loss",
      (fun a ->
          [ MarginLosses.cosineEmbedding
                (a.Float("margin", 0.0))
                (a.Tensor "input")
                (a.Tensor "other")
                (a.Tensor "target") ]) ]
