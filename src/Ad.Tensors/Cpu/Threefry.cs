using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>Threefry-2x32 with 20 rounds: a keyed bijection of 64-bit counters whose outputs pass for random (Salmon et al. 2011).</summary>
internal static class Threefry
{
    private const uint Parity = 0x1BD11BDA;

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
        switch (type)
        {
            case DType.Int32:
                Fill<int>(key0, key1, start, result, static (first, _) => (int)first);
                break;
            case DType.Int64:
                Fill<long>(key0, key1, start, result, static (first, second) => (long)(((ulong)second << 32) | first));
                break;
            case DType.Float32:
                Fill<float>(key0, key1, start, result, static (first, _) => (first >> 8) * (1f / (1 << 24)));
                break;
            case DType.Float64:
                Fill<double>(key0, key1, start, result, static (first, second) =>
                    ((((ulong)second << 32) | first) >> 11) * (1.0 / (1L << 53)));
                break;
            case DType.Bool:
            default:
                throw new ArgumentException($"The operation random does not make {type.Name()}.");
        }
    }

    private static void Fill<T>(uint key0, uint key1, long start, Span<byte> result, Func<uint, uint, T> element)
        where T : unmanaged
    {
        var r = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            var (first, second) = Words(key0, key1, (uint)(start + i), (uint)((start + i) >> 32));
            r[i] = element(first, second);
        }
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
