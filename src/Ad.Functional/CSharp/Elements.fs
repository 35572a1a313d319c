namespace Ad.Functional.CSharp

open System
open System.Runtime.CompilerServices
open Ad.Functional

/// Functions of each element, and of pairs of elements that broadcast together, as methods.
[<AbstractClass; Sealed; Extension>]
type ElementMethods =
    /// -1, 0 or 1.
    [<Extension>]
    static member Sign(x: Tensor) = Tensor.sign x

    /// e^x - 1, exact to rounding near 0.
    [<Extension>]
    static member Expm1(x: Tensor) = Tensor.expm1 x

    /// log(1 + x), exact to rounding near 0.
    [<Extension>]
    static member Log1p(x: Tensor) = Tensor.log1p x

    /// The logarithm to base 2: log x / log 2.
    [<Extension>]
    static member Log2(x: Tensor) = Tensor.log2 x

    /// The logarithm to base 10: log x / log 10.
    [<Extension>]
    static member Log10(x: Tensor) = Tensor.log10 x

    /// The whole part: x rounded toward 0.
    [<Extension>]
    static member Trunc(x: Tensor) = Tensor.trunc x

    /// sqrt(x^2 + y^2), without overflow or loss.
    [<Extension>]
    static member Hypot(x: Tensor, y: Tensor) = Tensor.hypot x y

    /// x log y, which is 0 where x is, but for y = NaN.
    [<Extension>]
    static member Xlogy(x: Tensor, y: Tensor) = Tensor.xlogy x y

    /// log(p / (1 - p)), the inverse of the sigmoid.
    [<Extension>]
    static member Logit(p: Tensor) = Tensor.logit p

    /// x with 0 for NaN and the largest finite numbers of its type for infinities.
    [<Extension>]
    static member NanToNum(x: Tensor) = Tensor.nanToNum x

    /// 1 / sqrt x.
    [<Extension>]
    static member Rsqrt(x: Tensor) = Tensor.rsqrt x

    /// x^2.
    [<Extension>]
    static member Square(x: Tensor) = Tensor.square x

    /// The tangent.
    [<Extension>]
    static member Tan(x: Tensor) = Tensor.tan x

    /// The inverse sine.
    [<Extension>]
    static member Asin(x: Tensor) = Tensor.asin x

    /// The inverse cosine.
    [<Extension>]
    static member Acos(x: Tensor) = Tensor.acos x

    /// The inverse tangent.
    [<Extension>]
    static member Atan(x: Tensor) = Tensor.atan x

    /// The hyperbolic sine.
    [<Extension>]
    static member Sinh(x: Tensor) = Tensor.sinh x

    /// The hyperbolic cosine.
    [<Extension>]
    static member Cosh(x: Tensor) = Tensor.cosh x

    /// The inverse hyperbolic sine.
    [<Extension>]
    static member Asinh(x: Tensor) = Tensor.asinh x

    /// The inverse hyperbolic cosine.
    [<Extension>]
    static member Acosh(x: Tensor) = Tensor.acosh x

    /// The inverse hyperbolic tangent.
    [<Extension>]
    static member Atanh(x: Tensor) = Tensor.atanh x

    /// The error function.
    [<Extension>]
    static member Erf(x: Tensor) = Tensor.erf x

    /// log |Gamma(x)|.
    [<Extension>]
    static member Lgamma(x: Tensor) = Tensor.lgamma x

    /// The derivative of lgamma.
    [<Extension>]
    static member Digamma(x: Tensor) = Tensor.digamma x

    /// The greatest integer not above x; derivative 0.
    [<Extension>]
    static member Floor(x: Tensor) = Tensor.floor x

    /// The least integer not below x; derivative 0.
    [<Extension>]
    static member Ceil(x: Tensor) = Tensor.ceil x

    /// The nearest integer, ties to even; derivative 0.
    [<Extension>]
    static member Round(x: Tensor) = Tensor.round x

    /// -x.
    [<Extension>]
    static member Negate(x: Tensor) = Tensor.negate x

    /// log(1 + e^x), without overflow.
    [<Extension>]
    static member Softplus(x: Tensor) = Tensor.softplus x

    /// x sigmoid(x) (Elfwing, Uchibe and Doya 2018).
    [<Extension>]
    static member Silu(x: Tensor) = Tensor.silu x

    /// x Phi(x) with the normal distribution function (Hendrycks and Gimpel 2016), exact.
    [<Extension>]
    static member Gelu(x: Tensor) = Tensor.gelu x

    /// Not.
    [<Extension>]
    static member LogicalNot(x: Tensor) = Tensor.logicalNot x

    /// Where x is not a number.
    [<Extension>]
    static member IsNaN(x: Tensor) = Tensor.isNaN x

    /// Where x is neither infinite nor NaN.
    [<Extension>]
    static member IsFinite(x: Tensor) = Tensor.isFinite x

    /// Where x is infinite.
    [<Extension>]
    static member IsInfinite(x: Tensor) = Tensor.isInfinite x

    /// The n-th derivative of digamma, for whole n >= 0 and x > 0.
    [<Extension>]
    static member Polygamma(x: Tensor, n: Tensor) = Tensor.polygamma n x

    /// x where positive, else slope x.
    [<Extension>]
    static member LeakyRelu(x: Tensor, slope: float) = Tensor.leakyRelu slope x

    /// max(low, min(x, high)): the derivative is 1 strictly inside and 0 outside and at the ends.
    [<Extension>]
    static member Clip(x: Tensor, low: float, high: float) = Tensor.clip low high x

    /// a + b.
    [<Extension>]
    static member Add(x: Tensor, other: Tensor) = Tensor.add x other

    /// a - b.
    [<Extension>]
    static member Subtract(x: Tensor, other: Tensor) = Tensor.subtract x other

    /// a b, element by element.
    [<Extension>]
    static member Multiply(x: Tensor, other: Tensor) = Tensor.multiply x other

    /// a / b.
    [<Extension>]
    static member Divide(x: Tensor, other: Tensor) = Tensor.divide x other

    /// a - b trunc(a / b), with the sign of a.
    [<Extension>]
    static member Remainder(x: Tensor, other: Tensor) = Tensor.remainder x other

    /// The larger; NaN if either is.
    [<Extension>]
    static member Maximum(x: Tensor, other: Tensor) = Tensor.maximum x other

    /// The smaller; NaN if either is.
    [<Extension>]
    static member Minimum(x: Tensor, other: Tensor) = Tensor.minimum x other

    /// a = b, element by element.
    [<Extension>]
    static member Equal(x: Tensor, other: Tensor) = Tensor.equal x other

    /// Not a = b, element by element.
    [<Extension>]
    static member NotEqual(x: Tensor, other: Tensor) = Tensor.notEqual x other

    /// a below b.
    [<Extension>]
    static member Less(x: Tensor, other: Tensor) = Tensor.less x other

    /// a below or equal to b.
    [<Extension>]
    static member LessEqual(x: Tensor, other: Tensor) = Tensor.lessEqual x other

    /// a above b.
    [<Extension>]
    static member Greater(x: Tensor, other: Tensor) = Tensor.greater x other

    /// a above or equal to b.
    [<Extension>]
    static member GreaterEqual(x: Tensor, other: Tensor) = Tensor.greaterEqual x other

    /// Both.
    [<Extension>]
    static member LogicalAnd(x: Tensor, other: Tensor) = Tensor.logicalAnd x other

    /// At least one.
    [<Extension>]
    static member LogicalOr(x: Tensor, other: Tensor) = Tensor.logicalOr x other

    /// Exactly one.
    [<Extension>]
    static member LogicalXor(x: Tensor, other: Tensor) = Tensor.logicalXor x other

    /// a b, but exactly 0 wherever a or b is 0, even if the other is infinite or NaN: how derivatives are multiplied, so that a path through a zero adds nothing, whichever end it is walked from.
    [<Extension>]
    static member Scale(x: Tensor, other: Tensor) = Tensor.scale x other

    /// a^b; 0^0 is 1.
    [<Extension>]
    static member Pow(x: Tensor, exponent: Tensor) = Tensor.pow x exponent

    /// The angle of the point (x, y) in (-pi, pi]; its derivative at the origin is 0.
    [<Extension>]
    static member Atan2(y: Tensor, x: Tensor) = Tensor.atan2 y x

    /// a b + c, rounded once.
    [<Extension>]
    static member MultiplyAdd(a: Tensor, b: Tensor, c: Tensor) = Tensor.multiplyAdd a b c

    /// Whether all elements are close, |a - b| <= absolute + relative |b|; infinities only to themselves, NaN to none.
    [<Extension>]
    static member AllClose(x: Tensor, other: Tensor, relative: float, absolute: float) =
        Tensor.allClose relative absolute x other

    /// log(e^a + e^b), without overflow; -infinity of two such.
    [<Extension>]
    static member LogAddExp(x: Tensor, other: Tensor) = Stats.logAddExp x other
