using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class RandomTests
{
    // The known answers that come with Random123 (Salmon et al. 2011).
    [Theory]
    [InlineData(0, 0, 0, 0, 0x6b200159, 0x99ba4efe)]
    [InlineData(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x1cb996fc, 0xbb002be7)]
    [InlineData(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0)]
    public void Threefry_gives_its_known_answers(uint key0, uint key1, uint counter0, uint counter1, uint first, uint second) =>
        Assert.Equal((first, second), Threefry.Words(key0, key1, counter0, counter1));

    [Theory]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Element_i_comes_of_counter_i_alone(DType type)
    {
        var key = Plain.Of(DType.Int32, new Shape(2));
        (key.Integers[0], key.Integers[1]) = (-7, 123456789);
        var build = new Build();
        Compare.ToReference(build.Returning(build.Random(type, build.Input(DType.Int32, 2), 70_001)), 0, key);
    }

    [Fact]
    public void Counters_beyond_32_bits_go_on_in_the_second_word()
    {
        foreach (var start in new[] { (1L << 32) - 24, (1L << 32) - 5, (1L << 33) + 3 })
        {
            var actual = new int[40];
            Threefry.Fill(DType.Int32, 1, 2, start, System.Runtime.InteropServices.MemoryMarshal.AsBytes(actual.AsSpan()));
            Assert.Equal(Enumerable.Range(0, 40).Select(i => (int)Threefry.Words(1, 2, (uint)(start + i), (uint)((start + i) >> 32)).First), actual);
        }
    }

    [Fact]
    public void Uniform_elements_fill_the_unit_interval_evenly()
    {
        var key = Plain.Of(DType.Int32, new Shape(2));
        key.Integers[0] = 1;
        var build = new Build();
        var x = Compare.Run(Compare.One, build.Returning(build.Random(DType.Float32, build.Input(DType.Int32, 2), 100_000)), key)[0].Floats;
        Assert.All(x, v => Assert.InRange(v, 0, 0.99999997));
        Assert.Equal(0.5, x.Average(), 0.005);
        Assert.Equal(1.0 / 12, x.Average(v => (v - 0.5) * (v - 0.5)), 0.002);
    }
}
