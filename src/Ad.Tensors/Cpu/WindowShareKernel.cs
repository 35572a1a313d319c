using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>What flows between an image and the extremes of its windows: each extreme's change from those of its winners, or the transpose.</summary>
internal abstract class WindowShareKernel(View operand, View flow, int target, WindowLayout layout) : Kernel
{
    public override IEnumerable<int> Reads => [operand.Slot, flow.Slot];

    public override IEnumerable<int> Writes => [target];

    public override long Flops => layout.Elements;

    public static WindowShareKernel Of(Reduction kind, Windows windows, View operand, View flow, Shape image, Shape result, int target, bool spreads)
    {
        var layout = new WindowLayout(windows, image, result);
        var isMax = kind switch
        {
            Reduction.Max => true,
            Reduction.Min => false,
            Reduction.Sum or Reduction.ArgMax or Reduction.ArgMin => throw new ArgumentException($"The windows' {kind} has no winners."),
        };
        return (operand.Type, isMax) switch
        {
            (DType.Float32, true) => new Sharing<float, WindowKernel.Max<float>>(operand, flow, target, layout, spreads),
            (DType.Float32, false) => new Sharing<float, WindowKernel.Min<float>>(operand, flow, target, layout, spreads),
            (DType.Float64, true) => new Sharing<double, WindowKernel.Max<double>>(operand, flow, target, layout, spreads),
            (DType.Float64, false) => new Sharing<double, WindowKernel.Min<double>>(operand, flow, target, layout, spreads),
            _ => throw new ArgumentException($"The windows' extremes of {operand.Type.Name()} have no derivative."),
        };
    }

    public override string ToString() => $"windowShare {operand} {flow} -> s{target}";

