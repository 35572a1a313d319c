using System.Collections.Concurrent;

namespace Ad.Tensors;

/// <summary>A program made ready for a device. Immutable; any number of threads may run it at once.</summary>
public abstract class Executable
{
    /// <summary>Runs it on arguments of the types and shapes its inputs name, and returns the results in order.</summary>
    public abstract Storage[] Run(ReadOnlySpan<Storage> arguments);

    /// <summary>
    /// Runs it with memory for results: result i goes into room[i] where there is such a storage of its type and as many elements, whose
    /// elements nobody may ever look at again. A device may leave the offer alone.
    /// </summary>
    /// <exception cref="ArgumentException">Room is offered twice, or is an argument's that the result may not replace.</exception>
    public virtual Storage[] Run(ReadOnlySpan<Storage> arguments, ReadOnlySpan<Storage?> room) => Run(arguments);

    /// <summary>Whether a result may be written over an argument: every element is read before its place is written.</summary>
    public virtual bool MayReplace(int argument, int result) => false;

    /// <summary>What ran, as <see cref="ToString"/> says it, with the median time of each kernel over so many runs where the device can tell.</summary>
    public virtual string Profile(ReadOnlySpan<Storage> arguments, int runs) => ToString();

    /// <summary>The work its program states, which does not depend on the device.</summary>
    public abstract ProgramCost Cost { get; }

    /// <summary>What will run, as text: kernels in order, with their memory.</summary>
    public abstract override string ToString();
}

/// <summary>A place where programs run.</summary>
public abstract class Device
{
    // Far above what any one program's life needs; beyond it the cache starts anew rather than grow without end.
    private const int CachedPrograms = 4096;

    private readonly ConcurrentDictionary<Program, Executable> _executables = new();

    // More than any machine has processors.
    internal const int MostThreads = 1024;

    /// <summary>The host's processors.</summary>
    public static Device Cpu { get; } = new Cpu.CpuDevice();

    /// <summary>
    /// How many threads a program uses on the host's processors, its caller's among them: at first FUNCTIONAL_THREADS of the environment if that is a number from 1 to 1024,
    /// else as many as the runtime sees processors. Results have the same bits for any number. It may change at any time; a kernel under way goes on with as many as it began with.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1 or more than 1024.</exception>
    public static int CpuThreads
    {
        get => ((Cpu.CpuDevice)Cpu).Workers.Threads;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MostThreads);
            ((Cpu.CpuDevice)Cpu).Workers.Threads = value;
        }
    }

    /// <summary>
    /// Which library multiplies matrices on the host's processors beside the engine's own kernels: none; auto, which is the first found of MKL, OpenBLAS, BLIS and macOS's Accelerate; or
    /// a library's name or path. Our kernels and the library take turns at the first calls for a product of some shape, and the faster is taken then. With always, or always: and a path, the library is taken wherever
    /// it can be. At first it is FUNCTIONAL_BLAS of the environment, else none: what a clock has chosen, results may differ in their last bits from run to run. It may change at any time.
    /// </summary>
    /// <exception cref="BlasException">The library cannot be used, or always finds none; the message names it.</exception>
    public static string CpuBlas
    {
        get => ((Cpu.CpuDevice)Cpu).Blas.Setting;
        set => ((Cpu.CpuDevice)Cpu).Blas = Tensors.Cpu.Blas.Of(value);
    }

    /// <summary>What multiplies matrices on the host's processors, in plain words: what <see cref="CpuBlas"/> found and how it is used, or what could be used.</summary>
    /// <exception cref="BlasException">The library that was asked for cannot be used.</exception>
    public static string DescribeCpuBlas() => $"cpu matrix products: {((Cpu.CpuDevice)Cpu).Blas}";

    /// <summary>
    /// The NVIDIA GPU of a number, counted from 0 as the driver counts them. Its driver and compiler are looked for at the first call.
    /// </summary>
    /// <exception cref="Cuda.CudaException">There is no driver, no device of that number, or no compiler for its kernels; the message says what to do.</exception>
    public static Device Cuda(int ordinal) => Tensors.Cuda.CudaDevices.Find(ordinal);

    /// <summary>The device's name, such as cpu or cuda:0.</summary>
    public abstract string Name { get; }

    /// <summary>The same elements in this device's memory: the storage itself if they are there already.</summary>
    public abstract Storage Place(Storage storage);

    /// <summary>The name.</summary>
    public sealed override string ToString() => Name;

    /// <summary>Makes a program ready to run; programs equal by value are made ready once.</summary>
    public Executable Prepare(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (_executables.TryGetValue(program, out var executable))
        {
            return executable;
        }

        if (_executables.Count >= CachedPrograms)
        {
            _executables.Clear();
        }

        return _executables.GetOrAdd(program, Compile);
    }

    /// <summary>Makes a program ready to run, without looking whether it already is.</summary>
    protected abstract Executable Compile(Program program);
}
