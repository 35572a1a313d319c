using Ad.Numerics;
using Ad.Tensors;
using HostCuda;
using Xunit;

namespace Engine;

public sealed class HalfTests
{
    private static readonly DType[] Types = [DType.Float16, DType.BFloat16];

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Every_number_of_16_bits_widens_to_itself_and_comes_back(DType type)
    {
        var (build, all) = (new Build(), Every(type));
        var x = build.Input(type, 1 << 16);
        var single = build.Cast(x, DType.Float32);
        var program = build.Returning(single, build.Cast(build.Input(DType.Float32, 1 << 16), type));
        var plain = Plain.From(all);
        foreach (var device in Devices())
        {
            var wide = device.Prepare(program).Run([all, Singles(plain)]);
            Compare.Same(plain with { Type = DType.Float32 }, Plain.From(wide[0]), 0, program);
            Compare.Same(plain, Plain.From(wide[1]), 0, program);
        }
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Numbers_round_to_the_nearest_once_ties_to_even(DType type)
    {
        var build = new Build();
        const int Count = 40_000;
        int[] x = [build.Input(DType.Float32, Count), build.Input(DType.Float64, Count), build.Input(DType.Int64, Count), build.Input(DType.Int32, Count)];
        var program = build.Returning([.. x.Select(i => build.Cast(i, type))]);
        var random = new Random(7);
        var (singles, doubles, longs, ints) = (Plain.Of(DType.Float32, new Shape(Count)), Plain.Of(DType.Float64, new Shape(Count)),
            Plain.Of(DType.Int64, new Shape(Count)), Plain.Of(DType.Int32, new Shape(Count)));
        for (var i = 0; i < Count; i++)
        {
            // The middle between two neighbours, and what is next to it.
            var low = BitConverter.UInt16BitsToHalf((ushort)random.Next(1 << 16));
            var bits = (ushort)random.Next(1 << 16);
            var middle = type == DType.Float16
                ? ((double)low + (double)Half.BitIncrement(low)) / 2
                : ((double)new BFloat16(bits).ToSingle() + new BFloat16((ushort)(bits + 1)).ToSingle()) / 2;
            singles[i] = (i % 3) switch { 0 => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)), 1 => middle, _ => MathF.BitIncrement((float)middle) };
            doubles[i] = (i % 4) switch { 0 => middle, 1 => Math.BitIncrement(middle), 2 => Math.BitDecrement(middle), _ => BitConverter.Int64BitsToDouble(random.NextInt64()) };
            longs.Integers[i] = random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            ints.Integers[i] = (int)(random.NextInt64(int.MinValue, int.MaxValue) >> random.Next(32));
        }

        longs.Integers[0] = (1L << 55) + (1L << 47) + 1;
        longs.Integers[1] = long.MinValue;
        longs.Integers[2] = long.MaxValue;
        Plain[] arguments = [singles, doubles, longs, ints];
        foreach (var device in Devices())
        {
            var rounded = Compare.Run(device, program, arguments);
            for (var k = 0; k < rounded.Length; k++)
            {
                for (var i = 0; i < Count; i++)
                {
                    var given = arguments[k];
                    var expected = type == DType.Float16
                        ? given.Type.IsFloat() ? (double)(Half)given.Floats[i] : Exactly(given.Integers[i])
                        : given.Type.IsFloat() ? Scalars.Upper(given.Floats[i]) : Integer(given.Integers[i]);
                    Assert.True(
                        Compare.Ulps(type, expected, rounded[k].Floats[i]) == 0,
                        $"{given[i]:R} of {given.Type} as {type} on {device}: {expected:R} expected, {rounded[k].Floats[i]:R} found");
                }
            }
        }
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void A_fused_loop_reads_and_writes_the_16_bits_alone(DType type)
    {
        var build = new Build();
        const int Count = 100_000;
        var x = build.Input(type, Count);
        var y = build.Apply(Pointwise.Add, build.Apply(Pointwise.Multiply, x, x), build.Apply(Pointwise.Exp, build.Apply(Pointwise.Negate, x)));
        var plan = Compare.One.Prepare(build.Returning(y)).ToString();
        Assert.Contains($"({2 * Count} bytes read, {2 * Count} written,", plan, StringComparison.Ordinal);
        Assert.Contains("temporaries 0 bytes", plan, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Every_operation_rounds_once_however_it_is_fused(DType type)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var make = new Make(seed);
            var (x, y) = (make.Tensor(type, new Shape(3, 41)), make.Tensor(type, new Shape(3, 41)));
            var build = new Build();
            var (a, b) = (build.Input(type, 3, 41), build.Input(type, 3, 41));
            var product = build.Apply(Pointwise.Multiply, build.Apply(Pointwise.Exp, a), b);
            var sum = build.Reduce(Reduction.Sum, build.Apply(Pointwise.Subtract, product, a), 1);
            var fused = Compare.Run(Compare.One, build.Returning(sum), x, y)[0];

            Plain Alone(Func<Build, int[], int> step, params Plain[] given)
            {
                var one = new Build();
                int[] inputs = [.. given.Select(g => one.Input(g.Type, g.Shape.ToArray()))];
                return Compare.Run(Compare.One, one.Returning(step(one, inputs)), given)[0];
            }

            var e = Alone((one, i) => one.Apply(Pointwise.Exp, i[0]), x);
            var p = Alone((one, i) => one.Apply(Pointwise.Multiply, i[0], i[1]), e, y);
            var d = Alone((one, i) => one.Apply(Pointwise.Subtract, i[0], i[1]), p, x);
            var s = Alone((one, i) => one.Reduce(Reduction.Sum, i[0], 1), d);
            Compare.Same(s, fused, 0, build.Returning(sum));
        }
    }

