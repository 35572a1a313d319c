using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Indices made places.</summary>
internal static class IndexChecks
{
    /// <summary>The indices as places in the axis: from its start, and all inside.</summary>
    public static void Check(this Indexing extents, Frame frame, View indices, Span<int> places)
    {
        if (indices.Type == DType.Int32)
        {
            Check<int>(extents, frame.From<int>(indices.Slot)[(int)indices.Layout.Offset..], places);
        }
        else
        {
            Check<long>(extents, frame.From<long>(indices.Slot)[(int)indices.Layout.Offset..], places);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Check<T>(Indexing extents, ReadOnlySpan<T> indices, Span<int> places)
        where T : unmanaged, INumber<T>
    {
        for (var i = 0; i < places.Length; i++)
        {
            var index = long.CreateTruncating(indices[i]);
            places[i] = index >= -extents.AxisSize && index < extents.AxisSize
                ? (int)(index < 0 ? index + extents.AxisSize : index)
                : throw new TensorException($"The operation {extents.Name} has index {index} for axis {extents.Axis}, whose size is {extents.AxisSize}.");
        }
    }
}

/// <summary>Runs of elements gathered by index.</summary>
internal sealed class TakeKernel(Indexing extents, View indexed, View indices, int target) : Kernel
{
    public override IEnumerable<int> Reads => [indexed.Slot, indices.Slot];

    public override IEnumerable<int> Writes => [target];

    public override void Run(Frame frame, Workers workers)
    {
        var count = (int)(extents.Batches * extents.Indices);
        var places = System.Buffers.ArrayPool<int>.Shared.Rent(count);
        try
        {
            extents.Check(frame, indices, places.AsSpan(0, count));
            var elements = extents.Batches * extents.Before * extents.Indices * extents.Run;
            if (elements > 0)
            {
                var items = (int)(extents.Batches * extents.Before);
                var cuts = items >= 16 ? 1 : (int)Math.Min(extents.Indices, 16);
                workers.Run(new Work(this, frame, places, cuts), items * cuts, elements >= Workers.Grain);
            }
        }
        finally
        {
            System.Buffers.ArrayPool<int>.Shared.Return(places);
        }
    }

    public override string ToString() => $"take {extents.Axis} {indexed} {indices} -> s{target}";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do(Frame frame, int[] places, int cuts, int item)
    {
        var size = indexed.Type.Size();
        var source = frame.From<byte>(indexed.Slot)[(int)(indexed.Layout.Offset * size)..];
        var result = frame.Array(target).AsSpan(frame.Start(target));
        var (position, cut) = Math.DivRem(item, cuts);
        var run = (int)(extents.Run * size);
        var batch = position / extents.Before;
        var from = position * extents.AxisSize;
        var to = position * extents.Indices;
        var (first, last) = (cut * extents.Indices / cuts, (cut + 1) * extents.Indices / cuts);
        var chosen = places.AsSpan((int)((batch * extents.Indices) + first), (int)(last - first));
        var line = source[(int)(from * run)..];
        var lines = result[(int)((to + first) * run)..];
        switch (run)
        {
            case sizeof(int):
                Elements(MemoryMarshal.Cast<byte, int>(line), chosen, MemoryMarshal.Cast<byte, int>(lines));
                break;
            case sizeof(long):
                Elements(MemoryMarshal.Cast<byte, long>(line), chosen, MemoryMarshal.Cast<byte, long>(lines));
                break;
            default:
                for (var j = 0; j < chosen.Length; j++)
                {
                    line.Slice(chosen[j] * run, run).CopyTo(lines[(j * run)..]);
                }

                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Elements<T>(ReadOnlySpan<T> source, ReadOnlySpan<int> places, Span<T> target)
    {
        target = target[..places.Length];
        for (var j = 0; j < places.Length; j++)
        {
            target[j] = source[places[j]];
        }
    }

    private sealed class Work(TakeKernel kernel, Frame frame, int[] places, int cuts) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => kernel.Do(frame, places, cuts, item);

        public void End(object? state)
        {
        }
    }
}

/// <summary>Runs of elements added where their indices say, in their own order.</summary>
internal sealed class ScatterAddKernel(Indexing extents, View indices, View updates, int target) : Kernel
{
    public override IEnumerable<int> Reads => [indices.Slot, updates.Slot];

    public override IEnumerable<int> Writes => [target];

    public override long Flops => extents.Batches * extents.Before * extents.Indices * extents.Run;

    public override void Run(Frame frame, Workers workers)
    {
        var count = (int)(extents.Batches * extents.Indices);
        var places = System.Buffers.ArrayPool<int>.Shared.Rent(count);
        try
        {
            extents.Check(frame, indices, places.AsSpan(0, count));
            var items = (int)(extents.Batches * extents.Before);
            var elements = extents.Batches * extents.Before * Math.Max(extents.Indices, extents.AxisSize) * extents.Run;
            workers.Run(new Work(this, frame, places), items, elements >= Workers.Grain);
        }
        finally
        {
            System.Buffers.ArrayPool<int>.Shared.Return(places);
        }
    }

    public override string ToString() => $"scatterAdd {extents.Axis} {indices} {updates} -> s{target}";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do(Frame frame, int[] places, int item)
    {
        switch (updates.Type)
        {
            case DType.Int32:
                Do<int>(frame, places, item);
                break;
            case DType.Int64:
                Do<long>(frame, places, item);
                break;
            case DType.Float32:
                Do<float>(frame, places, item);
                break;
            case DType.Float64:
                Do<double>(frame, places, item);
                break;
            case DType.Bool:
            default:
                throw new ArgumentException("The operation scatterAdd does not take bool.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do<T>(Frame frame, int[] places, int item)
        where T : unmanaged, INumber<T>
    {
        var run = (int)extents.Run;
        var source = frame.From<T>(updates.Slot)[(int)updates.Layout.Offset..];
        var batch = item / extents.Before;
        var whole = (int)(extents.AxisSize * extents.Run);
        var result = MemoryMarshal.Cast<byte, T>(frame.Array(target).AsSpan(frame.Start(target))).Slice(item * whole, whole);
        result.Clear();
        for (var j = 0; j < extents.Indices; j++)
        {
            var place = places[(batch * extents.Indices) + j];
            var update = source.Slice((int)(((item * extents.Indices) + j) * run), run);
            var sum = result.Slice(place * run, run);
            if (run == 1)
            {
                sum[0] += update[0];
            }
            else
            {
                Lanewise.Apply<T, Plus>(sum, update, sum);
            }
        }
    }

    private sealed class Work(ScatterAddKernel kernel, Frame frame, int[] places) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item) => kernel.Do(frame, places, item);

        public void End(object? state)
        {
        }
    }
}
