using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Products by a library: one of the system's where there is one, and one of plain loops everywhere.</summary>
public sealed class BlasTests
{
    private const string Loops = "plain loops";

    /// <summary>Libraries by their usual names, of which there may be none here.</summary>
    public static TheoryData<string> Libraries => [Loops, .. Natives];

    /// <summary>The same without ours.</summary>
    public static TheoryData<string> Natives =>
        OperatingSystem.IsWindows() ? ["mkl_rt.2.dll", "libopenblas.dll"]
        : OperatingSystem.IsMacOS() ? ["libopenblas.0.dylib", "/System/Library/Frameworks/Accelerate.framework/Accelerate"]
        : ["libmkl_rt.so.2", "libopenblas.so.0", "libblis.so.4", "libblas.so.3"];

    private static CpuDevice Always(IBlas library, int threads, long emitAfter = long.MaxValue) => new(threads, emitAfter, () => new Blas("always", library, true));

    private static IBlas Pick(string name)
    {
        if (name == Loops)
        {
            return new FakeBlas();
        }

        try
        {
            return NativeBlas.Open(name);
        }
        catch (BlasException e)
        {
            Assert.Skip(e.Message);
            throw;
        }
    }

    private static string Plan(Device device, Ad.Tensors.Program program) => device.Prepare(program).ToString();

    // A batch of products whose factors lie in one of many ways: turned, with more between their lines, backwards, or one for all.
    private static (Build Build, int Product) Any(Make make, DType type, bool isLarge)
    {
        var build = new Build();
        var few = isLarge ? make.Pick(40, 65, 130) : make.Pick(0, 1, 2, 7, 33);
        var (batch, m, n, k) = (make.Pick(1, 1, 2, 9), few + make.Below(9), make.Pick(1, 2, 31, 64, 200) + make.Below(5), make.Pick(0, 1, 17, 33, 200) + make.Below(5));
        (n, k) = isLarge ? (Math.Max(n, 31), Math.Max(k, 33)) : (n, k);
        int Factor(int rows, int columns)
        {
            var (isTurned, more) = (make.Chance(0.5), make.Pick(0, 0, 3));
            int[] order = isTurned ? [batch, columns, rows + more] : [batch, rows, columns + more];
            int[] wanted = isTurned ? [batch, columns, rows] : [batch, rows, columns];
            var x = build.Input(type, order);
            x = more > 0 ? build.Slice(x, [0, 0, make.Below(more)], [1, 1, 1], wanted) : x;
            x = make.Chance(0.1) ? build.Flip(x, 1) : x;
            return isTurned ? build.Permute(x, 0, 2, 1) : x;
        }

        return (build, build.Contract(Factor(m, k), Factor(k, n), [2], [1], [0], [0]));
    }

    // Eighths, of which sums are exact in any order, and now and then a number whose products are the same in any order too.
    private static Plain[] Arguments(Make make, Build build, bool special)
    {
        Plain[] arguments = [.. Enumerable.Range(0, build.Count).Where(i => build[i].Operation is Operation.Input).Select(i => make.Tensor(build[i].Type, build[i].Shape))];
        foreach (var argument in arguments)
        {
            for (var i = 0; special && i < argument.Count; i += 1 + make.Below(2000))
            {
                argument[i] = make.Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0.0, double.NaN);
            }
        }

        return arguments;
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Products_are_the_references_whatever_their_sizes_and_however_factors_lie(string name)
    {
        var library = Pick(name);
        var (one, four) = (Always(library, 1), Always(library, 4));
        var asked = 0;
        OperationTests.Repeat(60, make =>
        {
            var (build, product) = Any(make, make.Pick(DType.Float32, DType.Float64), make.Chance(0.6));
            var program = build.Returning(product);
            var arguments = Arguments(make, build, make.Chance(0.3));
            var expected = Reference.Run(program, arguments)[0];
            foreach (var device in (CpuDevice[])[one, four])
            {
                Compare.Same(expected, Compare.Run(device, program, arguments)[0], 0, program);
            }

            asked += Plan(one, program).Contains(library.Name, StringComparison.Ordinal) ? 1 : 0;
        });
        Assert.InRange(asked, 15, 55);
    }

    [Theory]
    [MemberData(nameof(Natives))]
    public void Bits_do_not_depend_on_the_number_of_threads(string name)
    {
        var library = Pick(name);
        (int, int, int, int)[] sizes = [(1, 600, 530, 300), (3, 150, 170, 300), (20, 40, 30, 50), (1, 1100, 40, 70), (1, 257, 9, 400)];
        foreach (var ((batch, m, n, k), type) in sizes.SelectMany(size => ((DType[])[DType.Float32, DType.Float64]).Select(type => (size, type))))
        {
            var build = new Build();
            var (x, y, turned) = (build.Input(type, batch, m, k), build.Input(type, batch, k, n), build.Input(type, batch, k, m));
            var program = build.Returning(build.Contract(x, y, [2], [1], [0], [0]), build.Contract(turned, y, [1], [1], [0], [0]));
            var random = new Random(3);
            Plain[] arguments = [.. ((int[])[x, y, turned]).Select(i => Plain.Of(type, build[i].Shape))];
            foreach (var argument in arguments)
            {
                for (var i = 0; i < argument.Count; i++)
                {
                    argument[i] = random.NextDouble() - 0.5;
                }
            }

            var expected = Compare.Run(Always(library, 1), program, arguments);
            foreach (var threads in (int[])[2, 4])
            {
                var actual = Compare.Run(Always(library, threads), program, arguments);
                Compare.Same(expected[0], actual[0], 0, program);
                Compare.Same(expected[1], actual[1], 0, program);
            }
        }
    }

