using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Results that go into memory given for them, be it an argument's.</summary>
public sealed class RoomTests
{
    private static readonly CpuDevice[] Devices = [new(1, long.MaxValue), new(1, 0), new(4, 0)];

    private static byte[] Bytes(Storage storage) => storage.ToHost().Bytes.ToArray();

    [Fact]
    public void A_result_over_an_argument_that_it_may_replace_has_the_same_bits()
    {
        var replaced = 0;
        OperationTests.Repeat(150, make =>
        {
            var build = new Build();
            var (rows, columns) = (1 + make.Below(6), make.Pick(3, 16, 17, 40, 1030));
            int[] inputs = [.. Enumerable.Range(0, 3).Select(_ => build.Input(DType.Float32, rows, columns))];
            for (var step = 0; step < 8; step++)
            {
                var whole = Enumerable.Range(0, build.Count).Where(i => build[i].Shape.Equals(build[0].Shape)).ToArray();
                var (x, y) = (make.Pick(whole), make.Pick(whole));
                _ = make.Below(10) switch
                {
                    0 => build.Apply(Pointwise.Exp, x),
                    1 => build.Apply(Pointwise.Sin, x),
                    2 => build.Flip(x, make.Below(2)),
                    3 => build.Broadcast(build.Reshape(build.Reduce(Reduction.Max, x, 1), rows, 1), rows, columns),
                    4 => build.Broadcast(build.Slice(x, [0, 0], [1, 1], [1, columns]), rows, columns),
                    5 => build.CumulativeSum(x, 1, false),
                    6 => build.Broadcast(build.Reduce(Reduction.Max, x, 0, 1), rows, columns),
                    _ => build.Apply(make.Pick(Pointwise.Add, Pointwise.Multiply, Pointwise.Maximum), x, y),
                };
            }

            var outputs = Enumerable.Range(0, build.Count).Where(_ => make.Chance(0.3)).Append(build.Count - 1).Distinct().ToArray();
            var program = build.Returning(outputs);
            var arguments = inputs.Select(i => make.Tensor(DType.Float32, build[i].Shape)).ToArray();

            // With every value a result there are no temporaries that could lie where something else is.
            var everything = Devices[0].Prepare(build.Returning([.. Enumerable.Range(0, build.Count)])).Run([.. arguments.Select(a => a.Store())]);
            var expected = outputs.Select(o => everything[o]).ToArray();
            foreach (var device in Devices)
            {
                var executable = device.Prepare(program);
                Assert.Equal(expected.Select(Bytes), executable.Run([.. arguments.Select(a => a.Store())]).Select(Bytes));
                for (var argument = 0; argument < inputs.Length; argument++)
                {
                    for (var result = 0; result < outputs.Length; result++)
                    {
                        Storage[] given = [.. arguments.Select(a => a.Store())];
                        var room = new Storage?[outputs.Length];
                        room[result] = given[argument];
                        if (!executable.MayReplace(argument, result))
                        {
                            Assert.Throws<ArgumentException>(() => executable.Run(given, room));
                            continue;
                        }

                        replaced++;
                        var actual = executable.Run(given, room);
                        Assert.Same(given[argument].Memory, actual[result].Memory);
                        Assert.Equal(expected.Select(Bytes), actual.Select(Bytes));
                    }
                }
            }
        });
        Assert.InRange(replaced, 100, int.MaxValue);
    }

    [Fact]
    public void An_update_replaces_its_argument_and_a_gradient_of_a_product_does_not()
    {
        var build = new Build();
        var (w, x) = (build.Input(DType.Float32, 8, 8), build.Input(DType.Float32, 8, 8));
        var slope = build.Contract(w, x, [1], [0]);
        var executable = Compare.One.Prepare(build.Returning(build.Apply(Pointwise.Subtract, w, slope), slope));
        Assert.True(executable.MayReplace(0, 0));
        Assert.False(executable.MayReplace(0, 1));
        Assert.True(executable.MayReplace(1, 0));
    }

    [Fact]
    public void Results_go_into_memory_that_fits_and_into_new_memory_otherwise()
    {
        var build = new Build();
        var x = build.Input(DType.Float64, 2, 3);
        var executable = Compare.One.Prepare(build.Returning(build.Apply(Pointwise.Exp, x), build.Apply(Pointwise.Sin, x)));
        var argument = new Make(3).Tensor(DType.Float64, new Shape(2, 3)).Store();
        var fits = HostStorage.Allocate(DType.Float64, new Shape(6));
        var results = executable.Run([argument], [fits, HostStorage.Allocate(DType.Float32, new Shape(2, 3))]);
        Assert.Same(fits.Memory, results[0].Memory);
        Assert.Equal(new Shape(2, 3), results[0].Shape);
        Assert.Equal(executable.Run([argument]).Select(Bytes), results.Select(Bytes));
        var failure = Assert.Throws<ArgumentException>(() => executable.Run([argument], [fits, fits]));
        Assert.StartsWith("The results 0 and 1 were given the same memory.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_times_every_kernel_of_the_plan()
    {
        var build = new Build();
        var x = build.Input(DType.Float32, 20, 30);
        var executable = Compare.One.Prepare(build.Returning(build.Contract(build.Apply(Pointwise.Exp, x), x, [1], [1])));
        var lines = executable.Profile([new Make(1).Tensor(DType.Float32, new Shape(20, 30)).Store()], 3).TrimEnd().Split('\n');
        var plan = executable.ToString()!.TrimEnd().Split('\n');
        Assert.Equal(plan.Length + 1, lines.Length);
        for (var i = 0; i < 2; i++)
        {
            Assert.Matches(@"^ *\d+\.\d us  ", lines[i]);
            Assert.EndsWith(plan[i], lines[i], StringComparison.Ordinal);
        }
    }
}
