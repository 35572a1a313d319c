using Ad.Tensors;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>CUDA devices that the host plays, for tests of whatever runs on devices.</summary>
public static class Hosted
{
    /// <summary>Whether tests are to run on the machine's own GPU: FUNCTIONAL_CUDA=gpu in the environment.</summary>
    public static bool IsGpu { get; } = Environment.GetEnvironmentVariable("FUNCTIONAL_CUDA") == "gpu";

    /// <summary>Whether the system has what it takes: a C++ compiler, or a GPU where one is asked for.</summary>
    public static bool IsThere => IsGpu || HostCompiler.IsThere;

    /// <summary>What to say of a test that is left out without it.</summary>
    public static string Missing => "There is no g++, which compiles the CUDA kernels for the host.";

    /// <summary>A device to run programs on: one that the host plays, forwards or backwards, or the machine's GPU if it is asked for.</summary>
    public static Device Device(bool backwards) =>
        IsGpu ? Ad.Tensors.Device.Cuda(0) : new CudaDevice(new HostDriver { Backwards = backwards }, new HostCompiler(), 0);

    /// <summary>The machine's first GPU with these libraries alone.</summary>
    internal static CudaDevice Gpu(CudaLibraries libraries, bool tf32 = false) =>
        LibCuda.TryOpen(out var driver) && Nvrtc.TryOpen(out var compiler, driver.Version / 1000)
            ? new CudaDevice(driver, new CachedCompiler(compiler, CachedCompiler.UsualFolder()), 0, libraries: libraries, tf32: tf32)
            : throw new InvalidOperationException("FUNCTIONAL_CUDA=gpu asks for a GPU, but there is no driver or no compiler.");

    /// <summary>NVIDIA's libraries that the machine's driver runs, asked for every product.</summary>
    internal static CudaLibraries Libraries() => CudaLibraries.Open(false, 0, LibCuda.TryOpen(out var driver) ? driver.Version / 1000 : int.MaxValue);

    /// <summary>Makes cuda:0 and cuda:1 two devices that the host plays, for as long as the process runs.</summary>
    public static void Install()
    {
        lock (typeof(Hosted))
        {
            if (!_installed && !IsGpu)
            {
                CudaDevices.Install(0, new CudaDevice(new HostDriver { Devices = 2 }, new HostCompiler(), 0));
                CudaDevices.Install(1, new CudaDevice(new HostDriver { Devices = 2, Backwards = true }, new HostCompiler(), 1));
                _installed = true;
            }
        }
    }

    /// <summary>How many devices there are.</summary>
    public static int Count => IsGpu ? CudaDevices.Count : 2;

    /// <summary>Whether there can be a group of so many devices.</summary>
    public static bool HasGroup(int count) => IsGpu ? CudaDevices.Count >= count : HostCompiler.IsThere;

    /// <summary>
    /// A group of so many devices that the host plays, every second one backwards, that add up by a library with NCCL's calls or by way of the host; or of the machine's
    /// own GPUs if they are asked for and so many.
    /// </summary>
    public static DeviceGroup Group(int count, bool withLibrary) =>
        IsGpu
            ? DeviceGroup.Of([.. Enumerable.Range(0, count).Select(Ad.Tensors.Device.Cuda)])
            : new DeviceGroup(
                [.. Enumerable.Range(0, count).Select(i => new CudaDevice(new HostDriver { Backwards = i % 2 == 1, Devices = count }, new HostCompiler(), i))],
                withLibrary ? new HostCollectives(count).Library : null);

    /// <summary>Makes a program ready on a device without running it; its kernels are compiled with those of others by <see cref="CompileTogether"/>.</summary>
    public static string SourceOf(Device device, Program program) => ((CudaExecutable)device.Prepare(program)).Source;

    /// <summary>Compiles the kernels of many programs at once.</summary>
    public static void CompileTogether(IEnumerable<string> sources)
    {
        if (!IsGpu)
        {
            HostCompiler.Together(sources);
        }
    }

    /// <summary>Bytes of a device's memory that somebody holds.</summary>
    public static long LiveBytes(Device device) => ((CudaDevice)device).Allocator.LiveBytes;

    private static bool _installed;
}
