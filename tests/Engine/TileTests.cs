using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Groups that take a product's tiles on the host, against the same group on the product in memory.</summary>
public sealed class TileTests
{
    private static readonly Pointwise[] Unary = [Pointwise.Negate, Pointwise.Abs, Pointwise.Exp, Pointwise.Tanh, Pointwise.Atan, Pointwise.Sin];

    private static readonly Pointwise[] Binary = [Pointwise.Add, Pointwise.Subtract, Pointwise.Multiply, Pointwise.Maximum, Pointwise.Divide];

    private static readonly Device[] Devices = [new CpuDevice(1, 0), new CpuDevice(2, 0), new CpuDevice(4, 0), new CpuDevice(2, long.MaxValue)];

    private static bool IsTiled(Ad.Tensors.Program program) =>
        Compare.One.Prepare(program).ToString().Contains("by tiles: contract", StringComparison.Ordinal);

    // The product as it is written, asked for; then the rest of the program on it.
    private static void Same(Func<Build, int> product, Func<Build, int, int[]> rest, Func<Make, Build, Plain[]> arguments, int seed)
    {
        var (whole, first, second) = (new Build(), new Build(), new Build());
        var result = product(whole);
        var program = whole.Returning(rest(whole, result));
        Assert.True(IsTiled(program), program.ToString());
        var alone = first.Returning(product(first));
        var given = arguments(new Make(seed), whole);
        var c = Compare.Run(Compare.One, alone, given[..2])[0];
        foreach (var plain in given)
        {
            second.Input(plain.Type, plain.Shape.Sizes.ToArray());
        }

        var apart = second.Returning(rest(second, second.Input(c.Type, c.Shape.Sizes.ToArray())));
        var expected = Compare.Run(Compare.One, apart, [.. given, c]);
        foreach (var device in Devices.Prepend(Compare.One))
        {
            for (var again = 0; again < 2; again++)
            {
                var actual = Compare.Run(device, program, given);
                for (var i = 0; i < expected.Length; i++)
                {
                    Compare.Same(expected[i], actual[i], 0, program);
                }
            }
        }
    }

    [Fact]
    public void A_group_on_tiles_has_the_bits_of_the_group_on_the_product() => OperationTests.Repeat(60, make =>
    {
        var type = make.Pick(DType.Float32, DType.Float64);
        var batch = make.Pick(1, 1, 2, 5);
        var (m, n, k) = (10 + make.Below(make.Pick(20, 90, 260)), 40 + make.Below(make.Pick(20, 90, 400)), 2 + make.Below(make.Pick(30, 600)));
        var (first, second) = (make.Chance(0.3), make.Chance(0.3));
        var seed = make.Below(int.MaxValue);
        Same(
            build =>
            {
                var x = first ? build.Input(type, batch, k, m) : build.Input(type, batch, m, k);
                var y = second ? build.Input(type, batch, n, k) : build.Input(type, batch, k, n);
                return build.Contract(x, y, [first ? 1 : 2], [second ? 2 : 1], [0], [0]);
            },
            (build, c) => Rest(new Make(seed), build, type, c, batch, m, n),
            (random, build) => Arguments(random, build, type),
            seed);
    });

