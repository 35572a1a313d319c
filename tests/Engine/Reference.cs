using Ad.Numerics;
using Ad.Tensors;

namespace Engine;

/// <summary>A tensor of the reference: one double (floats) or long (integers and Bool) an element.</summary>
internal sealed record Plain(DType Type, Shape Shape, double[] Floats, long[] Integers)
{
    public static Plain Of(DType type, Shape shape) =>
        type.IsFloat() ? new(type, shape, new double[shape.Elements], []) : new(type, shape, [], new long[shape.Elements]);

    public int Count => (int)Shape.Elements;

    public double this[long i]
    {
        get => Type.IsFloat() ? Floats[i] : Integers[i];
        set
        {
            if (Type.IsFloat())
            {
                Floats[i] = Scalars.Rounded(Type, value);
            }
            else
            {
                Integers[i] = (long)value;
            }
        }
    }

    public void Set(long i, Plain other, long j)
    {
        if (Type.IsFloat())
        {
            Floats[i] = other.Floats[j];
        }
        else
        {
            Integers[i] = other.Integers[j];
        }
    }

    public static Plain From(Storage storage)
    {
        var host = storage.ToHost();
        var plain = Of(storage.Type, storage.Shape);
        for (var i = 0; i < plain.Count; i++)
        {
            switch (storage.Type)
            {
                case DType.Bool: plain.Integers[i] = host.Elements<byte>()[i]; break;
                case DType.Int32: plain.Integers[i] = host.Elements<int>()[i]; break;
                case DType.Int64: plain.Integers[i] = host.Elements<long>()[i]; break;
                case DType.Float16: plain.Floats[i] = (double)host.Elements<Half>()[i]; break;
                case DType.BFloat16: plain.Floats[i] = host.Elements<BFloat16>()[i].ToSingle(); break;
                case DType.Float32: plain.Floats[i] = host.Elements<float>()[i]; break;
                case DType.Float64: plain.Floats[i] = host.Elements<double>()[i]; break;
            }
        }

        return plain;
    }

    public HostStorage Store()
    {
        var host = HostStorage.Allocate(Type, Shape);
        for (var i = 0; i < Count; i++)
        {
            switch (Type)
            {
                case DType.Bool: host.Writable<byte>()[i] = (byte)Integers[i]; break;
                case DType.Int32: host.Writable<int>()[i] = (int)Integers[i]; break;
                case DType.Int64: host.Writable<long>()[i] = Integers[i]; break;
                case DType.Float16: host.Writable<Half>()[i] = (Half)Floats[i]; break;
                case DType.BFloat16: host.Writable<BFloat16>()[i] = (BFloat16)Floats[i]; break;
                case DType.Float32: host.Writable<float>()[i] = (float)Floats[i]; break;
                case DType.Float64: host.Writable<double>()[i] = Floats[i]; break;
            }
        }

        return host;
    }
}

/// <summary>Runs programs one element at a time, as the operations' documentation says and in no clever way.</summary>
internal static class Reference
{
    public static Plain[] Run(Ad.Tensors.Program program, params Plain[] arguments)
    {
        var values = new Plain[program.Instructions.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var instruction = program.Instructions[i];
            values[i] = One(instruction, [.. instruction.Operands.Values.ToArray().Select(o => values[o])], arguments);
        }

        return [.. program.Outputs.ToArray().Select(o => values[o])];
    }

