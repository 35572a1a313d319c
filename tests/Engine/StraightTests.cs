using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Straight code for small tensors against the same kernels one by one, to the bit.</summary>
public sealed class StraightTests
{
    private static readonly CpuDevice[] Straight = [new(1, 0), new(2, 0), new(4, 0)];

    private static readonly int[] Lengths = [1, 2, 3, 7, 8, 9, 14, 15, 16, 17, 33, 70, 300];

    [Fact]
    public void A_scan_of_a_random_body_is_the_body_run_over_and_over() => OperationTests.Repeat(150, make =>
    {
        var (n, type) = (make.Pick(Lengths), make.Pick(DType.Float32, DType.Float64));
        var (carries, slices, constants) = (1 + make.Below(3), make.Below(3), make.Below(3));
        var body = Body(make, type, n, carries + slices + constants, carries, 1 + make.Below(3));
        var (length, reverse) = (make.Pick(0, 1, 2, 5), make.Chance(0.5));

        var build = new Build();
        int[] inputs =
        [
            .. Enumerable.Range(0, carries).Select(_ => build.Input(type, n)),
            .. Enumerable.Range(0, slices).Select(_ => build.Input(type, length, n)),
            .. Enumerable.Range(0, constants).Select(_ => build.Input(type, n)),
        ];
        var stacked = body.Outputs.Length - carries;
        int[] asked = [.. Enumerable.Range(0, carries + stacked + carries).Where(_ => make.Chance(0.7))];
        Plain[] arguments = [.. inputs.Select(i => make.Tensor(type, build[i].Shape, true))];
        var program = build.Returning([.. asked.Select(r => build.Raw(
            new Operation.Scan(body, length, carries, slices, reverse, r), type, r < carries ? new Shape(n) : new Shape(length, n), inputs))]);

        var expected = Loop(body, arguments, n, length, carries, slices, reverse);
        foreach (var device in Straight.Append(Compare.One))
        {
            var results = Compare.Run(device, program, arguments);
            for (var i = 0; i < asked.Length; i++)
            {
                Compare.Same(expected[asked[i]], results[i], 0, program);
            }
        }
    });

    [Fact]
    public void A_while_loop_of_a_random_body_is_the_body_run_over_and_over() => OperationTests.Repeat(100, make =>
    {
        var (n, type) = (make.Pick(Lengths), make.Pick(DType.Float32, DType.Float64));
        var body = Body(make, type, n, 3, 2, 0, counted: true);
        var condition = new Build();
        int[] given = [condition.Input(DType.Int32), .. Enumerable.Range(0, 3).Select(_ => condition.Input(type, n))];
        var limit = condition.Input(DType.Int32);
        var test = condition.Returning(condition.Apply(
            Pointwise.And,
            condition.Apply(Pointwise.Less, given[0], limit),
            condition.Apply(Pointwise.LessEqual, condition.Reduce(Reduction.Max, given[1], 0), condition.Constant(type, 1))));
        var build = new Build();
        int[] inputs =
            [build.Input(DType.Int32), .. Enumerable.Range(0, 3).Select(_ => build.Input(type, n)), build.Input(DType.Int32)];
        Plain[] arguments =
        [
            new(DType.Int32, Shape.Scalar, [], [0]),
            .. Enumerable.Range(0, 3).Select(_ => make.Tensor(type, new Shape(n))),
            new(DType.Int32, Shape.Scalar, [], [make.Below(6)]),
        ];
        var program = build.Returning([.. Enumerable.Range(0, 3).Select(r => build.Raw(
            new Operation.WhileLoop(test, body, 3, r), r == 0 ? DType.Int32 : type, r == 0 ? Shape.Scalar : new Shape(n), inputs))]);

        Plain[] state = [.. arguments];
        while (Compare.Run(Compare.One, test, state)[0].Integers[0] != 0)
        {
            Compare.Run(Compare.One, body, state).CopyTo(state, 0);
        }

        foreach (var device in Straight.Append(Compare.One))
        {
            var results = Compare.Run(device, program, arguments);
            for (var r = 0; r < 3; r++)
            {
                Compare.Same(state[r], results[r], 0, program);
            }
        }
    });

