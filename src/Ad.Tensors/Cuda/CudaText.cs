using System.Globalization;

namespace Ad.Tensors.Cuda;

/// <summary>Types, numbers and places as CUDA C++.</summary>
internal static class CudaText
{
    /// <summary>The type that holds an element in a register.</summary>
    public static string Name(DType type) => type switch
    {
        DType.Bool => "bool",
        DType.Int32 => "int",
        DType.Int64 => "i64",
        DType.Float16 => "f16",
        DType.BFloat16 => "bf16",
        DType.Float32 => "float",
        DType.Float64 => "double",
    };

    /// <summary>The type that holds an element in memory.</summary>
    public static string Stored(DType type) => type == DType.Bool ? "u8" : Name(type);

    /// <summary>An element as it was read, in a register.</summary>
    public static string Read(DType type, string element) => type == DType.Bool ? $"({element} != 0)" : element;

    /// <summary>A value as a literal of its type.</summary>
    public static string Literal(Scalar value) => value.Type switch
    {
        DType.Bool => value.ToInt64() != 0 ? "true" : "false",
        DType.Int32 => value.ToInt64() == int.MinValue ? "(-2147483647 - 1)" : string.Create(CultureInfo.InvariantCulture, $"({value.ToInt64()})"),
        DType.Int64 => value.ToInt64() == long.MinValue
            ? "(-9223372036854775807ll - 1)"
            : string.Create(CultureInfo.InvariantCulture, $"({value.ToInt64()}ll)"),
        DType.Float16 or DType.BFloat16 => $"ad_half<{Name(value.Type)}>(0x{Halves.Of(value.Type, value.ToDouble()):x4})",
        DType.Float32 => string.Create(
            CultureInfo.InvariantCulture, $"__int_as_float(0x{BitConverter.SingleToInt32Bits((float)value.ToDouble()):x8})"),
        DType.Float64 => string.Create(
            CultureInfo.InvariantCulture, $"__longlong_as_double(0x{BitConverter.DoubleToInt64Bits(value.ToDouble()):x16}ll)"),
    };

    /// <summary>The type in which an operation computes with elements.</summary>
    public static DType Computed(DType type) => type.IsHalf() ? DType.Float32 : type;

    /// <summary>An element in the type in which it is computed.</summary>
    public static string Widened(DType type, string element) => type.IsHalf() ? $"Cast<float, {Name(type)}>::of({element})" : element;

    /// <summary>The place, in elements, of element <paramref name="e"/> of a layout in row-major order; <paramref name="e"/> is unsigned.</summary>
    public static string Place(Layout layout, string e, bool wide)
    {
        var collapsed = layout.Collapse();
        var terms = new List<string>();
        long after = 1;
        for (var axis = collapsed.Rank - 1; axis >= 0; axis--)
        {
            var (size, stride) = (collapsed.Sizes[axis], collapsed.Strides[axis]);
            if (stride != 0)
            {
                var index = after == 1 ? e : $"{e} / {Unsigned(after, wide)}";
                index = axis == 0 ? index : $"{(after == 1 ? index : $"({index})")} % {Unsigned(size, wide)}";
                var signed = $"({(wide ? "i64" : "int")})({index})";
                terms.Add(stride == 1 ? signed : $"{signed} * {Signed(stride, wide)}");
            }

            after *= size;
        }

        if (collapsed.Offset != 0 || terms.Count == 0)
        {
            terms.Add(Signed(collapsed.Offset, wide));
        }

        return string.Join(" + ", terms);
    }

    /// <summary>Whether places and positions need 64 bits.</summary>
    public static bool IsWide(long elements, params IEnumerable<Layout> layouts) =>
        elements >= int.MaxValue - (1 << 16) || layouts.Any(layout =>
        {
            long reach = Math.Abs(layout.Offset);
            for (var axis = 0; axis < layout.Rank; axis++)
            {
                reach += Math.Abs(layout.Strides[axis]) * Math.Max(0, layout.Sizes[axis] - 1);
            }

            return reach > int.MaxValue;
        });

    public static string Unsigned(long value, bool wide) => string.Create(CultureInfo.InvariantCulture, $"{value}{(wide ? "ull" : "u")}");

    public static string Signed(long value, bool wide) => string.Create(CultureInfo.InvariantCulture, $"({value}{(wide ? "ll" : "")})");

    /// <summary>The index type of a kernel, unsigned.</summary>
    public static string Index(bool wide) => wide ? "u64" : "u32";
}