    [Fact]
    public void Sums_of_many_ones_do_not_stick()
    {
        // In 8 bits of fraction, 256 + 1 is 256.
        foreach (var type in Types)
        {
            var build = new Build();
            var ones = build.Constant(type, 1, 60_000);
            var program = build.Returning(build.Reduce(Reduction.Sum, build.Apply(Pointwise.Multiply, ones, build.Input(type, 60_000)), 0));
            var x = Plain.Of(type, new Shape(60_000));
            Array.Fill(x.Floats, 1);
            Assert.Equal(Scalars.Rounded(type, 60_000), Compare.Run(Compare.One, program, x)[0].Floats[0]);
        }
    }

    [Fact]
    public void Numbers_of_16_bits_print_as_the_shortest_text_that_reads_back()
    {
        Assert.Equal("0.1", Scalar.Of(DType.BFloat16, 0.1).ToString());
        Assert.Equal("0.1", Scalar.Of(DType.Float16, 0.1).ToString());
        for (var bits = 0; bits < 1 << 16; bits++)
        {
            var x = new BFloat16((ushort)bits);
            if (float.IsFinite(x.ToSingle()))
            {
                Assert.Equal(x, (BFloat16)double.Parse(x.ToString(), System.Globalization.CultureInfo.InvariantCulture));
            }
        }
    }

    private static IEnumerable<Device> Devices()
    {
        yield return Compare.One;
        yield return new Ad.Tensors.Cpu.CpuDevice(1, 0);
        if (Hosted.IsThere)
        {
            yield return Hosted.Device(false);
        }
    }

    private static HostStorage Every(DType type)
    {
        var all = HostStorage.Allocate(type, new Shape(1 << 16));
        for (var i = 0; i < 1 << 16; i++)
        {
            all.Writable<ushort>()[i] = (ushort)i;
        }

        return all;
    }

    private static HostStorage Singles(Plain plain) => (plain with { Type = DType.Float32 }).Store();

    // The nearest Float16 is infinite long before a double rounds an integer.
    private static double Exactly(long value) => (double)(Half)(double)value;

    // With more bits than a double has, what is below them decides ties only.
    private static double Integer(long value)
    {
        var size = (UInt128)Int128.Abs(value);
        var drop = Math.Max(0, (int)UInt128.Log2(UInt128.Max(1, size)) - 7);
        var (kept, rest, half) = (size >> drop, size & ((UInt128.One << drop) - 1), drop == 0 ? UInt128.Zero : UInt128.One << (drop - 1));
        kept += drop > 0 && (rest > half || (rest == half && (kept & 1) == 1)) ? UInt128.One : UInt128.Zero;
        var rounded = Math.ScaleB((double)kept, drop);
        return value < 0 ? -rounded : rounded;
    }
}
