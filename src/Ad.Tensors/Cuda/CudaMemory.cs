namespace Ad.Tensors.Cuda;

/// <summary>
/// A block of a device's memory, counted: who holds it says when it is done, and with the last the block goes back to the allocator. A block
/// that was forgotten goes back when the collector finds it.
/// </summary>
internal sealed class CudaMemory : IDisposable
{
    private readonly CudaAllocator _allocator;
    private int _holders = 1;

    public CudaMemory(CudaAllocator allocator, ulong address, long bytes) =>
        (_allocator, Address, Bytes) = (allocator, address, bytes);

    ~CudaMemory()
    {
        if (_holders > 0)
        {
            _allocator.Return(Address, Bytes);
        }
    }

    public ulong Address { get; }

    /// <summary>What may be wrong with what was last written here.</summary>
    public CudaDoubt[] Doubts { get; set; } = [];

    /// <summary>The size of the block, which may be more than was asked for.</summary>
    public long Bytes { get; }

    /// <summary>One holder more.</summary>
    public CudaMemory Hold()
    {
        ObjectDisposedException.ThrowIf(Interlocked.Increment(ref _holders) <= 1, this);
        return this;
    }

    /// <summary>One holder less.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            GC.SuppressFinalize(this);
            _allocator.Return(Address, Bytes);
        }
    }
}
