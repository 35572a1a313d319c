namespace Ad.Checks

open System
open System.Numerics
open Ad.Tensors

/// <summary>Complex numbers whose imaginary part is a small step: f(x + i h v) has the imaginary part h f'(x) v, without any difference taken
/// (Squire and Trapp 1998). What is not analytic goes by the real part; erf and the gamma family are not known.</summary>
[<Sealed>]
type internal ComplexNumbers() =
    inherit Arithmetic<Complex>()
    let one = Complex.One
    let real (x: float) = Complex(x, 0.0)
    override _.OfFloat x = real x
    override _.Add(a, b) = a + b
    override _.Multiply(a, b) = a * b

    override _.Apply(f, x) =
        let z = x[0]

        match f with
        | Pointwise.Negate -> Some -z
        | Pointwise.Abs -> Some(if z.Real < 0.0 then -z else z)
        | Pointwise.Sign -> Some(real (float (sign z.Real)))
        | Pointwise.Exp -> Some(Complex.Exp z)
        | Pointwise.Expm1 -> Some(2.0 * Complex.Sinh(z / 2.0) * Complex.Exp(z / 2.0))
        | Pointwise.Log -> Some(Complex.Log z)
        | Pointwise.Log1p -> Some(Complex.Log(one + z))
        | Pointwise.Sqrt -> Some(Complex.Sqrt z)
        | Pointwise.Rsqrt -> Some(one / Complex.Sqrt z)
        | Pointwise.Sin -> Some(Complex.Sin z)
        | Pointwise.Cos -> Some(Complex.Cos z)
        | Pointwise.Tan -> Some(Complex.Tan z)
        | Pointwise.Asin -> Some(Complex.Asin z)
        | Pointwise.Acos -> Some(Complex.Acos z)
        // .NET's own loses a small imaginary part.
        | Pointwise.Atan -> Some(Complex.Asin(z / Complex.Sqrt(one + z * z)))
        | Pointwise.Sinh -> Some(Complex.Sinh z)
        | Pointwise.Cosh -> Some(Complex.Cosh z)
        | Pointwise.Tanh -> Some(Complex.Tanh z)
        | Pointwise.Asinh -> Some(Complex.Log(z + Complex.Sqrt(one + z * z)))
        | Pointwise.Acosh -> Some(Complex.Log(z + Complex.Sqrt(z - one) * Complex.Sqrt(z + one)))
        | Pointwise.Atanh -> Some((Complex.Log(one + z) - Complex.Log(one - z)) / 2.0)
        | Pointwise.Sigmoid -> Some(one / (one + Complex.Exp -z))
        | Pointwise.Floor -> Some(real (floor z.Real))
        | Pointwise.Ceil -> Some(real (ceil z.Real))
        | Pointwise.Round -> Some(real (Math.Round z.Real))
        | Pointwise.Add -> Some(z + x[1])
        | Pointwise.Subtract -> Some(z - x[1])
        | Pointwise.Multiply
        | Pointwise.Scale -> Some(z * x[1])
        | Pointwise.Divide -> Some(z / x[1])
        | Pointwise.MultiplyAdd -> Some(z * x[1] + x[2])
        | Pointwise.Remainder -> Some(z - x[1] * Math.Truncate(z.Real / x[1].Real))
        | Pointwise.Power when z.Real > 0.0 -> Some(Complex.Exp(x[1] * Complex.Log z))
        | Pointwise.Maximum -> Some(if z.Real >= x[1].Real then z else x[1])
        | Pointwise.Minimum -> Some(if z.Real <= x[1].Real then z else x[1])
        | Pointwise.Power
        | Pointwise.Atan2
        | Pointwise.Erf
        | Pointwise.Lgamma
        | Pointwise.Digamma
        | Pointwise.Polygamma
        | Pointwise.Select
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> None

/// All numbers from one to another.
[<Struct>]
type internal Interval = { Low: float; High: float }

