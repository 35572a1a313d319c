namespace Ad.Tensors.Cuda;

/// <summary>What a CUDA driver or compiler refused to do: the call, the code it gave, the work that was under way, and what to do about it.</summary>
public sealed class CudaException : Exception
{
    /// <summary>The code of a driver that has no memory left.</summary>
    internal const int OutOfMemory = 2;

    /// <summary>Nothing said about what failed.</summary>
    public CudaException()
    {
    }

    /// <summary>What failed, in a sentence or two.</summary>
    public CudaException(string message)
        : base(message)
    {
    }

    /// <summary>What failed, in a sentence or two, and what brought it about.</summary>
    public CudaException(string message, Exception inner)
        : base(message, inner)
    {
    }

    internal CudaException(string message, int code)
        : base(message) => Code = code;

    internal CudaException(string message, int code, Exception inner)
        : base(message, inner) => Code = code;

    /// <summary>The driver's code; 0 where it gave none.</summary>
    public int Code { get; }

    /// <summary>Whether the device's context is lost, so that nothing else will run in this process.</summary>
    internal bool IsFatal => Code is 214 or 220 or 700 or 702 or 709 or 710 or 714 or 715 or 716 or 717 or 718 or 719;

    /// <summary>The failure of a call, with what its code means and what to do.</summary>
    internal static CudaException Of(string call, int code) =>
        new($"{call} failed with code {code}: {Meaning(code)}", code);

    /// <summary>The same failure, with the work during which it showed.</summary>
    internal CudaException During(string work) => new($"{Message} It showed at: {work}", Code, this);

    private static string Meaning(int code) => code switch
    {
        1 => "an argument is not valid. This is an error of this library; please report it with the program.",
        OutOfMemory => "the device has no memory left. Use smaller batches, or let other processes end.",
        3 or 4 => "the driver is not initialised, or the process is ending.",
        34 => "the driver is a stub without a device behind it. Install the NVIDIA driver itself.",
        35 => "the driver is older than the libraries. Install a newer NVIDIA driver.",
        36 or 46 or 805 => "the device is not available: another process has it for itself, or it was lost. See nvidia-smi.",
        100 => "there is no NVIDIA device that this process may use. Look at nvidia-smi and at CUDA_VISIBLE_DEVICES.",
        101 => "there is no device of that number.",
        200 or 209 or 218 or 222 or 223 => "the compiled code does not suit this device or driver. Delete the cache of compiled kernels, or install a newer driver.",
        214 => "the device's memory had an error that cannot be put right. See nvidia-smi -q -d ECC.",
        201 => "no device is current on this thread. This is an error of this library; please report it with the program.",
        400 => "a handle is not valid. This is an error of this library; please report it with the program.",
        500 => "the module has no function of that name.",
        700 => "a kernel read or wrote outside its memory. Nothing else runs on the device in this process; run it under compute-sanitizer to find the place.",
        701 => "a kernel wants more registers or threads than the device has.",
        702 => "a kernel ran for longer than the display's watchdog allows. Use a device without a display.",
        710 or 714 or 715 or 716 or 717 or 718 or 719 => "a kernel broke down. Nothing else runs on the device in this process; run it under compute-sanitizer to find the place.",
        801 => "this device or driver cannot do that.",
        802 => "the system is not ready; on machines with NVSwitch the fabric manager must run.",
        803 => "the kernel driver and libcuda are of different versions. Restart the machine after an update.",
        900 or 901 or 902 or 903 or 904 or 905 or 906 or 907 => "the work cannot be written down as a graph.",
        _ => "see the CUDA driver API's table of results.",
    };
}
