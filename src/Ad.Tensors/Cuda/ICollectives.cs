namespace Ad.Tensors.Cuda;

/// <summary>One device's part in a sum: its stream, and where each tensor is and its sum goes.</summary>
internal sealed record CollectiveShare(nint Stream, (ulong From, ulong To)[] Tensors);

/// <summary>What adds up tensors of several devices of one process.</summary>
internal interface ICollectives
{
    /// <summary>What it is, with its version and where it was found.</summary>
    string Name { get; }

    /// <summary>Whether it adds elements of a type.</summary>
    bool Takes(DType type);

    /// <summary>Has every device's stream add, of each tensor, what all devices have.</summary>
    /// <exception cref="CudaException">The library failed; the message names the call.</exception>
    void Sum(CollectiveShare[] devices, (DType Type, long Elements)[] tensors);
}