    private static Plain One(Instruction instruction, Plain[] x, Plain[] arguments)
    {
        var shape = instruction.Shape;
        var r = Plain.Of(instruction.Type, shape);
        switch (instruction.Operation)
        {
            case Operation.Input input:
                return arguments[input.Index];
            case Operation.Constant constant:
                return Each(r, i => { if (r.Type.IsFloat()) { r.Floats[i] = constant.Value.ToDouble(); } else { r.Integers[i] = constant.Value.ToInt64(); } });
            case Operation.Iota iota:
                return Each(r, i => r[i] = Index(shape, i)[iota.Axis]);
            case Operation.Random:
                return Each(r, i => Randomly(r, i, (uint)x[0].Integers[0], (uint)x[0].Integers[1]));
            case Operation.Elementwise elementwise:
                return Each(r, i => Scalars.Apply(elementwise.Function, r, i, x));
            case Operation.Cast:
                return Each(r, i => Scalars.Cast(x[0], r, i));
            case Operation.Reshape:
                return Each(r, i => r.Set(i, x[0], i));
            case Operation.Permute permute:
                return Each(r, i => r.Set(i, x[0], Place(x[0].Shape, Moved(Index(shape, i), permute.Axes))));
            case Operation.Broadcast:
                return Each(r, i => r.Set(i, x[0], Place(x[0].Shape, [.. Index(shape, i)[(shape.Rank - x[0].Shape.Rank)..].Select((p, a) => x[0].Shape[a] == 1 ? 0 : p)])));
            case Operation.Slice slice:
                return Each(r, i => r.Set(i, x[0], Place(x[0].Shape, [.. Index(shape, i).Select((p, a) => slice.Starts[a] + (p * slice.Steps[a]))])));
            case Operation.Flip flip:
                return Each(r, i => r.Set(i, x[0], Place(shape, [.. Index(shape, i).Select((p, a) => flip.Axes.Contains(a) ? shape[a] - 1 - p : p)])));
            case Operation.Pad pad:
                return Each(x[0], i => r.Set(Place(shape, [.. Index(x[0].Shape, i).Select((p, a) => pad.Low[a] + (p * (pad.Interior[a] + 1)))]), x[0], i), r);
            case Operation.Concatenate concatenate:
                var start = 0;
                foreach (var part in x)
                {
                    Each(part, i => r.Set(Place(shape, [.. Index(part.Shape, i).Select((p, a) => a == concatenate.Axis ? p + start : p)]), part, i));
                    start += part.Shape[concatenate.Axis];
                }

                return r;
            case Operation.Take take:
                return Each(r, i => r.Set(i, x[0], Place(x[0].Shape, Taken(x[0].Shape, x[1], Index(shape, i), take.Axis, take.Batch))));
            case Operation.ScatterAdd scatter:
                Each(x[1], i => AddTo(r, Place(shape, Taken(shape, x[0], Index(x[1].Shape, i), scatter.Axis, scatter.Batch)), x[1], i), r);
                return r.Type.IsHalf() ? Each(r, i => r[i] = r.Floats[i]) : r;
            case Operation.CumulativeSum sum:
                return Cumulative(x[0], r, sum);
            case Operation.Reduce reduce:
                return Reduced(x[0], r, reduce);
            case Operation.Contract contract:
                return Contracted(x[0], x[1], r, contract);
            case Operation.Convolve convolve:
                return WindowReference.Convolved(x[0], x[1], r, convolve);
            case Operation.Sort sort:
                return Sorted(x[0], r, sort);
            case Operation.Window window:
                return WindowReference.Folded(x[0], r, window);
            case Operation.WindowShare share:
                return WindowReference.Shared(x[0], x[1], r, share.Kind, share.Windows);
            case Operation.WindowSpread spread:
                return WindowReference.Spread(x[0], x[1], r, spread.Kind, spread.Windows);
            default:
                throw new NotSupportedException(instruction.ToString());
        }
    }

    private static Plain Each(Plain over, Action<long> body, Plain? result = null)
    {
        for (var i = 0L; i < over.Count; i++)
        {
            body(i);
        }

        return result ?? over;
    }

    public static int[] Index(Shape shape, long i)
    {
        var index = new int[shape.Rank];
        for (var a = shape.Rank - 1; a >= 0; a--)
        {
            index[a] = (int)(i % shape[a]);
            i /= shape[a];
        }

        return index;
    }

    public static long Place(Shape shape, int[] index)
    {
        long place = 0;
        for (var a = 0; a < shape.Rank; a++)
        {
            Assert(index[a] >= 0 && index[a] < shape[a]);
            place = (place * shape[a]) + index[a];
        }

        return place;
    }

    private static void Assert(bool condition)
    {
        if (!condition)
        {
            throw new InvalidOperationException("The reference read outside of a tensor: the test's program is wrong.");
        }
    }

    private static int[] Moved(int[] index, Axes axes)
    {
        var moved = new int[index.Length];
        for (var i = 0; i < index.Length; i++)
        {
            moved[axes[i]] = index[i];
        }

        return moved;
    }

    private static int[] Taken(Shape indexed, Plain indices, int[] at, int axis, int batch)
    {
        var count = indices.Shape.Rank - batch;
        var j = at[axis..(axis + count)];
        var index = (int)indices.Integers[Place(indices.Shape, [.. at[..batch], .. j])];
        return [.. at[..axis], index < 0 ? index + indexed[axis] : index, .. at[(axis + count)..]];
    }

