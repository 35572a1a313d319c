using System.Collections.Concurrent;

namespace Ad.Tensors.Cuda;

/// <summary>An NVIDIA GPU. One program runs on it at a time, each after the one before it; any number of threads may ask.</summary>
internal sealed class CudaDevice : Device
{
    private readonly ICudaCompiler _compiler;
    private readonly Lock _gate = new();
    private readonly CudaMemory?[] _workspaces = new CudaMemory?[StreamSchedule.MostStreams];
    private UploadRing? _uploads;

    public CudaDevice(ICudaDriver driver, ICudaCompiler compiler, int ordinal, bool waitsForEachStep = false, CudaLibraries? libraries = null, bool tf32 = false)
    {
        (Driver, _compiler, Ordinal, WaitsForEachStep, Libraries) = (driver, compiler, ordinal, waitsForEachStep, libraries ?? new CudaLibraries());
        Facts = driver.Describe(ordinal);
        Means = MatrixMeans.Of(Facts, tf32);
        (Allocator, Faults) = (new CudaAllocator(driver, ordinal), new CudaFaults(driver));
    }

    public ICudaDriver Driver { get; }

    public int Ordinal { get; }

    public CudaFacts Facts { get; }

    public CudaAllocator Allocator { get; }

    /// <summary>What its kernels may have found wrong since the host last waited.</summary>
    public CudaFaults Faults { get; }

    /// <summary>What kernels of products may use.</summary>
    public MatrixMeans Means { get; }

    /// <summary>The library of matrix products, if there is one.</summary>
    public IMatrixLibrary? Matrices => Libraries.Matrices;

    /// <summary>The library of decompositions, if there is one.</summary>
    public ISolverLibrary? Solvers => Libraries.Solvers;

    /// <summary>The library of convolutions, if there is one.</summary>
    public IConvolutionLibrary? Convolutions => Libraries.Convolutions;

    /// <summary>NVIDIA's libraries, as far as they are there.</summary>
    public CudaLibraries Libraries { get; }

    /// <summary>Memory that the library of matrix products works in on a stream: one for all its work, as that is done in order.</summary>
    public ulong Workspace(int stream) =>
        (_workspaces[stream] ??= Allocator.Allocate(Matrices?.Workspace ?? 0, "the workspace of matrix products")).Address;

    /// <summary>Whether the host waits for each step of a plan, so that a fault is found at the step that it is of.</summary>
    public bool WaitsForEachStep { get; }

    /// <summary>The plan that ran last, to be named where a fault shows that may be of it.</summary>
    public Executable? Last { get; set; }

    /// <summary>How often a run was the replay of a graph.</summary>
    public long Replays { get; set; }

    /// <summary>What nobody will use again, found by the collector, which has no context: to be given back when the device has nothing to do.</summary>
    public ConcurrentQueue<Action<ICudaDriver>> Forgotten { get; } = new();

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
                (_uploads ??= new UploadRing(Driver)).Upload(memory.Address, host.Bytes);
            }

            return new CudaStorage(this, host.Type, host.Shape, memory);
        });
    }

    /// <summary>Room for elements that have yet to be written.</summary>
    public CudaStorage Make(DType type, Shape shape) =>
        Do(() => new CudaStorage(this, type, shape, Allocator.Allocate(shape.Elements * type.Size(), $"a {type.Name()}{shape}")));

    /// <summary>The stream of all its work, for a library that works on several devices.</summary>
    public nint Stream() => Do(() =>
    {
        nint stream = 0;
        Driver.Ask("the stream", own => stream = own);
        return stream;
    });

    /// <summary>Copies a block's elements to the host. What went wrong while they were computed is thrown, at this reader and at every other.</summary>
    /// <exception cref="TensorException">A program that they come of had an index out of range.</exception>
    /// <exception cref="DivideByZeroException">A program that they come of divided an integer by zero.</exception>
    public void Download(Span<byte> target, CudaMemory source)
    {
        lock (_gate)
        {
            Driver.Use(Ordinal);
            try
            {
                Read(target, source.Address);
            }
            catch (CudaException e) when (Last is not null)
            {
                throw e.During($"a copy to the host, which waited for\n{Last}FUNCTIONAL_CUDA_WAIT=1 in the environment finds the step.");
            }
        }

        // What a group of devices added up is in doubt with each of them; theirs is not asked with this one's gate held, as they may ask for this one's.
        var doubts = source.Doubts;
        foreach (var other in doubts.Where(d => d.IsOpen).Select(d => d.Device).Distinct())
        {
            other.Settle();
        }

        foreach (var doubt in doubts)
        {
            doubt.Check(late: true);
        }
    }

    /// <summary>Copies to the host, for whoever has the device; what was found wrong until then is known afterwards.</summary>
    public void Read(Span<byte> target, ulong source)
    {
        Faults.Ask();
        if (target.Length > 0)
        {
            Driver.Download(target, source);
            Faults.Settle();
        }

        Faults.Drain();
        while (target.Length > 0 && Forgotten.TryDequeue(out var forget))
        {
            forget(Driver);
        }
    }

    private void Settle() => Do(() =>
    {
        Faults.Drain();
        return true;
    });

    /// <summary>Loads a module for this device.</summary>
    public CudaModule Load(string source) => new(this, Driver.Load(_compiler.Compile(source, Facts)));

    protected override Executable Compile(Program program) =>
        new CudaExecutable(this, program, Planner<CudaStep>.Make(Simplify.Apply(program), new CudaKernels(false, Means, Libraries)));
}
