using Ad.Tensors;
using Xunit;

namespace Engine;

public sealed class OperationTests
{
    private static readonly DType[] All = [DType.Bool, DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float32, DType.Float64];
    private static readonly DType[] Numbers = [DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float32, DType.Float64];

    [Fact]
    public void Movement_reads_the_elements_it_should() => Repeat(300, make =>
    {
        var build = new Build();
        var type = make.Pick(All);
        var x = build.Input(type, make.Sizes(make.Below(5)));
        var y = Move(build, make, x, 1 + make.Below(5));
        Check(build, make, 0, y);
    });

    [Fact]
    public void Every_reduction_combines_along_any_axes_of_any_view() => Repeat(600, make =>
    {
        var build = new Build();
        var kind = make.Pick(Enum.GetValues<Reduction>());
        var type = make.Pick(kind == Reduction.Sum ? Numbers : All);
        var x = Move(build, make, build.Input(type, make.Sizes(1 + make.Below(4))), make.Below(3));
        var shape = build[x].Shape;
        var axes = kind is Reduction.ArgMax or Reduction.ArgMin
            ? [.. Enumerable.Range(0, shape.Rank).Where(a => shape[a] > 0).Take(1)]
            : make.Subset(shape.Rank, 0.5);
        if (kind is Reduction.ArgMax or Reduction.ArgMin && axes.Length == 0)
        {
            return;
        }

        var y = make.Chance(0.5) && type.IsFloat() ? build.Apply(Pointwise.Negate, x) : x;
        Check(build, make, 0, build.Reduce(kind, y, axes), make.Chance(0.5) ? y : x);
    });

    [Fact]
    public void Pad_concatenate_and_cumulative_sums_take_any_view() => Repeat(400, make =>
    {
        var build = new Build();
        var type = make.Pick(Numbers);
        var x = Move(build, make, build.Input(type, make.Sizes(1 + make.Below(4))), make.Below(3));
        var shape = build[x].Shape;
        if (shape.Rank == 0)
        {
            return;
        }

        int[] Small(int below) => [.. Enumerable.Range(0, shape.Rank).Select(_ => make.Below(below))];
        var axis = make.Below(shape.Rank);
        var padded = build.Pad(x, Small(3), Small(3), Small(3));
        var joined = build.Concatenate(axis, x, x, build.Flip(x, axis));
        Check(build, make, 0, padded, joined, build.CumulativeSum(x, axis, make.Chance(0.5)));
    });

    [Fact]
    public void Take_and_scatter_add_follow_indices_in_any_view() => Repeat(400, make =>
    {
        var build = new Build();
        var rank = 1 + make.Below(4);
        var batch = make.Below(rank);
        var axis = batch + make.Below(rank - batch);
        var sizes = make.Sizes(rank);
        sizes[axis] = Math.Max(1, sizes[axis]);
        var type = make.Pick(Numbers);
        var indexType = make.Pick(DType.Int32, DType.Int64);
        var x = build.Input(type, sizes);
        var i = build.Input(indexType, [.. sizes[..batch], .. make.Sizes(make.Below(3))]);
        var taken = build.Take(make.Chance(0.3) ? build.Flip(x, axis) : x, i, axis, batch);
        var u = build.Input(type, [.. build[taken].Shape]);
        var added = build.ScatterAdd(i, u, axis, batch, sizes);
        var indices = Plain.Of(indexType, build[i].Shape);
        for (var k = 0; k < indices.Count; k++)
        {
            indices.Integers[k] = make.Below(2 * sizes[axis]) - sizes[axis];
        }

        Compare.ToReference(
            build.Returning(taken, added), 0, make.Tensor(type, build[x].Shape), indices, make.Tensor(type, build[u].Shape));
    });

