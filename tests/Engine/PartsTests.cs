using Ad.Tensors;
using Xunit;

namespace Engine;

/// <summary>Sums of padded parts, and parts that are written where they belong.</summary>
public sealed class PartsTests
{
    [Fact]
    public void Sums_of_padded_parts_keep_their_bits() => OperationTests.Repeat(400, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64, DType.Int32);
        var sizes = Enumerable.Range(0, 1 + make.Below(3)).Select(_ => 1 + make.Below(7)).ToArray();
        var x = build.Input(type, sizes);
        var shared = build.Apply(Pointwise.Multiply, x, x);
        var terms = Enumerable.Range(0, 2 + make.Below(5)).Select(_ => make.Chance(0.15) ? make.Pick(x, shared) : Part(build, make, x, shared, sizes)).ToList();
        while (terms.Count > 1)
        {
            // Sums lean to either side, and one that somebody else reads too is kept.
            var at = make.Below(terms.Count - 1);
            terms[at] = build.Apply(Pointwise.Add, terms[at], terms[at + 1]);
            terms.RemoveAt(at + 1);
        }

        var results = new List<int> { terms[0] };
        if (make.Chance(0.5))
        {
            results.Add(build.Apply(Pointwise.Negate, terms[0]));
        }

        if (make.Chance(0.3))
        {
            results.Add(build.Permute(terms[0], make.Shuffled(sizes.Length)));
        }

        if (make.Chance(0.3))
        {
            results.Add(make.Below(build.Count));
        }

        var program = build.Returning([.. results]);
        var argument = make.Tensor(type, build[x].Shape, true);
        var expected = Reference.Run(program, argument);
        var actual = Reference.Run(Simplify.Apply(program), argument);
        for (var i = 0; i < expected.Length; i++)
        {
            Compare.Same(expected[i], actual[i], 0, program);
        }

