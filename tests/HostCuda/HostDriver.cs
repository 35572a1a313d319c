using System.Runtime.InteropServices;
using System.Text;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>
/// A CUDA driver without a GPU: memory is the host's, and a launch runs the same CUDA C++, compiled by the system's C++ compiler against shim.h, block
/// by block. What a real driver may do wrong can be asked for: devices that are not there, memory that runs out, any call that fails.
/// </summary>
internal sealed unsafe partial class HostDriver : ICudaDriver
{
    // The shim's fibers are one set a library, whoever launches.
    private static readonly Lock OneLaunch = new();

    private readonly Dictionary<ulong, long> _blocks = [];
    private readonly Dictionary<nint, (nint Library, string Prefix)> _modules = [];
    private readonly List<string> _calls = [];
    private readonly Queue<(nint Mark, Action Work)> _later = [];
    private nint _next = 1;

    public int Devices { get; init; } = 1;

    public int Version { get; init; } = 12040;

    /// <summary>Whether the last block and thread go first.</summary>
    public bool Backwards { get; set; }

    /// <summary>Whether waits of one stream for another are lost, as a program that forgot them would have it.</summary>
    public bool LosesWaits { get; set; }

    /// <summary>What all blocks may take together.</summary>
    public long MemoryLimit { get; set; } = long.MaxValue;

    /// <summary>The code with which a call fails, 0 for none.</summary>
    public Func<string, int>? Fault { get; set; }

    /// <summary>What was called, in order, but for <see cref="Use"/>.</summary>
    public IReadOnlyList<string> Calls => _calls;

    /// <summary>Bytes of blocks not yet freed.</summary>
    public long Held
    {
        get
        {
            lock (_blocks)
            {
                return _blocks.Values.Sum();
            }
        }
    }

    /// <summary>What each device says of itself.</summary>
    public CudaFacts Facts { get; init; } = new("Host", 9, 0, 132, 1L << 36);

    public CudaFacts Describe(int ordinal) => Facts;

    public void Use(int ordinal)
    {
    }

    public ulong Allocate(long bytes)
    {
        Called("cuMemAlloc");
        lock (_blocks)
        {
            if (_blocks.Values.Sum() + bytes > MemoryLimit)
            {
                throw CudaException.Of("cuMemAlloc", CudaException.OutOfMemory);
            }

            var address = (ulong)(nint)NativeMemory.AlignedAlloc((nuint)bytes, 256);

            // Signalling bytes: whoever reads what was never written does not find zeros.
            NativeMemory.Fill((void*)address, (nuint)bytes, 0xFF);
            _blocks[address] = bytes;
            return address;
        }
    }

    public void Free(ulong address)
    {
        Called("cuMemFree");
        lock (_blocks)
        {
            if (!_blocks.Remove(address))
            {
                throw new InvalidOperationException("A block was freed twice, or never given.");
            }
        }

        NativeMemory.AlignedFree((void*)address);
    }

    public nint AllocateHost(long bytes)
    {
        Called("cuMemAllocHost");
        return (nint)NativeMemory.AlignedAlloc((nuint)bytes, 256);
    }

    // Done as late as may be, so that whoever uses the memory again too early is found out.
    public void UploadLater(ulong target, nint source, long bytes)
    {
        NotWhileRecording("cuMemcpyHtoDAsync");
        _later.Enqueue((0, () => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes)));
    }

    // As late as may be, and signalling bytes until then.
    public void DownloadLater(nint target, ulong source, long bytes)
    {
        NotWhileRecording("cuMemcpyDtoHAsync");
        NativeMemory.Fill((void*)target, (nuint)bytes, 0xFF);
        _later.Enqueue((0, () => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes)));
    }

    public nint Mark()
    {
        Called("cuEventRecord");
        var mark = _next++;
        if (_recording is { } recording)
        {
            recording.Mark(mark);
        }
        else
        {
            _later.Enqueue((mark, () => { }));
        }

        return mark;
    }

    public void Await(nint mark)
    {
        Called("cuEventSynchronize");
        while (_later.Any(work => work.Mark == mark))
        {
            _later.Dequeue().Work();
        }
    }

    // A microsecond for each call in between.
    public double Between(nint first, nint second) => second - first;

    public void Unmark(nint mark) => Called("cuEventDestroy");

    private void CatchUp()
    {
        while (_later.TryDequeue(out var work))
        {
            work.Work();
        }
    }

    public void Upload(ulong target, ReadOnlySpan<byte> source)
    {
        NotWhileRecording("cuMemcpyHtoDAsync");
        CatchUp();
        source.CopyTo(new Span<byte>((void*)target, source.Length));
    }

    public void Download(Span<byte> target, ulong source)
    {
        NotWhileRecording("cuMemcpyDtoHAsync");
        Synchronize();
        new ReadOnlySpan<byte>((void*)source, target.Length).CopyTo(target);
    }

    public void Copy(ulong target, ulong source, long bytes) =>
        Do("cuMemcpyDtoDAsync", () => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes));

    public void Clear(ulong target, long bytes) => Do("cuMemsetD8Async", () => NativeMemory.Clear((void*)target, (nuint)bytes));

    public void Synchronize()
    {
        NotWhileRecording("cuStreamSynchronize");
        CatchUp();
    }

    public nint Load(byte[] image)
    {
        Called("cuModuleLoadData");
        var parts = Encoding.UTF8.GetString(image).Split('\n');
        lock (_modules)
        {
            var module = _next++;
            _modules[module] = (NativeLibrary.Load(parts[0]), parts[1]);
            return module;
        }
    }

    public nint Function(nint module, string name)
    {
        Called("cuModuleGetFunction");
        lock (_modules)
        {
            var (library, prefix) = _modules[module];
            return NativeLibrary.GetExport(library, $"{prefix}_{name}_run");
        }
    }

    public void Launch(nint function, Grid grid, int threads, ReadOnlySpan<ulong> arguments)
    {
        var values = arguments.ToArray();
        if (grid.X <= 0 || grid.X > int.MaxValue || grid.Y is <= 0 or > 65535 || threads is <= 0 or > 1024)
        {
            throw CudaException.Of("cuLaunchKernel", 1);
        }

        Do("cuLaunchKernel", () =>
        {
            var pointers = stackalloc void*[values.Length];
            fixed (ulong* at = values)
            {
                for (var i = 0; i < values.Length; i++)
                {
                    pointers[i] = at + i;
                }

                lock (OneLaunch)
                {
                    ((delegate* unmanaged<void**, ulong, uint, int, int, void>)function)(
                        pointers, (ulong)grid.X, (uint)grid.Y, threads, Backwards ? 1 : 0);
                }
            }
        });
    }

    public void Ask(string call, Action<nint> work) => Do(call, () => work(0));

    private void Do(string call, Action action)
    {
        Called(call);
        if (_recording is { } recording)
        {
            recording.Add(action);
        }
        else
        {
            CatchUp();
            action();
        }
    }

    private void Called(string call)
    {
        lock (_calls)
        {
            // Enough to look at in a test, however long it runs.
            if (_calls.Count < 100_000)
            {
                _calls.Add(call);
            }
        }

        if (Fault?.Invoke(call) is { } code and not 0)
        {
            throw CudaException.Of(call, code);
        }
    }
}
