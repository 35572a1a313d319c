using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class ExecutableTests
{
    [Fact]
    public void The_text_of_a_program_is_stable()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 2, 3);
        var sum = build.Reduce(Reduction.Sum, build.Apply(Pointwise.MultiplyAdd, x, x, build.Constant(DType.Float32, 0.5, 2, 3)), 1);
        var y = build.Contract(build.Slice(x, [0, 1], [1, 2], [2, 1]), build.Pad(build.Flip(x, 0), [1, 0], [0, 0], [0, 1]), [0], [0]);
        Assert.Equal(
            """
            %0 = input 0 : float32[2, 3]
            %1 = constant 0.5 : float32[2, 3]
            %2 = multiplyAdd %0 %0 %1 : float32[2, 3]
            %3 = sum [1] %2 : float32[2]
            %4 = slice [0, 1] step [1, 2] %0 : float32[2, 1]
            %5 = flip [0] %0 : float32[2, 3]
            %6 = pad [1, 0] [0, 0] interior [0, 1] %5 : float32[3, 5]
            %7 = contract [0] [0] batch [] [] %4 %6 : float32[1, 5]
            return %3 %7

            """,
            build.Returning(sum, y).ToString());
    }

    [Fact]
    public void A_plan_says_which_kernels_run_with_their_memory()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 4, 100);
        var e = build.Apply(Pointwise.Exp, x);
        var sum = build.Broadcast(build.Reshape(build.Reduce(Reduction.Sum, e, 1), 4, 1), 4, 100);
        Assert.Equal(
            """
            by 4 rows: pointwise over 400 as [4, 100, 1]: v0 = load s0 : float32; v1 = exp v0 : float32 -> s2; sum v1 -> s1; then pointwise over 400: v0 = load s2 : float32; v1 = load s1(4, 100; 1, 0; 0) : float32; v2 = divide v0 v1 : float32 -> s3; (3216 bytes read, 3216 written, 1200 flops)
            return s3
            temporaries 64 bytes

            """,
            Compare.One.Prepare(build.Returning(build.Apply(Pointwise.Divide, e, sum))).ToString());
    }

    [Fact]
    public void What_needs_more_memory_than_there_can_be_says_what_it_is()
    {
        var build = new Build();
        var x = build.Broadcast(build.Input(DType.Float64), 50_000, 60_000);
        var y = build.Apply(Pointwise.Exp, x);
        var argument = new Make(1).Tensor(DType.Float64, new Shape()).Store();
        var executable = Compare.One.Prepare(build.Returning(y));
        var failure = Assert.Throws<InsufficientMemoryException>(() => executable.Run([argument]));
        Assert.Contains("exp v0", failure.Message, StringComparison.Ordinal);
        Assert.Contains("24000000000 bytes", failure.Message, StringComparison.Ordinal);
        var temporary = build.Reduce(Reduction.Sum, build.Flip(build.CumulativeSum(y, 0, false), 0), 0);
        Assert.Throws<InsufficientMemoryException>(() => Compare.One.Prepare(build.Returning(temporary)).Run([argument]));
        var shape = Assert.Throws<InsufficientMemoryException>(() => HostStorage.Allocate(DType.Int64, new Shape(1 << 20, 1 << 20)));
        Assert.StartsWith("A int64[1048576, 1048576] takes 8796093022208 bytes", shape.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_costs_what_its_instructions_say()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, 3, 4), build.Input(DType.Float32, 4, 5));
        var z = build.Contract(x, y, [1], [0]);
        var program = build.Returning(build.Reduce(Reduction.Sum, build.Permute(build.Apply(Pointwise.Exp, z), 1, 0), 0));
        Assert.Equal(new ProgramCost((2 * 60) + 15 + 15, 4 * ((12 + 20 + 15) + (15 + 15) + (15 + 3))), ProgramCost.Of(program));
        Assert.Equal(ProgramCost.Of(program), Compare.One.Prepare(program).Cost);
    }

    [Fact]
    public void Equal_programs_are_compiled_once()
    {
        Ad.Tensors.Program Make()
        {
            var build = new Build();
            return build.Returning(build.Apply(Pointwise.Tanh, build.Input(DType.Float32, 17)));
        }

        Assert.Same(Device.Cpu.Prepare(Make()), Device.Cpu.Prepare(Make()));
    }

    [Fact]
    public void Wrong_arguments_are_refused_by_name()
    {
        var build = new Build();
        var executable = Compare.One.Prepare(build.Returning(build.Apply(Pointwise.Tanh, build.Input(DType.Float32, 2))));
        var e = Assert.Throws<ArgumentException>(() => executable.Run([HostStorage.Copy<double>(new Shape(2), [1, 2])]));
        Assert.StartsWith("Argument 0 of the program is float32[2], but float64[2] was given.", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => executable.Run([]));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(-4)]
    public void An_index_out_of_range_is_an_error_that_names_it(int index)
    {
        var build = new Build();
        var (x, i) = (build.Input(DType.Float32, 2, 3), build.Input(DType.Int32, 2));
        var executable = Compare.One.Prepare(build.Returning(build.Take(x, i, 1, 0)));
        var arguments = new Storage[] { HostStorage.Copy<float>(new Shape(2, 3), new float[6]), HostStorage.Copy<int>(new Shape(2), [0, index]) };
        var e = Assert.Throws<TensorException>(() => executable.Run(arguments));
        Assert.Equal($"The operation take has index {index} for axis 1, whose size is 3.", e.Message);
    }

    [Fact]
    public void An_error_on_another_thread_is_the_callers()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Int32, 400_000), build.Input(DType.Int32, 400_000));
        var executable = new CpuDevice(4).Prepare(build.Returning(build.Apply(Pointwise.Divide, x, y)));
        var ones = HostStorage.Allocate(DType.Int32, new Shape(400_000));
        ones.Writable<int>().Fill(1);
        var zeroLast = HostStorage.Copy<int>(ones.Shape, ones.Elements<int>());
        zeroLast.Writable<int>()[399_999] = 0;
        for (var i = 0; i < 20; i++)
        {
            Assert.Throws<DivideByZeroException>(() => executable.Run([ones, zeroLast]));
            Assert.Equal(1, executable.Run([ones, ones])[0].ToHost().Elements<int>()[399_999]);
        }
    }

    [Fact]
    public void What_only_moves_whole_is_not_copied()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 2, 3);
        var argument = HostStorage.Copy<float>(new Shape(2, 3), new float[6]);
        var results = Compare.One.Prepare(build.Returning(x, build.Reshape(x, 6), build.Permute(x, 1, 0))).Run([argument]);
        Assert.Same(argument, results[0]);
        Assert.True(argument.Bytes.Overlaps(((HostStorage)results[1]).Bytes));
        Assert.False(argument.Bytes.Overlaps(((HostStorage)results[2]).Bytes));
    }

    [Fact]
    public void One_executable_runs_on_eight_threads_at_once()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 300, 300);
        var y = build.Apply(Pointwise.Tanh, build.Contract(x, build.Apply(Pointwise.Sin, x), [1], [0]));
        var executable = new CpuDevice(3).Prepare(build.Returning(build.Reduce(Reduction.Sum, y, 0), y));
        var random = new Random(1);
        var arguments = Enumerable.Range(0, 8)
            .Select(_ => HostStorage.Copy<float>(new Shape(300, 300), [.. Enumerable.Range(0, 90_000).Select(_ => (float)random.NextDouble())]))
            .ToArray();
        var expected = arguments.Select(a => executable.Run([a])).ToArray();
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            var actual = executable.Run([arguments[i % 8]]);
            Assert.True(((HostStorage)actual[0]).Bytes.SequenceEqual(((HostStorage)expected[i % 8][0]).Bytes));
            Assert.True(((HostStorage)actual[1]).Bytes.SequenceEqual(((HostStorage)expected[i % 8][1]).Bytes));
        });
    }

    [Fact]
    public void A_run_allocates_little_but_its_results_and_keeps_nothing()
    {
        var build = new Build();
        var x = build.Input(DType.Float64, 64, 64);
        var y = build.Contract(build.Apply(Pointwise.Exp, x), build.Permute(x, 1, 0), [1], [0]);
        var z = build.Apply(Pointwise.Divide, y, build.Broadcast(build.Reshape(build.Reduce(Reduction.Max, y, 1), 64, 1), 64, 64));
        var executable = Compare.One.Prepare(build.Returning(build.Reduce(Reduction.Sum, z, 0, 1)));
        var argument = new Storage[] { Plain.Of(DType.Float64, new Shape(64, 64)).Store() };
        executable.Run(argument);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            executable.Run(argument);
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 100, 0, 2_000);
    }
}
