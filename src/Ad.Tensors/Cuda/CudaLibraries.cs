namespace Ad.Tensors.Cuda;

/// <summary>The libraries of one device; what is absent is done by kernels of our own, or by the host.</summary>
internal sealed record CudaLibraries(IMatrixLibrary? Matrices = null, ISolverLibrary? Solvers = null, IConvolutionLibrary? Convolutions = null)
{
    /// <summary>What of NVIDIA's libraries the system has.</summary>
    public static CudaLibraries Open(bool tf32) => new(
        CublasLt.TryOpen(tf32, out var matrices) ? matrices : null,
        Cusolver.TryOpen(out var solvers) ? solvers : null,
        Cudnn.TryOpen(tf32, out var convolutions) ? convolutions : null);

    /// <summary>What was found and what stands in for the rest, a line each.</summary>
    public override string ToString() =>
        $"matrix products: {Matrices?.Name ?? "kernels of our own"}\nconvolutions: {Convolutions?.Name ?? "kernels of our own"}\ndecompositions: {Solvers?.Name ?? "the host"}\n";
}
