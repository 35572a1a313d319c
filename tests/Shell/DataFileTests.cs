using System.Security.Cryptography;
using System.Text;
using Ad.Host;
using Xunit;

namespace Shell;

public sealed class DataFileTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static string Refused(string path)
    {
        var e = Assert.Throws<ShellException>(() => DataFile.Read(path));
        Assert.Equal(ExitCodes.Data, e.ExitCode);
        return e.Message;
    }

    [Fact]
    public void Packed_and_plain_files_read_the_same()
    {
        byte[] bytes = [1, 2, 3, 4, 5];
        Assert.Equal(bytes, DataFile.Read(_scratch.Write("a.csv", bytes)));
        Assert.Equal(bytes, DataFile.Read(_scratch.Pack("a.csv.gz", bytes)));
    }

    [Fact]
    public void Members_one_after_another_are_one_file()
    {
        var one = File.ReadAllBytes(_scratch.Pack("1.gz", [1, 2]));
        var two = File.ReadAllBytes(_scratch.Pack("2.gz", [3]));
        Assert.Equal([1, 2, 3], DataFile.Read(_scratch.Write("both.gz", [.. one, .. two])));
    }

    [Fact]
    public void A_packed_file_cut_anywhere_is_refused()
    {
        var whole = File.ReadAllBytes(_scratch.Pack("whole.gz", RandomNumberGenerator.GetBytes(3000)));

        for (var length = 2; length < whole.Length; length += length < 40 || length > whole.Length - 20 ? 1 : 97)
        {
            var cut = _scratch.Write("cut.gz", whole[..length]);
            Assert.Contains("cut.gz is truncated", Refused(cut), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_packed_file_with_a_changed_byte_is_refused()
    {
        var whole = File.ReadAllBytes(_scratch.Pack("whole.gz", Encoding.UTF8.GetBytes(new string('x', 100) + "yz")));
        whole[^6] ^= 1;
        Assert.Contains("damaged", Refused(_scratch.Write("bad.gz", whole)), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_empty_and_misnamed_files_are_refused_by_name()
    {
        Assert.Equal($"The data file {_scratch["no.csv"]} does not exist.", Refused(_scratch["no.csv"]));
        Assert.Equal($"{_scratch["empty.csv"]} is empty.", Refused(_scratch.Write("empty.csv", "")));
        Assert.Equal($"{_scratch["plain.gz"]} is not gzip, though its name says so.", Refused(_scratch.Write("plain.gz", "1,2,0\n")));
    }
}