        Compare.ToReference(program, 0, argument);
    });

    [Fact]
    public void What_is_written_into_parts_is_read_elsewhere_in_another_shape() => OperationTests.Repeat(400, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.BFloat16, DType.Float32, DType.Float64, DType.Int32);
        var (rows, columns) = (1 + make.Below(4), 1 + make.Below(5));
        var x = build.Input(type, rows * columns);
        var y = build.Input(type, rows * columns);
        var flat = new List<int> { x, y };
        var results = new List<int>();
        for (var step = 0; step < 8; step++)
        {
            var (a, b) = (make.Pick(flat.ToArray()), make.Pick(flat.ToArray()));
            switch (make.Below(4))
            {
                case 0:
                    var (upright, beside) = (build.Reshape(a, rows, columns), build.Reshape(b, rows, columns));
                    results.Add(build.Concatenate(1, make.Chance(0.5) ? [upright, beside] : [beside, upright, beside]));
                    break;
                case 1:
                    results.Add(build.Reduce(make.Pick(Reduction.Max, Reduction.Min), build.Reshape(a, columns, rows), make.Below(2)));
                    break;
                default:
                    flat.Add(build.Apply(make.Pick(Pointwise.Maximum, Pointwise.Minimum, Pointwise.Add), a, build.Apply(Pointwise.Negate, b)));
                    break;
            }
        }

        results.Add(flat[^1]);
        var arguments = new[] { x, y }.Select(i => make.Tensor(type, build[i].Shape)).ToArray();
        Compare.ToReference(build.Returning([.. results]), 0, arguments);
    });

    // A slice of x or of something computed from it, put back to where it was or somewhere else.
    private static int Part(Build build, Make make, int x, int shared, int[] sizes)
    {
        var axis = make.Below(sizes.Length);
        var size = 1 + make.Below(sizes[axis]);
        var start = make.Below(sizes[axis] - size + 1);
        var (starts, steps, part) = (new int[sizes.Length], new int[sizes.Length], sizes.ToArray());
        (starts[axis], part[axis]) = (start, size);
        Array.Fill(steps, 1);
        var slice = build.Slice(make.Pick(x, shared), starts, steps, part);
        if (make.Chance(0.7))
        {
            slice = build.Apply(make.Pick(Pointwise.Negate, Pointwise.Abs), slice);
        }

        if (make.Chance(0.3))
        {
            slice = build.Apply(Pointwise.Add, slice, build.Broadcast(build.Constant(build[x].Type, 2, part[^1]), part));
        }

        var low = new int[sizes.Length];
        low[axis] = make.Chance(0.5) ? start : make.Below(sizes[axis] - size + 1);
        var high = Enumerable.Range(0, sizes.Length).Select(a => sizes[a] - part[a] - low[a]).ToArray();
        return build.Pad(slice, low, high, new int[sizes.Length]);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(1000)]
    public void The_derivative_of_n_slices_costs_n_not_n_squared(int n)
    {
        var build = new Build();
        var x = build.Input(DType.Float32, n, 8);
        var sum = -1;
        for (var i = 0; i < n; i++)
        {
            var row = build.Apply(Pointwise.Exp, build.Slice(x, [i, 0], [1, 1], [1, 8]));
            var padded = build.Pad(row, [i, 0], [n - 1 - i, 0], [0, 0]);
            sum = sum < 0 ? padded : build.Apply(Pointwise.Add, sum, padded);
        }

        var simple = Simplify.Apply(build.Returning(sum));
        Assert.DoesNotContain(simple.Instructions.ToArray(), i => i.Operation is Operation.Pad);
        Assert.True(ProgramCost.Of(simple).Flops <= 3 * 8 * n, $"{ProgramCost.Of(simple).Flops} operations");
    }

    [Fact]
    public void Parts_are_written_where_they_belong() => OperationTests.Repeat(200, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64, DType.Int32);
        var axis = make.Below(3);
        var sizes = make.Sizes(3);
        var parts = new List<int>();
        for (var i = 0; i < 1 + make.Below(4); i++)
        {
            var own = sizes.ToArray();
            own[axis] = make.Size();
            var x = build.Input(type, own);
            parts.Add(make.Below(7) switch
            {
                0 => x,
                1 => build.Constant(type, 3, own),
                2 => build.Iota(type, make.Below(3), own),
                3 when parts.Count > 0 => parts[0],
                4 => build.CumulativeSum(x, axis, make.Chance(0.5)),
                5 => build.Concatenate(axis, build.Apply(Pointwise.Negate, x)),
                _ => build.Apply(Pointwise.Negate, build.Apply(Pointwise.Add, x, x)),
            });
        }

        var whole = build.Concatenate(axis, [.. parts]);
        var results = new List<int> { whole };
        if (make.Chance(0.5))
        {
            results.Add(parts[^1]);
        }

        if (make.Chance(0.5))
        {
            results.Add(build.Apply(Pointwise.Abs, build.Flip(whole, axis)));
        }

        if (make.Chance(0.5))
        {
            results.Add(build.Reduce(Reduction.Max, build.Apply(Pointwise.Abs, parts[0]), make.Subset(3, 0.5)));
        }

        if (make.Chance(0.3))
        {
            // The same part again, elsewhere, and turned over.
            results.Add(build.Concatenate(axis, parts[^1], parts[0]));
            results.Add(build.Reshape(build.Permute(parts[^1], 2, 1, 0), (int)build[parts[^1]].Shape.Elements));
        }

        var program = build.Returning([.. results]);
        var inputs = program.Instructions.ToArray().Where(i => i.Operation is Operation.Input);
        Compare.ToReference(program, 0, [.. inputs.Select(i => make.Tensor(type, i.Shape, true))]);
    });

    [Fact]
    public void What_is_computed_for_a_part_is_not_copied()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 100);
        var whole = build.Concatenate(0, build.Apply(Pointwise.Exp, x), build.Constant(DType.Float32, 0, 3), build.Apply(Pointwise.Negate, x));
        var text = Compare.One.Prepare(build.Returning(whole)).ToString();
        Assert.DoesNotContain("concatenate", text, StringComparison.Ordinal);
        Assert.Contains("temporaries 0 bytes", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_lies_beside_each_other_is_turned_over_together() => OperationTests.Repeat(80, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.BFloat16, DType.Float32, DType.Float64, DType.Int32, DType.Int64, DType.Bool);
        int[] shape = make.Chance(0.3) ? [1 + make.Below(5), 1 + make.Below(70)] : [make.Pick(1, 3, 63, 64, 65, 260, 1027)];
        int[] column = [.. shape, 1];
        int[] inputs = [build.Input(type, shape), build.Input(type, shape), build.Input(type, shape.Reverse().ToArray())];
        var values = new List<int> { inputs[0], inputs[1], build.Permute(inputs[2], [.. Enumerable.Range(0, shape.Length).Reverse()]) };
        var (add, twist) = type == DType.Bool ? (Pointwise.Or, Pointwise.Not) : (Pointwise.Maximum, Pointwise.Negate);
        for (var step = 0; step < make.Pick(4, 30, 140); step++)
        {
            values.Add(make.Chance(0.3) ? build.Apply(twist, make.Pick([.. values])) : build.Apply(add, make.Pick([.. values]), make.Pick([.. values])));
        }

        // Computed, repeated, read, made up or the same everywhere, in one tensor or two, some of them elsewhere too.
        var results = new List<int>();
        for (var tensor = 0; tensor < 1 + make.Below(2); tensor++)
        {
            int[] parts = [.. Enumerable.Range(0, 1 + make.Below(36)).Select(_ => make.Below(12) switch
            {
                0 => build.Constant(type, 1, shape),
                1 when type != DType.Bool => build.Iota(type, make.Below(shape.Length), shape),
                2 => make.Pick(inputs[0], values[2]),
                3 => build.Cast(build.Apply(Pointwise.NotEqual, values[^1], values[0]), type),
                _ => values[Math.Max(0, values.Count - 1 - make.Below(34))],
            })];
            results.Add(build.Concatenate(shape.Length, [.. parts.Select(part => build.Reshape(part, column))]));
            results.AddRange(parts.Where(_ => make.Chance(0.1)));
        }

        if (type != DType.Bool && make.Chance(0.3))
        {
            results.Add(build.Reduce(Reduction.Max, values[^1], 0));
        }

        Compare.ToReference(build.Returning([.. results]), 0, [.. inputs.Select(i => make.Tensor(type, build[i].Shape, true))]);
    });

    [Fact]
    public void What_is_moved_along_by_a_few_places_keeps_its_bits() => OperationTests.Repeat(300, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.BFloat16, DType.Float32, DType.Float64, DType.Int32);
        int[] shape = make.Chance(0.4) ? [make.Pick(1, 9, 30, 100), 1 + make.Below(3)] : [make.Pick(1, 8, 40, 300, 1100)];
        int[] ones = [.. shape.Select(_ => 1)];
        int[] none = [.. shape.Select(_ => 0)];
        var values = new List<int> { build.Input(type, shape), build.Input(type, shape) };
        var results = new List<int>();
        for (var step = 0; step < 3 + make.Below(10); step++)
        {
            var x = make.Pick([.. values.TakeLast(3)]);
            var (by, size) = (make.Below(Math.Min(4, shape[0] + 1)), shape[0]);
            var isDown = make.Chance(0.5);
            var slice = build.Slice(x, [isDown ? 0 : by, .. none[1..]], ones, [size - by, .. shape[1..]]);
            var edge = build.Slice(make.Pick([.. values]), none, ones, [by, .. shape[1..]]);
            var (low, high) = isDown ? (by, 0) : (0, by);
            values.Add(make.Below(6) switch
            {
                0 or 1 => build.Pad(slice, [low, .. none[1..]], [high, .. none[1..]], none),
                2 or 3 => build.Concatenate(0, isDown ? [edge, slice] : [slice, edge]),
                4 => build.Slice(build.Concatenate(0, make.Chance(0.5) ? [slice, x] : [x, slice]), none, ones, shape),
                _ => build.Apply(Pointwise.Negate, x),
            });
            values.Add(build.Apply(make.Pick(Pointwise.Add, Pointwise.Maximum, Pointwise.Minimum), values[^1], make.Pick([.. values])));
            results.AddRange(values.TakeLast(2).Where(_ => make.Chance(0.2)));
        }

        results.Add(values[^1]);
        int[] inputs = [values[0], values[1]];
        Compare.ToReference(build.Returning([.. results]), 0, [.. inputs.Select(i => make.Tensor(type, build[i].Shape))]);
    });

    [Fact]
    public void What_is_moved_along_by_a_few_places_is_not_copied()
    {
        // A step of an explicit scheme that reads its neighbour before, and what flows back of it, which reads the one after.
        var build = new Build();
        var x = build.Input(DType.Float64, 5000);
        var y = build.Apply(Pointwise.Sqrt, x);
        var down = build.Concatenate(0, build.Constant(DType.Float64, 1, 1), build.Slice(y, [0], [1], [4999]));
        var z = build.Apply(Pointwise.Multiply, x, down);
        var up = build.Pad(build.Slice(z, [1], [1], [4999]), [0], [1], [0]);
        var plan = Compare.One.Prepare(build.Returning(build.Apply(Pointwise.Add, up, x))).ToString()!;
        Assert.DoesNotContain("concatenate", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("pad", plan, StringComparison.Ordinal);

        // Of a part that is small beside what it is a part of, the rest is not kept for it.
        var few = new Build();
        var all = few.Apply(Pointwise.Sqrt, few.Input(DType.Float64, 5000));
        var begin = few.Concatenate(0, few.Constant(DType.Float64, 1, 1), few.Slice(all, [0], [1], [1000]));
        Assert.Contains(
            "concatenate", Compare.One.Prepare(few.Returning(few.Apply(Pointwise.Negate, begin), few.Reduce(Reduction.Max, all, 0))).ToString()!, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_computed_together_are_one_kernel_and_nothing_in_between()
    {
        // One of them is read, one the same everywhere, one there twice, and two come from groups that have nothing to do with each other until then.
        var build = new Build();
        var (x, y) = (build.Input(DType.Float64, 5000), build.Input(DType.Float64, 5000));
        var (a, b) = (build.Apply(Pointwise.Sqrt, x), build.Apply(Pointwise.Sqrt, y));
        int[] columns = [a, build.Apply(Pointwise.Negate, a), b, build.Constant(DType.Float64, 3, 5000), y, a];
        var whole = build.Concatenate(1, [.. columns.Select(c => build.Reshape(c, 5000, 1))]);
        var plan = Compare.One.Prepare(build.Returning(whole)).ToString()!;
        Assert.Single(plan.Split('\n'), line => line.Contains("over 5000", StringComparison.Ordinal));
        Assert.DoesNotContain("concatenate", plan, StringComparison.Ordinal);
        Assert.Contains("temporaries 0 bytes", plan, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sum_of_products_is_one_product() => OperationTests.Repeat(100, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var (m, n) = (1 + make.Below(20), 1 + make.Below(20));
        var x = build.Input(type, 40, m);
        var y = build.Input(type, 40, n);
        var (sum, terms) = (-1, 2 + make.Below(5));
        var turned = make.Chance(0.5);
        for (var i = 0; i < terms; i++)
        {
            var k = 1 + make.Below(3);
            var (at, length) = ((6 * i) + make.Below(3), k);
            var a = build.Apply(Pointwise.Negate, build.Slice(x, [at, 0], [1, 1], [length, m]));
            var b = build.Slice(y, [make.Below(40 - k), 0], [1, 1], [length, n]);
            var product = build.Contract(a, b, [0], [0]);
            product = turned ? build.Permute(product, 1, 0) : product;
            sum = sum < 0 ? product : build.Apply(Pointwise.Add, make.Chance(0.5) ? [sum, product] : [product, sum]);
        }

        var program = build.Returning(sum);
        var (left, right) = (make.Tensor(type, build[x].Shape), make.Tensor(type, build[y].Shape));
        var (expected, actual) = (Reference.Run(program, left, right)[0], Compare.Run(Compare.One, program, left, right)[0]);
        var most = expected.Floats.Select(Math.Abs).Append(1).Max();
        Assert.All(expected.Floats.Zip(actual.Floats), pair => Assert.Equal(pair.First, pair.Second, most * (type == DType.Float32 ? 1e-4 : 1e-12)));
        var products = Simplify.Apply(program).Instructions.ToArray().Count(i => i.Operation is Operation.Contract);
        Assert.Equal(m * n >= 3 * (m + n) ? 1 : products, products);
    });
}
