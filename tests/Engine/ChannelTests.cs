using Ad.Tensors;
using Xunit;

namespace Engine;

/// <summary>Groups over images with a number for each channel, whose rows lie alike within an example alone.</summary>
public sealed class ChannelTests
{
    [Fact]
    public void Rows_with_a_number_for_each_channel_are_the_reference_s_however_long_and_whatever_is_summed() => OperationTests.Repeat(150, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Float32, DType.Float64);
        var (n, c, width) = (1 + make.Below(6), make.Pick(1, 2, 3, 5, 16), make.Pick(1, 17, 63, 64, 65, 100, 128, 256, 300, 512, 600, 1000, 1024, 1100, 2048, 3136));
        int[] shape = [n, c, width];
        var (x, y, wide) = (build.Input(type, shape), build.Input(type, shape), build.Input(type, n, c, width + 3));
        int[] beside =
        [
            x, y,
            build.Broadcast(build.Input(type, c, 1), shape),
            build.Broadcast(build.Input(type, c, 1), shape),
            build.Broadcast(build.Input(type, n, 1, 1), shape),
            build.Broadcast(build.Input(type, n, c, 1), shape),
            build.Broadcast(build.Input(type, width), shape),
            build.Broadcast(build.Input(type), shape),
            build.Slice(wide, [0, 0, 2], [1, 1, 1], shape),
            build.Broadcast(build.Flip(build.Input(type, c, 1), 0), shape),
        ];
        var value = x;
        for (var step = 0; step < 2 + make.Below(5); step++)
        {
            value = make.Chance(0.2)
                ? build.Apply(make.Pick(Pointwise.Abs, Pointwise.Negate, Pointwise.Floor), value)
                : build.Apply(make.Pick(Pointwise.Add, Pointwise.Subtract, Pointwise.Maximum), value, make.Pick(beside));
        }

        var other = build.Apply(Pointwise.Add, value, make.Pick(beside));
        int[] results = make.Below(6) switch
        {
            0 => [value],
            1 => [value, build.Apply(Pointwise.LessEqual, other, y)],
            2 => [build.Reduce(make.Pick(Reduction.Sum, Reduction.Max), value, 2), build.Reduce(Reduction.Sum, other, 2)],
            3 => [value, build.Reduce(Reduction.Sum, other, 0, 2)],
            4 => [build.Reduce(Reduction.Sum, value, 0, 2), build.Reduce(Reduction.Sum, build.Apply(Pointwise.Abs, other), 0, 2), other],
            _ => [build.Reduce(Reduction.Sum, other, 1, 2), value],
        };
        var program = build.Returning(results);
        var inputs = Enumerable.Range(0, build.Count).Where(i => build[i].Operation is Operation.Input);
        Compare.ToReference(program, 2, [.. inputs.Select(i => make.Tensor(type, build[i].Shape))]);
    });
}
