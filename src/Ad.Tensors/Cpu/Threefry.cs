using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>Threefry-2x32 with 20 rounds: a keyed bijection of 64-bit counters whose outputs pass for random (Salmon et al. 2011).</summary>
internal static class Threefry
{
    private const uint Parity = 0x1BD11BDA;
    private const int Lanes = 16;

    /// <summary>The two random words of one counter.</summary>
    public static (uint First, uint Second) Words(uint key0, uint key1, uint counter0, uint counter1)
    {
        var key2 = Parity ^ key0 ^ key1;
        var (x, y) = (counter0 + key0, counter1 + key1);
        Rounds(ref x, ref y, 13, 15, 26, 6);
        (x, y) = (x + key1, y + key2 + 1);
        Rounds(ref x, ref y, 17, 29, 16, 24);
        (x, y) = (x + key2, y + key0 + 2);
        Rounds(ref x, ref y, 13, 15, 26, 6);
        (x, y) = (x + key0, y + key1 + 3);
        Rounds(ref x, ref y, 17, 29, 16, 24);
        (x, y) = (x + key1, y + key2 + 4);
        Rounds(ref x, ref y, 13, 15, 26, 6);
        return (x + key2, y + key0 + 5);
    }

    /// <summary>Fills in the elements that <see cref="Operation.Random"/> has from a position on.</summary>
    public static void Fill(DType type, uint key0, uint key1, long start, Span<byte> result)
    {
        Span<uint> first = stackalloc uint[Lanes];
        Span<uint> second = stackalloc uint[Lanes];
        var size = type.Size();
        for (; result.Length > 0; start += Lanes)
        {
            Words(key0, key1, start, first, second);
            var count = Math.Min(Lanes, result.Length / size);
            Convert(type, first[..count], second[..count], result);
            result = result[(count * size)..];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Convert(DType type, ReadOnlySpan<uint> first, ReadOnlySpan<uint> second, Span<byte> result)
    {
        switch (type)
        {
            case DType.Int32:
                MemoryMarshal.AsBytes(first).CopyTo(result);
                break;
            case DType.Int64:
                var longs = MemoryMarshal.Cast<byte, ulong>(result);
                for (var i = 0; i < first.Length; i++)
                {
                    longs[i] = ((ulong)second[i] << 32) | first[i];
                }

                break;
            case DType.Float32:
                var floats = MemoryMarshal.Cast<byte, float>(result);
                for (var i = 0; i < first.Length; i++)
                {
                    floats[i] = (int)(first[i] >> 8) * (1f / (1 << 24));
                }

                break;
            case DType.Float64:
                var doubles = MemoryMarshal.Cast<byte, double>(result);
                for (var i = 0; i < first.Length; i++)
                {
                    doubles[i] = (long)((((ulong)second[i] << 32) | first[i]) >> 11) * (1.0 / (1L << 53));
                }

                break;
            case DType.Bool:
            default:
                throw new ArgumentException($"The operation random does not make {type.Name()}.");
        }
    }

    // The words of sixteen counters from one on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Words(uint key0, uint key1, long start, Span<uint> first, Span<uint> second)
    {
        if ((uint)start > uint.MaxValue - Lanes)
        {
            for (var i = 0; i < Lanes; i++)
            {
                (first[i], second[i]) = Words(key0, key1, (uint)(start + i), (uint)((start + i) >> 32));
            }

            return;
        }

        var (k0, k1, k2) = (Vector512.Create(key0), Vector512.Create(key1), Vector512.Create(Parity ^ key0 ^ key1));
        var x = Vector512.Create((uint)start) + Vector512<uint>.Indices + k0;
        var y = Vector512.Create((uint)(start >> 32)) + k1;
        Rounds(ref x, ref y, 13, 15, 26, 6);
        (x, y) = (x + k1, y + k2 + Vector512.Create(1u));
        Rounds(ref x, ref y, 17, 29, 16, 24);
        (x, y) = (x + k2, y + k0 + Vector512.Create(2u));
        Rounds(ref x, ref y, 13, 15, 26, 6);
        (x, y) = (x + k0, y + k1 + Vector512.Create(3u));
        Rounds(ref x, ref y, 17, 29, 16, 24);
        (x, y) = (x + k1, y + k2 + Vector512.Create(4u));
        Rounds(ref x, ref y, 13, 15, 26, 6);
        (x + k2).CopyTo(first);
        (y + k0 + Vector512.Create(5u)).CopyTo(second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rounds(ref Vector512<uint> x, ref Vector512<uint> y, int a, int b, int c, int d)
    {
        x += y;
        y = ((y << a) | (y >>> (32 - a))) ^ x;
        x += y;
        y = ((y << b) | (y >>> (32 - b))) ^ x;
        x += y;
        y = ((y << c) | (y >>> (32 - c))) ^ x;
        x += y;
        y = ((y << d) | (y >>> (32 - d))) ^ x;
    }

    private static void Rounds(ref uint x, ref uint y, int a, int b, int c, int d)
    {
        x += y;
        y = BitOperations.RotateLeft(y, a) ^ x;
        x += y;
        y = BitOperations.RotateLeft(y, b) ^ x;
        x += y;
        y = BitOperations.RotateLeft(y, c) ^ x;
        x += y;
        y = BitOperations.RotateLeft(y, d) ^ x;
    }
}
