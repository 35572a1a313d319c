using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class ReductionTests
{
    [Fact]
    public void Sum_of_ones_beyond_2_to_24_is_exact()
    {
        const int Count = (1 << 24) + 8;
        var ones = HostStorage.Allocate(DType.Float32, new Shape(Count));
        ones.Writable<float>().Fill(1);
        var build = new Build();
        var x = build.Input(DType.Float32, Count);
        var parts = build.Reduce(Reduction.Sum, build.Reshape(x, 8, Count / 8), 0);
        var between = build.Reduce(Reduction.Sum, build.Apply(Pointwise.Abs, build.Reshape(x, 2, 1, Count / 2)), 0, 2);
        var odd = build.Reduce(Reduction.Sum, build.Reduce(Reduction.Sum, build.Reshape(x, 8, 3, Count / 24), 0, 2), 0);
        var program = build.Returning(build.Reduce(Reduction.Sum, x, 0), build.Reduce(Reduction.Sum, parts, 0), build.Reshape(between), odd);
        var results = Device.Cpu.Prepare(program).Run([ones]);
        Assert.All(results, r => Assert.Equal(Count, r.ToHost().Elements<float>()[0]));
    }

    [Fact]
    public void Mean_of_ten_million_tenths_is_a_tenth()
    {
        const int Count = 10_000_000;
        var tenths = HostStorage.Allocate(DType.Float32, new Shape(Count));
        tenths.Writable<float>().Fill(0.1f);
        var build = new Build();
        var sum = build.Reduce(Reduction.Sum, build.Input(DType.Float32, Count), 0);
        var mean = build.Apply(Pointwise.Divide, sum, build.Constant(DType.Float32, Count));
        Assert.Equal(0.1f, Device.Cpu.Prepare(build.Returning(mean)).Run([tenths])[0].ToHost().Elements<float>()[0]);
    }

    [Fact]
    public void Sums_of_doubles_do_not_lose_what_is_small()
    {
        // 1, then 2^-53 a million times: added plainly one after another they would all be lost.
        const int Count = 1_000_001;
        var x = HostStorage.Allocate(DType.Float64, new Shape(Count));
        x.Writable<double>().Fill(Math.Pow(2, -53));
        x.Writable<double>()[0] = 1;
        var build = new Build();
        var sum = build.Reduce(Reduction.Sum, build.Input(DType.Float64, Count), 0);
        var result = Device.Cpu.Prepare(build.Returning(sum)).Run([x])[0].ToHost().Elements<double>()[0];
        Assert.Equal(1 + (1_000_000 * Math.Pow(2, -53)), result, 1e-14);
    }

    [Theory]
    [InlineData(1, 200_003, 1)]
    [InlineData(3, 70_001, 1)]
    [InlineData(1, 5_001, 40)]
    [InlineData(1, 300, 3_001)]
    [InlineData(2, 150, 1_025)]
    [InlineData(50_001, 3, 2)]
    [InlineData(20_000, 7, 1)]
    [InlineData(1, 100_001, 3)]
    public void Large_reductions_are_cut_without_a_trace(int outer, int reduced, int inner)
    {
        var make = new Make(outer + reduced);
        foreach (var type in new[] { DType.Float32, DType.Float64, DType.Int32 })
        {
            var build = new Build();
            var x = build.Input(type, outer, reduced, inner);
            var y = build.Apply(Pointwise.Negate, x);
            int[] outputs =
            [
                y, .. Enum.GetValues<Reduction>().Select(kind => build.Reduce(kind, y, 1)), build.Reduce(Reduction.Max, x, 1),
                build.Reduce(Reduction.Sum, x, 0, 2), build.Reduce(Reduction.Sum, build.Permute(x, 2, 1, 0), 0),
            ];
            Compare.ToReference(build.Returning(outputs), 0, make.Tensor(type, build[x].Shape));
        }
    }

    [Theory]
    [InlineData(Reduction.Max, double.NegativeInfinity)]
    [InlineData(Reduction.Min, double.PositiveInfinity)]
    [InlineData(Reduction.Sum, 0)]
    public void A_reduction_of_nothing_is_its_neutral_element(Reduction kind, double expected)
    {
        var build = new Build();
        var y = build.Reduce(kind, build.Input(DType.Float64, 0, 3), 0);
        Assert.Equal([expected, expected, expected], Compare.Run(Compare.One, build.Returning(y), Plain.Of(DType.Float64, new Shape(0, 3)))[0].Floats);
    }

    [Fact]
    public void The_position_of_an_extreme_along_an_empty_axis_is_an_error_that_names_it()
    {
        var build = new Build();
        var y = build.Reduce(Reduction.ArgMax, build.Input(DType.Float64, 3, 0), 1);
        var e = Assert.Throws<ArgumentException>(() => Compare.One.Prepare(build.Returning(y)));
        Assert.Equal("The reduction argMax has no answer along axis 1 of [3, 0], which is empty.", e.Message);
    }

    [Fact]
    public void Infinite_sums_stay_infinite()
    {
        var build = new Build();
        var x = build.Input(DType.Float64, 3, 40);
        var tensor = Plain.Of(DType.Float64, new Shape(3, 40));
        tensor.Floats[5] = double.PositiveInfinity;
        tensor.Floats[50] = double.MaxValue;
        tensor.Floats[51] = double.MaxValue;
        tensor.Floats[90] = double.NaN;
        var sums = Compare.Run(Compare.One, build.Returning(build.Reduce(Reduction.Sum, x, 1), build.Reduce(Reduction.Sum, x, 0)), tensor);
        Assert.Equal([double.PositiveInfinity, double.PositiveInfinity, double.NaN], sums[0].Floats);
        Assert.Equal(double.PositiveInfinity, sums[1].Floats[5]);
    }
}
