namespace Ad.Checks

open System
open System.Numerics
open Ad.Tensors

/// The number m 2^e: what floats are, and their sums and products.
[<Struct>]
type internal Dyadic =
    { Mantissa: BigInteger
      Exponent: int }

    static member OfFloat(x: float) : Dyadic =
        let bits = BitConverter.DoubleToInt64Bits x
        let exponent = int ((bits >>> 52) &&& 0x7FFL)
        let fraction = bits &&& 0xFFFFFFFFFFFFFL

        let mantissa =
            if exponent = 0 then
                fraction
            else
                fraction ||| 0x10000000000000L

        { Mantissa = BigInteger(if bits < 0L then -mantissa else mantissa)
          Exponent = max exponent 1 - 1075 }

    static member Sum(a: Dyadic, b: Dyadic) : Dyadic =
        let e = min a.Exponent b.Exponent

        { Mantissa = (a.Mantissa <<< (a.Exponent - e)) + (b.Mantissa <<< (b.Exponent - e))
          Exponent = e }

    static member Product(a: Dyadic, b: Dyadic) : Dyadic =
        { Mantissa = a.Mantissa * b.Mantissa
          Exponent = a.Exponent + b.Exponent }

    static member Negative(a: Dyadic) : Dyadic = { a with Mantissa = -a.Mantissa }

    /// The nearest float, or nearly.
    member a.ToFloat() =
        let size = int (a.Mantissa.GetBitLength())
        let cut = max 0 (size - 64)
        Math.ScaleB(float (a.Mantissa >>> cut), a.Exponent + cut)

/// <summary>A number m 2^e with its derivative along a direction, both exact, and how far the same work in float64 may take either.</summary>
[<Struct>]
type internal Exact =
    { Value: Dyadic
      Tangent: Dyadic
      Error: float
      TangentError: float }

/// <summary>Exact numbers with exact derivatives and a running bound of what float64's rounding does (Wilkinson 1963): for the polynomial part of graphs.</summary>
[<Sealed>]
type internal ExactNumbers() =
    inherit Arithmetic<Exact>()
    let unit = Math.ScaleB(1.0, -52)
    let size (a: Dyadic) = abs (a.ToFloat())

    /// A number with a derivative; what is not finite has no exact value, and any error.
    member _.Of(value: float, tangent: float) : Exact =
        let exact x =
            if Double.IsFinite x then
                Dyadic.OfFloat x, 0.0
            else
                Dyadic.OfFloat 0.0, infinity

        let value, error = exact value
        let tangent, tangentError = exact tangent

        { Value = value
          Tangent = tangent
          Error = error
          TangentError = error + tangentError }

    override this.OfFloat x = this.Of(x, 0.0)

    override _.Add(a, b) =
        let value, tangent = Dyadic.Sum(a.Value, b.Value), Dyadic.Sum(a.Tangent, b.Tangent)

        { Value = value
          Tangent = tangent
          // What is added in another order meets other sums: the sizes of both bound them.
          Error = a.Error + b.Error + unit * (size a.Value + size b.Value)
          TangentError = a.TangentError + b.TangentError + unit * (size a.Tangent + size b.Tangent) }

    override _.Multiply(a, b) =
        let sizeA, sizeB = size a.Value + a.Error, size b.Value + b.Error
        let tangentA, tangentB = size a.Tangent + a.TangentError, size b.Tangent + b.TangentError

        { Value = Dyadic.Product(a.Value, b.Value)
          Tangent = Dyadic.Sum(Dyadic.Product(a.Tangent, b.Value), Dyadic.Product(a.Value, b.Tangent))
          Error = a.Error * sizeB + b.Error * sizeA + unit * sizeA * sizeB
          TangentError =
            a.TangentError * sizeB
            + b.Error * tangentA
            + b.TangentError * sizeA
            + a.Error * tangentB
            + 2.0 * unit * (tangentA * sizeB + sizeA * tangentB) }

    override this.Apply(f, x) =
        let a = x[0]

        let negative (a: Exact) =
            { a with
                Value = Dyadic.Negative a.Value
                Tangent = Dyadic.Negative a.Tangent }

        let above (a: Exact) (b: Exact) = Dyadic.Sum(a.Value, Dyadic.Negative b.Value).Mantissa.Sign

        match f with
        | Pointwise.Negate -> Some(negative a)
        | Pointwise.Abs when a.Value.Mantissa.Sign <> 0 ->
            Some(if a.Value.Mantissa.Sign < 0 then negative a else a)
        | Pointwise.Add -> Some(this.Add(a, x[1]))
        | Pointwise.Subtract -> Some(this.Add(a, negative x[1]))
        | Pointwise.Multiply
        | Pointwise.Scale -> Some(this.Multiply(a, x[1]))
        | Pointwise.MultiplyAdd -> Some(this.Add(this.Multiply(a, x[1]), x[2]))
        | Pointwise.Maximum when above a x[1] <> 0 -> Some(if above a x[1] > 0 then a else x[1])
        | Pointwise.Minimum when above a x[1] <> 0 -> Some(if above a x[1] > 0 then x[1] else a)
        | Pointwise.Abs
        | Pointwise.Maximum
        | Pointwise.Minimum
        | Pointwise.Sign
        | Pointwise.Exp
        | Pointwise.Expm1
        | Pointwise.Log
        | Pointwise.Log1p
        | Pointwise.Sqrt
        | Pointwise.Rsqrt
        | Pointwise.Sin
        | Pointwise.Cos
        | Pointwise.Tan
        | Pointwise.Asin
        | Pointwise.Acos
        | Pointwise.Atan
        | Pointwise.Sinh
        | Pointwise.Cosh
        | Pointwise.Tanh
        | Pointwise.Asinh
        | Pointwise.Acosh
        | Pointwise.Atanh
        | Pointwise.Sigmoid
        | Pointwise.Erf
        | Pointwise.Erfc
        | Pointwise.Erfinv
        | Pointwise.Erfcinv
        | Pointwise.Lgamma
        | Pointwise.Digamma
        | Pointwise.Floor
        | Pointwise.Ceil
        | Pointwise.Round
        | Pointwise.Divide
        | Pointwise.Remainder
        | Pointwise.Power
        | Pointwise.Atan2
        | Pointwise.Polygamma
        | Pointwise.Erfcx
        | Pointwise.BesselI
        | Pointwise.BesselIe
        | Pointwise.BesselJ
        | Pointwise.Select
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> None
