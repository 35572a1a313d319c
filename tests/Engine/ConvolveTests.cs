using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class ConvolveTests
{
    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    public void Any_convolution_is_the_sum_over_its_windows(DType type)
    {
        for (var seed = 0; seed < 150; seed++)
        {
            Check(new Make(seed), type, size => 1 + size, false);
        }
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Empty_axes_are_no_exception(DType type)
    {
        for (var seed = 0; seed < 80; seed++)
        {
            Check(new Make(seed), type, size => size, false);
        }
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Infinities_and_NaN_spread_to_the_windows_they_are_in_and_no_further(DType type)
    {
        for (var seed = 0; seed < 80; seed++)
        {
            Check(new Make(seed), type, size => 1 + size, true);
        }
    }

    /// <summary>Sizes as networks have them, each with the convolutions that differentiate it.</summary>
    public static TheoryData<int, int, int, int, int, int, int, int, int> Layers => new()
    {
        // examples, groups, channels, results, size, window, stride, padding, dilation
        { 4, 1, 1, 6, 28, 5, 1, 0, 1 }, { 3, 1, 6, 16, 12, 5, 1, 0, 1 }, { 2, 1, 3, 16, 32, 3, 1, 1, 1 }, { 2, 1, 16, 32, 32, 3, 2, 1, 1 },
        { 2, 1, 16, 32, 32, 1, 2, 0, 1 }, { 3, 1, 40, 50, 8, 3, 1, 1, 1 }, { 2, 24, 1, 1, 17, 3, 1, 1, 1 }, { 2, 12, 1, 2, 17, 3, 2, 1, 1 },
        { 2, 3, 5, 7, 15, 3, 1, 2, 2 }, { 1, 1, 20, 20, 64, 3, 1, 1, 1 }, { 5, 1, 70, 13, 7, 1, 1, 0, 1 }, { 2, 1, 4, 9, 19, 4, 3, 2, 1 },
    };

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_layer_and_both_its_derivatives_have_the_same_bits_on_any_number_of_threads(
        int n, int g, int c, int o, int size, int window, int stride, int padding, int dilation)
    {
        var make = new Make(size);
        foreach (var type in new[] { DType.Float32, DType.Float64 })
        {
            var reach = ((window - 1) * dilation) + 1;
            var outputs = ((size + (2 * padding) - reach) / stride) + 1;
            int[] Both(int value) => [value, value];
            var build = new Build();
            var (x, k) = (build.Input(type, n, g, c, size, size), build.Input(type, g, o, c, window, window));
            var y = build.Input(type, n, g, o, outputs, outputs);
            var forward = build.Convolve(x, k, Both(outputs), Both(stride), Both(padding), Both(1), Both(dilation));
            var byInput = build.Convolve(
                y, build.Permute(build.Flip(k, 3, 4), 0, 2, 1, 3, 4), Both(size), Both(1), Both(((window - 1) * dilation) - padding), Both(stride), Both(dilation));
            var byKernel = build.Convolve(
                build.Permute(x, 2, 1, 0, 3, 4), build.Permute(y, 1, 2, 0, 3, 4),
                Both(window), Both(dilation), Both(padding), Both(1), Both(stride));
            Compare.ToReference(build.Returning(forward, byInput, byKernel), 0, Quarters(make, type, build[x].Shape), Quarters(make, type, build[k].Shape), Quarters(make, type, build[y].Shape));
        }
    }

    private static void Check(Make make, DType type, Func<int, int> size, bool awkward)
    {
        var spatial = make.Below(4);
        int[] Each(Func<int> f) => [.. Enumerable.Range(0, spatial).Select(_ => f())];
        var most = spatial == 3 ? 6 : spatial == 2 ? 14 : 40;
        var build = new Build();
        var (groups, channels) = (size(make.Below(3)), size(make.Below(5)));
        var isWide = make.Chance(0.4);
        var images = Each(() => size(make.Below(most)));
        var windows = Each(() => size(make.Below(isWide ? most : 4)));
        var outputs = Each(() => size(make.Below(isWide ? 4 : most)));
        var x = build.Input(type, [size(make.Below(4)), groups, channels, .. images]);
        var k = build.Input(type, [groups, size(make.Below(make.Chance(0.5) ? 4 : 20)), channels, .. windows]);
        var (seenX, seenK) = (x, k);
        if (make.Chance(0.3))
        {
            seenX = build.Flip(x, make.Subset(3 + spatial, 0.5));
            seenK = build.Flip(k, make.Subset(3 + spatial, 0.5));
        }

        var r = build.Convolve(
            seenX, seenK, outputs, Each(() => 1 + make.Below(3)), Each(() => make.Below(7) - 3), Each(() => make.Chance(0.6) ? 1 : 1 + make.Below(4)), Each(() => 1 + make.Below(3)));
        var arguments = new[] { Quarters(make, type, build[x].Shape), Quarters(make, type, build[k].Shape) };
        if (awkward)
        {
            foreach (var argument in arguments)
            {
                for (var i = make.Below(3); i > 0 && argument.Count > 0; i--)
                {
                    argument[make.Below(argument.Count)] = make.Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity);
                }
            }
        }

        Compare.ToReference(build.Returning(r), 0, arguments);
    }

    // Quarters up to 2: a thousand of their products add up exactly in float32, in any order.
    private static Plain Quarters(Make make, DType type, Shape shape)
    {
        var r = Plain.Of(type, shape);
        for (var i = 0; i < r.Count; i++)
        {
            r[i] = type.IsFloat() ? (make.Below(17) - 8) / 4.0 : make.Below(17) - 8;
        }

        return r;
    }
}
