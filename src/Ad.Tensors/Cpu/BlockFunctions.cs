using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// An elementwise function over a block: operands (those the function lacks are empty) and result as bytes of their types, all of one
/// number of elements. The result overlaps no operand.
/// </summary>
internal delegate void BlockFunction(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result);

/// <summary>The table of elementwise functions by the type of their operands (of Select: of the chosen).</summary>
internal static class BlockFunctions
{
    public static BlockFunction Of(Pointwise function, DType type) => type switch
    {
        DType.Bool => Bools(function),
        DType.Int32 => Integers<int>(function),
        DType.Int64 => Integers<long>(function),
        DType.Float16 or DType.BFloat16 => throw Widening.Refuse(type),
        DType.Float32 => Floats<float>(function),
        DType.Float64 => Floats<double>(function),
    };

    private static BlockFunction Bools(Pointwise function) => function switch
    {
        Pointwise.Not => Logic.Not,
        Pointwise.And => Logic.And,
        Pointwise.Or => Logic.Or,
        Pointwise.Xor => Logic.Xor,
        Pointwise.Maximum => Logic.Or,
        Pointwise.Minimum => Logic.And,
        Pointwise.Equal => Comparisons.Equal<byte>,
        Pointwise.NotEqual => Comparisons.NotEqual<byte>,
        Pointwise.Less => Comparisons.Less<byte>,
        Pointwise.LessEqual => Comparisons.LessEqual<byte>,
        Pointwise.Select => Comparisons.Select<byte>,
        _ => throw Refuse(function, DType.Bool),
    };

    private static BlockFunction Integers<T>(Pointwise function)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>, ISignedNumber<T> => function switch
        {
            Pointwise.Negate => Arithmetic.Negate<T>,
            Pointwise.Abs => Arithmetic.AbsInteger<T>,
            Pointwise.Sign => Arithmetic.SignInteger<T>,
            Pointwise.Add => Arithmetic.Add<T>,
            Pointwise.Subtract => Arithmetic.Subtract<T>,
            Pointwise.Multiply => Arithmetic.Multiply<T>,
            Pointwise.Divide => Arithmetic.DivideInteger<T>,
            Pointwise.Remainder => Arithmetic.RemainderInteger<T>,
            Pointwise.Maximum => Arithmetic.Maximum<T>,
            Pointwise.Minimum => Arithmetic.Minimum<T>,
            Pointwise.Equal => Comparisons.Equal<T>,
            Pointwise.NotEqual => Comparisons.NotEqual<T>,
            Pointwise.Less => Comparisons.Less<T>,
            Pointwise.LessEqual => Comparisons.LessEqual<T>,
            Pointwise.Select => Comparisons.Select<T>,
            Pointwise.MultiplyAdd => Arithmetic.MultiplyAdd<T>,
            _ => throw Refuse(function, DTypes.Of<T>()),
        };