    private static void AddTo(Plain r, long at, Plain u, long i)
    {
        switch (r.Type)
        {
            case DType.Float32: r.Floats[at] = (float)r.Floats[at] + (float)u.Floats[i]; r.Floats[at] = (float)r.Floats[at]; break;
            case DType.Float16 or DType.BFloat16 or DType.Float64: r.Floats[at] += u.Floats[i]; break;
            case DType.Int32: r.Integers[at] = (int)r.Integers[at] + (int)u.Integers[i]; r.Integers[at] = (int)r.Integers[at]; break;
            case DType.Bool or DType.Int64: r.Integers[at] += u.Integers[i]; break;
        }
    }

    private static Plain Cumulative(Plain x, Plain r, Operation.CumulativeSum sum)
    {
        foreach (var line in Lines(x.Shape, new Axes(sum.Axis)))
        {
            decimal integers = 0;
            double floats = 0;
            foreach (var at in sum.Reverse ? line.Reverse() : line)
            {
                if (x.Type.IsFloat())
                {
                    r[at] = floats += x.Floats[at];
                }
                else
                {
                    integers += x.Integers[at];
                    r.Integers[at] = Scalars.Wrap(x.Type, integers);
                }
            }
        }

        return r;
    }

    /// <summary>For every result of a reduction, in order, the places of the elements it combines, in order.</summary>
    public static long[][] Lines(Shape shape, Axes axes)
    {
        var kept = Enumerable.Range(0, shape.Rank).Where(a => !axes.Contains(a)).ToArray();
        var results = kept.Aggregate(1L, (p, a) => p * shape[a]);
        var lines = Enumerable.Range(0, (int)results).Select(_ => new List<long>()).ToArray();
        for (var i = 0L; i < shape.Elements; i++)
        {
            var index = Index(shape, i);
            lines[kept.Aggregate(0L, (p, a) => (p * shape[a]) + index[a])].Add(i);
        }

        return [.. lines.Select(l => l.ToArray())];
    }

    public static Plain Reduced(Plain x, Plain r, Operation.Reduce reduce)
    {
        var lines = Lines(x.Shape, reduce.Axes);
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            switch (reduce.Kind)
            {
                case Reduction.Sum when x.Type.IsFloat():
                    double sum = 0, error = 0;
                    foreach (var at in line)
                    {
                        var total = sum + x.Floats[at];
                        error += double.IsFinite(total) ? Math.Abs(sum) >= Math.Abs(x.Floats[at]) ? (sum - total) + x.Floats[at] : (x.Floats[at] - total) + sum : 0;
                        sum = total;
                    }

                    r[i] = sum + error;
                    break;
                case Reduction.Sum:
                    r.Integers[i] = Scalars.Wrap(x.Type, line.Aggregate(0m, (s, at) => s + x.Integers[at]));
                    break;
                case Reduction.Max or Reduction.Min when x.Type.IsFloat():
                    r.Floats[i] = reduce.Kind == Reduction.Max
                        ? line.Aggregate(double.NegativeInfinity, (m, at) => Math.Max(m, x.Floats[at]))
                        : line.Aggregate(double.PositiveInfinity, (m, at) => Math.Min(m, x.Floats[at]));
                    break;
                case Reduction.Max or Reduction.Min:
                    var (least, greatest) = Scalars.Range(x.Type);
                    r.Integers[i] = reduce.Kind == Reduction.Max
                        ? line.Aggregate(least, (m, at) => Math.Max(m, x.Integers[at]))
                        : line.Aggregate(greatest, (m, at) => Math.Min(m, x.Integers[at]));
                    break;
                case Reduction.ArgMax or Reduction.ArgMin:
                    var best = 0;
                    for (var j = 1; j < line.Length; j++)
                    {
                        var better = x.Type.IsFloat()
                            ? !double.IsNaN(x.Floats[line[best]]) && (double.IsNaN(x.Floats[line[j]])
                                || (reduce.Kind == Reduction.ArgMax ? x.Floats[line[j]] > x.Floats[line[best]] : x.Floats[line[j]] < x.Floats[line[best]]))
                            : reduce.Kind == Reduction.ArgMax ? x.Integers[line[j]] > x.Integers[line[best]] : x.Integers[line[j]] < x.Integers[line[best]];
                        best = better ? j : best;
                    }

                    r.Integers[i] = best;
                    break;
            }
        }

