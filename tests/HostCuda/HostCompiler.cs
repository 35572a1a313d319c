using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>
/// Compiles CUDA C++ for the host: many modules in one call of the compiler, as its start costs more than a kernel, each in a namespace of its own
/// behind the parts they share. What was compiled is kept by its hash.
/// </summary>
internal sealed partial class HostCompiler : ICudaCompiler
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, string> Images = [];
    private static readonly string Shim = Read("fibers.h") + Read("shim.h");

    public string Name => "g++";

    public string Options => string.Join(' ', Chosen);

    /// <summary>Whether the system has a C++ compiler.</summary>
    public static bool IsThere { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "g++")));

    private static string Folder => Path.Combine(Path.GetTempPath(), "functional-host-cuda");

    public byte[] Compile(string source, CudaFacts facts)
    {
        lock (Gate)
        {
            Together([source]);
            return Encoding.UTF8.GetBytes(Images[source]);
        }
    }

    /// <summary>Compiles all of these that were not compiled before, at once.</summary>
    public static void Together(IEnumerable<string> sources)
    {
        lock (Gate)
        {
            var open = sources.Where(s => s.Length > 0 && !Images.ContainsKey(s)).Distinct().ToArray();
            if (open.Length == 0)
            {
                return;
            }

            var text = new StringBuilder(Shim);
            foreach (var part in ModuleSource.Parts)
            {
                text.Append(part).Append('\n');
            }

            for (var i = 0; i < open.Length; i++)
            {
                Module(text, open[i], i);
            }

            var path = Build(text.ToString());
            for (var i = 0; i < open.Length; i++)
            {
                Images[open[i]] = $"{path}\n{Prefix(i)}";
            }
        }
    }

    /// <summary>Many modules as one, each in a namespace of its own, for a compiler that is only to say whether they compile.</summary>
    public static string Joined(IEnumerable<string> sources)
    {
        var text = new StringBuilder();
        foreach (var part in ModuleSource.Parts)
        {
            text.Append(part).Append('\n');
        }

        var module = 0;
        foreach (var source in sources)
        {
            text.Append($"namespace {Prefix(module++)} {{\n{Own(source)}\n}}\n");
        }

        return text.ToString();
    }

    // What a module has beside the parts that all share.
    private static string Own(string source)
    {
        foreach (var part in ModuleSource.Parts)
        {
            source = source.Replace(part, "", StringComparison.Ordinal);
        }

        return source.Replace("extern \"C\" __global__", "__global__", StringComparison.Ordinal);
    }

    private static string Prefix(int module) => string.Create(CultureInfo.InvariantCulture, $"m{module}");

    private static void Module(StringBuilder text, string source, int module)
    {
        var own = Own(source);
        text.Append($"namespace {Prefix(module)} {{\n{own}\n}}\n");
        foreach (Match kernel in Kernels().Matches(own))
        {
            var name = kernel.Groups["name"].Value;
            text.Append($"extern \"C\" const int {Prefix(module)}_{name}_bound = {kernel.Groups["bound"].Value};\n");
            text.Append($"extern \"C\" const int {Prefix(module)}_{name}_arity = shim_arity(&{Prefix(module)}::{name});\n");
            text.Append($"static void {Prefix(module)}_{name}(void **a) {{ shim_apply(&{Prefix(module)}::{name}, a); }}\n");
            text.Append($"extern \"C\" void {Prefix(module)}_{name}_run(void **a, unsigned long long columns, unsigned rows, int threads, int backwards) {{ shim_run(&{Prefix(module)}_{name}, a, columns, rows, threads, backwards); }}\n");
        }
    }

    /// <summary>A library compiled of texts of this assembly, as a file; compiled once.</summary>
    public static string Library(params string[] texts)
    {
        lock (Gate)
        {
            return Build(string.Concat(texts.Select(Read)));
        }
    }

    // A vector read where none may begin ends the process, as it does a kernel.
    private static readonly string[] Chosen =
        ["-std=c++14", "-O1", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"];

    private static string Build(string text)
    {
        Directory.CreateDirectory(Folder);
        var name = Path.Combine(Folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text + string.Concat(Chosen))))[..32]);
        var library = $"{name}.so";
        if (File.Exists(library))
        {
            return library;
        }

        var (input, output) = ($"{name}.{Environment.ProcessId}.cpp", $"{name}.{Environment.ProcessId}.so");
        File.WriteAllText(input, text);
        using var compiler = Process.Start(new ProcessStartInfo("g++", [.. Chosen, "-o", output, input])
        {
            RedirectStandardError = true,
        })!;
        var log = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        if (compiler.ExitCode != 0)
        {
            throw CompileErrors.Of("g++", text, log.Length > 4000 ? log[..4000] : log, compiler.ExitCode);
        }

        File.Delete(input);
        File.Move(output, library, overwrite: true);
        return library;
    }

    private static string Read(string name)
    {
        using var stream = typeof(HostCompiler).Assembly.GetManifestResourceStream($"HostCuda.{name}")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"__global__ void __launch_bounds__\((?<bound>\d+)\) (?<name>k\d+)\(")]
    private static partial Regex Kernels();
}
