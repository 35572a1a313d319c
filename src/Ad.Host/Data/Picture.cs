using System.Buffers.Binary;
using System.Globalization;

namespace Ad.Host;

/// <summary>
/// A picture, channel by channel and row by row, read from binary PGM and PPM (netpbm's P5 and P6, up to 8 bits), from PNG, and from uncompressed BMP of
/// 8, 24 or 32 bits.
/// </summary>
public sealed class Picture
{
    private Picture(int channels, int height, int width, byte[] pixels) =>
        (Channels, Height, Width, Pixels) = (channels, height, width, pixels);

    /// <summary>1 for grey, 3 for red, green and blue.</summary>
    public int Channels { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>The pixels, from 0 to 255.</summary>
    public byte[] Pixels { get; }

    /// <summary>The endings of files that can be read.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".pgm", ".ppm", ".pnm", ".bmp", ".png"];

    /// <summary>Reads a picture from a file's contents.</summary>
    /// <exception cref="ShellException">They are no such picture; the message says <paramref name="path"/>.</exception>
    public static Picture Read(string path, byte[] contents)
    {
        ArgumentNullException.ThrowIfNull(contents);
        return contents switch
        {
            [(byte)'P', (byte)'5' or (byte)'6', ..] => Netpbm(path, contents),
            [(byte)'B', (byte)'M', ..] => Bitmap(path, contents),
            _ when contents.AsSpan().StartsWith(Png.Signature) => Portable(path, contents),
            _ => throw ShellException.BadData($"{path} is neither a binary PGM or PPM nor a PNG or BMP."),
        };
    }

    /// <summary>A grey picture of numbers from 0 to 1, row by row, as PGM.</summary>
    public static byte[] Pgm(int height, int width, ReadOnlySpan<double> values)
    {
        if (values.Length != height * width)
        {
            throw new ArgumentException($"{values.Length} numbers are no {height} x {width}.");
        }

        var header = System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"P5\n{width} {height}\n255\n"));
        byte[] all = [.. header, .. new byte[values.Length]];
        for (var i = 0; i < values.Length; i++)
        {
            all[header.Length + i] = (byte)Math.Round(255 * Math.Clamp(values[i], 0, 1));
        }

        return all;
    }

    private static Picture Netpbm(string path, byte[] contents)
    {
        var channels = contents[1] == '6' ? 3 : 1;
        var at = 2;
        var numbers = new int[3];
        for (var i = 0; i < 3; i++)
        {
            while (at < contents.Length && (char.IsWhiteSpace((char)contents[at]) || contents[at] == '#'))
            {
                at = contents[at] == '#' && Array.IndexOf(contents, (byte)'\n', at) is >= 0 and var end ? end : at;
                at++;
            }

            while (at < contents.Length && char.IsAsciiDigit((char)contents[at]) && numbers[i] < 1_000_000)
            {
                numbers[i] = (numbers[i] * 10) + contents[at++] - '0';
            }
        }

        // One blank ends the header.
        at++;
        var (width, height, most) = (numbers[0], numbers[1], numbers[2]);
        var size = (long)channels * width * height;
        if (size == 0 || most is 0 or > 255 || contents.Length - at < size)
        {
            throw ShellException.BadData($"{path} is truncated or damaged: {width} x {height} pixels of up to {most} are not in its {contents.Length} bytes.");
        }

        var pixels = new byte[size];
        for (var i = 0; i < pixels.Length; i++)
        {
            // From pixel by pixel to channel by channel.
            var (channel, place) = (i / (width * height), i % (width * height));
            pixels[i] = (byte)(Math.Min((int)contents[at + (place * channels) + channel], most) * 255 / most);
        }

        return new Picture(channels, height, width, pixels);
    }

    private static Picture Portable(string path, byte[] contents)
    {
        var (channels, height, width, together) = Png.Read(path, contents);
        var pixels = new byte[together.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = together[(i % (width * height) * channels) + (i / (width * height))];
        }

        return new Picture(channels, height, width, pixels);
    }

    private static Picture Bitmap(string path, byte[] contents)
    {
        int Int(int at) => contents.Length >= at + 4 ? BinaryPrimitives.ReadInt32LittleEndian(contents.AsSpan(at)) : 0;
        var (first, header, width, high) = (Int(10), Int(14), Int(18), Int(22));
        var bits = Int(28) & 0xffff;
        var height = Math.Abs((long)high);
        var stride = ((width * (long)bits) + 31) / 32 * 4;

        if (header < 40 || width is < 1 or > 65_536 || height is < 1 or > 65_536 || bits is not (8 or 24 or 32) || Int(30) is not (0 or 3))
        {
            throw ShellException.BadData($"{path} is a BMP of {width} x {high} with {bits} bits or compressed, which is not read.");
        }

        if (first < 14 + header || contents.Length < first + (stride * height))
        {
            throw ShellException.BadData($"{path} is truncated or damaged: its pixels are not all there.");
        }

        // A palette is read for what it says; grey ones give equal channels.
        var palette = 14 + header;
        var pixels = new byte[3 * width * height];
        for (var row = 0; row < height; row++)
        {
            var line = first + (stride * (high > 0 ? height - 1 - row : row));
            for (var column = 0; column < width; column++)
            {
                var at = bits == 8 ? palette + (4 * contents[line + column]) : line + (column * bits / 8);
                for (var channel = 0; channel < 3; channel++)
                {
                    // Blue comes first.
                    pixels[(channel * width * height) + (row * width) + column] = at + 2 < contents.Length ? contents[at + 2 - channel] : (byte)0;
                }
            }
        }

        return new Picture(3, (int)height, width, pixels);
    }
}