    [Fact]
    public void Blocks_depend_on_the_shape_alone_and_cover_it_once() => OperationTests.Repeat(200, make =>
    {
        var (batches, m, n) = (make.Pick(1, 2, 30), 1 + make.Below(make.Pick(40, 700, 3000)), 1 + make.Below(make.Pick(40, 700, 3000)));
        var (rows, columns) = BlasProduct<float>.Block(new BlasShape(DType.Float32, batches, m, n, 8, false, 8, false, n));
        Assert.InRange(rows, 1, Math.Min(m, 512));
        Assert.InRange(columns, 1, Math.Min(n, 512));
        var blocks = (long)batches * ((m + rows - 1) / rows) * ((n + columns - 1) / columns);
        Assert.True(blocks >= 8 || Math.Max(rows, columns) < 256);
    });

    [Fact]
    public void A_library_is_asked_for_the_same_blocks_by_any_number_of_threads()
    {
        var build = new Build();
        var (x, y) = (build.Input(DType.Float32, 2, 300, 20), build.Input(DType.Float32, 2, 20, 270));
        var program = build.Returning(build.Contract(x, y, [2], [1], [0], [0]));
        Plain[] arguments = Arguments(new Make(1), build, special: false);
        (int, int, int)[][] asked = [.. ((int[])[1, 2, 4]).Select(threads =>
        {
            var library = new FakeBlas();
            Compare.Run(Always(library, threads), program, arguments);
            return library.Asked.Order().ToArray();
        })];
        Assert.Equal(2 * 300 * 270, asked[0].Sum(b => b.Item1 * b.Item2));
        Assert.Equal(asked[0], asked[1]);
        Assert.Equal(asked[0], asked[2]);
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void A_group_takes_the_librarys_blocks_with_the_bits_of_the_group_on_the_product(string name)
    {
        var library = Pick(name);
        var type = DType.Float32;
        var (whole, alone, rest) = (new Build(), new Build(), new Build());
        int Product(Build build) => build.Contract(build.Input(type, 2, 300, 65), build.Input(type, 2, 65, 270), [2], [1], [0], [0]);
        int[] Group(Build build, int product, int bias)
        {
            var sum = build.Apply(Pointwise.Tanh, build.Apply(Pointwise.Add, product, build.Broadcast(bias, 2, 300, 270)));
            return [sum, build.Reduce(Reduction.Sum, sum, 0, 1)];
        }

        var program = whole.Returning(Group(whole, Product(whole), whole.Input(type, 270)));
        var arguments = Arguments(new Make(2), whole, special: false);
        var product = Compare.Run(Always(library, 1), alone.Returning(Product(alone)), arguments[..2])[0];
        var given = rest.Input(type, 2, 300, 270);
        var expected = Compare.Run(Compare.One, rest.Returning(Group(rest, given, rest.Input(type, 270))), product, arguments[2]);
        foreach (var (threads, emitAfter) in ((int, long)[])[(1, long.MaxValue), (2, 0), (4, 0), (4, long.MaxValue)])
        {
            var device = Always(library, threads, emitAfter);
            Assert.Matches($"by tiles: contract .* by {System.Text.RegularExpressions.Regex.Escape(library.Name)} then", Plan(device, program));
            var actual = Compare.Run(device, program, arguments);
            Compare.Same(expected[0], actual[0], 0, program);
            Compare.Same(expected[1], actual[1], 0, program);
        }
    }

    [Fact]
    public void A_plan_names_the_library_where_it_is_asked_and_nowhere_else()
    {
        var build = new Build();
        var (x, y, z) = (build.Input(DType.Float64, 64, 64), build.Input(DType.Float64, 64, 64), build.Input(DType.Int64, 64, 64));
        var large = build.Returning(build.Contract(x, y, [1], [0]));
        var backwards = build.Returning(build.Contract(build.Flip(x, 0), y, [1], [0]));
        var small = build.Returning(build.Contract(build.Slice(x, [0, 0], [1, 1], [20, 20]), build.Slice(y, [0, 0], [1, 1], [20, 20]), [1], [0]));
        var whole = build.Returning(build.Contract(z, z, [1], [0]));
        var library = new FakeBlas();
        var device = Always(library, 2);
        Assert.Contains(library.Name, Plan(device, large), StringComparison.Ordinal);
        foreach (var program in (Ad.Tensors.Program[])[backwards, small, whole])
        {
            Assert.DoesNotContain(library.Name, Plan(device, program), StringComparison.Ordinal);
            Compare.Run(device, program, Arguments(new Make(4), build, special: false));
        }

        Assert.Empty(library.Asked);
        Assert.DoesNotContain(" by ", Plan(Compare.One, large), StringComparison.Ordinal);
    }
}
