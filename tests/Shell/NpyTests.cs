using System.Text;
using Ad.Tensors;
using Xunit;

namespace Shell;

public sealed class NpyTests
{
    private static byte[] File(string header, params byte[] elements)
    {
        var text = Encoding.ASCII.GetBytes(header + "\n");
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. text, .. elements];
    }

    private static HostStorage Read(byte[] bytes) => Npy.Read(new MemoryStream(bytes), "a.npy");

    private static byte[] Written(HostStorage tensor)
    {
        using var stream = new MemoryStream();
        Npy.Write(stream, tensor);
        return stream.ToArray();
    }

    [Fact]
    public void What_is_written_is_read_bit_by_bit()
    {
        HostStorage[] all =
        [
            HostStorage.Copy<float>(new Shape(2, 3), [1, -0f, float.NaN, float.Epsilon, 2, 3]),
            HostStorage.Copy<Half>(new Shape(2, 2), [(Half)1, (Half)(-0f), Half.NaN, Half.Epsilon]),
            HostStorage.Copy<double>(Shape.Scalar, [Math.PI]),
            HostStorage.Copy<int>(new Shape(4), [1, -2, int.MaxValue, 0]),
            HostStorage.Copy<long>(new Shape(0, 5), []),
            HostStorage.Copy<bool>(new Shape(1, 2), [true, false]),
        ];

        foreach (var tensor in all)
        {
            var bytes = Written(tensor);
            var read = Read(bytes);
            Assert.Equal((tensor.Type, tensor.Shape), (read.Type, read.Shape));
            Assert.Equal(tensor.Bytes.ToArray(), read.Bytes.ToArray());
            Assert.Equal(0, (bytes.Length - tensor.Bytes.Length) % 64);
        }
    }

    [Fact]
    public void The_bytes_are_those_that_numpy_writes()
    {
        // numpy.save of numpy.array([1, 2], dtype="<i4"), version 1.24.
        var header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }".PadRight(117);
        Assert.Equal(File(header, 1, 0, 0, 0, 2, 0, 0, 0), Written(HostStorage.Copy<int>(new Shape(2), [1, 2])));
    }

    [Fact]
    public void Small_whole_numbers_and_columns_first_are_read()
    {
        var bytes = Read(File("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", 0, 128, 255));
        Assert.Equal([0, 128, 255], bytes.Elements<int>().ToArray());
        var turned = Read(File("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", 1, 4, 2, 5, 3, 255));
        Assert.Equal(new Shape(2, 3), turned.Shape);
        Assert.Equal([1, 2, 3, 4, 5, -1], turned.Elements<int>().ToArray());
    }

    [Theory]
    [InlineData("{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", "type <c16")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }", "truncated")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999), }", "not one of tensors here")]
    [InlineData("{'descr': '<f4', 'shape': (1,), }", "its header is")]
    public void What_cannot_be_read_is_said(string header, string complaint)
    {
        var e = Assert.Throws<InvalidDataException>(() => Read(File(header, 0, 0, 0, 0)));
        Assert.Contains("a.npy", e.Message, StringComparison.Ordinal);
        Assert.Contains(complaint, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_beginning_of_a_file_is_a_file()
    {
        var whole = Written(HostStorage.Copy<float>(new Shape(2), [1, 2]));
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.Throws<InvalidDataException>(() => Read(whole[..length]));
        }
    }
}
