using Ad.Tensors;

namespace Engine;

/// <summary>The reference for one element.</summary>
internal static class Scalars
{
    public static (long Least, long Greatest) Range(DType type) => type switch
    {
        DType.Bool => (0, 1),
        DType.Int32 => (int.MinValue, int.MaxValue),
        DType.Int64 => (long.MinValue, long.MaxValue),
        DType.Float16 or DType.BFloat16 or DType.Float32 or DType.Float64 => throw new NotSupportedException(),
    };

    /// <summary>The nearest number of a type; a result of 16 bits was one of Float32 before.</summary>
    public static double Rounded(DType type, double value) => type switch
    {
        DType.Float16 => (double)(Half)(float)value,
        DType.BFloat16 => Upper((float)value),
        DType.Float32 => (float)value,
        _ => value,
    };

    // The one of the two neighbours that is nearer, or whose last bit is 0.
    public static double Upper(double value)
    {
        if (double.IsNaN(value) || double.IsInfinity(value) || value == 0)
        {
            return value;
        }

        var step = Math.ScaleB(1, Math.Max(Math.ILogB(value), -126) - 7);
        var rounded = Math.Round(value / step, MidpointRounding.ToEven) * step;
        return Math.Abs(rounded) >= Math.ScaleB(1, 128) ? Math.CopySign(double.PositiveInfinity, value) : Math.CopySign(rounded, value);
    }

    public static long Wrap(DType type, decimal value)
    {
        var modulus = type == DType.Int32 ? 4294967296m : 18446744073709551616m;
        var rest = value % modulus;
        rest = rest < 0 ? rest + modulus : rest;
        return type == DType.Int32 ? (int)(uint)rest : (long)(ulong)rest;
    }

    public static void Cast(Plain x, Plain r, long i)
    {
        if (r.Type == DType.Bool)
        {
            r.Integers[i] = x[i] != 0 ? 1 : 0;
        }
        else if (r.Type.IsFloat())
        {
            r.Floats[i] = r.Type == DType.Float16 ? x.Type.IsFloat() ? (double)(Half)x.Floats[i] : (double)(Half)x.Integers[i]
                : r.Type == DType.BFloat16 ? x.Type.IsFloat() ? Upper(x.Floats[i]) : Upper(x.Integers[i])
                : r.Type == DType.Float32 ? x.Type.IsFloat() ? (float)x.Floats[i] : (float)x.Integers[i] : x[i];
        }
        else if (x.Type.IsFloat())
        {
            var (least, greatest) = Range(r.Type);
            var value = x.Floats[i];
            r.Integers[i] = double.IsNaN(value) ? 0 : value <= least ? least : value >= greatest ? greatest : (long)value;
        }
        else
        {
            r.Integers[i] = Wrap(r.Type, x.Integers[i]);
        }
    }

    public static void Apply(Pointwise f, Plain r, long i, Plain[] x)
    {
        switch (f)
        {
            case Pointwise.Select:
                r.Set(i, x[0].Integers[i] != 0 ? x[1] : x[2], i);
                break;
            case Pointwise.Equal or Pointwise.NotEqual or Pointwise.Less or Pointwise.LessEqual:
                r.Integers[i] = (x[0].Type.IsFloat() ? Compare(f, x[0].Floats[i], x[1].Floats[i]) : Compare(f, x[0].Integers[i], x[1].Integers[i])) ? 1 : 0;
                break;
            default:
                if (r.Type.IsFloat())
                {
                    r[i] = Float(f, r.Type, x[0].Floats[i], x.Length > 1 ? x[1].Floats[i] : 0, x.Length > 2 ? x[2].Floats[i] : 0);
                }
                else
                {
                    r.Integers[i] = Integer(f, r.Type, x[0].Integers[i], x.Length > 1 ? x[1].Integers[i] : 0, x.Length > 2 ? x[2].Integers[i] : 0);
                }

                break;
        }
    }

    private static bool Compare<T>(Pointwise f, T a, T b)
        where T : System.Numerics.INumber<T> => f switch
        {
            Pointwise.Equal => a == b,
            Pointwise.NotEqual => a != b,
            Pointwise.Less => a < b,
            _ => a <= b,
        };

    private static long Integer(Pointwise f, DType type, long a, long b, long c)
    {
        if (type == DType.Bool)
        {
            return f switch
            {
                Pointwise.Not => 1 - a,
                Pointwise.And or Pointwise.Minimum => a & b,
                Pointwise.Or or Pointwise.Maximum => a | b,
                Pointwise.Xor => a ^ b,
                _ => throw new NotSupportedException(f.ToString()),
            };
        }

        decimal x = a, y = b, z = c;
        return Wrap(type, f switch
        {
            Pointwise.Negate => -x,
            Pointwise.Abs => Math.Abs(x),
            Pointwise.Sign => Math.Sign(x),
            Pointwise.Add => x + y,
            Pointwise.Subtract => x - y,
            Pointwise.Multiply => Wrap(type, (decimal)(Int128)Clip(x, y)),
            Pointwise.Divide => decimal.Truncate(x / y),
            Pointwise.Remainder => x % y,
            Pointwise.Maximum => Math.Max(x, y),
            Pointwise.Minimum => Math.Min(x, y),
            Pointwise.MultiplyAdd => Wrap(type, Clip(x, y)) + z,
            _ => throw new NotSupportedException(f.ToString()),
        });
    }

