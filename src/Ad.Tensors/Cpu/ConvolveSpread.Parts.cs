namespace Ad.Tensors.Cpu;

internal sealed unsafe partial class ConvolveSpread<T>
{
    /// <summary>
    /// What all classes see of an image, where they see the same elements from places of their own: as behind a stride, whose derivative by the image this is.
    /// Null where there is one class alone, or elements lie apart.
    /// </summary>
    private static WindowPart[]? Around(ConvolveLayout layout, int chunks)
    {
        var parts = layout.Parts.Where(axes => !IsEmpty(axes)).ToArray();
        if (parts.Length < 2
            || parts.Any(axes => axes.Any(a => a is not { Stride: 1, Dilation: 1 }))
            || (chunks > 1 && parts.Any(axes => axes[0].Outputs != parts[0][0].Outputs)))
        {
            return null;
        }

        return [.. Enumerable.Range(0, layout.Axes.Length).Select(a =>
        {
            var outputs = parts.Max(axes => axes[a].Outputs);
            var (low, high) = (parts.Min(axes => axes[a].Base), parts.Max(axes => axes[a].Base + axes[a].Outputs + axes[a].Taps - 1));
            return parts[0][a] with { Base = low, Outputs = outputs, Taps = high - low - outputs + 1 };
        })];
    }

    /// <summary>A class of positions, and how an image is laid out for it.</summary>
    private sealed class Part
    {
        /// <summary>One of the layout's classes; <paramref name="around"/> is what an image is laid out for, where that is one for all classes.</summary>
        public Part(ConvolveLayout layout, WindowPart[] axes, int chunks, long kernel, Planes? shared, WindowPart[]? around)
        {
            (Axes, Kernel) = (axes, kernel);
            Rows = (axes[0].Outputs + chunks - 1) / chunks;
            if (IsEmpty(axes))
            {
                return;
            }

            WindowPart[] chunk = [axes[0] with { Outputs = Rows }, .. axes[1..]];
            Planes = shared ?? new Planes(chunk, overTaps: false, layout.ImageStrides);
            Channel = checked(Planes.Count * Planes.Pitch);
            var length = 1 + chunk.Select((axis, a) => (axis.Outputs - 1) * Planes.Pitches[a]).Sum();
            Width = (length + TileLoops<T>.Lanes - 1) / TileLoops<T>.Lanes * TileLoops<T>.Lanes;
            Taps = layout.TapsOf(axes);
            Depth = layout.C * Taps.Length;
            Channels = Math.Clamp(ConvolveSpread<T>.Depth / Taps.Length, 1, Math.Max(1, layout.C));
            var places = around is null
                ? Planes.Others.Select(o => ((nint)o.Plane * Planes.Pitch) + o.Shift)
                : Planes.Tuples([.. axes.Select(a => a.Taps)]).Select(t => (nint)t.Select((tap, a) => (axes[a].Base - around[a].Base + tap) * Planes.Pitches[a]).Sum());
            Offsets = [.. Enumerable.Range(0, Channels).SelectMany(c => places.Select(place => sizeof(T) * (((nint)c * Channel) + place)))];
        }

        public WindowPart[] Axes { get; }

        /// <summary>Where its part of the packed kernel begins.</summary>
        public long Kernel { get; }

        /// <summary>Positions along the first axis in one chunk.</summary>
        public int Rows { get; }

        /// <summary>How a chunk of the image is laid out; null when nothing of it is met.</summary>
        public Planes? Planes { get; }

        /// <summary>Elements of a channel laid out.</summary>
        public int Channel { get; }

        /// <summary>Elements walked, a whole number of vectors.</summary>
        public int Width { get; }

        /// <summary>Where places lie in the kernel.</summary>
        public long[] Taps { get; } = [];

        /// <summary>Channels times places.</summary>
        public int Depth { get; }

        /// <summary>Channels summed at a time.</summary>
        public int Channels { get; }

        /// <summary>Where what each of those sums reads begins, in bytes.</summary>
        public nint[] Offsets { get; } = [];
    }

    private sealed class Packing(ConvolveSpread<T> form, T* k, T* packed) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => form.Pack(k, packed, item);

        public void End(object? state)
        {
        }
    }

    private sealed class Spreading(ConvolveSpread<T> form, T* x, T* packed, T* r, ITiles? tiles) : IWork
    {
        public object? Begin() => new ConvolveRoom<T>(
            form._scratch, tiles, (long)form._layout.O * Math.Min(form._layout.Positions, form._chunks == 1 ? int.MaxValue : form._parts[0].Rows * form._layout.ResultStrides[0]));

        public void Do(object? state, int item)
        {
            var last = Math.Min((item + 1) * form._perItem, form._layout.N * form._layout.G * form._chunks);
            for (var i = item * form._perItem; i < last; i++)
            {
                form.Spread(x, packed, r, (ConvolveRoom<T>)state!, i);
            }
        }

        public void End(object? state) => ((ConvolveRoom<T>)state!).End();
    }
}
