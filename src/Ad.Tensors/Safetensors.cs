using System.Buffers.Binary;
using System.Text.Json;

namespace Ad.Tensors;

/// <summary>
/// Named tensors in a file of the public safetensors format: eight bytes with the header's length, a JSON header, and the elements, all of it
/// little-endian. Element types F32, F64, I32, I64 and BOOL.
/// </summary>
public static partial class Safetensors
{
    private const string MetadataName = "__metadata__";
    private const int MostHeaderBytes = 100_000_000;

    /// <summary>
    /// Writes tensors in the order given. The file appears under its name only when all of it is on the disk; when that fails, whatever was
    /// there before is left as it was.
    /// </summary>
    /// <exception cref="ArgumentException">Two tensors have one name, or one is named __metadata__.</exception>
    public static void Write(
        string path, IReadOnlyList<KeyValuePair<string, HostStorage>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var header = Header(tensors, metadata);
        var whole = Path.GetFullPath(path);
        var temporary = Path.Combine(Path.GetDirectoryName(whole)!, $".{Path.GetFileName(whole)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                Span<byte> length = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
                file.Write(length);
                file.Write(header);
                foreach (var (_, tensor) in tensors)
                {
                    WriteElements(file, tensor);
                }

                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, whole, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Reads all tensors, in the order of their elements in the file, and the metadata.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not what the format says; the message names it and what is wrong.</exception>
    public static (IReadOnlyList<KeyValuePair<string, HostStorage>> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        var (json, start) = ReadHeader(file, path);
        using (json)
        {
            var metadata = new Dictionary<string, string>();
            var entries = Entries(json.RootElement, metadata, path);
            entries.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
            long end = 0;
            foreach (var entry in entries)
            {
                if (entry.Begin != end)
                {
                    throw Wrong(path, $"the elements of '{entry.Name}' start at {entry.Begin}, but those before end at {end}");
                }

                end = entry.End;
            }

            if (end != file.Length - start)
            {
                throw Wrong(path, $"its tensors have {end} bytes, but {file.Length - start} follow the header");
            }

            var tensors = new List<KeyValuePair<string, HostStorage>>();
            foreach (var entry in entries)
            {
                tensors.Add(new(entry.Name, ReadElements(file, entry, path)));
            }

            return (tensors, metadata);
        }
    }

    private static byte[] Header(IReadOnlyList<KeyValuePair<string, HostStorage>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(MetadataName);
                foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            var names = new HashSet<string>();
            long at = 0;
            foreach (var (name, tensor) in tensors)
            {
                if (name == MetadataName || !names.Add(name))
                {
                    throw new ArgumentException(
                        name == MetadataName ? $"A tensor cannot be named {MetadataName}." : $"Two tensors are named '{name}'.", nameof(tensors));
                }

                json.WriteStartObject(name);
                json.WriteString("dtype", NameOf(tensor.Type));
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape.Sizes)
                {
                    json.WriteNumberValue(size);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += tensor.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        return buffer.ToArray();
    }

    private static void WriteElements(FileStream file, HostStorage tensor)
    {
        if (BitConverter.IsLittleEndian || tensor.Type == DType.Bool)
        {
            file.Write(tensor.Bytes);
            return;
        }

        file.Write(Reversed(tensor).Bytes);
    }

    private static HostStorage ReadElements(FileStream file, Entry entry, string path)
    {
        HostStorage tensor;
        try
        {
            tensor = HostStorage.Allocate(entry.Type, entry.Shape);
        }
        catch (InsufficientMemoryException e)
        {
            throw new InvalidDataException($"The file '{path}' has a tensor '{entry.Name}' that is too large.", e);
        }

        var bytes = tensor.Writable<byte>();
        if (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw Wrong(path, $"it ends within the elements of '{entry.Name}'");
        }

        for (var i = 0; i < bytes.Length && entry.Type == DType.Bool; i++)
        {
            bytes[i] = bytes[i] != 0 ? (byte)1 : (byte)0;
        }

        return BitConverter.IsLittleEndian || entry.Type == DType.Bool ? tensor : Reversed(tensor);
    }

    private static HostStorage Reversed(HostStorage tensor)
    {
        var reversed = HostStorage.Allocate(tensor.Type, tensor.Shape);
        if (tensor.Type.Size() == 2)
        {
            BinaryPrimitives.ReverseEndianness(tensor.Elements<ushort>(), reversed.Writable<ushort>());
        }
        else if (tensor.Type.Size() == 4)
        {
            BinaryPrimitives.ReverseEndianness(tensor.Elements<int>(), reversed.Writable<int>());
        }
        else
        {
            BinaryPrimitives.ReverseEndianness(tensor.Elements<long>(), reversed.Writable<long>());
        }

        return reversed;
    }

    private static string NameOf(DType type) => type switch
    {
        DType.Bool => "BOOL",
        DType.Int32 => "I32",
        DType.Int64 => "I64",
        DType.Float16 => "F16",
        DType.BFloat16 => "BF16",
        DType.Float32 => "F32",
        DType.Float64 => "F64",
    };
}
