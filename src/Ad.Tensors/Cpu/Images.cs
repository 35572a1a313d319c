namespace Ad.Tensors.Cpu;

/// <summary>What is done with one image, in scratch memory.</summary>
internal unsafe interface IImageWork<T>
    where T : unmanaged
{
    void Do(int image, T* scratch);
}

/// <summary>Images that lie one after another, a few at a time.</summary>
internal sealed unsafe class Images<T>(int count, long elements, int scratch, IImageWork<T> work) : IWork
    where T : unmanaged
{
    private const long ElementsPerItem = 16_384;

    private readonly int _each = (int)Math.Clamp(ElementsPerItem * count / Math.Max(1, elements), 1, Math.Max(1, count));

    public int Items => (count + _each - 1) / _each;

    public bool IsParallel => elements >= Workers.Grain;

    // A vector may be read and written over the end.
    public object? Begin() => BlockPool.Rent(((long)scratch + 64) * sizeof(T));

    public void Do(object? state, int item)
    {
        var block = (byte[])state!;
        var memory = (T*)(BlockPool.Address(block) + BlockPool.Start(block));
        var last = Math.Min(count, (item + 1) * _each);
        for (var image = item * _each; image < last; image++)
        {
            work.Do(image, memory);
        }
    }

    public void End(object? state) => BlockPool.Return((byte[])state!);
}
