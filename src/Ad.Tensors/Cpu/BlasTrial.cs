using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>Small products whose results are known, of which a library must get all right before it is asked for others.</summary>
internal static unsafe class BlasTrial
{
    private const int Side = 5;
    private const int Step = 7;

    /// <summary>
    /// Whether both factors, as they lie and turned, with room between their lines, give what they should, and what was in the result before, be it NaN, is forgotten.
    /// A zero times NaN or an infinity is NaN: some libraries pass over zeros.
    /// </summary>
    public static bool Passes<T>(IBlas blas)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        blas.Enter();
        for (var kind = 0; kind < 12; kind++)
        {
            var special = (kind / 4) switch { 0 => T.One, 1 => T.NaN, _ => T.PositiveInfinity };
            if (!Passes(blas, (kind & 1) != 0, (kind & 2) != 0, special))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Passes<T>(IBlas blas, bool leftTurned, bool rightTurned, T special)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var a = stackalloc T[Side * Step];
        var b = stackalloc T[Side * Step];
        var c = stackalloc T[Side * Step];
        for (var i = 0; i < Side * Step; i++)
        {
            (a[i], b[i], c[i]) = (T.CreateChecked((i % 4) - 1), T.CreateChecked((i % 3) - 1), T.NaN);
        }

        b[Step + 1] = special;
        var (left, right) = (new BlasFactor<T>(a, leftTurned, Step), new BlasFactor<T>(b, rightTurned, Step));
        blas.Multiply(Side - 1, Side, Side - 2, left, right, c, Step);
        for (var i = 0; i < Side - 1; i++)
        {
            for (var j = 0; j < Side; j++)
            {
                var sum = T.Zero;
                for (var p = 0; p < Side - 2; p++)
                {
                    sum += *left.At(i, p).Start * *right.At(p, j).Start;
                }

                if (!sum.Equals(c[(i * Step) + j]))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
