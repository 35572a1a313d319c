using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class ContractTests
{
    [Fact]
    public void Products_with_nothing_to_sum_are_single_products() => OperationTests.Repeat(60, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var (batch, m, n) = (1 + make.Below(5), make.Size(), make.Pick(1, 2, 7, 8, 16, 17, 33, 200));
        var (x, y) = (build.Input(type, batch, m), build.Input(type, batch, n));
        var z = make.Chance(0.5)
            ? build.Contract(x, y, [], [], [0], [0])
            : build.Contract(build.Reshape(x, batch, m, 1), build.Reshape(y, batch, 1, n), [2], [1], [0], [0]);
        Compare.ToReference(build.Returning(z), 0, make.Tensor(type, build[x].Shape), make.Tensor(type, build[y].Shape));
    });

    [Fact]
    public void Products_that_share_a_matrix_have_the_bits_of_each_alone() => OperationTests.Repeat(25, make =>
    {
        var type = make.Pick(DType.Float32, DType.Float64);
        var (n, k) = (make.Pick(33, 64, 70, 130), make.Pick(40, 129, 600));
        var isTurned = make.Chance(0.5);
        var rows = Enumerable.Range(0, 2 + make.Below(3)).Select(_ => 13 + make.Below(60)).ToArray();
        var asProgram = (IEnumerable<int> which) =>
        {
            var build = new Build();
            var matrix = isTurned ? build.Input(type, n, k) : build.Input(type, k, n);
            var products = which.Select(m => build.Contract(build.Input(type, m, k), matrix, [1], [isTurned ? 1 : 0])).ToArray();
            // One goes on to a group that takes its tiles.
            products[0] = build.Apply(Pointwise.Abs, products[0]);
            return build.Returning(products);
        };
        var (right, lefts) = (make.Tensor(type, isTurned ? new Shape(n, k) : new Shape(k, n)), rows.Select(m => make.Tensor(type, new Shape(m, k))).ToArray());
        var together = asProgram(rows);
        Assert.Equal(rows.Length, Compare.One.Prepare(together).ToString()!.Split("by panels").Length - 1);
        foreach (var device in new[] { Compare.One, new CpuDevice(2, 0) })
        {
            var results = Compare.Run(device, together, [right, .. lefts]);
            for (var i = 0; i < rows.Length; i++)
            {
                var alone = asProgram([rows[i]]);
                var expected = Compare.Run(device, alone, right, lefts[i])[0];
                Compare.Same(expected, i == 0 ? results[0] : Compare.Run(device, AbsoluteOf(type, results[i].Shape), results[i])[0], 0, together);
            }
        }
    });

    private static Ad.Tensors.Program AbsoluteOf(DType type, Shape shape)
    {
        var build = new Build();
        return build.Returning(build.Apply(Pointwise.Abs, build.Input(type, [.. shape])));
    }

    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 700 }, { 1, 300, 64 }, { 300, 1, 64 }, { 1, 64, 600 }, { 64, 1, 601 }, { 5, 7, 300 }, { 13, 33, 9 }, { 37, 65, 257 },
        { 130, 70, 40 }, { 12, 32, 256 }, { 200, 530, 3 }, { 3, 1030, 17 }, { 515, 4, 513 }, { 9, 9, 0 }, { 128, 128, 128 }, { 500, 20, 300 }, { 301, 36, 70 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Products_of_all_sizes_and_orders_of_axes_are_exact_where_they_can_be(int m, int n, int k)
    {
        var make = new Make((m * 31) + (n * 17) + k);
        foreach (var type in new[] { DType.Float32, DType.Float64, DType.Int64 })
        {
            var build = new Build();
            var (x, xt) = (build.Input(type, m, k), build.Input(type, k, m));
            var (y, yt) = (build.Input(type, k, n), build.Input(type, n, k));
            int[] outputs =
            [
                build.Contract(x, y, [1], [0]), build.Contract(xt, y, [0], [0]), build.Contract(x, yt, [1], [1]), build.Contract(xt, yt, [0], [1]),
                build.Contract(build.Flip(x, 1), build.Flip(y, 0, 1), [1], [0]),
            ];
            Plain[] arguments = [.. new[] { x, xt, y, yt }.Select(i => Small(make, type, build[i].Shape))];
            var actual = Compare.Run(Compare.One, build.Returning(outputs), arguments);
            var expected = Multiply(arguments[0], arguments[2], m, n, k);
            Compare.Same(expected, actual[0], 0, build.Returning(outputs));
            Compare.Same(Multiply(Turned(arguments[1], k, m), arguments[2], m, n, k), actual[1], 0, build.Returning(outputs));
            Compare.Same(Multiply(arguments[0], Turned(arguments[3], n, k), m, n, k), actual[2], 0, build.Returning(outputs));
            Compare.Same(Multiply(Turned(arguments[1], k, m), Turned(arguments[3], n, k), m, n, k), actual[3], 0, build.Returning(outputs));
            var flipped = actual[4];
            for (var i = 0; i < m; i++)
            {
                for (var j = 0; j < n; j++)
                {
                    Assert.Equal(expected[((long)i * n) + j], flipped[((long)i * n) + n - 1 - j]);
                }
            }
        }
    }

    [Theory]
    [InlineData(3, 150, 170, 300)]
    [InlineData(40, 20, 30, 50)]
    [InlineData(1, 260, 1100, 520)]
    [InlineData(2, 700, 1, 900)]
    [InlineData(1, 900, 20, 400)]
    public void Bits_do_not_depend_on_the_number_of_threads(int batch, int m, int n, int k)
    {
        var random = new Random(1);
        foreach (var type in new[] { DType.Float32, DType.Float64 })
        {
            var build = new Build();
            var (x, y) = (build.Input(type, batch, m, k), build.Input(type, batch, k, n));
            var turned = build.Input(type, batch, k, m);
            var program = build.Returning(build.Contract(x, y, [2], [1], [0], [0]), build.Contract(turned, y, [1], [1], [0], [0]));
            Plain[] arguments = [Plain.Of(type, build[x].Shape), Plain.Of(type, build[y].Shape), Plain.Of(type, build[turned].Shape)];
            foreach (var argument in arguments)
            {
                for (var i = 0; i < argument.Count; i++)
                {
                    argument[i] = random.NextDouble();
                }
            }

            var one = Compare.Run(Compare.One, program, arguments);
            foreach (var threads in new[] { 2, 4 })
            {
                var several = Compare.Run(new Ad.Tensors.Cpu.CpuDevice(threads), program, arguments);
                Compare.Same(one[0], several[0], 0, program);
                Compare.Same(one[1], several[1], 0, program);
            }
        }
    }

    [Fact]
    public void Batches_of_small_and_thin_products_are_exact_for_any_threads() => OperationTests.Repeat(80, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var (batch, m, n, k) = (make.Pick(1, 2, 7, 300), make.Pick(1, 2, 3, 4, 5, 9, 700), make.Pick(1, 2, 3, 4, 5, 8, 9, 16, 17, 40), make.Pick(1, 2, 3, 4, 9, 33));
        batch = batch * m > 3000 ? 2 : batch;
        var isShared = make.Chance(0.3);
        int[][] left = [[batch, m, k], [m, batch, k], [k, m, batch]];
        int[][] right = [[batch, k, n], [n, batch, k], [n, k, batch]];
        var (l, r) = (make.Below(3), make.Below(3));
        var (x, y) = (build.Input(type, left[l]), build.Input(type, isShared ? [k, n] : right[r]));
        var (leftBatch, leftSummed) = (l == 0 ? 0 : l == 1 ? 1 : 2, l == 2 ? 0 : 2);
        var (rightBatch, rightSummed) = (r == 0 ? 0 : r == 1 ? 1 : 2, r == 1 ? 2 : 1);
        var z = isShared ? build.Contract(x, y, [leftSummed], [0]) : build.Contract(x, y, [leftSummed], [rightSummed], [leftBatch], [rightBatch]);
        var program = build.Returning(z);
        Plain[] arguments = [Small(make, type, build[x].Shape), Small(make, type, build[y].Shape)];
        Compare.ToReference(program, 0, arguments);
        var one = Compare.Run(Compare.One, program, arguments)[0];
        Compare.Same(one, Compare.Run(new Ad.Tensors.Cpu.CpuDevice(4), program, arguments)[0], 0, program);
    });

    // Quarters up to 2: a thousand of their products add up exactly in float32.
    private static Plain Small(Make make, DType type, Shape shape)
    {
        var r = Plain.Of(type, shape);
        for (var i = 0; i < r.Count; i++)
        {
            r[i] = type.IsFloat() ? (make.Below(17) - 8) / 4.0 : make.Below(17) - 8;
        }

        return r;
    }

    private static Plain Turned(Plain x, int rows, int columns)
    {
        var r = Plain.Of(x.Type, new Shape(columns, rows));
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                r[(j * rows) + i] = x[(i * columns) + j];
            }
        }

        return r;
    }

    private static Plain Multiply(Plain x, Plain y, int m, int n, int k)
    {
        var sums = new double[m * n];
        for (var i = 0; i < m; i++)
        {
            for (var p = 0; p < k; p++)
            {
                for (var j = 0; j < n; j++)
                {
                    sums[(i * n) + j] += x[(i * k) + p] * y[(p * n) + j];
                }
            }
        }

        var r = Plain.Of(x.Type, new Shape(m, n));
        for (var i = 0; i < sums.Length; i++)
        {
            r[i] = sums[i];
        }

        return r;
    }
}
