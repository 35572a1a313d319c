namespace Ad.Tensors.Cpu;

/// <summary>The gamma function's family, from its series (Abramowitz and Stegun 1964, chapters 6 and 23).</summary>
internal static partial class SpecialFunctions
{
    private const double EulerGamma = 0.57721566490153286061;

    // Above this the asymptotic series below are exact to rounding.
    private const double Large = 12;

    // The greatest n whose n! is finite.
    private const int MaxOrder = 170;

    // B_2, B_4, ...: the Bernoulli numbers.
    private static readonly double[] Bernoulli =
    [
        1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330,
    ];

    // zeta(k) - 1 = zeta(k, 2) for k = 2, 3, ...
    internal static readonly double[] ZetaMinusOne = [.. Enumerable.Range(2, 40).Select(k => HurwitzZeta(k, 2))];

    /// <summary>log |Gamma(x)|: to rounding for positive x, also near its zeros at 1 and 2.</summary>
    public static double Lgamma(double x)
    {
        if (double.IsNaN(x) || double.IsInfinity(x))
        {
            return double.IsNaN(x) ? x : double.PositiveInfinity;
        }

        if (x <= 0)
        {
            return x == Math.Floor(x)
                ? double.PositiveInfinity
                : x > -1e-20
                    ? -Math.Log(-x)
                    : Math.Log(Math.PI / (-x * Math.Abs(SinPi(x)))) - Lgamma(-x);
        }

        if (x >= Large)
        {
            return ((x - 0.5) * Math.Log(x)) - x + 0.91893853320467274178 + StirlingTail(x);
        }

        if (x < 0.5)
        {
            return LgammaNearTwo(x, false) - Math.Log(x);
        }

        if (x < 1.5)
        {
            return LgammaNearTwo(x - 1, false);
        }

        double product = 1;
        while (x > 2.5)
        {
            x -= 1;
            product *= x;
        }

        return Math.Log(product) + LgammaNearTwo(x - 2, true);
    }

    /// <summary>The derivative of log Gamma; at either zero the infinity it goes to, NaN at the other poles.</summary>
    public static double Digamma(double x)
    {
        if (x == 0)
        {
            return -1 / x;
        }

        if (x < 0)
        {
            return x == Math.Floor(x) ? double.NaN : Digamma(1 - x) - (Math.PI * CosPi(x) / SinPi(x));
        }

        // The shift is summed with what its roundings leave out: near the root at 1.46 little else remains.
        double shift = 0, rest = 0;
        for (; x < Large; x += 1)
        {
            var term = 1 / x;
            var sum = shift + term;
            var part = sum - shift;
            rest += (shift - (sum - part)) + (term - part) + (Math.FusedMultiplyAdd(-term, x, 1) / x);
            shift = sum;
        }

        var square = 1 / (x * x);
        double series = 0;
        for (var k = Bernoulli.Length - 1; k >= 0; k--)
        {
            series = (series + (Bernoulli[k] / (2 * (k + 1)))) * square;
        }

        return (Math.Log(x) - shift) - ((0.5 / x) + series + rest);
    }

    /// <summary>The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x), and by reflection below 0; at a pole the infinity on both its sides, NaN if they differ.</summary>
    public static double Polygamma(double n, double x)
    {
        if (n == 0)
        {
            return Digamma(x);
        }

        if (double.IsNaN(x) || !(n > 0) || n != Math.Floor(n) || double.IsNegativeInfinity(x))
        {
            return double.NaN;
        }

        var sign = n % 2 == 0 ? -1 : 1;
        if (x < 0)
        {
            return x != Math.Floor(x) ? (-sign * Polygamma(n, 1 - x)) - CotangentDerivative(n, x)
                : sign > 0 ? double.PositiveInfinity
                : double.NaN;
        }

        if (x == 0 || double.IsPositiveInfinity(x))
        {
            return x == 0 ? sign * double.PositiveInfinity : sign * 0.0;
        }

        double factorial = 1;
        for (var k = 2; k <= n && !double.IsInfinity(factorial); k++)
        {
            factorial *= k;
        }

        return sign * factorial * HurwitzZeta(n + 1, x);
    }

    /// <summary>The n-th derivative of pi cot(pi x): a polynomial in the cotangent c, as c' = -pi (1 + c^2). NaN for orders whose factorials are infinite.</summary>
    private static double CotangentDerivative(double n, double x)
    {
        if (n > MaxOrder)
        {
            return double.NaN;
        }

        var order = (int)n;
        Span<double> coefficients = stackalloc double[MaxOrder + 3];
        coefficients.Clear();
        coefficients[1] = 1;
        for (var k = 1; k <= order; k++)
        {
            // Of k c^(k-1) (1 + c^2), terms two apart: read from below before they are written.
            double below = 0;
            for (var i = 0; i <= k + 1; i++)
            {
                var here = coefficients[i];
                coefficients[i] = -(((i + 1) * coefficients[i + 1]) + ((i - 1) * below));
                below = here;
            }
        }

        var cotangent = CosPi(x) / SinPi(x);
        double sum = 0;
        for (var i = order + 1; i >= 0; i--)
        {
            sum = (sum * cotangent) + coefficients[i];
        }

        return sum * Math.Pow(Math.PI, n + 1);
    }

    /// <summary>The sum of (x + k)^-s over k = 0, 1, ..., for s above 1 and positive x, by Euler and Maclaurin's formula.</summary>
    private static double HurwitzZeta(double s, double x)
    {
        double head = 0;
        var last = x + Large;
        for (; x < last; x += 1)
        {
            head += Math.Pow(x, -s);
        }

        var power = Math.Pow(x, -s);
        var tail = (power * x / (s - 1)) + (power / 2);
        var factor = s * power / x;
        for (var k = 0; k < Bernoulli.Length; k++)
        {
            // factor is s (s+1) ... (s+2k) / (2k+2)! x^(-s-2k-1), but for the division by the factorial's last term.
            factor /= 2 * (k + 1);
            tail += Bernoulli[k] * factor;
            factor *= (s + (2 * k) + 1) * (s + (2 * k) + 2) / (x * x * ((2 * k) + 3));
        }

        return head + tail;
    }

    // lgamma(2 + z) for |z| <= 1/2 is z (1 - gamma) + sum (-1)^k (zeta(k) - 1) z^k / k, and lgamma(1 + z) that less log(1 + z).
    private static double LgammaNearTwo(double z, bool two)
    {
        double series = 0;
        for (var k = ZetaMinusOne.Length + 1; k >= 2; k--)
        {
            series = (series + ((k % 2 == 0 ? 1 : -1) * ZetaMinusOne[k - 2] / k)) * z;
        }

        var result = z * (1 - EulerGamma + series);
        return two ? result : result - Functions.Log1p.Of(z);
    }

    private static double StirlingTail(double x)
    {
        var square = 1 / (x * x);
        double series = 0;
        for (var k = Bernoulli.Length - 1; k >= 0; k--)
        {
            series = (series * square) + (Bernoulli[k] / (2 * (k + 1) * ((2 * k) + 1)));
        }

        return series / x;
    }

    private static double SinPi(double x)
    {
        var nearest = Math.Round(x);
        var sine = Math.Sin(Math.PI * (x - nearest));
        return nearest % 2 == 0 ? sine : -sine;
    }

    private static double CosPi(double x)
    {
        var nearest = Math.Round(x);
        var cosine = Math.Cos(Math.PI * (x - nearest));
        return nearest % 2 == 0 ? cosine : -cosine;
    }
}
