using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>How two vectors of elements combine, and what combines to nothing.</summary>
internal interface IWindowFold<T>
    where T : unmanaged
{
    static abstract T Nothing { get; }

    static abstract Vector512<T> Of(Vector512<T> a, Vector512<T> b);

    static abstract T Of(T a, T b);
}

/// <summary>Sums, maxima, minima or their positions in windows: image by image, all windows of an image side by side.</summary>
internal abstract class WindowKernel(View operand, int target, WindowLayout layout) : Kernel
{
    public override IEnumerable<int> Reads => [operand.Slot];

    public override IEnumerable<int> Writes => [target];

    public override long Flops => layout.Elements;

    public static WindowKernel Of(Operation.Window window, View operand, Shape shape, int target, Shape result)
    {
        var layout = new WindowLayout(window.Windows, shape, result, stacks: window.Kind is not (Reduction.ArgMax or Reduction.ArgMin));
        return operand.Type switch
        {
            DType.Int32 => Of<int>(window.Kind, operand, target, layout),
            DType.Int64 => Of<long>(window.Kind, operand, target, layout),
            DType.Float32 => Of<float>(window.Kind, operand, target, layout),
            DType.Float64 => Of<double>(window.Kind, operand, target, layout),
            DType.Float16 or DType.BFloat16 => throw Widening.Refuse(operand.Type),
            DType.Bool => throw new ArgumentException("The operation window does not take bool."),
        };
    }

    public override string ToString() => $"window {operand} -> s{target}";

    private static WindowKernel Of<T>(Reduction kind, View operand, int target, WindowLayout layout)
        where T : unmanaged, INumber<T>, IMinMaxValue<T> => kind switch
        {
            Reduction.Sum => new Folding<T, Sum<T>>(operand, target, layout),
            Reduction.Max => new Folding<T, Max<T>>(operand, target, layout),
            Reduction.Min => new Folding<T, Min<T>>(operand, target, layout),
            Reduction.ArgMax => new Finding<T>(operand, target, layout, largest: true),
            Reduction.ArgMin => new Finding<T>(operand, target, layout, largest: false),
        };

    /// <summary>Folds an image laid out into one number a window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static unsafe void Fold<T, F>(T* laid, int[] taps, T* result, int length)
        where T : unmanaged
        where F : IWindowFold<T>
    {
        var u = 0;
        for (; u <= length - Vector512<T>.Count; u += Vector512<T>.Count)
        {
            var folded = Vector512.Load(laid + u + taps[0]);
            for (var tap = 1; tap < taps.Length; tap++)
            {
                folded = F.Of(folded, Vector512.Load(laid + u + taps[tap]));
            }

            folded.Store(result + u);
        }

        for (; u < length; u++)
        {
            var folded = laid[u + taps[0]];
            for (var tap = 1; tap < taps.Length; tap++)
            {
                folded = F.Of(folded, laid[u + taps[tap]]);
            }

            result[u] = folded;
        }
    }

    private sealed class Folding<T, F>(View operand, int target, WindowLayout layout) : WindowKernel(operand, target, layout)
        where T : unmanaged
        where F : IWindowFold<T>
    {
        private readonly WindowLayout _layout = layout;
        private readonly View _operand = operand;
        private readonly int _target = target;
        private readonly int _laid = layout.Parts.Select(p => p.Laid + p.Length).DefaultIfEmpty(0).Max();
        private readonly bool _isPaired = WindowPairs.Suit<T>(layout);

        public override unsafe void Run(Frame frame, Workers workers)
        {
            fixed (byte* x = frame.Array(_operand.Slot), r = frame.Array(_target))
            {
                var images = new Images<T>(
                    _layout.Count,
                    _layout.Elements,
                    _laid,
                    new Work(_layout, _isPaired, (T*)(x + frame.Start(_operand.Slot)) + _operand.Layout.Offset, (T*)(r + frame.Start(_target))));
                workers.Run(images, images.Items, images.IsParallel);
            }
        }

        private sealed unsafe class Work(WindowLayout layout, bool isPaired, T* x, T* r) : IImageWork<T>
        {
            public void Do(int image, T* scratch)
            {
                if (isPaired)
                {
                    WindowPairs.Fold<T, F>(
                        x + ((long)image * layout.Inputs), layout.Axes[0].Outputs, layout.Axes[1].Outputs, r + ((long)image * layout.Positions));
                    return;
                }

                foreach (var part in layout.Parts)
                {
                    var result = scratch + part.Laid;
                    if (part.Planes is null)
                    {
                        *result = F.Nothing;
                    }
                    else
                    {
                        part.Planes.Lay(x + ((long)image * layout.Inputs), scratch, part.Planes.Pitch, 0, F.Nothing);
                        Fold<T, F>(scratch, part.Taps, result, part.Length);
                    }

                    part.Put(result, r + ((long)image * layout.Positions));
                }
            }
        }
    }