/// <summary>Intervals, rounded outward: the result of a function holds all its values on the arguments (Moore 1966).</summary>
[<Sealed>]
type internal Intervals() =
    inherit Arithmetic<Interval>()

    // The engine's functions and .NET's are right to a few units in the last place.
    let outward (low: float) (high: float) =
        let room x = 8.0 * Math.ScaleB(abs x, -52) + Double.Epsilon

        { Low = low - room low
          High = high + room high }

    let ends values = outward (Array.min values) (Array.max values)
    let rising f (a: Interval) = outward (f a.Low) (f a.High)

    // Between -1 and 1, reached where the argument passes a peak at offset + 2 pi k or a trough half way between.
    let wave (f: float -> float) offset (a: Interval) =
        let passes at = floor ((a.High - at) / (2.0 * Math.PI)) > floor ((a.Low - at) / (2.0 * Math.PI))
        let low, high = min (f a.Low) (f a.High), max (f a.Low) (f a.High)

        outward (if passes (offset + Math.PI) then -1.0 else low) (if passes offset then 1.0 else high)

    override _.OfFloat x = { Low = x; High = x }
    override _.Add(a, b) = outward (a.Low + b.Low) (a.High + b.High)
    override _.Multiply(a, b) = ends [| a.Low * b.Low; a.Low * b.High; a.High * b.Low; a.High * b.High |]

    override this.Apply(f, x) =
        let a = x[0]

        match f with
        | Pointwise.Negate -> Some { Low = -a.High; High = -a.Low }
        | Pointwise.Abs when a.Low >= 0.0 -> Some a
        | Pointwise.Abs when a.High <= 0.0 -> Some { Low = -a.High; High = -a.Low }
        | Pointwise.Sign when a.Low > 0.0 || a.High < 0.0 -> Some(this.OfFloat(float (sign a.Low)))
        | Pointwise.Exp -> Some(rising exp a)
        | Pointwise.Log when a.Low > 0.0 -> Some(rising log a)
        | Pointwise.Log1p when a.Low > -1.0 -> Some(rising (fun v -> log (1.0 + v)) a)
        | Pointwise.Sqrt when a.Low >= 0.0 -> Some(rising sqrt a)
        | Pointwise.Rsqrt when a.Low > 0.0 -> Some(outward (1.0 / sqrt a.High) (1.0 / sqrt a.Low))
        | Pointwise.Sin -> Some(wave sin (Math.PI / 2.0) a)
        | Pointwise.Cos -> Some(wave cos 0.0 a)
        | Pointwise.Atan -> Some(rising atan a)
        | Pointwise.Sinh -> Some(rising sinh a)
        | Pointwise.Tanh -> Some(rising tanh a)
        | Pointwise.Sigmoid -> Some(rising (fun v -> 1.0 / (1.0 + exp -v)) a)
        | Pointwise.Add -> Some(this.Add(a, x[1]))
        | Pointwise.Subtract -> Some(this.Add(a, { Low = -x[1].High; High = -x[1].Low }))
        | Pointwise.Multiply
        | Pointwise.Scale -> Some(this.Multiply(a, x[1]))
        | Pointwise.MultiplyAdd -> Some(this.Add(this.Multiply(a, x[1]), x[2]))
        | Pointwise.Divide when x[1].Low > 0.0 || x[1].High < 0.0 ->
            Some(this.Multiply(a, outward (1.0 / x[1].High) (1.0 / x[1].Low)))
        | Pointwise.Maximum ->
            Some
                { Low = max a.Low x[1].Low
                  High = max a.High x[1].High }
        | Pointwise.Minimum ->
            Some
                { Low = min a.Low x[1].Low
                  High = min a.High x[1].High }
        | Pointwise.Abs
        | Pointwise.Sign
        | Pointwise.Expm1
        | Pointwise.Log
        | Pointwise.Log1p
        | Pointwise.Sqrt
        | Pointwise.Rsqrt
        | Pointwise.Tan
        | Pointwise.Asin
        | Pointwise.Acos
        | Pointwise.Cosh
        | Pointwise.Asinh
        | Pointwise.Acosh
        | Pointwise.Atanh
        | Pointwise.Erf
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
        | Pointwise.Select
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> None

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
        | Pointwise.Select
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> None
