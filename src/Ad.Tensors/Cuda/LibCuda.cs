using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cuda;

/// <summary>
/// The NVIDIA driver itself (CUDA Driver API, NVIDIA 2025), found at run time. A device's primary context is shared with whatever else uses the
/// device in this process.
/// </summary>
internal sealed unsafe class LibCuda : ICudaDriver
{
    private const int ComputeMajor = 75;
    private const int ComputeMinor = 76;
    private const int MultiprocessorCount = 16;
    private const int Relaxed = 2;
    private const int NonBlocking = 1;

    [ThreadStatic]
    private static int _current;

    [ThreadStatic]
    private static int _stream;

    private readonly nint _library;
    private readonly ConcurrentDictionary<int, (nint Context, nint Stream)> _contexts = new();
    private readonly ConcurrentDictionary<(int Ordinal, int Stream), nint> _sides = new();
    private readonly Lock _beginning = new();
    private readonly ConcurrentDictionary<string, nint> _entries = new();

    private LibCuda(nint library)
    {
        _library = library;
        Check("cuInit", ((delegate* unmanaged<uint, int>)Entry("cuInit"))(0));
        int version, devices;
        Check("cuDriverGetVersion", ((delegate* unmanaged<int*, int>)Entry("cuDriverGetVersion"))(&version));
        Check("cuDeviceGetCount", ((delegate* unmanaged<int*, int>)Entry("cuDeviceGetCount"))(&devices));
        (Version, Devices) = (version, devices);
    }

    public int Devices { get; }

    public int Version { get; }

    private nint Stream => _stream == 0 ? _contexts[_current].Stream : _sides[(_current, _stream)];

    /// <summary>The driver, if the system has one; else why not.</summary>
    /// <exception cref="CudaException">There is a driver, but it does not start.</exception>
    public static bool TryOpen([NotNullWhen(true)] out LibCuda? driver)
    {
        driver = null;
        foreach (var name in OperatingSystem.IsWindows() ? ["nvcuda.dll"] : (string[])["libcuda.so.1", "libcuda.so"])
        {
            if (NativeLibrary.TryLoad(name, out var library))
            {
                driver = new LibCuda(library);
                return true;
            }
        }

        return false;
    }

    public CudaFacts Describe(int ordinal)
    {
        int device;
        Check("cuDeviceGet", ((delegate* unmanaged<int*, int, int>)Entry("cuDeviceGet"))(&device, ordinal));
        var name = stackalloc byte[256];
        Check("cuDeviceGetName", ((delegate* unmanaged<byte*, int, int, int>)Entry("cuDeviceGetName"))(name, 256, device));
        nuint memory;
        Check("cuDeviceTotalMem", ((delegate* unmanaged<nuint*, int, int>)Entry("cuDeviceTotalMem_v2"))(&memory, device));
        return new CudaFacts(
            Marshal.PtrToStringUTF8((nint)name) ?? "",
            Attribute(device, ComputeMajor),
            Attribute(device, ComputeMinor),
            Attribute(device, MultiprocessorCount),
            (long)memory);
    }

    public void Use(int ordinal)
    {
        if (!_contexts.TryGetValue(ordinal, out var known))
        {
            lock (_beginning)
            {
                if (!_contexts.TryGetValue(ordinal, out known))
                {
                    _contexts[ordinal] = known = Begin(ordinal);
                }
            }
        }

        Check("cuCtxSetCurrent", ((delegate* unmanaged<nint, int>)Entry("cuCtxSetCurrent"))(known.Context));
        (_current, _stream) = (ordinal, 0);
    }

    public ulong Allocate(long bytes)
    {
        ulong address;
        Check("cuMemAlloc", ((delegate* unmanaged<ulong*, nuint, int>)Entry("cuMemAlloc_v2"))(&address, (nuint)bytes));
        return address;
    }

    public void Free(ulong address) => Check("cuMemFree", ((delegate* unmanaged<ulong, int>)Entry("cuMemFree_v2"))(address));

