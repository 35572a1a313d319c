using System.Security.Cryptography;
using System.Text;
using Ad.Numerics;
using Ad.Tensors;

namespace Ad.Host;

/// <summary>Safetensors files with a checksum among their notes, and with failures in words for people.</summary>
public static class ParameterFile
{
    private const string Checksum = "sha256";

    /// <summary>Writes tensors and notes, whole or not at all.</summary>
    /// <exception cref="ShellException">It cannot be written, or a number is not finite; nothing is left behind.</exception>
    public static void Write(
        string file,
        IReadOnlyList<KeyValuePair<string, HostStorage>> tensors,
        IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        foreach (var (name, tensor) in tensors)
        {
            if (!IsFinite(tensor))
            {
                throw new ShellException(
                    ExitCodes.Failed, $"{file} is not written, because {name} holds a number that is not finite; a smaller --learning-rate may help.");
            }
        }

        try
        {
            Safetensors.Write(file, tensors, new Dictionary<string, string>(metadata) { [Checksum] = ChecksumOf(tensors, metadata) });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ShellException(ExitCodes.Failed, $"{file} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Reads tensors and notes that <see cref="Write"/> wrote.</summary>
    /// <exception cref="ShellException">The file is missing, damaged or somebody else's; the message names it.</exception>
    public static (IReadOnlyDictionary<string, HostStorage> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string file)
    {
        try
        {
            var (tensors, metadata) = Safetensors.Read(file);
            var notes = metadata.Where(note => note.Key != Checksum).ToDictionary();

            return metadata.GetValueOrDefault(Checksum) == ChecksumOf(tensors, notes)
                ? (tensors.ToDictionary(), notes)
                : throw ShellException.BadData($"{file} is damaged, or not of this program: it does not name the checksum of its contents.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            var message = e.Message.Contains(file, StringComparison.Ordinal) ? e.Message : $"{file} cannot be read: {e.Message}";
            throw ShellException.BadData(message, e);
        }
    }

    private static string ChecksumOf(
        IReadOnlyList<KeyValuePair<string, HostStorage>> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in metadata.OrderBy(note => note.Key, StringComparer.Ordinal))
        {
            Add($"{key}={value}\0");
        }

        foreach (var (name, tensor) in tensors.OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            Add($"{name}:{tensor.Type.Name()}{tensor.Shape}\0");
            hash.AppendData(tensor.Bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
    }

    private static bool IsFinite(HostStorage tensor) => tensor.Type switch
    {
        DType.Float16 => All<Half>(tensor, Half.IsFinite),
        DType.BFloat16 => All<BFloat16>(tensor, x => float.IsFinite(x.ToSingle())),
        DType.Float32 => All<float>(tensor, float.IsFinite),
        DType.Float64 => All<double>(tensor, double.IsFinite),
        DType.Bool or DType.Int32 or DType.Int64 => true,
    };

    private static bool All<T>(HostStorage tensor, Func<T, bool> holds)
        where T : unmanaged
    {
        foreach (var element in tensor.Elements<T>())
        {
            if (!holds(element))
            {
                return false;
            }
        }

        return true;
    }
}
