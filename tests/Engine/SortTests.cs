using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class SortTests
{
    [Theory]
    [InlineData(DType.Bool)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Positions_are_in_the_order_of_elements_ties_as_they_stand_and_NaN_last(DType type)
    {
        for (var seed = 0; seed < 150; seed++)
        {
            var make = new Make(seed);
            var build = new Build();
            int[] sizes = [make.Below(4), make.Size(), 1 + make.Below(3)];
            var x = build.Input(type, make.Chance(0.1) ? [2, 700, 1] : sizes);
            var axis = make.Below(3);
            var view = make.Chance(0.3) ? build.Flip(x, axis) : x;
            var program = build.Returning(
                build.Raw(new Operation.Sort(axis, false), DType.Int32, build[x].Shape, view),
                build.Raw(new Operation.Sort(axis, true), DType.Int32, build[x].Shape, view));
            Compare.ToReference(program, 0, make.Tensor(type, build[x].Shape, awkward: true));
        }
    }
}
