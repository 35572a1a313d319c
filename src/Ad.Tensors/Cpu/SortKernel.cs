using System.Buffers;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The order of elements along the middle of three extents. An element becomes a whole number that is ordered as it is; numbers of 32 bits carry
/// their position in the lower half, so that no two are equal, and equal ones of 64 bits are put in order afterwards.
/// </summary>
internal sealed class SortKernel(View operand, int target, Extents extents, bool descending) : Kernel
{
    public override IEnumerable<int> Reads => [operand.Slot];

    public override IEnumerable<int> Writes => [target];

    public override void Run(Frame frame, Workers workers)
    {
        if (extents.Elements > 0)
        {
            workers.Run(new Work(this, frame), checked((int)(extents.Outer * extents.Inner)), extents.Elements >= Workers.Grain);
        }
    }

    public override string ToString() =>
        $"sort{(descending ? " descending" : "")} {operand} as [{extents.Outer}, {extents.Reduced}, {extents.Inner}] -> s{target}";

    private void Do(Frame frame, ulong[] keys, int[] places, int item)
    {
        var (outer, inner) = Math.DivRem(item, (int)extents.Inner);
        var (count, step) = ((int)extents.Reduced, (int)extents.Inner);
        var first = (outer * count * step) + inner;
        var at = (int)operand.Layout.Offset + first;
        switch (operand.Type)
        {
            case DType.Bool:
                Fill(frame.From<byte>(operand.Slot)[at..], keys, count, step, x => x);
                break;
            case DType.Int32:
                Fill(frame.From<int>(operand.Slot)[at..], keys, count, step, x => (uint)(x ^ int.MinValue));
                break;
            case DType.Int64:
                Fill(frame.From<long>(operand.Slot)[at..], keys, count, step, x => (ulong)(x ^ long.MinValue));
                break;
            case DType.Float32:
                Fill(frame.From<float>(operand.Slot)[at..], keys, count, step, Key);
                break;
            case DType.Float64:
                Fill(frame.From<double>(operand.Slot)[at..], keys, count, step, Key);
                break;
        }

        var result = MemoryMarshal.Cast<byte, int>(frame.Array(target).AsSpan(frame.Start(target)))[first..];
        if (operand.Type is DType.Int64 or DType.Float64)
        {
            ByBoth(keys.AsSpan(0, count), places.AsSpan(0, count), result, step);
        }
        else
        {
            ByOne(keys.AsSpan(0, count), result, step);
        }
    }

    private static void Fill<T>(ReadOnlySpan<T> x, ulong[] keys, int count, int step, Func<T, ulong> key)
    {
        for (var i = 0; i < count; i++)
        {
            keys[i] = key(x[i * step]);
        }
    }

    private void ByOne(Span<ulong> keys, Span<int> result, int step)
    {
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = (Turned(keys[i], uint.MaxValue) << 32) | (uint)i;
        }

        keys.Sort();
        for (var i = 0; i < keys.Length; i++)
        {
            result[i * step] = (int)(uint)keys[i];
        }
    }

    private void ByBoth(Span<ulong> keys, Span<int> places, Span<int> result, int step)
    {
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = Turned(keys[i], ulong.MaxValue);
            places[i] = i;
        }

        keys.Sort(places);
        for (var from = 0; from < keys.Length;)
        {
            var to = from + 1;
            while (to < keys.Length && keys[to] == keys[from])
            {
                to++;
            }

            places[from..to].Sort();
            from = to;
        }

        for (var i = 0; i < places.Length; i++)
        {
            result[i * step] = places[i];
        }
    }

    // In descending order the greatest comes first, but NaN, which is greater than all, stays last. Of integers the greatest is no NaN.
    private ulong Turned(ulong key, ulong greatest) =>
        !descending || (operand.Type.IsFloat() && key == greatest) ? key
        : operand.Type.IsFloat() ? greatest - 1 - key : greatest - key;

    // Ordered as the floats are: negative ones turned around, below the others; both zeros one number, and all NaN the greatest.
    private static ulong Key(float x)
    {
        var bits = BitConverter.SingleToInt32Bits(x == 0 ? 0f : x);
        return float.IsNaN(x) ? uint.MaxValue : (uint)(bits < 0 ? ~bits : bits ^ int.MinValue);
    }

    private static ulong Key(double x)
    {
        var bits = BitConverter.DoubleToInt64Bits(x == 0 ? 0.0 : x);
        return double.IsNaN(x) ? ulong.MaxValue : (ulong)(bits < 0 ? ~bits : bits ^ long.MinValue);
    }

    private sealed class Work(SortKernel kernel, Frame frame) : IWork
    {
        private readonly int _count = (int)kernel.Length;

        public object? Begin() => (ArrayPool<ulong>.Shared.Rent(_count), ArrayPool<int>.Shared.Rent(_count));

        public void Do(object? state, int item)
        {
            var (keys, places) = ((ulong[], int[]))state!;
            kernel.Do(frame, keys, places, item);
        }

        public void End(object? state)
        {
            var (keys, places) = ((ulong[], int[]))state!;
            ArrayPool<ulong>.Shared.Return(keys);
            ArrayPool<int>.Shared.Return(places);
        }
    }

    private long Length => extents.Reduced;
}
