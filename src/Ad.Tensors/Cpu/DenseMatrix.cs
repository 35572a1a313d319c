using MathNet.Numerics.LinearAlgebra.Factorization;
using Dense = MathNet.Numerics.LinearAlgebra.Matrix<double>;

namespace Ad.Tensors.Cpu;

/// <summary>Decompositions and solutions of one matrix in row-major order. What does not exist is NaN.</summary>
internal static class DenseMatrix
{
    /// <summary>The lower triangular L with L L' = (A + A')/2, zeros above; all NaN unless that is positive definite.</summary>
    public static void Cholesky(ReadOnlySpan<double> a, int n, Span<double> l)
    {
        l.Clear();
        for (var j = 0; j < n; j++)
        {
            var row = l.Slice(j * n, n);
            var pivot = a[(j * n) + j] - Dot(row[..j], row[..j]);
            if (!(pivot > 0))
            {
                l.Fill(double.NaN);
                return;
            }

            row[j] = Math.Sqrt(pivot);
            for (var i = j + 1; i < n; i++)
            {
                var sum = 0.5 * (a[(i * n) + j] + a[(j * n) + i]);
                l[(i * n) + j] = (sum - Dot(l.Slice(i * n, j), row[..j])) / row[j];
            }
        }
    }

    /// <summary>
    /// Gauss's elimination with partial pivoting: L below the diagonal (its own diagonal is 1) and U on and above it, then a row that says which row of A each
    /// row of L U is.
    /// </summary>
    public static void Lu(ReadOnlySpan<double> a, int n, Span<double> packed)
    {
        a.CopyTo(packed);
        var order = packed[(n * n)..];
        for (var i = 0; i < n; i++)
        {
            order[i] = i;
        }

        for (var k = 0; k < n; k++)
        {
            var best = k;
            for (var i = k + 1; i < n; i++)
            {
                if (Math.Abs(packed[(i * n) + k]) > Math.Abs(packed[(best * n) + k]))
                {
                    best = i;
                }
            }

            if (best != k)
            {
                for (var j = 0; j < n; j++)
                {
                    (packed[(k * n) + j], packed[(best * n) + j]) = (packed[(best * n) + j], packed[(k * n) + j]);
                }

                (order[k], order[best]) = (order[best], order[k]);
            }

            var pivot = packed.Slice(k * n, n);
            if (pivot[k] == 0)
            {
                continue;
            }

            for (var i = k + 1; i < n; i++)
            {
                var row = packed.Slice(i * n, n);
                var factor = row[k] /= pivot[k];
                Subtract(row[(k + 1)..], factor, pivot[(k + 1)..]);
            }
        }
    }

    /// <summary>The determinant: the product of U's diagonal, its sign changed by each exchange of rows.</summary>
    public static double Determinant(ReadOnlySpan<double> a, int n)
    {
        var packed = new double[(n + 1) * n];
        Lu(a, n, packed);
        var order = packed.AsSpan(n * n);
        var result = 1.0;
        for (var i = 0; i < n; i++)
        {
            result *= packed[(i * n) + i];
            for (var j = 0; j < i; j++)
            {
                if (order[j] > order[i])
                {
                    result = -result;
                }
            }
        }

        return result;
    }

    /// <summary>x in A x = b, for so many columns of b.</summary>
    public static void Solve(LinearSystem system, ReadOnlySpan<double> a, int n, ReadOnlySpan<double> b, int columns, Span<double> x)
    {
        if (system != LinearSystem.General)
        {
            b.CopyTo(x);
            Substitute(a, n, x, columns, system == LinearSystem.Lower, hasUnitDiagonal: false);
            return;
        }

        var packed = new double[(n + 1) * n];
        Lu(a, n, packed);
        for (var i = 0; i < n; i++)
        {
            b.Slice((int)packed[(n * n) + i] * columns, columns).CopyTo(x[(i * columns)..]);
        }

        Substitute(packed, n, x, columns, isLower: true, hasUnitDiagonal: true);
        Substitute(packed, n, x, columns, isLower: false, hasUnitDiagonal: false);
    }

    /// <summary>Q over R', with R's diagonal not negative, of an m by n matrix with m >= n.</summary>
    public static void Qr(ReadOnlySpan<double> a, int m, int n, Span<double> packed)
    {
        var qr = Of(a, m, n).QR(QRMethod.Thin);
        for (var j = 0; j < n; j++)
        {
            var sign = qr.R[j, j] < 0 ? -1.0 : 1.0;
            for (var i = 0; i < m; i++)
            {
                packed[(i * n) + j] = sign * qr.Q[i, j];
            }

            for (var i = 0; i < n; i++)
            {
                packed[((m + i) * n) + j] = i < j ? 0 : sign * qr.R[j, i];
            }
        }
    }

