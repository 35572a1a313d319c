using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Arrays that go from one run's temporaries to the next. Bounded: what would be too much is left to the garbage collector.</summary>
internal static class BlockPool
{
    private const long MostBytes = 1L << 30;

    private const int Line = 64;

    /// <summary>The most bytes an array has room for.</summary>
    public static long MostBytesAtOnce => Array.MaxLength - Line;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<int, Stack<byte[]>> Free = [];
    private static long _held;

    /// <summary>Where a pinned array's elements are.</summary>
    public static unsafe nint Address(byte[] pinned) => (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));

    /// <summary>How far into an array that <see cref="Rent"/> gave the first cache line starts.</summary>
    public static int Start(byte[] block) => (int)(-Address(block) & (Line - 1));

    /// <summary>Whether <see cref="Rent"/> has an array of so many bytes that was used before.</summary>
    public static bool Has(long bytes)
    {
        lock (Gate)
        {
            return Free.TryGetValue(SizeClass(bytes + Line), out var stack) && stack.Count > 0;
        }
    }

    /// <summary>An array of at least so many bytes from the first cache line's start on, with anything in them. It stays where it is.</summary>
    public static byte[] Rent(long bytes)
    {
        var size = SizeClass(bytes + Line);
        lock (Gate)
        {
            if (Free.TryGetValue(size, out var stack) && stack.TryPop(out var block))
            {
                _held -= size;
                return block;
            }
        }

        return GC.AllocateUninitializedArray<byte>(size, pinned: true);
    }

    /// <summary>Takes back an array that <see cref="Rent"/> gave.</summary>
    public static void Return(byte[] block)
    {
        lock (Gate)
        {
            if (_held + block.Length > MostBytes)
            {
                return;
            }

            if (!Free.TryGetValue(block.Length, out var stack))
            {
                Free[block.Length] = stack = new Stack<byte[]>();
            }

            stack.Push(block);
            _held += block.Length;
        }
    }

    /// <summary>Leaves all arrays to the garbage collector.</summary>
    public static void Clear()
    {
        lock (Gate)
        {
            Free.Clear();
            _held = 0;
        }
    }

    // Eighths of powers of two: at most an eighth is wasted, and sizes that differ a little share arrays.
    private static int SizeClass(long bytes)
    {
        if (bytes <= 4096)
        {
            return 4096;
        }

        var step = 1L << (61 - (int)long.LeadingZeroCount(bytes - 1) - 1);
        return (int)Math.Min(Array.MaxLength, (bytes + step - 1) / step * step);
    }
}
