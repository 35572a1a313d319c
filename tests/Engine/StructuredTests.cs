using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class StructuredTests
{
    /// <summary>s, x, c -> (s x + c, s - x): a carry and a stacked result, over a constant.</summary>
    private static Ad.Tensors.Program Cell(params int[] sizes)
    {
        var body = new Build();
        var (s, x, c) = (body.Input(DType.Float64, sizes), body.Input(DType.Float64, sizes), body.Input(DType.Float64, sizes));
        var next = body.Apply(Pointwise.Add, body.Apply(Pointwise.Multiply, s, x), c);
        return body.Returning(next, body.Apply(Pointwise.Subtract, s, x));
    }

    private static Ad.Tensors.Program Scan(int length, bool reverse, Func<Build, int, int> see, params int[] results)
    {
        var build = new Build();
        var s = build.Input(DType.Float64, 3);
        var xs = see(build, build.Input(DType.Float64, length, 3));
        var c = build.Input(DType.Float64, 3);
        return build.Returning([.. results.Select(r => build.Raw(
            new Operation.Scan(Cell(3), length, 1, 1, reverse, r), DType.Float64, r == 0 ? new Shape(3) : new Shape(length, 3), s, xs, c))]);
    }

    private static (Plain Last, Plain Stacked, Plain Before) Loop(Plain s, Plain xs, Plain c, bool reverse)
    {
        var length = xs.Shape[0];
        var (stacked, before) = (Plain.Of(DType.Float64, xs.Shape), Plain.Of(DType.Float64, xs.Shape));
        var state = s.Floats.ToArray();
        for (var run = 0; run < length; run++)
        {
            var at = reverse ? length - 1 - run : run;
            for (var i = 0; i < state.Length; i++)
            {
                var (x, old) = (xs.Floats[(at * state.Length) + i], state[i]);
                (stacked.Floats[(at * state.Length) + i], before.Floats[(at * state.Length) + i]) = (old - x, old);
                state[i] = (old * x) + c.Floats[i];
            }
        }

        return (s with { Floats = state }, stacked, before);
    }

    [Fact]
    public void A_scan_by_a_matrix_that_stays_the_same_has_the_bits_of_its_steps_one_after_another() => OperationTests.Repeat(12, make =>
    {
        var type = make.Pick(DType.Float32, DType.Float64);
        var (rows, size, length) = (make.Pick(13, 32, 50), make.Pick(33, 64, 100), 1 + make.Below(4));
        var isTurned = make.Chance(0.5);
        int Step(Build build, int s, int x, int w)
        {
            var product = build.Contract(s, w, [1], [isTurned ? 1 : 0]);
            return build.Apply(Pointwise.Maximum, build.Apply(Pointwise.Minimum, build.Apply(Pointwise.Add, product, x), build.Constant(type, 4, rows, size)), build.Constant(type, -4, rows, size));
        }

        var body = new Build();
        var next = Step(body, body.Input(type, rows, size), body.Input(type, rows, size), body.Input(type, size, size));
        var scan = new Build();
        int[] operands = [scan.Input(type, rows, size), scan.Input(type, length, rows, size), scan.Input(type, size, size)];
        var looped = scan.Returning(scan.Raw(new Operation.Scan(body.Returning(next), length, 1, 1, false, 0), type, new Shape(rows, size), operands));
        var steps = new Build();
        var (state, xs, w) = (steps.Input(type, rows, size), steps.Input(type, length, rows, size), steps.Input(type, size, size));
        for (var i = 0; i < length; i++)
        {
            state = Step(steps, state, steps.Reshape(steps.Slice(xs, [i, 0, 0], [1, 1, 1], [1, rows, size]), rows, size), w);
        }

        Plain[] arguments = [.. operands.Select(o => make.Tensor(type, scan[o].Shape))];
        foreach (var device in new[] { Compare.One, new CpuDevice(2, 0) })
        {
            // Twice, as what is done once for a run must be done for each.
            var executable = device.Prepare(looped);
            var expected = Compare.Run(device, steps.Returning(state), arguments)[0];
            for (var run = 0; run < 2; run++)
            {
                Compare.Same(expected, Plain.From(executable.Run([.. arguments.Select(a => a.Store())])[0]), 0, looped);
            }
        }
    });

    [Fact]
    public void A_scan_is_the_loop_in_either_direction_whatever_results_are_asked_for() => OperationTests.Repeat(60, make =>
    {
        var length = make.Pick(0, 1, 2, 7);
        var reverse = make.Chance(0.5);
        Plain[] arguments = [make.Tensor(DType.Float64, new Shape(3)), make.Tensor(DType.Float64, new Shape(length, 3)), make.Tensor(DType.Float64, new Shape(3))];
        var (last, stacked, before) = Loop(arguments[0], arguments[1], arguments[2], reverse);
        Plain[] all = [last, stacked, before];
        foreach (int[] asked in new int[][] { [0, 1, 2], [2], [1, 0], [1] })
        {
            var program = Scan(length, reverse, (_, xs) => xs, asked);
            var results = Compare.Run(Compare.One, program, arguments);
            for (var i = 0; i < asked.Length; i++)
            {
                Compare.Same(all[asked[i]], results[i], 0, program);
            }
        }
    });

    [Fact]
    public void Slices_of_views_are_read_where_they_lie_and_copied_only_where_they_must()
    {
        Plain[] arguments = [Numbers(3), Numbers(5, 3), Numbers(3)];
        var flipped = Scan(5, false, (b, xs) => b.Flip(xs, 0), 1);
        var reversed = arguments[1] with { Floats = [.. arguments[1].Floats.Chunk(3).Reverse().SelectMany(row => row)] };
        Compare.Same(Loop(arguments[0], reversed, arguments[2], false).Stacked, Compare.Run(Compare.One, flipped, arguments)[0], 0, flipped);
        Assert.DoesNotContain("copy", Compare.One.Prepare(flipped).ToString(), StringComparison.Ordinal);
        var inner = Scan(5, false, (b, xs) => b.Flip(xs, 1), 1);
        Assert.Contains("copy", Compare.One.Prepare(inner).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Results_of_one_scan_are_made_by_one_kernel_and_only_those_asked_for()
    {
        var all = Compare.One.Prepare(Scan(4, false, (_, xs) => xs, 0, 1, 2)).ToString();
        Assert.Single(all.Split('\n'), line => line.StartsWith("scan", StringComparison.Ordinal));
        var (one, two) = (ProgramCost.Of(Scan(4, false, (_, xs) => xs, 0)).Flops, ProgramCost.Of(Scan(4, false, (_, xs) => xs, 0, 1)).Flops);
        Assert.Equal((4 * 6, 4 * 9), (one, two));
        Assert.Equal(4 * 3, ProgramCost.Evaluations(Scan(4, false, (_, xs) => xs, 0, 1)));
    }

    [Fact]
    public void Carries_that_only_change_places_or_stay_are_right_after_any_number_of_runs()
    {
        // (a, b, c) -> (b, a, c), with a stacked.
        var body = new Build();
        var (a, b, c) = (body.Input(DType.Int32, 2), body.Input(DType.Int32, 2), body.Input(DType.Int32, 2));
        var program = body.Returning(b, a, c, a);
        foreach (var length in new[] { 0, 1, 2, 5 })
        {
            var build = new Build();
            int[] inputs = [.. Enumerable.Range(0, 3).Select(_ => build.Input(DType.Int32, 2))];
            int[] outputs = [.. Enumerable.Range(0, 4).Select(r => build.Raw(
                new Operation.Scan(program, length, 3, 0, false, r), DType.Int32, r < 3 ? new Shape(2) : new Shape(length, 2), inputs))];
            Plain[] given = [.. Enumerable.Range(0, 3).Select(k => new Plain(DType.Int32, new Shape(2), [], [k, k + 10]))];
            var results = Compare.Run(Compare.One, build.Returning(outputs), given);
            var odd = length % 2;
            Assert.Equal([odd, odd + 10, 1 - odd, 11 - odd, 2, 12], results[..3].SelectMany(r => r.Integers));
            Assert.Equal(Enumerable.Range(0, length).SelectMany(k => new long[] { k % 2, (k % 2) + 10 }), results[3].Integers);
        }
    }

    [Fact]
    public void A_while_loop_runs_as_long_as_its_condition_holds()
    {
        var condition = new Build();
        var (n, limit) = (condition.Input(DType.Int32), condition.Input(DType.Int32));
        var goesOn = condition.Returning(condition.Apply(Pointwise.Less, n, limit));
        var body = new Build();
        var next = body.Apply(Pointwise.Add, body.Input(DType.Int32), body.Constant(DType.Int32, 3));
        var build = new Build();
        var loop = build.Raw(
            new Operation.WhileLoop(goesOn, body.Returning(next), 1, 0), DType.Int32, Shape.Scalar, build.Input(DType.Int32), build.Input(DType.Int32));
        var program = build.Returning(loop);
        foreach (var (start, end, expected) in new[] { (0, 10, 12), (5, 5, 5), (7, 0, 7) })
        {
            Assert.Equal([expected], Compare.Run(Compare.One, program, Whole(start), Whole(end))[0].Integers);
        }
    }

    [Fact]
    public void A_condition_runs_one_body_alone()
    {
        // The body not chosen would raise an error: its index is out of range.
        var take = new Build();
        var taken = take.Returning(take.Take(take.Input(DType.Float64, 3), take.Constant(DType.Int32, 9), 0, 0));
        var sum = new Build();
        var summed = sum.Returning(sum.Reduce(Reduction.Sum, sum.Input(DType.Float64, 3), 0));
        var build = new Build();
        var cond = build.Raw(
            new Operation.Cond(taken, summed, 0), DType.Float64, Shape.Scalar, build.Input(DType.Bool), build.Input(DType.Float64, 3));
        var program = build.Returning(cond);
        var no = new Plain(DType.Bool, Shape.Scalar, [], [0]);
        var yes = new Plain(DType.Bool, Shape.Scalar, [], [1]);
        Assert.Equal(3.0, Compare.Run(Compare.One, program, no, Numbers(3))[0].Floats[0]);
        Assert.Throws<TensorException>(() => Compare.Run(Compare.One, program, yes, Numbers(3)));
    }

    [Fact]
    public void Programs_with_bodies_are_equal_by_value_and_print_them()
    {
        var (one, two) = (Scan(4, false, (_, xs) => xs, 0), Scan(4, false, (_, xs) => xs, 0));
        Assert.Equal(one, two);
        Assert.NotEqual(one, Scan(4, true, (_, xs) => xs, 0));
        Assert.Contains("scan 4 carries 1 slices 1 result 0 {%0 = input 0 : float64[3]; ", one.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_threads_give_the_bits_of_one()
    {
        Plain[] arguments = [Numbers(3), Numbers(50, 3), Numbers(3)];
        var program = Scan(50, false, (_, xs) => xs, 0, 1);
        var (one, more) = (Compare.Run(Compare.One, program, arguments), Compare.Run(new CpuDevice(4, 0), program, arguments));
        Assert.Equal(one.SelectMany(r => r.Floats), more.SelectMany(r => r.Floats));
    }

    private static Plain Whole(int value) => new(DType.Int32, Shape.Scalar, [], [value]);

    private static Plain Numbers(params int[] sizes)
    {
        var plain = Plain.Of(DType.Float64, new Shape(sizes));
        for (var i = 0; i < plain.Count; i++)
        {
            plain.Floats[i] = ((i * 7) % 5) - 1;
        }

        return plain;
    }
}
