namespace Ad.Tensors;

/// <summary>
/// Floats of 16 bits from and to others, one at a time. To nearest, ties to even (IEEE 754-2019, 4.3.1), with subnormal numbers; beyond the range,
/// infinity. A NaN stays one, with its sign.
/// </summary>
internal static class Halves
{
    private const uint Sign = 0x8000_0000;
    private const uint Infinity = 0x7f80_0000;
    private const uint Quiet = 0x0040_0000;

    // 2^-14, from which on a Float16 is normal; 2^16, from which on it is infinite; and 112, by which the exponents are apart.
    private const uint LeastNormal = 113u << 23;
    private const uint TooLarge = 143u << 23;
    private const uint Apart = 112u << 23;

    // Among numbers of its size the last place is 2^-24, that of the subnormal Float16.
    private const float OneHalf = 0.5f;

    // As many bits as a double takes whole.
    private const int Odd = 11;

    /// <summary>The value of some bits.</summary>
    public static float ToSingle(DType type, ushort bits) => BitConverter.UInt32BitsToSingle(type == DType.BFloat16 ? (uint)bits << 16 : Widened(bits));

    /// <summary>The bits nearest to a float.</summary>
    public static ushort Of(DType type, float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return type == DType.BFloat16 ? (ushort)(Rounded(bits, 16) >> 16) : Narrowed(bits);
    }

    /// <summary>The bits nearest to a double.</summary>
    public static ushort Of(DType type, double value) => Of(type, ToOdd(value));

    /// <summary>The bits nearest to an integer.</summary>
    public static ushort Of(DType type, long value)
    {
        var size = value < 0 ? 0UL - (ulong)value : (ulong)value;
        if (size >> (64 - Odd) != 0)
        {
            size = ((size >> Odd) | ((size & ((1UL << Odd) - 1)) != 0 ? 1UL : 0)) << Odd;
        }

        return Of(type, value < 0 ? -(double)size : size);
    }

    // A number that is between two floats becomes the one whose last bit is 1: rounded again, to fewer bits, it goes where it would have gone at
    // once (Boldo and Melquiond 2008).
    private static float ToOdd(double value)
    {
        var near = (float)value;
        var bits = BitConverter.SingleToUInt32Bits(near);
        return near == value || double.IsNaN(value) || (bits & 1) != 0 ? near
            : BitConverter.UInt32BitsToSingle(Math.Abs((double)near) > Math.Abs(value) ? bits - 1 : bits + 1);
    }

    private static uint Rounded(uint bits, int dropped) =>
        (bits & ~Sign) > Infinity ? bits | Quiet : bits + ((1u << (dropped - 1)) - 1) + ((bits >> dropped) & 1);

    private static ushort Narrowed(uint bits)
    {
        var size = bits & ~Sign;
        var narrow = size > Infinity ? ((size | Quiet) >> 13) - (Apart >> 13) - (Apart >> 13)
            : size >= TooLarge ? 0x7c00
            : size < LeastNormal ? BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(size) + OneHalf) - BitConverter.SingleToUInt32Bits(OneHalf)
            : (Rounded(size, 13) - Apart) >> 13;
        return (ushort)(narrow | ((bits & Sign) >> 16));
    }

    private static uint Widened(ushort bits)
    {
        var size = (bits & 0x7fffu) << 13;
        var wide = size >= 31u << 23 ? size + Apart + Apart
            : size < 1u << 23 ? BitConverter.SingleToUInt32Bits(
                BitConverter.UInt32BitsToSingle(size + LeastNormal) - BitConverter.UInt32BitsToSingle(LeastNormal))
            : size + Apart;
        return wide | ((bits & 0x8000u) << 16);
    }
}
