using System.Runtime.InteropServices;
using System.Text;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>
/// A CUDA driver without a GPU: memory is the host's, and a launch runs the same CUDA C++, compiled by the system's C++ compiler against shim.h, block
/// by block. It refuses what the documented driver refuses: threads without a context, memory that is not a block's or is another device's, handles that are not
/// valid, waits within what is written down, launches beyond a kernel's and the device's limits. What may go wrong can be asked for: devices that are not there, memory
/// that runs out, any call that fails.
/// </summary>
/// <remarks>Codes and limits are those of the CUDA Driver API and the CUDA C++ Programming Guide (NVIDIA 2025).</remarks>
internal sealed unsafe partial class HostDriver : ICudaDriver
{
    // The shim's fibers are one set a library, whoever launches.
    private static readonly Lock OneLaunch = new();

    private const int InvalidHandle = 400;
    private const int MostParameterBytes = 4096;

    private readonly Dictionary<nint, (nint Library, string Prefix)> _modules = [];
    private readonly Dictionary<nint, (int Threads, int Arguments)> _functions = [];
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

    /// <summary>What each device says of itself.</summary>
    public CudaFacts Facts { get; init; } = new("Host", 9, 0, 132, 1L << 36);

    public CudaFacts Describe(int ordinal) => Facts;

    // Done as late as may be, so that whoever uses the memory again too early is found out.
    public void UploadLater(ulong target, nint source, long bytes)
    {
        NotWhileRecording("cuMemcpyHtoDAsync");
        Inside("cuMemcpyHtoDAsync", target, bytes);
        Pinned("cuMemcpyHtoDAsync", source, bytes);
        _later.Enqueue((0, () => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes)));
    }

    // As late as may be, and signalling bytes until then.
    public void DownloadLater(nint target, ulong source, long bytes)
    {
        NotWhileRecording("cuMemcpyDtoHAsync");
        Inside("cuMemcpyDtoHAsync", source, bytes);
        Pinned("cuMemcpyDtoHAsync", target, bytes);
        NativeMemory.Fill((void*)target, (nuint)bytes, 0xFF);
        _later.Enqueue((0, () => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes)));
    }

    public nint Mark()
    {
        Called("cuEventRecord");
        var mark = _next++;
        _marks[mark] = _recording is not null;
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
        NotWhileRecording("cuEventSynchronize");
        Passed("cuEventSynchronize", mark);
        while (_later.Any(work => work.Mark == mark))
        {
            _later.Dequeue().Work();
        }
    }

    // A microsecond for each call in between.
    public double Between(nint first, nint second)
    {
        Called("cuEventElapsedTime");
        Passed("cuEventElapsedTime", first);
        Passed("cuEventElapsedTime", second);
        return _later.Any(work => work.Mark == second) ? throw CudaException.Of("cuEventElapsedTime", 600) : second - first;
    }

    public void Unmark(nint mark)
    {
        Called("cuEventDestroy");
        if (!_marks.Remove(mark))
        {
            throw CudaException.Of("cuEventDestroy", InvalidHandle);
        }
    }

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
        Inside("cuMemcpyHtoDAsync", target, source.Length);
        CatchUp();
        source.CopyTo(new Span<byte>((void*)target, source.Length));
    }

    public void Download(Span<byte> target, ulong source)
    {
        NotWhileRecording("cuMemcpyDtoHAsync");
        Inside("cuMemcpyDtoHAsync", source, target.Length);
        Synchronize();
        new ReadOnlySpan<byte>((void*)source, target.Length).CopyTo(target);
    }

    public void Copy(ulong target, ulong source, long bytes)
    {
        Inside("cuMemcpyDtoDAsync", target, bytes);
        Inside("cuMemcpyDtoDAsync", source, bytes);
        Do("cuMemcpyDtoDAsync", () => Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes));
    }

    public void Clear(ulong target, long bytes)
    {
        Inside("cuMemsetD8Async", target, bytes);
        Do("cuMemsetD8Async", () => NativeMemory.Clear((void*)target, (nuint)bytes));
    }

    public void Synchronize()
    {
        NotWhileRecording("cuStreamSynchronize");
        CatchUp();
    }

    public nint Load(byte[] image)
    {
        NotWhileRecording("cuModuleLoadData");
        var parts = Encoding.UTF8.GetString(image).Split('\n');
        lock (_modules)
        {
            var module = _next++;
            _modules[module] = (NativeLibrary.Load(parts[0]), parts[1]);
            return module;
        }
    }

    public void Unload(nint module)
    {
        NotWhileRecording("cuModuleUnload");
        lock (_modules)
        {
            if (!_modules.Remove(module))
            {
                throw CudaException.Of("cuModuleUnload", InvalidHandle);
            }
        }
    }

    public nint Function(nint module, string name)
    {
        Called("cuModuleGetFunction");
        lock (_modules)
        {
            if (!_modules.TryGetValue(module, out var known))
            {
                throw CudaException.Of("cuModuleGetFunction", InvalidHandle);
            }

            int Number(string what) => *(int*)NativeLibrary.GetExport(known.Library, $"{known.Prefix}_{name}_{what}");
            var function = NativeLibrary.GetExport(known.Library, $"{known.Prefix}_{name}_run");
            _functions[function] = (Number("bound"), Number("arity"));
            return function;
        }
    }

    public void Launch(nint function, Grid grid, int threads, ReadOnlySpan<ulong> arguments)
    {
        var values = arguments.ToArray();
        (int Threads, int Arguments) kernel;
        lock (_modules)
        {
            kernel = _functions.TryGetValue(function, out var known) ? known : throw CudaException.Of("cuLaunchKernel", InvalidHandle);
        }

        if (grid.X <= 0 || grid.X > int.MaxValue || grid.Y is <= 0 or > 65535 || threads <= 0 || values.Length != kernel.Arguments || values.Length * sizeof(ulong) > MostParameterBytes)
        {
            throw CudaException.Of("cuLaunchKernel", 1);
        }

        if (threads > Math.Min(kernel.Threads, 1024))
        {
            throw CudaException.Of("cuLaunchKernel", 701);
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
        if (_current != this)
        {
            throw CudaException.Of(call, 201);
        }

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