    private static BlockFunction Floats<T>(Pointwise function)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>, IMinMaxValue<T> => function switch
        {
            Pointwise.Negate => Arithmetic.Negate<T>,
            Pointwise.Abs => Arithmetic.Abs<T>,
            Pointwise.Sign => Arithmetic.SignFloat<T>,
            Pointwise.Exp => Map<T, VectorFunctions.Exp, Functions.Exp>(),
            Pointwise.Expm1 => Map<T, VectorFunctions.Expm1, Functions.Expm1>(),
            Pointwise.Log => Map<T, VectorFunctions.Log, Functions.Log>(),
            Pointwise.Log1p => Map<T, VectorFunctions.Log1p, Functions.Log1p>(),
            Pointwise.Sqrt => Arithmetic.Sqrt<T>,
            Pointwise.Rsqrt => Arithmetic.Rsqrt<T>,
            Pointwise.Sin => Map<T, VectorTrigonometry.Sin, Functions.Sin>(),
            Pointwise.Cos => Map<T, VectorTrigonometry.Cos, Functions.Cos>(),
            Pointwise.Tan => Map<T, VectorTrigonometry.Tan, Functions.Tan>(),
            Pointwise.Asin => Map<T, Functions.Asin>,
            Pointwise.Acos => Map<T, Functions.Acos>,
            Pointwise.Atan => Map<T, Functions.Atan>,
            Pointwise.Sinh => Map<T, VectorFunctions.Sinh, Functions.Sinh>(),
            Pointwise.Cosh => Map<T, VectorFunctions.Cosh, Functions.Cosh>(),
            Pointwise.Tanh => Map<T, VectorFunctions.Tanh, Functions.Tanh>(),
            Pointwise.Asinh => Map<T, VectorFunctions.Asinh, Functions.Asinh>(),
            Pointwise.Acosh => Map<T, VectorFunctions.Acosh, Functions.Acosh>(),
            Pointwise.Atanh => Map<T, VectorFunctions.Atanh, Functions.Atanh>(),
            Pointwise.Sigmoid => Map<T, VectorFunctions.Sigmoid, Functions.Sigmoid>(),
            Pointwise.Erf => Map<T, VectorFunctions.Erf, Functions.Erf>(),
            Pointwise.Erfc => Map<T, Functions.Erfc>,
            Pointwise.Erfinv => Map<T, Functions.Erfinv>,
            Pointwise.Erfcinv => Map<T, Functions.Erfcinv>,
            Pointwise.Lgamma => Map<T, Functions.Lgamma>,
            Pointwise.Digamma => Map<T, Functions.Digamma>,
            Pointwise.Floor => Arithmetic.Floor<T>,
            Pointwise.Ceil => Arithmetic.Ceil<T>,
            Pointwise.Round => Arithmetic.Round<T>,
            Pointwise.Not or Pointwise.And or Pointwise.Or or Pointwise.Xor => throw Refuse(function, DTypes.Of<T>()),
            Pointwise.Add => Arithmetic.Add<T>,
            Pointwise.Subtract => Arithmetic.Subtract<T>,
            Pointwise.Multiply => Arithmetic.Multiply<T>,
            Pointwise.Divide => Arithmetic.Divide<T>,
            Pointwise.Remainder => Arithmetic.RemainderFloat<T>,
            Pointwise.Power => Map2<T, Functions.Power>,
            Pointwise.Atan2 => Map2<T, Functions.Atan2>,
            Pointwise.Maximum => Arithmetic.Maximum<T>,
            Pointwise.Minimum => Arithmetic.Minimum<T>,
            Pointwise.Scale => Arithmetic.Scale<T>,
            Pointwise.Polygamma => Map2<T, Functions.Polygamma>,
            Pointwise.Erfcx => Map2<T, Functions.Erfcx>,
            Pointwise.BesselI => Map2<T, Functions.BesselI>,
            Pointwise.BesselIe => Map2<T, Functions.BesselIe>,
            Pointwise.BesselJ => Map2<T, Functions.BesselJ>,
            Pointwise.Equal => Comparisons.Equal<T>,
            Pointwise.NotEqual => Comparisons.NotEqual<T>,
            Pointwise.Less => Comparisons.Less<T>,
            Pointwise.LessEqual => Comparisons.LessEqual<T>,
            Pointwise.Select => Comparisons.Select<T>,
            Pointwise.MultiplyAdd => Arithmetic.FusedMultiplyAdd<T>,
        };

    private static ArgumentException Refuse(Pointwise function, DType type) =>
        new($"The function {function.Name()} does not take {type.Name()}.");

    /// <summary>A function eight at a time where the machine can, else one at a time.</summary>
    private static BlockFunction Map<T, V, F>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVectorFunction
        where F : struct, IFunction =>
        !VectorFunctions.IsSupported ? Map<T, F>
        : typeof(T) == typeof(float) ? VectorMap.Single<V>
        : VectorMap.Double<V>;

    /// <summary>A function of one double, element by element; float32 goes through double, which leaves it right to rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Map<T, F>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where F : struct, IFunction
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var r = MemoryMarshal.Cast<byte, T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = T.CreateTruncating(F.Of(double.CreateTruncating(x[i])));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Map2<T, F>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where F : struct, IFunction2
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var y = MemoryMarshal.Cast<byte, T>(b);
        var r = MemoryMarshal.Cast<byte, T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = T.CreateTruncating(F.Of(double.CreateTruncating(x[i]), double.CreateTruncating(y[i])));
        }
    }
}
