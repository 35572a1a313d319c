using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>Copies the right matrix of several products into panels, once for all of them: the weights of a recurrence, which every step multiplies by.</summary>
internal sealed class PanelsKernel : Kernel
{
    // Larger matrices take long enough to multiply by that their copies do not matter.
    private const long MostBytes = 8 << 20;

    private readonly View _matrix;
    private readonly MatrixLayout _layout;
    private readonly int _panels;

    private PanelsKernel(ContractKernel product, int panels) => (_matrix, _layout, _panels) = (product.Parts.Right, product.Parts.Layout, panels);

    public override IEnumerable<int> Reads => [_matrix.Slot];

    public override IEnumerable<int> Writes => [_panels];

    /// <summary>Finds products that have the right matrix in common; <paramref name="room"/> gives a slot of so many bytes.</summary>
    public static Kernel[] Share(Kernel[] kernels, Func<long, int> room)
    {
        var sharing = kernels.OfType<ContractKernel>().Where(k => k.PanelBytes is > 0 and <= MostBytes).GroupBy(Matrix).Where(g => g.Count() > 1).ToDictionary(g => g.Key, _ => -1);
        if (sharing.Count == 0)
        {
            return kernels;
        }

        var all = new List<Kernel>();
        foreach (var kernel in kernels)
        {
            if (kernel is not ContractKernel { PanelBytes: > 0 and var bytes } product || !sharing.TryGetValue(Matrix(product), out var panels))
            {
                all.Add(kernel);
                continue;
            }

            if (panels < 0)
            {
                sharing[Matrix(product)] = panels = room(bytes);
                all.Add(new PanelsKernel(product, panels));
            }

            all.Add(product.Sharing(panels));
        }

        return [.. all];
    }

    public override void Run(Frame frame, Workers workers)
    {
        if (_matrix.Type == DType.Float32)
        {
            Run<float>(frame, workers);
        }
        else
        {
            Run<double>(frame, workers);
        }
    }

    public override string ToString() => $"panels {_matrix} as [{_layout.K}, {_layout.N}] -> s{_panels}";

    // What the panels depend on.
    private static (View Matrix, int K, int N, long RightK, long RightN) Matrix(ContractKernel product)
    {
        var (_, right, _, layout) = product.Parts;
        return (right, layout.K, layout.N, layout.RightK, layout.RightN);
    }

    private unsafe void Run<T>(Frame frame, Workers workers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        fixed (byte* matrix = frame.Array(_matrix.Slot), panels = frame.Array(_panels))
        {
            var b = new Matrix<T>((T*)(matrix + frame.Start(_matrix.Slot)) + _matrix.Layout.Offset, _layout.RightK, _layout.RightN);
            new Gemm<T>(0, _layout.N, _layout.K).PackSecond(b, (T*)(panels + frame.Start(_panels)), workers, (long)_layout.K * _layout.N >= Workers.Grain);
        }
    }
}
