using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Each form of a convolution by itself, whatever form the sizes would choose.</summary>
public sealed class ConvolveFormTests
{
    [Fact]
    public void Every_form_gives_the_same_sums_on_any_number_of_threads()
    {
        OperationTests.Repeat(250, make =>
        {
            Run<float>(make, DType.Float32);
            Run<double>(make, DType.Float64);
        });
    }

    [Fact]
    public void What_is_not_finite_is_left_to_the_plain_sums_or_comes_out_as_theirs()
    {
        OperationTests.Repeat(150, make =>
        {
            Run<float>(make, DType.Float32, isAwkward: true);
            Run<double>(make, DType.Float64, isAwkward: true);
        });
    }

    private static unsafe void Run<T>(Make make, DType type, bool isAwkward = false)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var spatial = 1 + make.Below(3);
        int[] Each(Func<int> f) => [.. Enumerable.Range(0, spatial).Select(_ => f())];
        var most = spatial == 3 ? 5 : spatial == 2 ? 11 : 40;
        var (groups, channels, results) = (1 + make.Below(2), make.Pick(1, 2, 5, 33), make.Pick(1, 4, 7, 16, 17, 40, 70));
        var isPoints = spatial == 2 && make.Chance(0.3);
        int[] sizes = [make.Pick(1, 2, 3, 5), groups, channels, .. isPoints ? [4 * make.Pick(1, 3, 4), 4 * make.Pick(1, 2, 4)] : Each(() => 1 + make.Below(most))];
        int[] window = [groups, results, channels, .. Each(() => isPoints ? 1 : 1 + make.Below(most))];
        var result = new Shape([sizes[0], groups, results, .. isPoints ? sizes[3..] : Each(() => 1 + make.Below(most))]);
        var isUnit = isPoints || make.Chance(0.4);
        var convolve = new Operation.Convolve(
            new Axes(Each(() => isUnit ? 1 : 1 + make.Below(2))),
            new Axes(Each(() => isPoints ? 0 : make.Below(7) - 3)),
            new Axes(Each(() => isUnit || make.Chance(0.5) ? 1 : make.Pick(2, 2, 3))),
            new Axes(Each(() => 1 + make.Below(2))));
        var layout = new ConvolveLayout(convolve, Layout.RowMajor(new Shape(sizes)), Layout.RowMajor(new Shape(window)), result);
        T[] Quarters(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => T.CreateChecked((make.Below(17) - 8) / 4.0))];
        var (x, k) = (Quarters(new Shape(sizes).Elements), Quarters(new Shape(window).Elements));
        var argument = make.Chance(0.5) ? x : k;
        argument[make.Below(argument.Length)] = isAwkward ? T.CreateChecked(make.Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity)) : T.One;
        var expected = new T[result.Elements];
        fixed (T* image = x, kernel = k, plain = expected)
        {
            new ConvolvePlainly<T>(layout).Run(image, kernel, plain, new Workers(1));
            List<IConvolveForm<T>> forms = [new ConvolveSpread<T>(layout), new ConvolveDots<T>(layout), new ConvolveOuter<T>(layout)];
            if (ConvolveScatter<T>.Suits(layout))
            {
                forms.Add(new ConvolveScatter<T>(layout));
            }

            foreach (var workers in new[] { new Workers(1), new Workers(3) })
            {
                foreach (var form in forms)
                {
                    var sums = new T[result.Elements];
                    Array.Fill(sums, isAwkward ? T.One : T.NaN);
                    fixed (T* r = sums)
                    {
                        var isDone = form.TryRun(image, kernel, r, workers);
                        Assert.True(isDone || isAwkward);
                        Assert.True(
                            !isDone || expected.AsSpan().SequenceEqual(sums),
                            $"{form.Name} of {type.Name()} [{string.Join(", ", sizes)}] by [{string.Join(", ", window)}] to {result}: {convolve}");
                    }
                }
            }
        }
    }
}