    public void Upload(ulong target, ReadOnlySpan<byte> source)
    {
        fixed (byte* from = source)
        {
            Check("cuMemcpyHtoDAsync", ((delegate* unmanaged<ulong, byte*, nuint, nint, int>)Entry("cuMemcpyHtoDAsync_v2"))(target, from, (nuint)source.Length, Stream));
        }
    }

    public void Download(Span<byte> target, ulong source)
    {
        fixed (byte* to = target)
        {
            Check("cuMemcpyDtoHAsync", ((delegate* unmanaged<byte*, ulong, nuint, nint, int>)Entry("cuMemcpyDtoHAsync_v2"))(to, source, (nuint)target.Length, Stream));
            Synchronize();
        }
    }

    public void Copy(ulong target, ulong source, long bytes) =>
        Check("cuMemcpyDtoDAsync", ((delegate* unmanaged<ulong, ulong, nuint, nint, int>)Entry("cuMemcpyDtoDAsync_v2"))(target, source, (nuint)bytes, Stream));

    public void Clear(ulong target, long bytes) =>
        Check("cuMemsetD8Async", ((delegate* unmanaged<ulong, byte, nuint, nint, int>)Entry("cuMemsetD8Async"))(target, 0, (nuint)bytes, Stream));

    public void Synchronize() => Check("cuStreamSynchronize", ((delegate* unmanaged<nint, int>)Entry("cuStreamSynchronize"))(Stream));

    public nint AllocateHost(long bytes)
    {
        nint memory;
        Check("cuMemAllocHost", ((delegate* unmanaged<nint*, nuint, int>)Entry("cuMemAllocHost_v2"))(&memory, (nuint)bytes));
        return memory;
    }

    public void UploadLater(ulong target, nint source, long bytes) =>
        Check("cuMemcpyHtoDAsync", ((delegate* unmanaged<ulong, nint, nuint, nint, int>)Entry("cuMemcpyHtoDAsync_v2"))(target, source, (nuint)bytes, Stream));

    public void DownloadLater(nint target, ulong source, long bytes) =>
        Check("cuMemcpyDtoHAsync", ((delegate* unmanaged<nint, ulong, nuint, nint, int>)Entry("cuMemcpyDtoHAsync_v2"))(target, source, (nuint)bytes, Stream));

    public nint Mark()
    {
        nint mark;
        Check("cuEventCreate", ((delegate* unmanaged<nint*, uint, int>)Entry("cuEventCreate"))(&mark, 0));
        var code = ((delegate* unmanaged<nint, nint, int>)Entry("cuEventRecord"))(mark, Stream);
        if (code != 0)
        {
            Unmark(mark);
            Check("cuEventRecord", code);
        }

        return mark;
    }

    public void On(int stream)
    {
        if (stream != 0 && !_sides.ContainsKey((_current, stream)))
        {
            nint made;
            Check("cuStreamCreate", ((delegate* unmanaged<nint*, uint, int>)Entry("cuStreamCreate"))(&made, NonBlocking));
            _sides[(_current, stream)] = made;
        }

        _stream = stream;
    }

    public void Follow(nint mark) =>
        Check("cuStreamWaitEvent", ((delegate* unmanaged<nint, nint, uint, int>)Entry("cuStreamWaitEvent"))(Stream, mark, 0));

    public void Await(nint mark) => Check("cuEventSynchronize", ((delegate* unmanaged<nint, int>)Entry("cuEventSynchronize"))(mark));

    public double Between(nint first, nint second)
    {
        float milliseconds;
        Check("cuEventElapsedTime", ((delegate* unmanaged<float*, nint, nint, int>)Entry("cuEventElapsedTime"))(&milliseconds, first, second));
        return milliseconds * 1e3;
    }

    public void Unmark(nint mark) => Check("cuEventDestroy", ((delegate* unmanaged<nint, int>)Entry("cuEventDestroy_v2"))(mark));

