using Ad.Functional.CSharp;
using Ad.Tensors;
using Xunit;

namespace Shell.FromCSharp;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>Convolutions, pooling and order as C# calls them.</summary>
public sealed class WindowTests
{
    [Fact]
    public void Convolutions_and_pooling_are_methods_with_optional_parameters()
    {
        var x = Tensors.Arange(DType.Float64, 5).Reshape(1, 1, 5);
        var kernel = Tensors.Vector(-1.0, 1.0).Reshape(1, 1, 2);
        Assert.Equal([1.0, 1.0, 1.0, 1.0], x.Convolve(kernel).ToArray<double>());
        Assert.Equal([0.0, 1.0, 1.0], x.Convolve(kernel, stride: 2, padding: 1).ToArray<double>());
        Assert.Equal([1.0, 1.0, 1.0, 1.0, -4.0], x.ConvolveSame(kernel).ToArray<double>());
        Assert.Equal([1, 1, 10], x.ConvolveTransposed(kernel, stride: 2).Shape);
        Assert.Equal([1.0, 3.0], x.MaxPool([2]).ToArray<double>());
        Assert.Equal([1.0, 2.0, 3.0], x.AveragePool([3], stride: 1).ToArray<double>());
        var slope = Autodiff.Gradient(k => x.Convolve(k).Sum(), kernel);
        Assert.Equal([6.0, 10.0], slope.ToArray<double>());
    }

    [Fact]
    public void Order_is_a_method()
    {
        var x = Tensors.Vector(3.0, 1.0, 2.0);
        Assert.Equal([1.0, 2.0, 3.0], x.Sort(0).ToArray<double>());
        Assert.Equal([1, 2, 0], x.ArgSort(0).ToArray<int>());
        var (values, places) = x.TopK(0, 2);
        Assert.Equal([3.0, 2.0], values.ToArray<double>());
        Assert.Equal([0, 2], places.ToArray<int>());
        Assert.Equal(2.5, x.Quantile(0.75, 0).ToScalar());
    }
}
