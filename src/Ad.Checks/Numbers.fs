namespace Ad.Checks

open System
open System.Numerics
open Ad.Tensors

/// <summary>Complex numbers whose imaginary part is a small step: f(x + i h v) has the imaginary part h f'(x) v, without any difference taken
/// (Squire and Trapp 1998). What is not analytic goes by the real part; erf, the gamma family and Bessel functions are not known.</summary>
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
        | Pointwise.Erfc
        | Pointwise.Erfinv
        | Pointwise.Erfcinv
        | Pointwise.Lgamma
        | Pointwise.Digamma
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
