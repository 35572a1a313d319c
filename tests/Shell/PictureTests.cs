using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Ad.Host;
using Ad.Tensors;
using Xunit;

namespace Shell;

public sealed class PictureTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static byte[] Ppm(int width, int height, params byte[] pixels) => [.. Encoding.ASCII.GetBytes($"P6\n# made here\n{width} {height}\n255\n"), .. pixels];

    private static byte[] Bmp(int width, int height, int bits, byte[] pixels)
    {
        var bytes = new byte[54 + pixels.Length];
        "BM"u8.CopyTo(bytes);
        void Int(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        Int(10, 54);
        Int(14, 40);
        Int(18, width);
        Int(22, height);
        Int(26, 1 | (bits << 16));
        pixels.CopyTo(bytes, 54);
        return bytes;
    }

    [Fact]
    public void Pixels_come_channel_by_channel_from_the_top()
    {
        var ppm = Picture.Read("a.ppm", Ppm(2, 1, 1, 2, 3, 4, 5, 6));
        Assert.Equal((3, 1, 2), (ppm.Channels, ppm.Height, ppm.Width));
        Assert.Equal<byte>([1, 4, 2, 5, 3, 6], ppm.Pixels);

        // Two rows of one pixel, each line padded to four bytes, blue first, the bottom row first.
        var bmp = Picture.Read("a.bmp", Bmp(1, 2, 24, [30, 20, 10, 0, 60, 50, 40, 0]));
        Assert.Equal<byte>([40, 10, 50, 20, 60, 30], bmp.Pixels);
        Assert.Equal<byte>([10, 40, 20, 50, 30, 60], Picture.Read("a.bmp", Bmp(1, -2, 24, [30, 20, 10, 0, 60, 50, 40, 0])).Pixels);
    }

    private static byte[] Chunk(string kind, byte[] data)
    {
        var bytes = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, data.Length);
        Encoding.ASCII.GetBytes(kind).CopyTo(bytes, 4);
        data.CopyTo(bytes, 8);
        return bytes;
    }

    /// <summary>A PNG of lines that each begin with their filter.</summary>
    private static byte[] PngOf(int width, int height, byte depth, byte colour, byte[] lines, byte[]? palette = null, byte interlaced = 0)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = (depth, colour, interlaced);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize))
        {
            zlib.Write(lines);
        }

        // The pixels come in two parts, as they may.
        var data = packed.ToArray();
        return
        [
            0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10,
            .. Chunk("IHDR", header),
            .. palette is null ? [] : Chunk("PLTE", palette),
            .. Chunk("IDAT", data[..3]),
            .. Chunk("IDAT", data[3..]),
            .. Chunk("IEND", []),
        ];
    }

    [Fact]
    public void Every_kind_of_line_of_a_PNG_is_read()
    {
        // What the five filters make of the same rows, computed here from their definition: none, left, above, their mean, Paeth's choice.
        byte[] rows = [10, 20, 30, 40, 50, 60, 15, 5, 250, 45, 200, 61, 3, 99, 7, 80, 81, 82, 9, 8, 7, 6, 5, 4, 100, 90, 80, 70, 60, 50];
        var lines = new List<byte>();
        for (var row = 0; row < 5; row++)
        {
            lines.Add((byte)row);
            for (var i = 0; i < 6; i++)
            {
                int At(int r, int c) => r < 0 || c < 0 ? 0 : rows[(r * 6) + c];
                var (left, up, corner) = (At(row, i - 3), At(row - 1, i), i < 3 ? 0 : At(row - 1, i - 3));
                var guess = left + up - corner;
                var paeth = new[] { left, up, corner }.MinBy(n => Math.Abs(guess - n));
                lines.Add((byte)(At(row, i) - new[] { 0, left, up, (left + up) / 2, paeth }[row]));
            }
        }

        var png = Picture.Read("a.png", PngOf(2, 5, 8, 2, [.. lines]));
        Assert.Equal((3, 5, 2), (png.Channels, png.Height, png.Width));
        for (var i = 0; i < rows.Length; i++)
        {
            Assert.Equal(rows[i], png.Pixels[(i % 3 * 10) + (i / 3)]);
        }
    }

    [Fact]
    public void A_PNG_may_be_grey_or_have_a_palette_alpha_or_other_depths()
    {
        Assert.Equal<byte>([0, 255, 255, 0], Picture.Read("g.png", PngOf(4, 1, 1, 0, [0, 0b0110_0000])).Pixels);
        Assert.Equal<byte>([0, 85, 170, 255], Picture.Read("g.png", PngOf(4, 1, 2, 0, [0, 0b0001_1011])).Pixels);
        Assert.Equal<byte>([7, 9], Picture.Read("g.png", PngOf(2, 1, 16, 0, [0, 7, 200, 9, 1])).Pixels);
        Assert.Equal<byte>([7, 9], Picture.Read("g.png", PngOf(2, 1, 8, 4, [0, 7, 255, 9, 0])).Pixels);
        Assert.Equal<byte>([1, 4, 2, 5, 3, 6], Picture.Read("c.png", PngOf(2, 1, 8, 6, [0, 1, 2, 3, 255, 4, 5, 6, 255])).Pixels);
        Assert.Equal<byte>([4, 1, 5, 2, 6, 3], Picture.Read("c.png", PngOf(2, 1, 4, 3, [0, 0x10], [1, 2, 3, 4, 5, 6])).Pixels);
    }

    [Fact]
    public void A_PNG_that_is_damaged_or_of_another_kind_is_refused_by_name()
    {
        var whole = PngOf(2, 1, 8, 0, [0, 1, 2]);
        byte[][] bad =
        [
            whole[..20], whole[..50], PngOf(2, 1, 8, 0, [9, 1, 2]), PngOf(2, 1, 8, 0, [0, 1]), PngOf(2, 1, 8, 3, [0, 1, 2], [0, 0, 0]),
            PngOf(2, 1, 8, 0, [0, 1, 2], interlaced: 1), PngOf(2, 1, 8, 5, [0, 1, 2]), PngOf(0, 1, 8, 0, [0]),
        ];

        foreach (var contents in bad)
        {
            var e = Assert.Throws<ShellException>(() => Picture.Read("p.png", contents));
            Assert.StartsWith("p.png", e.Message, StringComparison.Ordinal);
            Assert.Equal(ExitCodes.Data, e.ExitCode);
        }
    }

    [Fact]
    public void A_grey_picture_is_written_and_read()
    {
        var pgm = Picture.Read("g.pgm", Picture.Pgm(2, 3, [0, 0.2, 0.4, 0.6, 0.8, 2]));
        Assert.Equal((1, 2, 3), (pgm.Channels, pgm.Height, pgm.Width));
        Assert.Equal<byte>([0, 51, 102, 153, 204, 255], pgm.Pixels);
    }

    [Fact]
    public void What_is_damaged_is_refused_by_name()
    {
        var whole = Ppm(2, 2, new byte[12]);
        var bmp = Bmp(2, 2, 24, new byte[16]);
        foreach (var bad in new[] { whole[..^1], whole[..4], [1, 2, 3], bmp[..^1], bmp[..20], Bmp(2, 2, 16, new byte[16]) })
        {
            var e = Assert.Throws<ShellException>(() => Picture.Read("p.ppm", bad));
            Assert.Equal(ExitCodes.Data, e.ExitCode);
            Assert.Contains("p.ppm", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Folders_of_classes_are_data_and_their_names_classes()
    {
        foreach (var (part, kind, shade) in new[] { ("train", "cat", 10), ("train", "dog", 200), ("train", "dog", 210), ("test", "dog", 190) })
        {
            var folder = Directory.CreateDirectory(_scratch[$"{part}/{kind}"]).FullName;
            File.WriteAllBytes(Path.Combine(folder, $"{shade}.pgm"), Picture.Pgm(2, 2, [shade / 255.0, 0, 0, 1]));
        }

        var split = DataSource.Open(_scratch.Folder);
        Assert.Equal([0, 1, 1], split.Train.Labels);
        Assert.Equal([1], split.Test.Labels);
        Assert.Equal([1, 2, 2], split.Train.Example);
        Assert.Equal([210, 0, 0, 255], split.Train.Inputs[8..]);

        File.WriteAllBytes(_scratch["train/cat/other.pgm"], Picture.Pgm(1, 2, [0, 0]));
        var e = Assert.Throws<ShellException>(() => DataSource.Open(_scratch.Folder));
        Assert.Contains("other.pgm has 1 x 1 x 2 pixels, but those before it 1 x 2 x 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_batches_of_cifar_are_data()
    {
        byte[] Record(byte label, byte red) => [label, .. Enumerable.Repeat(red, 1024), .. new byte[2048]];
        File.WriteAllBytes(_scratch["data_batch_1.bin"], [.. Record(3, 7), .. Record(9, 8)]);
        File.WriteAllBytes(_scratch["data_batch_2.bin"], Record(0, 9));
        File.WriteAllBytes(_scratch["test_batch.bin"], Record(5, 1));
        var split = DataSource.Open(_scratch.Folder);
        Assert.Equal([3, 9, 0], split.Train.Labels);
        Assert.Equal([3, 32, 32], split.Train.Example);
        Assert.Equal((10, 8f, 0f), (split.Train.Classes, split.Train.Inputs[3072], split.Train.Inputs[3072 + 1024]));
        Assert.Equal([5], split.Test.Labels);

        File.WriteAllBytes(_scratch["data_batch_2.bin"], Record(10, 9));
        Assert.Contains("label 10 in record 0", Assert.Throws<ShellException>(() => DataSource.Open(_scratch.Folder)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(_scratch["data_batch_2.bin"], Record(1, 9)[..^1]);
        Assert.Contains("are not whole records of 3073", Assert.Throws<ShellException>(() => DataSource.Open(_scratch.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_npz_archive_is_data()
    {
        Npy.WriteArchive(
            _scratch["d.npz"],
            [
                new("x", HostStorage.Copy<double>(new Shape(5, 2, 2), [.. Enumerable.Range(0, 20).Select(i => (double)i)])),
                new("y", HostStorage.Copy<long>(new Shape(5), [0, 1, 2, 1, 0])),
            ]);
        var split = DataSource.Open(_scratch["d.npz"]);
        Assert.Equal(5, split.Train.Count + split.Test.Count);
        Assert.Equal([1, 2, 2], split.Train.Example);
        Assert.Equal(3, split.Train.Classes);

        Npy.WriteArchive(_scratch["d.npz"], [new("z", HostStorage.Copy<float>(new Shape(1), [1]))]);
        Assert.Contains("has no x and y, but z", Assert.Throws<ShellException>(() => DataSource.Open(_scratch["d.npz"])).Message, StringComparison.Ordinal);
        File.WriteAllText(_scratch["d.npz"], "no archive");
        Assert.Equal(ExitCodes.Data, Assert.Throws<ShellException>(() => DataSource.Open(_scratch["d.npz"])).ExitCode);
    }
}
