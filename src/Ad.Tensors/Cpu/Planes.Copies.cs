using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

internal sealed partial class Planes
{
    /// <summary>Copies lines of elements side by side, which are far too short for a call each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void CopyLines<T>(T* source, long sourceStep, T* target, long targetStep, int lines, int count)
        where T : unmanaged
    {
        var lanes = Vector256<T>.Count;
        if (count < lanes)
        {
            for (; lines > 0; lines--, source += sourceStep, target += targetStep)
            {
                for (var i = 0; i < count; i++)
                {
                    target[i] = source[i];
                }
            }

            return;
        }

        for (; lines > 0; lines--, source += sourceStep, target += targetStep)
        {
            // The last vector ends with the line.
            var i = 0;
            for (; i < count - lanes; i += lanes)
            {
                Vector256.Load(source + i).Store(target + i);
            }

            Vector256.Load(source + count - lanes).Store(target + count - lanes);
        }
    }

    /// <summary>Takes lines apart: what is first of each pair to one place, what is second to another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void CopyPairs(uint* source, long sourceStep, uint* first, uint* second, long targetStep, int lines, int count)
    {
        for (; lines > 0; lines--, source += sourceStep, first += targetStep, second += targetStep)
        {
            // The last vector ends with the line.
            for (var i = 0; count >= 8 && i < count; i += 8)
            {
                var at = Math.Min(i, count - 8);
                var (low, high) = (Vector256.Load((ulong*)(source + (2 * at))), Vector256.Load((ulong*)(source + (2 * at) + 8)));
                Vector256.Narrow(low, high).Store(first + at);
                Vector256.Narrow(low >> 32, high >> 32).Store(second + at);
            }

            for (var i = 0; count is >= 4 and < 8 && i < count; i += 4)
            {
                var at = Math.Min(i, count - 4);
                var (low, high) = (Vector128.Load((ulong*)(source + (2 * at))), Vector128.Load((ulong*)(source + (2 * at) + 4)));
                Vector128.Narrow(low, high).Store(first + at);
                Vector128.Narrow(low >> 32, high >> 32).Store(second + at);
            }

            for (var i = 0; count < 4 && i < count; i++)
            {
                (first[i], second[i]) = (source[2 * i], source[(2 * i) + 1]);
            }
        }
    }

    /// <summary>
    /// Copies what is first of each pair, of lines after each of which one element more may be read; false, with nothing done, for fewer than eight of a line or
    /// elements of other than 32 bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe bool CopySeconds<T>(T* source, long sourceStep, T* target, long targetStep, int lines, int count)
        where T : unmanaged
    {
        if (sizeof(T) != sizeof(uint) || count < Vector256<uint>.Count)
        {
            return false;
        }

        for (; lines > 0; lines--, source += sourceStep, target += targetStep)
        {
            // The last vector ends with the line.
            for (var i = 0; i < count; i += 8)
            {
                var at = Math.Min(i, count - 8);
                Vector256.Narrow(Vector256.Load((ulong*)(source + (2 * at))), Vector256.Load((ulong*)(source + (2 * at) + 8))).Store((uint*)(target + at));
            }
        }

        return true;
    }

    /// <summary>Puts lines together again that <see cref="CopyPairs"/> took apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void PutPairs(uint* first, uint* second, long sourceStep, uint* target, long targetStep, int lines, int count)
    {
        for (; lines > 0; lines--, target += targetStep, first += sourceStep, second += sourceStep)
        {
            for (var i = 0; count >= 8 && i < count; i += 8)
            {
                var at = Math.Min(i, count - 8);
                (Widen(Vector256.Load(first + at)) | (Widen(Vector256.Load(second + at)) << 32)).Store((ulong*)(target + (2 * at)));
            }

            for (var i = 0; count is >= 4 and < 8 && i < count; i += 4)
            {
                var at = Math.Min(i, count - 4);
                (Widen(Vector128.Load(first + at)) | (Widen(Vector128.Load(second + at)) << 32)).Store((ulong*)(target + (2 * at)));
            }

            for (var i = 0; count < 4 && i < count; i++)
            {
                (target[2 * i], target[(2 * i) + 1]) = (first[i], second[i]);
            }
        }
    }

    /// <summary>
    /// Copies elements, or zeros, to every second place, the first or the second of each pair, and returns how many it copied. Places between
    /// are read and written as they are.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe int Every<T>(T* source, T* target, int place, int pairs)
        where T : unmanaged
    {
        var i = 0;
        if (sizeof(T) != 4)
        {
            return i;
        }

        var others = Vector512.Create(place == 0 ? 0xffffffff_00000000 : 0x00000000_ffffffff);
        var to = (ulong*)(target - place);
        for (; i <= pairs - 8; i += 8)
        {
            var elements = source == null ? Vector512<ulong>.Zero : Widen(Vector256.Load((uint*)source + i)) << (32 * place);
            ((Vector512.Load(to + i) & others) | elements).Store(to + i);
        }

        return i;
    }

    /// <summary>Copies elements a step apart; <paramref name="more"/> says that elements may be read after the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Copy<T>(T* source, long step, T* target, int count, bool more = false)
        where T : unmanaged
    {
        var i = 0;
        if (step == 1)
        {
            var lanes = Vector256<T>.Count;
            for (; i <= count - lanes; i += lanes)
            {
                Vector256.Load(source + i).Store(target + i);
            }
        }
        else if (step == 2 && sizeof(T) == 4)
        {
            // Every second of 32-bit numbers: the low halves of 64-bit ones. The very last has no neighbour to be read with it.
            var end = more ? count + 1 : count;
            for (; i < end - 8; i += 8)
            {
                var low = Vector256.Load((ulong*)(source + (2 * i)));
                var high = Vector256.Load((ulong*)(source + (2 * i) + 8));
                Vector256.Narrow(low, high).Store((uint*)(target + i));
            }

            if (i < end - 4)
            {
                var low = Vector128.Load((ulong*)(source + (2 * i)));
                var high = Vector128.Load((ulong*)(source + (2 * i) + 4));
                Vector128.Narrow(low, high).Store((uint*)(target + i));
                i += 4;
            }
        }

        for (var from = source + (i * step); i < count; i++, from += step)
        {
            target[i] = *from;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Scatter<T>(T* source, int from, int to, T* target, long step)
        where T : unmanaged
    {
        for (var u = from; u < to; u++)
        {
            target[u * step] = source[u];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Widen(Vector256<uint> x) => Vector512.Create(Vector256.WidenLower(x), Vector256.WidenUpper(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Widen(Vector128<uint> x) => Vector256.Create(Vector128.WidenLower(x), Vector128.WidenUpper(x));
}