    // Inputs 2 to 8 of any program here are what a group may read beside the product.
    private static int[] Rest(Make make, Build build, DType type, int c, int batch, int m, int n)
    {
        int[] shape = [batch, m, n];
        var flat = build.Count > 3 && build[2].Operation is Operation.Input;
        int Given(int place, params int[] sizes) => flat ? place : build.Input(type, sizes);
        var full = Given(2, batch, m, n);
        var row = Given(3, n);
        var column = Given(4, batch, m, 1);
        var number = Given(5);
        var wide = Given(6, batch, m, n + 3);
        var turned = Given(7, n, batch * m);
        var mask = build.Apply(Pointwise.Less, full, build.Broadcast(row, shape));
        int[] beside =
        [
            full, build.Broadcast(row, shape), build.Broadcast(column, shape), build.Broadcast(number, shape),
            build.Slice(wide, [0, 0, 2], [1, 1, 1], shape), build.Reshape(build.Permute(turned, 1, 0), shape), build.Flip(full, 2),
        ];
        var values = new List<int> { c };
        var results = new List<int>();
        for (var step = 0; step < 1 + make.Below(6); step++)
        {
            values.Add(make.Below(4) switch
            {
                0 => build.Apply(make.Pick(Unary), values[^1]),
                1 => build.Apply(Pointwise.Select, mask, values[^1], make.Pick(beside)),
                _ => build.Apply(make.Pick(Binary), values[^1], make.Chance(0.8) ? make.Pick(beside) : make.Pick(values.ToArray())),
            });
        }

        var last = build.Apply(Pointwise.Add, values[^1], build.Broadcast(number, shape));
        results.Add(last);
        if (make.Chance(0.3))
        {
            results.Add(build.Apply(Pointwise.LessEqual, last, full));
        }

        if (make.Chance(0.3) && values.Count > 2)
        {
            results.Add(values[^1]);
        }

        if (make.Chance(0.4))
        {
            results.Add(build.Reduce(make.Pick(Reduction.Sum, Reduction.Max), last, make.Chance(0.5) ? [0, 1] : [1]));
        }

        return [.. results];
    }

