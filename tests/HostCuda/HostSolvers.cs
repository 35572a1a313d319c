using System.Runtime.InteropServices;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>A library with cuSOLVER's calls, compiled for the host, that checks what it is told and computes by plain loops.</summary>
internal sealed unsafe class HostSolvers : IDisposable
{
    private readonly nint _library;

    /// <summary>The library, asked for every matrix unless told otherwise.</summary>
    public HostSolvers(double least = 0)
    {
        var path = HostCompiler.Library("cusolver.cpp");
        Library = Cusolver.Open(path, least)!;
        _library = NativeLibrary.Load(path);
        Fail(0);
    }

    public Cusolver Library { get; }

    /// <summary>How many calls there were, by anybody.</summary>
    public int Calls => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_calls"))();

    /// <summary>How many of them took many matrices at once.</summary>
    public int Many => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_many"))();

    /// <summary>Has calls fail with a status.</summary>
    public void Fail(int status) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(_library, "fake_fail"))(status);

    public void Dispose() => Fail(0);
}
