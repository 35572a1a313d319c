using Ad.Tensors;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>What the engine's laws ask of the host's processors, asked of the CUDA kernels, compiled for the host.</summary>
public sealed class CudaTests
{
    // Compiling a program's kernels for the host takes longer than running them.
    private const int MostPrograms = 60;

    private static readonly Dictionary<string, Action> Laws = new()
    {
        ["movement"] = new OperationTests().Movement_reads_the_elements_it_should,
        ["reductions"] = new OperationTests().Every_reduction_combines_along_any_axes_of_any_view,
        ["pad, concatenate, cumulative sums"] = new OperationTests().Pad_concatenate_and_cumulative_sums_take_any_view,
        ["take and scatterAdd"] = new OperationTests().Take_and_scatter_add_follow_indices_in_any_view,
        ["contractions"] = new OperationTests().Contractions_take_any_axes_of_any_view,
        ["convolutions"] = () => Typed(new ConvolveTests().Any_convolution_is_the_sum_over_its_windows),
        ["convolutions of nothing"] = () => Typed(new ConvolveTests().Empty_axes_are_no_exception),
        ["convolutions of infinities"] = () =>
        {
            new ConvolveTests().Infinities_and_NaN_spread_to_the_windows_they_are_in_and_no_further(DType.Float32);
            new ConvolveTests().Infinities_and_NaN_spread_to_the_windows_they_are_in_and_no_further(DType.Float64);
        },
        ["windows"] = () => Typed(new WindowTests().Windows_of_any_kind_combine_what_they_see),
        ["winners of windows"] = () =>
        {
            new WindowTests().What_flows_to_winners_is_shared_by_ties_and_is_NaN_only_in_windows_with_one(DType.Float32);
            new WindowTests().What_flows_to_winners_is_shared_by_ties_and_is_NaN_only_in_windows_with_one(DType.Float64);
        },
        ["winners beside NaN"] = () =>
        {
            foreach (var flow in (double[])[0, 1])
            {
                var build = new Build();
                var (x, g) = (build.Input(DType.Float64, 4), build.Input(DType.Float64, 2));
                var windows = new Windows(new Axes(2), new Axes(2), new Axes(0), new Axes(1), new Axes(1));
                var spread = build.Raw(new Operation.WindowSpread(Reduction.Max, windows), DType.Float64, new Shape(4), x, g);
                Compare.ToReference(
                    build.Returning(spread),
                    0,
                    new Plain(DType.Float64, new Shape(4), [1, double.NaN, 2, 3], []),
                    new Plain(DType.Float64, new Shape(2), [flow, 5], []));
            }
        },
        ["sorts"] = () => Array.ForEach([DType.Bool, DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float32, DType.Float64], new SortTests().Positions_are_in_the_order_of_elements_ties_as_they_stand_and_NaN_last),
        ["elementwise functions"] = () => Array.ForEach(Enum.GetValues<Pointwise>(), new PointwiseTests().An_elementwise_function_agrees_with_its_definition),
        ["fusion"] = new FusionTests().Programs_give_what_their_instructions_give_one_by_one,
        ["scans"] = new StructuredTests().A_scan_is_the_loop_in_either_direction_whatever_results_are_asked_for,
        ["scans of views"] = new StructuredTests().Slices_of_views_are_read_where_they_lie_and_copied_only_where_they_must,
        ["carries"] = new StructuredTests().Carries_that_only_change_places_or_stay_are_right_after_any_number_of_runs,
        ["while loops"] = new StructuredTests().A_while_loop_runs_as_long_as_its_condition_holds,
        ["conditions"] = new StructuredTests().A_condition_runs_one_body_alone,
        ["large reductions"] = () =>
        {
            foreach (var (outer, reduced, inner) in ((int, int, int)[])[(1, 100_003, 1), (3, 70_001, 2), (2, 9_001, 37), (5, 300, 300)])
            {
                new ReductionTests().Large_reductions_are_cut_without_a_trace(outer, reduced, inner);
            }
        },
        ["long products"] = () =>
        {
            foreach (var type in (DType[])[DType.Float32, DType.Float64, DType.Int32, DType.Float16])
            {
                var build = new Build();
                var (x, y) = (build.Input(type, 70, 1500), build.Input(type, 1500, 80));
                var (image, kernel) = (build.Input(type, 2, 1, 40, 12, 12), build.Input(type, 1, 66, 40, 6, 6));
                var program = build.Returning(
                    build.Contract(x, y, [1], [0]), build.Contract(y, x, [0], [1]), build.Convolve(image, kernel, [7, 7], [1, 1], [0, 0], [1, 1], [1, 1]));
                var make = new Make(3);
                Compare.ToReference(program, 0, [.. ((int[])[x, y, image, kernel]).Select(i => make.Tensor(type, build[i].Shape))]);
            }
        },
        ["rows"] = () =>
        {
            foreach (var (rows, columns) in ((int, int)[])[(3, 5), (2, 1), (7, 300), (300, 11), (260, 33), (1, 40), (5, 1024), (3, 5000), (2, 20_000), (2, 131)])
            {
                foreach (var type in (DType[])[DType.Float32, DType.Float64])
                {
                    Compare.ToReference(Softmax(type, rows, columns), 8, new Make(rows).Tensor(type, new Shape(rows, columns)));
                }
            }
        },
        ["long rows"] = () =>
        {
            foreach (var (rows, columns) in ((int, int)[])[(3, 20_000), (1, 70_000)])
            {
                Compare.ToReference(LongRowTests.Softmax(DType.Float32, rows, columns), 8, LongRowTests.Rows(DType.Float32, rows, columns));
                Compare.ToReference(LongRowTests.Softmax(DType.BFloat16, rows, columns, keepsExponentials: true), 8, LongRowTests.Rows(DType.BFloat16, rows, columns));
                Compare.ToReference(LongRowTests.LogSumExp(DType.Float64, rows, columns), 8, LongRowTests.Rows(DType.Float64, rows, columns));
            }
        },
        ["casts"] = new OperationTests().Casts_follow_their_definition,
        ["positions and random elements"] = new OperationTests().Positions_and_random_elements_move_like_others,
    };

