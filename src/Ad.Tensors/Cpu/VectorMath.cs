using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector512<double>;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Exponentials and logarithms of eight doubles at once, wrong by about one unit in the last place: the argument is reduced by Cody and
/// Waite's method (1980), what is left goes into a Taylor polynomial as long as rounding can tell, and special values need no branches.
/// All of it needs fused multiply-add.
/// </summary>
internal static class VectorMath
{
    // log 2 in two parts; the first has 42 bits, so that its product with an exponent is exact.
    private const double Log2High = 0.6931471805598903;
    private const double Log2Low = 5.497923018708371e-14;

    // Adding it leaves a number rounded to an integer in the low bits.
    private const double Rounder = 6755399441055744.0;

    /// <summary>a b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Fma(V a, V b, V c) => Vector512.FusedMultiplyAdd(a, b, c);

    /// <summary>a b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Fma(V a, V b, double c) => Vector512.FusedMultiplyAdd(a, b, Vector512.Create(c));

    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp(V x)
    {
        x = Between(-746, x, 710);
        var n = Reduce(x, out var r);
        return TimesPowerOf2(Fma(ExpTail(r) * r, r, r) + V.One, n);
    }

    /// <summary>e^x - 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Expm1(V x)
    {
        var inside = Between(-50, x, 710);
        var n = Reduce(inside, out var r);
        var less = V.One - PowerOf2(-Vector512.Max(n, Vector512.Create(-1000L)));
        var result = TimesPowerOf2(Fma(ExpTail(r) * r, r, r) + less, n);
        return Vector512.ConditionalSelect(Vector512.Equals(x, V.Zero), x, result);
    }

    /// <summary>log x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log(V x)
    {
        var small = Vector512.LessThan(x, Vector512.Create(2.2250738585072014e-308));
        var scaled = Vector512.ConditionalSelect(small, x * 18014398509481984.0, x);
        var result = LogOfNormal(scaled, Vector512.ConditionalSelect(small, Vector512.Create(-54.0), V.Zero), V.Zero);
        return LogSpecial(x, result);
    }

    /// <summary>log(1 + x): the logarithm of the rounded sum, put right by what the rounding left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1p(V x)
    {
        var sum = V.One + x;
        var part = sum - V.One;
        var error = (V.One - (sum - part)) + (x - part);
        var result = LogSpecial(sum, LogOfNormal(sum, V.Zero, error / sum));
        return Vector512.ConditionalSelect(Vector512.Equals(x, V.Zero), x, result);
    }

    /// <summary>e^x of a float32 number, wrong by at most 2^-31 of itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ExpSingle(V x)
    {
        var n = ReduceSingle(Between(-150, x, 130), out var r);
        return Fma(Fma(ExpTailSingle(r), r, V.One), r, V.One) * PowerOf2(n);
    }

    /// <summary>e^x - 1 of a float32 number, wrong by at most 2^-30 of itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Expm1Single(V x)
    {
        var n = ReduceSingle(Between(-50, x, 130), out var r);
        var result = Fma(ExpTailSingle(r) * r, r, r) + (V.One - PowerOf2(-n));
        return Vector512.ConditionalSelect(Vector512.Equals(x, V.Zero), x, result * PowerOf2(n));
    }

    /// <summary>log x of a float32 number, wrong by at most 2^-32 of itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LogSingle(V x)
    {
        var k = Split(x, out var f);
        var s = f / (f + Vector512.Create(2.0));
        var z = s * s;
        var p = Fma(z, Vector512.Create(2.0 / 13), 2.0 / 11);
        p = Fma(p, z, 2.0 / 9);
        p = Fma(p, z, 2.0 / 7);
        p = Fma(p, z, 2.0 / 5);
        p = Fma(p, z, 2.0 / 3);
        p = Fma(p, z, 2.0);
        return LogSpecial(x, Fma(k, Vector512.Create(0.6931471805599453), p * s));
    }

    // A NaN stays one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Between(double least, V x, double most) =>
        Vector512.MinNative(Vector512.Create(most), Vector512.MaxNative(Vector512.Create(least), x));

