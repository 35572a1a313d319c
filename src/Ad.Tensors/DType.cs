using Ad.Numerics;

namespace Ad.Tensors;

/// <summary>The element type of a tensor.</summary>
public enum DType
{
    /// <summary>True or false, one byte an element.</summary>
    Bool,

    /// <summary>A 32-bit signed integer.</summary>
    Int32,

    /// <summary>A 64-bit signed integer.</summary>
    Int64,

    /// <summary>IEEE 754 binary16: 5 bits of exponent, 10 of fraction, at most 65504. Stored so, computed in Float32 and rounded after every operation.</summary>
    Float16,

    /// <summary>The upper half of a Float32: 8 bits of exponent, 7 of fraction. Stored so, computed in Float32 and rounded after every operation.</summary>
    BFloat16,

    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary64.</summary>
    Float64,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Whether derivatives flow through the type.</summary>
    public static bool IsFloat(this DType type) => type is DType.Float16 or DType.BFloat16 or DType.Float32 or DType.Float64;

    /// <summary>Whether the type is a float of 16 bits, which operations compute in Float32 and round once, to nearest, when they store.</summary>
    public static bool IsHalf(this DType type) => type is DType.Float16 or DType.BFloat16;

    /// <summary>Whether the type is an integer type (Bool is not).</summary>
    public static bool IsInteger(this DType type) => type is DType.Int32 or DType.Int64;

    /// <summary>Bytes an element takes.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.Bool => 1,
        DType.Float16 or DType.BFloat16 => 2,
        DType.Int32 or DType.Float32 => 4,
        DType.Int64 or DType.Float64 => 8,
    };

    /// <summary>The distance from 1 to the next number of a float type: 2^-10, 2^-7, 2^-23 or 2^-52.</summary>
    /// <exception cref="ArgumentException">It is not a float type.</exception>
    public static double Epsilon(this DType type) => type switch
    {
        DType.Float16 => Math.ScaleB(1, -10),
        DType.BFloat16 => Math.ScaleB(1, -7),
        DType.Float32 => Math.ScaleB(1, -23),
        DType.Float64 => Math.ScaleB(1, -52),
        DType.Bool or DType.Int32 or DType.Int64 => throw new ArgumentException($"The type {type.Name()} is exact: it has no epsilon."),
    };

    /// <summary>The type's name in program text and error messages, such as float32.</summary>
    public static string Name(this DType type) => type switch
    {
        DType.Bool => "bool",
        DType.Int32 => "int32",
        DType.Int64 => "int64",
        DType.Float16 => "float16",
        DType.BFloat16 => "bfloat16",
        DType.Float32 => "float32",
        DType.Float64 => "float64",
    };

    /// <summary>The element type that holds .NET values of type <typeparamref name="T"/>.</summary>
    /// <exception cref="NotSupportedException">No element type holds them.</exception>
    public static DType Of<T>() =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(bool) ? DType.Bool
        : typeof(T) == typeof(Half) ? DType.Float16
        : typeof(T) == typeof(BFloat16) ? DType.BFloat16
        : throw new NotSupportedException(
            $"A tensor cannot hold {typeof(T).Name}; it holds float, double, Half, BFloat16, int, long or bool.");
}