    /// <summary>The eigenvectors of (A + A')/2 as columns, each with its largest element positive, then the eigenvalues, ascending.</summary>
    public static void Eigh(ReadOnlySpan<double> a, int n, Span<double> packed)
    {
        if (!AllFinite(a))
        {
            packed.Fill(double.NaN);
            return;
        }

        var matrix = Of(a, n, n);
        var evd = ((matrix + matrix.Transpose()) * 0.5).Evd(MathNet.Numerics.LinearAlgebra.Symmetricity.Symmetric);
        for (var j = 0; j < n; j++)
        {
            var sign = SignOfLargest(evd.EigenVectors, j);
            for (var i = 0; i < n; i++)
            {
                packed[(i * n) + j] = sign * evd.EigenVectors[i, j];
            }

            packed[(n * n) + j] = evd.EigenValues[j].Real;
        }
    }

    /// <summary>U over V over the singular values, descending; each column of U has its largest element positive.</summary>
    public static void Svd(ReadOnlySpan<double> a, int m, int n, Span<double> packed)
    {
        if (!AllFinite(a))
        {
            packed.Fill(double.NaN);
            return;
        }

        var count = Math.Min(m, n);
        var svd = Of(a, m, n).Svd();
        for (var j = 0; j < count; j++)
        {
            var sign = SignOfLargest(svd.U, j);
            for (var i = 0; i < m; i++)
            {
                packed[(i * count) + j] = sign * svd.U[i, j];
            }

            for (var i = 0; i < n; i++)
            {
                packed[((m + i) * count) + j] = sign * svd.VT[j, i];
            }

            packed[((m + n) * count) + j] = svd.S[j];
        }
    }

    /// <summary>The cofactors, det(A) inverse(A)', which exist for singular matrices too: by singular values, det(U V') U diag(product of the others) V'.</summary>
    public static void Cofactors(ReadOnlySpan<double> a, int n, Span<double> result)
    {
        if (!AllFinite(a))
        {
            result.Fill(double.NaN);
            return;
        }

        var svd = Of(a, n, n).Svd();
        var sign = svd.U.Determinant() * svd.VT.Determinant() < 0 ? -1.0 : 1.0;
        result.Clear();
        for (var k = 0; k < n; k++)
        {
            var others = sign;
            for (var j = 0; j < n; j++)
            {
                others *= j == k ? 1 : svd.S[j];
            }

            for (var i = 0; i < n; i++)
            {
                for (var j = 0; j < n; j++)
                {
                    result[(i * n) + j] += others * svd.U[i, k] * svd.VT[k, j];
                }
            }
        }
    }

    private static Dense Of(ReadOnlySpan<double> a, int m, int n)
    {
        var matrix = Dense.Build.Dense(m, n);
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                matrix.At(i, j, a[(i * n) + j]);
            }
        }

        return matrix;
    }

    private static double SignOfLargest(Dense matrix, int column)
    {
        var best = 0;
        for (var i = 1; i < matrix.RowCount; i++)
        {
            // Two that are equal but for rounding must not change places from one matrix to the next.
            if (Math.Abs(matrix[i, column]) > 1.0001 * Math.Abs(matrix[best, column]))
            {
                best = i;
            }
        }

        return matrix[best, column] < 0 ? -1.0 : 1.0;
    }

    private static void Substitute(ReadOnlySpan<double> a, int n, Span<double> x, int columns, bool isLower, bool hasUnitDiagonal)
    {
        for (var step = 0; step < n; step++)
        {
            var i = isLower ? step : n - 1 - step;
            var row = x.Slice(i * columns, columns);
            var (first, last) = isLower ? (0, i) : (i + 1, n);
            for (var j = first; j < last; j++)
            {
                Subtract(row, a[(i * n) + j], x.Slice(j * columns, columns));
            }

            if (!hasUnitDiagonal)
            {
                var pivot = a[(i * n) + i];
                foreach (ref var element in row)
                {
                    element /= pivot;
                }
            }
        }
    }

    private static bool AllFinite(ReadOnlySpan<double> a)
    {
        foreach (var element in a)
        {
            if (!double.IsFinite(element))
            {
                return false;
            }
        }

        return true;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static void Subtract(Span<double> row, double factor, ReadOnlySpan<double> other)
    {
        for (var i = 0; i < row.Length; i++)
        {
            row[i] -= factor * other[i];
        }
    }
}
