using System.Reflection;
using System.Runtime.Loader;
using Ad.Checks;

namespace Ad.Host;

/// <summary>Loads an assembly of the user's, with what it depends on, and checks the examples that it marks.</summary>
public static class UserAssembly
{
    /// <summary>Checks every marked member of the assembly in the file.</summary>
    /// <exception cref="ShellException">The file is not there or no assembly, or its marked members cannot be checked.</exception>
    public static IReadOnlyList<LawResult> Check(string file, Action<LawResult> progress, CancellationToken stopping)
    {
        var path = Path.GetFullPath(file);
        if (!File.Exists(path))
        {
            throw ShellException.BadOption($"--assembly is {file}, but there is no such file.");
        }

        try
        {
            return MarkedExamples.Run(new Context(path).LoadFromAssemblyPath(path), progress, stopping);
        }
        catch (BadImageFormatException)
        {
            throw ShellException.BadOption($"--assembly is {file}, which is no .NET assembly.");
        }
        catch (ReflectionTypeLoadException e)
        {
            var why = e.LoaderExceptions.FirstOrDefault(inner => inner is not null)?.Message;
            throw ShellException.BadOption($"--assembly is {file}, but not all of it can be loaded: {why}");
        }
        catch (ArgumentException e)
        {
            throw ShellException.BadOption($"--assembly is {file}: {e.Message}");
        }
    }

    /// <summary>Resolves what lies beside the assembly; the library itself is the host's own, so that its types are the same.</summary>
    private sealed class Context(string path) : AssemblyLoadContext(Path.GetFileName(path))
    {
        private static readonly HashSet<string> Shared = ["Ad.Checks", "Ad.Functional", "Ad.Tensors", "FSharp.Core"];
        private readonly AssemblyDependencyResolver _resolver = new(path);

        /// <inheritdoc/>
        protected override Assembly? Load(AssemblyName assemblyName) =>
            assemblyName.Name is { } name && !Shared.Contains(name) && _resolver.ResolveAssemblyToPath(assemblyName) is { } found
                ? LoadFromAssemblyPath(found)
                : null;

        /// <inheritdoc/>
        protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
            _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } found ? LoadUnmanagedDllFromPath(found) : 0;
    }
}
