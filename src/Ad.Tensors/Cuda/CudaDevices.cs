using System.Collections.Concurrent;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>The CUDA devices of this machine, and what stands in the way of using them.</summary>
public static class CudaDevices
{
    // CUDA 11.4, the first with all that is called here.
    private const int OldestDriver = 11040;

    private static readonly Lazy<Found> Machine = new(() => Look(OpenDriver, OpenCompiler, OpenLibraries));
    private static readonly ConcurrentDictionary<int, CudaDevice> Devices = new();
    private static readonly ConcurrentDictionary<string, Lazy<ICollectives?>> Groups = new();

    /// <summary>How many devices programs can run on; 0 if there are none or something is missing.</summary>
    public static int Count => Machine.Value.Problem is null ? Machine.Value.Driver!.Devices : 0;

    /// <summary>What was found and what is missing, in plain words, a line each.</summary>
    public static string Describe() => Machine.Value.ToString();

    /// <summary>The device of a number.</summary>
    internal static CudaDevice Find(int ordinal) => Devices.GetOrAdd(ordinal, n => Machine.Value.Device(n));

    /// <summary>What adds up tensors of these devices; null where there is no such library.</summary>
    internal static ICollectives? Collectives(int[] ordinals) =>
        Groups.GetOrAdd(string.Join(',', ordinals), _ => new Lazy<ICollectives?>(() => Count > 0 ? Nccl.TryOpen(ordinals) : null)).Value;

    /// <summary>Puts a device in the place of a number, for tests that bring their own.</summary>
    internal static void Install(int ordinal, CudaDevice device) => Devices[ordinal] = device;

    /// <summary>Looks for a driver, and for a compiler and libraries of a major version of CUDA that it runs.</summary>
    internal static Found Look(Func<ICudaDriver?> openDriver, Func<int, ICudaCompiler?> openCompiler, Func<int, CudaLibraries>? openLibraries = null)
    {
        ICudaDriver? driver = null;
        string? problem = null;
        try
        {
            driver = openDriver();
        }
        catch (CudaException e)
        {
            problem = e.Message;
        }

        // Without a driver, what there is is said all the same.
        var newest = driver is null ? int.MaxValue : driver.Version / 1000;
        var compiler = openCompiler(newest);
        problem ??= driver is null
            ? $"There is no NVIDIA driver: the library {(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1")} was not found. Install the driver, or run on the cpu."
            : driver.Version < OldestDriver
            ? $"The NVIDIA driver knows CUDA {Version(driver.Version)}, and this library needs 11.4. Install a newer driver."
            : driver.Devices == 0
            ? "There is no NVIDIA device that this process may use. Look at nvidia-smi and at CUDA_VISIBLE_DEVICES."
            : compiler is null
            ? $"The compiler of kernels, NVRTC of CUDA {newest} or older, was not found: neither where the system looks, nor in a CUDA toolkit (CUDA_HOME), nor in Python's wheels. "
                + "Install the toolkit, or the wheel nvidia-cuda-nvrtc."
            : null;
        return new Found(driver, compiler, () => openLibraries?.Invoke(newest) ?? new CudaLibraries(), problem);
    }

    private static ICudaDriver? OpenDriver() => LibCuda.TryOpen(out var driver) ? driver : null;

    private static ICudaCompiler? OpenCompiler(int newest) => Nvrtc.TryOpen(out var compiler, newest) ? new CachedCompiler(compiler, CachedCompiler.UsualFolder()) : null;

    private static CudaLibraries OpenLibraries(int newest) =>
        Environment.GetEnvironmentVariable("FUNCTIONAL_CUDA_LIBRARIES") == "0" ? new CudaLibraries() : CudaLibraries.Open(IsAsked("FUNCTIONAL_TF32"), newest: newest);

    private static bool IsAsked(string variable) => Environment.GetEnvironmentVariable(variable) == "1";

    private static string Version(int version) => $"{version / 1000}.{version % 1000 / 10}";

    /// <summary>What there is on a machine.</summary>
    internal sealed record Found(ICudaDriver? Driver, ICudaCompiler? Compiler, Func<CudaLibraries> OpenLibraries, string? Problem)
    {
        /// <summary>The device of a number.</summary>
        public CudaDevice Device(int ordinal) => Problem is not null
            ? throw new CudaException($"The device cuda:{ordinal} cannot be used. {Problem}")
            : ordinal < 0 || ordinal >= Driver!.Devices
            ? throw new CudaException($"There is no device cuda:{ordinal}: this machine has {Driver!.Devices}, counted from 0.")
            : new CudaDevice(Driver, Compiler!, ordinal, IsAsked("FUNCTIONAL_CUDA_WAIT"), OpenLibraries(), IsAsked("FUNCTIONAL_TF32"));

        public override string ToString()
        {
            var text = new StringBuilder();
            text.Append(Driver is null ? "driver: none\n" : $"driver: knows CUDA {Version(Driver.Version)}\n");
            text.Append($"compiler: {Compiler?.Name ?? "none"}\n");
            text.Append(OpenLibraries());
            for (var ordinal = 0; ordinal < (Driver?.Devices ?? 0); ordinal++)
            {
                text.Append($"cuda:{ordinal}: {Driver!.Describe(ordinal)}\n");
            }

            return text.Append(Problem is null ? "" : $"{Problem}\n").ToString();
        }
    }
}
