namespace Ad.Tensors.Cpu;

/// <summary>A way to compute a convolution.</summary>
internal unsafe interface IConvolveForm<T>
    where T : unmanaged
{
    /// <summary>What it is called in a plan.</summary>
    string Name { get; }

    /// <summary>
    /// About what it takes, idle lanes and copies included: multiplications of outer products in the same time, as measured on layers of 16 to 64 channels.
    /// </summary>
    double Work { get; }

    /// <summary>Does it; false, with anything in the result, where numbers would not come out as the operation defines them.</summary>
    bool TryRun(T* x, T* k, T* r, Workers workers);
}
