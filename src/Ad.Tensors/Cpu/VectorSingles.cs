using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using S = System.Runtime.Intrinsics.Vector512<float>;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Functions of sixteen float32 numbers without a detour by double: the argument is reduced by Cody and Waite's method (1980) with fused
/// multiply-add, and polynomials are minimax ones (of the relative error, by Lawson's and Remez's iterations), as long as rounding to float32 can tell. An exponential is
/// wrong by at most 1.1 ulp, a sine, cosine, hyperbolic tangent or sigmoid by 2.
/// </summary>
internal static class VectorSingles
{
    // Adding it leaves a number rounded to an integer in the low bits.
    private const float Rounder = 12582912f;

    // Beyond it the reduction of an angle is left to double.
    private const float Farthest = 10_000f;

    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Exp(S x)
    {
        // A NaN stays one.
        x = Vector512.MinNative(Vector512.Create(89f), Vector512.MaxNative(Vector512.Create(-105f), x));
        var (p, n, shifted) = Expm1Less(x);
        return TimesPowerOf2(p + S.One, n, shifted);
    }

    /// <summary>1 / (1 + e^-x), through the exponential of a number that is not positive, which cannot overflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Sigmoid(S x)
    {
        var e = Exp(-Vector512.Abs(x));
        var top = Vector512.ConditionalSelect(Vector512.LessThan(x, S.Zero), e, S.One);
        var bottom = S.One + e;
        var lost = e - (bottom - S.One);
        var inverse = S.One / bottom;
        var quotient = top * inverse;
        return Fma(Fma(-quotient, lost, Fma(-quotient, bottom, top)), inverse, quotient);
    }

    /// <summary>tanh x = 1 - 2 s / (s + 1) with s = e^(-2|x|), which from |x| = 10 on is 1; near 0 Cephes' polynomial (Moshier 1992).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Tanh(S x)
    {
        var a = Vector512.MinNative(Vector512.Create(10f), Vector512.Abs(x));
        var (p, _, shifted) = Expm1Less(a * -2f);
        var power = PowerOf2(shifted.AsInt32() - Vector512.Create(Rounder).AsInt32());
        var s = Fma(power, p, power);
        var far = S.One - ((s + s) / (s + S.One));
        var z = x * x;
        var q = Fma(z, Vector512.Create(-5.70498872745e-3f), Vector512.Create(2.06390887954e-2f));
        q = Fma(q, z, Vector512.Create(-5.37397155531e-2f));
        q = Fma(q, z, Vector512.Create(1.33314422036e-1f));
        q = Fma(q, z, Vector512.Create(-3.33332819422e-1f));
        var near = Fma(q * z, x, x);
        return Vector512.ConditionalSelect(Vector512.Create(-0f), x, Vector512.ConditionalSelect(Vector512.LessThan(a, Vector512.Create(0.625f)), near, far));
    }

    // e^r - 1 for x = n log 2 + r, by the powers up to the 6th: off by less than 2^-28 of e^r.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (S Value, S N, S Shifted) Expm1Less(S x)
    {
        var shifted = Fma(x, Vector512.Create(1.44269504f), Vector512.Create(Rounder));
        var n = shifted - Vector512.Create(Rounder);
        var r = Fma(n, Vector512.Create(-1.42860677e-6f), Fma(n, Vector512.Create(-0.693145752f), x));
        var p = Fma(r, Vector512.Create(1.38138806e-3f), Vector512.Create(8.36906346e-3f));
        p = Fma(p, r, Vector512.Create(4.16684218e-2f));
        p = Fma(p, r, Vector512.Create(1.66665178e-1f));
        p = Fma(p, r, Vector512.Create(4.99999933e-1f));
        return (Fma(p * r, r, r), n, shifted);
    }

    /// <summary>sin x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Sin(S x)
    {
        // Of the size alone, so that the sine of -0 is -0, which the reduction loses.
        var size = Vector512.Abs(x);
        var shifted = Fma(size, Vector512.Create(0.318309886f), Vector512.Create(Rounder));
        var result = SinLessPi(size, shifted - Vector512.Create(Rounder)).AsInt32() ^ (shifted.AsInt32() << 31) ^ (x.AsInt32() & Vector512.Create(int.MinValue));
        return Far<VectorTrigonometry.Sin>(x, result.AsSingle());
    }

    /// <summary>cos x = -(-1)^n sin(x - (n + 1/2) pi).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Cos(S x)
    {
        var shifted = Fma(x, Vector512.Create(0.318309886f), Vector512.Create(-0.5f)) + Vector512.Create(Rounder);
        var result = SinLessPi(x, shifted - Vector512.Create(Rounder) + Vector512.Create(0.5f)).AsInt32() ^ (~shifted.AsInt32() << 31);
        return Far<VectorTrigonometry.Cos>(x, result.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S Fma(S a, S b, S c) => Vector512.FusedMultiplyAdd(a, b, c);

    // The product is rounded once, also where it is subnormal.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S TimesPowerOf2(S x, S n, S shifted)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Scale(x, n);
        }

        var whole = shifted.AsInt32() - Vector512.Create(Rounder).AsInt32();
        var half = whole >> 1;
        return x * PowerOf2(half) * PowerOf2(whole - half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S PowerOf2(Vector512<int> n) => ((n + Vector512.Create(127)) << 23).AsSingle();

    // sin(x - n pi), with pi in three parts, for a difference of at most pi/2: the powers up to the 9th are off by less than 2^-27 of it. The
    // first part goes without rounding.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S SinLessPi(S x, S n)
    {
        var r = Fma(n, Vector512.Create(-1.50995788e-7f), Fma(n, Vector512.Create(-3.14159250f), x));
        r = Fma(n, Vector512.Create(-1.07806051e-14f), r);
        var z = r * r;
        var p = Fma(z, Vector512.Create(2.60563126e-6f), Vector512.Create(-1.98095390e-4f));
        p = Fma(p, z, Vector512.Create(8.33306543e-3f));
        p = Fma(p, z, Vector512.Create(-1.66666595e-1f));
        return Fma(p * z, r, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S Far<F>(S x, S result)
        where F : struct, IVectorFunction =>
        Vector512.LessThanOrEqualAll(Vector512.Abs(x), Vector512.Create(Farthest)) ? result : ByDouble<F>(x, result);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static S ByDouble<F>(S x, S result)
        where F : struct, IVectorFunction
    {
        var (low, high) = Vector512.Widen(x);
        var far = Vector512.Narrow(F.ForSingle(low), F.ForSingle(high));
        return Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Abs(x), Vector512.Create(Farthest)), result, far);
    }
}
