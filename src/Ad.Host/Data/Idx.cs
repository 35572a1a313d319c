using System.Buffers.Binary;

namespace Ad.Host;

/// <summary>
/// Reads the IDX files of MNIST (LeCun, Cortes and Burges): two zero bytes, the element type, the number of axes, their sizes
/// as big-endian 32-bit numbers, the elements.
/// </summary>
public static class Idx
{
    private const byte UnsignedByte = 0x08;

    /// <summary>The examples in a file of pictures and a file of labels; pixels stay between 0 and 255.</summary>
    /// <exception cref="ShellException">A file is not what it should be; the message names it.</exception>
    public static DataSet Read(string name, string picturesPath, string labelsPath)
    {
        var (pictureSizes, pixels) = Elements(picturesPath, DataFile.Read(picturesPath), axes: 3);
        var (labelSizes, classes) = Elements(labelsPath, DataFile.Read(labelsPath), axes: 1);

        if (pictureSizes[0] != labelSizes[0])
        {
            throw ShellException.BadData(
                $"{picturesPath} holds {pictureSizes[0]} pictures, but {labelsPath} holds {labelSizes[0]} labels.");
        }

        if (pixels.IsEmpty)
        {
            throw ShellException.BadData($"{picturesPath} holds no pictures.");
        }

        var inputs = new float[pixels.Length];
        var labels = new int[classes.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i] = pixels.Span[i];
        }

        for (var i = 0; i < labels.Length; i++)
        {
            labels[i] = classes.Span[i];
        }

        return new DataSet(name, pictureSizes[1] * pictureSizes[2], labels.Max() + 1, inputs, labels, [1, pictureSizes[1], pictureSizes[2]]);
    }

    /// <summary>The sizes of the axes and the elements of an IDX file of bytes.</summary>
    /// <exception cref="ShellException">The contents are not such a file; the message says <paramref name="path"/>.</exception>
    public static (int[] Sizes, ReadOnlyMemory<byte> Elements) Elements(string path, byte[] contents, int axes)
    {
        ArgumentNullException.ThrowIfNull(contents);
        var header = 4 + (4 * axes);
        var magic = contents.Length >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(contents) : 0;
        var expected = ((uint)UnsignedByte << 8) | (uint)axes;

        if (contents.Length >= 4 && magic != expected)
        {
            throw ShellException.BadData($"{path} begins with 0x{magic:x8}, but an IDX file of bytes with {axes} axes begins with 0x{expected:x8}.");
        }

        if (contents.Length < header)
        {
            throw ShellException.BadData($"{path} is truncated: it has {contents.Length} bytes, less than its header of {header}.");
        }

        var sizes = Enumerable.Range(0, axes)
            .Select(axis => BinaryPrimitives.ReadUInt32BigEndian(contents.AsSpan(4 + (4 * axis))))
            .ToArray();
        var length = sizes.Aggregate(UInt128.One, (product, size) => product * size);
        var held = (UInt128)(contents.Length - header);

        if (held != length)
        {
            var wrong = held < length ? "is truncated" : "has bytes left over";
            throw ShellException.BadData(
                $"{path} {wrong}: its header says {string.Join(" x ", sizes)} elements, and it holds {held} bytes of them.");
        }

        return ([.. sizes.Select(size => (int)size)], contents.AsMemory(header));
    }
}
