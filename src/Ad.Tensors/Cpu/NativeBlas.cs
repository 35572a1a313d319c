using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// MKL, OpenBLAS, BLIS, Accelerate, or another library with BLAS's C interface, found at run time. It does a product with one thread: the engine's own share out
/// the result, so that its bits do not depend on how many there are.
/// </summary>
/// <remarks>
/// Calls are those of the C interface to the BLAS (Blackford et al. 2002) and of the libraries' manuals. Whole numbers are passed with 64 bits, of which a library
/// whose numbers have 32 reads the lower half: registers and places on the stack are as wide, on all systems that .NET runs on.
/// </remarks>
internal sealed unsafe class NativeBlas : IBlas
{
    private const nint RowMajor = 101;
    private const nint AsItLies = 111;
    private const nint Turned = 112;

    // MKL: sequential; the same bits wherever in memory a matrix begins.
    private const nint Sequential = 1;
    private const nint Reproducible = 2;

    private static readonly Lock Gate = new();

    // Each says that one thread does a product; of some, for the thread that says it alone.
    private static readonly string[] ThreadSetters =
    [
        "MKL_Set_Num_Threads", "MKL_Set_Num_Threads_Local", "openblas_set_num_threads", "openblas_set_num_threads64_", "bli_thread_set_num_threads", "BLASSetThreading",
    ];

    [ThreadStatic]
    private static NativeBlas? _entered;

    private readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, float, void*, nint, void*, nint, float, void*, nint, void> _single;
    private readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, double, void*, nint, void*, nint, double, void*, nint, void> _double;
    private readonly nint[] _setters;

    private NativeBlas(nint library, string path, nint single, nint @double)
    {
        _single = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, float, void*, nint, void*, nint, float, void*, nint, void>)single;
        _double = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, double, void*, nint, void*, nint, double, void*, nint, void>)@double;
        Tell(library, "MKL_Set_Threading_Layer", Sequential);
        Tell(library, "MKL_CBWR_Set", Reproducible);
        _setters = [.. ThreadSetters.Select(name => Entry(library, name)).Where(entry => entry != 0)];
        Name = $"{Product(library) ?? "BLAS"} ({path})";
    }

    public string Name { get; }

    /// <summary>The library of a name or path.</summary>
    /// <exception cref="BlasException">It is not there, has no products of matrices, or does them wrong; the message says which.</exception>
    public static NativeBlas Open(string path)
    {
        if (!NativeLibrary.TryLoad(path, out var library))
        {
            throw new BlasException($"The BLAS library {path} was not found, or something that it needs was not. {Advice}");
        }

        var (single, @double) = (Entry(library, "cblas_sgemm", "cblas_sgemm64_"), Entry(library, "cblas_dgemm", "cblas_dgemm64_"));
        if (single == 0 || @double == 0)
        {
            throw new BlasException($"The library {path} has no cblas_sgemm and cblas_dgemm. {Advice}");
        }

        var blas = new NativeBlas(library, path, single, @double);
        return BlasTrial.Passes<float>(blas) && BlasTrial.Passes<double>(blas)
            ? blas
            : throw new BlasException($"The BLAS library {path} multiplies two small matrices wrong. {Advice}");
    }

    /// <summary>The first library that the system has of MKL, OpenBLAS, BLIS and, on macOS, Accelerate; null if it has none.</summary>
    public static NativeBlas? Find()
    {
        foreach (var name in Candidates)
        {
            try
            {
                return Open(name);
            }
            catch (BlasException)
            {
                // The next may do.
            }
        }

        return null;
    }

    public void Enter()
    {
        if (_entered == this)
        {
            return;
        }

        // OpenBLAS keeps books of its threads, not guarded, where it is told their number.
        lock (Gate)
        {
            foreach (var setter in _setters)
            {
                ((delegate* unmanaged<nint, void>)setter)(1);
            }
        }

        _entered = this;
    }

    public void Multiply<T>(int m, int n, int k, BlasFactor<T> a, BlasFactor<T> b, T* c, long step)
        where T : unmanaged
    {
        var (turnA, turnB) = (a.IsTurned ? Turned : AsItLies, b.IsTurned ? Turned : AsItLies);
        if (typeof(T) == typeof(float))
        {
            _single(RowMajor, turnA, turnB, m, n, k, 1, a.Start, (nint)a.Step, b.Start, (nint)b.Step, 0, c, (nint)step);
        }
        else
        {
            _double(RowMajor, turnA, turnB, m, n, k, 1, a.Start, (nint)a.Step, b.Start, (nint)b.Step, 0, c, (nint)step);
        }
    }

    private const string Advice = "Name another in FUNCTIONAL_BLAS (Device.CpuBlas, --blas), or none.";

    private static string[] Candidates =>
        OperatingSystem.IsWindows() ? ["mkl_rt.3.dll", "mkl_rt.2.dll", "mkl_rt.1.dll", "libopenblas.dll", "openblas.dll", "libblis.dll"]
        : OperatingSystem.IsMacOS() ?
        [
            "libmkl_rt.2.dylib", "libmkl_rt.dylib", "libopenblas.0.dylib", "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib", "libblis.4.dylib", "libblis.dylib",
            "/System/Library/Frameworks/Accelerate.framework/Accelerate",
        ]
        : ["libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so", "libopenblas.so.0", "libopenblas.so", "libblis.so.4", "libblis.so"];

    private static nint Entry(nint library, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryGetExport(library, name, out var entry))
            {
                return entry;
            }
        }

        return 0;
    }

    private static void Tell(nint library, string name, nint value)
    {
        if (Entry(library, name) is var entry and not 0)
        {
            ((delegate* unmanaged<nint, void>)entry)(value);
        }
    }

    // OpenBLAS says how it was built after its name and version, MKL its day and processor.
    private static string? Product(nint library)
    {
        if (Entry(library, "openblas_get_config", "openblas_get_config64_") is var config and not 0)
        {
            return string.Join(' ', Text(((delegate* unmanaged<byte*>)config)()).Split(' ').Take(2));
        }

        if (Entry(library, "bli_info_get_version_str") is var version and not 0)
        {
            return $"BLIS {Text(((delegate* unmanaged<byte*>)version)())}";
        }

        if (Entry(library, "MKL_Get_Version_String") is var said and not 0)
        {
            const int Room = 200;
            var text = stackalloc byte[Room];
            ((delegate* unmanaged<byte*, nint, void>)said)(text, Room - 1);
            text[Room - 1] = 0;
            var words = Text(text).Split(' ');
            var at = Array.IndexOf(words, "Version");
            return at >= 0 && at + 1 < words.Length ? $"MKL {words[at + 1]}" : "MKL";
        }

        return Entry(library, "BLASSetThreading", "appleblas_sgeadd") != 0 ? "Accelerate" : null;
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
