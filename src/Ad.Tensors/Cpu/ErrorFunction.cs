namespace Ad.Tensors.Cpu;

internal static partial class SpecialFunctions
{
    /// <summary>The error function.</summary>
    public static double Erf(double x)
    {
        var a = Math.Abs(x);
        if (!(a < 6))
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }

        if (a < 2.5)
        {
            // x 2/sqrt(pi) e^(-x^2) sum of (2 x^2)^n / (1 3 ... (2n + 1)): all terms positive.
            var square = 2 * x * x;
            double term = 1, sum = 1;
            for (var n = 1; term > sum * 1e-17; n++)
            {
                term *= square / ((2 * n) + 1);
                sum += term;
            }

            return 1.1283791670955125739 * x * Math.Exp(-x * x) * sum;
        }

        double fraction = 0;
        for (var k = 60; k >= 1; k--)
        {
            fraction = k / 2.0 / (a + fraction);
        }

        var tail = Math.Exp(-a * a) / (a + fraction) * 0.56418958354775628695;
        return Math.CopySign(1 - tail, x);
    }
}
