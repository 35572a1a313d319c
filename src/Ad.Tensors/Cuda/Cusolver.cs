using System.Globalization;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cuda;

/// <summary>NVIDIA's cuSOLVER (of CUDA 11.2 to 13), found at run time as NVRTC is: its dense decompositions in double, as the host's are.</summary>
/// <remarks>Calls and numbers are those of the cuSOLVER documentation (NVIDIA 2025, "cuSolverDN: dense LAPACK").</remarks>
internal sealed unsafe class Cusolver : ISolverLibrary
{
    private const int Lower = 0;
    private const int Vectors = 1;
    private const int AsItIs = 0;
    private const int Transposed = 1;
    private const sbyte Thin = (sbyte)'S';

    // Below this many products a matrix, the host does many matrices before one call has begun.
    private const double FewProducts = 1 << 20;

    private readonly nint _library;
    private nint _handle;
    private nint _stream = -1;

    private Cusolver(nint library, string path, double least) => (_library, Name, Least) = (library, $"cuSOLVER ({path})", least);

    public string Name { get; }

    public double Least { get; }

    /// <summary>The library in a file, or null if there is none.</summary>
    public static Cusolver? Open(string path, double least = FewProducts) =>
        NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, "cusolverDnDgesvd", out _) ? new Cusolver(library, path, least) : null;

    public int Room(SolverCall call, int m, int n)
    {
        Begin(0);
        int room;
        switch (call)
        {
            case SolverCall.Cholesky:
                Check("cusolverDnDpotrf_bufferSize", ((delegate* unmanaged<nint, int, int, ulong, int, int*, int>)Entry("cusolverDnDpotrf_bufferSize"))(_handle, Lower, n, 0, n, &room));
                return room;
            case SolverCall.Lu:
                Check("cusolverDnDgetrf_bufferSize", ((delegate* unmanaged<nint, int, int, ulong, int, int*, int>)Entry("cusolverDnDgetrf_bufferSize"))(_handle, m, n, 0, m, &room));
                return room;
            case SolverCall.Solve or SolverCall.SolveTurned:
                return 0;
            case SolverCall.Qr:
                Check("cusolverDnDgeqrf_bufferSize", ((delegate* unmanaged<nint, int, int, ulong, int, int*, int>)Entry("cusolverDnDgeqrf_bufferSize"))(_handle, m, n, 0, m, &room));
                return room;
            case SolverCall.Orthogonal:
                Check("cusolverDnDorgqr_bufferSize", ((delegate* unmanaged<nint, int, int, int, ulong, int, ulong, int*, int>)Entry("cusolverDnDorgqr_bufferSize"))(_handle, m, n, n, 0, m, 0, &room));
                return room;
            case SolverCall.Eigen:
                Check("cusolverDnDsyevd_bufferSize", ((delegate* unmanaged<nint, int, int, int, ulong, int, ulong, int*, int>)Entry("cusolverDnDsyevd_bufferSize"))(_handle, Vectors, Lower, n, 0, n, 0, &room));
                return room;
            case SolverCall.Singular:
                Check("cusolverDnDgesvd_bufferSize", ((delegate* unmanaged<nint, int, int, int*, int>)Entry("cusolverDnDgesvd_bufferSize"))(_handle, m, n, &room));
                return room;
            default:
                throw new NotSupportedException($"cuSOLVER has no {call} here.");
        }
    }

    public void Do(SolverCall call, int m, int n, SolverPlaces at, nint stream)
    {
        Begin(stream);
        switch (call)
        {
            case SolverCall.Cholesky:
                Check("cusolverDnDpotrf", ((delegate* unmanaged<nint, int, int, ulong, int, ulong, int, ulong, int>)Entry("cusolverDnDpotrf"))(
                    _handle, Lower, n, at.A, n, at.Work, at.Room, at.Info));
                break;
            case SolverCall.Lu:
                Check("cusolverDnDgetrf", ((delegate* unmanaged<nint, int, int, ulong, int, ulong, ulong, ulong, int>)Entry("cusolverDnDgetrf"))(
                    _handle, m, n, at.A, m, at.Work, at.Pivots, at.Info));
                break;
            case SolverCall.Solve or SolverCall.SolveTurned:
                Check("cusolverDnDgetrs", ((delegate* unmanaged<nint, int, int, int, ulong, int, ulong, ulong, int, ulong, int>)Entry("cusolverDnDgetrs"))(
                    _handle, call == SolverCall.Solve ? AsItIs : Transposed, m, n, at.A, m, at.Pivots, at.B, m, at.Info));
                break;
            case SolverCall.Qr:
                Check("cusolverDnDgeqrf", ((delegate* unmanaged<nint, int, int, ulong, int, ulong, ulong, int, ulong, int>)Entry("cusolverDnDgeqrf"))(
                    _handle, m, n, at.A, m, at.B, at.Work, at.Room, at.Info));
                break;
            case SolverCall.Orthogonal:
                Check("cusolverDnDorgqr", ((delegate* unmanaged<nint, int, int, int, ulong, int, ulong, ulong, int, ulong, int>)Entry("cusolverDnDorgqr"))(
                    _handle, m, n, n, at.A, m, at.B, at.Work, at.Room, at.Info));
                break;
            case SolverCall.Eigen:
                Check("cusolverDnDsyevd", ((delegate* unmanaged<nint, int, int, int, ulong, int, ulong, ulong, int, ulong, int>)Entry("cusolverDnDsyevd"))(
                    _handle, Vectors, Lower, n, at.A, n, at.B, at.Work, at.Room, at.Info));
                break;
            case SolverCall.Singular:
                Check("cusolverDnDgesvd", ((delegate* unmanaged<nint, sbyte, sbyte, int, int, ulong, int, ulong, ulong, int, ulong, int, ulong, int, ulong, ulong, int>)Entry("cusolverDnDgesvd"))(
                    _handle, Thin, Thin, m, n, at.A, m, at.B, at.C, m, at.D, n, at.Work, at.Room, 0, at.Info));
                break;
        }
    }

    public void CholeskyOfMany(int n, ulong addresses, ulong infos, int count, nint stream)
    {
        Begin(stream);
        Check("cusolverDnDpotrfBatched", ((delegate* unmanaged<nint, int, int, ulong, int, ulong, int, int>)Entry("cusolverDnDpotrfBatched"))(
            _handle, Lower, n, addresses, n, infos, count));
    }

    private void Begin(nint stream)
    {
        if (_handle == 0)
        {
            nint handle;
            Check("cusolverDnCreate", ((delegate* unmanaged<nint*, int>)Entry("cusolverDnCreate"))(&handle));
            _handle = handle;
        }

        if (stream != _stream)
        {
            Check("cusolverDnSetStream", ((delegate* unmanaged<nint, nint, int>)Entry("cusolverDnSetStream"))(_handle, stream));
            _stream = stream;
        }
    }

    private nint Entry(string name) => NativeLibrary.TryGetExport(_library, name, out var entry)
        ? entry
        : throw new CudaException($"The library {Name} has no {name}: it is older than CUDA 11.2. Install a newer CUDA toolkit.");

    private static void Check(string call, int code)
    {
        if (code != 0)
        {
            throw new CudaException($"{call} failed with status {code.ToString(CultureInfo.InvariantCulture)}. Reinstall the CUDA toolkit that cuSOLVER comes from, or take it away: the host does without.", code);
        }
    }
}
