using Ad.Tensors;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>CUDA devices that the host plays, for tests of whatever runs on devices.</summary>
public static class Hosted
{
    /// <summary>Whether the system has what it takes: a C++ compiler.</summary>
    public static bool IsThere => HostCompiler.IsThere;

    /// <summary>What to say of a test that is left out without it.</summary>
    public static string Missing => "There is no g++, which compiles the CUDA kernels for the host.";

    /// <summary>Makes cuda:0 and cuda:1 two devices that the host plays, for as long as the process runs.</summary>
    public static void Install()
    {
        lock (typeof(Hosted))
        {
            if (!_installed)
            {
                CudaDevices.Install(0, new CudaDevice(new HostDriver(), new HostCompiler(), 0));
                CudaDevices.Install(1, new CudaDevice(new HostDriver { Backwards = true }, new HostCompiler(), 1));
                _installed = true;
            }
        }
    }

    /// <summary>Makes a program ready on a device without running it; its kernels are compiled with those of others by <see cref="CompileTogether"/>.</summary>
    public static string SourceOf(Device device, Program program) => ((CudaExecutable)device.Prepare(program)).Source;

    /// <summary>Compiles the kernels of many programs at once.</summary>
    public static void CompileTogether(IEnumerable<string> sources) => HostCompiler.Together(sources);

    /// <summary>Bytes of a device's memory that somebody holds.</summary>
    public static long LiveBytes(Device device) => ((CudaDevice)device).Allocator.LiveBytes;

    private static bool _installed;
}
