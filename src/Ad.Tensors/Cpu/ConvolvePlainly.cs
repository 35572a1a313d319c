using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>A convolution, each result's products added up one after another: for few of them, for integers, and where infinities must not meet zeros.</summary>
internal sealed unsafe class ConvolvePlainly<T>(ConvolveLayout layout)
    where T : unmanaged, INumber<T>
{
    private readonly long[] _imageStrides = layout.ImageStrides;
    private readonly long[] _kernelStrides = layout.KernelStrides;

    public void Run(T* x, T* k, T* r, Workers workers) =>
        workers.Run(new Work(this, x, k, r), layout.N * layout.G, layout.Products >= ConvolveKernel.ProductsPerThread);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do(T* x, T* k, T* r, int item)
    {
        var (n, g) = Math.DivRem(item, layout.G);
        var image = x + layout.Image(n, g);
        var position = new int[layout.Axes.Length];
        for (var o = 0; o < layout.O; o++)
        {
            var kernel = k + layout.Kernel(g) + (o * layout.KernelRow);
            var result = r + (((long)item * layout.O) + o) * layout.Positions;
            foreach (var part in layout.Parts)
            {
                var count = part.Aggregate(1, (all, p) => all * p.Outputs);
                for (var i = 0; i < count; i++)
                {
                    var (at, rest) = (0L, i);
                    for (var axis = part.Length - 1; axis >= 0; axis--)
                    {
                        (rest, position[axis]) = Math.DivRem(rest, part[axis].Outputs);
                        at += (part[axis].FirstOutput + ((long)position[axis] * part[axis].OutputStep)) * layout.ResultStrides[axis];
                    }

                    var sum = T.Zero;
                    for (var c = 0; c < layout.C; c++)
                    {
                        sum = Sum(0, part, position, image + (c * layout.ImageChannel), kernel + (c * layout.KernelChannel), sum);
                    }

                    result[at] = sum;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private T Sum(int axis, WindowPart[] parts, int[] position, T* image, T* kernel, T sum)
    {
        var part = parts[axis];
        var (from, to) = part.TapsOf(position[axis]);
        var imageStep = part.Dilation * _imageStrides[axis];
        var kernelStep = part.TapStep * _kernelStrides[axis];
        image += ((part.Base + ((long)position[axis] * part.Stride)) * _imageStrides[axis]) + (from * imageStep);
        kernel += (part.FirstTap * _kernelStrides[axis]) + (from * kernelStep);
        for (var tap = from; tap < to; tap++, image += imageStep, kernel += kernelStep)
        {
            sum = axis == parts.Length - 1 ? sum + (*image * *kernel) : Sum(axis + 1, parts, position, image, kernel, sum);
        }

        return sum;
    }

    private sealed class Work(ConvolvePlainly<T> form, T* x, T* k, T* r) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => form.Do(x, k, r, item);

        public void End(object? state)
        {
        }
    }
}
