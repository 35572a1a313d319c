using System.Buffers.Binary;
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
