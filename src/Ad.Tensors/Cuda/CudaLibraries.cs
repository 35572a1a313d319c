namespace Ad.Tensors.Cuda;

/// <summary>The libraries of one device; what is absent is done by kernels of our own, or by the host.</summary>
internal sealed record CudaLibraries(IMatrixLibrary? Matrices = null, ISolverLibrary? Solvers = null, IConvolutionLibrary? Convolutions = null)
{
    /// <summary>What of NVIDIA's libraries the system has; asked from <paramref name="least"/> products on, or from where each begins to be worth it.</summary>
    public static CudaLibraries Open(bool tf32, double? least = null, int newest = int.MaxValue) => new(
        NativePlaces.Candidates("cublasLt", newest).Select(path => least is { } l ? CublasLt.Open(path, tf32, l) : CublasLt.Open(path, tf32)).FirstOrDefault(x => x is not null),
        NativePlaces.Candidates("cusolver", newest >= 13 ? ["12", "11", "10"] : ["11", "10"]).Select(path => least is { } l ? Cusolver.Open(path, l) : Cusolver.Open(path)).FirstOrDefault(x => x is not null),
        NativePlaces.Candidates("cudnn", "9", "8").Select(path => least is { } l ? Cudnn.Open(path, tf32, l) : Cudnn.Open(path, tf32)).FirstOrDefault(x => x is not null));

    /// <summary>What was found and what stands in for the rest, a line each.</summary>
    public override string ToString() =>
        $"matrix products: {Matrices?.Name ?? "kernels of our own"}\nconvolutions: {Convolutions?.Name ?? "kernels of our own"}\ndecompositions: {Solvers?.Name ?? "the host"}\n";
}
