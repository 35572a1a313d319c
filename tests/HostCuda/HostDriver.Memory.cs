using System.Runtime.InteropServices;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>Contexts, and memory: which device each block is of.</summary>
internal sealed unsafe partial class HostDriver
{
    // A thread has one context, whichever driver object gave it.
    [ThreadStatic]
    private static HostDriver? _current;

    [ThreadStatic]
    private static int _ordinal;

    private readonly SortedList<ulong, (long Bytes, int Ordinal)> _blocks = [];
    private readonly SortedList<ulong, long> _pinned = [];
    private readonly Dictionary<nint, bool> _marks = [];
    private long _held;

    /// <summary>Bytes of blocks not yet freed.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Modules that are loaded.</summary>
    public int Modules
    {
        get
        {
            lock (_modules)
            {
                return _modules.Count;
            }
        }
    }

    /// <summary>Graphs that can be replayed.</summary>
    public int Graphs => _graphs.Count;

    /// <summary>Takes the context from this thread, as one has it that has just begun.</summary>
    public static void Leave() => _current = null;

    public void Use(int ordinal)
    {
        if (ordinal < 0 || ordinal >= Math.Max(Devices, 1))
        {
            throw CudaException.Of("cuDeviceGet", 101);
        }

        (_current, _ordinal) = (this, ordinal);
    }

    public ulong Allocate(long bytes)
    {
        Called("cuMemAlloc");
        if (bytes <= 0)
        {
            throw CudaException.Of("cuMemAlloc", 1);
        }

        lock (_blocks)
        {
            if (_held + bytes > MemoryLimit)
            {
                throw CudaException.Of("cuMemAlloc", CudaException.OutOfMemory);
            }

            var address = (ulong)(nint)NativeMemory.AlignedAlloc((nuint)bytes, 256);

            // Signalling bytes: whoever reads what was never written does not find zeros.
            NativeMemory.Fill((void*)address, (nuint)bytes, 0xFF);
            _blocks[address] = (bytes, _ordinal);
            _held += bytes;
            return address;
        }
    }

    // It waits for the device, as the driver does: work under way may be on this memory.
    public void Free(ulong address)
    {
        Called("cuMemFree");
        if (_recording is null)
        {
            CatchUp();
        }

        lock (_blocks)
        {
            if (!_blocks.Remove(address, out var block))
            {
                throw CudaException.Of("cuMemFree", 1);
            }

            _held -= block.Bytes;
        }

        NativeMemory.AlignedFree((void*)address);
    }

    public nint AllocateHost(long bytes)
    {
        Called("cuMemAllocHost");
        var address = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 256);
        lock (_blocks)
        {
            _pinned[(ulong)address] = bytes;
        }

        return address;
    }

    // All of the bytes are of one block of this thread's device, and there are some.
    private void Inside(string call, ulong address, long bytes)
    {
        lock (_blocks)
        {
            if (bytes <= 0 || Last(_blocks.Keys, address) is not { } start || address + (ulong)bytes > start + (ulong)_blocks[start].Bytes || _blocks[start].Ordinal != _ordinal)
            {
                throw CudaException.Of(call, 1);
            }
        }
    }

    private void Pinned(string call, nint address, long bytes)
    {
        lock (_blocks)
        {
            if (Last(_pinned.Keys, (ulong)address) is not { } start || (ulong)address + (ulong)bytes > start + (ulong)_pinned[start])
            {
                throw CudaException.Of(call, 1);
            }
        }
    }

    // A mark that was set where work was done, not written down.
    private void Passed(string call, nint mark)
    {
        if (!_marks.TryGetValue(mark, out var isWritten))
        {
            throw CudaException.Of(call, InvalidHandle);
        }

        if (isWritten)
        {
            throw CudaException.Of(call, 907);
        }
    }

    // The last start that is not behind the address.
    private static ulong? Last(IList<ulong> starts, ulong address)
    {
        var (low, high) = (0, starts.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = starts[middle] <= address ? (middle + 1, high) : (low, middle);
        }

        return low == 0 ? null : starts[low - 1];
    }
}
