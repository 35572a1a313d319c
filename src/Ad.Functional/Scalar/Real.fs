namespace Ad.Functional.Scalar

open System.Numerics

/// The elementary functions over any floating-point type, `float` and `Dual` and `Adjoint` alike, by one name each.
///
/// Derivatives are those of Number; a domain error is NaN, as it is for float.
[<RequireQualifiedAccess>]
module Real =
    /// |x|.
    let abs (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Abs x

    /// e^x.
    let exp (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Exp x

    /// 2^x.
    let exp2 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Exp2 x

    /// 10^x.
    let exp10 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Exp10 x

    /// e^x - 1, accurate near 0.
    let expM1 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.ExpM1 x

    /// 2^x - 1, accurate near 0.
    let exp2M1 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Exp2M1 x

    /// 10^x - 1, accurate near 0.
    let exp10M1 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Exp10M1 x

    /// The natural logarithm.
    let log (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Log x

    /// The logarithm to base 2.
    let log2 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Log2 x

    /// The logarithm to base 10.
    let log10 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Log10 x

    /// log (1 + x), accurate near 0.
    let logP1 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.LogP1 x

    /// log2 (1 + x), accurate near 0.
    let log2P1 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Log2P1 x

    /// log10 (1 + x), accurate near 0.
    let log10P1 (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Log10P1 x

    /// The square root.
    let sqrt (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Sqrt x

    /// The cube root.
    let cbrt (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Cbrt x

    /// The sine of radians.
    let sin (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Sin x

    /// The cosine of radians.
    let cos (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Cos x

    /// The tangent of radians.
    let tan (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Tan x

    /// The angle whose sine is x.
    let asin (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Asin x

    /// The angle whose cosine is x.
    let acos (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Acos x

    /// The angle whose tangent is x.
    let atan (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Atan x

    /// sin (pi x).
    let sinPi (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.SinPi x

    /// cos (pi x).
    let cosPi (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.CosPi x

    /// tan (pi x).
    let tanPi (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.TanPi x

    /// asin x / pi.
    let asinPi (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.AsinPi x

    /// acos x / pi.
    let acosPi (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.AcosPi x

    /// atan x / pi.
    let atanPi (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.AtanPi x

    /// The hyperbolic sine.
    let sinh (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Sinh x

    /// The hyperbolic cosine.
    let cosh (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Cosh x

    /// The hyperbolic tangent.
    let tanh (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Tanh x

    /// The inverse of sinh.
    let asinh (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Asinh x

    /// The inverse of cosh, for x at least 1.
    let acosh (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Acosh x

    /// The inverse of tanh, for x between -1 and 1.
    let atanh (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.Atanh x

    /// The n-th root; negative n for its reciprocal.
    let rootN (n: int) (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.RootN(x, n)

    /// x 2^n.
    let scaleB (n: int) (x: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.ScaleB(x, n)

    /// The logarithm of x to a base.
    let logBase (newBase: 'T :> IFloatingPointIeee754<'T>) (x: 'T) : 'T = 'T.Log(x, newBase)

    /// x to the power y.
    let pow (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.Pow(x, y)

    /// sqrt (x^2 + y^2) without overflow.
    let hypot (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.Hypot(x, y)

    /// The angle of the point (x, y).
    let atan2 (y: 'T :> IFloatingPointIeee754<'T>) (x: 'T) : 'T = 'T.Atan2(y, x)

    /// atan2 y x / pi.
    let atan2Pi (y: 'T :> IFloatingPointIeee754<'T>) (x: 'T) : 'T = 'T.Atan2Pi(y, x)

    /// The larger of two; equal ones have half the derivative each. F#'s own max gives all of it to one of them.
    let max (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.Max(x, y)

    /// The smaller of two; equal ones have half the derivative each.
    let min (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.Min(x, y)

    /// The one nearer to zero.
    let minMagnitude (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.MinMagnitude(x, y)

    /// The one farther from zero.
    let maxMagnitude (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.MaxMagnitude(x, y)

    /// x - n y for the whole number n nearest x / y, ties to even.
    let remainder (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) : 'T = 'T.Ieee754Remainder(x, y)

    /// x held between two bounds; at a bound it has half the derivative of each.
    let clamp (low: 'T :> IFloatingPointIeee754<'T>) (high: 'T) (x: 'T) : 'T = 'T.Clamp(x, low, high)

    /// x y + z, rounded once.
    let fusedMultiplyAdd (x: 'T :> IFloatingPointIeee754<'T>) (y: 'T) (z: 'T) : 'T =
        'T.FusedMultiplyAdd(x, y, z)
