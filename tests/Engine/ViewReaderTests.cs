using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

public sealed class ViewReaderTests
{
    // Axes short and long, repeated, reversed and in any order in memory; a reader that stands anywhere.
    private static (Layout Layout, int Bound) Any(Make make)
    {
        var sizes = Enumerable.Range(0, 1 + make.Below(4)).Select(_ => make.Pick(1, 2, 3, 4, 5, 15, 16, 40)).ToArray();
        var strides = new long[sizes.Length];
        var (next, offset) = (1L, 0L);
        foreach (var axis in make.Shuffled(sizes.Length))
        {
            if (!make.Chance(0.25))
            {
                strides[axis] = make.Chance(0.2) ? -next : next;
                offset += strides[axis] < 0 ? next * (sizes[axis] - 1) : 0;
                next *= sizes[axis] + make.Below(2);
            }
        }

        return (new Layout(sizes, strides, offset), (int)next);
    }

    private static int[] Places(Layout layout) =>
        [.. Enumerable.Range(0, (int)layout.Elements()).Select(element =>
        {
            var place = layout.Offset;
            for (var axis = layout.Rank - 1; axis >= 0; axis--)
            {
                (element, var index) = Math.DivRem(element, layout.Sizes[axis]);
                place += index * layout.Strides[axis];
            }

            return (int)place;
        })];

    [Fact]
    public void Elements_are_read_from_any_on_in_order() => OperationTests.Repeat(300, make =>
    {
        var (layout, bound) = Any(make);
        var source = Enumerable.Range(0, bound).ToArray();
        var expected = Places(layout);
        var reader = new ViewReader(layout);
        for (var i = 0; i < 10; i++)
        {
            var at = make.Below(expected.Length);
            reader.Seek(at);
            while (at < expected.Length && make.Chance(0.8))
            {
                var read = new int[1 + make.Below(Math.Min(expected.Length - at, 1500))];
                reader.Read<int>(source, read);
                Assert.Equal(expected[at..(at + read.Length)], read);
                at += read.Length;
            }
        }
    });

    [Fact]
    public void Elements_are_written_from_any_on_in_order() => OperationTests.Repeat(300, make =>
    {
        var (layout, bound) = Any(make);
        var places = Places(layout);
        var at = make.Below(places.Length);
        var written = Enumerable.Range(1, 1 + make.Below(places.Length - at)).ToArray();
        var (target, expected) = (new int[bound], new int[bound]);
        var reader = new ViewReader(layout);
        reader.Seek(at);
        var first = make.Below(written.Length);
        reader.Write<int>(written.AsSpan(0, first), target);
        reader.Write<int>(written.AsSpan(first), target);
        for (var i = 0; i < written.Length; i++)
        {
            expected[places[at + i]] = written[i];
        }

        Assert.Equal(expected, target);
    });

    [Fact]
    public void Copies_put_every_element_in_its_place_for_any_threads() => OperationTests.Repeat(100, make =>
    {
        var build = new Build();
        var type = make.Pick(DType.Bool, DType.BFloat16, DType.Float32, DType.Float64);
        var sizes = Enumerable.Range(0, 2 + make.Below(3)).Select(_ => make.Pick(1, 2, 3, 4, 7, 8, 9, 16, 33)).ToArray();
        var x = build.Input(type, sizes);
        var turned = build.Permute(x, make.Shuffled(sizes.Length));
        var shape = build[turned].Shape.Sizes.ToArray();
        var axis = make.Below(shape.Length);
        var beside = build.Concatenate(axis, turned, build.Flip(turned, make.Below(shape.Length)));
        var program = build.Returning(turned, beside);
        var argument = make.Tensor(type, build[x].Shape);
        Compare.ToReference(program, 0, argument);
        var one = Compare.Run(Compare.One, program, argument);
        var four = Compare.Run(new CpuDevice(4), program, argument);
        Compare.Same(one[0], four[0], 0, program);
        Compare.Same(one[1], four[1], 0, program);
    });
}
