using System.Numerics;
using MathNet.Numerics.LinearAlgebra;
using Dense = MathNet.Numerics.LinearAlgebra.Matrix<double>;

namespace Ad.Tensors.Cpu;

/// <summary>Eigenvalues and eigenvectors of one real matrix without symmetry.</summary>
internal static class Eigenvectors
{
    // A later element is the largest only if it is so beyond rounding: which one it is must not depend on the last bit.
    private const double Clearly = 1 + 1e-10;

    /// <summary>
    /// Real parts over imaginary parts of the vectors as columns, then rows of the values' real and imaginary parts, ascending by them, and of the places where the
    /// vectors are 1: where they are largest. NaN of a matrix that is not finite, or where the iteration does not come to an end.
    /// </summary>
    public static void Of(ReadOnlySpan<double> a, int n, Span<double> packed)
    {
        foreach (var x in a)
        {
            if (!double.IsFinite(x))
            {
                packed.Fill(double.NaN);
                return;
            }
        }

        try
        {
            // Row-major is column-major transposed.
            var matrix = Dense.Build.Dense(n, n, a.ToArray()).Transpose();
            var evd = matrix.Evd(Symmetricity.Asymmetric);
            var values = evd.EigenValues;
            var order = Enumerable.Range(0, n).OrderBy(j => values[j].Real).ThenBy(j => values[j].Imaginary).ToArray();
            for (var k = 0; k < n; k++)
            {
                Column(evd.EigenVectors, values[order[k]], order[k], n, packed[k..]);
            }
        }
        catch (MathNet.Numerics.NonConvergenceException)
        {
            packed.Fill(double.NaN);
        }
    }

    private static void Column(Dense vectors, Complex value, int j, int n, Span<double> packed)
    {
        // Two values that are each other's conjugates share two columns: the real part and the imaginary part of the first one's vector.
        var (column, sign) = value.Imaginary == 0 ? (j, 0.0) : value.Imaginary > 0 ? (j, 1.0) : (j - 1, -1.0);
        var vector = new Complex[n];
        var largest = 0;
        for (var i = 0; i < n; i++)
        {
            vector[i] = new Complex(vectors[i, column], sign == 0 ? 0 : sign * vectors[i, column + 1]);
            if (vector[i].Magnitude > vector[largest].Magnitude * Clearly)
            {
                largest = i;
            }
        }

        for (var i = 0; i < n; i++)
        {
            var element = i == largest ? Complex.One : vector[i] / vector[largest];
            packed[i * n] = element.Real;
            packed[(n + i) * n] = element.Imaginary;
        }

        packed[2 * n * n] = value.Real;
        packed[((2 * n) + 1) * n] = value.Imaginary;
        packed[((2 * n) + 2) * n] = largest;
    }
}