        return r;
    }

    private static Plain Sorted(Plain x, Plain r, Operation.Sort sort)
    {
        for (var i = 0L; i < r.Count; i++)
        {
            var at = Index(r.Shape, i);
            if (at[sort.Axis] > 0)
            {
                continue;
            }

            long Of(int j) => Place(r.Shape, [.. at[..sort.Axis], j, .. at[(sort.Axis + 1)..]]);
            var line = Enumerable.Range(0, r.Shape[sort.Axis]);
            bool IsLast(int j) => x.Type.IsFloat() && double.IsNaN(x.Floats[Of(j)]);
            int[] order = x.Type.IsFloat()
                ? [.. line.OrderBy(IsLast).ThenBy(j => IsLast(j) ? 0 : (sort.Descending ? -x.Floats[Of(j)] : x.Floats[Of(j)]) + 0.0)]
                : [.. line.OrderBy(j => sort.Descending ? -(decimal)x.Integers[Of(j)] : x.Integers[Of(j)])];
            for (var j = 0; j < order.Length; j++)
            {
                r[Of(j)] = order[j];
            }
        }

        return r;
    }

    private static Plain Contracted(Plain x, Plain y, Plain r, Operation.Contract c)
    {
        var leftFree = Enumerable.Range(0, x.Shape.Rank).Where(a => !c.LeftBatch.Contains(a) && !c.LeftSummed.Contains(a)).ToArray();
        var rightFree = Enumerable.Range(0, y.Shape.Rank).Where(a => !c.RightBatch.Contains(a) && !c.RightSummed.Contains(a)).ToArray();
        var summed = new Shape([.. c.LeftSummed.Values.ToArray().Select(a => x.Shape[a])]);
        for (var i = 0L; i < r.Count; i++)
        {
            var at = Index(r.Shape, i);
            var (l, rr) = (new int[x.Shape.Rank], new int[y.Shape.Rank]);
            for (var b = 0; b < c.LeftBatch.Count; b++)
            {
                l[c.LeftBatch[b]] = rr[c.RightBatch[b]] = at[b];
            }

            for (var f = 0; f < leftFree.Length; f++)
            {
                l[leftFree[f]] = at[c.LeftBatch.Count + f];
            }

            for (var f = 0; f < rightFree.Length; f++)
            {
                rr[rightFree[f]] = at[c.LeftBatch.Count + leftFree.Length + f];
            }

            double floats = 0;
            decimal integers = 0;
            for (var s = 0L; s < summed.Elements; s++)
            {
                var index = Index(summed, s);
                for (var a = 0; a < index.Length; a++)
                {
                    l[c.LeftSummed[a]] = rr[c.RightSummed[a]] = index[a];
                }

                if (r.Type.IsFloat())
                {
                    floats += x.Floats[Place(x.Shape, l)] * y.Floats[Place(y.Shape, rr)];
                }
                else
                {
                    integers += Scalars.Wrap(r.Type, (decimal)x.Integers[Place(x.Shape, l)] * y.Integers[Place(y.Shape, rr)]);
                }
            }

            if (r.Type.IsFloat())
            {
                r[i] = floats;
            }
            else
            {
                r.Integers[i] = Scalars.Wrap(r.Type, integers);
            }
        }

        return r;
    }

    private static void Randomly(Plain r, long i, uint key0, uint key1)
    {
        var (first, second) = Ad.Tensors.Cpu.Threefry.Words(key0, key1, (uint)i, (uint)(i >> 32));
        var both = ((ulong)second << 32) | first;
        switch (r.Type)
        {
            case DType.Int32: r.Integers[i] = (int)first; break;
            case DType.Int64: r.Integers[i] = (long)both; break;
            case DType.Float16: r.Floats[i] = (first >> 21) / 2048.0; break;
            case DType.BFloat16: r.Floats[i] = (first >> 24) / 256.0; break;
            case DType.Float32: r.Floats[i] = (first >> 8) / 16777216.0; break;
            case DType.Float64: r.Floats[i] = (both >> 11) / 9007199254740992.0; break;
            case DType.Bool: throw new NotSupportedException();
        }
    }
}
