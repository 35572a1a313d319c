namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Functions of each element, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorElements =
    /// <summary>Elementwise functions of tensors.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        let private unary f (x: Tensor) = Tensor.Pointwise(f, x)
        let private binary f (a: Tensor) (b: Tensor) = Tensor.Pointwise(f, a, b)

        /// a + b.
        let add a b = binary Pointwise.Add a b

        /// a - b.
        let subtract a b = binary Pointwise.Subtract a b

        /// a b, element by element.
        let multiply a b = binary Pointwise.Multiply a b

        /// a / b.
        let divide a b = binary Pointwise.Divide a b

        /// a - b trunc(a / b), with the sign of a.
        let remainder a b = binary Pointwise.Remainder a b

        /// a^b; 0^0 is 1. Derivatives at a = 0: d/da is 0 for b = 0, d/db is 0 for b >= 0.
        let pow a b = binary Pointwise.Power a b

        /// The angle of the point (x, y) in (-pi, pi]; its derivative at the origin is 0.
        let atan2 y x = binary Pointwise.Atan2 y x

        /// The larger; NaN if either is. At ties each has half the derivative.
        let maximum a b = binary Pointwise.Maximum a b

        /// The smaller; NaN if either is. At ties each has half the derivative.
        let minimum a b = binary Pointwise.Minimum a b

        /// a b + c, rounded once.
        let multiplyAdd (a: Tensor) (b: Tensor) (c: Tensor) = Tensor.Pointwise(Pointwise.MultiplyAdd, a, b, c)

        /// a b, but exactly 0 wherever a or b is 0, even if the other is infinite or NaN: how derivatives are multiplied, so that a path through a
        /// zero adds nothing, whichever end it is walked from. The sign of a zero product is not specified.
        let scale (a: Tensor) (b: Tensor) =
            match a.Op with
            | Constant(one, shape) when shape = b.Shape && one = Scalar.Of(b.DType, 1.0) -> b
            | _ -> binary Pointwise.Scale a b

        /// -x.
        let negate x = unary Pointwise.Negate x

        /// |x|, whose derivative at 0 is 0.
        let abs x = unary Pointwise.Abs x

        /// -1, 0 or 1.
        let sign x = unary Pointwise.Sign x

        /// e^x.
        let exp x = unary Pointwise.Exp x

        /// e^x - 1, exact to rounding near 0.
        let expm1 x = unary Pointwise.Expm1 x

        /// The natural logarithm.
        let log x = unary Pointwise.Log x

        /// log(1 + x), exact to rounding near 0.
        let log1p x = unary Pointwise.Log1p x

        /// The logarithm to base 2: log x / log 2.
        let log2 x = log x / Math.Log 2.0

        /// The logarithm to base 10: log x / log 10.
        let log10 x = log x / Math.Log 10.0

        /// The square root; its derivative at 0 is infinite, and 0 where what reaches it is 0.
        let sqrt x = unary Pointwise.Sqrt x

        /// 1 / sqrt x.
        let rsqrt x = unary Pointwise.Rsqrt x

        /// x^2.
        let square (x: Tensor) = x * x

        /// The sine.
        let sin x = unary Pointwise.Sin x

        /// The cosine.
        let cos x = unary Pointwise.Cos x

        /// The tangent.
        let tan x = unary Pointwise.Tan x

        /// The inverse sine.
        let asin x = unary Pointwise.Asin x

        /// The inverse cosine.
        let acos x = unary Pointwise.Acos x

        /// The inverse tangent.
        let atan x = unary Pointwise.Atan x

        /// The hyperbolic sine.
        let sinh x = unary Pointwise.Sinh x

        /// The hyperbolic cosine.
        let cosh x = unary Pointwise.Cosh x

        /// The hyperbolic tangent.
        let tanh x = unary Pointwise.Tanh x

        /// The inverse hyperbolic sine.
        let asinh x = unary Pointwise.Asinh x

        /// The inverse hyperbolic cosine.
        let acosh x = unary Pointwise.Acosh x

        /// The inverse hyperbolic tangent.
        let atanh x = unary Pointwise.Atanh x

        /// 1 / (1 + e^-x), without overflow.
        let sigmoid x = unary Pointwise.Sigmoid x

        /// The error function.
        let erf x = unary Pointwise.Erf x

        /// 1 - erf x, which keeps its digits where that is small.
        let erfc x = unary Pointwise.Erfc x

        /// The inverse of the error function: infinite at -1 and 1, NaN outside.
        let erfinv x = unary Pointwise.Erfinv x

        /// The inverse of erfc, to rounding of itself for the smallest arguments too: infinity at 0, -infinity at 2, NaN outside.
        let erfcinv x = unary Pointwise.Erfcinv x

        /// log |Gamma(x)|.
        let lgamma x = unary Pointwise.Lgamma x

        /// The derivative of lgamma; at either zero the infinity it goes to, NaN at the other poles.
        let digamma x = unary Pointwise.Digamma x

        /// The n-th derivative of digamma, for whole n >= 0; at a pole the infinity on both its sides, NaN if they differ.
        let polygamma (n: Tensor) (x: Tensor) = binary Pointwise.Polygamma n x

        /// The greatest integer not above x; derivative 0.
        let floor x = unary Pointwise.Floor x

        /// The least integer not below x; derivative 0.
        let ceil x = unary Pointwise.Ceil x

        /// The nearest integer, ties to even; derivative 0.
        let round x = unary Pointwise.Round x

        /// a = b, element by element.
        let equal a b = binary Pointwise.Equal a b

        /// Not a = b, element by element.
        let notEqual a b = binary Pointwise.NotEqual a b

        /// a below b.
        let less a b = binary Pointwise.Less a b

        /// a below or equal to b.
        let lessEqual a b = binary Pointwise.LessEqual a b

        /// a above b.
        let greater a b = binary Pointwise.Less b a

        /// a above or equal to b.
        let greaterEqual a b = binary Pointwise.LessEqual b a

        /// Both.
        let logicalAnd a b = binary Pointwise.And a b

        /// At least one.
        let logicalOr a b = binary Pointwise.Or a b

        /// Exactly one.
        let logicalXor a b = binary Pointwise.Xor a b

        /// Not.
        let logicalNot x = unary Pointwise.Not x

        /// Where x is not a number.
        let isNaN (x: Tensor) = notEqual x x

        // Integers and truths have neither infinities nor NaN.
        let private ofFloats (f: Tensor -> Tensor) otherwise (x: Tensor) =
            if x.DType.IsFloat() then
                f x
            else
                (if otherwise then Tensor.ones else Tensor.zeros) DType.Bool x.Shape

        /// Where x is neither infinite nor NaN; everywhere, of integers.
        let isFinite (x: Tensor) = ofFloats (fun x -> less (abs x) (Tensor.fullLike x infinity)) true x

        /// Where x is infinite; nowhere, of integers.
        let isInfinite (x: Tensor) = ofFloats (fun x -> equal (abs x) (Tensor.fullLike x infinity)) false x

        /// a where the condition holds, else b. The side not taken shows neither in the value nor in a derivative, NaN or not.
        let where (condition: Tensor) (a: Tensor) (b: Tensor) =
            Tensor.Pointwise(Pointwise.Select, condition, a, b)

        /// <summary>max(low, min(x, high)): the derivative is 1 strictly inside and 0 outside and at the ends; NaN of NaN, with derivative 1.</summary>
        /// <exception cref="T:System.ArgumentException">low is above high, or one of them is NaN.</exception>
        let clip (low: float) (high: float) (x: Tensor) =
            if not (low <= high) then
                Shapes.refuse
                    "clip"
                    $"the bounds {low} and {high} for {x.Signature} are not in ascending order."

            let l, h = Tensor.fullLike x low, Tensor.fullLike x high
            where (less x h) (where (greater x l) x (where (isNaN x) x l)) (where (isNaN x) x h)
