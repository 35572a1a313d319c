using System.Globalization;
using Ad.Tensors;

namespace Ad.Numerics;

/// <summary>
/// The upper half of an IEEE 754 binary32: a sign, 8 bits of exponent, 7 of fraction. It has the range of float and 2 to 3 decimal digits. Equal by
/// bits, so that NaN equals itself and -0 differs from 0; to compute with it, convert it to float.
/// </summary>
/// <param name="Bits">The 16 bits.</param>
public readonly record struct BFloat16(ushort Bits)
{
    private const int MostDigits = 5;

    /// <summary>The nearest value, ties to even; beyond the range, infinity. NaN stays NaN.</summary>
    public static explicit operator BFloat16(float value) => FromSingle(value);

    /// <summary>The nearest value, ties to even, rounded once; beyond the range, infinity. NaN stays NaN.</summary>
    public static explicit operator BFloat16(double value) => FromDouble(value);

    /// <summary>The same value.</summary>
    public static explicit operator float(BFloat16 value) => value.ToSingle();

    /// <summary>The same value.</summary>
    public static explicit operator double(BFloat16 value) => value.ToSingle();

    /// <summary>The nearest value, ties to even; beyond the range, infinity. NaN stays NaN.</summary>
    public static BFloat16 FromSingle(float value) => new(Halves.Of(DType.BFloat16, value));

    /// <summary>The nearest value, ties to even, rounded once; beyond the range, infinity. NaN stays NaN.</summary>
    public static BFloat16 FromDouble(double value) => new(Halves.Of(DType.BFloat16, value));

    /// <summary>The same value as a float.</summary>
    public float ToSingle() => Halves.ToSingle(DType.BFloat16, Bits);

    /// <summary>The shortest text that reads back as the same value, in the invariant culture.</summary>
    public override string ToString()
    {
        for (var digits = 1; digits < MostDigits; digits++)
        {
            var text = ToSingle().ToString($"G{digits}", CultureInfo.InvariantCulture);
            if (FromDouble(double.Parse(text, CultureInfo.InvariantCulture)) == this)
            {
                return text;
            }
        }

        return ToSingle().ToString($"G{MostDigits}", CultureInfo.InvariantCulture);
    }
}
