using System.Buffers.Binary;
using System.IO.Compression;

namespace Ad.Host;

/// <summary>
/// Reads the pixels of PNG files (ISO/IEC 15948): grey, coloured or with a palette, of 1 to 16 bits, not interlaced. An alpha channel is left out; of 16 bits
/// the upper 8 are kept.
/// </summary>
internal static class Png
{
    /// <summary>The first eight bytes of every PNG.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>The channels, 1 or 3, the size, and the pixels from 0 to 255 row by row, the channels of each together.</summary>
    /// <exception cref="ShellException">The file is damaged, or of a kind that is not read; the message says <paramref name="path"/>.</exception>
    public static (int Channels, int Height, int Width, byte[] Pixels) Read(string path, ReadOnlySpan<byte> contents)
    {
        using var packed = new MemoryStream();
        ReadOnlySpan<byte> header = [];
        ReadOnlySpan<byte> palette = [];
        var at = Signature.Length;

        while (at + 12 <= contents.Length)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(contents[at..]);
            if (length < 0 || length > contents.Length - at - 12)
            {
                throw Damaged(path);
            }

            var kind = contents.Slice(at + 4, 4);
            var part = contents.Slice(at + 8, length);
            if (kind.SequenceEqual("IHDR"u8))
            {
                header = part;
            }
            else if (kind.SequenceEqual("PLTE"u8))
            {
                palette = part;
            }
            else if (kind.SequenceEqual("IDAT"u8))
            {
                packed.Write(part);
            }

            at += length + 12;
        }

        if (header.Length != 13)
        {
            throw Damaged(path);
        }

        var width = BinaryPrimitives.ReadInt32BigEndian(header);
        var height = BinaryPrimitives.ReadInt32BigEndian(header[4..]);
        var (depth, kindOfColour) = (header[8], header[9]);
        var samples = kindOfColour switch { 0 => 1, 2 => 3, 3 => 1, 4 => 2, 6 => 4, _ => 0 };
        var isKnown = samples > 0 && (depth == 8 || (depth == 16 && kindOfColour != 3) || (depth is 1 or 2 or 4 && samples == 1));
        if (!isKnown || header[12] != 0 || width is < 1 or > 65_536 || height is < 1 or > 65_536)
        {
            throw ShellException.BadData(
                $"{path} is a PNG of {width} x {height}, colour type {kindOfColour}, {depth} bits{(header[12] == 0 ? "" : ", interlaced")}, which is not read.");
        }

        var step = Math.Max(1, samples * depth / 8);
        var stride = ((samples * depth * width) + 7) / 8;
        var lines = Unfiltered(path, Unpacked(path, packed, (stride + 1) * (long)height), stride, step);
        var channels = kindOfColour is 0 or 4 ? 1 : 3;
        var pixels = new byte[channels * height * width];

        for (var place = 0; place < height * width; place++)
        {
            var (row, column) = (place / width, place % width);
            if (kindOfColour == 3)
            {
                var entry = 3 * Sample(lines, row * stride, column, depth);
                if (entry + 3 > palette.Length)
                {
                    throw Damaged(path);
                }

                palette.Slice(entry, 3).CopyTo(pixels.AsSpan(3 * place));
                continue;
            }

            for (var channel = 0; channel < channels; channel++)
            {
                // Grey of few bits goes from 0 to 255 as well.
                var sample = Sample(lines, row * stride, (column * samples) + channel, depth);
                pixels[(place * channels) + channel] = (byte)(depth < 8 ? sample * 255 / ((1 << depth) - 1) : sample);
            }
        }

        return (channels, height, width, pixels);
    }

    private static int Sample(byte[] lines, int line, int index, int depth) => depth switch
    {
        8 => lines[line + index],
        16 => lines[line + (2 * index)],
        _ => (lines[line + (index * depth / 8)] >> (8 - depth - (index * depth % 8))) & ((1 << depth) - 1),
    };

    private static byte[] Unpacked(string path, MemoryStream packed, long size)
    {
        packed.Position = 0;
        var all = new byte[size];
        try
        {
            using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
            zlib.ReadExactly(all);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw ShellException.BadData($"{path} is truncated or damaged: {e.Message}", e);
        }

        return all;
    }

    /// <summary>The lines without the byte that each begins with, which says what its bytes are differences from.</summary>
    private static byte[] Unfiltered(string path, byte[] all, int stride, int step)
    {
        var lines = new byte[all.Length / (stride + 1) * stride];
        for (var row = 0; row < lines.Length / stride; row++)
        {
            var filter = all[row * (stride + 1)];
            if (filter > 4)
            {
                throw Damaged(path);
            }

            for (var i = 0; i < stride; i++)
            {
                var here = (row * stride) + i;
                int left = i < step ? 0 : lines[here - step];
                int up = row == 0 ? 0 : lines[here - stride];
                int corner = i < step || row == 0 ? 0 : lines[here - stride - step];
                var from = filter switch
                {
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    4 => Nearest(left, up, corner),
                    _ => 0,
                };
                lines[here] = (byte)(all[(row * (stride + 1)) + 1 + i] + from);
            }
        }

        return lines;
    }

    // Paeth's choice of the neighbour that is nearest to left + up - corner.
    private static int Nearest(int left, int up, int corner)
    {
        var (byLeft, byUp, byCorner) = (Math.Abs(up - corner), Math.Abs(left - corner), Math.Abs(left + up - corner - corner));
        return byLeft <= byUp && byLeft <= byCorner ? left : byUp <= byCorner ? up : corner;
    }

    private static ShellException Damaged(string path) => ShellException.BadData($"{path} is truncated or damaged: it is no whole PNG.");
}
