using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Ad.Tensors.Cpu.VectorMath;
using V = System.Runtime.Intrinsics.Vector512<double>;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Sine, cosine and tangent of eight doubles at once: a multiple of pi/2 in three parts is taken away (Cody and Waite 1980), which fused
/// multiply-add does without loss up to some 10^5; beyond that each number goes to the scalar function.
/// </summary>
internal static class VectorTrigonometry
{
    private const double Farthest = 1e5;
    private const double Rounder = 6755399441055744.0;
    private const double OneByPi = 0.3183098861837907;

    public readonly struct Sin : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var quadrant = Reduce(x, out var r);
            var result = Turned(quadrant, SinNear(r), CosNear(r));
            // The sine of -0 is -0, which the reduction loses.
            result = Vector512.ConditionalSelect(Vector512.Equals(x, V.Zero), x, result);
            return Far<Functions.Sin>(x, result);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x)
        {
            var shifted = Fma(x, Vector512.Create(OneByPi), Rounder);
            var r = LessPi(x, shifted - Vector512.Create(Rounder));
            return Far<Functions.Sin>(x, (SinSingle(r).AsInt64() ^ (shifted.AsInt64() << 63)).AsDouble());
        }

        public static bool HasSingles => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Singles(Vector512<float> x) => VectorSingles.Sin(x);
    }

    public readonly struct Cos : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var quadrant = Reduce(x, out var r) + Vector512<long>.One;
            return Far<Functions.Cos>(x, Turned(quadrant, SinNear(r), CosNear(r)));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x)
        {
            // cos x = -(-1)^n sin(x - (n + 1/2) pi).
            var shifted = Fma(x, Vector512.Create(OneByPi), -0.5) + Vector512.Create(Rounder);
            var r = LessPi(x, shifted - Vector512.Create(Rounder - 1) - Vector512.Create(0.5));
            return Far<Functions.Cos>(x, (SinSingle(r).AsInt64() ^ (~shifted.AsInt64() << 63)).AsDouble());
        }

        public static bool HasSingles => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Singles(Vector512<float> x) => VectorSingles.Cos(x);
    }

    public readonly struct Tan : IVectorFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x)
        {
            var quadrant = Reduce(x, out var r);
            var (sin, cos) = (SinNear(r), CosNear(r));
            var odd = IsOdd(quadrant);
            var result = Vector512.ConditionalSelect(odd, -cos, sin) / Vector512.ConditionalSelect(odd, sin, cos);
            result = Vector512.ConditionalSelect(Vector512.Equals(x, V.Zero), x, result);
            return Far<Functions.Tan>(x, result);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V ForSingle(V x) => Of(x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Reduce(V x, out V r)
    {
        var shifted = Fma(x, Vector512.Create(0.6366197723675814), Vector512.Create(Rounder));
        var n = shifted - Vector512.Create(Rounder);
        r = Fma(n, Vector512.Create(-1.5707963267948966), x);
        r = Fma(n, Vector512.Create(-6.123233995736766e-17), r);
        r = Fma(n, Vector512.Create(1.4973849048591698e-33), r);
        return shifted.AsInt64() - Vector512.Create(Rounder).AsInt64();
    }

    // x - n pi, with pi in two parts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LessPi(V x, V n) => Fma(n, Vector512.Create(-1.2246467991473532e-16), Fma(n, Vector512.Create(-3.141592653589793), x));

    // sin r for |r| <= pi/2: the powers up to the 15th leave out less than 2^-37 of it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SinSingle(V r)
    {
        var z = r * r;
        var p = Fma(z, Vector512.Create(-1.0 / 1307674368000), 1.0 / 6227020800);
        p = Fma(p, z, -1.0 / 39916800);
        p = Fma(p, z, 1.0 / 362880);
        p = Fma(p, z, -1.0 / 5040);
        p = Fma(p, z, 1.0 / 120);
        p = Fma(p, z, -1.0 / 6);
        return Fma(p, z, V.One) * r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V IsOdd(Vector512<long> quadrant) =>
        Vector512.Equals(quadrant & Vector512<long>.One, Vector512<long>.One).AsDouble();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Turned(Vector512<long> quadrant, V sin, V cos)
    {
        var value = Vector512.ConditionalSelect(IsOdd(quadrant), cos, sin);
        var sign = (quadrant & Vector512.Create(2L)) << 62;
        return (value.AsInt64() ^ sign).AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SinNear(V r)
    {
        var z = r * r;
        var p = Fma(z, Vector512.Create(1.0 / 355687428096000), -1.0 / 1307674368000);
        p = Fma(p, z, 1.0 / 6227020800);
        p = Fma(p, z, -1.0 / 39916800);
        p = Fma(p, z, 1.0 / 362880);
        p = Fma(p, z, -1.0 / 5040);
        p = Fma(p, z, 1.0 / 120);
        p = Fma(p, z, -1.0 / 6);
        return Fma(p * z, r, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V CosNear(V r)
    {
        var z = r * r;
        var p = Fma(z, Vector512.Create(1.0 / 20922789888000), -1.0 / 87178291200);
        p = Fma(p, z, 1.0 / 479001600);
        p = Fma(p, z, -1.0 / 3628800);
        p = Fma(p, z, 1.0 / 40320);
        p = Fma(p, z, -1.0 / 720);
        p = Fma(p, z, 1.0 / 24);
        var half = z * 0.5;
        var near = V.One - half;
        return near + Fma(p * z, z, (V.One - near) - half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Far<F>(V x, V result)
        where F : struct, IFunction =>
        Vector512.LessThanOrEqualAll(Vector512.Abs(x), Vector512.Create(Farthest)) ? result : OneByOne<F>(x, result);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V OneByOne<F>(V x, V result)
        where F : struct, IFunction
    {
        for (var i = 0; i < V.Count; i++)
        {
            if (!(Math.Abs(x[i]) <= Farthest))
            {
                result = result.WithElement(i, F.Of(x[i]));
            }
        }

        return result;
    }
}
