namespace Ad.Tensors;

/// <summary>The elementwise functions. All operands have one shape; see <see cref="PointwiseFacts"/> for their types.</summary>
public enum Pointwise
{
    /// <summary>-x.</summary>
    Negate,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>-1, 0 or 1; NaN of NaN; the zero itself of a zero.</summary>
    Sign,

    /// <summary>e^x.</summary>
    Exp,

    /// <summary>e^x - 1, exact to rounding near 0.</summary>
    Expm1,

    /// <summary>The natural logarithm: -infinity at 0, NaN below.</summary>
    Log,

    /// <summary>log(1 + x), exact to rounding near 0.</summary>
    Log1p,

    /// <summary>The square root; NaN below 0.</summary>
    Sqrt,

    /// <summary>1 / sqrt(x): infinity at 0.</summary>
    Rsqrt,

    /// <summary>The sine of radians.</summary>
    Sin,

    /// <summary>The cosine of radians.</summary>
    Cos,

    /// <summary>The tangent of radians.</summary>
    Tan,

    /// <summary>The inverse sine; NaN outside [-1, 1].</summary>
    Asin,

    /// <summary>The inverse cosine; NaN outside [-1, 1].</summary>
    Acos,

    /// <summary>The inverse tangent.</summary>
    Atan,

    /// <summary>The hyperbolic sine.</summary>
    Sinh,

    /// <summary>The hyperbolic cosine.</summary>
    Cosh,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>The inverse hyperbolic sine.</summary>
    Asinh,

    /// <summary>The inverse hyperbolic cosine; NaN below 1.</summary>
    Acosh,

    /// <summary>The inverse hyperbolic tangent; NaN outside [-1, 1].</summary>
    Atanh,

    /// <summary>1 / (1 + e^-x), without overflow.</summary>
    Sigmoid,

    /// <summary>The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.</summary>
    Erf,

    /// <summary>1 - erf x, which keeps its digits where that is small.</summary>
    Erfc,

    /// <summary>The inverse of erf on [-1, 1]; infinite at its ends, NaN outside.</summary>
    Erfinv,

    /// <summary>The inverse of erfc on [0, 2]; infinite at its ends, NaN outside.</summary>
    Erfcinv,

    /// <summary>log |Gamma(x)|: infinity at 0 and the negative integers.</summary>
    Lgamma,

    /// <summary>The derivative of lgamma; NaN at 0 and the negative integers.</summary>
    Digamma,

    /// <summary>The greatest integer not above x.</summary>
    Floor,

    /// <summary>The least integer not below x.</summary>
    Ceil,

    /// <summary>The nearest integer, ties to even.</summary>
    Round,

    /// <summary>Logical negation.</summary>
    Not,

    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Subtract,

    /// <summary>a b.</summary>
    Multiply,

    /// <summary>a / b; integers truncate toward zero, and dividing one by 0 is an error.</summary>
    Divide,

    /// <summary>a - b trunc(a / b), with the sign of a; an integer divided by 0 is an error.</summary>
    Remainder,

    /// <summary>a^b; 0^0 is 1; NaN for negative a and a fractional b.</summary>
    Power,

    /// <summary>The angle of the point (b, a) in (-pi, pi].</summary>
    Atan2,

    /// <summary>The larger; NaN if either is.</summary>
    Maximum,

    /// <summary>The smaller; NaN if either is.</summary>
    Minimum,

    /// <summary>a b, but exactly 0 wherever a or b is 0, even if the other is infinite or NaN: the product of derivatives.</summary>
    Scale,

    /// <summary>The a-th derivative of digamma at b, for whole a >= 0 and b > 0.</summary>
    Polygamma,

    /// <summary>e^(b^2) times the a-th repeated integral of erfc from b to infinity, for whole a from 0 to 100; else NaN. Order 0 is e^(b^2) erfc b.</summary>
    Erfcx,

    /// <summary>The modified Bessel function I of whole order a, of b; NaN for orders that are not whole or beyond 1000.</summary>
    BesselI,

    /// <summary>e^-|b| times I of whole order a, of b.</summary>
    BesselIe,

