using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Ad.Numerics;

namespace Ad.Tensors;

/// <summary>
/// Tensors in NumPy's npy files, and several by name in its npz archives: a magic, a version, a header that says type, order and shape, the elements.
/// </summary>
/// <remarks>
/// Written are f4, f8, i4, i8 and b1, little-endian, in C's order. Read are those in C's and in Fortran's order, and u1, i1, u2 and i2 as Int32, u4 as Int64.
/// </remarks>
public static partial class Npy
{
    private const int MostHeaderBytes = 1 << 20;
    private static readonly byte[] Magic = [0x93, .. "NUMPY"u8];

    /// <summary>Writes a tensor to a stream.</summary>
    public static void Write(Stream stream, HostStorage tensor)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensor);
        var sizes = tensor.Shape.Rank == 1
            ? string.Create(CultureInfo.InvariantCulture, $"{tensor.Shape[0]},")
            : string.Join(", ", tensor.Shape.Select(n => n.ToString(CultureInfo.InvariantCulture)));
        var text = $"{{'descr': '{Code(tensor.Type)}', 'fortran_order': False, 'shape': ({sizes}), }}";

        // The elements begin at a multiple of 64 bytes.
        var padded = text.PadRight(((text.Length + 11 + 63) / 64 * 64) - 11) + "\n";
        stream.Write(Magic);
        stream.Write([1, 0, (byte)padded.Length, (byte)(padded.Length >> 8)]);
        stream.Write(Encoding.Latin1.GetBytes(padded));
        stream.Write(tensor.Bytes);
    }

    /// <summary>Reads a tensor from a stream; the name is for messages.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or of a type that is not read; the message says the name and what is wrong.</exception>
    public static HostStorage Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var start = Take(stream, 8, name);
        if (!start.AsSpan(0, 6).SequenceEqual(Magic) || start[6] is not (1 or 2 or 3))
        {
            throw new InvalidDataException($"{name} is not an npy file of version 1, 2 or 3.");
        }

        var lengths = Take(stream, start[6] == 1 ? 2 : 4, name);
        var length = start[6] == 1 ? BitConverter.ToUInt16(lengths) : BitConverter.ToUInt32(lengths);
        if (length > MostHeaderBytes)
        {
            throw new InvalidDataException($"{name} is damaged: its header says that it has {length} bytes.");
        }

        var header = Encoding.UTF8.GetString(Take(stream, (int)length, name));
        var (descr, order, shape) = (Descr().Match(header), Order().Match(header), Sizes().Match(header));
        if (!descr.Success || !order.Success || !shape.Success)
        {
            throw new InvalidDataException($"{name} is damaged: its header is {header.Trim()}.");
        }

        var sizes = SizesIn(shape.Groups[1].Value, name);
        var isFortran = order.Groups[1].Value == "True";
        var code = descr.Groups[1].Value;
        var read = Elements(stream, code, new Shape(isFortran ? [.. sizes.Reverse()] : sizes), name);
        return isFortran ? Turned(read, new Shape(sizes)) : read;
    }

    /// <summary>Writes tensors by name to an npz archive, which is replaced as a whole or not at all.</summary>
    public static void WriteArchive(string path, IReadOnlyList<KeyValuePair<string, HostStorage>> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var whole = Path.GetFullPath(path);
        var temporary = Path.Combine(Path.GetDirectoryName(whole)!, $".{Path.GetFileName(whole)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            {
                using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
                {
                    foreach (var (name, tensor) in tensors)
                    {
                        var entry = archive.CreateEntry(name + ".npy", CompressionLevel.Fastest);
                        // The same tensors give the same bytes.
                        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
                        using var stream = entry.Open();
                        Write(stream, tensor);
                    }
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

    /// <summary>Reads the tensors of an npz archive, compressed or not, by name and in its order.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message names it.</exception>
    public static IReadOnlyList<KeyValuePair<string, HostStorage>> ReadArchive(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var archive = ZipFile.OpenRead(path);
        var tensors = new List<KeyValuePair<string, HostStorage>>();
        foreach (var entry in archive.Entries)
        {
            var name = entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName;
            using var stream = entry.Open();
            tensors.Add(new(name, Read(stream, $"{name} in {path}")));
        }

        return tensors;
    }

    private static string Code(DType type) => type switch
    {
        DType.Float16 => "<f2",
        DType.BFloat16 => throw new NotSupportedException("An npy file cannot hold bfloat16, which NumPy does not know; cast it to float32, or write safetensors."),
        DType.Float32 => "<f4",
        DType.Float64 => "<f8",
        DType.Int32 => "<i4",
        DType.Int64 => "<i8",
        DType.Bool => "|b1",
    };

    private static HostStorage Elements(Stream stream, string code, Shape shape, string name) => code switch
    {
        "<f2" => HostStorage.Copy<Half>(shape, Values<Half>(stream, shape, name)),
        "<f4" => HostStorage.Copy<float>(shape, Values<float>(stream, shape, name)),
        "<f8" => HostStorage.Copy<double>(shape, Values<double>(stream, shape, name)),
        "<i4" => HostStorage.Copy<int>(shape, Values<int>(stream, shape, name)),
        "<i8" => HostStorage.Copy<long>(shape, Values<long>(stream, shape, name)),
        "|b1" => HostStorage.Copy<bool>(shape, Array.ConvertAll(Values<byte>(stream, shape, name), b => b != 0)),
        "|u1" => HostStorage.Copy<int>(shape, Array.ConvertAll(Values<byte>(stream, shape, name), x => (int)x)),
        "|i1" => HostStorage.Copy<int>(shape, Array.ConvertAll(Values<sbyte>(stream, shape, name), x => (int)x)),
        "<u2" => HostStorage.Copy<int>(shape, Array.ConvertAll(Values<ushort>(stream, shape, name), x => (int)x)),
        "<i2" => HostStorage.Copy<int>(shape, Array.ConvertAll(Values<short>(stream, shape, name), x => (int)x)),
        "<u4" => HostStorage.Copy<long>(shape, Array.ConvertAll(Values<uint>(stream, shape, name), x => (long)x)),
        _ => throw new InvalidDataException($"{name} holds elements of type {code}, which is not read."),
    };

    // Read bit by bit, so that a header that lies about the size asks for no memory.
    private static T[] Values<T>(Stream stream, Shape shape, string name)
        where T : unmanaged
    {
        var size = shape.Elements * Marshal.SizeOf<T>();
        using var all = new MemoryStream();
        var buffer = new byte[(int)Math.Min(Math.Max(size, 1), 1 << 20)];
        while (all.Length < size)
        {
            var count = stream.Read(buffer, 0, (int)Math.Min(buffer.Length, size - all.Length));
            if (count == 0)
            {
                throw new InvalidDataException($"{name} is truncated: it has {all.Length} of {size} bytes of elements.");
            }

            all.Write(buffer, 0, count);
        }

        return MemoryMarshal.Cast<byte, T>(all.GetBuffer().AsSpan(0, (int)size)).ToArray();
    }

    // From Fortran's order: the axes lie the other way round.
    private static HostStorage Turned(HostStorage read, Shape shape) => read.Type switch
    {
        DType.Float16 => Turned<Half>(read, shape),
        DType.BFloat16 => Turned<BFloat16>(read, shape),
        DType.Float32 => Turned<float>(read, shape),
        DType.Float64 => Turned<double>(read, shape),
        DType.Int32 => Turned<int>(read, shape),
        DType.Int64 => Turned<long>(read, shape),
        DType.Bool => Turned<bool>(read, shape),
    };

    private static HostStorage Turned<T>(HostStorage read, Shape shape)
        where T : unmanaged
    {
        var from = read.Elements<T>();
        var to = new T[from.Length];
        var place = new int[shape.Rank];
        for (var i = 0; i < to.Length; i++)
        {
            var at = 0L;
            for (var axis = shape.Rank - 1; axis >= 0; axis--)
            {
                at = (at * shape[axis]) + place[axis];
            }

            to[i] = from[(int)at];
            for (var axis = shape.Rank - 1; axis >= 0 && ++place[axis] == shape[axis]; axis--)
            {
                place[axis] = 0;
            }
        }

        return HostStorage.Copy<T>(shape, to);
    }

    private static int[] SizesIn(string text, string name)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var sizes = new int[parts.Length];
        var elements = 1L;
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out sizes[i])
                || (elements *= sizes[i]) > int.MaxValue / 8)
            {
                throw new InvalidDataException($"{name} has the shape ({text}), which is not one of tensors here.");
            }
        }

        return sizes;
    }

    private static byte[] Take(Stream stream, int count, string name)
    {
        var bytes = new byte[count];
        return stream.ReadAtLeast(bytes, count, throwOnEndOfStream: false) == count
            ? bytes
            : throw new InvalidDataException($"{name} is truncated: it ends within its header.");
    }

    [GeneratedRegex("'descr'\\s*:\\s*'([^']+)'")]
    private static partial Regex Descr();

    [GeneratedRegex("'fortran_order'\\s*:\\s*(True|False)")]
    private static partial Regex Order();

    [GeneratedRegex("'shape'\\s*:\\s*\\(([^)]*)\\)")]
    private static partial Regex Sizes();
}
