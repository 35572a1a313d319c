using System.Globalization;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cuda;

/// <summary>
/// NVIDIA's cuBLASLt (versions 11.2 to 13), found at run time as NVRTC is. Float32 stays Float32 unless TF32 is asked for; factors of 16 bits add up in
/// Float32. What the library chooses for a product is asked once for each shape and alignment.
/// </summary>
/// <remarks>Calls and numbers are those of the cuBLAS documentation (NVIDIA 2025, "Using the cublasLt API").</remarks>
internal sealed unsafe class CublasLt : IMatrixLibrary
{
    private const int Single = 0;
    private const int Double = 1;
    private const int Half = 2;
    private const int Brain = 14;
    private const int ComputeSingle = 68;
    private const int ComputeTf32 = 77;
    private const int ComputeDouble = 70;
    private const int TransposeA = 3;
    private const int TransposeB = 4;
    private const int Epilogue = 7;
    private const int BiasPointer = 8;
    private const int EpilogueBias = 4;
    private const int BatchCount = 5;
    private const int BatchOffset = 6;
    private const int MostWorkspace = 1;
    private const int LeastAlignment = 5;
    private const int NotSupported = 15;
    private const ulong MostAlignment = 256;

    // Below this many products a launch costs more than it does.
    private const double FewProducts = 32 * 1024;

    private readonly nint _library;
    private readonly bool _tf32;
    private readonly Dictionary<(MatrixProduct Product, ulong Alignment), Chosen?> _chosen = [];
    private nint _handle;

    private CublasLt(nint library, string path, bool tf32, double least)
    {
        (_library, _tf32, Least) = (library, tf32, least);
        var version = ((delegate* unmanaged<nuint>)Entry("cublasLtGetVersion"))();
        Name = string.Create(CultureInfo.InvariantCulture, $"cuBLASLt {version} ({path}){(tf32 ? " with TF32" : "")}");
    }

    public string Name { get; }

    public double Least { get; }

    // What NVIDIA advises for its largest devices.
    public long Workspace => 32L << 20;

