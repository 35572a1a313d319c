using Ad.Tensors;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>Pointwise work in the kernels of products.</summary>
public sealed class EpilogueTests
{
    private static int Steps(Device device, Ad.Tensors.Program program) =>
        device.Prepare(program).ToString().Split('\n').Count(line => line.Contains("bytes read", StringComparison.Ordinal));

    // relu(x w + b), and what reads of it more than once.
    private static Ad.Tensors.Program Dense(DType type, int m, int k, int n, Func<Build, int, int[]> results)
    {
        var build = new Build();
        var (x, w, b) = (build.Input(type, m, k), build.Input(type, k, n), build.Input(type, n));
        var sum = build.Apply(Pointwise.Add, build.Contract(x, w, [1], [0]), build.Broadcast(b, m, n));
        var zero = build.Constant(type, 0, m, n);
        return build.Returning(results(build, build.Apply(Pointwise.Select, build.Apply(Pointwise.LessEqual, sum, zero), zero, sum)));
    }

    private static Plain[] Arguments(DType type, int m, int k, int n)
    {
        var make = new Make(m + n);
        return [make.Tensor(type, new Shape(m, k)), make.Tensor(type, new Shape(k, n)), make.Tensor(type, new Shape(n), true)];
    }

    private static void Same(Ad.Tensors.Program program, params Plain[] arguments)
    {
        var expected = Compare.Run(Compare.One, program, arguments);
        foreach (var backwards in (bool[])[false, true])
        {
            var actual = Compare.Run(Hosted.Device(backwards), program, arguments);
            for (var i = 0; i < expected.Length; i++)
            {
                Compare.Same(expected[i], actual[i], 0, program);
            }
        }
    }

    [Theory]
    [InlineData(DType.Float32, 5, 9, 7)]
    [InlineData(DType.Float64, 40, 30, 50)]
    [InlineData(DType.BFloat16, 33, 8, 20)]
    [InlineData(DType.Float16, 3, 600, 4)]
    [InlineData(DType.Float32, 70, 1500, 80)]
    public void A_bias_and_an_activation_are_part_of_the_product(DType type, int m, int k, int n)
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var program = Dense(type, m, k, n, (_, y) => [y]);
        Assert.Equal(1, Steps(Hosted.Device(false), program));
        Same(program, Arguments(type, m, k, n));
    }

    [Fact]
    public void So_they_are_of_a_convolution()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var build = new Build();
        var (x, w, b) = (build.Input(DType.Float32, 2, 1, 3, 8, 8), build.Input(DType.Float32, 1, 5, 3, 3, 3), build.Input(DType.Float32, 5));
        var y = build.Convolve(x, w, [6, 6], [1, 1], [0, 0], [1, 1], [1, 1]);
        var sum = build.Apply(Pointwise.Add, y, build.Broadcast(build.Reshape(b, 1, 1, 5, 1, 1), 2, 1, 5, 6, 6));
        var program = build.Returning(build.Apply(Pointwise.Maximum, sum, build.Constant(DType.Float32, 0, 2, 1, 5, 6, 6)));
        Assert.Equal(1, Steps(Hosted.Device(false), program));
        var make = new Make(8);
        Same(program, [.. ((int[])[x, w, b]).Select(i => make.Tensor(DType.Float32, build[i].Shape))]);
    }

    [Fact]
    public void A_product_that_others_read_stays_in_memory()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        var build = new Build();
        var (x, w) = (build.Input(DType.Float32, 6, 5), build.Input(DType.Float32, 5, 4));
        var y = build.Contract(x, w, [1], [0]);
        var asked = build.Returning(y, build.Apply(Pointwise.Negate, y));
        var turned = build.Returning(build.Apply(Pointwise.Add, build.Reshape(build.Permute(y, 1, 0), 6, 4), build.Apply(Pointwise.Exp, y)));
        var make = new Make(3);
        Plain[] arguments = [make.Tensor(DType.Float32, new Shape(6, 5)), make.Tensor(DType.Float32, new Shape(5, 4))];
        Assert.Equal(2, Steps(Hosted.Device(false), asked));
        Same(asked, arguments);
        var (expected, actual) = (Compare.Run(Compare.One, turned, arguments), Compare.Run(Hosted.Device(false), turned, arguments));
        Compare.Same(expected[0], actual[0], 8, turned);
    }
}
