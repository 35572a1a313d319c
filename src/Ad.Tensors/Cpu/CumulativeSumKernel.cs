using System.Numerics;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Running sums along the middle of three extents; of floats they are kept in double, so that long ones stay accurate.</summary>
internal sealed class CumulativeSumKernel(View operand, int target, Extents extents, bool reverse) : Kernel
{
    public override IEnumerable<int> Reads => [operand.Slot];

    public override IEnumerable<int> Writes => [target];

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
                for (var j = 0; j < width; j++)
                {
                    sums[j] += S.CreateTruncating(x[at + j]);
                    r[at + j] = T.CreateTruncating(sums[j]);
                }
            }
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
