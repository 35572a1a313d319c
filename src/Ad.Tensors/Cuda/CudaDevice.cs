namespace Ad.Tensors.Cuda;

/// <summary>An NVIDIA GPU. One program runs on it at a time, each after the one before it; any number of threads may ask.</summary>
internal sealed class CudaDevice : Device
{
    private readonly ICudaCompiler _compiler;
    private readonly Lock _gate = new();

    public CudaDevice(ICudaDriver driver, ICudaCompiler compiler, int ordinal)
    {
        (Driver, _compiler, Ordinal) = (driver, compiler, ordinal);
        Facts = driver.Describe(ordinal);
        Allocator = new CudaAllocator(driver, ordinal);
    }

    public ICudaDriver Driver { get; }

    public int Ordinal { get; }

    public CudaFacts Facts { get; }

    public CudaAllocator Allocator { get; }

    /// <summary>How often a run was the replay of a graph.</summary>
    public long Replays { get; set; }

    public override string Name => $"cuda:{Ordinal}";

    /// <summary>Runs something that asks the device for work, with the device's context on this thread and nobody else between.</summary>
    public T Do<T>(Func<T> work)
    {
        lock (_gate)
        {
            Driver.Use(Ordinal);
            return work();
        }
    }

    public override Storage Place(Storage storage)
    {
        ArgumentNullException.ThrowIfNull(storage);
        if (storage is CudaStorage own && own.Device == this)
        {
            return own;
        }

        var host = storage.ToHost();
        return Do(() =>
        {
            var memory = Allocator.Allocate(host.Bytes.Length, $"a {host.Type.Name()}{host.Shape}");
            if (host.Bytes.Length > 0)
            {
                Driver.Upload(memory.Address, host.Bytes);
            }

            return new CudaStorage(this, host.Type, host.Shape, memory);
        });
    }

    /// <summary>Copies a block's elements to the host.</summary>
    public void Download(Span<byte> target, CudaMemory source)
    {
        if (target.Length == 0)
        {
            return;
        }

        lock (_gate)
        {
            Driver.Use(Ordinal);
            Driver.Download(target, source.Address);
        }
    }

    /// <summary>Loads a module for this device.</summary>
    public CudaModule Load(string source) => new(Driver, Driver.Load(_compiler.Compile(source, Facts)));

    protected override Executable Compile(Program program) =>
        new CudaExecutable(this, program, Planner<CudaStep>.Make(Simplify.Apply(program), new CudaKernels(false)));
}
