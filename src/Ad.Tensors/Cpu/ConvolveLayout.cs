namespace Ad.Tensors.Cpu;

/// <summary>
/// A convolution's sizes, and how its operands lie in memory, in any order of axes: image [N, G, C, spatial...], kernel [G, O, C, window...],
/// result [N, G, O, spatial...] in row-major order.
/// </summary>
internal sealed class ConvolveLayout
{
    private readonly Layout _image;
    private readonly Layout _kernel;

    public ConvolveLayout(Operation.Convolve convolve, Layout image, Layout kernel, Shape result)
    {
        // Without spatial axes there is one of size 1.
        var isFlat = result.Rank == 3;
        (_image, _kernel) = isFlat ? (Widened(image), Widened(kernel)) : (image, kernel);
        (N, G, C, O) = (result[0], result[1], image.Sizes[2], result[2]);
        var (x, k) = (new Shape(image.Sizes), new Shape(kernel.Sizes));
        Axes = isFlat
            ? [new WindowAxis(1, 1, 1, 1, 0, 1, 1)]
            : [.. Enumerable.Range(0, result.Rank - 3).Select(a => convolve.Axis(a, x, k, result))];
        Products = (long)N * G * O * C;
        Positions = 1;
        foreach (var axis in Axes)
        {
            Products *= axis.Hits();
            Positions = checked(Positions * axis.Outputs);
        }

        Parts = [.. Planes.Tuples([.. Axes.Select(a => a.Parts().Length)]).Select(t => t.Select((p, a) => Axes[a].Parts()[p]).ToArray())];
        ResultStrides = new long[Axes.Length];
        var stride = 1L;
        for (var axis = Axes.Length - 1; axis >= 0; axis--)
        {
            ResultStrides[axis] = stride;
            stride *= Axes[axis].Outputs;
        }
    }

    public int N { get; }

    public int G { get; }

    public int C { get; }

    public int O { get; }

    /// <summary>The spatial axes, at least one.</summary>
    public WindowAxis[] Axes { get; }

    /// <summary>The classes that the result's positions fall into, each a convolution of an undilated image.</summary>
    public WindowPart[][] Parts { get; }

    /// <summary>Spatial positions of the result.</summary>
    public int Positions { get; }

    /// <summary>Multiplications.</summary>
    public long Products { get; }

    /// <summary>Distances between neighbours in the result along its spatial axes.</summary>
    public long[] ResultStrides { get; }

    public long[] ImageStrides => _image.Strides[3..].ToArray();

    public long[] KernelStrides => _kernel.Strides[3..].ToArray();

    public long ImageChannel => _image.Strides[2];

    public long KernelChannel => _kernel.Strides[2];

    public long KernelRow => _kernel.Strides[1];

    /// <summary>Where an example's group begins in the image.</summary>
    public long Image(int n, int g) => _image.Offset + (n * _image.Strides[0]) + (g * _image.Strides[1]);

    /// <summary>Where a group begins in the kernel.</summary>
    public long Kernel(int g) => _kernel.Offset + (g * _kernel.Strides[0]);

    /// <summary>Where a part's places lie in the kernel, in row-major order.</summary>
    public long[] TapsOf(WindowPart[] part)
    {
        var strides = KernelStrides;
        return [.. Planes.Tuples([.. part.Select(p => p.Taps)]).Select(t => t.Select((j, a) => (part[a].FirstTap + ((long)j * part[a].TapStep)) * strides[a]).Sum())];
    }

    /// <summary>Where a part's positions lie in a plane of the result, in row-major order.</summary>
    public int[] PositionsOf(WindowPart[] part) =>
        [.. Planes.Tuples([.. part.Select(p => p.Outputs)]).Select(t => (int)t.Select((m, a) => (part[a].FirstOutput + ((long)m * part[a].OutputStep)) * ResultStrides[a]).Sum())];

    private static Layout Widened(Layout layout) => new([.. layout.Sizes, 1], [.. layout.Strides, 0], layout.Offset);
}
