using System.Globalization;
using Ad.Numerics;

namespace Ad.Tensors;

/// <summary>One element's value with its type, compared by its bits (so that NaN equals itself and -0 differs from 0).</summary>
public readonly record struct Scalar
{
    private readonly long _bits;

    private Scalar(DType type, long bits) => (Type, _bits) = (type, bits);

    /// <summary>The element type.</summary>
    public DType Type { get; }

    /// <summary>
    /// A number as an element of a type: rounded to nearest for Float32 and the floats of 16 bits, truncated toward zero for integers, true unless 0 for Bool.
    /// </summary>
    /// <exception cref="OverflowException">An integer type cannot hold it.</exception>
    public static Scalar Of(DType type, double value) => type switch
    {
        DType.Float16 or DType.BFloat16 => new(type, BitConverter.DoubleToInt64Bits(Halves.ToSingle(type, Halves.Of(type, value)))),
        DType.Float32 => new(type, BitConverter.DoubleToInt64Bits((float)value)),
        DType.Float64 => new(type, BitConverter.DoubleToInt64Bits(value)),
        DType.Int32 => new(type, checked((int)value)),
        DType.Int64 => new(type, checked((long)value)),
        DType.Bool => new(type, value != 0 ? 1 : 0),
    };

    /// <summary>An integer as an element of a type.</summary>
    /// <exception cref="OverflowException">The type cannot hold it.</exception>
    public static Scalar Of(DType type, long value) => type switch
    {
        DType.Int32 => new(type, checked((int)value)),
        DType.Int64 => new(type, value),
        DType.Bool => new(type, value != 0 ? 1 : 0),
        DType.Float16 or DType.BFloat16 => Of(type, (double)Halves.ToSingle(type, Halves.Of(type, value))),
        DType.Float32 or DType.Float64 => Of(type, (double)value),
    };

    /// <summary>The value as a double; true is 1.</summary>
    public double ToDouble() => Type.IsFloat() ? BitConverter.Int64BitsToDouble(_bits) : _bits;

    /// <summary>The value as a 64-bit integer, truncated toward zero.</summary>
    public long ToInt64() => Type.IsFloat() ? checked((long)BitConverter.Int64BitsToDouble(_bits)) : _bits;

    /// <summary>The shortest text that reads back as the same value, in the invariant culture.</summary>
    public override string ToString() => Type switch
    {
        DType.Float16 => ((Half)ToDouble()).ToString("R", CultureInfo.InvariantCulture),
        DType.BFloat16 => ((BFloat16)ToDouble()).ToString(),
        DType.Float32 => ((float)ToDouble()).ToString("R", CultureInfo.InvariantCulture),
        DType.Float64 => ToDouble().ToString("R", CultureInfo.InvariantCulture),
        DType.Int32 or DType.Int64 => _bits.ToString(CultureInfo.InvariantCulture),
        DType.Bool => _bits != 0 ? "true" : "false",
    };
}
