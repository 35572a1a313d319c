using Ad.Host;
using Xunit;

namespace Shell;

public sealed class IdxTests : IDisposable
{
    private static readonly byte[] Pictures = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255];
    private static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 0];
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private string Refused(byte[] pictures, byte[] labels)
    {
        var p = _scratch.Write("train-images-idx3-ubyte", pictures);
        var l = _scratch.Write("train-labels-idx1-ubyte", labels);
        var e = Assert.Throws<ShellException>(() => Idx.Read("t", p, l));
        Assert.Equal(ExitCodes.Data, e.ExitCode);
        return e.Message.Replace(_scratch.Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_and_labels_are_read()
    {
        var data = Idx.Read("t", _scratch.Write("p", Pictures), _scratch.Pack("l", Labels));
        Assert.Equal([1, 2, 3, 4, 5, 255], data.Inputs);
        Assert.Equal([7, 0], data.Labels);
        Assert.Equal((3, 8), (data.Features, data.Classes));
    }

    [Fact]
    public void A_wrong_magic_number_is_named() =>
        Assert.Equal(
            "train-images-idx3-ubyte begins with 0x00000801, but an IDX file of bytes with 3 axes begins with 0x00000803.",
            Refused(Labels, Labels));

    [Fact]
    public void A_cut_file_is_refused_wherever_it_is_cut()
    {
        for (var length = 1; length < Pictures.Length; length++)
        {
            var message = Refused(Pictures[..length], Labels);
            Assert.Contains("train-images-idx3-ubyte", message, StringComparison.Ordinal);
            Assert.Contains("truncated", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Bytes_left_over_are_refused() =>
        Assert.Equal(
            "train-labels-idx1-ubyte has bytes left over: its header says 2 elements, and it holds 3 bytes of them.",
            Refused(Pictures, [.. Labels, 9]));

    [Fact]
    public void Sizes_beyond_all_memory_are_truncation_and_not_an_overflow() =>
        Assert.Contains(
            "is truncated: its header says 4294967295 x 4294967295 x 4294967295 elements",
            Refused([0, 0, 8, 3, .. Enumerable.Repeat((byte)255, 12), 1], Labels),
            StringComparison.Ordinal);

    [Fact]
    public void As_many_labels_as_pictures_are_needed() =>
        Assert.Equal(
            "train-images-idx3-ubyte holds 2 pictures, but train-labels-idx1-ubyte holds 1 labels.",
            Refused(Pictures, [0, 0, 8, 1, 0, 0, 0, 1, 7]));

    [Fact]
    public void No_pictures_are_refused() =>
        Assert.Equal(
            "train-images-idx3-ubyte holds no pictures.",
            Refused([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3], [0, 0, 8, 1, 0, 0, 0, 0]));

    [Fact]
    public void A_folder_is_read_with_its_own_test_examples()
    {
        _scratch.Write("train-images-idx3-ubyte", Pictures);
        _scratch.Write("train-labels-idx1-ubyte", Labels);
        _scratch.Pack("t10k-images-idx3-ubyte.gz", Pictures);
        _scratch.Pack("t10k-labels.idx1-ubyte.gz", [0, 0, 8, 1, 0, 0, 0, 2, 9, 0]);
        var split = DataSource.Open(_scratch.Folder);
        Assert.Equal((2, 2, 10, 10), (split.Train.Count, split.Test.Count, split.Train.Classes, split.Test.Classes));
    }

    [Fact]
    public void A_file_that_the_folder_lacks_is_named()
    {
        _scratch.Write("train-images-idx3-ubyte", Pictures);
        var e = Assert.Throws<ShellException>(() => DataSource.Open(_scratch.Folder));
        Assert.Equal($"The folder {_scratch.Folder} has no file train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz.", e.Message);
    }
}
