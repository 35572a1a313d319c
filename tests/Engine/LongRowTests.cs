using Ad.Tensors;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>Rows too long for registers, whose maximum and sum of exponentials are found in one pass, by one block a row or several.</summary>
public sealed class LongRowTests
{
    /// <summary>Softmax as the kernel writes it, with what its derivative and others may want of it beside.</summary>
    internal static Ad.Tensors.Program Softmax(DType type, int rows, int columns, bool keepsExponentials = false, bool shiftsFinite = true)
    {
        var build = new Build();
        var input = build.Input(type, rows, columns);
        var x = type.IsHalf() ? build.Cast(input, DType.Float32) : input;
        var wide = build[x].Type;
        int Across(int row) => build.Broadcast(build.Reshape(row, rows, 1), rows, columns);
        var largest = build.Reduce(Reduction.Max, x, 1);
        var finite = build.Apply(Pointwise.Less, build.Apply(Pointwise.Abs, largest), build.Constant(wide, double.PositiveInfinity, rows));
        var shift = shiftsFinite ? build.Apply(Pointwise.Select, finite, largest, build.Constant(wide, 0, rows)) : largest;
        var e = build.Apply(Pointwise.Exp, build.Apply(Pointwise.Subtract, x, Across(shift)));
        var sum = build.Reduce(Reduction.Sum, e, 1);
        var quotient = build.Apply(Pointwise.Divide, e, Across(sum));
        var logs = build.Apply(Pointwise.Add, build.Apply(Pointwise.Log, sum), shift);
        var result = type.IsHalf() ? build.Cast(quotient, type) : quotient;
        return keepsExponentials ? build.Returning(result, logs, e, sum) : build.Returning(result, logs);
    }

    /// <summary>The sums alone: nothing of the rows' length is written.</summary>
    internal static Ad.Tensors.Program LogSumExp(DType type, int rows, int columns)
    {
        var build = new Build();
        var x = build.Apply(Pointwise.Multiply, build.Input(type, rows, columns), build.Constant(type, 0.5, rows, columns));
        var largest = build.Reduce(Reduction.Max, x, 1);
        var e = build.Apply(Pointwise.Exp, build.Apply(Pointwise.Subtract, x, build.Broadcast(build.Reshape(largest, rows, 1), rows, columns)));
        return build.Returning(build.Apply(Pointwise.Add, build.Apply(Pointwise.Log, build.Reduce(Reduction.Sum, e, 1)), largest));
    }

    /// <summary>Rows of numbers far apart, of which some go up, some down, some have infinities or NaN, and one nothing else.</summary>
    internal static Plain Rows(DType type, int rows, int columns)
    {
        var x = new Make(columns).Tensor(type, new Shape(rows, columns));
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                var at = (i * columns) + j;
                x[at] = (i % 9) switch
                {
                    1 => Math.Floor(64.0 * j / columns) / 8 * 100,
                    2 => -Math.Floor(64.0 * j / columns) / 8 * 10,
                    3 => j % 3 == 1 ? double.NegativeInfinity : x[at],
                    4 => j == columns - 7 ? double.PositiveInfinity : x[at],
                    5 => j == 5 ? double.NaN : x[at],
                    6 => double.NegativeInfinity,
                    7 => j < columns / 2 ? double.NegativeInfinity : x[at],
                    _ => x[at],
                };
            }
        }

        return x;
    }

    public static TheoryData<int, int> Sizes => new() { { 3, 20_000 }, { 2, 20_001 }, { 9, 16_700 }, { 8, 16_388 }, { 1, 70_000 }, { 40, 8_200 } };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Long_rows_have_the_hosts_softmax_whatever_is_in_them(int rows, int columns)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        (DType Type, Ad.Tensors.Program Program)[] cases =
        [
            (DType.Float32, Softmax(DType.Float32, rows, columns)),
            (DType.Float64, Softmax(DType.Float64, rows, columns, shiftsFinite: false)),
            (DType.Float32, Softmax(DType.Float32, rows, columns, keepsExponentials: true)),
            (DType.BFloat16, Softmax(DType.BFloat16, rows, columns)),
            (DType.Float32, LogSumExp(DType.Float32, rows, columns)),
            (DType.Float64, LogSumExp(DType.Float64, rows, columns)),
        ];
        var (forward, backward) = (Hosted.Device(false), Hosted.Device(true));
        Hosted.CompileTogether(cases.Select(c => Hosted.SourceOf(forward, c.Program)));
        foreach (var (type, program) in cases)
        {
            var x = Rows(type, rows, columns);
            Assert.Contains(" in one pass: ", forward.Prepare(program).ToString(), StringComparison.Ordinal);
            Plain[] expected = Reference.Run(program, [x]), actual = Compare.Run(forward, program, x), again = Compare.Run(backward, program, x);
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], actual[i], 8, program);
                Compare.Same(actual[i], again[i], 0, program);
            }
        }
    }

    [Theory]
    [InlineData(300, 20_000, "by 300 rows in one pass: ")]
    [InlineData(8, 200_000, "by 8 rows in 48 pieces, in one pass: ")]
    public void The_exponentials_are_not_written_where_only_the_quotient_is_wanted(int rows, int columns, string text)
    {
        var plan = Hosted.Device(false).Prepare(Softmax(DType.Float32, rows, columns)).ToString();
        Assert.Contains(text, plan, StringComparison.Ordinal);
        Assert.Contains($"temporaries {(rows == 300 ? 0 : Temporaries(plan))} bytes", plan, StringComparison.Ordinal);
        Assert.True(Temporaries(plan) < 64 * 1024, plan);
    }

    private static long Temporaries(string plan) =>
        long.Parse(plan.Split("temporaries ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public void Rows_that_fit_into_registers_stay_there() =>
        Assert.DoesNotContain("one pass", Hosted.Device(false).Prepare(Softmax(DType.Float32, 300, 16_384)).ToString(), StringComparison.Ordinal);
}
