using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>A convolution, in whichever form does the least work for its sizes.</summary>
internal abstract class ConvolveKernel(View image, View kernel, int target, ConvolveLayout layout) : Kernel
{
    /// <summary>From this many products on a second thread is worth its while.</summary>
    public const long ProductsPerThread = 100_000;

    // Below this many products, laying things out is not.
    private const long FewProducts = 2048;

    public override IEnumerable<int> Reads => [image.Slot, kernel.Slot];

    public override IEnumerable<int> Writes => [target];

    public override long Flops => 2 * layout.Products;

    protected View Image => image;

    protected View Window => kernel;

    protected int Target => target;

    protected ConvolveLayout Layout => layout;

    /// <summary>Where its results go, and their type.</summary>
    public (int Target, DType Type) Result => (target, image.Type);

    /// <summary>The channels that its results have, over all examples and groups.</summary>
    public long Channels => (long)layout.N * layout.G * layout.O;

    /// <summary>Whether it can give away its results as they are finished, rather than write them: all positions of a channel at once, if asked for.</summary>
    public virtual bool GivesTiles(bool whole) => false;

    /// <summary>Whether it may find that it has to begin anew when it has given results away.</summary>
    public virtual bool MayBeginAnew => false;

    public override void Run(Frame frame, Workers workers) => Run(frame, workers, null, false);

    /// <summary>Does the work, and gives the results to who takes their tiles, if somebody does; again from the first on if it begins anew.</summary>
    public abstract void Run(Frame frame, Workers workers, ITiles? tiles, bool whole);

    /// <summary>What a form is called in a plan.</summary>
    protected abstract string Form { get; }

    /// <summary>Plans a convolution of two views.</summary>
    public static ConvolveKernel Of(Operation.Convolve convolve, View image, View kernel, int target, Shape result)
    {
        var layout = new ConvolveLayout(convolve, image.Layout, kernel.Layout, result);
        return image.Type switch
        {
            DType.Int32 => new Plain<int>(image, kernel, target, layout),
            DType.Int64 => new Plain<long>(image, kernel, target, layout),
            DType.Float32 => new Floats<float>(image, kernel, target, layout),
            DType.Float64 => new Floats<double>(image, kernel, target, layout),
            DType.Float16 or DType.BFloat16 => throw Widening.Refuse(image.Type),
            DType.Bool => throw new ArgumentException("The operation convolve does not take bool."),
        };
    }

    public override string ToString() =>
        $"convolve {Form} {image} {kernel} as [{layout.N}, {layout.G}, {layout.C}] to {layout.O} -> s{target}";

    /// <summary>Each result by itself.</summary>
    private sealed class Plain<T>(View image, View kernel, int target, ConvolveLayout layout) : ConvolveKernel(image, kernel, target, layout)
        where T : unmanaged, INumber<T>
    {
        private readonly ConvolvePlainly<T> _form = new(layout);

        protected override string Form => "plainly";

        public override unsafe void Run(Frame frame, Workers workers, ITiles? tiles, bool whole)
        {
            fixed (byte* x = frame.Array(Image.Slot), k = frame.Array(Window.Slot), r = frame.Array(Target))
            {
                _form.Run((T*)(x + frame.Start(Image.Slot)), (T*)(k + frame.Start(Window.Slot)), (T*)(r + frame.Start(Target)), workers);
            }
        }
    }

    /// <summary>
    /// Floats: in the form with the least work, unless there is little to do; tiles only where all numbers are finite and far from the largest, the others only
    /// where no number that is not finite would meet a made-up zero.
    /// </summary>
    private sealed class Floats<T> : ConvolveKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly ConvolvePlainly<T> _plainly;
        private readonly IConvolveForm<T>? _form;
        private readonly IConvolveForm<T>? _tiles;

        public Floats(View image, View kernel, int target, ConvolveLayout layout)
            : base(image, kernel, target, layout)
        {
            _plainly = new(layout);
            if (layout.Products < FewProducts)
            {
                return;
            }

            _form = Least(new ConvolveOuter<T>(layout), new ConvolveSpread<T>(layout), new ConvolveDots<T>(layout));
            _form = ConvolveScatter<T>.Suits(layout) ? Least(_form, new ConvolveScatter<T>(layout)) : _form;
            _tiles = ConvolveWinograd<T>.Suits(layout) ? new ConvolveWinograd<T>(layout)
                : ConvolveWinogradSums<T>.Suits(layout) ? new ConvolveWinogradSums<T>(layout)
                : null;
            _tiles = _tiles is not null && Least(_form, _tiles) == _tiles ? _tiles : null;
        }

        protected override string Form => (_tiles ?? _form)?.Name ?? "plainly";

        public override bool MayBeginAnew => _tiles is not null;

        public override bool GivesTiles(bool whole) => (_tiles ?? _form) is IConvolveTiles<T> form && form.GivesTiles(whole);

        public override unsafe void Run(Frame frame, Workers workers, ITiles? tiles, bool whole)
        {
            fixed (byte* image = frame.Array(Image.Slot), kernel = frame.Array(Window.Slot), result = tiles is null ? frame.Array(Target) : null)
            {
                var x = (T*)(image + frame.Start(Image.Slot));
                var k = (T*)(kernel + frame.Start(Window.Slot));
                if (tiles is null)
                {
                    Run(x, k, (T*)(result + frame.Start(Target)), workers);
                }
                else if (!TryGive(_tiles, x, k, tiles, whole, workers) && !TryGive(_form, x, k, tiles, whole, workers))
                {
                    var results = BlockPool.Rent(Channels * Layout.Positions * sizeof(T));
                    try
                    {
                        Run(x, k, (T*)(BlockPool.Address(results) + BlockPool.Start(results)), workers);
                        workers.Run(new ConvolveGiving(tiles, results, Layout, sizeof(T)), Layout.N * Layout.G, Channels * Layout.Positions >= Workers.Grain);
                    }
                    finally
                    {
                        BlockPool.Return(results);
                    }
                }
            }
        }

        private unsafe void Run(T* x, T* k, T* r, Workers workers)
        {
            if (_tiles?.TryRun(x, k, r, workers) != true && _form?.TryRun(x, k, r, workers) != true)
            {
                _plainly.Run(x, k, r, workers);
            }
        }

        private static unsafe bool TryGive(IConvolveForm<T>? form, T* x, T* k, ITiles tiles, bool whole, Workers workers) =>
            form is IConvolveTiles<T> giving && giving.GivesTiles(whole) && giving.TryGive(x, k, tiles, workers);

        private static IConvolveForm<T> Least(params IConvolveForm<T>[] forms) => forms.MinBy(form => form.Work)!;
    }
}
