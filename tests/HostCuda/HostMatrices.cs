using System.Runtime.InteropServices;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>A library with cuBLASLt's calls, compiled for the host, that checks what it is told and multiplies by plain loops.</summary>
internal sealed unsafe class HostMatrices : IDisposable
{
    private readonly nint _library;

    /// <summary>The library, asked for every product unless told otherwise.</summary>
    public HostMatrices(bool tf32 = false, double least = 0)
    {
        var path = HostCompiler.Library("halves.h", "cublaslt.cpp");
        Library = CublasLt.Open(path, tf32, least)!;
        _library = NativeLibrary.Load(path);
        Refuse(0);
        Fail(0);
    }

    public CublasLt Library { get; }

    /// <summary>How often it was asked for an algorithm, by anybody.</summary>
    public int Heuristics => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_heuristics"))();

    /// <summary>What the last product was computed in.</summary>
    public int Compute => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_compute"))();

    /// <summary>Has it find no algorithm: 1 with a status that says so, 2 with none found.</summary>
    public void Refuse(int how) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(_library, "fake_refuse"))(how);

    /// <summary>Has products fail with a status.</summary>
    public void Fail(int status) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(_library, "fake_fail"))(status);

    public void Dispose()
    {
        Refuse(0);
        Fail(0);
    }
}
