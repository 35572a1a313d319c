using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// NVIDIA's compiler as a library (NVRTC, versions 11.2 to 13), found at run time: where the system looks, in a CUDA toolkit, or in Python's
/// nvidia-* wheels. A product and a sum stay two roundings, so that results are the host's wherever arithmetic says what they are.
/// </summary>
internal sealed unsafe class Nvrtc : ICudaCompiler
{
    // A product and a sum are two roundings, as on the host.
    private static readonly string[] Chosen = ["--fmad=false", "--std=c++14", "--device-as-default-execution-space"];

    private readonly nint _library;
    private readonly int[] _architectures;

    private Nvrtc(nint library, string path)
    {
        (_library, Path) = (library, path);
        int major, minor, count;
        Check("nvrtcVersion", ((delegate* unmanaged<int*, int*, int>)Entry("nvrtcVersion"))(&major, &minor));
        Version = new Version(major, minor);
        Check("nvrtcGetNumSupportedArchs", ((delegate* unmanaged<int*, int>)Entry("nvrtcGetNumSupportedArchs"))(&count));
        _architectures = new int[count];
        fixed (int* architectures = _architectures)
        {
            Check("nvrtcGetSupportedArchs", ((delegate* unmanaged<int*, int>)Entry("nvrtcGetSupportedArchs"))(architectures));
        }
    }

    public string Name => $"NVRTC {Version} ({Path})";

    public string Options => string.Join(' ', Chosen);

    public Version Version { get; }

    /// <summary>Which library it is.</summary>
    public string Path { get; }

    /// <summary>The architectures it compiles for, such as 90.</summary>
    public IReadOnlyList<int> Architectures => _architectures;

    /// <summary>The newest compiler there is, if there is one, of a major version of CUDA that is at most that.</summary>
    public static bool TryOpen([NotNullWhen(true)] out Nvrtc? compiler, int newest = int.MaxValue)
    {
        foreach (var path in NativePlaces.Candidates("nvrtc", newest))
        {
            if (NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, "nvrtcGetNumSupportedArchs", out _)
                && new Nvrtc(library, path) is var found && found.Version.Major <= newest)
            {
                compiler = found;
                return true;
            }
        }

        compiler = null;
        return false;
    }

    /// <summary>A module for the device; for one newer than the compiler, code that the driver translates when it is loaded.</summary>
    public byte[] Compile(string source, CudaFacts facts)
    {
        if (_architectures.Contains(facts.Architecture))
        {
            return Compile(source, facts.Target, "CUBIN");
        }

        var older = _architectures.Where(a => a < facts.Architecture).DefaultIfEmpty(0).Max();
        return older > 0
            ? Compile(source, string.Create(CultureInfo.InvariantCulture, $"compute_{older}"), "PTX")
            : throw new CudaException($"{Name} compiles for devices from compute capability {_architectures.Min() / 10.0:F1} on, but this is {facts}. Install an older CUDA toolkit.");
    }

    /// <summary>What the assembler says of each kernel for a device: its registers, shared memory, and what does not fit into registers.</summary>
    public string Resources(string source, CudaFacts facts) =>
        Encoding.UTF8.GetString(Compile(source, facts.Target, "ProgramLog", "--ptxas-options=-v")).TrimEnd('\0');

    private byte[] Compile(string source, string target, string kind, params string[] more)
    {
        nint program;
        var text = Marshal.StringToCoTaskMemUTF8(source);
        var name = Marshal.StringToCoTaskMemUTF8("kernels.cu");
        string[] options = [$"--gpu-architecture={target}", .. Chosen, .. more];
        var pointers = options.Select(Marshal.StringToCoTaskMemUTF8).ToArray();
        try
        {
            Check("nvrtcCreateProgram", ((delegate* unmanaged<nint*, nint, nint, int, nint, nint, int>)Entry("nvrtcCreateProgram"))(&program, text, name, 0, 0, 0));
            int code;
            fixed (nint* p = pointers)
            {
                code = ((delegate* unmanaged<nint, int, nint*, int>)Entry("nvrtcCompileProgram"))(program, options.Length, p);
            }

            if (code != 0)
            {
                throw CompileErrors.Of(Name, source, Encoding.UTF8.GetString(Bytes(program, "ProgramLog")).TrimEnd('\0'), code);
            }

            return Bytes(program, kind);
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
            Marshal.FreeCoTaskMem(name);
            foreach (var pointer in pointers)
            {
                Marshal.FreeCoTaskMem(pointer);
            }

            ((delegate* unmanaged<nint*, int>)Entry("nvrtcDestroyProgram"))(&program);
        }
    }

    private byte[] Bytes(nint program, string what)
    {
        nuint size;
        Check($"nvrtcGet{what}Size", ((delegate* unmanaged<nint, nuint*, int>)Entry($"nvrtcGet{what}Size"))(program, &size));
        var bytes = new byte[size];
        fixed (byte* to = bytes)
        {
            Check($"nvrtcGet{what}", ((delegate* unmanaged<nint, byte*, int>)Entry($"nvrtcGet{what}"))(program, to));
        }

        return bytes;
    }

    private nint Entry(string name) => NativeLibrary.TryGetExport(_library, name, out var entry)
        ? entry
        : throw new CudaException($"{Path} has no {name}: it is older than CUDA 11.2. Install a newer CUDA toolkit.");

    private static void Check(string call, int code)
    {
        if (code != 0)
        {
            throw new CudaException($"{call} failed with code {code.ToString(CultureInfo.InvariantCulture)}. Reinstall the CUDA toolkit that it comes from.", code);
        }
    }
}