    /// <summary>The library in a file, or null if there is none.</summary>
    public static CublasLt? Open(string path, bool tf32, double least = FewProducts) =>
        NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, "cublasLtMatmulAlgoGetHeuristic", out _)
            ? new CublasLt(library, path, tf32, least)
            : null;

    public Action<nint>? Prepare(MatrixProduct product, MatrixPlaces places, ulong workspace)
    {
        var all = places.Left | places.Right | places.Result | places.Bias | MostAlignment;
        var alignment = all & (~all + 1);
        if (!_chosen.TryGetValue((product, alignment), out var chosen))
        {
            _chosen[(product, alignment)] = chosen = Choose(product, (uint)alignment, places.Bias);
        }

        return chosen is null ? null : stream => Multiply(chosen, product, places, workspace, stream);
    }

    private void Multiply(Chosen chosen, MatrixProduct product, MatrixPlaces places, ulong workspace, nint stream)
    {
        if (product.HasBias)
        {
            var bias = places.Bias;
            Set("cublasLtMatmulDescSetAttribute", chosen.Operation, BiasPointer, &bias, sizeof(ulong));
        }

        var (one, zero) = (1.0, 0.0);
        var (single, none) = (1.0f, 0.0f);
        var isDouble = product.Type == DType.Float64;
        fixed (ulong* algorithm = chosen.Algorithm)
        {
            Check("cublasLtMatmul", ((delegate* unmanaged<nint, nint, void*, ulong, nint, ulong, nint, void*, ulong, nint, ulong, nint, ulong*, ulong, nuint, nint, int>)Entry("cublasLtMatmul"))(
                _handle,
                chosen.Operation,
                isDouble ? &one : &single,
                places.Right,
                chosen.Right,
                places.Left,
                chosen.Left,
                isDouble ? &zero : &none,
                places.Result,
                chosen.Result,
                places.Result,
                chosen.Result,
                algorithm,
                workspace,
                chosen.Workspace,
                stream));
        }
    }

    private Chosen? Choose(MatrixProduct product, uint alignment, ulong bias)
    {
        if (_handle == 0)
        {
            nint handle;
            Check("cublasLtCreate", ((delegate* unmanaged<nint*, int>)Entry("cublasLtCreate"))(&handle));
            _handle = handle;
        }

        nint operation, preference;
        var (compute, scale) = product.Type == DType.Float64 ? (ComputeDouble, Double) : (_tf32 && product.Type == DType.Float32 ? ComputeTf32 : ComputeSingle, Single);
        Check("cublasLtMatmulDescCreate", ((delegate* unmanaged<nint*, int, int, int>)Entry("cublasLtMatmulDescCreate"))(&operation, compute, scale));
        var (turnedA, turnedB, epilogue) = (product.Right.Turned ? 1 : 0, product.Left.Turned ? 1 : 0, EpilogueBias);
        Set("cublasLtMatmulDescSetAttribute", operation, TransposeA, &turnedA, sizeof(int));
        Set("cublasLtMatmulDescSetAttribute", operation, TransposeB, &turnedB, sizeof(int));
        if (product.HasBias)
        {
            Set("cublasLtMatmulDescSetAttribute", operation, Epilogue, &epilogue, sizeof(int));
            Set("cublasLtMatmulDescSetAttribute", operation, BiasPointer, &bias, sizeof(ulong));
        }

        var right = Layout(product.Type, product.Right, product.Batches);
        var left = Layout(product.Type, product.Left, product.Batches);
        var result = Layout(product.Result, new Columns(product.N, product.M, product.N, false, (long)product.M * product.N), product.Batches);
        Check("cublasLtMatmulPreferenceCreate", ((delegate* unmanaged<nint*, int>)Entry("cublasLtMatmulPreferenceCreate"))(&preference));
        var most = (ulong)Workspace;
        Set("cublasLtMatmulPreferenceSetAttribute", preference, MostWorkspace, &most, sizeof(ulong));
        for (var matrix = 0; matrix < 4; matrix++)
        {
            Set("cublasLtMatmulPreferenceSetAttribute", preference, LeastAlignment + matrix, &alignment, sizeof(uint));
        }

        Heuristic found;
        int count;
        var code = ((delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, Heuristic*, int*, int>)Entry("cublasLtMatmulAlgoGetHeuristic"))(
            _handle, operation, right, left, result, result, preference, 1, &found, &count);
        Check("cublasLtMatmulPreferenceDestroy", ((delegate* unmanaged<nint, int>)Entry("cublasLtMatmulPreferenceDestroy"))(preference));
        if (code == NotSupported || (code == 0 && (count == 0 || found.State != 0)))
        {
            return null;
        }

        Check("cublasLtMatmulAlgoGetHeuristic", code);
        return new Chosen(operation, right, left, result, new ReadOnlySpan<ulong>(found.Algorithm, Heuristic.AlgorithmWords).ToArray(), found.Workspace);
    }

    private nint Layout(DType type, Columns matrix, int batches)
    {
        nint layout;
        Check("cublasLtMatrixLayoutCreate", ((delegate* unmanaged<nint*, int, ulong, ulong, long, int>)Entry("cublasLtMatrixLayoutCreate"))(
            &layout, Code(type), (ulong)matrix.Rows, (ulong)matrix.Count, matrix.Step));
        if (batches > 1)
        {
            var apart = matrix.Batch;
            Set("cublasLtMatrixLayoutSetAttribute", layout, BatchCount, &batches, sizeof(int));
            Set("cublasLtMatrixLayoutSetAttribute", layout, BatchOffset, &apart, sizeof(long));
        }

        return layout;
    }

    private static int Code(DType type) => type switch
    {
        DType.Float16 => Half,
        DType.BFloat16 => Brain,
        DType.Float32 => Single,
        DType.Float64 => Double,
        DType.Bool or DType.Int32 or DType.Int64 => throw new ArgumentException($"cuBLASLt does not multiply {type.Name()} here."),
    };

    private void Set(string call, nint target, int attribute, void* value, nuint size) =>
        Check(call, ((delegate* unmanaged<nint, int, void*, nuint, int>)Entry(call))(target, attribute, value, size));

    private nint Entry(string name) => NativeLibrary.TryGetExport(_library, name, out var entry)
        ? entry
        : throw new CudaException($"The library {Name} has no {name}: it is older than CUDA 11.2. Install a newer CUDA toolkit.");

    private static void Check(string call, int code)
    {
        if (code != 0)
        {
            throw new CudaException($"{call} failed with status {code.ToString(CultureInfo.InvariantCulture)}. Reinstall the CUDA toolkit that cuBLASLt comes from, or take it away: kernels of our own do without.", code);
        }
    }

    /// <summary>What the library says of a way to compute a product.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Heuristic
    {
        public const int AlgorithmWords = 8;

        public fixed ulong Algorithm[AlgorithmWords];
        public nuint Workspace;
        public int State;
        public float Waves;
        public fixed int Reserved[4];
    }

    /// <summary>What is kept for a product: the library's descriptors, and the way it chose.</summary>
    private sealed record Chosen(nint Operation, nint Right, nint Left, nint Result, ulong[] Algorithm, nuint Workspace);
}
