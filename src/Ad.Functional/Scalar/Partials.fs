namespace Ad.Functional.Scalar

open System
open System.Numerics
open System.Runtime.CompilerServices

/// The operators of one generic number type: F#'s own do not chain over a constrained type parameter.
module internal Arithmetic =
    let (+) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Addition (a, b)
    let (-) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Subtraction (a, b)
    let (*) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Multiply (a, b)
    let (/) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Division (a, b)
    let (%) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Modulus (a, b)
    let (~-) (a: 'T :> IFloatingPointIeee754<'T>) : 'T = 'T.op_UnaryNegation a

open Arithmetic

/// A number built on other numbers, which multiplies derivatives part by part.
type internal IComposite<'T> =
    /// The product of a partial derivative and a derivative.
    abstract Product: Func<'T, 'T, 'T>

/// The product of a composite number, kept so that a call boxes nothing.
[<AbstractClass; Sealed>]
type internal Composite<'T> private () =
    static member val Product =
        match box Unchecked.defaultof<'T> with
        | :? IComposite<'T> as number -> number.Product
        | _ -> Func<'T, 'T, 'T>(fun _ _ -> invalidOp $"{typeof<'T>} is not a composite number.")

/// The elementary functions with their partial derivatives, each written once for every kind of derivative.
///
/// A row takes plain values and gives a struct tuple: the value, then the partial derivative in each argument.
/// The partials are computed in 'T too, so that they are differentiable when 'T is.
[<AbstractClass; Sealed>]
type internal Partials<'T when 'T :> IFloatingPointIeee754<'T>> private () =
    static member private Half: 'T = 'T.CreateChecked 0.5
    static member private Ln2: 'T = 'T.CreateChecked 0.69314718055994530942
    static member private Ln10: 'T = 'T.CreateChecked 2.30258509299404568402

    // 1 - x^2, rounded once: no cancellation near 1, and -2 x exactly as its derivative.
    static member private OneMinusSquare(x: 'T) = 'T.FusedMultiplyAdd(-x, x, 'T.One)

    // For composite numbers, whose derivatives are multiplied part by part.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member private OfParts(p: 'T, d: 'T) : 'T =
        if typeof<IComposite<'T>>.IsAssignableFrom typeof<'T> then
            Composite<'T>.Product.Invoke(p, d)
        elif 'T.IsZero p || 'T.IsZero d then
            'T.Zero
        else
            p * d

    // The rare end of the products below. Written into them, since a call keeps what lives across it in memory, and short,
    // since the compiler inlines only so much; plain numbers have no references in them.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private OfNaN(p: 'T, d: 'T) : 'T =
        let mutable r = p

        if RuntimeHelpers.IsReferenceOrContainsReferences<'T>() then
            r <- Partials<'T>.OfParts(p, d)
        elif 'T.IsZero p || 'T.IsZero d then
            r <- 'T.Zero
        else
            r <- p * d

        r

    /// The product of a partial derivative and a derivative, in which a zero factor wins over infinity and NaN.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Product(p: 'T, d: 'T) : 'T =
        let mutable r = p * d

        // NaN is not at least itself, which is one jump where IsNaN is two.
        if not ('T.op_GreaterThanOrEqual (r, r)) then
            r <- Partials<'T>.OfNaN(p, d)

        r

    /// The sum of two such products.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Products(p: 'T, d: 'T, q: 'T, e: 'T) : 'T =
        let mutable r = p * d + q * e

        if not ('T.op_GreaterThanOrEqual (r, r)) then
            r <- Partials<'T>.OfNaN(p, d) + Partials<'T>.OfNaN(q, e)

        r

    static member Add(a: 'T, b: 'T) = struct (a + b, 'T.One, 'T.One)
    static member Subtract(a: 'T, b: 'T) = struct (a - b, 'T.One, 'T.NegativeOne)
    static member Multiply(a: 'T, b: 'T) = struct (a * b, b, a)

    static member Divide(a: 'T, b: 'T) =
        let y = a / b
        struct (y, 'T.One / b, -y / b)

    // a - b * trunc (a / b): the quotient is constant between its jumps.
    static member Modulus(a: 'T, b: 'T) =
        let y = a % b
        struct (y, 'T.One, -('T.Round((a - y) / b)))

    static member IeeeRemainder(a: 'T, b: 'T) =
        let y = 'T.Ieee754Remainder(a, b)
        struct (y, 'T.One, -('T.Round((a - y) / b)))

    static member Negate(x: 'T) = struct (-x, 'T.NegativeOne)

    // 0 at 0, NaN at NaN.
    static member Abs(x: 'T) =
        if 'T.IsZero x || 'T.IsNaN x then
            struct ('T.Abs x, x * 'T.Zero)
        else
            struct ('T.Abs x, 'T.CopySign('T.One, x))

    /// Which of two arguments a maximum or minimum y took; half each when it could have been either.
    static member Select(y: 'T, a: 'T, b: 'T) =
        let tookA = 'T.op_Equality (y, a) || 'T.IsNaN y && 'T.IsNaN a
        let tookB = 'T.op_Equality (y, b) || 'T.IsNaN y && 'T.IsNaN b

        match tookA, tookB with
        | true, true -> struct (y, Partials<'T>.Half, Partials<'T>.Half)
        | true, false -> struct (y, 'T.One, 'T.Zero)
        | false, _ -> struct (y, 'T.Zero, 'T.One)

    static member Exp(x: 'T) = let y = 'T.Exp x in struct (y, y)
    static member Exp2(x: 'T) = let y = 'T.Exp2 x in struct (y, y * Partials<'T>.Ln2)
    static member Exp10(x: 'T) = let y = 'T.Exp10 x in struct (y, y * Partials<'T>.Ln10)
    static member ExpM1(x: 'T) = struct ('T.ExpM1 x, 'T.Exp x)
    static member Exp2M1(x: 'T) = struct ('T.Exp2M1 x, 'T.Exp2 x * Partials<'T>.Ln2)
    static member Exp10M1(x: 'T) = struct ('T.Exp10M1 x, 'T.Exp10 x * Partials<'T>.Ln10)

    static member Log(x: 'T) = struct ('T.Log x, 'T.One / x)
    static member Log2(x: 'T) = struct ('T.Log2 x, 'T.One / (x * Partials<'T>.Ln2))
    static member Log10(x: 'T) = struct ('T.Log10 x, 'T.One / (x * Partials<'T>.Ln10))
    static member LogP1(x: 'T) = struct ('T.LogP1 x, 'T.One / ('T.One + x))
    static member Log2P1(x: 'T) = struct ('T.Log2P1 x, 'T.One / (('T.One + x) * Partials<'T>.Ln2))
    static member Log10P1(x: 'T) = struct ('T.Log10P1 x, 'T.One / (('T.One + x) * Partials<'T>.Ln10))

    static member LogBase(x: 'T, newBase: 'T) =
        let y, l = 'T.Log(x, newBase), 'T.Log newBase
        struct (y, 'T.One / (x * l), -y / (newBase * l))

    // x ** 0 at 0 has the partial 0 * infinity = 0, and x ** y at (0, 2) has 0 * log 0 = 0.
    static member Pow(x: 'T, y: 'T) =
        let struct (z, dx) = Partials<'T>.PowOf(x, y)
        struct (z, dx, Partials<'T>.Product(z, 'T.Log x))

    /// The same to a constant power, without the logarithm.
    static member PowOf(x: 'T, y: 'T) = struct ('T.Pow(x, y), Partials<'T>.Product(y, 'T.Pow(x, y - 'T.One)))

    // Adding zero makes the derivative at -0 that at +0: infinity.
    static member Sqrt(x: 'T) =
        let y = 'T.Sqrt x
        struct (y, Partials<'T>.Half / (y + 'T.Zero))

    static member Cbrt(x: 'T) =
        let y = 'T.Cbrt x
        struct (y, 'T.One / ('T.CreateChecked 3.0 * y * y))

    static member RootN(x: 'T, n: int) =
        let y, n = 'T.RootN(x, n), 'T.CreateChecked n
        struct (y, 'T.One / (n * 'T.Pow(y, n - 'T.One)))

    // 0 at the origin, where no direction is better than another.
    static member Hypot(a: 'T, b: 'T) =
        let y = 'T.Hypot(a, b)

        if 'T.IsZero y then
            struct (y, 'T.Zero, 'T.Zero)
        else
            struct (y, a / y, b / y)

    static member Sin(x: 'T) = let struct (s, c) = 'T.SinCos x in struct (s, c)
    static member Cos(x: 'T) = let struct (s, c) = 'T.SinCos x in struct (c, -s)
    static member Tan(x: 'T) = let y = 'T.Tan x in struct (y, 'T.One + y * y)
    static member Asin(x: 'T) = struct ('T.Asin x, 'T.One / 'T.Sqrt(Partials<'T>.OneMinusSquare x))
    static member Acos(x: 'T) = struct ('T.Acos x, -'T.One / 'T.Sqrt(Partials<'T>.OneMinusSquare x))
    static member Atan(x: 'T) = struct ('T.Atan x, 'T.One / ('T.One + x * x))

    // 0 at the origin; divided twice, so that a large radius does not overflow.
    static member Atan2(y: 'T, x: 'T) =
        let z, r = 'T.Atan2(y, x), 'T.Hypot(x, y)

        if 'T.IsZero r then
            struct (z, 'T.Zero, 'T.Zero)
        else
            struct (z, x / r / r, -y / r / r)

    static member Atan2Pi(y: 'T, x: 'T) =
        let struct (_, dy, dx) = Partials<'T>.Atan2(y, x)
        struct ('T.Atan2Pi(y, x), dy / 'T.Pi, dx / 'T.Pi)

    static member SinPi(x: 'T) = struct ('T.SinPi x, 'T.Pi * 'T.CosPi x)
    static member CosPi(x: 'T) = struct ('T.CosPi x, -'T.Pi * 'T.SinPi x)
    static member TanPi(x: 'T) = let y = 'T.TanPi x in struct (y, 'T.Pi * ('T.One + y * y))
    static member AsinPi(x: 'T) = let struct (_, d) = Partials<'T>.Asin x in struct ('T.AsinPi x, d / 'T.Pi)
    static member AcosPi(x: 'T) = let struct (_, d) = Partials<'T>.Acos x in struct ('T.AcosPi x, d / 'T.Pi)
    static member AtanPi(x: 'T) = let struct (_, d) = Partials<'T>.Atan x in struct ('T.AtanPi x, d / 'T.Pi)

    static member Sinh(x: 'T) = struct ('T.Sinh x, 'T.Cosh x)
    static member Cosh(x: 'T) = struct ('T.Cosh x, 'T.Sinh x)

    // 1 / cosh^2 keeps the digits that 1 - y^2 loses when y is near 1.
    static member Tanh(x: 'T) =
        let s = 'T.One / 'T.Cosh x
        struct ('T.Tanh x, s * s)

    static member Asinh(x: 'T) = struct ('T.Asinh x, 'T.One / 'T.Hypot('T.One, x))
    static member Acosh(x: 'T) = struct ('T.Acosh x, 'T.One / ('T.Sqrt(x - 'T.One) * 'T.Sqrt(x + 'T.One)))
    static member Atanh(x: 'T) = struct ('T.Atanh x, 'T.One / Partials<'T>.OneMinusSquare x)

    static member ScaleB(x: 'T, n: int) = struct ('T.ScaleB(x, n), 'T.ScaleB('T.One, n))
