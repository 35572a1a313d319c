using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>A function of two numbers, for a vector and for a number.</summary>
internal interface ILanewise
{
    static abstract Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y);

    static abstract T Of<T>(T x, T y)
        where T : INumber<T>;
}

/// <summary>x + y.</summary>
internal readonly struct Plus : ILanewise
{
    public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y) => x + y;

    public static T Of<T>(T x, T y)
        where T : INumber<T> => unchecked(x + y);
}

/// <summary>x - y.</summary>
internal readonly struct Minus : ILanewise
{
    public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y) => x - y;

    public static T Of<T>(T x, T y)
        where T : INumber<T> => unchecked(x - y);
}

/// <summary>x y.</summary>
internal readonly struct Times : ILanewise
{
    public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y) => x * y;

    public static T Of<T>(T x, T y)
        where T : INumber<T> => unchecked(x * y);
}

/// <summary>x / y, of floats.</summary>
internal readonly struct Over : ILanewise
{
    public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y) => x / y;

    public static T Of<T>(T x, T y)
        where T : INumber<T> => x / y;
}

/// <summary>A function of a number, for a vector and for a number.</summary>
internal interface IUnary
{
    static abstract Vector512<T> Of<T>(Vector512<T> x);

    static abstract T Of<T>(T x)
        where T : INumber<T>;
}

/// <summary>-x.</summary>
internal readonly struct Opposite : IUnary
{
    public static Vector512<T> Of<T>(Vector512<T> x) => -x;

    public static T Of<T>(T x)
        where T : INumber<T> => unchecked(-x);
}

/// <summary>|x|, of floats.</summary>
internal readonly struct Magnitude : IUnary
{
    public static Vector512<T> Of<T>(Vector512<T> x) => Vector512.Abs(x);

    public static T Of<T>(T x)
        where T : INumber<T> => T.Abs(x);
}

/// <summary>
/// Loops over vectors that are compiled fully at their first call. Those of TensorPrimitives go through the JIT's first tier, where each operator of a
/// vector is a call: 45 ns an element until enough calls have been counted and the background thread has had its turn.
/// </summary>
internal static class Lanewise
{
    /// <summary>result[i] = f(x[i], y[i]); the result may be an operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<T, F>(ReadOnlySpan<T> x, ReadOnlySpan<T> y, Span<T> result)
        where T : INumber<T>
        where F : struct, ILanewise
    {
        x = x[..result.Length];
        y = y[..result.Length];
        var i = 0;
        for (; i <= result.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            F.Of(Vector512.Create(x[i..]), Vector512.Create(y[i..])).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = F.Of(x[i], y[i]);
        }
    }

    /// <summary>result[i] = f(x[i]); the result may be the operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<T, F>(ReadOnlySpan<T> x, Span<T> result)
        where T : INumber<T>
        where F : struct, IUnary
    {
        x = x[..result.Length];
        var i = 0;
        for (; i <= result.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            F.Of(Vector512.Create(x[i..])).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = F.Of(x[i]);
        }
    }

    /// <summary>sqrt(x[i]).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sqrt<T>(ReadOnlySpan<T> x, Span<T> result)
        where T : IRootFunctions<T>
    {
        x = x[..result.Length];
        var i = 0;
        for (; i <= result.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            Vector512.Sqrt(Vector512.Create(x[i..])).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = T.Sqrt(x[i]);
        }
    }

    /// <summary>f of all elements, of which there is at least one; f is associative and commutative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static T Fold<T, F>(ReadOnlySpan<T> x)
        where T : INumber<T>
        where F : struct, ILanewise
    {
        var width = Vector512<T>.Count;
        var result = x[0];
        var i = 1;
        if (x.Length >= 2 * width)
        {
            // Two that do not wait for each other.
            var a = Vector512.Create(x);
            var b = Vector512.Create(x[width..]);
            for (i = 2 * width; i <= x.Length - (2 * width); i += 2 * width)
            {
                a = F.Of(a, Vector512.Create(x[i..]));
                b = F.Of(b, Vector512.Create(x[(i + width)..]));
            }

            a = F.Of(a, b);
            result = a[0];
            for (var lane = 1; lane < width; lane++)
            {
                result = F.Of(result, a[lane]);
            }
        }

        for (; i < x.Length; i++)
        {
            result = F.Of(result, x[i]);
        }

        return result;
    }

    /// <summary>result[i] = x[i] y[i] + z[i], with two roundings.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyAdd<T>(ReadOnlySpan<T> x, ReadOnlySpan<T> y, ReadOnlySpan<T> z, Span<T> result)
        where T : INumber<T>
    {
        x = x[..result.Length];
        y = y[..result.Length];
        z = z[..result.Length];
        var i = 0;
        for (; i <= result.Length - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            ((Vector512.Create(x[i..]) * Vector512.Create(y[i..])) + Vector512.Create(z[i..])).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = unchecked((x[i] * y[i]) + z[i]);
        }
    }
}
