using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Ad.Tensors.Cpu.VectorMath;
using V = System.Runtime.Intrinsics.Vector512<double>;

namespace Ad.Tensors.Cpu;

/// <summary>A function of eight numbers at once: each result depends on its own argument alone.</summary>
internal interface IVectorFunction
{
    static abstract V Of(V x);

    /// <summary>The function of float32 numbers, wrong by at most 2^-30 of itself: what rounding it to float32 can tell, and no more.</summary>
    static abstract V ForSingle(V x);

    /// <summary>Whether <see cref="Singles"/> is there.</summary>
    static virtual bool HasSingles => false;

    /// <summary>The function of float32 numbers as they are, within 2 ulp of the value.</summary>
    static virtual Vector512<float> Singles(Vector512<float> x) => throw new NotSupportedException();
}

/// <summary>The elementwise functions that are worth computing eight at a time, within about two units in the last place.</summary>
internal static class VectorFunctions
{
    private static readonly Type?[] Types = [.. Enum.GetValues<Pointwise>().Select(Named)];

    /// <summary>The type here (or in <see cref="VectorTrigonometry"/>) with the function's name, if the machine can do it.</summary>
    public static Type? Find(Pointwise function) => Types[(int)function];

    private static Type? Named(Pointwise function) =>
        !IsSupported ? null : typeof(VectorFunctions).GetNestedType(function.ToString()) ?? typeof(VectorTrigonometry).GetNestedType(function.ToString());

    /// <summary>Whether the machine has fused multiply-add, which the polynomials and reductions need.</summary>
    public static bool IsSupported => System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported;

    /// <summary>|x|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Magnitude(V x) => Vector512.Abs(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V WithSignOf(V magnitude, V x) =>
        Vector512.ConditionalSelect(Vector512.Create(-0.0), x, magnitude);

    public readonly struct Exp : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => VectorMath.Exp(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => VectorMath.ExpSingle(x);

        public static bool HasSingles => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Singles(Vector512<float> x) => VectorSingles.Exp(x);
    }

    public readonly struct Expm1 : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => VectorMath.Expm1(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => VectorMath.Expm1Single(x);
    }

    public readonly struct Log : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => VectorMath.Log(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => VectorMath.LogSingle(x);
    }

    public readonly struct Log1p : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => VectorMath.Log1p(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    /// <summary>-t / (t + 2) with t = e^(-2|x|) - 1.</summary>
    public readonly struct Tanh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var t = VectorMath.Expm1(Magnitude(x) * -2.0);
            return WithSignOf(-t / (t + Vector512.Create(2.0)), x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x)
        {
            var t = VectorMath.Expm1Single(Magnitude(x) * -2.0);
            return WithSignOf(-t / (t + Vector512.Create(2.0)), x);
        }

        public static bool HasSingles => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Singles(Vector512<float> x) => VectorSingles.Tanh(x);
    }

    /// <summary>Always through the exponential of a number that is not positive, which cannot overflow.</summary>
    public readonly struct Sigmoid : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var e = VectorMath.Exp(-Magnitude(x));
            return Vector512.ConditionalSelect(Vector512.LessThan(x, V.Zero), e, V.One) / (V.One + e);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x)
        {
            var e = VectorMath.ExpSingle(-Magnitude(x));
            return Vector512.ConditionalSelect(Vector512.LessThan(x, V.Zero), e, V.One) / (V.One + e);
        }

        public static bool HasSingles => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Singles(Vector512<float> x) => VectorSingles.Sigmoid(x);
    }

    /// <summary>(t + t / (t + 1)) / 2 with t = e^|x| - 1; far out half the square of e^(|x|/2), which overflows no sooner than the result.</summary>
    public readonly struct Sinh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var a = Magnitude(x);
            var far = Vector512.GreaterThan(a, Vector512.Create(80.0));
            var t = VectorMath.Expm1(Vector512.ConditionalSelect(far, a * 0.5, a));
            var near = (t + (t / (t + V.One))) * 0.5;
            return WithSignOf(Vector512.ConditionalSelect(far, t * 0.5 * t, near), x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    /// <summary>(e + 1 / e) / 2 with e = e^|x|; far out as sinh.</summary>
    public readonly struct Cosh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var a = Magnitude(x);
            var far = Vector512.GreaterThan(a, Vector512.Create(80.0));
            var e = VectorMath.Exp(Vector512.ConditionalSelect(far, a * 0.5, a));
            return Vector512.ConditionalSelect(far, e * 0.5 * e, (e + (V.One / e)) * 0.5);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    /// <summary>log1p(a + a^2 / (1 + sqrt(a^2 + 1))) with a = |x|; far out log a + log 2.</summary>
    public readonly struct Asinh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var a = Magnitude(x);
            var far = Vector512.GreaterThan(a, Vector512.Create(1e9));
            var square = a * a;
            var near = VectorMath.Log1p(a + (square / (V.One + Vector512.Sqrt(square + V.One))));
            var result = Vector512.ConditionalSelect(far, VectorMath.Log(a) + Vector512.Create(0.6931471805599453), near);
            return WithSignOf(result, x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    /// <summary>log1p(t + sqrt(2 t + t^2)) with t = x - 1; far out log x + log 2.</summary>
    public readonly struct Acosh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var far = Vector512.GreaterThan(x, Vector512.Create(1e9));
            var t = x - V.One;
            var near = VectorMath.Log1p(t + Vector512.Sqrt(Fma(t, t, t + t)));
            var result = Vector512.ConditionalSelect(far, VectorMath.Log(x) + Vector512.Create(0.6931471805599453), near);
            return Vector512.ConditionalSelect(Vector512.LessThan(x, V.One), Vector512.Create(double.NaN), result);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    /// <summary>log1p(2 a / (1 - a)) / 2 with a = |x|.</summary>
    public readonly struct Atanh : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var a = Magnitude(x);
            return WithSignOf(VectorMath.Log1p((a + a) / (V.One - a)) * 0.5, x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    /// <summary>A polynomial in x^2 up to 1, then 1 less e^(-x^2) times a polynomial (see <see cref="SpecialFunctions.Erf"/>).</summary>
    public readonly struct Erf : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var a = Magnitude(x);
            var square = a * a;
            var near = Polynomial(SpecialFunctions.ErfNear, square) * a;
            var place = Vector512.Min(a, Vector512.Create(6.0));
            var u = (place - Vector512.Create(2.0)) / (place + Vector512.Create(2.0));
            var far = V.One - (VectorMath.Exp(-(place * place)) * Polynomial(SpecialFunctions.ErfFar, u));
            return WithSignOf(Vector512.ConditionalSelect(Vector512.LessThan(a, V.One), near, far), x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static V Polynomial(ReadOnlySpan<double> coefficients, V x)
        {
            var p = Vector512.Create(coefficients[^1]);
            for (var i = coefficients.Length - 2; i >= 0; i--)
            {
                p = Fma(p, x, coefficients[i]);
            }

            return p;
        }
    }
}
