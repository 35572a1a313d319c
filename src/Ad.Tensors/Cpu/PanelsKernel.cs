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

    /// <summary>
    /// For a body that is run again and again, whose arguments from one on stay the same: the body without what can be done once before the first run, and that.
    /// </summary>
    public static (Plan<Kernel> Body, Kernel[] Before) Hoist(Plan<Kernel> body, int firstConstant)
    {
        var (homes, bytes, before) = (body.Slots.ToList(), body.SlotBytes.ToList(), new List<Kernel>());
        var known = new Dictionary<(View, int, int, long, long), int>();
        var room = 0L;
        Kernel[] kernels = [.. body.Kernels.Select(kernel => ProductOf(kernel) is { } product && IsConstant(product) ? Sharing(kernel, product) : kernel)];
        return before.Count == 0
            ? (body, [])
            : (body with { Kernels = kernels, Slots = [.. homes], SlotBytes = [.. bytes], Arenas = [.. body.Arenas, room] }, [.. before]);

        bool IsConstant(ContractKernel product) =>
            product.PanelBytes is > 0 and <= MostBytes && body.Slots[product.Parts.Right.Slot] is { Kind: HomeKind.Argument, Index: var argument } && argument >= firstConstant;

        Kernel Sharing(Kernel kernel, ContractKernel product)
        {
            if (!known.TryGetValue(Matrix(product), out var panels))
            {
                known[Matrix(product)] = panels = homes.Count;
                homes.Add(new Home(HomeKind.Arena, body.Arenas.Length, room));
                bytes.Add(product.PanelBytes);
                room += (product.PanelBytes + 63) / 64 * 64;
                before.Add(new PanelsKernel(product, panels));
            }

            return kernel is TiledKernel tiled ? tiled.With(product.Sharing(panels)) : product.Sharing(panels);
        }
    }

    private static ContractKernel? ProductOf(Kernel kernel) => kernel as ContractKernel ?? (kernel as TiledKernel)?.Product;

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