    [Fact]
    public void A_body_that_passes_large_tensors_on_is_run_like_any_other()
    {
        var body = new Build();
        var (small, large) = (body.Input(DType.Float64, 2), body.Input(DType.Float64, 3000));
        var step = body.Returning(body.Apply(Pointwise.Sqrt, body.Apply(Pointwise.Abs, small)), large);
        var build = new Build();
        int[] inputs = [build.Input(DType.Float64, 2), build.Input(DType.Float64, 3000)];
        var program = build.Returning([.. Enumerable.Range(0, 2).Select(r =>
            build.Raw(new Operation.Scan(step, 4, 2, 0, false, r), DType.Float64, build[inputs[r]].Shape, inputs))]);
        Plain[] arguments = [.. inputs.Select(i => new Make(9).Tensor(DType.Float64, build[i].Shape))];
        Compare.Same(arguments[1], Compare.Run(Straight[0], program, arguments)[1], 0, program);
    }

    [Fact]
    public void A_program_of_small_tensors_gives_the_same_bits_before_and_after_it_is_straight_code() => OperationTests.Repeat(150, make =>
    {
        var type = make.Pick(DType.Float32, DType.Float64);
        var program = Body(make, type, make.Pick(Lengths), 3, 1, 3);
        Plain[] arguments = [.. Enumerable.Range(0, 3).Select(i => make.Tensor(type, program.Instructions[i].Shape, true))];
        var executable = new CpuDevice(2, 2_000).Prepare(program);
        Storage[] given = [.. arguments.Select(a => a.Store())];
        var first = executable.Run(given);
        for (var run = 0; run < 12; run++)
        {
            Assert.Equal(first.Select(r => r.ToHost().Bytes.ToArray()), executable.Run(given).Select(r => r.ToHost().Bytes.ToArray()));
        }
    });

    [Fact]
    public void A_result_may_lie_over_an_argument()
    {
        var build = new Build();
        var x = build.Input(DType.Float64, 5);
        var y = build.Apply(Pointwise.Multiply, build.Apply(Pointwise.Sin, x), build.Apply(Pointwise.Exp, x));
        var executable = new CpuDevice(1, 0).Prepare(build.Returning(build.Apply(Pointwise.Add, y, x)));
        Assert.True(executable.MayReplace(0, 0));
        var argument = new Make(3).Tensor(DType.Float64, new Shape(5));
        var apart = executable.Run([argument.Store()])[0].ToHost().Bytes.ToArray();
        var over = argument.Store();
        Assert.Equal(apart, executable.Run([over], [over])[0].ToHost().Bytes.ToArray());
    }

