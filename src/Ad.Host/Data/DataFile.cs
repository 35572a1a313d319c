using System.IO.Compression;

namespace Ad.Host;

/// <summary>Reads whole data files, compressed or not.</summary>
public static class DataFile
{
    private static readonly byte[] Seal = "the end of the compressed data"u8.ToArray();
    private static readonly byte[] SealMember = Compress(Seal);

    /// <summary>The contents of a file, uncompressed when it is gzip.</summary>
    /// <exception cref="ShellException">It is missing, empty, unreadable or damaged; the message names it.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            return Decode(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw ShellException.BadData($"The data file {path} does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ShellException.BadData($"The data file {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The bytes themselves, or what they unpack to when they are gzip.</summary>
    /// <exception cref="ShellException">There are none, or they are damaged; the message says <paramref name="name"/>.</exception>
    public static byte[] Decode(byte[] bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(name);
        if (bytes.Length == 0)
        {
            throw ShellException.BadData($"{name} is empty.");
        }

        if (bytes is [0x1f, 0x8b, ..])
        {
            return Unpack(bytes, name);
        }

        return name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
            ? throw ShellException.BadData($"{name} is not gzip, though its name says so.")
            : bytes;
    }

    // GZipStream takes a file that breaks off for one that ends. So one more member is put after it, which
    // comes out last, and whole, only if everything before it was whole.
    private static byte[] Unpack(byte[] bytes, string name)
    {
        try
        {
            using var packed = new MemoryStream([.. bytes, .. SealMember]);
            using var gzip = new GZipStream(packed, CompressionMode.Decompress);
            using var unpacked = new MemoryStream();
            gzip.CopyTo(unpacked);
            var all = unpacked.ToArray();

            if (all.AsSpan().EndsWith(Seal))
            {
                return all[..^Seal.Length];
            }
        }
        catch (InvalidDataException)
        {
        }

        throw ShellException.BadData($"{name} is truncated or damaged: its compressed data cannot be unpacked.");
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
