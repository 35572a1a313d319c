using System.Buffers.Binary;
using System.Text.Json;

namespace Ad.Tensors;

public static partial class Safetensors
{
    private static (JsonDocument Json, long Start) ReadHeader(FileStream file, string path)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (file.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
        {
            throw Wrong(path, "it is shorter than the 8 bytes of its header's length");
        }

        var length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (length is < 0 or > MostHeaderBytes || length > file.Length - 8)
        {
            throw Wrong(path, $"its header is said to have {(ulong)length} bytes, but the file has {file.Length}");
        }

        var header = new byte[length];
        if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
        {
            throw Wrong(path, "it ends within its header");
        }

        try
        {
            // A name given twice is an error of ours below, not the last one winning.
            return (JsonDocument.Parse(header), 8 + length);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"The file '{path}' is no safetensors file: its header is not JSON.", e);
        }
    }

    private static List<Entry> Entries(JsonElement root, Dictionary<string, string> metadata, string path)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(path, "its header is not a JSON object");
        }

        var names = new HashSet<string>();
        var entries = new List<Entry>();
        foreach (var (name, value) in Members(root, path))
        {
            if (!names.Add(name))
            {
                throw Wrong(path, $"'{name}' occurs twice");
            }

            if (name == MetadataName)
            {
                ReadMetadata(value, metadata, path);
            }
            else
            {
                entries.Add(EntryOf(name, value, path));
            }
        }

        return entries;
    }

    private static void ReadMetadata(JsonElement value, Dictionary<string, string> metadata, string path)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(path, "its metadata is not a JSON object");
        }

        foreach (var (key, text) in Members(value, path))
        {
            if (text.ValueKind != JsonValueKind.String || !metadata.TryAdd(key, Text(text, path)))
            {
                throw Wrong(path, $"its metadata '{key}' is not one text");
            }
        }
    }

    private static Entry EntryOf(string name, JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var dtype)
            || dtype.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var sizes)
            || !value.TryGetProperty("data_offsets", out var offsets))
        {
            throw Wrong(path, $"'{name}' lacks dtype, shape or data_offsets");
        }

        var type = Text(dtype, path) switch
        {
            "F16" => DType.Float16,
            "BF16" => DType.BFloat16,
            "F32" => DType.Float32,
            "F64" => DType.Float64,
            "I32" => DType.Int32,
            "I64" => DType.Int64,
            "BOOL" => DType.Bool,
            var other => throw Wrong(path, $"'{name}' has the type '{other}', which is none of F16, BF16, F32, F64, I32, I64 and BOOL"),
        };
        var shape = ShapeOf(name, Numbers(sizes, name, path), path);
        var range = Numbers(offsets, name, path);
        if (range.Count != 2 || range[0] > range[1])
        {
            throw Wrong(path, $"the data_offsets of '{name}' are not a range");
        }

        return (decimal)shape.Elements * type.Size() == range[1] - range[0]
            ? new Entry(name, type, shape, range[0], range[1])
            : throw Wrong(path, $"'{name}' is {type.Name()}{shape}, but its elements have {range[1] - range[0]} bytes");
    }

    private static Shape ShapeOf(string name, List<long> sizes, string path)
    {
        try
        {
            return new Shape([.. sizes.Select(size => checked((int)size))]);
        }
        catch (OverflowException e)
        {
            throw new InvalidDataException($"The file '{path}' is no safetensors file: the shape of '{name}' is too large.", e);
        }
    }

    private static List<long> Numbers(JsonElement array, string name, string path)
    {
        var numbers = new List<long>();
        if (array.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in array.EnumerateArray())
            {
                if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out var number) || number < 0)
                {
                    throw Wrong(path, $"'{name}' has a size or offset that is no whole number");
                }

                numbers.Add(number);
            }

            return numbers;
        }

        throw Wrong(path, $"the shape or data_offsets of '{name}' is not a list");
    }

    // Text in JSON may hold escapes that stand for no character, which shows only when it is asked for.
    private static string Text(JsonElement text, string path)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"The file '{path}' is no safetensors file: its header has text that is not Unicode.", e);
        }
    }

    private static List<(string Name, JsonElement Value)> Members(JsonElement value, string path)
    {
        try
        {
            return [.. value.EnumerateObject().Select(member => (member.Name, member.Value))];
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"The file '{path}' is no safetensors file: its header has a name that is not Unicode.", e);
        }
    }

    private static InvalidDataException Wrong(string path, string what) => new($"The file '{path}' is no safetensors file: {what}.");

    private readonly record struct Entry(string Name, DType Type, Shape Shape, long Begin, long End);
}
