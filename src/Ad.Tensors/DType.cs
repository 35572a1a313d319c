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

    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary64.</summary>
    Float64,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Whether derivatives flow through the type.</summary>
    public static bool IsFloat(this DType type) => type is DType.Float32 or DType.Float64;

    /// <summary>Whether the type is an integer type (Bool is not).</summary>
    public static bool IsInteger(this DType type) => type is DType.Int32 or DType.Int64;

    /// <summary>Bytes an element takes.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.Bool => 1,
        DType.Int32 or DType.Float32 => 4,
        DType.Int64 or DType.Float64 => 8,
    };

    /// <summary>The type's name in program text and error messages, such as float32.</summary>
    public static string Name(this DType type) => type switch
    {
        DType.Bool => "bool",
        DType.Int32 => "int32",
        DType.Int64 => "int64",
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
        : throw new NotSupportedException(
            $"A tensor cannot hold {typeof(T).Name}; it holds float, double, int, long or bool.");
}