    // n = x / log 2 to the nearest integer and r = x - n log 2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Reduce(V x, out V r)
    {
        var shifted = Fma(x, Vector512.Create(1.4426950408889634), Rounder);
        var n = shifted - Vector512.Create(Rounder);
        r = Fma(n, Vector512.Create(-Log2Low), Fma(n, Vector512.Create(-Log2High), x));
        return shifted.AsInt64() - Vector512.Create(Rounder).AsInt64();
    }

    // The same for float32 numbers of moderate size, which one subtraction reduces well enough.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> ReduceSingle(V x, out V r)
    {
        var shifted = Fma(x, Vector512.Create(1.4426950408889634), Rounder);
        r = Fma(shifted - Vector512.Create(Rounder), Vector512.Create(-0.6931471805599453), x);
        return shifted.AsInt64() - Vector512.Create(Rounder).AsInt64();
    }

    // (e^r - 1 - r) / r^2 without the powers that matter less than 2^-31.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpTailSingle(V r)
    {
        var p = Fma(r, Vector512.Create(1.0 / 40320), 1.0 / 5040);
        p = Fma(p, r, 1.0 / 720);
        p = Fma(p, r, 1.0 / 120);
        p = Fma(p, r, 1.0 / 24);
        p = Fma(p, r, 1.0 / 6);
        return Fma(p, r, 0.5);
    }

    // (e^r - 1 - r) / r^2 for |r| <= log(2) / 2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpTail(V r)
    {
        var p = Fma(r, Vector512.Create(1.0 / 6227020800), 1.0 / 479001600);
        p = Fma(p, r, 1.0 / 39916800);
        p = Fma(p, r, 1.0 / 3628800);
        p = Fma(p, r, 1.0 / 362880);
        p = Fma(p, r, 1.0 / 40320);
        p = Fma(p, r, 1.0 / 5040);
        p = Fma(p, r, 1.0 / 720);
        p = Fma(p, r, 1.0 / 120);
        p = Fma(p, r, 1.0 / 24);
        p = Fma(p, r, 1.0 / 6);
        return Fma(p, r, 0.5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V PowerOf2(Vector512<long> n) => ((n + Vector512.Create(1023L)) << 52).AsDouble();

    // In two steps, neither of which over- or underflows before the product does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V TimesPowerOf2(V x, Vector512<long> n)
    {
        var half = n >> 1;
        return x * PowerOf2(half) * PowerOf2(n - half);
    }

    // x = 2^k (1 + f) with 1 + f between the square roots of 1/2 and 2; with s = f / (2 + f), log(1 + f) = 2 artanh s
    // = f - f^2/2 + s (f^2/2 + 2 s^2/3 + 2 s^4/5 + ...). The correction is added to it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogOfNormal(V x, V exponent, V correction)
    {
        var k = Split(x, out var f) + exponent;
        var s = f / (f + Vector512.Create(2.0));
        var z = s * s;
        var p = Fma(z, Vector512.Create(2.0 / 23), 2.0 / 21);
        p = Fma(p, z, 2.0 / 19);
        p = Fma(p, z, 2.0 / 17);
        p = Fma(p, z, 2.0 / 15);
        p = Fma(p, z, 2.0 / 13);
        p = Fma(p, z, 2.0 / 11);
        p = Fma(p, z, 2.0 / 9);
        p = Fma(p, z, 2.0 / 7);
        p = Fma(p, z, 2.0 / 5);
        p = Fma(p, z, 2.0 / 3);
        var half = f * f * 0.5;
        var tail = Fma(s, Fma(p, z, half), Fma(k, Vector512.Create(Log2Low), correction));
        return Fma(k, Vector512.Create(Log2High), f - (half - tail));
    }

    // x = 2^k (1 + f) with 1 + f between the square roots of 1/2 and 2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Split(V x, out V f)
    {
        var bits = x.AsInt64();
        var power = (bits - Vector512.Create(0x3fe6a09e667f3bcdL)) >> 52;
        f = (bits - (power << 52)).AsDouble() - V.One;
        return Vector512.ConvertToDouble(power);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogSpecial(V x, V result)
    {
        // Infinity and NaN are their own logarithms.
        var infinity = Vector512.Create(double.PositiveInfinity);
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, infinity), result, x);
        result = Vector512.ConditionalSelect(Vector512.Equals(x, V.Zero), -infinity, result);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, V.Zero), Vector512.Create(double.NaN), result);
    }
}
