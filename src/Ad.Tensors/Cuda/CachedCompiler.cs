using System.Security.Cryptography;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// A compiler that keeps what it made on disk, by what it was made of: the source, the compiler with its options, and the device's architecture. The folder is
/// functional/cuda in XDG_CACHE_HOME, or where the system keeps such files. A cache that cannot be written is done without.
/// </summary>
internal sealed class CachedCompiler(ICudaCompiler inner, string folder) : ICudaCompiler
{
    private long _hits;

    public string Name => inner.Name;

    public string Options => inner.Options;

    /// <summary>How often a module was found.</summary>
    public long Hits => Interlocked.Read(ref _hits);

    /// <summary>The user's folder for it.</summary>
    public static string UsualFolder()
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && System.IO.Path.IsPathRooted(xdg) ? xdg
            : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return System.IO.Path.Combine(cache, "functional", "cuda");
    }

    public byte[] Compile(string source, CudaFacts facts)
    {
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{inner.Name}\n{inner.Options}\n{facts.Target}\n{source}")));
        var path = System.IO.Path.Combine(folder, $"{key}.bin");
        if (Read(path) is { } known)
        {
            Interlocked.Increment(ref _hits);
            return known;
        }

        var image = inner.Compile(source, facts);
        Write(path, image);
        return image;
    }

    // After the image stands its hash: a file cut short by a crash or a full disk is not taken for a module.
    private static byte[]? Read(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                return null;
            }

            var bytes = File.ReadAllBytes(path);
            var size = bytes.Length - SHA256.HashSizeInBytes;
            return size > 0 && SHA256.HashData(bytes.AsSpan(0, size)).AsSpan().SequenceEqual(bytes.AsSpan(size)) ? bytes[..size] : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Write(string path, byte[] image)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var part = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}";
            File.WriteAllBytes(part, [.. image, .. SHA256.HashData(image)]);
            File.Move(part, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
