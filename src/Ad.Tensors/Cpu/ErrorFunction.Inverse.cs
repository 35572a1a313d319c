namespace Ad.Tensors.Cpu;

internal static partial class SpecialFunctions
{
    private const double TwoOverRootPi = 1.1283791670955125739;

    // Orders of repeated integrals beyond this are not computed.
    private const int MostIntegrals = 100;

    /// <summary>
    /// (1 + 2 x) e^(x^2) erfc x for x >= 0 in Chebyshev's polynomials of (x - 3.75) / (x + 3.75), the variable of Schonfelder (1978): from 50 digits, and what is
    /// left out is below 2e-18.
    /// </summary>
    public static ReadOnlySpan<double> Scaled =>
    [
        1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753, 0.009074997670705265,
        -0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-05, 4.13902798607301e-06, 7.74038306619849e-07,
        -2.1886401049234397e-07, 1.076499946567091e-08, 4.521959811218287e-09, -7.754400208831351e-10, -6.318088340886684e-11,
        2.86879501093067e-11, 1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14, 3.3478119482868056e-14,
        -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17, 5.068148904796111e-17, -2.2370566594359995e-18,
        -2.187342944303018e-18,
    ];

    /// <summary>1 - erf x: to rounding of itself for every x.</summary>
    public static double Erfc(double x)
    {
        if (x < 0.5 || double.IsNaN(x))
        {
            return 1 - Erf(x);
        }

        // What the rounding of the square leaves out would count in the exponent.
        var square = x * x;
        return x > 27.5 ? 0 : Math.Exp(-square) * (1 - Math.FusedMultiplyAdd(x, x, -square)) * Erfcx(x);
    }

    /// <summary>e^(x^2) erfc x.</summary>
    public static double Erfcx(double x)
    {
        if (x < 0)
        {
            var square = x * x;
            return x < -27 ? double.PositiveInfinity : (2 * Math.Exp(square) * (1 + Math.FusedMultiplyAdd(x, x, -square))) - Erfcx(-x);
        }

        if (x > 1e10)
        {
            return TwoOverRootPi / 2 / x;
        }

        // Clenshaw's recurrence.
        double t = (x - 3.75) / (x + 3.75), later = 0, sum = 0;
        for (var k = Scaled.Length - 1; k > 0; k--)
        {
            (sum, later) = ((2 * t * sum) - later + Scaled[k], sum);
        }

        return ((t * sum) - later + Scaled[0]) / (1 + (2 * x));
    }

    /// <summary>
    /// e^(x^2) i^n erfc x, where i^n erfc is the integral of i^(n-1) erfc from x to infinity. With w_n for it, w_-1 = 2 / sqrt(pi) and 2 n w_n = w_(n-2) - 2 x w_(n-1)
    /// (Abramowitz and Stegun 1964, 7.2.5), forward where all terms are positive, by ratios from above where they are not (Gautschi 1961), in powers of x near 0.
    /// </summary>
    public static double Erfcx(double order, double x)
    {
        if (order == 0)
        {
            return Erfcx(x);
        }

        if (double.IsNaN(x) || !(order > 0) || order > MostIntegrals || order != Math.Floor(order))
        {
            return double.NaN;
        }

        var n = (int)order;
        if (x < 0)
        {
            double before = TwoOverRootPi, here = Erfcx(x);
            for (var k = 1; k <= n; k++)
            {
                (before, here) = (here, (before - (2 * x * here)) / (2 * k));
            }

            return here;
        }

        if (x < 0.5)
        {
            // w_n' = -2 (n + 1) w_(n+1), and w_n(0) = w_(n-2)(0) / (2 n).
            double before = TwoOverRootPi, here = 1;
            for (var k = 1; k <= n; k++)
            {
                (before, here) = (here, before / (2 * k));
            }

            double sum = 0, factor = 1, term;
            var place = n;
            do
            {
                term = factor * here;
                sum += term;
                place++;
                factor *= -2 * x * place / (place - n);
                (before, here) = (here, before / (2 * place));
            }
            while (Math.Abs(term) > 1e-18 * sum);
            return sum;
        }

        var root = Math.Sqrt(2 * n) + (20 / x);
        var last = Math.Max(n + 30, (int)(root * root / 2));
        double ratio = 1 / (x + Math.Sqrt((x * x) + (2.0 * last))), product = TwoOverRootPi;
        for (var k = last; k > 0; k--)
        {
            // The ratio of w_(k-1) to w_(k-2).
            ratio = 0.5 / (x + (k * ratio));
            product *= k - 1 <= n ? ratio : 1;
        }

        return product;
    }

    /// <summary>The inverse of erf: Newton's method with the second derivative around 0, by the distance from 1 beyond.</summary>
    public static double Erfinv(double x)
    {
        var a = Math.Abs(x);
        if (!(a <= 0.5))
        {
            return a <= 1 ? Math.CopySign(ErfcinvOfSmall(1 - a), x) : double.NaN;
        }

        var y = a / TwoOverRootPi * (1 + (Math.PI / 12 * a * a));
        for (var i = 0; i < 3; i++)
        {
            var step = (Erf(y) - a) / (TwoOverRootPi * Math.Exp(-y * y));
            y -= step / (1 + (y * step));
        }

        return Math.CopySign(y, x);
    }

    /// <summary>The inverse of erfc.</summary>
    public static double Erfcinv(double x) =>
        x < 0.5 ? ErfcinvOfSmall(x) : x <= 1.5 ? Erfinv(1 - x) : -ErfcinvOfSmall(2 - x);

    // Of c up to 1/2, by Newton's method on log erfc y = log c, which is concave.
    private static double ErfcinvOfSmall(double c)
    {
        if (!(c > 0))
        {
            return c == 0 ? double.PositiveInfinity : double.NaN;
        }

        var target = -Math.Log(c);
        var y = Math.Sqrt(target - (0.5 * Math.Log(Math.PI * target)));
        for (var i = 0; i < 6; i++)
        {
            var scaled = Erfcx(y);
            y -= ((y * y) - Math.Log(scaled) - target) * scaled / TwoOverRootPi;
        }

        return y;
    }
}
