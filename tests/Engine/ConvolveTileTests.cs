using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Groups that take a convolution's results example by example on the host, against the same group on the convolution in memory.</summary>
public sealed class ConvolveTileTests
{
    private static readonly Device[] Devices = [new CpuDevice(1, 0), new CpuDevice(2, 0), new CpuDevice(4, 0), new CpuDevice(2, long.MaxValue)];

    // Sizes of a convolution whose form gives its results away: windows of 3 x 3 at every position by Winograd's tiles, all others by spreading.
    private sealed record Layer(int N, int G, int C, int O, int Side, int Wide, int Window, int Stride, int Low, int Dilation)
    {
        public int[] Image => [N, G, C, Side, Wide];

        public int[] Kernel => [G, O, C, Window, Window];

        public int[] Result => [N, G, O, Along(Side), Along(Wide)];

        public static Layer Of(Make make)
        {
            var all = make.Chance(0.4);
            var (n, g, c) = (1 + make.Below(make.Pick(2, 5, 12)), make.Pick(1, 1, 1, 2, 3), make.Pick(3, 8, 16, 19));
            var (side, wide) = (3 + make.Below(make.Pick(8, 30)), 3 + make.Below(make.Pick(8, 40)));
            return all
                ? new Layer(n, g, Math.Max(c, 8), make.Pick(8, 16, 21), side, wide, 3, 1, make.Below(3), 1)
                : new Layer(n, g, c, make.Pick(1, 5, 12, 16), side, wide, 1 + make.Below(3), make.Pick(1, 2, 2, 3), make.Below(2), make.Pick(1, 1, 2));
        }

        public int Convolution(Build build, DType type) => build.Convolve(
            build.Input(type, Image), build.Input(type, Kernel), Result[3..], [Stride, Stride], [Low, Low], [Dilation, Dilation], [1, 1]);

        private int Along(int size) => Math.Max(1, ((((size - 1) * Dilation) + 1 + (2 * Low) - Window) / Stride) + 1);
    }

    private static bool IsTiled(Ad.Tensors.Program program) =>
        Compare.One.Prepare(program).ToString().Contains("by tiles: convolve", StringComparison.Ordinal);

    // Given the convolution's result, what comes of it and of operands of one number each channel, example or element.
    private static int[] Rest(Make make, Build build, DType type, int c, int[] shape)
    {
        var (n, g, o) = (shape[0], shape[1], shape[2]);
        var few = make.Chance(0.5);
        var full = few ? c : build.Input(type, shape);
        int[] beside =
        [
            .. few ? Array.Empty<int>() : [full, build.Flip(full, 3)],
            build.Broadcast(build.Reshape(build.Input(type, o), o, 1, 1), shape),
            build.Broadcast(build.Input(type, n, g, o, 1, 1), shape),
            build.Broadcast(build.Input(type, n, 1, 1, 1, 1), shape),
            build.Broadcast(build.Input(type), shape),
        ];
        var mask = build.Apply(Pointwise.Less, full, make.Pick(beside));
        var value = c;
        for (var step = 0; step < 1 + make.Below(5); step++)
        {
            value = make.Below(4) switch
            {
                0 => build.Apply(Pointwise.Select, mask, value, make.Pick(beside)),
                1 => build.Apply(make.Pick(Pointwise.Abs, Pointwise.Negate, Pointwise.Tanh), value),
                _ => build.Apply(make.Pick(Pointwise.Add, Pointwise.Subtract, Pointwise.Scale, Pointwise.Maximum), value, make.Pick(beside)),
            };
        }

        var last = build.Apply(Pointwise.Add, value, make.Pick(beside));
        var other = build.Apply(Pointwise.Scale, last, make.Pick(beside));
        return make.Below(5) switch
        {
            0 => [last],
            1 => [last, mask],
            2 => [other, build.Reduce(Reduction.Sum, last, 3, 4)],
            3 => [build.Reduce(Reduction.Sum, other, 3, 4), build.Reduce(make.Pick(Reduction.Sum, Reduction.Max), last, 3, 4)],
            _ => [last, build.Reduce(Reduction.Sum, other, 0, 3, 4), build.Reduce(Reduction.Sum, last, 0, 3, 4)],
        };
    }

