using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>A convolution, in whichever form does the least work for its sizes.</summary>
internal abstract class ConvolveKernel(View image, View kernel, int target, ConvolveLayout layout) : Kernel
{
    /// <summary>From this many products on a second thread is worth its while.</summary>
    public const long ProductsPerThread = 100_000;

    // What a multiplication takes by the other forms, where by outer products it takes 1: measured on layers of 16 to 64 channels.
    private const double SpreadTime = 1.15;
    private const double DotsTime = 1.4;

    // Below this many products, laying things out is not.
    private const long FewProducts = 2048;

    public override IEnumerable<int> Reads => [image.Slot, kernel.Slot];

    public override IEnumerable<int> Writes => [target];

    public override long Flops => 2 * layout.Products;

    protected View Image => image;

    protected View Window => kernel;

    protected int Target => target;

    protected ConvolveLayout Layout => layout;

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

        public override unsafe void Run(Frame frame, Workers workers)
        {
            fixed (byte* x = frame.Array(Image.Slot), k = frame.Array(Window.Slot), r = frame.Array(Target))
            {
                _form.Run((T*)(x + frame.Start(Image.Slot)), (T*)(k + frame.Start(Window.Slot)), (T*)(r + frame.Start(Target)), workers);
            }
        }
    }

    /// <summary>Floats: by spreading, dot products or outer products, unless there is little to do or a number that is not finite would meet a made-up zero.</summary>
    private sealed class Floats<T> : ConvolveKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly ConvolvePlainly<T> _plainly;
        private readonly ConvolveSpread<T>? _spread;
        private readonly ConvolveDots<T>? _dots;
        private readonly ConvolveOuter<T>? _outer;

        public Floats(View image, View kernel, int target, ConvolveLayout layout)
            : base(image, kernel, target, layout)
        {
            _plainly = new(layout);
            if (layout.Products < FewProducts)
            {
                return;
            }

            var spread = new ConvolveSpread<T>(layout);
            var dots = new ConvolveDots<T>(layout);
            var outer = new ConvolveOuter<T>(layout);
            var (spreading, adding, least) = (SpreadTime * spread.Work, DotsTime * dots.Work, outer.Work);
            _spread = spreading <= Math.Min(adding, least) ? spread : null;
            _dots = _spread is null && adding <= least ? dots : null;
            _outer = _spread is null && _dots is null ? outer : null;
        }

        protected override string Form => _spread is not null ? "by spreading" : _dots is not null ? "by dot products" : _outer is not null ? "by outer products" : "plainly";

        public override unsafe void Run(Frame frame, Workers workers)
        {
            fixed (byte* image = frame.Array(Image.Slot), kernel = frame.Array(Window.Slot), result = frame.Array(Target))
            {
                var x = (T*)(image + frame.Start(Image.Slot));
                var k = (T*)(kernel + frame.Start(Window.Slot));
                var r = (T*)(result + frame.Start(Target));
                if (!(_spread?.TryRun(x, k, r, workers) ?? _dots?.TryRun(x, k, r, workers) ?? _outer?.TryRun(x, k, r, workers) ?? false))
                {
                    _plainly.Run(x, k, r, workers);
                }
            }
        }
    }
}
