using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class AccuracyTests
{
    private static readonly Pointwise[] Smooth =
    [
        Pointwise.Exp, Pointwise.Expm1, Pointwise.Log, Pointwise.Log1p, Pointwise.Sqrt, Pointwise.Rsqrt, Pointwise.Sin, Pointwise.Cos, Pointwise.Tan,
        Pointwise.Asin, Pointwise.Acos, Pointwise.Atan, Pointwise.Sinh, Pointwise.Cosh, Pointwise.Tanh, Pointwise.Asinh, Pointwise.Acosh,
        Pointwise.Atanh, Pointwise.Sigmoid, Pointwise.Erf,
    ];

    public static TheoryData<Pointwise> Functions => [.. Smooth];

    [Theory]
    [MemberData(nameof(Functions))]
    public void A_function_is_within_some_ulp_over_all_magnitudes(Pointwise function)
    {
        foreach (var type in new[] { DType.Float64, DType.Float32 })
        {
            var x = Plain.Of(type, new Shape(60_000));
            var random = new Random(7);
            for (var i = 0; i < x.Count; i++)
            {
                var magnitude = type == DType.Float32 ? (random.NextDouble() * 76) - 38 : (random.NextDouble() * 616) - 308;
                x[i] = (i % 4) switch
                {
                    0 => (random.NextDouble() - 0.5) * 4,
                    1 => (random.NextDouble() - 0.5) * 200,
                    2 => Math.Pow(10, magnitude) * (random.Next(2) == 0 ? 1 : -1),
                    _ => Math.Pow(10, (random.NextDouble() * 40) - 20) * (random.Next(2) == 0 ? 1 : -1),
                };
            }

            var build = new Build();
            var program = build.Returning(build.Apply(function, build.Input(type, x.Count)));
            var actual = Compare.Run(Compare.One, program, x)[0];
            double worst = 0;
            var at = 0;
            for (var i = 0; i < x.Count; i++)
            {
                var expected = Scalars.Float(function, type, x.Floats[i], 0, 0);
                var error = Compare.Ulps(type, type == DType.Float32 ? (float)expected : expected, actual.Floats[i]);
                (worst, at) = error > worst ? (error, i) : (worst, at);
            }

            var most = type == DType.Float64 ? 4 : function is Pointwise.Sin or Pointwise.Cos or Pointwise.Tanh or Pointwise.Sigmoid ? 2 : 1;
            Assert.True(worst <= most, $"{function} of {x.Floats[at]:R} is {actual.Floats[at]:R}: {worst} ulp off.");
        }
    }

    // What their pages promise, over all bit patterns of float32 and once more where most arguments lie.
    [Theory]
    [InlineData(Pointwise.Exp, 1.1)]
    [InlineData(Pointwise.Sin, 2.0)]
    [InlineData(Pointwise.Cos, 2.0)]
    [InlineData(Pointwise.Tanh, 2.0)]
    [InlineData(Pointwise.Sigmoid, 2.0)]
    public void A_float32_function_is_as_close_as_it_promises(Pointwise function, double ulp)
    {
        var random = new Random(11);
        var x = Plain.Of(DType.Float32, new Shape(400_000));
        for (var i = 0; i < x.Count; i++)
        {
            x[i] = (i % 4) switch
            {
                0 => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)),
                1 => (float)((random.NextDouble() - 0.5) * 200),
                2 => (float)(Math.PI / 2 * random.Next(-6000, 6000)),
                _ => (float)((random.NextDouble() - 0.5) * 4),
            };
        }

        var build = new Build();
        var actual = Compare.Run(Compare.One, build.Returning(build.Apply(function, build.Input(DType.Float32, x.Count))), x)[0];
        for (var i = 0; i < x.Count; i++)
        {
            var expected = Scalars.Float(function, DType.Float64, x.Floats[i], 0, 0);
            if (!double.IsFinite((float)expected) || double.IsNaN(actual.Floats[i]))
            {
                Assert.Equal((float)expected, (float)actual.Floats[i]);
                continue;
            }

            var unit = Math.Max(MathF.BitIncrement(Math.Abs((float)expected)) - (double)Math.Abs((float)expected), float.Epsilon);
            Assert.True(
                Math.Abs(actual.Floats[i] - expected) <= ulp * unit,
                $"{function} of {x.Floats[i]:R} is {actual.Floats[i]:R}, but should be {expected:R}: {Math.Abs(actual.Floats[i] - expected) / unit} ulp off.");
        }
    }

    [Fact]
    public void An_element_is_the_same_wherever_it_lies()
    {
        var random = new Random(3);
        var values = Enumerable.Range(0, 40).Select(_ => (random.NextDouble() - 0.5) * 6).ToArray();
        foreach (var function in Smooth)
        {
            foreach (var type in new[] { DType.Float32, DType.Float64 })
            {
                var all = One(function, type, values);
                for (var i = 0; i < values.Length; i += 7)
                {
                    Assert.Equal(all[i], One(function, type, [values[i]])[0]);
                    Assert.Equal(all[i], One(function, type, values[i..])[0]);
                }
            }
        }
    }

    // Values from tables: Abramowitz and Stegun 1964 (6.1 to 6.4, 7.1) and, to all digits, from 50-digit arithmetic.
    [Theory]
    [InlineData(Pointwise.Erf, 0.5, 0.5204998778130465)]
    [InlineData(Pointwise.Erf, -1, -0.8427007929497149)]
    [InlineData(Pointwise.Erf, 1e-300, 1.1283791670955126e-300)]
    [InlineData(Pointwise.Erf, 2.5, 0.9995930479825550)]
    [InlineData(Pointwise.Erf, 5, 0.9999999999984626)]
    [InlineData(Pointwise.Erfc, 0.499, 0.48037934401053154)]
    [InlineData(Pointwise.Erfc, 5.9, 7.1904097835504777e-17)]
    [InlineData(Pointwise.Erfc, 26.0, 5.663192408856143e-296)]
    [InlineData(Pointwise.Erfinv, -0.8, -0.90619380243682331)]
    [InlineData(Pointwise.Erfinv, 0.4999, 0.4768250236254278)]
    [InlineData(Pointwise.Erfinv, 0.9999999999, 4.5728249585449249)]
    [InlineData(Pointwise.Erfcinv, 5e-324, 27.213293210812949)]
    [InlineData(Pointwise.Erfcinv, 1e-100, 15.065574702592646)]
    [InlineData(Pointwise.Erfcinv, 1.7, -0.73286907795921678)]
    [InlineData(Pointwise.Lgamma, 0.5, 0.5723649429247001)]
    [InlineData(Pointwise.Lgamma, 1, 0)]
    [InlineData(Pointwise.Lgamma, 2, 0)]
    [InlineData(Pointwise.Lgamma, 1.0000001, -5.772155829918507e-08)]
    [InlineData(Pointwise.Lgamma, 100, 359.1342053695754)]
    [InlineData(Pointwise.Lgamma, -0.5, 1.2655121234846454)]
    [InlineData(Pointwise.Lgamma, 1e-8, 18.420680738180209)]
    [InlineData(Pointwise.Lgamma, 3.5, 1.2009736023470743)]
    [InlineData(Pointwise.Lgamma, 2.0000001, 4.227843666532498e-08)]
    [InlineData(Pointwise.Lgamma, 1.75, -0.08440112102048555)]
    [InlineData(Pointwise.Lgamma, -3.25, -0.6231534513209986)]
    [InlineData(Pointwise.Lgamma, 11.5, 16.292000476567242)]
    [InlineData(Pointwise.Lgamma, 1e10, 220258509288.81058)]
    [InlineData(Pointwise.Digamma, 1.5, 0.03648997397857652)]
    [InlineData(Pointwise.Digamma, 25.25, 3.2088934898690553)]
    [InlineData(Pointwise.Digamma, 1, -0.5772156649015329)]
    [InlineData(Pointwise.Digamma, 0.5, -1.9635100260214235)]
    [InlineData(Pointwise.Digamma, 10, 2.2517525890667211)]
    [InlineData(Pointwise.Digamma, -1.5, 0.7031566406452432)]
    public void A_special_function_has_its_tabulated_value(Pointwise function, double x, double expected)
    {
        var actual = One(function, DType.Float64, [x])[0];
        // Digamma crosses 0 at 1.46, where only its absolute error is small.
        var least = function == Pointwise.Digamma ? 0.5 : 1e-2;
        Assert.True(Math.Abs(actual - expected) <= 4e-16 * Math.Max(least, Math.Abs(expected)) || Compare.Ulps(DType.Float64, actual, expected) <= 4, $"{actual:R} for {expected:R}");
    }

    [Theory]
    [InlineData(1, 1, 1.6449340668482264)]
    [InlineData(2, 1, -2.4041138063191886)]
    [InlineData(3, 0.5, 97.40909103400243)]
    [InlineData(1, 20.5, 0.04998959242996099)]
    [InlineData(0, 1, -0.5772156649015329)]
    [InlineData(1, -0.5, 8.934802200544679)]
    [InlineData(1, -2.25, 19.379410511869139)]
    [InlineData(2, -0.25, 122.69736678366236)]
    [InlineData(3, -1.5, 194.59427621918763)]
    [InlineData(0, 0, double.NegativeInfinity)]
    [InlineData(0, -0.0, double.PositiveInfinity)]
    [InlineData(1, 0, double.PositiveInfinity)]
    [InlineData(2, 0, double.NegativeInfinity)]
    [InlineData(1, -3, double.PositiveInfinity)]
    [InlineData(2, -3, double.NaN)]
    [InlineData(1, double.NegativeInfinity, double.NaN)]
    public void A_derivative_of_digamma_has_its_tabulated_value(double order, double x, double expected)
    {
        var actual = SpecialFunctions.Polygamma(order, x);
        Assert.True(actual.Equals(expected) || Math.Abs(actual - expected) <= 1e-14 * Math.Abs(expected), $"{actual:R} for {expected:R}");
    }

    private static double[] One(Pointwise function, DType type, double[] x)
    {
        var tensor = Plain.Of(type, new Shape(x.Length));
        for (var i = 0; i < x.Length; i++)
        {
            tensor[i] = x[i];
        }

        var build = new Build();
        return Compare.Run(Compare.One, build.Returning(build.Apply(function, build.Input(type, x.Length))), tensor)[0].Floats;
    }
}
