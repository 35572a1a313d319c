namespace Ad.Tensors.Cpu;

/// <summary>A function of one number.</summary>
internal interface IFunction
{
    static abstract double Of(double x);
}

/// <summary>A function of two numbers.</summary>
internal interface IFunction2
{
    static abstract double Of(double x, double y);
}

/// <summary>The elementwise functions of doubles, one type each so that loops over them are compiled for them.</summary>
internal static class Functions
{
    public readonly struct Exp : IFunction
    {
        public static double Of(double x) => Math.Exp(x);
    }

    /// <summary>tanh(x/2) (e^x + 1): no cancellation near 0.</summary>
    public readonly struct Expm1 : IFunction
    {
        public static double Of(double x) => x > 40 ? Math.Exp(x) : Math.Tanh(x / 2) * (Math.Exp(x) + 1);
    }

    public readonly struct Log : IFunction
    {
        public static double Of(double x) => Math.Log(x);
    }

    /// <summary>log u of the rounded u = 1 + x, put right by what the rounding left out.</summary>
    public readonly struct Log1p : IFunction
    {
        public static double Of(double x)
        {
            var u = 1 + x;
            return u == 1 ? x : u <= 0 || double.IsPositiveInfinity(u) ? Math.Log(u) : Math.Log(u) - (((u - 1) - x) / u);
        }
    }

    public readonly struct Sin : IFunction
    {
        public static double Of(double x) => Math.Sin(x);
    }

    public readonly struct Cos : IFunction
    {
        public static double Of(double x) => Math.Cos(x);
    }

    public readonly struct Tan : IFunction
    {
        public static double Of(double x) => Math.Tan(x);
    }

    public readonly struct Asin : IFunction
    {
        public static double Of(double x) => Math.Asin(x);
    }

    public readonly struct Acos : IFunction
    {
        public static double Of(double x) => Math.Acos(x);
    }

    public readonly struct Atan : IFunction
    {
        public static double Of(double x) => Math.Atan(x);
    }

    public readonly struct Sinh : IFunction
    {
        public static double Of(double x) => Math.Sinh(x);
    }

    public readonly struct Cosh : IFunction
    {
        public static double Of(double x) => Math.Cosh(x);
    }

    public readonly struct Tanh : IFunction
    {
        public static double Of(double x) => Math.Tanh(x);
    }

    public readonly struct Asinh : IFunction
    {
        public static double Of(double x) => Math.Asinh(x);
    }

    public readonly struct Acosh : IFunction
    {
        public static double Of(double x) => Math.Acosh(x);
    }

    public readonly struct Atanh : IFunction
    {
        public static double Of(double x) => Math.Atanh(x);
    }

    /// <summary>Always through the exponential of a number that is not positive, which cannot overflow.</summary>
    public readonly struct Sigmoid : IFunction
    {
        public static double Of(double x)
        {
            var e = Math.Exp(-Math.Abs(x));
            return (x >= 0 ? 1 : e) / (1 + e);
        }
    }

    public readonly struct Erf : IFunction
    {
        public static double Of(double x) => SpecialFunctions.Erf(x);
    }

    public readonly struct Erfc : IFunction
    {
        public static double Of(double x) => SpecialFunctions.Erfc(x);
    }

    public readonly struct Erfinv : IFunction
    {
        public static double Of(double x) => SpecialFunctions.Erfinv(x);
    }

    public readonly struct Erfcinv : IFunction
    {
        public static double Of(double x) => SpecialFunctions.Erfcinv(x);
    }

    public readonly struct Lgamma : IFunction
    {
        public static double Of(double x) => SpecialFunctions.Lgamma(x);
    }

    public readonly struct Digamma : IFunction
    {
        public static double Of(double x) => SpecialFunctions.Digamma(x);
    }

    public readonly struct Power : IFunction2
    {
        public static double Of(double x, double y) => Math.Pow(x, y);
    }

    public readonly struct Atan2 : IFunction2
    {
        public static double Of(double x, double y) => Math.Atan2(x, y);
    }

    public readonly struct Polygamma : IFunction2
    {
        public static double Of(double x, double y) => SpecialFunctions.Polygamma(x, y);
    }

    public readonly struct Erfcx : IFunction2
    {
        public static double Of(double x, double y) => SpecialFunctions.Erfcx(x, y);
    }

    public readonly struct BesselI : IFunction2
    {
        public static double Of(double x, double y) => SpecialFunctions.BesselI(x, y);
    }

    public readonly struct BesselIe : IFunction2
    {
        public static double Of(double x, double y) => SpecialFunctions.BesselIe(x, y);
    }

    public readonly struct BesselJ : IFunction2
    {
        public static double Of(double x, double y) => SpecialFunctions.BesselJ(x, y);
    }
}
