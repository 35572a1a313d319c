// Static abstracts are what a generic number is made of.
#nowarn "3535"

namespace Ad.Functional.Scalar

open System
open System.Globalization
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// What a number carries besides its value: the derivative of that value, in forward or in reverse form.
///
/// The number knows the pass that it belongs to, and hands it in; there is none where all are constant. The derivative of a
/// constant is its default: zero, or no place.
type IDerivative<'T, 'D> =
    /// The derivative of y = f(x), from the partial dy/dx and the derivative of x.
    static abstract Chain: pass: obj | null * partial: 'T * x: 'D -> 'D

    /// The derivative of y = f(a, b), from the partials dy/da and dy/db and the derivatives of a and b.
    static abstract Join: pass: obj | null * da: 'T * a: 'D * db: 'T * b: 'D -> 'D

    /// The derivative of a + b.
    static abstract Sum: pass: obj | null * a: 'D * b: 'D -> 'D

    /// The derivative of a - b.
    static abstract Difference: pass: obj | null * a: 'D * b: 'D -> 'D

    /// The derivative of -x.
    static abstract Opposite: pass: obj | null * x: 'D -> 'D

    /// Raises InvalidOperationException, where numbers of two passes meet. Nothing but that, so that callers know.
    static abstract Refuse: unit -> unit

    /// Describes the derivative beside its value.
    abstract Describe: format: string | null * provider: IFormatProvider | null -> string

