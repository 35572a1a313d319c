using Ad.Tensors;
using Xunit;

namespace Engine;

/// <summary>What is 0 but for a box of its elements, and what is wanted in a box alone.</summary>
public sealed class BoxTests
{
    [Fact]
    public void Programs_of_padded_boxes_and_wanted_ones_keep_their_bits() => OperationTests.Repeat(600, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64, DType.Int32);
        var sizes = Enumerable.Range(0, 1 + make.Below(3)).Select(_ => make.Chance(0.02) ? 0 : 1 + make.Below(7)).ToArray();
        var x = build.Input(type, sizes);
        var values = new List<int> { x, build.Constant(type, type == DType.Int32 ? make.Pick(0, 1, -1) : make.Pick(0, -0.0, 1, 2, double.PositiveInfinity, -1), sizes) };
        for (var step = 0; step < 14; step++)
        {
            // Late ones more often, so that chains become long.
            int Any() => make.Chance(0.5) ? values[^1] : make.Pick([.. values]);
            var (a, b) = (Any(), Any());
            values.Add(make.Below(10) switch
            {
                < 3 => Boxed(build, make, a, sizes),
                3 => Moved(build, make, a, b, sizes),
                4 => build.Apply(Pointwise.Select, build.Apply(Pointwise.Less, make.Pick([.. values]), x), a, b),
                5 => build.Apply(make.Pick(Pointwise.Negate, Pointwise.Abs), a),
                6 when type != DType.Int32 => build.Apply(make.Pick(Pointwise.Sqrt, Pointwise.Floor, Pointwise.Sign), a),
                7 when type != DType.Int32 => build.Apply(Pointwise.Scale, a, b),
                8 when sizes.Length > 1 => Turned(build, make, a),
                8 => build.Cast(build.Cast(a, make.Pick(DType.Bool, DType.Float64)), type),
                _ => build.Apply(make.Pick(Pointwise.Add, Pointwise.Add, Pointwise.Subtract, Pointwise.Multiply, Pointwise.Maximum), a, b),
            });
        }

        var whole = build.Returning(values[^1], make.Pick([.. values]));
        var small = build.Returning(Sliced(build, make, values[^1], sizes), Sliced(build, make, make.Pick([.. values]), sizes));
        var argument = make.Tensor(type, build[x].Shape, true);
        foreach (var program in new[] { whole, small })
        {
            var expected = Reference.Run(program, argument);
            var actual = Reference.Run(Simplify.Apply(program), argument);
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], actual[i], 0, program);
            }

            Compare.ToReference(program, 0, argument);
        }
    });

    [Theory]
    [InlineData(1_000)]
    [InlineData(100_000)]
    public void One_element_of_a_scheme_and_its_derivative_cost_what_they_depend_on(int n)
    {
        const int Steps = 20;
        var build = new Build();
        var x = build.Input(DType.Float64, n);
        var (first, values) = (build.Constant(DType.Float64, 1, 1), new List<int> { x });
        for (var step = 0; step < Steps; step++)
        {
            var shifted = build.Concatenate(0, first, build.Slice(values[^1], [0], [1], [n - 1]));
            values.Add(build.Apply(Pointwise.Add, values[^1], build.Apply(Pointwise.Multiply, x, shifted)));
        }

        // Of y(n - 1) by x: what flows back of the next step, and what comes of it here.
        var flows = build.Pad(build.Constant(DType.Float64, 1, 1), [n - 1], [0], [0]);
        var derivative = -1;
        for (var step = Steps - 1; step >= 0; step--)
        {
            var shifted = build.Concatenate(0, first, build.Slice(values[step], [0], [1], [n - 1]));
            var term = build.Apply(Pointwise.Scale, flows, shifted);
            derivative = derivative < 0 ? term : build.Apply(Pointwise.Add, derivative, term);
            flows = build.Apply(Pointwise.Add, flows, build.Pad(build.Slice(build.Apply(Pointwise.Scale, flows, x), [1], [1], [n - 1]), [0], [1], [0]));
        }

        var last = build.Slice(values[^1], [n - 1], [1], [1]);
        var program = build.Returning(last, build.Apply(Pointwise.Add, derivative, flows));
        var computed = Simplify.Apply(program).Instructions.ToArray().Where(i => i.Operation is Operation.Elementwise).Sum(i => i.Shape.Elements);
        Assert.True(computed < 10 * (Steps + 1) * (Steps + 1), $"{computed} elements are computed");
        Compare.ToReference(program, 0, new Make(n).Tensor(DType.Float64, new Shape(n)));
    }

    [Fact]
    public void Parts_of_all_of_a_tensor_are_still_added_where_they_lie()
    {
        const int Count = 200;
        var build = new Build();
        var x = build.Input(DType.Float64, Count);
        var sum = -1;
        for (var i = 0; i < Count; i++)
        {
            var part = build.Pad(build.Apply(Pointwise.Sin, build.Slice(x, [i], [1], [1])), [i], [Count - 1 - i], [0]);
            sum = i == 0 ? part : build.Apply(Pointwise.Add, sum, part);
        }

        var computed = Simplify.Apply(build.Returning(sum)).Instructions.ToArray().Sum(i => i.Operation is Operation.Input ? 0 : i.Shape.Elements);
        Assert.True(computed <= 6 * Count, $"{computed} elements are computed");
    }

    private static (int[] Starts, int[] Sizes) Box(Make make, int[] sizes)
    {
        var box = sizes.Select(size => make.Chance(0.05) ? 0 : Math.Min(size, 1 + make.Below(Math.Max(1, size)))).ToArray();
        return ([.. sizes.Select((size, axis) => make.Below(size - box[axis] + 1))], box);
    }

    private static int Sliced(Build build, Make make, int value, int[] sizes)
    {
        var (starts, box) = Box(make, sizes);
        return build.Slice(value, starts, [.. sizes.Select(_ => 1)], box);
    }

    // What there is in a box, with zeros elsewhere, perhaps of another box as large.
    private static int Boxed(Build build, Make make, int value, int[] sizes)
    {
        var (starts, box) = Box(make, sizes);
        var part = build.Slice(value, starts, [.. sizes.Select(_ => 1)], box);
        var low = sizes.Select((size, axis) => make.Chance(0.5) ? starts[axis] : make.Below(size - box[axis] + 1)).ToArray();
        return build.Pad(part, low, [.. sizes.Select((size, axis) => size - box[axis] - low[axis])], new int[sizes.Length]);
    }

    // Part of one, then part of another, along one axis; every second element where there are enough.
    private static int Moved(Build build, Make make, int a, int b, int[] sizes)
    {
        var axis = make.Below(sizes.Length);
        var count = make.Below(sizes[axis] + 1);
        int Part(int value, int size)
        {
            var (starts, steps, box) = (new int[sizes.Length], sizes.Select(_ => 1).ToArray(), sizes.ToArray());
            (starts[axis], box[axis]) = (make.Below(sizes[axis] - size + 1), size);
            steps[axis] = size > 0 && starts[axis] + (2 * (size - 1)) < sizes[axis] ? 1 + make.Below(2) : 1;
            return build.Slice(value, starts, steps, box);
        }

        return build.Concatenate(axis, Part(a, count), Part(b, sizes[axis] - count));
    }

    // Turned, computed with and turned back.
    private static int Turned(Build build, Make make, int value)
    {
        var axes = make.Shuffled(build[value].Shape.Rank);
        return build.Permute(build.Apply(Pointwise.Abs, build.Permute(value, axes)), [.. axes.Select((_, i) => Array.IndexOf(axes, i))]);
    }
}
