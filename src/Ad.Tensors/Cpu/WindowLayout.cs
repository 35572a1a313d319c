using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>Windows over images that lie one after another: how each image is laid out for them, and where their results lie.</summary>
internal sealed class WindowLayout
{
    // Images that are cut into windows without rest along their first axis are one image as well, of as many elements as the nearest cache holds.
    private const int StackedElements = 4096;

    private readonly long[] _resultStrides;

    public WindowLayout(Windows windows, Shape operand, Shape result, bool stacks = true)
    {
        Axes = windows.Axes(operand, result);
        Count = 1;
        for (var axis = 0; axis < operand.Rank - windows.Count; axis++)
        {
            Count = checked(Count * operand[axis]);
        }

        if (stacks && Axes.Length > 0 && Axes[0] is { Low: 0, InputDilation: 1, Dilation: 1 } first && first.Stride == first.Taps && first.Input == first.Outputs * first.Stride)
        {
            var stack = Stack(Axes.Aggregate(1L, (n, a) => n * a.Input));
            Axes[0] = first with { Input = first.Input * stack, Outputs = first.Outputs * stack };
            Count /= stack;
        }

        InputSizes = [.. Axes.Select(a => a.Input)];
        Inputs = InputSizes.Aggregate(1, (n, size) => checked(n * size));
        Positions = Axes.Aggregate(1, (n, a) => checked(n * a.Outputs));
        Elements = windows.Hits(operand, result);
        InputStrides = new Shape(InputSizes).Strides();
        _resultStrides = new Shape([.. Axes.Select(a => a.Outputs)]).Strides();
        Parts = [.. Planes.Tuples([.. Axes.Select(a => a.Parts().Length)]).Select(t => new Part(this, [.. t.Select((p, a) => Axes[a].Parts()[p])]))];
    }

    // The most images that divide their number.
    private int Stack(long elements)
    {
        var stack = (int)Math.Clamp(StackedElements / Math.Max(1, elements), 1, Math.Max(1, Count));
        while (Count % stack != 0)
        {
            stack--;
        }

        return stack;
    }

    public WindowAxis[] Axes { get; }

    /// <summary>Images.</summary>
    public int Count { get; }

    public int[] InputSizes { get; }

    public long[] InputStrides { get; }

    /// <summary>Elements of an image.</summary>
    public int Inputs { get; }

    /// <summary>Windows on an image.</summary>
    public int Positions { get; }

    /// <summary>Elements of all windows on all images.</summary>
    public long Elements { get; }

    public Part[] Parts { get; }

    /// <summary>A class of windows, and an image laid out for them.</summary>
    internal sealed class Part
    {
        private readonly WindowLayout _layout;

        // Results lie as they are computed.
        private readonly bool _isDense;

        public Part(WindowLayout layout, WindowPart[] axes)
        {
            (_layout, Axes) = (layout, axes);
            if (axes.Any(a => a.Taps == 0))
            {
                return;
            }

            Planes = new Planes(axes, overTaps: false, layout.InputStrides);
            Laid = checked(Planes.Count * Planes.Pitch);
            Length = Planes.Length;
            _isDense = Length == layout.Positions && axes.All(a => a is { FirstOutput: 0, OutputStep: 1 });
            Taps = [.. Planes.Others.Select(o => (o.Plane * Planes.Pitch) + o.Shift)];
        }

        public WindowPart[] Axes { get; }

        /// <summary>Null when the windows have no elements.</summary>
        public Planes? Planes { get; }

        /// <summary>Elements of an image laid out.</summary>
        public int Laid { get; }

        /// <summary>Results from the first to the last, with some between them that belong to no window.</summary>
        public int Length { get; } = 1;

        /// <summary>Where each place of a window begins.</summary>
        public int[] Taps { get; } = [];

        /// <summary>Puts results where they belong; all the same one without planes.</summary>
        public unsafe void Put<T>(T* laid, T* result)
            where T : unmanaged
        {
            if (_isDense)
            {
                Buffer.MemoryCopy(laid, result, (long)Length * sizeof(T), (long)Length * sizeof(T));
                return;
            }

            Put(0, laid, result);
        }

        /// <summary>Fetches what belongs to each window.</summary>
        public unsafe void Get<T>(T* result, T* laid)
            where T : unmanaged
        {
            if (_isDense)
            {
                Buffer.MemoryCopy(result, laid, (long)Length * sizeof(T), (long)Length * sizeof(T));
                return;
            }

            Get(0, result, laid);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private unsafe void Put<T>(int axis, T* laid, T* result)
            where T : unmanaged
        {
            var part = Axes[axis];
            var step = part.OutputStep * _layout._resultStrides[axis];
            var pitch = Planes?.Pitches[axis] ?? 0;
            result += part.FirstOutput * _layout._resultStrides[axis];
            if (axis == Axes.Length - 1 && pitch == 1 && step == 1)
            {
                Unsafe.CopyBlockUnaligned(result, laid, (uint)(part.Outputs * sizeof(T)));
                return;
            }

            for (var m = 0; m < part.Outputs; m++, result += step, laid += pitch)
            {
                if (axis == Axes.Length - 1)
                {
                    *result = *laid;
                }
                else
                {
                    Put(axis + 1, laid, result);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private unsafe void Get<T>(int axis, T* result, T* laid)
            where T : unmanaged
        {
            var part = Axes[axis];
            var stride = _layout._resultStrides[axis];
            result += part.FirstOutput * stride;
            if (axis == Axes.Length - 1)
            {
                Cpu.Planes.Copy(result, part.OutputStep * stride, laid, part.Outputs);
                return;
            }

            for (var m = 0; m < part.Outputs; m++, result += part.OutputStep * stride, laid += Planes!.Pitches[axis])
            {
                Get(axis + 1, result, laid);
            }
        }
    }
}