    /// <summary>The first place of the extreme element, NaN before all.</summary>
    private sealed class Finding<T>(View operand, int target, WindowLayout layout, bool largest) : WindowKernel(operand, target, layout)
        where T : unmanaged, INumber<T>
    {
        private readonly WindowLayout _layout = layout;
        private readonly View _operand = operand;
        private readonly int _target = target;

        public override unsafe void Run(Frame frame, Workers workers)
        {
            fixed (byte* x = frame.Array(_operand.Slot), r = frame.Array(_target))
            {
                var images = new Images<T>(
                    _layout.Count,
                    _layout.Elements,
                    0,
                    new Work(_layout, largest, (T*)(x + frame.Start(_operand.Slot)) + _operand.Layout.Offset, (int*)(r + frame.Start(_target))));
                workers.Run(images, images.Items, images.IsParallel);
            }
        }

        private sealed unsafe class Work(WindowLayout layout, bool largest, T* x, int* r) : IImageWork<T>
        {
            public void Do(int image, T* scratch)
            {
                var from = x + ((long)image * layout.Inputs);
                var to = r + ((long)image * layout.Positions);
                var positions = new Shape([.. layout.Axes.Select(a => a.Outputs)]).Strides();
                foreach (var part in layout.Parts)
                {
                    foreach (var window in Planes.Tuples([.. part.Axes.Select(a => a.Outputs)]))
                    {
                        var best = -1;
                        Search(0, part.Axes, window, 0, from, ref best);
                        var at = 0L;
                        for (var axis = 0; axis < window.Length; axis++)
                        {
                            at += (part.Axes[axis].FirstOutput + ((long)window[axis] * part.Axes[axis].OutputStep)) * positions[axis];
                        }

                        to[at] = Math.Max(best, 0);
                    }
                }
            }

            private void Search(int axis, WindowPart[] parts, int[] window, long place, T* image, ref int best)
            {
                var part = parts[axis];
                var (first, last) = part.TapsOf(window[axis]);
                for (var tap = first; tap < last; tap++)
                {
                    var at = place + ((part.Base + ((long)window[axis] * part.Stride) + ((long)tap * part.Dilation)) * layout.InputStrides[axis]);
                    if (axis < parts.Length - 1)
                    {
                        Search(axis + 1, parts, window, at, image, ref best);
                    }
                    else if (best < 0 || (!T.IsNaN(image[best]) && (T.IsNaN(image[at]) || (largest ? image[at] > image[best] : image[at] < image[best]))))
                    {
                        best = (int)at;
                    }
                }
            }
        }
    }

    internal readonly struct Sum<T> : IWindowFold<T>
        where T : unmanaged, INumber<T>
    {
        public static T Nothing => T.Zero;

        public static Vector512<T> Of(Vector512<T> a, Vector512<T> b) => a + b;

        public static T Of(T a, T b) => a + b;
    }

    internal readonly struct Max<T> : IWindowFold<T>
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public static T Nothing => typeof(T) == typeof(float) ? T.CreateTruncating(float.NegativeInfinity)
            : typeof(T) == typeof(double) ? T.CreateTruncating(double.NegativeInfinity) : T.MinValue;

        public static Vector512<T> Of(Vector512<T> a, Vector512<T> b) => Vector512.Max(a, b);

        public static T Of(T a, T b) => T.Max(a, b);
    }

    internal readonly struct Min<T> : IWindowFold<T>
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public static T Nothing => typeof(T) == typeof(float) ? T.CreateTruncating(float.PositiveInfinity)
            : typeof(T) == typeof(double) ? T.CreateTruncating(double.PositiveInfinity) : T.MaxValue;

        public static Vector512<T> Of(Vector512<T> a, Vector512<T> b) => Vector512.Min(a, b);

        public static T Of(T a, T b) => T.Min(a, b);
    }
}