    public static TheoryData<string> Names => [.. Laws.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_laws_of_the_engine_hold_on_cuda(string law)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var chosen = Cases(law);
        Assert.NotEmpty(chosen);
        var (forward, backward) = (Hosted.Device(false), Hosted.Device(true));
        Hosted.CompileTogether(chosen.Select(c => Hosted.SourceOf(forward, c.Program)));
        foreach (var one in chosen)
        {
            var (expected, actual, again) = (one.Expected(), Compare.Run(forward, one.Program, one.Arguments), Compare.Run(backward, one.Program, one.Arguments));
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], actual[i], one.Ulp, one.Program);
                Compare.Same(actual[i], again[i], 0, one.Program);
            }
        }
    }

    /// <summary>Some of a law's programs, spread over all of them.</summary>
    internal static Case[] Cases(string law)
    {
        var cases = Compare.Collect(Laws[law]);
        var most = law is "elementwise functions" or "winners of windows" ? 6L * MostPrograms : MostPrograms;
        return [.. cases.Where((_, i) => i * most / cases.Count != (i - 1) * most / cases.Count)];
    }

    // Of each row the exponentials of what is below its maximum, divided by their sum, and that many maxima as take part.
    private static Ad.Tensors.Program Softmax(DType type, int rows, int columns)
    {
        var build = new Build();
        var x = build.Input(type, rows, columns);
        int Across(int row) => build.Broadcast(build.Reshape(row, rows, 1), rows, columns);
        var largest = build.Reduce(Reduction.Max, x, 1);
        var e = build.Apply(Pointwise.Exp, build.Apply(Pointwise.Subtract, x, Across(largest)));
        var sum = build.Reduce(Reduction.Sum, e, 1);
        return build.Returning(build.Apply(Pointwise.Divide, e, Across(sum)), sum, build.Reduce(Reduction.ArgMax, x, 1));
    }

    [Fact]
    public void A_softmax_is_one_kernel()
    {
        var plan = Hosted.Device(false).Prepare(Softmax(DType.Float32, 300, 50)).ToString();
        Assert.Contains("by 300 rows: ", plan, StringComparison.Ordinal);
        Assert.Equal(3, plan.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Between_the_groups_of_a_row_nothing_goes_through_memory()
    {
        const int Rows = 300, Columns = 512, Bytes = Rows * Columns * 4;
        var build = new Build();
        var x = build.Input(DType.Float32, Rows, Columns);
        int Across(int row) => build.Broadcast(build.Reshape(row, Rows, 1), Rows, Columns);
        var count = build.Constant(DType.Float32, Columns, Rows);
        var apart = build.Apply(Pointwise.Subtract, x, Across(build.Apply(Pointwise.Divide, build.Reduce(Reduction.Sum, x, 1), count)));
        var square = build.Reduce(Reduction.Sum, build.Apply(Pointwise.Multiply, apart, apart), 1);
        var program = build.Returning(build.Apply(Pointwise.Divide, apart, Across(build.Apply(Pointwise.Sqrt, square))));
        var plan = Hosted.Device(false).Prepare(program).ToString();
        Assert.Contains($"({Bytes} bytes read, {Bytes} written", plan, StringComparison.Ordinal);
        Assert.Contains("temporaries 0 bytes", plan, StringComparison.Ordinal);
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var argument = new Make(1).Tensor(DType.Float32, new Shape(Rows, Columns));
        Compare.Same(Reference.Run(program, [argument])[0], Compare.Run(Hosted.Device(true), program, argument)[0], 8, program);
    }

    [Theory]
    [InlineData(16 * 1024)]
    [InlineData((16 * 1024) + 1)]
    [InlineData((16 * 1024) + 3)]
    public void Elements_beyond_the_last_whole_vector_are_done_one_by_one(int count)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, count), build.Input(DType.Float32, count + 1));
        var sum = build.Apply(Pointwise.Add, x, build.Slice(y, [1], [1], [count]));
        var program = build.Returning(build.Apply(Pointwise.Negate, sum), build.Cast(sum, DType.Float16));
        var make = new Make(count);
        Plain[] arguments = [make.Tensor(DType.Float32, new Shape(count)), make.Tensor(DType.Float32, new Shape(count + 1))];
        var (expected, actual) = (Reference.Run(program, arguments), Compare.Run(Hosted.Device(false), program, arguments));
        Compare.Same(expected[0], actual[0], 0, program);
        Compare.Same(expected[1], actual[1], 0, program);
    }

    private static void Typed(Action<DType> law) => Array.ForEach([DType.Int32, DType.Int64, DType.BFloat16, DType.Float32, DType.Float64], law);
}