    private static Plain[] Arguments(Make make, Build build, DType type) =>
        [.. Enumerable.Range(0, build.Count).Where(i => build[i].Operation is Operation.Input).Select(i => make.Tensor(type, build[i].Shape, make.Chance(0.5)))];

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void A_step_of_an_optimizer_takes_its_gradient_by_tiles_and_may_go_over_the_weights(DType type)
    {
        var (samples, inputs, outputs) = (70, 301, 263);
        var build = new Build();
        var (x, d, w, v) = (build.Input(type, samples, inputs), build.Input(type, samples, outputs), build.Input(type, inputs, outputs), build.Input(type, inputs, outputs));
        int Times(double number, int value) => build.Apply(Pointwise.Multiply, build.Constant(type, number, inputs, outputs), value);
        var momentum = build.Apply(Pointwise.Add, Times(0.9, v), build.Contract(x, d, [0], [0]));
        var program = build.Returning(build.Apply(Pointwise.Subtract, w, Times(0.01, momentum)), momentum);
        Assert.True(IsTiled(program), program.ToString());
        var make = new Make(5);
        Plain[] arguments = [.. ((int[])[x, d, w, v]).Select(i => make.Tensor(type, build[i].Shape))];
        var expected = Compare.Run(Compare.One, program, arguments);
        foreach (var device in Devices)
        {
            var step = device.Prepare(program);
            Assert.True(step.MayReplace(2, 0) && step.MayReplace(3, 1));
            Assert.False(step.MayReplace(0, 0) || step.MayReplace(1, 0));
            Storage[] given = [.. arguments.Select(a => a.Store())];
            var actual = step.Run(given, [given[2], given[3]]);
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Same(given[2 + i], actual[i]);
                Compare.Same(expected[i], Plain.From(actual[i]), 0, program);
            }
        }
    }

    [Fact]
    public void A_product_that_is_asked_for_or_read_out_of_order_is_written()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, 30, 40), build.Input(DType.Float32, 40, 30));
        var c = build.Contract(x, y, [1], [0]);
        Assert.True(IsTiled(build.Returning(build.Apply(Pointwise.Negate, c))));
        Assert.False(IsTiled(build.Returning(build.Apply(Pointwise.Negate, c), c)));
        Assert.False(IsTiled(build.Returning(build.Apply(Pointwise.Add, c, build.Flip(c, 0)))));
        Assert.False(IsTiled(build.Returning(build.Reduce(Reduction.Sum, build.Apply(Pointwise.Exp, c), 0))));
    }

    // Rows follow each other in one loop where they lie alike: whatever lies otherwise is the same to the bit.
    [Fact]
    public void Rows_that_go_through_groups_one_after_another_keep_their_bits() => OperationTests.Repeat(60, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var (rows, width) = (8 + make.Below(40), make.Pick(3, 17, 64, 100, 513, 1000, 1024, 1100));
        var (x, y, z) = (build.Input(type, rows, width), build.Input(type, width), build.Input(type, rows, width + 1));
        int Wide(int row) => build.Broadcast(build.Reshape(row, rows, 1), rows, width);
        int[] beside = [x, build.Broadcast(y, rows, width), build.Slice(z, [0, 1], [1, 1], [rows, width]), build.Flip(x, 1)];
        var first = build.Apply(make.Pick(Pointwise.Add, Pointwise.Maximum), x, make.Pick(beside));
        var most = build.Reduce(make.Pick(Reduction.Max, Reduction.Sum), first, 1);
        var second = build.Apply(Pointwise.Abs, build.Apply(Pointwise.Subtract, make.Chance(0.5) ? first : x, Wide(most)));
        var sum = build.Reduce(Reduction.Sum, second, 1);
        var third = build.Apply(make.Pick(Pointwise.Divide, Pointwise.Multiply), second, Wide(sum));
        int[] results = make.Chance(0.5) ? [third] : [build.Apply(Pointwise.Add, third, make.Pick(beside)), sum, second];
        var program = build.Returning(results);
        Compare.ToReference(program, 4, [.. ((int[])[x, y, z]).Select(i => make.Tensor(type, build[i].Shape))]);
    });

    [Fact]
    public void Columns_of_a_product_are_summed_as_if_it_were_in_memory() => OperationTests.Repeat(20, make =>
    {
        var type = make.Pick(DType.Float32, DType.Float64);
        var (m, n, k) = (20 + make.Below(300), 40 + make.Below(300), 9 + make.Below(40));
        Same(
            build => build.Contract(build.Input(type, m, k), build.Input(type, k, n), [1], [0]),
            (build, c) =>
            {
                var rest = build.Apply(Pointwise.Exp, c);
                return [rest, build.Reduce(Reduction.Sum, rest, 0), build.Reduce(Reduction.Max, rest, 0)];
            },
            (random, build) => Arguments(random, build, type),
            make.Below(1000));
    });

    [Fact]
    public void Blocks_that_follow_each_other_keep_their_bits_also_over_what_they_read() => OperationTests.Repeat(60, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var n = make.Pick(1023, 1024, 1040, 2047, 2048, 5000, 66_000, 70_001);
        var (x, y, z) = (build.Input(type, n), build.Input(type, n + 1), build.Input(type));
        int[] beside = [x, build.Slice(y, [1], [1], [n]), build.Slice(y, [0], [1], [n]), build.Broadcast(z, n)];
        var last = x;
        for (var step = 0; step < 1 + make.Below(4); step++)
        {
            last = make.Chance(0.3)
                ? build.Apply(make.Pick(Pointwise.Abs, Pointwise.Negate, Pointwise.Floor), last)
                : build.Apply(make.Pick(Pointwise.Add, Pointwise.Maximum, Pointwise.Minimum, Pointwise.Subtract), last, make.Pick(beside));
        }

        var result = build.Apply(Pointwise.Add, last, build.Apply(Pointwise.Multiply, x, build.Broadcast(z, n)));
        int[] results = make.Below(3) switch
        {
            0 => [result],
            1 => [result, build.Reduce(Reduction.Sum, result, 0)],
            _ => [build.Reduce(Reduction.Sum, build.Apply(Pointwise.Multiply, result, result), 0)],
        };
        var program = build.Returning(results);
        var awkward = results.Length == 1 && results[0] == result && make.Chance(0.5);
        Plain[] arguments = [.. ((int[])[x, y, z]).Select(i => make.Tensor(type, build[i].Shape, awkward))];
        Compare.ToReference(program, 1, arguments);
        var expected = Compare.Run(Compare.One, program, arguments);
        foreach (var device in Devices)
        {
            var prepared = device.Prepare(program);
            if (prepared.MayReplace(0, 0))
            {
                Storage[] given = [.. arguments.Select(a => a.Store())];
                var actual = prepared.Run(given, [given[0]]);
                Assert.Same(given[0], actual[0]);
                Compare.Same(expected[0], Plain.From(actual[0]), 0, program);
            }
        }
    });
}
