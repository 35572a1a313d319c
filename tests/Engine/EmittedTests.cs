using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Emitted loops against the block functions, to the bit.</summary>
public sealed class EmittedTests
{
    private static readonly CpuDevice Emitted = new(1, 0);

    private static readonly DType[] Types = Enum.GetValues<DType>();

    public static TheoryData<Pointwise> Functions => [.. Enum.GetValues<Pointwise>()];

    [Theory]
    [MemberData(nameof(Functions))]
    public void An_emitted_function_has_the_bits_of_its_block_function(Pointwise function) => OperationTests.Repeat(20, make =>
    {
        foreach (var type in Types.Where(t => Takes(function, t)))
        {
            var build = new Build();
            int[] shape = [make.Pick(1, 2, 7, 8, 15, 16, 17, 31, 33, 100, 1023, 1025, 2049)];
            int[] x = [.. Enumerable.Range(0, function.Arity()).Select(i =>
                build.Input(function == Pointwise.Select && i == 0 ? DType.Bool : type, shape))];
            var y = build.Apply(function, x);
            var arguments = x.Select(i => make.Tensor(build[i].Type, build[i].Shape, true)).ToArray();
            if (function is Pointwise.Divide or Pointwise.Remainder && type.IsInteger())
            {
                arguments[1] = arguments[1] with { Integers = [.. arguments[1].Integers.Select(i => i == 0 ? 3 : i)] };
            }

            // A second and a third function make it worth emitting.
            Agree(build.Returning(y, build.Apply(Pointwise.Equal, y, y), build.Apply(Pointwise.Maximum, y, y)), arguments);
        }
    });

    [Fact]
    public void Loops_that_one_group_has_brought_about_are_soon_used_by_others_like_it()
    {
        int Calls(int elements, params Pointwise[] functions)
        {
            var group = new PointwiseGroup(elements);
            var x = group.Add(new Node.Load(new View(0, DType.Float64, Layout.RowMajor(new Shape(elements)))));
            var y = functions.Aggregate(x, (y, f) => group.Add(new Node.Apply(f, DType.Float64, new Axes(y, x))));
            group.Outputs[y] = new View(1, DType.Float64, Layout.RowMajor(new Shape(elements)));
            var kernel = new GroupKernel(group, 10_000_000);
            var calls = 1;
            for (; !kernel.Program().IsEmitted; calls++)
            {
            }

            return calls;
        }

        // Structures that other tests run may fall on the same place: of a few, one is alone.
        foreach (var own in new[] { Pointwise.Subtract, Pointwise.Multiply, Pointwise.Maximum, Pointwise.Divide, Pointwise.Add })
        {
            Pointwise[] functions = [Pointwise.Minimum, Pointwise.Scale, Pointwise.Maximum, Pointwise.Minimum, Pointwise.Scale, own];
            var (first, other) = (Calls(1000, functions), Calls(1000, [.. functions, Pointwise.Add]));
            if (first >= 7600 && other >= 7600)
            {
                Assert.InRange(Calls(1000, functions), 2, first / 32);
                Assert.InRange(Calls(500, functions), 2, first / 16);
                return;
            }
        }

        Assert.Fail("Loops were used before they were worth it.");
    }

    [Fact]
    public void An_emitted_cast_has_the_bits_of_its_block_function() => OperationTests.Repeat(20, make =>
    {
        foreach (var (from, to) in Types.SelectMany(from => Types.Select(to => (from, to))))
        {
            var build = new Build();
            var x = build.Input(from, make.Pick(1, 5, 16, 40, 1030));
            var y = build.Cast(x, to);
            Agree(build.Returning(y, build.Apply(Pointwise.NotEqual, y, y), build.Cast(y, from)), make.Tensor(from, build[x].Shape, true));
        }
    });