    private static Plain[] Arguments(Make make, Build build, bool awkward) =>
        [.. Enumerable.Range(0, build.Count).Where(i => build[i].Operation is Operation.Input).Select(i => make.Tensor(build[i].Type, build[i].Shape, awkward))];

    [Fact]
    public void A_group_on_a_convolution_has_the_bits_of_the_group_on_its_results()
    {
        var (tiled, replaced) = (0, 0);
        OperationTests.Repeat(120, make =>
        {
            var (layer, type, seed) = (Layer.Of(make), make.Pick(DType.Float32, DType.Float64), make.Below(int.MaxValue));
            var (whole, first, second) = (new Build(), new Build(), new Build());
            var program = whole.Returning(Rest(new Make(seed), whole, type, layer.Convolution(whole, type), layer.Result));
            tiled += IsTiled(program) ? 1 : 0;
            var alone = first.Returning(layer.Convolution(first, type));
            var given = Arguments(make, whole, make.Chance(0.3));
            var c = Compare.Run(Compare.One, alone, given[..2])[0];
            var apart = second.Returning(Rest(new Make(seed), second, type, second.Input(type, layer.Result), layer.Result));
            var expected = Compare.Run(Compare.One, apart, [c, .. given[2..]]);
            foreach (var device in Devices.Prepend(Compare.One))
            {
                var prepared = device.Prepare(program);
                for (var again = 0; again < 2; again++)
                {
                    Plain[] actual = [.. prepared.Run([.. given.Select(a => a.Store())]).Select(Plain.From)];
                    for (var i = 0; i < expected.Length; i++)
                    {
                        Compare.Same(expected[i], actual[i], 0, program);
                    }
                }

                if (expected.Length == 1 && Enumerable.Range(0, given.Length).Where(i => prepared.MayReplace(i, 0)).Take(1).ToArray() is [var over])
                {
                    replaced++;
                    Storage[] stored = [.. given.Select(a => a.Store())];
                    Compare.Same(expected[0], Plain.From(prepared.Run(stored, [stored[over]])[0]), 0, program);
                }
            }
        });
        Assert.InRange(tiled, 40, 120);
        Assert.True(replaced > 0);
    }

    // The gradient of a normalised layer: what flows back through a convolution, times a mask, and two sums by channel.
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void What_flows_back_through_a_convolution_is_masked_and_summed_as_it_comes(DType type)
    {
        var (n, c, side) = (9, 16, 18);
        int[] shape = [n, 1, c, side, side];
        var build = new Build();
        var flow = build.Convolve(build.Input(type, n, 1, c, 9, 9), build.Input(type, 1, c, c, 3, 3), [side, side], [1, 1], [1, 1], [2, 2], [1, 1]);
        var (mask, x) = (build.Input(DType.Bool, shape), build.Input(type, shape));
        var (mean, factor) = (build.Input(type, c, 1, 1), build.Input(type, c, 1, 1));
        var masked = build.Apply(Pointwise.Select, mask, build.Constant(type, 0, shape), flow);
        var scaled = build.Apply(Pointwise.Scale, masked, build.Broadcast(factor, shape));
        var centred = build.Apply(Pointwise.Subtract, x, build.Broadcast(mean, shape));
        var program = build.Returning(
            scaled,
            build.Reduce(Reduction.Sum, build.Apply(Pointwise.Scale, masked, centred), 0, 3, 4),
            build.Reduce(Reduction.Sum, masked, 0, 3, 4));
        Assert.True(IsTiled(program), Compare.One.Prepare(program).ToString());
        var make = new Make(7);
        Compare.ToReference(program, 1, Arguments(make, build, awkward: false));
    }

    [Fact]
    public void A_convolution_that_is_asked_for_or_read_out_of_order_is_written()
    {
        var build = new Build();
        var layer = new Layer(4, 1, 16, 16, 12, 12, 3, 1, 1, 1);
        var c = layer.Convolution(build, DType.Float32);
        var sum = build.Apply(Pointwise.Add, c, build.Broadcast(build.Input(DType.Float32, 16, 1, 1), layer.Result));
        Assert.True(IsTiled(build.Returning(sum)));
        Assert.False(IsTiled(build.Returning(sum, c)));
        Assert.False(IsTiled(build.Returning(build.Apply(Pointwise.Add, c, build.Flip(c, 3)))));
    }
}
