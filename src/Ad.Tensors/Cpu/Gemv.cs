using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A matrix by a vector, where the matrix lies row by row (each result a dot product) or column by column (results gain multiples of columns):
/// bound by the one reading of the matrix.
/// </summary>
internal static unsafe class Gemv<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int RowsPerItem = 256;

    public static void Run(Matrix<T> a, T* x, long step, T* y, int m, int k, T* scratch, Workers workers, bool parallel)
    {
        for (var p = 0; p < k && step != 1; p++)
        {
            scratch[p] = x[p * step];
        }

        var work = new Work(a, step == 1 ? x : scratch, y, m, k);
        workers.Run(work, (m + RowsPerItem - 1) / RowsPerItem, parallel);
    }

    private sealed class Work(Matrix<T> a, T* x, T* y, int m, int k) : IWork
    {
        public object? Begin() => null;

        public void Do(object? state, int item)
        {
            var first = item * RowsPerItem;
            var rows = Math.Min(RowsPerItem, m - first);
            if (a.Column == 1)
            {
                for (var i = first; i < first + rows; i++)
                {
                    y[i] = Dot(a.Start + (i * a.Row), x, k);
                }
            }
            else
            {
                Columns(a.Start + first, y + first, rows);
            }
        }

        public void End(object? state)
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static T Dot(T* left, T* right, int count)
        {
            var lanes = Vector512<T>.Count;
            var (s0, s1, s2, s3) = (Vector512<T>.Zero, Vector512<T>.Zero, Vector512<T>.Zero, Vector512<T>.Zero);
            var p = 0;
            for (; p <= count - (4 * lanes); p += 4 * lanes)
            {
                s0 += Vector512.Load(left + p) * Vector512.Load(right + p);
                s1 += Vector512.Load(left + p + lanes) * Vector512.Load(right + p + lanes);
                s2 += Vector512.Load(left + p + (2 * lanes)) * Vector512.Load(right + p + (2 * lanes));
                s3 += Vector512.Load(left + p + (3 * lanes)) * Vector512.Load(right + p + (3 * lanes));
            }

            for (; p <= count - lanes; p += lanes)
            {
                s0 += Vector512.Load(left + p) * Vector512.Load(right + p);
            }

            var sum = Vector512.Sum((s0 + s1) + (s2 + s3));
            for (; p < count; p++)
            {
                sum += left[p] * right[p];
            }

            return sum;
        }

        // Four columns at a time, so that the results are read and written once for all four.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Columns(T* start, T* result, int rows)
        {
            new Span<T>(result, rows).Clear();
            var lanes = Vector512<T>.Count;
            for (var p = 0; p < k; p += 4)
            {
                var c0 = start + (p * a.Column);
                if (k - p < 4)
                {
                    for (var q = p; q < k; q++, c0 += a.Column)
                    {
                        for (var row = 0; row < rows; row++)
                        {
                            result[row] += c0[row] * x[q];
                        }
                    }

                    return;
                }

                var c1 = c0 + a.Column;
                var c2 = c1 + a.Column;
                var c3 = c2 + a.Column;
                var (x0, x1, x2, x3) = (x[p], x[p + 1], x[p + 2], x[p + 3]);
                var i = 0;
                for (; i <= rows - lanes; i += lanes)
                {
                    var first = (Vector512.Load(c0 + i) * x0) + (Vector512.Load(c1 + i) * x1);
                    var second = (Vector512.Load(c2 + i) * x2) + (Vector512.Load(c3 + i) * x3);
                    (Vector512.Load(result + i) + (first + second)).Store(result + i);
                }

                for (; i < rows; i++)
                {
                    result[i] += ((c0[i] * x0) + (c1[i] * x1)) + ((c2[i] * x2) + (c3[i] * x3));
                }
            }
        }
    }
}