    /// <summary>The Bessel function J of whole order a, of b; NaN for orders that are not whole or beyond 1000.</summary>
    BesselJ,

    /// <summary>a = b; false if either is NaN.</summary>
    Equal,

    /// <summary>Not a = b; true if either is NaN.</summary>
    NotEqual,

    /// <summary>a below b; false if either is NaN.</summary>
    Less,

    /// <summary>a below or equal to b; false if either is NaN.</summary>
    LessEqual,

    /// <summary>Both.</summary>
    And,

    /// <summary>At least one.</summary>
    Or,

    /// <summary>Exactly one.</summary>
    Xor,

    /// <summary>b where the Bool a is true, else c; the element not taken never shows.</summary>
    Select,

    /// <summary>a b + c with one rounding.</summary>
    MultiplyAdd,
}

/// <summary>What elementwise functions take and give.</summary>
public enum PointwiseTypes
{
    /// <summary>Floats to the same float type.</summary>
    Floats,

    /// <summary>Floats or integers to the same type.</summary>
    Numbers,

    /// <summary>Any one type to Bool.</summary>
    Test,

    /// <summary>Bool to Bool.</summary>
    Logic,

    /// <summary>A Bool and two of one type to that type.</summary>
    Choice,
}

/// <summary>Facts about elementwise functions.</summary>
public static class PointwiseFacts
{
    /// <summary>How many operands the function takes.</summary>
    public static int Arity(this Pointwise function) => function switch
    {
        <= Pointwise.Not => 1,
        <= Pointwise.Xor => 2,
        _ => 3,
    };

    /// <summary>The types the function takes and gives.</summary>
    public static PointwiseTypes Types(this Pointwise function) => function switch
    {
        Pointwise.Negate or Pointwise.Abs or Pointwise.Sign => PointwiseTypes.Numbers,
        Pointwise.Not => PointwiseTypes.Logic,
        <= Pointwise.Round => PointwiseTypes.Floats,
        Pointwise.Add or Pointwise.Subtract or Pointwise.Multiply or Pointwise.Divide or Pointwise.Remainder
            or Pointwise.Maximum or Pointwise.Minimum or Pointwise.MultiplyAdd => PointwiseTypes.Numbers,
        Pointwise.Power or Pointwise.Atan2 or Pointwise.Scale or Pointwise.Polygamma
            or Pointwise.Erfcx or Pointwise.BesselI or Pointwise.BesselIe or Pointwise.BesselJ => PointwiseTypes.Floats,
        Pointwise.Equal or Pointwise.NotEqual or Pointwise.Less or Pointwise.LessEqual => PointwiseTypes.Test,
        Pointwise.And or Pointwise.Or or Pointwise.Xor => PointwiseTypes.Logic,
        _ => PointwiseTypes.Choice,
    };

    /// <summary>Whether it takes about one instruction, so that it costs less to compute again than to keep.</summary>
    internal static bool IsCheap(this Pointwise function) => function switch
    {
        Pointwise.Negate or Pointwise.Abs or Pointwise.Not => true,
        Pointwise.Add or Pointwise.Subtract or Pointwise.Multiply or Pointwise.MultiplyAdd or Pointwise.Scale => true,
        Pointwise.Maximum or Pointwise.Minimum => true,
        Pointwise.Equal or Pointwise.NotEqual or Pointwise.Less or Pointwise.LessEqual => true,
        Pointwise.And or Pointwise.Or or Pointwise.Xor or Pointwise.Select => true,
        _ => false,
    };

    // An enum's own text is looked up anew at each call, and names are asked for at every operation.
    private static readonly string[] InText =
        [.. Enum.GetValues<Pointwise>().Select(function => Names.CamelCase(function.ToString()))];

    /// <summary>The function's name in program text and error messages, such as log1p or multiplyAdd.</summary>
    public static string Name(this Pointwise function) => InText[(int)function];
}

internal static class Names
{
    /// <summary>The name with its first letter in lower case.</summary>
    public static string CamelCase(string name) => char.ToLowerInvariant(name[0]) + name[1..];
}
