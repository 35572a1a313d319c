using System.Numerics;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Products summed over paired axes.</summary>
internal sealed class ContractKernel(View left, View right, int target, int m, int n, int k, long[] leftBatch, long[] rightBatch) : Kernel
{
    public override IEnumerable<int> Reads => [left.Slot, right.Slot];

    public override IEnumerable<int> Writes => [target];

    public static ContractKernel Of(Operation.Contract contract, View left, View right, int target, Func<View, View> copied)
    {
        var leftOrder = Order(left.Layout.Rank, contract.LeftBatch, contract.LeftSummed, true);
        var rightOrder = Order(right.Layout.Rank, contract.RightBatch, contract.RightSummed, false);
        var l = left with { Layout = left.Layout.Permute(leftOrder) };
        var r = right with { Layout = right.Layout.Permute(rightOrder) };
        var batches = contract.LeftBatch.Count;
        var batch = new Shape(l.Layout.Sizes[..batches]);
        var k = Product(r.Layout.Sizes.Slice(batches, contract.LeftSummed.Count));
        var m = Product(l.Layout.Sizes.Slice(batches, l.Layout.Rank - batches - contract.LeftSummed.Count));
        var n = Product(r.Layout.Sizes[(batches + contract.LeftSummed.Count)..]);
        l = copied(l);
        r = copied(r);
        var count = (int)batch.Elements;
        var lb = new long[count];
        var rb = new long[count];
        for (var i = 0; i < count; i++)
        {
            lb[i] = (long)i * m * k;
            rb[i] = (long)i * n * k;
        }

        return new ContractKernel(l, r, target, m, n, k, lb, rb);
    }

    public override void Run(Frame frame, Workers workers)
    {
        switch (left.Type)
        {
            case DType.Int32:
                Do<int>(frame);
                break;
            case DType.Int64:
                Do<long>(frame);
                break;
            case DType.Float32:
                Do<float>(frame);
                break;
            case DType.Float64:
                Do<double>(frame);
                break;
            case DType.Bool:
            default:
                throw new ArgumentException("The operation contract does not take bool.");
        }
    }

    public override string ToString() => $"contract {left} {right} as [{leftBatch.Length}, {m}, {n}, {k}] -> s{target}";

    private static int[] Order(int rank, Axes batch, Axes summed, bool freeFirst)
    {
        var free = Enumerable.Range(0, rank).Where(a => !batch.Contains(a) && !summed.Contains(a));
        return freeFirst
            ? [.. batch.Values, .. free, .. summed.Values]
            : [.. batch.Values, .. summed.Values, .. free];
    }

    private static int Product(ReadOnlySpan<int> sizes)
    {
        var product = 1;
        foreach (var size in sizes)
        {
            product = checked(product * size);
        }

        return product;
    }

    private void Do<T>(Frame frame)
        where T : unmanaged, INumber<T>
    {
        for (var b = 0; b < leftBatch.Length; b++)
        {
            var x = frame.From<T>(left.Slot)[(int)leftBatch[b]..];
            var y = frame.From<T>(right.Slot)[(int)rightBatch[b]..];
            var result = MemoryMarshal.Cast<byte, T>(frame.Array(target).AsSpan(frame.Start(target))).Slice(b * m * n, m * n);
            result.Clear();
            for (var i = 0; i < m; i++)
            {
                for (var p = 0; p < k; p++)
                {
                    System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(
                        y.Slice(p * n, n), x[(i * k) + p], result.Slice(i * n, n), result.Slice(i * n, n));
                }
            }
        }
    }
}
