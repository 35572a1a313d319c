namespace Ad.Tensors.Cuda;

/// <summary>Where NVIDIA's libraries may be.</summary>
internal static class NativePlaces
{
    // Newest first, with the major version of CUDA that each is of.
    private static readonly (int Major, string Linux, string Windows)[] Versions = [(13, "13", "130_0"), (12, "12", "120_0"), (11, "11.2", "112_0"), (11, "11.1", "111_0")];

    /// <summary>
    /// Names and paths of a library to try, the newest of each place first: as the system finds it, in toolkits, in Python's wheels. A driver runs what is of
    /// its own major version of CUDA or an older one; what is of no version comes last.
    /// </summary>
    public static IEnumerable<string> Candidates(string library, int newest = int.MaxValue) => Named(
        [.. Versions.Where(v => v.Major <= newest).Select(v => OperatingSystem.IsWindows() ? $"{library}64_{v.Windows}.dll" : $"lib{library}.so.{v.Linux}"),
        .. OperatingSystem.IsWindows() ? Array.Empty<string>() : [$"lib{library}.so"]]);

    /// <summary>The same of a library with versions of its own, the newest first.</summary>
    public static IEnumerable<string> Candidates(string library, params string[] versions) => Named(OperatingSystem.IsWindows()
        ? [.. versions.Select(v => $"{library}64_{v}.dll")]
        : [.. versions.Select(v => $"lib{library}.so.{v}"), $"lib{library}.so"]);

    private static IEnumerable<string> Named(string[] names)
    {
        var isWindows = OperatingSystem.IsWindows();
        foreach (var name in names)
        {
            yield return name;
        }

        foreach (var folder in Toolkits(isWindows).Concat(Wheels(isWindows)).Where(Directory.Exists))
        {
            foreach (var path in names.Select(name => Path.Combine(folder, name)).Where(File.Exists))
            {
                yield return path;
            }
        }
    }

    private static IEnumerable<string> Toolkits(bool isWindows)
    {
        foreach (var variable in (string[])["CUDA_HOME", "CUDA_PATH"])
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } home)
            {
                yield return Path.Combine(home, isWindows ? "bin" : "lib64");
                yield return Path.Combine(home, isWindows ? Path.Combine("bin", "x64") : "lib");
            }
        }

        if (!isWindows)
        {
            foreach (var toolkit in Folders("/usr/local", "cuda*").OrderDescending(StringComparer.Ordinal))
            {
                yield return Path.Combine(toolkit, "lib64");
            }
        }
    }

    private static IEnumerable<string> Wheels(bool isWindows)
    {
        var roots = new List<string>();
        foreach (var variable in (string[])["VIRTUAL_ENV", "CONDA_PREFIX"])
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } root)
            {
                roots.Add(root);
            }
        }

        roots.Add(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local"));
        roots.AddRange(isWindows ? [] : ["/usr/local", "/usr", "/opt/conda"]);
        foreach (var root in roots)
        {
            var libraries = isWindows ? Enumerable.Repeat(Path.Combine(root, "Lib"), 1) : Folders(Path.Combine(root, "lib"), "python3*").OrderDescending(StringComparer.Ordinal);
            foreach (var packages in libraries.SelectMany(l => (string[])[Path.Combine(l, "site-packages"), Path.Combine(l, "dist-packages")]))
            {
                foreach (var wheel in Folders(Path.Combine(packages, "nvidia"), "*").OrderDescending(StringComparer.Ordinal))
                {
                    yield return Path.Combine(wheel, isWindows ? "bin" : "lib");
                }
            }
        }
    }

    private static string[] Folders(string parent, string pattern)
    {
        try
        {
            return Directory.Exists(parent) ? Directory.GetDirectories(parent, pattern) : [];
        }
        catch (UnauthorizedAccessException)
        {
            return [];
        }
    }
}