/// A number that carries its derivative through arithmetic: `Dual` forward, `Adjoint` in reverse.
///
/// It is a generic-math floating-point number over any other, itself included. Comparison, hashing,
/// rounding to integers and conversion to other types look at the value alone: to a derivative they are constant.
/// F# compares it as `IComparable` does, where NaN is equal to itself and below every other number.
///
/// Derivatives at the hard points: abs, hypot and atan2 have 0 at the origin; max and min give half to each of two equal
/// arguments; sqrt has infinity at 0; x ** 0 and x ** y have 0 at (0, 0) in x and at (0, 2) in both. In a
/// product of derivatives a zero factor wins over infinity and NaN, in both modes.
[<Struct; CustomEquality; CustomComparison; StructuredFormatDisplay("{Display}")>]
type Number<'T, 'D when 'T :> IFloatingPointIeee754<'T> and 'D :> IDerivative<'T, 'D> and 'D: struct> =
    val private value: 'T
    val private derivative: 'D
    // Not a part of the derivative: a structure of three fields lies in registers, one within another in memory.
    val private pass: obj | null

    /// A number with a derivative in a pass.
    internal new(value, pass, derivative) =
        { value = value
          derivative = derivative
          pass = pass }

    /// A constant.
    new(value) =
        { value = value
          derivative = Unchecked.defaultof<'D>
          pass = null }

    /// The value.
    member x.Value = x.value

    /// The derivative; nothing in a constant.
    member internal x.Derivative = x.derivative

    /// The pass of the derivative; null in a constant.
    member internal x.Pass = x.pass

    /// The derivative in a pass: nothing for a constant, an error for a number of another pass.
    member internal x.In(pass: obj) : 'D =
        if obj.ReferenceEquals(x.pass, pass) then
            x.derivative
        else
            if not (isNull x.pass) then
                'D.Refuse()

            Unchecked.defaultof<'D>

    member private x.Display = x.ToString()

    // The pass of an operation: that of both arguments, or of the one that is not constant.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Common(a: obj | null, b: obj | null) : obj | null =
        if obj.ReferenceEquals(a, b) || isNull b then
            a
        else
            if not (isNull a) then
                'D.Refuse()

            b

    static member private Chain(y: 'T, dy: 'T, x: Number<'T, 'D>) =
        if isNull x.pass then
            Number<'T, 'D> y
        else
            Number<'T, 'D>(y, x.pass, 'D.Chain(x.pass, dy, x.derivative))

    static member private Join(y: 'T, da: 'T, a: Number<'T, 'D>, db: 'T, b: Number<'T, 'D>) =
        let pass = Number<'T, 'D>.Common(a.pass, b.pass)

        if isNull b.pass then
            Number<'T, 'D>.Chain(y, da, a)
        elif isNull a.pass then
            Number<'T, 'D>.Chain(y, db, b)
        else
            Number<'T, 'D>(y, pass, 'D.Join(pass, da, a.derivative, db, b.derivative))

    static member private Map(struct (y, dy), x: Number<'T, 'D>) = Number<'T, 'D>.Chain(y, dy, x)

    static member private Map(struct (y, da, db), a: Number<'T, 'D>, b: Number<'T, 'D>) =
        Number<'T, 'D>.Join(y, da, a, db, b)

    static member private OfFloat(x: float) = Number<'T, 'D>('T.CreateChecked x)

    /// Whether the values are equal.
    member x.Equals(y: Number<'T, 'D>) = x.value.Equals y.value

    override x.Equals(other: obj | null) =
        match other with
        | :? Number<'T, 'D> as y -> x.Equals y
        | _ -> false

    override x.GetHashCode() = HashCode.Combine x.value

    /// Orders by value.
    member x.CompareTo(y: Number<'T, 'D>) = x.value.CompareTo y.value

    /// Formats the value, and beside it the derivative when there is one.
    member x.ToString(format: string | null, provider: IFormatProvider | null) =
        x.value.ToString(format, provider)
        + if isNull x.pass then
              ""
          else
              x.derivative.Describe(format, provider)

    override x.ToString() = x.ToString(null, CultureInfo.CurrentCulture)

    /// The constant 0.
    static member Zero = Number<'T, 'D> 'T.Zero

    /// The constant 1.
    static member One = Number<'T, 'D> 'T.One

    /// A constant.
    static member op_Implicit(x: float) : Number<'T, 'D> = Number<'T, 'D>.OfFloat x

    /// -1, 0 or 1 by the value.
    member x.Sign = 'T.Sign x.value

    /// x, unchanged.
    static member (~+)(x: Number<'T, 'D>) = x

    // The arithmetic that functions are made of is inlined and asks nothing it need not. A constant's derivative, zero, takes
    // part: two operations cost less than a branch. In a product of composite numbers, or on a tape of them, they cost more.
    static member private Multiply(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        Number<'T, 'D>.Join('T.op_Multiply (a.value, b.value), b.value, a, a.value, b)

    /// -x; dy = -dx.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member (~-)(x: Number<'T, 'D>) =
        Number<'T, 'D>('T.op_UnaryNegation x.value, x.pass, 'D.Opposite(x.pass, x.derivative))

    /// a + b; dy = da + db.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member (+)(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        let pass = Number<'T, 'D>.Common(a.pass, b.pass)
        Number<'T, 'D>('T.op_Addition (a.value, b.value), pass, 'D.Sum(pass, a.derivative, b.derivative))

    /// a - b; dy = da - db.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member (-)(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        let pass = Number<'T, 'D>.Common(a.pass, b.pass)

        Number<'T, 'D>(
            'T.op_Subtraction (a.value, b.value),
            pass,
            'D.Difference(pass, a.derivative, b.derivative)
        )

    /// a b; dy = b da + a db.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member (*)(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        if RuntimeHelpers.IsReferenceOrContainsReferences<'T>() then
            Number<'T, 'D>.Multiply(a, b)
        else
            let pass = Number<'T, 'D>.Common(a.pass, b.pass)

            Number<'T, 'D>(
                'T.op_Multiply (a.value, b.value),
                pass,
                'D.Join(pass, b.value, a.derivative, a.value, b.derivative)
            )

    /// a / b; dy = da / b - y db / b.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member (/)(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        if isNull b.pass then
            Number<'T, 'D>.Chain('T.op_Division (a.value, b.value), 'T.op_Division ('T.One, b.value), a)
        else
            Number<'T, 'D>.Map(Partials<'T>.Divide(a.value, b.value), a, b)

    /// a - b n, with n the quotient truncated; dy = da - n db.
    static member (%)(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        Number<'T, 'D>.Map(Partials<'T>.Modulus(a.value, b.value), a, b)

    /// x to the power y; dz = y x^(y - 1) dx + z log x dy, both 0 at (0, 2) and the first 0 where y is.
    static member Pow(x: Number<'T, 'D>, y: Number<'T, 'D>) =
        if isNull y.pass then
            Number<'T, 'D>.Map(Partials<'T>.PowOf(x.value, y.value), x)
        else
            Number<'T, 'D>.Map(Partials<'T>.Pow(x.value, y.value), x, y)

    /// Adds a constant.
    static member (+)(a: Number<'T, 'D>, b: float) = a + Number<'T, 'D>.OfFloat b

    /// Adds to a constant.
    static member (+)(a: float, b: Number<'T, 'D>) = Number<'T, 'D>.OfFloat a + b

    /// Subtracts a constant.
    static member (-)(a: Number<'T, 'D>, b: float) = a - Number<'T, 'D>.OfFloat b

    /// Subtracts from a constant.
    static member (-)(a: float, b: Number<'T, 'D>) = Number<'T, 'D>.OfFloat a - b

    /// Multiplies by a constant.
    static member (*)(a: Number<'T, 'D>, b: float) = a * Number<'T, 'D>.OfFloat b

    /// Multiplies a constant.
    static member (*)(a: float, b: Number<'T, 'D>) = Number<'T, 'D>.OfFloat a * b

    /// Divides by a constant.
    static member (/)(a: Number<'T, 'D>, b: float) = a / Number<'T, 'D>.OfFloat b

    /// Divides a constant.
    static member (/)(a: float, b: Number<'T, 'D>) = Number<'T, 'D>.OfFloat a / b

    /// The remainder by a constant.
    static member (%)(a: Number<'T, 'D>, b: float) = a % Number<'T, 'D>.OfFloat b

    /// The remainder of a constant.
    static member (%)(a: float, b: Number<'T, 'D>) = Number<'T, 'D>.OfFloat a % b

    /// x to a constant power; dz = y x^(y - 1) dx, 0 where y is.
    static member Pow(x: Number<'T, 'D>, y: float) = Number<'T, 'D>.Pow(x, Number<'T, 'D>.OfFloat y)

    /// Whether the values are equal; NaN is equal to nothing.
    static member op_Equality(a: Number<'T, 'D>, b: Number<'T, 'D>) = 'T.op_Equality (a.value, b.value)

    /// Whether the values differ.
    static member op_Inequality(a: Number<'T, 'D>, b: Number<'T, 'D>) = 'T.op_Inequality (a.value, b.value)

    /// Whether one value is below the other.
    static member op_LessThan(a: Number<'T, 'D>, b: Number<'T, 'D>) = 'T.op_LessThan (a.value, b.value)

    /// Whether one value is at most the other.
    static member op_LessThanOrEqual(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        'T.op_LessThanOrEqual (a.value, b.value)

    /// Whether one value is above the other.
    static member op_GreaterThan(a: Number<'T, 'D>, b: Number<'T, 'D>) = 'T.op_GreaterThan (a.value, b.value)

    /// Whether one value is at least the other.
    static member op_GreaterThanOrEqual(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        'T.op_GreaterThanOrEqual (a.value, b.value)

    /// |x|; dy = sign x dx, 0 at 0.
    static member Abs(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Abs x.value, x)

    /// e^x; dy = y dx.
    static member Exp(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Exp x.value, x)

    /// The natural logarithm; dy = dx / x.
    static member Log(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Log x.value, x)

    /// The logarithm to base 10; dy = dx / (x log 10).
    static member Log10(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Log10 x.value, x)

    /// The square root; dy = dx / 2 y, infinite at 0.
    static member Sqrt(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Sqrt x.value, x)

    /// The sine; dy = cos x dx.
    static member Sin(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Sin x.value, x)

    /// The cosine; dy = -sin x dx.
    static member Cos(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Cos x.value, x)

    /// The tangent; dy = (1 + y^2) dx.
    static member Tan(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Tan x.value, x)

    /// The arcsine; dy = dx / sqrt (1 - x^2).
    static member Asin(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Asin x.value, x)

    /// The arccosine; dy = -dx / sqrt (1 - x^2).
    static member Acos(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Acos x.value, x)

    /// The arctangent; dy = dx / (1 + x^2).
    static member Atan(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Atan x.value, x)

    /// The hyperbolic sine; dy = cosh x dx.
    static member Sinh(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Sinh x.value, x)

    /// The hyperbolic cosine; dy = sinh x dx.
    static member Cosh(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Cosh x.value, x)

    /// The hyperbolic tangent; dy = dx / cosh^2 x.
    static member Tanh(x: Number<'T, 'D>) = Number<'T, 'D>.Map(Partials<'T>.Tanh x.value, x)

    /// The whole number at or below x; a constant.
    static member Floor(x: Number<'T, 'D>) = Number<'T, 'D>('T.Floor x.value)

    /// The whole number at or above x; a constant.
    static member Ceiling(x: Number<'T, 'D>) = Number<'T, 'D>('T.Ceiling x.value)

    /// x without its fraction; a constant.
    static member Truncate(x: Number<'T, 'D>) = Number<'T, 'D>('T.Truncate x.value)

    /// The nearest whole number, ties to even; a constant.
    static member Round(x: Number<'T, 'D>) = Number<'T, 'D>('T.Round x.value)

    /// The angle of the point (x, y); dz = (x dy - y dx) / (x^2 + y^2), 0 at the origin.
    static member Atan2(y: Number<'T, 'D>, x: Number<'T, 'D>) =
        Number<'T, 'D>.Map(Partials<'T>.Atan2(y.value, x.value), y, x)

    /// The larger; its derivative, or half of each when they are equal.
    static member Max(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        Number<'T, 'D>.Map(Partials<'T>.Select('T.Max(a.value, b.value), a.value, b.value), a, b)

    /// The smaller; its derivative, or half of each when they are equal.
    static member Min(a: Number<'T, 'D>, b: Number<'T, 'D>) =
        Number<'T, 'D>.Map(Partials<'T>.Select('T.Min(a.value, b.value), a.value, b.value), a, b)

    interface IComposite<Number<'T, 'D>> with
        // The product rule, with this type's own product of derivatives for the values.
        member _.Product =
            Func<_, _, _>(fun p d ->
                Number<'T, 'D>.Join(Partials<'T>.Product(p.Value, d.Value), d.Value, p, p.Value, d))

    interface IFloatingPointIeee754<Number<'T, 'D>> with
        static member Zero = Number<'T, 'D> 'T.Zero
        static member One = Number<'T, 'D> 'T.One
        static member NegativeOne = Number<'T, 'D> 'T.NegativeOne
        static member Epsilon = Number<'T, 'D> 'T.Epsilon
        static member NaN = Number<'T, 'D> 'T.NaN
        static member NegativeInfinity = Number<'T, 'D> 'T.NegativeInfinity
        static member NegativeZero = Number<'T, 'D> 'T.NegativeZero
        static member PositiveInfinity = Number<'T, 'D> 'T.PositiveInfinity
        static member E = Number<'T, 'D> 'T.E
        static member Pi = Number<'T, 'D> 'T.Pi
        static member Tau = Number<'T, 'D> 'T.Tau
        static member AdditiveIdentity = Number<'T, 'D> 'T.Zero
        static member MultiplicativeIdentity = Number<'T, 'D> 'T.One
        static member Radix = 'T.Radix

        static member (~+) x = (+x: Number<'T, 'D>)
        static member (~-) x = (-x: Number<'T, 'D>)
        static member (+)(a: Number<'T, 'D>, b: Number<'T, 'D>) : Number<'T, 'D> = a + b
        static member (-)(a: Number<'T, 'D>, b: Number<'T, 'D>) : Number<'T, 'D> = a - b
        static member (*)(a: Number<'T, 'D>, b: Number<'T, 'D>) : Number<'T, 'D> = a * b
        static member (/)(a: Number<'T, 'D>, b: Number<'T, 'D>) : Number<'T, 'D> = a / b
        static member (%)(a: Number<'T, 'D>, b: Number<'T, 'D>) : Number<'T, 'D> = a % b
        static member op_Increment x = x + Number<'T, 'D> 'T.One
        static member op_Decrement x = x - Number<'T, 'D> 'T.One
        static member op_Equality(a, b) = 'T.op_Equality (a.Value, b.Value)
        static member op_Inequality(a, b) = 'T.op_Inequality (a.Value, b.Value)
        static member op_LessThan(a, b) = 'T.op_LessThan (a.Value, b.Value)
        static member op_LessThanOrEqual(a, b) = 'T.op_LessThanOrEqual (a.Value, b.Value)
        static member op_GreaterThan(a, b) = 'T.op_GreaterThan (a.Value, b.Value)
        static member op_GreaterThanOrEqual(a, b) = 'T.op_GreaterThanOrEqual (a.Value, b.Value)

        // .NET's own look for a conversion by trial and error, which is slow where a constant stands in a loop.
        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CreateChecked<'Other when 'Other :> INumberBase<'Other>>
            (value: 'Other)
            : Number<'T, 'D> =
            match box value with
            | :? Number<'T, 'D> as x -> x
            | _ -> Number<'T, 'D>('T.CreateChecked value)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CreateSaturating<'Other when 'Other :> INumberBase<'Other>>
            (value: 'Other)
            : Number<'T, 'D> =
            match box value with
            | :? Number<'T, 'D> as x -> x
            | _ -> Number<'T, 'D>('T.CreateSaturating value)

        [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
        static member CreateTruncating<'Other when 'Other :> INumberBase<'Other>>
            (value: 'Other)
            : Number<'T, 'D> =
            match box value with
            | :? Number<'T, 'D> as x -> x
            | _ -> Number<'T, 'D>('T.CreateTruncating value)

        static member IsCanonical x = 'T.IsCanonical x.Value
        static member IsComplexNumber x = 'T.IsComplexNumber x.Value
        static member IsEvenInteger x = 'T.IsEvenInteger x.Value
        static member IsFinite x = 'T.IsFinite x.Value
        static member IsImaginaryNumber x = 'T.IsImaginaryNumber x.Value
        static member IsInfinity x = 'T.IsInfinity x.Value
        static member IsInteger x = 'T.IsInteger x.Value
        static member IsNaN x = 'T.IsNaN x.Value
        static member IsNegative x = 'T.IsNegative x.Value
        static member IsNegativeInfinity x = 'T.IsNegativeInfinity x.Value
        static member IsNormal x = 'T.IsNormal x.Value
        static member IsOddInteger x = 'T.IsOddInteger x.Value
        static member IsPositive x = 'T.IsPositive x.Value
        static member IsPositiveInfinity x = 'T.IsPositiveInfinity x.Value
        static member IsRealNumber x = 'T.IsRealNumber x.Value
        static member IsSubnormal x = 'T.IsSubnormal x.Value
        static member IsZero x = 'T.IsZero x.Value
        static member Sign(x: Number<'T, 'D>) = 'T.Sign x.Value
        static member ILogB x = 'T.ILogB x.Value

        static member Abs x = Number<'T, 'D>.Abs x
        static member Exp x = Number<'T, 'D>.Exp x
        static member Log(x: Number<'T, 'D>) : Number<'T, 'D> = Number<'T, 'D>.Log x
        static member Log10 x = Number<'T, 'D>.Log10 x
        static member Sqrt x = Number<'T, 'D>.Sqrt x
        static member Sin x = Number<'T, 'D>.Sin x
        static member Cos x = Number<'T, 'D>.Cos x
        static member Tan x = Number<'T, 'D>.Tan x
        static member Asin x = Number<'T, 'D>.Asin x
        static member Acos x = Number<'T, 'D>.Acos x
        static member Atan x = Number<'T, 'D>.Atan x
        static member Sinh x = Number<'T, 'D>.Sinh x
        static member Cosh x = Number<'T, 'D>.Cosh x
        static member Tanh x = Number<'T, 'D>.Tanh x
        static member Exp2 x = Number<'T, 'D>.Map(Partials<'T>.Exp2 x.Value, x)
        static member Exp10 x = Number<'T, 'D>.Map(Partials<'T>.Exp10 x.Value, x)
        static member ExpM1 x = Number<'T, 'D>.Map(Partials<'T>.ExpM1 x.Value, x)
        static member Exp2M1 x = Number<'T, 'D>.Map(Partials<'T>.Exp2M1 x.Value, x)
        static member Exp10M1 x = Number<'T, 'D>.Map(Partials<'T>.Exp10M1 x.Value, x)
        static member Log2 x = Number<'T, 'D>.Map(Partials<'T>.Log2 x.Value, x)
        static member LogP1 x = Number<'T, 'D>.Map(Partials<'T>.LogP1 x.Value, x)
        static member Log2P1 x = Number<'T, 'D>.Map(Partials<'T>.Log2P1 x.Value, x)
        static member Log10P1 x = Number<'T, 'D>.Map(Partials<'T>.Log10P1 x.Value, x)
        static member Cbrt x = Number<'T, 'D>.Map(Partials<'T>.Cbrt x.Value, x)
        static member SinPi x = Number<'T, 'D>.Map(Partials<'T>.SinPi x.Value, x)
        static member CosPi x = Number<'T, 'D>.Map(Partials<'T>.CosPi x.Value, x)
        static member TanPi x = Number<'T, 'D>.Map(Partials<'T>.TanPi x.Value, x)
        static member AsinPi x = Number<'T, 'D>.Map(Partials<'T>.AsinPi x.Value, x)
        static member AcosPi x = Number<'T, 'D>.Map(Partials<'T>.AcosPi x.Value, x)
        static member AtanPi x = Number<'T, 'D>.Map(Partials<'T>.AtanPi x.Value, x)
        static member Asinh x = Number<'T, 'D>.Map(Partials<'T>.Asinh x.Value, x)
        static member Acosh x = Number<'T, 'D>.Map(Partials<'T>.Acosh x.Value, x)
        static member Atanh x = Number<'T, 'D>.Map(Partials<'T>.Atanh x.Value, x)
        static member SinCos x = struct (Number<'T, 'D>.Sin x, Number<'T, 'D>.Cos x)

        static member SinCosPi x =
            struct (Number<'T, 'D>.Map(Partials<'T>.SinPi x.Value, x),
                    Number<'T, 'D>.Map(Partials<'T>.CosPi x.Value, x))

        static member Log(x: Number<'T, 'D>, newBase: Number<'T, 'D>) : Number<'T, 'D> =
            Number<'T, 'D>.Map(Partials<'T>.LogBase(x.Value, newBase.Value), x, newBase)

        static member Pow(x: Number<'T, 'D>, y: Number<'T, 'D>) : Number<'T, 'D> = Number<'T, 'D>.Pow(x, y)
        static member RootN(x, n) = Number<'T, 'D>.Map(Partials<'T>.RootN(x.Value, n), x)
        static member ScaleB(x, n) = Number<'T, 'D>.Map(Partials<'T>.ScaleB(x.Value, n), x)
        static member Hypot(a, b) = Number<'T, 'D>.Map(Partials<'T>.Hypot(a.Value, b.Value), a, b)
        static member Atan2(y, x) = Number<'T, 'D>.Atan2(y, x)
        static member Atan2Pi(y, x) = Number<'T, 'D>.Map(Partials<'T>.Atan2Pi(y.Value, x.Value), y, x)

        static member Ieee754Remainder(a, b) =
            Number<'T, 'D>.Map(Partials<'T>.IeeeRemainder(a.Value, b.Value), a, b)

        static member FusedMultiplyAdd(a, b, c) =
            let y = 'T.FusedMultiplyAdd(a.Value, b.Value, c.Value)
            let product = Number<'T, 'D>.Join(y, b.Value, a, a.Value, b)
            let pass = Number<'T, 'D>.Common(product.Pass, c.Pass)
            Number<'T, 'D>(y, pass, 'D.Sum(pass, product.Derivative, c.Derivative))

        static member BitIncrement x = Number<'T, 'D>('T.BitIncrement x.Value, x.Pass, x.Derivative)
        static member BitDecrement x = Number<'T, 'D>('T.BitDecrement x.Value, x.Pass, x.Derivative)
        static member Max(a, b) = Number<'T, 'D>.Max(a, b)
        static member Min(a, b) = Number<'T, 'D>.Min(a, b)

        static member MaxNumber(a, b) =
            Number<'T, 'D>.Map(Partials<'T>.Select('T.MaxNumber(a.Value, b.Value), a.Value, b.Value), a, b)

        static member MinNumber(a, b) =
            Number<'T, 'D>.Map(Partials<'T>.Select('T.MinNumber(a.Value, b.Value), a.Value, b.Value), a, b)

        static member MaxMagnitude(a, b) =
            Number<'T, 'D>.Map(Partials<'T>.Select('T.MaxMagnitude(a.Value, b.Value), a.Value, b.Value), a, b)

        static member MinMagnitude(a, b) =
            Number<'T, 'D>.Map(Partials<'T>.Select('T.MinMagnitude(a.Value, b.Value), a.Value, b.Value), a, b)

        static member MaxMagnitudeNumber(a, b) =
            Number<'T, 'D>
                .Map(Partials<'T>.Select('T.MaxMagnitudeNumber(a.Value, b.Value), a.Value, b.Value), a, b)

        static member MinMagnitudeNumber(a, b) =
            Number<'T, 'D>
                .Map(Partials<'T>.Select('T.MinMagnitudeNumber(a.Value, b.Value), a.Value, b.Value), a, b)

        static member Floor x = Number<'T, 'D>.Floor x
        static member Ceiling x = Number<'T, 'D>.Ceiling x
        static member Truncate x = Number<'T, 'D>.Truncate x
        static member Round(x: Number<'T, 'D>) : Number<'T, 'D> = Number<'T, 'D>.Round x

        static member Round(x: Number<'T, 'D>, digits: int, mode: MidpointRounding) : Number<'T, 'D> =
            Number<'T, 'D>('T.Round(x.Value, digits, mode))

        member x.CompareTo(y: Number<'T, 'D>) = x.CompareTo y

        member x.CompareTo(other: obj | null) =
            match other with
            | null -> 1
            | :? Number<'T, 'D> as y -> x.CompareTo y
            | other ->
                invalidArg
                    (nameof other)
                    $"A {typeof<Number<'T, 'D>>} does not compare with a {other.GetType()}."

        member x.Equals(y: Number<'T, 'D>) = x.Equals y

        member x.ToString(format: string | null, provider: IFormatProvider | null) =
            x.ToString(format, provider)

        member x.TryFormat
            (
                destination: Span<char>,
                written: byref<int>,
                format: ReadOnlySpan<char>,
                provider: IFormatProvider | null
            ) =
            let text = x.ToString(String format, provider)
            let fits = text.AsSpan().TryCopyTo destination
            written <- if fits then text.Length else 0
            fits

        member x.GetExponentByteCount() = x.Value.GetExponentByteCount()
        member x.GetExponentShortestBitLength() = x.Value.GetExponentShortestBitLength()
        member x.GetSignificandBitLength() = x.Value.GetSignificandBitLength()
        member x.GetSignificandByteCount() = x.Value.GetSignificandByteCount()

        member x.TryWriteExponentBigEndian(destination, written) =
            x.Value.TryWriteExponentBigEndian(destination, &written)

        member x.TryWriteExponentLittleEndian(destination, written) =
            x.Value.TryWriteExponentLittleEndian(destination, &written)

        member x.TryWriteSignificandBigEndian(destination, written) =
            x.Value.TryWriteSignificandBigEndian(destination, &written)

        member x.TryWriteSignificandLittleEndian(destination, written) =
            x.Value.TryWriteSignificandLittleEndian(destination, &written)

        static member Parse(text: string, provider: IFormatProvider | null) : Number<'T, 'D> =
            Number<'T, 'D>('T.Parse(text, provider))

        static member Parse(text: ReadOnlySpan<char>, provider: IFormatProvider | null) : Number<'T, 'D> =
            Number<'T, 'D>('T.Parse(text, provider))

        static member Parse(text: ReadOnlySpan<byte>, provider: IFormatProvider | null) : Number<'T, 'D> =
            Number<'T, 'D>('T.Parse(text, provider))

        static member Parse
            (text: string, style: NumberStyles, provider: IFormatProvider | null)
            : Number<'T, 'D> =
            Number<'T, 'D>('T.Parse(text, style, provider))

        static member Parse
            (text: ReadOnlySpan<char>, style: NumberStyles, provider: IFormatProvider | null)
            : Number<'T, 'D> =
            Number<'T, 'D>('T.Parse(text, style, provider))

        static member TryParse
            (text: string | null, provider: IFormatProvider | null, result: byref<Number<'T, 'D>>)
            : bool =
            let mutable value = 'T.Zero
            let parsed = 'T.TryParse(text, provider, &value)
            result <- Number<'T, 'D> value
            parsed

        static member TryParse
            (text: ReadOnlySpan<char>, provider: IFormatProvider | null, result: byref<Number<'T, 'D>>)
            : bool =
            let mutable value = 'T.Zero
            let parsed = 'T.TryParse(text, provider, &value)
            result <- Number<'T, 'D> value
            parsed

        static member TryParse
            (text: ReadOnlySpan<byte>, provider: IFormatProvider | null, result: byref<Number<'T, 'D>>)
            : bool =
            let mutable value = 'T.Zero
            let parsed = 'T.TryParse(text, provider, &value)
            result <- Number<'T, 'D> value
            parsed

        static member TryParse
            (
                text: string | null,
                style: NumberStyles,
                provider: IFormatProvider | null,
                result: byref<Number<'T, 'D>>
            ) : bool =
            let mutable value = 'T.Zero
            let parsed = 'T.TryParse(text, style, provider, &value)
            result <- Number<'T, 'D> value
            parsed

        static member TryParse
            (
                text: ReadOnlySpan<char>,
                style: NumberStyles,
                provider: IFormatProvider | null,
                result: byref<Number<'T, 'D>>
            ) : bool =
            let mutable value = 'T.Zero
            let parsed = 'T.TryParse(text, style, provider, &value)
            result <- Number<'T, 'D> value
            parsed

        static member TryConvertFromChecked(value: 'Other, result: byref<Number<'T, 'D>>) : bool =
            try
                result <- Number<'T, 'D>('T.CreateChecked value)
                true
            with :? NotSupportedException ->
                result <- Number<'T, 'D>.Zero
                false

        static member TryConvertToChecked(x: Number<'T, 'D>, result: byref<'Other>) : bool =
            try
                result <- 'Other.CreateChecked x.Value
                true
            with :? NotSupportedException ->
                result <- 'Other.Zero
                false

        static member TryConvertFromSaturating(value: 'Other, result: byref<Number<'T, 'D>>) : bool =
            try
                result <- Number<'T, 'D>('T.CreateSaturating value)
                true
            with :? NotSupportedException ->
                result <- Number<'T, 'D>.Zero
                false

        static member TryConvertToSaturating(x: Number<'T, 'D>, result: byref<'Other>) : bool =
            try
                result <- 'Other.CreateSaturating x.Value
                true
            with :? NotSupportedException ->
                result <- 'Other.Zero
                false

        static member TryConvertFromTruncating(value: 'Other, result: byref<Number<'T, 'D>>) : bool =
            try
                result <- Number<'T, 'D>('T.CreateTruncating value)
                true
            with :? NotSupportedException ->
                result <- Number<'T, 'D>.Zero
                false

        static member TryConvertToTruncating(x: Number<'T, 'D>, result: byref<'Other>) : bool =
            try
                result <- 'Other.CreateTruncating x.Value
                true
            with :? NotSupportedException ->
                result <- 'Other.Zero
                false
