using System.Runtime.InteropServices;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>A library with cuDNN's calls, compiled for the host, that checks what it is told and convolves by plain loops.</summary>
internal sealed unsafe class HostConvolutions : IDisposable
{
    private readonly nint _library;

    /// <summary>The library, asked for every convolution unless told otherwise.</summary>
    public HostConvolutions(bool tf32 = false, double least = 0)
    {
        var path = HostCompiler.Library("halves.h", "cudnn.cpp");
        Library = Cudnn.Open(path, tf32, least)!;
        _library = NativeLibrary.Load(path);
        Dispose();
    }

    public Cudnn Library { get; }

    /// <summary>How often a pass was done, by anybody.</summary>
    public int Passes(ConvolutionPass pass) => ((delegate* unmanaged<int, int>)NativeLibrary.GetExport(_library, "fake_passes"))((int)pass);

    /// <summary>The math type of the last pass.</summary>
    public int Math => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_math"))();

    /// <summary>Has it know no algorithm, with this status.</summary>
    public void Refuse(int status) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(_library, "fake_refuse"))(status);

    /// <summary>Has passes fail with a status.</summary>
    public void Fail(int status) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(_library, "fake_fail"))(status);

    public void Dispose()
    {
        Refuse(0);
        Fail(0);
    }
}
