using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class SimplifyTests
{
    [Fact]
    public void A_sum_of_one_term_is_no_reduction_and_keeps_its_bits() => OperationTests.Repeat(30, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Int32, DType.Int64, DType.Float32, DType.Float64);
        var x = build.Input(type, 1 + make.Below(5), 1, 9);
        var program = build.Returning(build.Reduce(Reduction.Sum, x, 1));
        Assert.DoesNotContain("sum", Simplify.Apply(program).ToString(), StringComparison.Ordinal);
        Compare.ToReference(program, 0, make.Tensor(type, build[x].Shape, true));
    });

    [Theory]
    [InlineData(Pointwise.Multiply, 1, true)]
    [InlineData(Pointwise.Divide, 1, true)]
    [InlineData(Pointwise.Subtract, 0, true)]
    [InlineData(Pointwise.Subtract, -0.0, false)]
    [InlineData(Pointwise.Add, 0, false)]
    [InlineData(Pointwise.Add, -0.0, true)]
    [InlineData(Pointwise.Multiply, 0, false)]
    [InlineData(Pointwise.Power, 1, true)]
    public void Only_what_is_exact_for_every_number_is_the_operand_itself(Pointwise function, double constant, bool itself)
    {
        var build = new Build();
        var x = build.Input(DType.Float64, 3);
        var y = build.Apply(function, x, build.Constant(DType.Float64, constant, 3));
        var simple = Simplify.Apply(build.Returning(y));
        Assert.Equal(itself, simple.Instructions[simple.Outputs[0]].Operation is Operation.Input);
    }

    [Fact]
    public void Equal_instructions_are_done_once_and_unread_ones_not_at_all()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 4);
        var (a, b) = (build.Apply(Pointwise.Exp, x), build.Apply(Pointwise.Exp, x));
        build.Apply(Pointwise.Log, x);
        Assert.Equal(
            """
            %0 = input 0 : float32[4]
            %1 = exp %0 : float32[4]
            %2 = multiply %1 %1 : float32[4]
            return %2

            """,
            Simplify.Apply(build.Returning(build.Apply(Pointwise.Multiply, a, b))).ToString());
    }

    [Fact]
    public void Movement_is_merged_and_does_nothing_to_constants()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 2, 3, 4);
        var moved = build.Permute(build.Permute(build.Reshape(build.Reshape(x, 24), 2, 3, 4), 2, 0, 1), 1, 2, 0);
        var negative = build.Apply(Pointwise.Negate, build.Apply(Pointwise.Negate, moved));
        var one = build.Broadcast(build.Reshape(build.Constant(DType.Float32, 1), 1, 1), 3, 2, 3, 4);
        var sum = build.Reduce(Reduction.Sum, build.Cast(build.Apply(Pointwise.Exp, build.Apply(Pointwise.Subtract, one, one)), DType.Float64), 0, 2);
        Assert.Equal(
            """
            %0 = input 0 : float32[2, 3, 4]
            %1 = constant 9 : float64[2, 4]
            return %0 %1

            """,
            Simplify.Apply(build.Returning(negative, sum)).ToString());
    }

    [Fact]
    public void Choices_known_beforehand_are_made_beforehand()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, 2), build.Input(DType.Float32, 2));
        var chosen = build.Apply(Pointwise.Select, build.Constant(DType.Bool, 0, 2), x, y);
        var same = build.Apply(Pointwise.Select, build.Apply(Pointwise.Less, x, y), y, y);
        var scaled = build.Apply(Pointwise.Scale, x, build.Constant(DType.Float32, 0, 2));
        Assert.Equal(
            """
            %0 = input 1 : float32[2]
            %1 = constant 0 : float32[2]
            return %0 %0 %1

            """,
            Simplify.Apply(build.Returning(chosen, same, scaled)).ToString());
    }

    [Fact]
    public void A_part_of_a_unit_matrix_is_a_number()
    {
        // What flows back along each of two results, spread over many: that along the other is 0, and with it all that it is multiplied by.
        var build = new Build();
        var x = build.Input(DType.Float64, 5);
        var unit = build.Cast(
            build.Apply(Pointwise.Equal, build.Broadcast(build.Reshape(build.Iota(DType.Int32, 0, 2), 2, 1), 2, 2), build.Broadcast(build.Iota(DType.Int32, 0, 2), 2, 2)),
            DType.Float64);
        int Scaled(int row, int column) =>
            build.Apply(Pointwise.Scale, build.Broadcast(build.Reshape(build.Slice(unit, [row, column], [1, 1], [1, 1]), 1), 5), build.Apply(Pointwise.Exp, x));
        Assert.Equal(
            """
            %0 = input 0 : float64[5]
            %1 = exp %0 : float64[5]
            %2 = constant 0 : float64[5]
            return %1 %2

            """,
            Simplify.Apply(build.Returning(Scaled(1, 1), Scaled(1, 0))).ToString());
    }

    [Fact]
    public void An_integer_divided_by_a_constant_zero_still_fails_only_when_it_runs()
    {
        var build = new Build();
        var quotient = build.Apply(Pointwise.Divide, build.Constant(DType.Int32, 1, 2), build.Constant(DType.Int32, 0, 2));
        var executable = Compare.One.Prepare(build.Returning(quotient));
        Assert.Throws<DivideByZeroException>(() => executable.Run([]));
    }

    [Fact]
    public void Simplified_programs_have_the_same_bits() => OperationTests.Repeat(300, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64, DType.Int32);
        var values = new List<int>
        {
            build.Input(type, 2, 3), build.Constant(type, make.Pick(0, 1, -1, 2), 2, 3), build.Constant(type, make.Pick(0, 1, -0.0), 2, 3), build.Iota(type, make.Below(2), 2, 3),
        };
        for (var step = 0; step < 12; step++)
        {
            var (x, y) = (make.Pick([.. values]), make.Pick([.. values]));
            values.Add(make.Below(11) switch
            {
                8 => build.Broadcast(build.Slice(x, [make.Below(2), make.Below(3)], [1, 1], [1, 1]), 2, 3),
                9 => build.Reshape(build.Permute(build.Reshape(x, 3, 2), 1, 0), 2, 3),
                10 => build.Cast(build.Apply(Pointwise.Equal, x, y), type),
                0 => build.Apply(make.Pick(Pointwise.Negate, Pointwise.Abs, Pointwise.Sign), x),
                1 => build.Permute(build.Permute(build.Broadcast(x, 2, 2, 3), make.Pick<int[]>([1, 0, 2], [0, 1, 2])), 0, 1, 2),
                2 => build.Flip(x, make.Subset(2, 0.5)),
                3 => build.Slice(x, [0, 0], [1, 1], [2, 3]),
                4 => build.Apply(Pointwise.Select, build.Apply(Pointwise.Less, x, y), x, y),
                5 when type != DType.Int32 => build.Apply(Pointwise.Scale, x, y),
                _ => build.Apply(make.Pick(Pointwise.Add, Pointwise.Subtract, Pointwise.Multiply, Pointwise.Maximum), x, y),
            });
            if (build[values[^1]].Shape.Rank == 3)
            {
                values[^1] = build.Reduce(Reduction.Max, values[^1], 0);
            }
        }

        var program = build.Returning([.. values.TakeLast(3)]);
        var argument = make.Tensor(type, build[0].Shape, true);
        var expected = Reference.Run(program, argument);
        var actual = Reference.Run(Simplify.Apply(program), argument);
        for (var i = 0; i < expected.Length; i++)
        {
            Compare.Same(expected[i], actual[i], 0, program);
        }
    });
}
