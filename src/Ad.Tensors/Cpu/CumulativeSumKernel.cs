using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>Running sums along the middle of three extents; of floats they are kept in double, so that long ones stay accurate.</summary>
internal sealed class CumulativeSumKernel(View operand, int target, Extents extents, bool reverse) : Kernel
{
    public override IEnumerable<int> Reads => [operand.Slot];

    public override IEnumerable<int> Writes => [target];

    public override long Flops => extents.Elements;

    public override void Run(Frame frame, Workers workers)
    {
        if (extents.Elements > 0)
        {
            workers.Run(new Work(this, frame), (int)extents.Outer, extents.Elements >= Workers.Grain);
        }
    }

    public override string ToString() =>
        $"cumulativeSum{(reverse ? " reverse" : "")} {operand} as [{extents.Outer}, {extents.Reduced}, {extents.Inner}] -> s{target}";

    private void Do(Frame frame, int outer)
    {
        switch (operand.Type)
        {
            case DType.Int32:
                Do<int, int>(frame, outer);
                break;
            case DType.Int64:
                Do<long, long>(frame, outer);
                break;
            case DType.Float32:
                Do<float, double>(frame, outer);
                break;
            case DType.Float64:
                Do<double, double>(frame, outer);
                break;
            case DType.Bool:
            default:
                throw new ArgumentException("The operation cumulativeSum does not take bool.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do<T, S>(Frame frame, int outer)
        where T : unmanaged, INumber<T>
        where S : unmanaged, INumber<S>
    {
        var (rows, inner) = ((int)extents.Reduced, (int)extents.Inner);
        var x = frame.From<T>(operand.Slot).Slice((int)operand.Layout.Offset + (outer * rows * inner), rows * inner);
        var r = MemoryMarshal.Cast<byte, T>(frame.Array(target).AsSpan(frame.Start(target))).Slice(outer * rows * inner, rows * inner);
        if (inner == 1)
        {
            var sum = S.Zero;
            for (var i = 0; i < rows; i++)
            {
                var at = reverse ? rows - 1 - i : i;
                sum += S.CreateTruncating(x[at]);
                r[at] = T.CreateTruncating(sum);
            }

            return;
        }

        const int Width = 256;
        Span<S> sums = stackalloc S[Width];
        for (var column = 0; column < inner; column += Width)
        {
            var width = Math.Min(Width, inner - column);
            sums.Clear();
            for (var i = 0; i < rows; i++)
            {
                var at = ((reverse ? rows - 1 - i : i) * inner) + column;
                Step(x.Slice(at, width), sums[..width], r.Slice(at, width));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Step<T, S>(ReadOnlySpan<T> x, Span<S> sums, Span<T> r)
        where T : unmanaged, INumber<T>
        where S : unmanaged, INumber<S>
    {
        if (typeof(T) == typeof(S))
        {
            var same = MemoryMarshal.Cast<S, T>(sums);
            Lanewise.Apply<T, Plus>(same, x, same);
            same.CopyTo(r);
            return;
        }

        var i = 0;
        if (typeof(T) == typeof(float) && typeof(S) == typeof(double))
        {
            var singles = MemoryMarshal.Cast<T, float>(x);
            var doubles = MemoryMarshal.Cast<S, double>(sums);
            for (; i <= x.Length - 16; i += 16)
            {
                var (low, high) = Vector512.Widen(Vector512.Create(singles[i..]));
                low += Vector512.Create((ReadOnlySpan<double>)doubles[i..]);
                high += Vector512.Create((ReadOnlySpan<double>)doubles[(i + 8)..]);
                low.CopyTo(doubles[i..]);
                high.CopyTo(doubles[(i + 8)..]);
                Vector512.Narrow(low, high).CopyTo(MemoryMarshal.Cast<T, float>(r)[i..]);
            }
        }

        for (; i < x.Length; i++)
        {
            sums[i] += S.CreateTruncating(x[i]);
            r[i] = T.CreateTruncating(sums[i]);
        }
    }

    private sealed class Work(CumulativeSumKernel kernel, Frame frame) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => kernel.Do(frame, item);

        public void End(object? state)
        {
        }
    }
}
