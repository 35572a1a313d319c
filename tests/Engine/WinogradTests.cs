using System.Numerics;
using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Convolutions by windows of 3 x 3, and to results of 3 x 3, by Winograd's tiles, against each result by itself.</summary>
public sealed class WinogradTests
{
    [Fact]
    public void Numbers_that_round_nowhere_give_the_sums_over_windows()
    {
        OperationTests.Repeat(120, make =>
        {
            Exactly<float>(make);
            Exactly<double>(make);
        });
    }

    [Fact]
    public void Any_number_of_threads_gives_the_same_bits()
    {
        OperationTests.Repeat(60, make =>
        {
            var problem = Problem<float>.Of(make, _ => (float)(Real(make) - 0.5));
            var one = problem.Run(new Workers(1));
            Assert.NotNull(one);
            Assert.Equal(one, problem.Run(new Workers(2)));
            Assert.Equal(one, problem.Run(new Workers(4)));
        });
    }

    [Fact]
    public void Errors_are_within_nine_times_terms_and_ten_roundings_of_what_is_seen_times_weights()
    {
        OperationTests.Repeat(60, make =>
        {
            // Eight orders of magnitude beside each other.
            var problem = Problem<float>.Of(make, _ => (float)((Real(make) - 0.5) * Math.Pow(10, (8 * Real(make)) - 4)));
            var (exact, found) = (problem.InDoubles().Plainly(), problem.Run(new Workers(1))!);
            var (terms, sizes) = problem.TileSizes();
            for (var i = 0; i < found.Length; i++)
            {
                var bound = 9 * (terms + 10) * Math.ScaleB(1, -24) * sizes[i];
                Assert.True(Math.Abs(found[i] - exact[i]) <= bound, $"{found[i]} for {exact[i]}, which may be {bound} from it, in {problem}");
            }
        });
    }

    [Fact]
    public void What_is_not_finite_or_might_not_stay_so_is_left_to_other_forms()
    {
        OperationTests.Repeat(60, make =>
        {
            var problem = Problem<float>.Of(make, _ => make.Below(17) - 8, isWithin: true);
            var all = make.Chance(0.5) ? problem.Image : problem.Kernel;
            all[make.Below(all.Length)] = make.Pick(float.NaN, float.PositiveInfinity, float.NegativeInfinity, 3e38f);
            Assert.Null(problem.Run(new Workers(2)));
        });
    }

