namespace Ad.Tensors.Cuda;

/// <summary>Elements in a CUDA device's memory.</summary>
internal sealed class CudaStorage(CudaDevice device, DType type, Shape shape, CudaMemory memory) : Storage(type, shape)
{
    public override CudaDevice Device => device;

    /// <summary>The block that holds the elements from its start on.</summary>
    public CudaMemory Block => memory;

    public override object Memory => memory;

    public long Bytes => Shape.Elements * Type.Size();

    public override CudaStorage Reshaped(Shape shape) => new(device, Type, shape, memory);

    public override HostStorage ToHost()
    {
        var host = HostStorage.Allocate(Type, Shape);
        device.Download(host.Writable<byte>(), memory);
        return host;
    }
}
