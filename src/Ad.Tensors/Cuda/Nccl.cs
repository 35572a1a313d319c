using System.Globalization;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cuda;

/// <summary>NVIDIA's NCCL (version 2), found at run time as NVRTC is: sums over the devices of one process, without the host.</summary>
/// <remarks>Calls and numbers are those of the NCCL documentation (NVIDIA 2025, "Communicator creation", "Collective communication").</remarks>
internal sealed unsafe class Nccl : ICollectives
{
    private const int Added = 0;

    private readonly nint _library;
    private readonly nint[] _members;

    private Nccl(nint library, string path, int[] ordinals)
    {
        _library = library;
        int version;
        Check("ncclGetVersion", ((delegate* unmanaged<int*, int>)Entry("ncclGetVersion"))(&version));
        Name = string.Create(CultureInfo.InvariantCulture, $"NCCL {version} ({path})");
        _members = new nint[ordinals.Length];
        fixed (nint* members = _members)
        fixed (int* devices = ordinals)
        {
            Check("ncclCommInitAll", ((delegate* unmanaged<nint*, int, int*, int>)Entry("ncclCommInitAll"))(members, ordinals.Length, devices));
        }
    }

    public string Name { get; }

    /// <summary>The library for these devices, or null if the system has none.</summary>
    public static Nccl? TryOpen(int[] ordinals) => NativePlaces.Candidates("nccl", "2").Select(path => Open(path, ordinals)).FirstOrDefault(l => l is not null);

    /// <summary>The library in a file for these devices, or null if there is none.</summary>
    public static Nccl? Open(string path, int[] ordinals) =>
        NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, "ncclCommInitAll", out _) ? new Nccl(library, path, ordinals) : null;

    // 16 bits would be rounded after each addition.
    public bool Takes(DType type) => type is DType.Int32 or DType.Int64 or DType.Float32 or DType.Float64;

    public void Sum(CollectiveShare[] devices, (DType Type, long Elements)[] tensors)
    {
        Check("ncclGroupStart", ((delegate* unmanaged<int>)Entry("ncclGroupStart"))());
        try
        {
            for (var d = 0; d < devices.Length; d++)
            {
                for (var t = 0; t < tensors.Length; t++)
                {
                    var (from, to) = devices[d].Tensors[t];
                    Check("ncclAllReduce", ((delegate* unmanaged<ulong, ulong, nuint, int, int, nint, nint, int>)Entry("ncclAllReduce"))(
                        from, to, (nuint)tensors[t].Elements, Code(tensors[t].Type), Added, _members[d], devices[d].Stream));
                }
            }
        }
        finally
        {
            Check("ncclGroupEnd", ((delegate* unmanaged<int>)Entry("ncclGroupEnd"))());
        }
    }

    private static int Code(DType type) => type switch
    {
        DType.Int32 => 2,
        DType.Int64 => 4,
        DType.Float32 => 7,
        DType.Float64 => 8,
        DType.Bool or DType.Float16 or DType.BFloat16 => throw new ArgumentException($"NCCL does not add {type.Name()} here."),
    };

    private nint Entry(string name) => NativeLibrary.TryGetExport(_library, name, out var entry)
        ? entry
        : throw new CudaException($"The library {Name} has no {name}: it is not NCCL 2. Install that.");

    private static void Check(string call, int code)
    {
        if (code != 0)
        {
            throw new CudaException($"{call} failed with code {code.ToString(CultureInfo.InvariantCulture)}. With NCCL_DEBUG=WARN in the environment NCCL says why.", code);
        }
    }
}
