using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class WindowTests
{
    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    public void Windows_of_any_kind_combine_what_they_see(DType type)
    {
        for (var seed = 0; seed < 250; seed++)
        {
            var make = new Make(seed);
            var build = new Build();
            var (x, positions, windows) = Laid(make, build, type);
            var kinds = Enum.GetValues<Reduction>();
            int[] results = [.. kinds.Select(kind => build.Window(kind, x, positions, windows))];
            var awkward = make.Chance(0.3) ? make.Tensor(type, build[x].Shape, true) : make.Tensor(type, build[x].Shape);
            Compare.ToReference(build.Returning([.. results.Where((_, i) => kinds[i] != Reduction.Sum || awkward.Floats.All(f => Math.Abs(f) < 1e6))]), 0, awkward);
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void What_flows_to_winners_is_shared_by_ties_and_is_NaN_only_in_windows_with_one(DType type)
    {
        for (var seed = 0; seed < 250; seed++)
        {
            var make = new Make(seed);
            var build = new Build();
            var (x, positions, windows) = Laid(make, build, type);
            var (t, g) = (build.Input(type, [.. build[x].Shape]), build.Input(type, [.. build[x].Shape.Sizes[..^positions.Length], .. positions]));
            var share = build.Raw(new Operation.WindowShare(Reduction.Max, windows), type, build[g].Shape, x, t);
            var spread = build.Raw(new Operation.WindowSpread(Reduction.Max, windows), type, build[x].Shape, x, g);
            var least = build.Raw(new Operation.WindowShare(Reduction.Min, windows), type, build[g].Shape, x, t);
            var back = build.Raw(new Operation.WindowSpread(Reduction.Min, windows), type, build[x].Shape, x, g);

            // Few different numbers, so that many are ties; what flows is divided by at most 8 of them without rounding.
            Plain Few(int i) => Filled(type, build[i].Shape, () => make.Below(4) - 1);
            var image = Few(x);
            if (make.Chance(0.3) && image.Count > 0)
            {
                image[make.Below(image.Count)] = make.Pick(double.NaN, double.NegativeInfinity, double.PositiveInfinity);
            }

            Compare.ToReference(
                build.Returning(share, spread, least, back), 0, image, Filled(type, build[t].Shape, () => 840 * make.Below(5)), Filled(type, build[g].Shape, () => 840 * make.Below(5)));
        }
    }

    private static Plain Filled(DType type, Shape shape, Func<int> element)
    {
        var r = Plain.Of(type, shape);
        for (var i = 0; i < r.Count; i++)
        {
            r[i] = element();
        }

        return r;
    }

    private static (int X, int[] Positions, Windows Windows) Laid(Make make, Build build, DType type)
    {
        var spatial = 1 + make.Below(3);
        Axes Each(Func<int> f) => new([.. Enumerable.Range(0, spatial).Select(_ => f())]);
        var most = spatial == 3 ? 7 : spatial == 2 ? 16 : 70;
        var windows = new Windows(
            Each(() => 1 + make.Below(spatial == 1 ? 7 : 2)),
            Each(() => 1 + make.Below(3)),
            Each(() => make.Below(5) - 2),
            Each(() => make.Chance(0.7) ? 1 : 1 + make.Below(3)),
            Each(() => 1 + make.Below(3)));
        int[] leading = [.. Enumerable.Range(0, make.Below(3)).Select(_ => make.Below(4))];
        if (spatial == 2 && make.Chance(0.4))
        {
            // Pooling as networks have it: lines shorter and longer than vectors, in images after one another.
            var two = new Axes(2, 2);
            int[] pooled = [1 + make.Below(9), 1 + make.Below(make.Pick(4, 12, 40))];
            var image = build.Input(type, [.. leading, 2 * pooled[0], 2 * pooled[1]]);
            return (image, pooled, new Windows(two, two, new Axes(0, 0), new Axes(1, 1), new Axes(1, 1)));
        }

        var x = build.Input(type, [.. leading, .. Each(() => make.Below(most)).Values]);
        return (x, Each(() => make.Below(most)).ToArray(), windows);
    }
}