    private sealed class Sharing<T, F>(View operand, View flow, int target, WindowLayout layout, bool spreads)
        : WindowShareKernel(operand, flow, target, layout)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where F : IWindowFold<T>
    {
        private readonly WindowLayout _layout = layout;
        private readonly View _operand = operand;
        private readonly View _flow = flow;
        private readonly int _target = target;

        // An image and what flows laid out, and of each window the extreme, the number of winners and what flows.
        private readonly int _laid = layout.Parts.Select(p => (2 * p.Laid) + (3 * p.Length)).DefaultIfEmpty(0).Max() + (spreads ? layout.Inputs : 0);

        private readonly bool _isPaired = spreads && WindowPairs.Suit<T>(layout);

        // Of each part 1 where an image has an element and 0 where it was made up: what was made up wins nothing.
        private readonly T[][] _inside = [.. layout.Parts.Select(p => Inside(layout, p))];

        public override unsafe void Run(Frame frame, Workers workers)
        {
            fixed (byte* x = frame.Array(_operand.Slot), t = frame.Array(_flow.Slot), r = frame.Array(_target))
            {
                var work = new Work(
                    _layout,
                    _inside,
                    _isPaired,
                    spreads,
                    (T*)(x + frame.Start(_operand.Slot)) + _operand.Layout.Offset,
                    (T*)(t + frame.Start(_flow.Slot)) + _flow.Layout.Offset,
                    (T*)(r + frame.Start(_target)));
                var images = new Images<T>(_layout.Count, Math.Max(_layout.Elements, (long)_layout.Inputs * _layout.Count), _laid, work);
                workers.Run(images, images.Items, images.IsParallel);
            }
        }

        private sealed unsafe class Work(WindowLayout layout, T[][] inside, bool isPaired, bool spreads, T* x, T* t, T* r) : IImageWork<T>
        {
            public void Do(int image, T* scratch)
            {
                var from = x + ((long)image * layout.Inputs);
                if (isPaired)
                {
                    WindowPairs.Spread<T, F>(
                        from, t + ((long)image * layout.Positions), layout.Axes[0].Outputs, layout.Axes[1].Outputs, r + ((long)image * layout.Inputs));
                    return;
                }

                if (spreads)
                {
                    var to = r + ((long)image * layout.Inputs);
                    var isFirst = true;
                    for (var p = 0; p < layout.Parts.Length; p++)
                    {
                        if (layout.Parts[p].Planes is null)
                        {
                            continue;
                        }

                        var one = isFirst ? to : scratch;
                        Spread(layout.Parts[p], inside[p], from, t + ((long)image * layout.Positions), one, isFirst ? scratch : scratch + layout.Inputs);
                        for (var i = 0; i < layout.Inputs && !isFirst; i++)
                        {
                            to[i] += one[i];
                        }

                        isFirst = false;
                    }

                    if (isFirst)
                    {
                        new Span<T>(to, layout.Inputs).Clear();
                    }

                    return;
                }

                for (var p = 0; p < layout.Parts.Length; p++)
                {
                    Share(layout.Parts[p], inside[p], from, t + ((long)image * layout.Inputs), r + ((long)image * layout.Positions), scratch);
                }
            }

            private static void Share(WindowLayout.Part part, T[] inside, T* image, T* flow, T* result, T* scratch)
            {
                if (part.Planes is not { } planes)
                {
                    *scratch = T.Zero;
                    part.Put(scratch, result);
                    return;
                }

                var laid = scratch + part.Laid;
                var extremes = laid + part.Laid;
                planes.Lay(image, scratch, planes.Pitch, 0, F.Nothing);
                planes.Lay(flow, laid, planes.Pitch, 0, T.Zero);
                WindowKernel.Fold<T, F>(scratch, part.Taps, extremes, part.Length);
                fixed (T* ones = inside)
                {
                    Mean(scratch, ones, laid, part.Taps, extremes, part.Length);
                }

                part.Put(extremes, result);
            }

            private void Spread(WindowLayout.Part part, T[] inside, T* image, T* flow, T* result, T* scratch)
            {
                var planes = part.Planes!;
                var sums = scratch + part.Laid;
                var extremes = sums + part.Laid;
                var flows = extremes + part.Length;
                planes.Lay(image, scratch, planes.Pitch, 0, F.Nothing);
                new Span<T>(sums, part.Laid).Clear();
                new Span<T>(flows, part.Length).Clear();
                part.Get(flow, flows);
                WindowKernel.Fold<T, F>(scratch, part.Taps, extremes, part.Length);
                fixed (T* ones = inside)
                {
                    Divide(scratch, ones, part.Taps, extremes, flows, part.Length);
                }

                foreach (var tap in part.Taps)
                {
                    Add(scratch + tap, extremes, flows, sums + tap, part.Length);
                }

                planes.Gather(sums, planes.Pitch, result, layout.InputSizes);
            }
        }

        private static unsafe T[] Inside(WindowLayout layout, WindowLayout.Part part)
        {
            var ones = new T[layout.Inputs];
            Array.Fill(ones, T.One);
            var inside = new T[part.Laid + part.Length + 64];
            fixed (T* from = ones, to = inside)
            {
                part.Planes?.Lay(from, to, part.Planes.Pitch, 0, T.Zero);
            }

            return inside;
        }

        /// <summary>In place of each extreme the mean of what flows from where it is attained.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static unsafe void Mean(T* laid, T* inside, T* flow, int[] taps, T* extremes, int length)
        {
            var u = 0;
            for (; u <= length - Vector512<T>.Count; u += Vector512<T>.Count)
            {
                var extreme = Vector512.Load(extremes + u);
                var (count, sum, any) = (Vector512<T>.Zero, Vector512<T>.Zero, Vector512<T>.Zero);
                foreach (var tap in taps)
                {
                    var wins = Vector512.Equals(Vector512.Load(laid + u + tap), extreme);
                    var flows = Vector512.Load(flow + u + tap);
                    count += wins & Vector512.Load(inside + u + tap);
                    sum += wins & flows;
                    any |= ~Vector512.Equals(flows, Vector512<T>.Zero);
                }

                Vector512.AndNot(sum / count, Vector512.Equals(count, Vector512<T>.Zero) & ~any).Store(extremes + u);
            }

            for (; u < length; u++)
            {
                var (count, sum, any) = (T.Zero, T.Zero, false);
                foreach (var tap in taps)
                {
                    if (laid[u + tap] == extremes[u])
                    {
                        count += inside[u + tap];
                        sum += flow[u + tap];
                    }

                    any |= flow[u + tap] != T.Zero;
                }

                extremes[u] = count == T.Zero && !any ? T.Zero : sum / count;
            }
        }

        /// <summary>What flows to each winner: nothing from zero, NaN where the extreme is.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static unsafe void Divide(T* laid, T* inside, int[] taps, T* extremes, T* flows, int length)
        {
            var u = 0;
            for (; u <= length - Vector512<T>.Count; u += Vector512<T>.Count)
            {
                var extreme = Vector512.Load(extremes + u);
                var count = Vector512<T>.Zero;
                foreach (var tap in taps)
                {
                    count += Vector512.Equals(Vector512.Load(laid + u + tap), extreme) & Vector512.Load(inside + u + tap);
                }

                var flow = Vector512.Load(flows + u);
                var each = Vector512.ConditionalSelect(Vector512.Equals(extreme, extreme), flow / count, Vector512.Create(T.NaN));
                Vector512.AndNot(each, Vector512.Equals(flow, Vector512<T>.Zero)).Store(flows + u);
            }

            for (; u < length; u++)
            {
                var count = T.Zero;
                foreach (var tap in taps)
                {
                    count += laid[u + tap] == extremes[u] ? inside[u + tap] : T.Zero;
                }

                flows[u] = flows[u] == T.Zero ? T.Zero : T.IsNaN(extremes[u]) ? T.NaN : flows[u] / count;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static unsafe void Add(T* laid, T* extremes, T* flows, T* sums, int length)
        {
            var u = 0;
            for (; u <= length - Vector512<T>.Count; u += Vector512<T>.Count)
            {
                var (extreme, flow) = (Vector512.Load(extremes + u), Vector512.Load(flows + u));
                var wins = Vector512.Equals(Vector512.Load(laid + u), extreme) | ~Vector512.Equals(extreme, extreme);
                (Vector512.Load(sums + u) + (wins & flow)).Store(sums + u);
            }

            for (; u < length; u++)
            {
                if (laid[u] == extremes[u] || T.IsNaN(extremes[u]))
                {
                    sums[u] += flows[u];
                }
            }
        }
    }
}
