using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

internal sealed partial class ContractKernel
{
    /// <summary>Integers row by row: a row of the result gains multiples of the right's rows.</summary>
    private sealed class Integers<T>(ContractKernel kernel, Frame frame) : IWork
        where T : unmanaged, IBinaryInteger<T>
    {
        public object? Begin() => new T[kernel._layout.N];

        public void Do(object? state, int item)
        {
            var layout = kernel._layout;
            var row = (T[])state!;
            var x = frame.From<T>(kernel._left.Slot);
            var y = frame.From<T>(kernel._right.Slot);
            var result = MemoryMarshal.Cast<byte, T>(frame.Array(kernel._target).AsSpan(frame.Start(kernel._target)));
            result = result.Slice(item * layout.M * layout.N, layout.M * layout.N);
            result.Clear();
            for (var p = 0; p < layout.K; p++)
            {
                var at = (int)(kernel._right.Layout.Offset + layout.RightBatch[item] + (p * layout.RightK));
                for (var j = 0; j < layout.N; j++)
                {
                    row[j] = y[at];
                    at += (int)layout.RightN;
                }

                for (var i = 0; i < layout.M; i++)
                {
                    var factor = x[(int)(kernel._left.Layout.Offset + layout.LeftBatch[item] + (i * layout.LeftM) + (p * layout.LeftK))];
                    var sums = result.Slice(i * layout.N, layout.N);
                    TensorPrimitives.MultiplyAdd(row, factor, sums, sums);
                }
            }
        }

        public void End(object? state)
        {
        }
    }
}