    [Fact]
    public void Contractions_take_any_axes_of_any_view() => Repeat(500, make =>
    {
        var build = new Build();
        var type = make.Pick(Numbers);
        var (b, m, n, k) = (make.Sizes(make.Below(2)), make.Sizes(make.Below(3)), make.Sizes(make.Below(3)), make.Sizes(make.Below(3)));
        int Side(int[] free, out int[] batch, out int[] summed)
        {
            int[] order = [.. b, .. free, .. k];
            var permutation = make.Shuffled(order.Length);
            var back = permutation.Select((p, i) => (p, i)).OrderBy(t => t.p).Select(t => t.i).ToArray();
            batch = back[..b.Length];
            summed = back[(b.Length + free.Length)..];
            var x = build.Input(type, [.. permutation.Select(p => order[p])]);
            return make.Chance(0.3) && order.Length > 0 ? build.Flip(x, make.Below(order.Length)) : x;
        }

        var x = Side(m, out var leftBatch, out var leftSummed);
        var y = Side(n, out var rightBatch, out var rightSummed);
        var z = build.Contract(x, y, leftSummed, rightSummed, leftBatch, rightBatch);
        Check(build, make, 0, z);
    });

    [Fact]
    public void Casts_follow_their_definition() => Repeat(300, make =>
    {
        var build = new Build();
        var x = build.Input(make.Pick(All), 1 + make.Below(40));
        Check(build, make, 0, true, [.. All.Select(type => build.Cast(x, type))]);
    });

    [Fact]
    public void Positions_and_random_elements_move_like_others() => Repeat(200, make =>
    {
        var build = new Build();
        var key = build.Input(DType.Int32, 2);
        var sizes = make.Sizes(1 + make.Below(4));
        var iota = Move(build, make, build.Iota(make.Pick(Numbers), make.Below(sizes.Length), sizes), make.Below(4));
        var random = Move(build, make, build.Random(make.Pick(Numbers), key, sizes), make.Below(4));
        Check(build, make, 0, iota, random, build.Apply(Pointwise.Add, iota, iota));
    });

    internal static void Repeat(int times, Action<Make> body)
    {
        for (var seed = 0; seed < times; seed++)
        {
            try
            {
                body(new Make(seed));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                throw new InvalidOperationException($"With seed {seed}: {e.Message}", e);
            }
        }
    }

    private static void Check(Build build, Make make, double ulp, params int[] outputs) => Check(build, make, ulp, false, outputs);

    private static void Check(Build build, Make make, double ulp, bool awkward, int[] outputs)
    {
        var inputs = Enumerable.Range(0, build.Count).Where(i => build[i].Operation is Operation.Input);
        Compare.ToReference(
            build.Returning(outputs), ulp, [.. inputs.Select(i => make.Tensor(build[i].Type, build[i].Shape, awkward))]);
    }

    /// <summary>A chain of random movements.</summary>
    internal static int Move(Build build, Make make, int x, int count)
    {
        for (; count > 0; count--)
        {
            var sizes = build[x].Shape.ToArray();
            switch (make.Below(6))
            {
                case 0:
                    x = build.Permute(x, make.Shuffled(sizes.Length));
                    break;
                case 1 when build[x].Shape.Elements < 500:
                    x = build.Broadcast(x, [.. make.Sizes(make.Below(2)).Select(s => Math.Min(s, 4)), .. sizes.Select(s => s == 1 ? make.Below(4) : s)]);
                    break;
                case 2:
                    x = build.Flip(x, make.Subset(sizes.Length, 0.5));
                    break;
                case 3:
                    int[] steps = [.. sizes.Select(_ => 1 + make.Below(3))];
                    int[] starts = [.. sizes.Select(s => s == 0 ? 0 : make.Below(s))];
                    int[] counts = [.. sizes.Select((s, a) => s == 0 ? 0 : make.Below(((s - starts[a] - 1) / steps[a]) + 2))];
                    x = build.Slice(x, starts, steps, counts);
                    break;
                case 4:
                    x = build.Reshape(x, (int)build[x].Shape.Elements);
                    break;
                case 5 when sizes.Length >= 2:
                    var at = make.Below(sizes.Length - 1);
                    x = build.Reshape(x, [.. sizes[..at], sizes[at] * sizes[at + 1], .. Enumerable.Repeat(1, make.Below(2)), .. sizes[(at + 2)..]]);
                    break;
                default:
                    break;
            }
        }

        return x;
    }
}
