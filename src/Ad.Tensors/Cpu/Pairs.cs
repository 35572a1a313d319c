using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>Vectors of elements in pairs, taken apart into first and second ones and put together again.</summary>
internal static unsafe class Pairs
{
    /// <summary>Whether that can be done in registers: with 64-bit elements by an instruction of the widest vectors only.</summary>
    public static bool AreSupported<T>()
        where T : unmanaged => sizeof(T) == sizeof(float) || (sizeof(T) == sizeof(double) && Avx512F.IsSupported);

    /// <summary>The first and the second of each pair.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<T> First, Vector512<T> Second) Apart<T>(T* pairs)
        where T : unmanaged
    {
        var (low, high) = (Vector512.Load(pairs), Vector512.Load(pairs + Vector512<T>.Count));
        if (sizeof(T) == sizeof(double))
        {
            return (
                Avx512F.PermuteVar8x64x2(low.AsInt64(), Vector512.Create(0L, 2, 4, 6, 8, 10, 12, 14), high.AsInt64()).As<long, T>(),
                Avx512F.PermuteVar8x64x2(low.AsInt64(), Vector512.Create(1L, 3, 5, 7, 9, 11, 13, 15), high.AsInt64()).As<long, T>());
        }

        if (Avx512F.IsSupported)
        {
            return (
                Avx512F.PermuteVar16x32x2(low.AsInt32(), Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), high.AsInt32()).As<int, T>(),
                Avx512F.PermuteVar16x32x2(low.AsInt32(), Vector512.Create(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), high.AsInt32()).As<int, T>());
        }

        var (a, b) = (low.AsUInt64(), high.AsUInt64());
        return (Vector512.Narrow(a, b).As<uint, T>(), Vector512.Narrow(a >> 32, b >> 32).As<uint, T>());
    }

    /// <summary>The inverse of <see cref="Apart"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Together<T>(Vector512<T> first, Vector512<T> second, T* pairs)
        where T : unmanaged
    {
        if (sizeof(T) == sizeof(double))
        {
            Avx512F.PermuteVar8x64x2(first.AsInt64(), Vector512.Create(0L, 8, 1, 9, 2, 10, 3, 11), second.AsInt64()).As<long, T>().Store(pairs);
            Avx512F.PermuteVar8x64x2(first.AsInt64(), Vector512.Create(4L, 12, 5, 13, 6, 14, 7, 15), second.AsInt64()).As<long, T>().Store(pairs + Vector512<T>.Count);
        }
        else if (Avx512F.IsSupported)
        {
            Avx512F.PermuteVar16x32x2(first.AsInt32(), Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), second.AsInt32())
                .As<int, T>().Store(pairs);
            Avx512F.PermuteVar16x32x2(first.AsInt32(), Vector512.Create(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), second.AsInt32())
                .As<int, T>().Store(pairs + Vector512<T>.Count);
        }
        else
        {
            var (a, b) = (first.AsUInt32(), second.AsUInt32());
            (Vector512.WidenLower(a) | (Vector512.WidenLower(b) << 32)).Store((ulong*)pairs);
            (Vector512.WidenUpper(a) | (Vector512.WidenUpper(b) << 32)).Store((ulong*)(pairs + Vector512<T>.Count));
        }
    }
}