    [Fact]
    public void It_is_chosen_for_windows_of_three_by_three_at_every_position_and_many_channels()
    {
        foreach (var (strides, window, isChosen) in new[] { (1, 3, true), (2, 3, false), (1, 5, false), (1, 16, true) })
        {
            var build = new Build();
            var (x, k) = (build.Input(DType.Float32, 32, 1, 32, 16, 16), build.Input(DType.Float32, 1, 32, 32, window, window));
            var outputs = ((16 + 2 - window) / strides) + 1;
            var r = build.Convolve(x, k, [outputs, outputs], [strides, strides], [1, 1], [1, 1], [1, 1]);
            Assert.Equal(isChosen, Compare.One.Prepare(build.Returning(r)).ToString()!.Contains("Winograd's tiles", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_convolution_with_what_is_not_finite_in_it_is_as_the_plain_sums_say()
    {
        OperationTests.Repeat(20, make =>
        {
            var build = new Build();
            var (x, k) = (build.Input(DType.Float32, 2, 1, 16, 9, 12), build.Input(DType.Float32, 1, 16, 16, 3, 3));
            var r = build.Convolve(x, k, [9, 12], [1, 1], [1, 1], [1, 1], [1, 1]);
            Plain[] arguments = [Plain.Of(DType.Float32, build[x].Shape), Plain.Of(DType.Float32, build[k].Shape)];
            foreach (var argument in arguments)
            {
                for (var i = 0; i < argument.Count; i++)
                {
                    argument[i] = (make.Below(17) - 8) / 4.0;
                }
            }

            var all = make.Pick(arguments);
            all[make.Below(all.Count)] = make.Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity);
            Compare.ToReference(build.Returning(r), 0, arguments);
        });
    }

    private static double Real(Make make) => make.Below(1 << 24) / (double)(1 << 24);

    private static void Exactly<T>(Make make)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!WinogradTiles<T>.IsSupported)
        {
            return;
        }

        // Quarters up to 2: products of their sums are 64ths, which add up exactly.
        var problem = Problem<T>.Of(make, _ => T.CreateChecked((make.Below(17) - 8) / 4.0));
        var expected = problem.Plainly();
        foreach (var workers in new[] { new Workers(1), new Workers(3) })
        {
            Assert.True(expected.AsSpan().SequenceEqual(problem.Run(workers)), $"{problem}");
        }
    }

    private sealed record Problem<T>(ConvolveLayout Layout, T[] Image, T[] Kernel, Operation.Convolve Convolve)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private bool IsSums => !ConvolveWinograd<T>.Suits(Layout);

        public static Problem<T> Of(Make make, Func<int, T> element, bool isWithin = false)
        {
            // Windows of 3 x 3 at many positions, or large ones at 3 x 3.
            var isSums = make.Chance(0.5);
            var most = make.Pick(5, 12, 40);
            var (groups, channels, results) = (make.Pick(1, 1, 3), make.Pick(1, 2, 5, 16, 33), make.Pick(1, 4, 7, 16, 17, 40));
            int[] low = isWithin ? [0, 0] : [make.Below(7) - 3, make.Below(7) - 3];
            int[] size = [4 + make.Below(most), 4 + make.Below(most)];
            int[] many = isWithin ? [size[0] - 2, size[1] - 2] : [2 + make.Below(most), 2 + make.Below(most)];
            var (window, outputs) = isSums ? (many, [3, 3]) : (new[] { 3, 3 }, many);
            var image = new Shape(1 + make.Below(5), groups, channels, size[0], size[1]);
            var turned = Ad.Tensors.Layout.RowMajor(new Shape(groups, results, channels, window[0], window[1]));
            if (make.Chance(0.5))
            {
                turned = Ad.Tensors.Layout.RowMajor(new Shape(groups, channels, results, window[0], window[1])).Permute([0, 2, 1, 3, 4]);
                turned = isSums ? turned : turned.Flip(new Axes(3, 4));
            }

            var one = new Axes(1, 1);
            var convolve = new Operation.Convolve(one, new Axes(low), one, one);
            var layout = new ConvolveLayout(
                convolve, Ad.Tensors.Layout.RowMajor(image), turned, new Shape(image[0], groups, results, outputs[0], outputs[1]));
            Assert.True(isSums ? ConvolveWinogradSums<T>.Suits(layout) : ConvolveWinograd<T>.Suits(layout));
            return new Problem<T>(
                layout,
                [.. Enumerable.Range(0, (int)image.Elements).Select(element)],
                [.. Enumerable.Range(0, groups * results * channels * window[0] * window[1]).Select(element)],
                convolve);
        }

        public Problem<double> InDoubles() =>
            new(Layout, [.. Image.Select(double.CreateChecked)], [.. Kernel.Select(double.CreateChecked)], Convolve);

        public unsafe T[] Plainly()
        {
            var r = new T[Count];
            fixed (T* x = Image, k = Kernel, to = r)
            {
                new ConvolvePlainly<T>(Layout).Run(x, k, to, new Workers(1));
            }

            return r;
        }

        /// <summary>The results, or null where it refuses.</summary>
        public unsafe T[]? Run(Workers workers)
        {
            var r = new T[Count];
            Array.Fill(r, T.NaN);
            fixed (T* x = Image, k = Kernel, to = r)
            {
                IConvolveForm<T> form = IsSums ? new ConvolveWinogradSums<T>(Layout) : new ConvolveWinograd<T>(Layout);
                return form.TryRun(x, k, to, workers) ? r : null;
            }
        }

        /// <summary>How many products each result adds up, and the sum of those of the sizes in its window, or in tiles of 4 x 4, and of the weights.</summary>
        public (int Terms, double[] Sizes) TileSizes()
        {
            var (down, across) = (Layout.Axes[0], Layout.Axes[1]);
            var sizes = new double[Count];
            var (tilesDown, tilesAcross) = IsSums ? ((down.Taps + 1) / 2, (across.Taps + 1) / 2) : (1, 1);
            for (var i = 0; i < sizes.Length; i++)
            {
                var (rest, column) = Math.DivRem(i, across.Outputs);
                (rest, var line) = Math.DivRem(rest, down.Outputs);
                (rest, var o) = Math.DivRem(rest, Layout.O);
                var (n, g) = Math.DivRem(rest, Layout.G);
                for (var c = 0; c < Layout.C; c++)
                {
                    var image = Layout.Image(n, g) + (c * Layout.ImageChannel);
                    var kernel = Layout.Kernel(g) + (o * Layout.KernelRow) + (c * Layout.KernelChannel);
                    for (var tile = 0; tile < tilesDown * tilesAcross; tile++)
                    {
                        var (y, x) = IsSums ? (tile / tilesAcross * 2, tile % tilesAcross * 2) : (line, column);
                        sizes[i] += Sizes(Image, image, Layout.ImageStrides, y - down.Low, x - across.Low, IsSums ? 4 : 3, down.Input, across.Input)
                            * (IsSums ? Sizes(Kernel, kernel, Layout.KernelStrides, y, x, 2, down.Taps, across.Taps)
                                : Sizes(Kernel, kernel, Layout.KernelStrides, 0, 0, 3, 3, 3));
                    }
                }
            }

            return (Layout.C * tilesDown * tilesAcross, sizes);
        }

        private static double Sizes(T[] of, long start, long[] strides, int top, int left, int side, int height, int width)
        {
            var sum = 0.0;
            for (var p = 0; p < side * side; p++)
            {
                var (y, x) = (top + (p / side), left + (p % side));
                sum += y >= 0 && y < height && x >= 0 && x < width ? Math.Abs(double.CreateChecked(of[start + (y * strides[0]) + (x * strides[1])])) : 0;
            }

            return sum;
        }

        public override string ToString() =>
            $"[{Layout.N}, {Layout.G}, {Layout.C}] to {Layout.O}, {Layout.Axes[0]}, {Layout.Axes[1]}";

        private int Count => Layout.N * Layout.G * Layout.O * Layout.Positions;
    }
}