    [Fact]
    public void Integers_divided_by_zero_are_an_error_and_the_next_run_is_right()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Int32, 3), build.Input(DType.Int32, 3));
        var executable = new CpuDevice(1, 0).Prepare(build.Returning(build.Apply(Pointwise.Divide, x, build.Apply(Pointwise.Multiply, y, y))));
        Plain Of(params long[] values) => new(DType.Int32, new Shape(3), [], values);
        for (var run = 0; run < 3; run++)
        {
            Assert.Throws<DivideByZeroException>(() => executable.Run([Of(1, 2, 3).Store(), Of(1, 0, 1).Store()]));
            Assert.Equal([9, 2, 3], Plain.From(executable.Run([Of(9, 8, 3).Store(), Of(1, 2, 1).Store()])[0]).Integers);
        }
    }

    [Fact]
    public void Many_threads_may_run_one_program_at_once()
    {
        var make = new Make(11);
        var program = Body(make, DType.Float64, 14, 3, 1, 2);
        Storage[][] given = [.. Enumerable.Range(0, 64).Select(_ => Enumerable.Range(0, 3).Select(i =>
            (Storage)make.Tensor(DType.Float64, program.Instructions[i].Shape).Store()).ToArray())];
        var (straight, plain) = (new CpuDevice(4, 0).Prepare(program), Compare.One.Prepare(program));
        var bytes = new byte[given.Length][];
        Parallel.For(0, given.Length, i => bytes[i] = straight.Run(given[i])[0].ToHost().Bytes.ToArray());
        Assert.Equal(given.Select(g => plain.Run(g)[0].ToHost().Bytes.ToArray()), bytes);
    }

    /// <summary>Results as the scan's: the last carries, what is stacked, and the carries before each run.</summary>
    private static Plain[] Loop(Ad.Tensors.Program body, Plain[] arguments, int n, int length, int carries, int slices, bool reverse)
    {
        var stacked = body.Outputs.Length - carries;
        var type = arguments[0].Type;
        Plain[] results =
        [
            .. arguments[..carries],
            .. Enumerable.Range(0, stacked + carries).Select(_ => Plain.Of(type, new Shape(length, n))),
        ];
        for (var run = 0; run < length; run++)
        {
            var at = reverse ? length - 1 - run : run;
            Plain[] given = [.. arguments];
            for (var i = 0; i < carries; i++)
            {
                given[i] = results[i];
                results[i].Floats.CopyTo(results[carries + stacked + i].Floats, at * n);
            }

            for (var i = carries; i < carries + slices; i++)
            {
                given[i] = new Plain(type, new Shape(n), arguments[i].Floats[(at * n)..((at + 1) * n)], []);
            }

            var made = Compare.Run(Compare.One, body, given);
            for (var i = 0; i < stacked; i++)
            {
                made[carries + i].Floats.CopyTo(results[carries + i].Floats, at * n);
            }

            made[..carries].CopyTo(results, 0);
        }

        return results;
    }

    /// <summary>A program of vectors: functions, products with a matrix, movement, reductions, choices. Carried results are bounded.</summary>
    private static Ad.Tensors.Program Body(Make make, DType type, int n, int inputs, int carries, int stacked, bool counted = false)
    {
        var build = new Build();
        int[] count = counted ? [build.Input(DType.Int32)] : [];
        List<int> known = [.. Enumerable.Range(0, inputs).Select(_ => build.Input(type, n))];
        for (var step = 0; step < 5 + make.Below(25); step++)
        {
            int x = make.Pick([.. known]), y = make.Pick([.. known]);
            known.Add(make.Below(14) switch
            {
                0 => build.Apply(make.Pick(Pointwise.Tanh, Pointwise.Sigmoid, Pointwise.Sin, Pointwise.Exp, Pointwise.Abs, Pointwise.Sqrt), x),
                1 => build.Apply(make.Pick(Pointwise.Power, Pointwise.Atan2, Pointwise.Remainder), x, y),
                2 => build.Apply(Pointwise.Select, build.Apply(make.Pick(Pointwise.Less, Pointwise.Equal), x, y), y, x),
                3 => build.Cast(build.Cast(x, make.Pick(DType.Bool, DType.Float32, DType.Float64)), type),
                4 => build.Flip(x, 0),
                5 => build.Broadcast(build.Reduce(make.Pick(Reduction.Sum, Reduction.Max, Reduction.Min), build.Apply(Pointwise.Scale, x, y), 0), n),
                6 => build.Pad(build.Slice(x, [n / 2], [1], [n - (n / 2)]), [make.Pick(0, n / 2)], [0], [0]) is var padded
                    && build[padded].Shape[0] == n ? padded : x,
                7 => build.Concatenate(0, build.Slice(x, [n / 3], [1], [n - (n / 3)]), build.Slice(y, [0], [1], [n / 3])),
                8 => build.Apply(Pointwise.Add, x, build.Cast(build.Iota(DType.Int32, 0, n), type)),
                9 => build.Reduce(Reduction.Sum, build.Apply(Pointwise.Multiply, build.Broadcast(x, 3, n), build.Permute(build.Broadcast(build.Reshape(y, n, 1), n, 3), 1, 0)), 0),
                10 => build.Contract(build.Apply(Pointwise.Minimum, build.Broadcast(x, 2, n), build.Broadcast(y, 2, n)), build.Broadcast(y, 2, n), [0], [0]) is var outer
                    ? build.Reduce(Reduction.Max, outer, make.Below(2)) : x,
                11 => build.Apply(Pointwise.Multiply, x, build.Constant(type, 0.75, n)),
                _ => build.Apply(make.Pick(Pointwise.Add, Pointwise.Subtract, Pointwise.Multiply, Pointwise.Divide, Pointwise.Maximum), x, y),
            });
        }

        int[] outputs =
        [
            .. count.Select(c => build.Apply(Pointwise.Add, c, build.Constant(DType.Int32, 1))),
            .. Enumerable.Range(0, carries).Select(i => make.Chance(0.2) ? known[make.Below(carries)] : build.Apply(Pointwise.Tanh, known[^(1 + (i % 3))])),
            .. Enumerable.Range(0, stacked).Select(_ => make.Pick([.. known])),
        ];
        return build.Returning(outputs);
    }
}
