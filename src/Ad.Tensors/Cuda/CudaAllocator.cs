using System.Globalization;

namespace Ad.Tensors.Cuda;

/// <summary>
/// A device's memory, in blocks of a few sizes that are kept once the driver has given them. Since all work is done in order, a block given back
/// may be had again at once: what still reads it was asked for earlier.
/// </summary>
internal sealed class CudaAllocator(ICudaDriver driver, int ordinal)
{
    private const long Smallest = 256;
    private const long FirstLimit = 256L << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, Stack<ulong>> _free = [];
    private long _live;
    private long _cached;
    private long _limit = FirstLimit;

    /// <summary>Bytes in blocks that somebody holds.</summary>
    public long LiveBytes => Interlocked.Read(ref _live);

    /// <summary>Bytes in blocks that nobody holds, kept for whoever asks next.</summary>
    public long CachedBytes => Interlocked.Read(ref _cached);

    /// <summary>How often the driver was asked for memory.</summary>
    public long DriverCalls { get; private set; }

    /// <summary>
    /// A block for so many bytes. Before more is asked of the driver than the limit, which goes up with what is in use, forgotten blocks are
    /// looked for; when the driver has no more, they are too, and all that is kept is given back.
    /// </summary>
    /// <exception cref="CudaException">There is not so much memory; the message says who holds how much.</exception>
    public CudaMemory Allocate(long bytes, string purpose)
    {
        var size = SizeClass(bytes);
        if (TryKept(size) is { } kept)
        {
            return kept;
        }

        if (LiveBytes + CachedBytes + size > Interlocked.Read(ref _limit))
        {
            Collect();
            Interlocked.Exchange(ref _limit, Math.Max(FirstLimit, 2 * (LiveBytes + size)));
            if (TryKept(size) is { } found)
            {
                return found;
            }
        }

        try
        {
            return New(size);
        }
        catch (CudaException e) when (e.Code == CudaException.OutOfMemory)
        {
            Collect();
            Trim();
        }

        try
        {
            return New(size);
        }
        catch (CudaException e) when (e.Code == CudaException.OutOfMemory)
        {
            throw new CudaException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The device cuda:{ordinal} has no {size} bytes for {purpose}: tensors and work under way hold {LiveBytes} bytes, kept blocks {CachedBytes}, and other processes the rest. {e.Message}"),
                e.Code,
                e);
        }
    }

    /// <summary>Takes a block back.</summary>
    public void Return(ulong address, long size)
    {
        lock (_gate)
        {
            Stack(size).Push(address);
            _live -= size;
            _cached += size;
        }
    }

    /// <summary>Gives all kept blocks back to the driver.</summary>
    public void Trim()
    {
        lock (_gate)
        {
            foreach (var (size, blocks) in _free)
            {
                while (blocks.TryPop(out var address))
                {
                    driver.Free(address);
                    _cached -= size;
                }
            }
        }
    }

    /// <summary>The block size for so many bytes: the powers of 2 and three steps between each two, so that little is left over.</summary>
    internal static long SizeClass(long bytes)
    {
        if (bytes <= Smallest)
        {
            return Smallest;
        }

        var power = 1L << (63 - System.Numerics.BitOperations.LeadingZeroCount((ulong)(bytes - 1)));
        var step = Math.Max(Smallest, power / 4);
        return (bytes + step - 1) / step * step;
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private Stack<ulong> Stack(long size)
    {
        if (!_free.TryGetValue(size, out var blocks))
        {
            _free[size] = blocks = new Stack<ulong>();
        }

        return blocks;
    }

    private CudaMemory? TryKept(long size)
    {
        lock (_gate)
        {
            if (!Stack(size).TryPop(out var address))
            {
                return null;
            }

            _live += size;
            _cached -= size;
            return new CudaMemory(this, address, size);
        }
    }

    private CudaMemory New(long size)
    {
        var address = driver.Allocate(size);
        lock (_gate)
        {
            DriverCalls++;
            _live += size;
        }

        return new CudaMemory(this, address, size);
    }
}
