using System.Runtime.InteropServices;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>A library with NCCL's calls, compiled for the host, that checks what it is told and adds by plain loops.</summary>
internal sealed unsafe class HostCollectives : IDisposable
{
    private readonly nint _library;

    public HostCollectives(int devices)
    {
        var path = HostCompiler.Library("nccl.cpp");
        Library = Nccl.Open(path, [.. Enumerable.Range(0, devices)])!;
        _library = NativeLibrary.Load(path);
        Fail(0);
    }

    public Nccl Library { get; }

    /// <summary>How many tensors were added, by anybody.</summary>
    public int Sums => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_sums"))();

    /// <summary>Has sums fail with a code.</summary>
    public void Fail(int code) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(_library, "fake_fail"))(code);

    public void Dispose() => Fail(0);
}