    // The product of two longs modulo 2^64: a decimal has no room for all of it.
    private static decimal Clip(decimal x, decimal y) => unchecked((long)x * (long)y);

    public static double Float(Pointwise f, DType type, double a, double b, double c) => f switch
    {
        Pointwise.Negate => -a,
        Pointwise.Abs => Math.Abs(a),
        Pointwise.Sign => double.IsNaN(a) || a == 0 ? a : Math.Sign(a),
        Pointwise.Exp => Math.Exp(a),
        Pointwise.Expm1 => a == 0 ? a : Math.Abs(a) < 1e-5 ? a + (a * a / 2) + (a * a * a / 6) : Math.Exp(a) == double.PositiveInfinity ? Math.Exp(a) : Math.Tanh(a / 2) * (Math.Exp(a) + 1),
        Pointwise.Log => Math.Log(a),
        Pointwise.Log1p => 1 + a == 1 ? a : double.IsInfinity(a) || a < -1 ? Math.Log(1 + a) : a == -1 ? double.NegativeInfinity : Math.Abs(a) > 0.5 ? Math.Log(1 + a) : 2 * Math.Atanh(a / (2 + a)),
        Pointwise.Sqrt => Math.Sqrt(a),
        Pointwise.Rsqrt => 1 / (type != DType.Float64 ? (float)Math.Sqrt(a) : Math.Sqrt(a)),
        Pointwise.Sin => Math.Sin(a),
        Pointwise.Cos => Math.Cos(a),
        Pointwise.Tan => Math.Tan(a),
        Pointwise.Asin => Math.Asin(a),
        Pointwise.Acos => Math.Acos(a),
        Pointwise.Atan => Math.Atan(a),
        Pointwise.Sinh => Math.Sinh(a),
        Pointwise.Cosh => Math.Cosh(a),
        Pointwise.Tanh => Math.Tanh(a),
        Pointwise.Asinh => Math.Asinh(a),
        Pointwise.Acosh => Math.Acosh(a),
        Pointwise.Atanh => Math.Atanh(a),
        Pointwise.Sigmoid => a >= 0 ? 1 / (1 + Math.Exp(-a)) : double.IsNaN(a) ? a : Math.Exp(a) / (1 + Math.Exp(a)),
        Pointwise.Erf => Ad.Tensors.Cpu.SpecialFunctions.Erf(a),
        Pointwise.Erfc => Ad.Tensors.Cpu.SpecialFunctions.Erfc(a),
        Pointwise.Erfinv => Ad.Tensors.Cpu.SpecialFunctions.Erfinv(a),
        Pointwise.Erfcinv => Ad.Tensors.Cpu.SpecialFunctions.Erfcinv(a),
        Pointwise.Lgamma => Ad.Tensors.Cpu.SpecialFunctions.Lgamma(a),
        Pointwise.Digamma => Ad.Tensors.Cpu.SpecialFunctions.Digamma(a),
        Pointwise.Floor => Math.Floor(a),
        Pointwise.Ceil => Math.Ceiling(a),
        Pointwise.Round => Math.Round(a, MidpointRounding.ToEven),
        Pointwise.Add => a + b,
        Pointwise.Subtract => a - b,
        Pointwise.Multiply => a * b,
        Pointwise.Divide => a / b,
        Pointwise.Remainder => a % b,
        Pointwise.Power => Math.Pow(a, b),
        Pointwise.Atan2 => Math.Atan2(a, b),
        Pointwise.Maximum => Math.Max(a, b),
        Pointwise.Minimum => Math.Min(a, b),
        Pointwise.Scale => a == 0 || b == 0 ? 0 : a * b,
        Pointwise.Polygamma => Ad.Tensors.Cpu.SpecialFunctions.Polygamma(a, b),
        Pointwise.Erfcx => Ad.Tensors.Cpu.SpecialFunctions.Erfcx(a, b),
        Pointwise.BesselI => Ad.Tensors.Cpu.SpecialFunctions.BesselI(a, b),
        Pointwise.BesselIe => Ad.Tensors.Cpu.SpecialFunctions.BesselIe(a, b),
        Pointwise.BesselJ => Ad.Tensors.Cpu.SpecialFunctions.BesselJ(a, b),
        Pointwise.MultiplyAdd => type != DType.Float64 ? MathF.FusedMultiplyAdd((float)a, (float)b, (float)c) : Math.FusedMultiplyAdd(a, b, c),
        Pointwise.Not or Pointwise.And or Pointwise.Or or Pointwise.Xor or Pointwise.Equal or Pointwise.NotEqual
            or Pointwise.Less or Pointwise.LessEqual or Pointwise.Select => throw new NotSupportedException(f.ToString()),
    };
}
