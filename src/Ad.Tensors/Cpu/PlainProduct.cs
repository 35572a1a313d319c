using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A batch of products of small or thin matrices, of which a copy of both into panels would cost more than the products: each element is summed one term after
/// another, several columns to a vector, for four rows at a time.
/// </summary>
internal sealed unsafe class PlainProduct<T>
    where T : unmanaged, INumber<T>
{
    private readonly MatrixLayout _layout;
    private readonly bool _isTurned;

    public PlainProduct(MatrixLayout layout)
    {
        // A column of results is a row of those of the transposes in the other order.
        _isTurned = layout.N == 1 && layout.M <= 2 * Lanes;
        _layout = _isTurned
            ? new MatrixLayout(1, layout.M, layout.K, layout.RightN, layout.RightK, layout.LeftK, layout.LeftM, layout.RightBatch, layout.LeftBatch)
            : layout;
    }

    private static int Lanes => Vector256<T>.Count;

    /// <summary>The rows of all results.</summary>
    public long Rows => (long)_layout.Batches * _layout.M;

    /// <summary>How many products a row takes.</summary>
    public int ProductsPerRow => _layout.N * _layout.K;

    /// <summary>Does some rows of results, for operands and results that start at these addresses.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(T* left, T* right, T* result, long row, long end)
    {
        if (_isTurned)
        {
            var other = left;
            left = right;
            right = other;
        }

        var panel = stackalloc T[_layout.K * Width(_layout.N)];
        var before = long.MinValue;
        while (row < end)
        {
            var (batch, first) = Math.DivRem(row, _layout.M);
            var count = (int)Math.Min(_layout.M - first, end - row);
            var a = new Matrix<T>(left + _layout.LeftBatch[batch] + (first * _layout.LeftM), _layout.LeftM, _layout.LeftK);
            var b = new Matrix<T>(right + _layout.RightBatch[batch], _layout.RightK, _layout.RightN);
            Run(a, b, result + (row * _layout.N), count, _layout.N, _layout.K, panel, _layout.RightBatch[batch] == before);
            before = _layout.RightBatch[batch];
            row += count;
        }
    }

    // C = A B, where C lies row by row; B may be what the panel was filled with before.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(Matrix<T> a, Matrix<T> b, T* c, int m, int n, int k, T* panel, bool isFilled)
    {
        var width = Width(n);
        for (var j = 0; j < n; j += width)
        {
            var columns = Math.Min(width, n - j);
            var right = b.Start + (j * b.Column);
            var step = (nint)b.Row;
            if (columns < width || b.Column != 1)
            {
                if (!isFilled || n > width)
                {
                    Fill(panel, width, right, b.Row, b.Column, k, columns);
                }

                right = panel;
                step = width;
            }

            // A vector may be stored over the rows after it as long as these are written later.
            var room = columns == n ? (long)m * n : 0;
            if (width == Lanes)
            {
                One(a, right, step, c + j, m, n, k, columns, room);
            }
            else
            {
                Two(a, right, step, c + j, m, n, k, columns, room);
            }
        }
    }

    private static int Width(int n) => n <= Lanes ? Lanes : 2 * Lanes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fill(T* panel, int width, T* from, long row, long column, int k, int columns)
    {
        for (var p = 0; p < k; p++, from += row, panel += width)
        {
            for (var j = 0; j < width; j++)
            {
                panel[j] = j < columns ? from[j * column] : T.Zero;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(Matrix<T> a, T* right, nint step, T* c, int m, int n, int k, int columns, long room)
    {
        var (row, term) = ((nint)a.Row, (nint)a.Column);
        var i = 0;
        for (; i <= m - 4; i += 4)
        {
            var x = a.Start + (i * row);
            var y = right;
            var (s0, s1, s2, s3) = (Vector256<T>.Zero, Vector256<T>.Zero, Vector256<T>.Zero, Vector256<T>.Zero);
            for (var p = 0; p < k; p++, x += term, y += step)
            {
                var terms = Vector256.Load(y);
                s0 += Vector256.Create(*x) * terms;
                s1 += Vector256.Create(x[row]) * terms;
                s2 += Vector256.Create(x[2 * row]) * terms;
                s3 += Vector256.Create(x[3 * row]) * terms;
            }

            var to = c + ((long)i * n);
            var left = room - ((long)i * n);
            Store(s0, to, columns, left);
            Store(s1, to + n, columns, left - n);
            Store(s2, to + (2 * n), columns, left - (2 * n));
            Store(s3, to + (3 * n), columns, left - (3 * n));
        }

        for (; i < m; i++)
        {
            var x = a.Start + (i * row);
            var y = right;
            var sum = Vector256<T>.Zero;
            for (var p = 0; p < k; p++, x += term, y += step)
            {
                sum += Vector256.Create(*x) * Vector256.Load(y);
            }

            Store(sum, c + ((long)i * n), columns, room - ((long)i * n));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(Matrix<T> a, T* right, nint step, T* c, int m, int n, int k, int columns, long room)
    {
        var (row, term, lanes) = ((nint)a.Row, (nint)a.Column, Lanes);
        var i = 0;
        for (; i <= m - 4; i += 4)
        {
            var x = a.Start + (i * row);
            var y = right;
            var (s0, s1, s2, s3) = (Vector256<T>.Zero, Vector256<T>.Zero, Vector256<T>.Zero, Vector256<T>.Zero);
            var (t0, t1, t2, t3) = (Vector256<T>.Zero, Vector256<T>.Zero, Vector256<T>.Zero, Vector256<T>.Zero);
            for (var p = 0; p < k; p++, x += term, y += step)
            {
                var (first, second) = (Vector256.Load(y), Vector256.Load(y + lanes));
                var (x0, x1) = (Vector256.Create(*x), Vector256.Create(x[row]));
                var (x2, x3) = (Vector256.Create(x[2 * row]), Vector256.Create(x[3 * row]));
                s0 += x0 * first;
                t0 += x0 * second;
                s1 += x1 * first;
                t1 += x1 * second;
                s2 += x2 * first;
                t2 += x2 * second;
                s3 += x3 * first;
                t3 += x3 * second;
            }

            var to = c + ((long)i * n);
            var left = room - ((long)i * n);
            Store(s0, t0, to, columns, left);
            Store(s1, t1, to + n, columns, left - n);
            Store(s2, t2, to + (2 * n), columns, left - (2 * n));
            Store(s3, t3, to + (3 * n), columns, left - (3 * n));
        }

        for (; i < m; i++)
        {
            var x = a.Start + (i * row);
            var y = right;
            var (s, t) = (Vector256<T>.Zero, Vector256<T>.Zero);
            for (var p = 0; p < k; p++, x += term, y += step)
            {
                var factor = Vector256.Create(*x);
                s += factor * Vector256.Load(y);
                t += factor * Vector256.Load(y + lanes);
            }

            Store(s, t, c + ((long)i * n), columns, room - ((long)i * n));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<T> sums, Vector256<T> more, T* to, int columns, long room)
    {
        Store(sums, to, Math.Min(columns, Lanes), room);
        if (columns > Lanes)
        {
            Store(more, to + Lanes, columns - Lanes, room - Lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<T> sums, T* to, int columns, long room)
    {
        if (columns == Lanes || room >= Lanes)
        {
            sums.Store(to);
        }
        else
        {
            Some(sums, to, columns);
        }
    }

    private static void Some(Vector256<T> sums, T* to, int columns)
    {
        for (var j = 0; j < columns; j++)
        {
            to[j] = sums[j];
        }
    }
}
