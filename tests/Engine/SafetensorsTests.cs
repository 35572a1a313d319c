using System.Buffers.Binary;
using System.Text;
using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class SafetensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("safetensors").FullName;

    private string File => Path.Combine(_folder, "tensors.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_is_read_in_order_with_its_metadata()
    {
        var make = new Make(1);
        foreach (var type in Enum.GetValues<DType>())
        {
            var tensors = Enumerable.Range(0, 6)
                .Select(i => KeyValuePair.Create($"layer.{6 - i}.\"é", make.Tensor(type, new Shape(make.Sizes(i)), true).Store()))
                .ToList();
            Safetensors.Write(File, tensors, new Dictionary<string, string> { ["step"] = "12", ["a\n"] = "\u00e9" });
            var (read, metadata) = Safetensors.Read(File);
            Assert.Equal([("a\n", "\u00e9"), ("step", "12")], metadata.Select(m => (m.Key, m.Value)).Order());
            Assert.Equal(tensors.Select(t => t.Key).Order(), read.Select(t => t.Key).Order());
            foreach (var (name, tensor) in read)
            {
                var expected = tensors.Single(t => t.Key == name).Value;
                Assert.Equal((expected.Type, expected.Shape), (tensor.Type, tensor.Shape));
                Assert.True(expected.Bytes.SequenceEqual(tensor.Bytes));
            }
        }
    }

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        Safetensors.Write(File, [KeyValuePair.Create("w", HostStorage.Copy<float>(new Shape(2), [1, 2]))]);
        var bytes = System.IO.File.ReadAllBytes(File);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, header % 8);
        Assert.Equal("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", Encoding.UTF8.GetString(bytes, 8, header).TrimEnd(' '));
        Assert.Equal([0, 0, 0x80, 0x3f, 0, 0, 0, 0x40], bytes[(8 + header)..]);
    }

    [Theory]
    [InlineData("not json", "not JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", "F8_E4M3")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "8 follow the header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "start at 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "'b' start at 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "not a range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "no whole number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", "too large")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "twice")]
    [InlineData("""{"__metadata__":{"x":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "metadata 'x'")]
    public void A_wrong_file_is_refused_in_a_sentence_that_says_what_is_wrong(string header, string reason)
    {
        Put(header, 8);
        var e = Assert.Throws<InvalidDataException>(() => Safetensors.Read(File));
        Assert.Contains(File, e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_name_twice_are_errors_of_their_own()
    {
        Assert.Throws<FileNotFoundException>(() => Safetensors.Read(File));
        var tensor = HostStorage.Copy<float>(Shape.Scalar, [1]);
        Assert.Throws<ArgumentException>(() => Safetensors.Write(File, [KeyValuePair.Create("a", tensor), KeyValuePair.Create("a", tensor)]));
        Assert.Throws<ArgumentException>(() => Safetensors.Write(File, [KeyValuePair.Create("__metadata__", tensor)]));
    }

    [Fact]
    public void A_damaged_file_is_read_or_refused_and_nothing_else() => OperationTests.Repeat(3000, make =>
    {
        if (!System.IO.File.Exists(File))
        {
            Put("""{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b\u00e9":{"dtype":"BOOL","shape":[1,3],"data_offsets":[8,11]}}""", 11);
        }

        var bytes = System.IO.File.ReadAllBytes(File);
        var damaged = bytes[..(make.Chance(0.3) ? make.Below(bytes.Length) : bytes.Length)];
        for (var flips = make.Below(4); flips > 0 && damaged.Length > 0; flips--)
        {
            damaged[make.Below(damaged.Length)] ^= (byte)(1 << make.Below(8));
        }

        var other = Path.Combine(_folder, "damaged");
        System.IO.File.WriteAllBytes(other, damaged);
        try
        {
            Safetensors.Read(other);
        }
        catch (InvalidDataException e)
        {
            Assert.Contains(other, e.Message, StringComparison.Ordinal);
        }
    });

    [Fact]
    public void A_write_that_fails_leaves_the_old_file_and_nothing_else()
    {
        var tensor = KeyValuePair.Create("a", HostStorage.Copy<int>(new Shape(1), [7]));
        Safetensors.Write(File, [tensor]);
        Directory.CreateDirectory(Path.Combine(_folder, "folder"));
        Assert.ThrowsAny<Exception>(() => Safetensors.Write(Path.Combine(_folder, "folder"), [tensor]));
        Safetensors.Write(File, [tensor]);
        Assert.Equal(["folder", "tensors.safetensors"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order());
    }

    private void Put(string header, int elements)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + text.Length + elements];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        System.IO.File.WriteAllBytes(File, bytes);
    }
}
