using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>Whether numbers are finite.</summary>
internal static class Finite
{
    /// <summary>Whether all elements are: a zero times one that is not is NaN, and stays so in a sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe bool AreAll<T>(T* elements, long count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (a, b) = (Vector512<T>.Zero, Vector512<T>.Zero);
        var lanes = Vector512<T>.Count;
        long i = 0;
        for (; i <= count - (2 * lanes); i += 2 * lanes)
        {
            a += Vector512.Load(elements + i) * Vector512<T>.Zero;
            b += Vector512.Load(elements + i + lanes) * Vector512<T>.Zero;
        }

        var sum = Vector512.Sum(a + b);
        for (; i < count; i++)
        {
            sum += elements[i] * T.Zero;
        }

        return sum == T.Zero;
    }
}
