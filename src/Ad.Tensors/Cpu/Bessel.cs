namespace Ad.Tensors.Cpu;

internal static partial class SpecialFunctions
{
    private const int MostBesselOrder = 1000;

    /// <summary>I_n(x) for whole n.</summary>
    public static double BesselI(double order, double x)
    {
        var half = Math.Exp(Math.Abs(x) / 2);
        var scaled = BesselIe(order, x);
        return double.IsInfinity(x) && !double.IsNaN(scaled) ? (order % 2 == 0 ? Math.Abs(x) : x) : scaled * half * half;
    }

    /// <summary>
    /// e^-|x| I_n(x) for whole n: Hankel's series of 1 / x for large x (Abramowitz and Stegun 1964, 9.7.1), else from the ratios of neighbours, which all are positive (Gautschi
    /// 1967), and the sum I_0 + 2 I_1 + 2 I_2 + ... = e^x.
    /// </summary>
    public static double BesselIe(double order, double x)
    {
        var n = Math.Abs(order);
        var a = Math.Abs(x);
        if (double.IsNaN(a) || !(n <= MostBesselOrder) || n != Math.Floor(n))
        {
            return double.NaN;
        }

        var sign = x < 0 && n % 2 != 0 ? -1 : 1;
        if (a > 25 + (2 * n * n))
        {
            double sum = 1, term = 1;
            for (var k = 1; k <= 40; k++)
            {
                term *= (((2 * k) - 1 - (2 * n)) * ((2 * k) - 1 + (2 * n))) / (8 * k * a);
                sum += term;
            }

            return sign * sum / Math.Sqrt(2 * Math.PI) / Math.Sqrt(a);
        }

        double ratio = 0, rest = 0, product = 1;
        for (var k = (int)Math.Sqrt((n * n) + (80 * a)) + 20; k > 0; k--)
        {
            // I_k / I_(k-1), and what follows I_(k-1) over it.
            ratio = a / ((2 * k) + (a * ratio));
            rest = ratio * (1 + rest);
            product *= k <= n ? ratio : 1;
        }

        return sign * product / (1 + (2 * rest));
    }

    /// <summary>
    /// J_n(x) for whole n: Hankel's series for large x (Abramowitz and Stegun 1964, 9.2.5), that of powers near 0, else Miller's recurrence from above with the sum
    /// J_0 + 2 J_2 + 2 J_4 + ... = 1.
    /// </summary>
    public static double BesselJ(double order, double x)
    {
        var n = Math.Abs(order);
        var a = Math.Abs(x);
        if (double.IsNaN(a) || !(n <= MostBesselOrder) || n != Math.Floor(n))
        {
            return double.NaN;
        }

        var sign = n % 2 != 0 && x < 0 != order < 0 ? -1 : 1;
        if (double.IsInfinity(a))
        {
            return 0;
        }

        return sign * (a > 25 + (n * n / 2) ? BesselJFar(n, a) : a * a <= 4 * (n + 1) ? BesselJNear(n, a) : BesselJBetween(n, a));
    }

    private static double BesselJFar(double n, double a)
    {
        double term = 1, even = 1, odd = 0;
        for (var k = 1; k <= 40; k++)
        {
            term *= (((2 * n) - (2 * k) + 1) * ((2 * n) + (2 * k) - 1)) / (8 * k * a);
            even += k % 4 == 0 ? term : k % 4 == 2 ? -term : 0;
            odd += k % 4 == 1 ? term : k % 4 == 3 ? -term : 0;
        }

        // The cosine and sine of a - pi / 4, turned back by right angles.
        double c = (Math.Cos(a) + Math.Sin(a)) / Math.Sqrt(2), s = (Math.Sin(a) - Math.Cos(a)) / Math.Sqrt(2);
        for (var k = n % 4; k > 0; k--)
        {
            (c, s) = (s, -c);
        }

        return Math.Sqrt(2 / Math.PI) / Math.Sqrt(a) * ((even * c) - (odd * s));
    }

    private static double BesselJNear(double n, double a)
    {
        double lead = 1, sum = 1, term = 1;
        for (var k = 1; k <= n; k++)
        {
            lead *= a / (2 * k);
        }

        for (var k = 1; k <= 25; k++)
        {
            term *= -(a * a / 4) / (k * (n + k));
            sum += term;
        }

        return lead * sum;
    }

    private static double BesselJBetween(double n, double a)
    {
        var larger = Math.Max(n, a);
        double above = 0, here = 1e-300, sum = 0, result = 0;
        for (var k = (int)(larger + (12 * Math.Cbrt(larger))) + 20; k > 0; k--)
        {
            (above, here) = (here, (2 * k / a * here) - above);
            if (Math.Abs(here) > 1e200)
            {
                (above, here, sum, result) = (above * 1e-200, here * 1e-200, sum * 1e-200, result * 1e-200);
            }

            result = k - 1 == n ? here : result;
            sum += k == 1 ? here : k % 2 == 1 ? 2 * here : 0;
        }

        return result / sum;
    }
}
