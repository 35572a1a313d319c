namespace Ad.Tensors.Cuda;

/// <summary>What a device says of itself.</summary>
internal sealed record CudaFacts(string Name, int Major, int Minor, int Multiprocessors, long Memory)
{
    /// <summary>The architecture to compile for, such as 90.</summary>
    public int Architecture => (Major * 10) + Minor;

    /// <summary>The architecture's name in options, such as sm_90 or sm_100; the newest have two digits before the last.</summary>
    public string Target => $"sm_{Major}{Minor}";

    public override string ToString() => $"{Name}, compute capability {Major}.{Minor}, {Multiprocessors} multiprocessors, {Memory >> 20} MiB";
}

/// <summary>How many blocks a kernel has along each of two axes.</summary>
internal readonly record struct Grid(long X, int Y = 1);

/// <summary>
/// The part of the CUDA driver that a device uses. Every call but <see cref="Describe"/> is about the device last named in <see cref="Use"/> on the
/// same thread, and throws a <see cref="CudaException"/> that names the call where it fails. Work is done in the order
/// in which it was asked for, but for what is written down on several streams.
/// </summary>
internal interface ICudaDriver
{
    /// <summary>How many devices there are.</summary>
    int Devices { get; }

    /// <summary>The newest version of CUDA that the driver knows, such as 12040 for 12.4.</summary>
    int Version { get; }

    /// <summary>What a device says of itself.</summary>
    CudaFacts Describe(int ordinal);

    /// <summary>Makes a device the one that this thread's calls are about.</summary>
    void Use(int ordinal);

    /// <summary>Memory for so many bytes.</summary>
    ulong Allocate(long bytes);

    /// <summary>Gives memory back.</summary>
    void Free(ulong address);

    /// <summary>Copies to the device; the bytes are the caller's again at once.</summary>
    void Upload(ulong target, ReadOnlySpan<byte> source);

    /// <summary>Copies to the host, when all work before it is done.</summary>
    void Download(Span<byte> target, ulong source);

    /// <summary>Copies within the device.</summary>
    void Copy(ulong target, ulong source, long bytes);

    /// <summary>Sets bytes to 0.</summary>
    void Clear(ulong target, long bytes);

    /// <summary>Waits until all work is done; faults of that work are thrown here.</summary>
    void Synchronize();

    /// <summary>Memory of the host that copies to the device need not wait for.</summary>
    nint AllocateHost(long bytes);

    /// <summary>Copies from such memory, when all work before it is done; the memory is free again when a mark set after it is passed.</summary>
    void UploadLater(ulong target, nint source, long bytes);

    /// <summary>Copies to such memory, when all work before it is done; the bytes are there when the host has waited.</summary>
    void DownloadLater(nint target, ulong source, long bytes);

    /// <summary>A mark that the device passes when all work asked for before it is done.</summary>
    nint Mark();

    /// <summary>While work is written down, names the stream that work, marks and waits are for from here on; 0 is the first.</summary>
    void On(int stream);

    /// <summary>Has what comes next on this stream wait for a mark on another.</summary>
    void Follow(nint mark);

    /// <summary>Waits until the device has passed a mark.</summary>
    void Await(nint mark);

    /// <summary>The microseconds between two marks that the device has passed.</summary>
    double Between(nint first, nint second);

    /// <summary>Forgets a mark.</summary>
    void Unmark(nint mark);

    /// <summary>Loads a compiled module.</summary>
    nint Load(byte[] image);

    /// <summary>Unloads a module of which nothing runs any more.</summary>
    void Unload(nint module);

    /// <summary>A kernel of a module.</summary>
    nint Function(nint module, string name);

    /// <summary>Runs a kernel on arguments of eight bytes each.</summary>
    void Launch(nint function, Grid grid, int threads, ReadOnlySpan<ulong> arguments);

    /// <summary>Has a library ask for work on the device's stream; its call goes by a name.</summary>
    void Ask(string call, Action<nint> work);

    /// <summary>From here on work is written down rather than done.</summary>
    void BeginCapture();

    /// <summary>The work written down, ready to be done again and again.</summary>
    nint EndCapture();

    /// <summary>Does the work written down.</summary>
    void Replay(nint graph);

    /// <summary>Forgets the work written down.</summary>
    void Forget(nint graph);
}

/// <summary>Makes modules of CUDA C++.</summary>
internal interface ICudaCompiler
{
    /// <summary>What it is, with its version.</summary>
    string Name { get; }

    /// <summary>How it compiles, which decides with the source what comes of it.</summary>
    string Options { get; }

    /// <summary>A module for a device of those facts.</summary>
    /// <exception cref="CudaException">The source does not compile; the message shows the line.</exception>
    byte[] Compile(string source, CudaFacts facts);
}