    public nint Load(byte[] image)
    {
        nint module;
        fixed (byte* bytes = image)
        {
            Check("cuModuleLoadData", ((delegate* unmanaged<nint*, byte*, int>)Entry("cuModuleLoadData"))(&module, bytes));
        }

        return module;
    }

    public void Unload(nint module) => Check("cuModuleUnload", ((delegate* unmanaged<nint, int>)Entry("cuModuleUnload"))(module));

    public nint Function(nint module, string name)
    {
        nint function;
        var text = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            Check("cuModuleGetFunction", ((delegate* unmanaged<nint*, nint, nint, int>)Entry("cuModuleGetFunction"))(&function, module, text));
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }

        return function;
    }

    public void Launch(nint function, Grid grid, int threads, ReadOnlySpan<ulong> arguments)
    {
        fixed (ulong* values = arguments)
        {
            var pointers = stackalloc void*[arguments.Length];
            for (var i = 0; i < arguments.Length; i++)
            {
                pointers[i] = values + i;
            }

            Check("cuLaunchKernel", ((delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Entry("cuLaunchKernel"))(
                function, checked((uint)grid.X), (uint)grid.Y, 1, (uint)threads, 1, 1, 0, Stream, pointers, null));
        }
    }

    public void Ask(string call, Action<nint> work) => work(Stream);

    public void BeginCapture() =>
        Check("cuStreamBeginCapture", ((delegate* unmanaged<nint, int, int>)Entry("cuStreamBeginCapture_v2"))(Stream, Relaxed));

    public nint EndCapture()
    {
        nint graph, ready;
        Check("cuStreamEndCapture", ((delegate* unmanaged<nint, nint*, int>)Entry("cuStreamEndCapture"))(Stream, &graph));
        try
        {
            Check("cuGraphInstantiateWithFlags", ((delegate* unmanaged<nint*, nint, ulong, int>)Entry("cuGraphInstantiateWithFlags"))(&ready, graph, 0));
        }
        finally
        {
            Check("cuGraphDestroy", ((delegate* unmanaged<nint, int>)Entry("cuGraphDestroy"))(graph));
        }

        return ready;
    }

    public void Replay(nint graph) => Check("cuGraphLaunch", ((delegate* unmanaged<nint, nint, int>)Entry("cuGraphLaunch"))(graph, Stream));

    public void Forget(nint graph) => Check("cuGraphExecDestroy", ((delegate* unmanaged<nint, int>)Entry("cuGraphExecDestroy"))(graph));

    private static void Check(string call, int code)
    {
        if (code != 0)
        {
            throw CudaException.Of(call, code);
        }
    }

    private (nint Context, nint Stream) Begin(int ordinal)
    {
        int device;
        Check("cuDeviceGet", ((delegate* unmanaged<int*, int, int>)Entry("cuDeviceGet"))(&device, ordinal));
        nint context, stream;
        Check("cuDevicePrimaryCtxRetain", ((delegate* unmanaged<nint*, int, int>)Entry("cuDevicePrimaryCtxRetain"))(&context, device));
        Check("cuCtxSetCurrent", ((delegate* unmanaged<nint, int>)Entry("cuCtxSetCurrent"))(context));
        Check("cuStreamCreate", ((delegate* unmanaged<nint*, uint, int>)Entry("cuStreamCreate"))(&stream, NonBlocking));
        return (context, stream);
    }

    private int Attribute(int device, int attribute)
    {
        int value;
        Check("cuDeviceGetAttribute", ((delegate* unmanaged<int*, int, int, int>)Entry("cuDeviceGetAttribute"))(&value, attribute, device));
        return value;
    }

    private nint Entry(string name)
    {
        if (!_entries.TryGetValue(name, out var entry))
        {
            if (!NativeLibrary.TryGetExport(_library, name, out entry))
            {
                throw new CudaException($"The NVIDIA driver has no {name}: it is older than CUDA 11.4. Install a newer driver.");
            }

            _entries[name] = entry;
        }

        return entry;
    }
}
