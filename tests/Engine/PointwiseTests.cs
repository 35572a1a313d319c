using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class PointwiseTests
{
    public static TheoryData<Pointwise> Functions => [.. Enum.GetValues<Pointwise>()];

    [Theory]
    [MemberData(nameof(Functions))]
    public void An_elementwise_function_agrees_with_its_definition(Pointwise function) => OperationTests.Repeat(20, make =>
    {
        foreach (var type in Types(function))
        {
            var build = new Build();
            int[] shape = [make.Pick(1, 3, 7, 16, 31, 100, 1025)];
            int[] x = [.. Enumerable.Range(0, function.Arity()).Select(i =>
                build.Input(function == Pointwise.Select && i == 0 ? DType.Bool : type, shape))];
            var program = build.Returning(build.Apply(function, x));
            var arguments = x.Select(i => make.Tensor(build[i].Type, build[i].Shape, true)).ToArray();
            if (function is Pointwise.Divide or Pointwise.Remainder && type.IsInteger())
            {
                arguments[1] = arguments[1] with { Integers = [.. arguments[1].Integers.Select(i => i == 0 ? 3 : i)] };
            }

            Compare.ToReference(program, Exact(function) ? 0 : 4, arguments);
        }
    });

    private static DType[] Types(Pointwise function) => function.Types() switch
    {
        PointwiseTypes.Floats => [DType.Float16, DType.BFloat16, DType.Float32, DType.Float64],
        PointwiseTypes.Numbers => [DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float32, DType.Float64],
        PointwiseTypes.Test or PointwiseTypes.Choice => [DType.Bool, DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float32, DType.Float64],
        PointwiseTypes.Logic => [DType.Bool],
    };

    private static bool Exact(Pointwise function) => function
        is not (>= Pointwise.Exp and <= Pointwise.Digamma) and not Pointwise.Power and not Pointwise.Atan2 and not (>= Pointwise.Polygamma and <= Pointwise.BesselJ)
        || function == Pointwise.Sqrt;
}
