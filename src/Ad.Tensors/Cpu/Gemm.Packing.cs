using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

internal sealed unsafe partial class Gemm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly partial struct Block
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Pack(int item)
        {
            (var round, item) = Math.DivRem(item, ItemsA + ItemsB);
            var from = round * strip;
            var deep = Math.Min(strip, depth - from);
            if (item < ItemsA)
            {
                var first = item * PanelsPerItem * Mr;
                var packed = packedA + ((long)from * PanelsA * Mr) + ((long)first * deep);
                Panels(a.At(first, from), packed, Math.Min(PanelsPerItem * Mr, rows - first), Mr, deep);
            }
            else
            {
                var first = (FirstPanelB + ((item - ItemsA) * PanelsPerItem)) * Nr;
                var packed = packedB + ((long)from * PanelsB * Nr) + ((long)first * deep);
                var start = b.At(from, first);
                Panels(new Matrix<T>(start.Start, b.Column, b.Row), packed, Math.Min(PanelsPerItem * Nr, columns - first), Nr, deep);
            }
        }

        /// <summary>Copies some rows into panels one after another. Where they lie across memory's lines, all whole panels gain a line at a time.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Panels(Matrix<T> source, T* panels, int count, int full, int depth)
        {
            var whole = source.Row == 1 ? count / full : 0;
            if (whole > 0)
            {
                Lines(source.Start, source.Column, panels, whole, full, depth);
            }

            for (var row = whole * full; row < count; row += full)
            {
                Panel(source.At(row, 0), panels + ((long)row * depth), Math.Min(full, count - row), full, depth);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Lines(T* source, long step, T* panels, int whole, int full, int depth)
        {
            for (var p = 0; p < depth; p++)
            {
                var from = source;
                var to = panels;
                for (var panel = 0; panel < whole; panel++)
                {
                    Turning.Copy(from, to, full);
                    from += full;
                    to += (long)full * depth;
                }

                source += step;
                panels += full;
            }
        }

        /// <summary>Copies some rows into a panel, column by column; rows that are missing are zeros.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Panel(Matrix<T> source, T* panel, int height, int full, int depth)
        {
            if (height < full)
            {
                new Span<T>(panel, full * depth).Clear();
            }

            if (source.Row == 1)
            {
                for (var p = 0; p < depth; p++)
                {
                    Turning.Copy(source.Start + (p * source.Column), panel + ((long)p * full), height);
                }

                return;
            }

            var turned = source.Column == 1 ? Turning.Columns(source.Start, source.Row, panel, full, height, depth) : 0;
            for (var i = 0; i < height; i++)
            {
                var from = source.Start + (i * source.Row) + (turned * source.Column);
                var to = panel + ((long)turned * full) + i;
                var step = source.Column;
                for (var p = turned; p < depth; p++)
                {
                    *to = *from;
                    from += step;
                    to += full;
                }
            }
        }
    }
}
