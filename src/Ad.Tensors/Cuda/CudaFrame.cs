namespace Ad.Tensors.Cuda;

/// <summary>A plan's kernels, loaded, with where they report what they find wrong. One that was forgotten is unloaded when the device next has nothing to do.</summary>
internal sealed class CudaModule(CudaDevice device, nint handle)
{
    private readonly Dictionary<string, nint> _functions = [];

    ~CudaModule()
    {
        if (handle != 0)
        {
            device.Forgotten.Enqueue(driver => driver.Unload(handle));
        }
    }

    /// <summary>Two words of the device's memory: the number of the first thing found wrong, and the value to blame.</summary>
    public ulong Error { get; set; }

    public nint Function(string name)
    {
        if (!_functions.TryGetValue(name, out var function))
        {
            _functions[name] = function = device.Driver.Function(handle, name);
        }

        return function;
    }
}

/// <summary>The memory of one run: for every slot of the plan, its address; and where further memory comes from.</summary>
internal sealed class CudaFrame(CudaDevice device, CudaModule module, int slots)
{
    private readonly ulong[] _addresses = new ulong[slots];

    public ICudaDriver Driver => device.Driver;

    public CudaDevice Device => device;

    public CudaModule Module => module;

    /// <summary>Memory that a graph uses as often as it is replayed, while one is written down; else null.</summary>
    public List<CudaMemory>? Kept { get; set; }

    /// <summary>What the run's results depend on.</summary>
    public required RunDoubts Doubts { get; init; }

    /// <summary>The stream that steps are written down for; 0 while they run one after another.</summary>
    public int Stream { get; set; }

    /// <summary>Memory to work in until it is disposed; a graph that is being written down keeps it.</summary>
    public CudaMemory Borrow(long bytes, string purpose)
    {
        var memory = device.Allocator.Allocate(bytes, purpose);
        Kept?.Add(memory.Hold());
        return memory;
    }

    /// <summary>Copies to the host, which waits, and learns of what was found wrong until then.</summary>
    public void Download(Span<byte> target, ulong source)
    {
        device.Read(target, source);
        Doubts.Check();
    }

    /// <summary>Where a slot begins.</summary>
    public ulong this[int slot]
    {
        get => _addresses[slot];
        set => _addresses[slot] = value;
    }

    /// <summary>All addresses, which tell one set of buffers from another.</summary>
    public ReadOnlySpan<ulong> Addresses => _addresses;

    /// <summary>Does the steps in order; a failure says at which of them it showed.</summary>
    public void Run(IEnumerable<CudaStep> steps)
    {
        foreach (var step in steps)
        {
            try
            {
                step.Run(this);
                if (device.WaitsForEachStep && Kept is null)
                {
                    Driver.Synchronize();
                    if (step.CanFail)
                    {
                        device.Faults.Drain();
                        Doubts.Check();
                    }
                }
            }
            catch (CudaException e) when (e.InnerException is null && e.Code != 0)
            {
                throw e.During(step.ToString());
            }
        }
    }
}
