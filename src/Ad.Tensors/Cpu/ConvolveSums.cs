namespace Ad.Tensors.Cpu;

/// <summary>A form of convolution that makes sums item by item, and adds those of several items up afterwards.</summary>
internal unsafe interface IConvolveSums<T>
    where T : unmanaged
{
    /// <summary>Makes an item's sums in scratch memory; false if a number that is not finite would meet a zero around the image.</summary>
    bool Multiply(T* x, T* k, T* sums, T* scratch, int item);

    /// <summary>Adds up the sums of one example's group into the result.</summary>
    void AddUp(T* sums, T* r, int item);
}

/// <summary>What all forms that make sums have in common.</summary>
internal static unsafe class ConvolveSums
{
    /// <summary>
    /// Makes the sums of so many items, with so much scratch memory each, and adds them up; false where one of them meets what is not finite.
    /// </summary>
    public static bool TryRun<T>(
        IConvolveSums<T> form, ConvolveLayout layout, long elements, int items, long scratch, T* x, T* k, T* r, Workers workers)
        where T : unmanaged
    {
        var bytes = elements * sizeof(T);
        var partial = BlockPool.Rent(bytes);
        try
        {
            var sums = (T*)(BlockPool.Address(partial) + BlockPool.Start(partial));
            var work = new ConvolveSumming<T>(form, scratch, x, k, sums);
            workers.Run(work, items, layout.Products >= ConvolveKernel.ProductsPerThread);
            if (!work.IsFinite)
            {
                return false;
            }

            workers.Run(new ConvolveAdding<T>(form, sums, r), layout.N * layout.G, bytes >= Workers.Grain);
            return true;
        }
        finally
        {
            BlockPool.Return(partial);
        }
    }
}

/// <summary>Sums made by several threads, until one of them meets what is not finite.</summary>
internal sealed unsafe class ConvolveSumming<T>(IConvolveSums<T> form, long scratch, T* x, T* k, T* sums) : IWork
    where T : unmanaged
{
    private volatile bool _isFinite = true;

    /// <summary>Whether all items were made.</summary>
    public bool IsFinite => _isFinite;

    public object? Begin() => BlockPool.Rent(scratch * sizeof(T));

    public void Do(object? state, int item)
    {
        var block = (byte[])state!;
        if (_isFinite && !form.Multiply(x, k, sums, (T*)(BlockPool.Address(block) + BlockPool.Start(block)), item))
        {
            _isFinite = false;
        }
    }

    public void End(object? state) => BlockPool.Return((byte[])state!);
}

/// <summary>Sums added up by several threads.</summary>
internal sealed unsafe class ConvolveAdding<T>(IConvolveSums<T> form, T* sums, T* r) : IWork
    where T : unmanaged
{
    public object? Begin() => null;

    public void Do(object? state, int item) => form.AddUp(sums, r, item);

    public void End(object? state)
    {
    }
}
