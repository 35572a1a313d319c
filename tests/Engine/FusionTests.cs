using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class FusionTests
{
    private static readonly Pointwise[] Unary = [Pointwise.Negate, Pointwise.Abs, Pointwise.Sign, Pointwise.Floor, Pointwise.Round, Pointwise.Ceil];

    private static readonly Pointwise[] Binary =
        [Pointwise.Add, Pointwise.Subtract, Pointwise.Multiply, Pointwise.Maximum, Pointwise.Minimum, Pointwise.Scale];

    [Fact]
    public void Programs_give_what_their_instructions_give_one_by_one() => OperationTests.Repeat(400, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.BFloat16, DType.Float32, DType.Float64);
        int[] square = make.Pick<int[]>([4, 6], [1, 5], [3, 1], [6, 4], [0, 3], [13, 9], [2, 3, 4]);
        var inputs = Enumerable.Range(0, 3).Select(_ => build.Input(type, square)).ToList();
        for (var step = 0; step < 20; step++)
        {
            Extend(build, make);
        }

        var outputs = Enumerable.Range(0, build.Count).Where(_ => make.Chance(0.15)).Append(build.Count - 1).ToArray();
        // Whole numbers small enough that everything is exact: then any order of sums must agree to the bit.
        var arguments = inputs.Select(i =>
        {
            var x = make.Tensor(type, build[i].Shape);
            return x with { Floats = [.. x.Floats.Select(v => Math.Round(v / 2))] };
        });
        Compare.ToReference(build.Returning(outputs), 0, [.. arguments]);
    });

    [Fact]
    public void Rows_and_totals_of_rows_give_what_their_instructions_give_one_by_one() => OperationTests.Repeat(60, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var (rows, columns) = (make.Pick(5, 8, 33), make.Pick(32, 150, 1030));
        int[] inputs = [build.Input(type, rows, columns), build.Input(type, rows, 1)];
        var values = new List<int> { inputs[0], build.Broadcast(inputs[1], rows, columns) };
        var outputs = new List<int>();
        for (var step = 0; step < 12; step++)
        {
            var (x, y) = (make.Pick(values.ToArray()), make.Pick(values.ToArray()));
            var kind = make.Pick(Reduction.Sum, Reduction.Max, Reduction.Min);
            switch (make.Below(4))
            {
                case 0:
                    outputs.Add(build.Reduce(kind, x, 0, 1));
                    break;
                case 1:
                    // Maxima alone, so that what is summed stays small.
                    values.Add(build.Broadcast(build.Reshape(build.Reduce(Reduction.Max, x, 1), rows, 1), rows, columns));
                    break;
                default:
                    values.Add(build.Apply(Pointwise.Minimum, build.Apply(Pointwise.Maximum, x, build.Apply(Pointwise.Negate, y)), values[1]));
                    break;
            }
        }

        outputs.Add(values[^1]);
        var arguments = inputs.Select(i =>
        {
            var x = make.Tensor(type, build[i].Shape);
            return x with { Floats = [.. x.Floats.Select(v => double.IsFinite(v) ? Math.Round(Math.Clamp(v, -50, 50)) : 1)] };
        });
        Compare.ToReference(build.Returning([.. outputs]), 0, [.. arguments]);
    });

    [Fact]
    public void A_total_is_taken_as_the_rows_go_by_that_what_follows_reads()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 64, 100);
        var mean = build.Broadcast(build.Reshape(build.Reduce(Reduction.Sum, x, 1), 64, 1), 64, 100);
        var centred = build.Apply(Pointwise.Subtract, x, mean);
        var square = build.Apply(Pointwise.Multiply, centred, centred);
        var total = build.Reduce(Reduction.Sum, square, 0, 1);
        var scale = build.Broadcast(build.Reshape(build.Reduce(Reduction.Sum, square, 1), 64, 1), 64, 100);
        var program = build.Returning(total, build.Apply(Pointwise.Divide, centred, scale));
        var plan = Compare.One.Prepare(program).ToString()!;
        Assert.Equal(2, plan.Split('\n').Count(line => line.Contains("pointwise", StringComparison.Ordinal)));
        Assert.StartsWith("by 64 rows", plan, StringComparison.Ordinal);
        Compare.ToReference(program, 40, new Make(1).Tensor(DType.Float32, new Shape(64, 100)));
    }

    private static void Extend(Build build, Make make)
    {
        var x = make.Below(build.Count);
        var shape = build[x].Shape;
        var others = Enumerable.Range(0, build.Count).Where(i => build[i].Shape.Equals(shape) && build[i].Type == build[x].Type).ToArray();
        var y = make.Pick(others);
        var type = build[x].Type;
        if (type == DType.Int32)
        {
            return;
        }

        if (type == DType.Bool)
        {
            var choices = Enumerable.Range(0, build.Count).Where(i => build[i].Shape.Equals(shape) && build[i].Type.IsFloat()).ToArray();
            build.Apply(Pointwise.Select, x, make.Pick(choices), make.Pick(choices));
            return;
        }

        switch (make.Below(13))
        {
            case 0:
                build.Apply(make.Pick(Unary), x);
                break;
            case 1 or 2 or 3:
                // Bounded, so that twenty products in a row stay exact.
                var z = build.Apply(make.Pick(Binary), x, y);
                var limit = build.Broadcast(build.Constant(type, 16), [.. shape]);
                build.Apply(Pointwise.Maximum, build.Apply(Pointwise.Minimum, z, limit), build.Apply(Pointwise.Negate, limit));
                break;
            case 4:
                build.Apply(make.Pick(Pointwise.Less, Pointwise.Equal, Pointwise.LessEqual), x, y);
                break;
            case 5:
                OperationTests.Move(build, make, x, 1 + make.Below(2));
                break;
            case 6 or 7 when shape.Rank > 0:
                var axes = make.Subset(shape.Rank, 0.5);
                var reduced = build.Reduce(make.Pick(Reduction.Sum, Reduction.Max, Reduction.Min), x, axes);
                int[] kept = [.. shape.Select((s, a) => axes.Contains(a) ? 1 : s)];
                build.Apply(Pointwise.Minimum, build.Broadcast(build.Reshape(reduced, kept), [.. shape]), x);
                break;
            case 8 when shape.Rank > 0:
                build.CumulativeSum(x, make.Below(shape.Rank), make.Chance(0.5));
                break;
            case 9 when shape.Rank == 2:
                build.Apply(Pointwise.Sign, build.Contract(x, y, [1], [1]));
                break;
            case 10:
                build.Reshape(x, (int)shape.Elements);
                break;
            case 11 when shape.Rank > 0:
                build.Slice(build.Concatenate(0, x, y), [.. shape.Select(_ => 0)], [.. shape.Select(_ => 1)], [.. shape]);
                break;
            default:
                build.Cast(build.Cast(x, DType.Int32), type);
                break;
        }
    }

    [Fact]
    public void What_was_begun_apart_for_reading_the_same_is_one_group_all_the_same()
    {
        var build = new Build();
        int[] shape = [20_000];
        var (x, y, z) = (build.Input(DType.Float32, shape), build.Input(DType.Float32, shape), build.Input(DType.Float32, shape));
        var first = build.Apply(Pointwise.Abs, x);
        for (var i = 0; i < 20; i++)
        {
            first = build.Apply(Pointwise.Negate, build.Apply(Pointwise.Add, first, x));
        }

        var second = build.Apply(Pointwise.Abs, y);

        // It reads y, as the second group does, and what the first computes.
        var both = build.Apply(Pointwise.Multiply, y, first);
        var program = build.Returning(build.Apply(Pointwise.Add, both, build.Apply(Pointwise.Multiply, second, z)));
        Assert.Single(Compare.One.Prepare(program).ToString()!.Split('\n'), line => line.Contains("over 20000", StringComparison.Ordinal));
        var make = new Make(9);
        Compare.ToReference(program, 0, [.. Enumerable.Range(0, 3).Select(_ => make.Tensor(DType.Float32, new Shape(shape)))]);
    }

    [Fact]
    public void An_update_by_moments_goes_through_memory_once()
    {
        // Adam (Kingma and Ba 2015): two moments, corrected by powers of a count that comes after them in the program.
        var build = new Build();
        int[] shape = [20_000];
        var (w, g, m, v) = (build.Input(DType.Float32, shape), build.Input(DType.Float32, shape), build.Input(DType.Float32, shape), build.Input(DType.Float32, shape));
        int Times(double factor, int x) => build.Apply(Pointwise.Multiply, build.Constant(DType.Float32, factor, shape), x);
        var m2 = build.Apply(Pointwise.Add, Times(0.9, m), Times(0.1, g));
        var v2 = build.Apply(Pointwise.Add, Times(0.999, v), Times(0.001, build.Apply(Pointwise.Multiply, g, g)));
        var count = build.Cast(build.Input(DType.Int32), DType.Float32);
        int Corrected(int x, double beta) =>
            build.Apply(Pointwise.Divide, x, build.Broadcast(build.Apply(Pointwise.Power, build.Constant(DType.Float32, beta), count), shape));
        var update = build.Apply(Pointwise.Divide, Corrected(m2, 0.9), build.Apply(Pointwise.Sqrt, Corrected(v2, 0.999)));
        var program = build.Returning(build.Apply(Pointwise.Subtract, w, update), m2, v2);
        Assert.Single(Compare.One.Prepare(program).ToString()!.Split('\n'), line => line.Contains("over 20000", StringComparison.Ordinal));
        var make = new Make(8);
        Compare.ToReference(program, 4, [.. Enumerable.Range(0, 4).Select(_ => make.Tensor(DType.Float32, new Shape(shape))), Three()]);
        for (var result = 0; result < 3; result++)
        {
            Assert.True(Compare.One.Prepare(program).MayReplace(result == 0 ? 0 : result + 1, result));
        }

        static Plain Three()
        {
            var three = Plain.Of(DType.Int32, new Shape());
            three[0] = 3;
            return three;
        }
    }

    [Fact]
    public void A_normalization_by_channels_reads_three_times_and_writes_once()
    {
        // Its mean, its variance, its result, and nothing in between that is written.
        var build = new Build();
        int[] shape = [8, 16, 32, 32];
        var x = build.Input(DType.Float32, shape);
        int Along(int channels) => build.Broadcast(build.Reshape(channels, 1, 16, 1, 1), shape);
        int Mean(int values) => build.Apply(Pointwise.Divide, build.Reduce(Reduction.Sum, values, 0, 2, 3), build.Constant(DType.Float32, 8 * 32 * 32, 16));
        var centred = build.Apply(Pointwise.Subtract, x, Along(Mean(x)));
        var variance = Mean(build.Apply(Pointwise.Multiply, centred, centred));
        var program = build.Returning(build.Apply(Pointwise.Multiply, centred, Along(build.Apply(Pointwise.Rsqrt, variance))));
        var kernels = Compare.One.Prepare(program).ToString()!.Split('\n').Where(line => line.Contains("over 131072", StringComparison.Ordinal)).ToArray();
        Assert.Equal(3, kernels.Length);
        Assert.Single(kernels, line => line.Contains("524288 written", StringComparison.Ordinal));
        Compare.ToReference(program, 8, new Make(3).Tensor(DType.Float32, new Shape(shape)));
    }

    [Fact]
    public void Repeated_elements_under_another_shape_are_read_where_they_lie() => OperationTests.Repeat(40, make =>
    {
        var build = new Build();
        var (rows, columns, times) = (make.Pick(1, 3, 80), make.Pick(2, 5, 20), make.Pick(2, 3, 40));
        var (x, y) = (build.Input(DType.Float64, rows, columns), build.Input(DType.Float64, rows, columns * times));
        var repeated = build.Reshape(build.Broadcast(build.Reshape(x, rows, columns, 1), rows, columns, times), rows, columns * times);
        var z = build.Apply(Pointwise.Multiply, repeated, y);
        Assert.DoesNotContain("copy", Compare.One.Prepare(build.Returning(z)).ToString(), StringComparison.Ordinal);

        // And by what cannot: a second reshape, its rows in another order, a product.
        var program = build.Returning(
            z,
            build.Apply(Pointwise.Negate, build.Reshape(repeated, columns * times, rows)),
            build.Flip(repeated, 1),
            build.Contract(repeated, y, [1], [1]),
            build.Reduce(Reduction.Sum, repeated, 0),
            build.Reduce(Reduction.Sum, z, 1));
        Compare.ToReference(program, 0, make.Tensor(DType.Float64, build[x].Shape), make.Tensor(DType.Float64, build[y].Shape));
    });
}
