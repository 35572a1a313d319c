using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

internal sealed partial class GroupState
{
    // Elements that are turned over before the next: what they fill stays in the nearest cache.
    private const int Strip = 64;

    // Several nodes that lie beside each other: what is written element by element for one of them at a time goes to as many cache lines as there are
    // elements, once for every node; here each line is written at once.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryBeside(Frame frame, int first, int nodes, int count)
    {
        var (node, target) = _program.Scattered[first];
        var step = _writers[first].InnerStride;
        if (step < nodes || _writers[first].TryLine(count) is not (>= 0 and var at))
        {
            return false;
        }

        if (target.Type.Size() == sizeof(float))
        {
            Turn(Rows<float>(node, nodes, count), frame.Into<float>(target.Slot).Slice((int)at, (int)((count - 1) * step) + nodes), (int)step, nodes, count);
        }
        else
        {
            Turn(Rows<double>(node, nodes, count), frame.Into<double>(target.Slot).Slice((int)at, (int)((count - 1) * step) + nodes), (int)step, nodes, count);
        }

        return true;
    }

    private unsafe Span<T> Rows<T>(int node, int rows, int count)
        where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(_arrays[node].AsSpan(_offsets[node], (((rows - 1) * _program.RegisterElements) + count) * sizeof(T)));

    // Element p of row i goes to target[p step + i].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void Turn<T>(ReadOnlySpan<T> source, Span<T> target, int step, int rows, int columns)
        where T : unmanaged
    {
        var row = _program.RegisterElements;
        fixed (T* from = source, to = target)
        {
            for (var start = 0; start < columns; start += Strip)
            {
                var s = from + start;
                var t = to + ((long)start * step);
                var count = Math.Min(Strip, columns - start);
                var done = Turning.Columns(s, row, t, step, rows & ~3, count);
                if (rows % 4 != 0)
                {
                    // The last squares lie over those before.
                    _ = Turning.Columns(s + ((rows - 4L) * row), row, t + rows - 4, step, 4, count);
                }

                for (var p = done; p < count; p++)
                {
                    for (var i = 0; i < rows; i++)
                    {
                        t[((long)p * step) + i] = s[((long)i * row) + p];
                    }
                }
            }
        }
    }
}