    [Fact]
    public void Types_of_both_sizes_mix_in_a_loop() => OperationTests.Repeat(60, make =>
    {
        var build = new Build();
        int[] shape = make.Pick<int[]>([3, 5], [4, 16], [2, 33], [40, 30]);
        int[] inputs = [.. Types.Select(t => build.Input(t, shape))];
        for (var step = 0; step < 25; step++)
        {
            var x = make.Below(build.Count);
            var same = Enumerable.Range(0, build.Count).Where(i => build[i].Type == build[x].Type).ToArray();
            var truths = Enumerable.Range(0, build.Count).Where(i => build[i].Type == DType.Bool).ToArray();
            switch (make.Below(6))
            {
                case 0:
                    build.Cast(x, make.Pick(Types));
                    break;
                case 1:
                    build.Apply(Pointwise.Select, make.Pick(truths), x, make.Pick(same));
                    break;
                case 2:
                    build.Apply(make.Pick(Pointwise.Less, Pointwise.LessEqual, Pointwise.Equal, Pointwise.NotEqual), x, make.Pick(same));
                    break;
                case 3 when build[x].Type.IsFloat():
                    build.Apply(make.Pick(Pointwise.Sin, Pointwise.Exp, Pointwise.Atan, Pointwise.Tanh, Pointwise.Cosh), x);
                    break;
                default:
                    build.Apply(make.Pick(Pointwise.Maximum, Pointwise.Minimum), x, make.Pick(same));
                    break;
            }
        }

        var outputs = Enumerable.Range(0, build.Count).Where(_ => make.Chance(0.2)).Append(build.Count - 1).ToArray();
        Agree(build.Returning(outputs), [.. inputs.Select(i => make.Tensor(build[i].Type, build[i].Shape, true))]);
    });

    [Fact]
    public void Operands_are_read_through_any_strides() => OperationTests.Repeat(60, make =>
    {
        var build = new Build();
        var (rows, columns) = (1 + make.Below(40), 1 + make.Below(80));
        int[] shape = [rows, columns];
        int[] inputs = [build.Input(DType.Float32, rows, columns), build.Input(DType.Float32, columns, rows), build.Input(DType.Float32, columns),
            build.Input(DType.Float32, rows, 1), build.Input(DType.Float32)];
        int[] views = [build.Flip(inputs[0], 1), build.Permute(inputs[1], 1, 0), build.Broadcast(inputs[2], shape),
            build.Broadcast(inputs[3], shape), build.Broadcast(inputs[4], shape)];
        var y = views[0];
        foreach (var view in make.Shuffled(5).Select(i => views[i]))
        {
            y = build.Apply(make.Pick(Pointwise.Add, Pointwise.Multiply, Pointwise.Subtract), y, view);
        }

        var program = build.Returning(y, build.Reduce(Reduction.Sum, y, 1), build.Reduce(Reduction.Max, y, 1));
        Agree(program, [.. inputs.Select(i => make.Tensor(DType.Float32, build[i].Shape))]);
    });

    [Fact]
    public void A_program_gives_the_same_bits_before_and_after_its_loops_are_emitted()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 1000);
        var y = build.Apply(Pointwise.Multiply, build.Apply(Pointwise.Sin, x), build.Apply(Pointwise.Exp, x));
        var executable = new CpuDevice(2, 5_000).Prepare(build.Returning(y, build.Reduce(Reduction.Sum, y, 0)));
        var argument = new Make(5).Tensor(DType.Float32, build[x].Shape).Store();
        var first = executable.Run([argument]);
        for (var run = 0; run < 20; run++)
        {
            Assert.Equal(first.Select(r => r.ToHost().Bytes.ToArray()), executable.Run([argument]).Select(r => r.ToHost().Bytes.ToArray()));
        }
    }

    private static void Agree(Ad.Tensors.Program program, params Plain[] arguments)
    {
        var expected = Compare.Run(Compare.One, program, arguments);
        var actual = Compare.Run(Emitted, program, arguments);
        for (var i = 0; i < expected.Length; i++)
        {
            Compare.Same(expected[i], actual[i], 0, program);
        }
    }

    private static bool Takes(Pointwise function, DType type) => function.Types() switch
    {
        PointwiseTypes.Floats => type.IsFloat(),
        PointwiseTypes.Numbers => type != DType.Bool,
        PointwiseTypes.Test or PointwiseTypes.Choice => true,
        PointwiseTypes.Logic => type == DType.Bool,
    };
}
