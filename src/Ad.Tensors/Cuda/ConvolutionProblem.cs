namespace Ad.Tensors.Cuda;

/// <summary>Which of a convolution's three tensors is made of the other two.</summary>
internal enum ConvolutionPass
{
    /// <summary>The result, of image and kernel.</summary>
    Forward,

    /// <summary>What flows back to the image, of the kernel and what flows to the result.</summary>
    Image,

    /// <summary>What flows back to the kernel, of the image and what flows to the result.</summary>
    Kernel,
}

/// <summary>
/// A convolution as libraries state all three passes: image [N, groups C, spatial...], kernel [groups O, C, window...] in row-major order, result
/// [N, groups O, spatial...], with one padding for both ends of an axis. Strides of image and result are in elements.
/// </summary>
internal sealed record ConvolutionProblem(
    ConvolutionPass Pass, DType Type, Axes Image, Axes ImageSteps, Axes Result, Axes ResultSteps, Axes Kernel, Axes Padding, Axes Strides, Axes Dilation, int Groups)
{
    // Libraries have two or three spatial axes; one is two of which the second has one element.
    private const int LeastSpatial = 2;
    private const int MostSpatial = 3;

    /// <summary>How many products of elements there are.</summary>
    public double Work => (double)Result.Values.ToArray().Aggregate(1.0, (a, b) => a * b) * Kernel.Values.ToArray().Skip(1).Aggregate(1.0, (a, b) => a * b);

    /// <summary>Where the operands lie: the one in the image's place or that of the result it flows from, then the other; offsets in elements.</summary>
    public static (ConvolutionProblem Problem, long First, long Second)? Of(Operation.Convolve convolve, View image, View kernel, Shape result)
    {
        var spatial = result.Rank - 3;
        if (spatial is < 1 or > MostSpatial || image.Type != kernel.Type || !image.Type.IsFloat() || result.Elements == 0 || image.Layout.Elements() == 0 || kernel.Layout.Elements() == 0)
        {
            return null;
        }

        var taps = Product(kernel.Layout.Sizes[3..]);
        var kernelFirst = taps > Product(result.Sizes[3..]);
        return (kernelFirst ? OfKernel(convolve, image, kernel, result) : null)
            ?? OfForward(convolve, image, kernel, result) ?? OfImage(convolve, image, kernel, result) ?? OfKernel(convolve, image, kernel, result);
    }

    private static (ConvolutionProblem Problem, long First, long Second)? OfForward(Operation.Convolve convolve, View image, View kernel, Shape result) =>
        All(convolve.InputDilation, 1) && kernel.Layout.IsContiguous()
            ? Made(ConvolutionPass.Forward, image, image.Layout, Layout.RowMajor(result), kernel.Layout, convolve.Low, convolve.Strides, convolve.KernelDilation, kernel.Layout.Offset)
            : null;

    // By the kernel turned around, its rows and channels exchanged: as it lay before, it is in order.
    private static (ConvolutionProblem Problem, long First, long Second)? OfImage(Operation.Convolve convolve, View image, View kernel, Shape result)
    {
        var spatial = result.Rank - 3;
        var (offset, strides, low) = (kernel.Layout.Offset, kernel.Layout.Strides.ToArray(), new int[spatial]);
        for (var axis = 0; axis < spatial; axis++)
        {
            var last = kernel.Layout.Sizes[axis + 3] - 1;
            offset += last * strides[axis + 3];
            strides[axis + 3] = -strides[axis + 3];
            low[axis] = (last * convolve.KernelDilation[axis]) - convolve.Low[axis];
        }

        var turned = new Layout(kernel.Layout.Sizes.ToArray(), strides, 0).Permute(Ordered(spatial, 0, 2, 1));
        return All(convolve.Strides, 1) && turned.IsContiguous()
            ? Made(ConvolutionPass.Image, image, Layout.RowMajor(result), image.Layout, turned, new Axes(low), convolve.InputDilation, convolve.KernelDilation, offset)
            : null;
    }

    // Examples stand for channels: the image's channels are examples here, and the kernel is what flows to the result.
    private static (ConvolutionProblem Problem, long First, long Second)? OfKernel(Operation.Convolve convolve, View image, View kernel, Shape result)
    {
        var spatial = result.Rank - 3;
        var made = new Shape([result[1], result[2], result[0], .. result.Sizes[3..]]);
        return All(convolve.InputDilation, 1)
            ? Made(
                ConvolutionPass.Kernel, image, image.Layout.Permute(Ordered(spatial, 2, 1, 0)), kernel.Layout.Permute(Ordered(spatial, 2, 0, 1)), Layout.RowMajor(made),
                convolve.Low, convolve.KernelDilation, convolve.Strides, kernel.Layout.Offset)
            : null;
    }

    private static (ConvolutionProblem Problem, long First, long Second)? Made(
        ConvolutionPass pass, View first, Layout image, Layout result, Layout kernel, Axes padding, Axes strides, Axes dilation, long second)
    {
        var spatial = image.Rank - 3;
        for (var axis = 0; axis < spatial; axis++)
        {
            var span = ((kernel.Sizes[axis + 3] - 1) * dilation[axis]) + 1;
            if (padding[axis] < 0 || image.Sizes[axis + 3] + (2 * padding[axis]) < span || result.Sizes[axis + 3] != ((image.Sizes[axis + 3] + (2 * padding[axis]) - span) / strides[axis]) + 1)
            {
                return null;
            }
        }

        var more = Math.Max(0, LeastSpatial - spatial);
        Axes With(Axes axes, int unit) => new([.. axes.Values, .. Enumerable.Repeat(unit, more)]);
        return Steps(image, more) is { } imageSteps && Steps(result, more) is { } resultSteps
            ? (new ConvolutionProblem(
                pass, first.Type, Joined(image, more), imageSteps, Joined(result, more), resultSteps,
                new Axes([kernel.Sizes[0] * kernel.Sizes[1], .. kernel.Sizes[2..], .. Enumerable.Repeat(1, more)]),
                With(padding, 0), With(strides, 1), With(dilation, 1), image.Sizes[1]), first.Layout.Offset, second)
            : null;
    }

    // Groups and channels as one axis.
    private static Axes Joined(Layout layout, int more) => new([layout.Sizes[0], layout.Sizes[1] * layout.Sizes[2], .. layout.Sizes[3..], .. Enumerable.Repeat(1, more)]);

    private static Axes? Steps(Layout layout, int more)
    {
        long[] steps = [layout.Strides[0], layout.Sizes[2] > 1 ? layout.Strides[2] : layout.Strides[1], .. layout.Strides[3..], .. Enumerable.Repeat(1L, more)];
        int[] sizes = [.. Joined(layout, more).Values];
        for (var axis = 0; axis < steps.Length; axis++)
        {
            steps[axis] = sizes[axis] == 1 ? 1 : steps[axis];
        }

        var isOne = layout.Sizes[1] == 1 || layout.Sizes[2] == 1 || layout.Strides[1] == layout.Sizes[2] * layout.Strides[2];
        return isOne && steps.All(step => step is > 0 and <= int.MaxValue) ? new Axes([.. steps.Select(step => (int)step)]) : null;
    }

    private static int[] Ordered(int spatial, params int[] first) => [.. first, .. Enumerable.Range(3, spatial)];

    private static bool All(Axes axes, int value) => axes.Values.IndexOfAnyExcept(value) < 0;

    private static long Product(ReadOnlySpan<int> sizes)
    {
        var product = 1L;
        foreach (var size in sizes)
        {
            product *= size;
        }

        return product;
    }
}

/// <summary>Where a convolution's three tensors are.</summary>
internal readonly record struct ConvolutionPlaces(ulong Image, ulong Kernel, ulong Result);

/// <summary>What a library does for a convolution, and the bytes that it works in.</summary>
internal sealed record ConvolutionWork(long Workspace, Action<ConvolutionPlaces, ulong, nint> Do);

/// <summary>A library of convolutions for one device.</summary>
internal interface IConvolutionLibrary
{
    /// <summary>What it is, with its version and where it was found.</summary>
    string Name { get; }

    /// <summary>From how many products of elements on it is asked.</summary>
    double Least { get; }

    /// <summary>What will compute a convolution; null if the library has nothing for it that gives the same bits every time.</summary>
    /// <exception cref="CudaException">The library failed; the message names the call.</exception>
    ConvolutionWork? Prepare(ConvolutionProblem problem);
}
