using Ad.Tensors;

namespace Engine;

/// <summary>The reference for operations on windows: one loop an axis.</summary>
internal static class WindowReference
{
    public static Plain Convolved(Plain x, Plain k, Plain r, Operation.Convolve c)
    {
        var spatial = r.Shape.Rank - 3;
        var window = new Shape([k.Shape[2], .. k.Shape.Sizes[3..]]);
        for (var i = 0L; i < r.Count; i++)
        {
            var at = Reference.Index(r.Shape, i);
            var sum = 0.0;
            decimal integers = 0;
            for (var w = 0L; w < window.Elements; w++)
            {
                var place = Reference.Index(window, w);
                int[] from = [at[0], at[1], place[0], .. new int[spatial]];
                int[] by = [at[1], at[2], .. place];
                var meets = true;
                for (var axis = 0; axis < spatial; axis++)
                {
                    var dilated = (at[axis + 3] * c.Strides[axis]) + (place[axis + 1] * c.KernelDilation[axis]) - c.Low[axis];
                    from[axis + 3] = dilated / c.InputDilation[axis];
                    meets &= dilated >= 0 && dilated % c.InputDilation[axis] == 0 && from[axis + 3] < x.Shape[axis + 3];
                }

                if (meets && r.Type.IsFloat())
                {
                    sum += x.Floats[Reference.Place(x.Shape, from)] * k.Floats[Reference.Place(k.Shape, by)];
                }
                else if (meets)
                {
                    integers += Scalars.Wrap(r.Type, (decimal)x.Integers[Reference.Place(x.Shape, from)] * k.Integers[Reference.Place(k.Shape, by)]);
                }
            }

            if (r.Type.IsFloat())
            {
                r[i] = sum;
            }
            else
            {
                r.Integers[i] = Scalars.Wrap(r.Type, integers);
            }
        }

        return r;
    }

    /// <summary>One number of all the elements of each window, given their places in row-major order.</summary>
    public static Plain Each(Shape operand, Plain r, Windows w, Action<long, long[]> window)
    {
        var first = operand.Rank - w.Count;
        var places = new Shape(w.Sizes.Values);
        for (var i = 0L; i < r.Count; i++)
        {
            var at = Reference.Index(r.Shape, i);
            var found = new List<long>();
            for (var q = 0L; q < places.Elements; q++)
            {
                var place = Reference.Index(places, q);
                int[] from = [.. at];
                var meets = true;
                for (var axis = 0; axis < w.Count; axis++)
                {
                    var dilated = (at[first + axis] * w.Strides[axis]) + (place[axis] * w.Dilation[axis]) - w.Low[axis];
                    from[first + axis] = dilated / w.InputDilation[axis];
                    meets &= dilated >= 0 && dilated % w.InputDilation[axis] == 0 && from[first + axis] < operand[first + axis];
                }

                if (meets)
                {
                    found.Add(Reference.Place(operand, from));
                }
            }

            window(i, [.. found]);
        }

        return r;
    }

    public static Plain Folded(Plain x, Plain r, Operation.Window window)
    {
        var inner = x.Shape.Sizes[^window.Windows.Count..].ToArray().Aggregate(1L, (n, size) => n * size);
        return Each(x.Shape, r, window.Windows, (i, found) =>
        {
            // A row of the elements, reduced as rows are; positions are counted within the image.
            var row = Plain.Of(x.Type, new Shape(found.Length));
            for (var p = 0; p < found.Length; p++)
            {
                row.Set(p, x, found[p]);
            }

            if (found.Length == 0 && window.Kind is Reduction.ArgMax or Reduction.ArgMin)
            {
                return;
            }

            var one = Reference.Reduced(row, Plain.Of(r.Type, Shape.Scalar), new Operation.Reduce(window.Kind, new Axes(0)));
            if (window.Kind is Reduction.ArgMax or Reduction.ArgMin)
            {
                r.Integers[i] = found[one.Integers[0]] % inner;
            }
            else
            {
                r.Set(i, one, 0);
            }
        });
    }

    public static Plain Shared(Plain x, Plain t, Plain r, Reduction kind, Windows windows) => Each(x.Shape, r, windows, (i, found) =>
    {
        var winners = Winners(x, found, kind);
        r[i] = found.All(p => t[p] == 0) ? 0 : winners.Select(p => t[p]).DefaultIfEmpty(double.NaN).Average();
    });

    public static Plain Spread(Plain x, Plain g, Plain r, Reduction kind, Windows windows)
    {
        Each(x.Shape, g, windows, (i, found) =>
        {
            var winners = Winners(x, found, kind);
            foreach (var place in winners.Length == 0 ? found : winners)
            {
                r[place] += g[i] == 0 ? 0 : winners.Length == 0 ? double.NaN : g[i] / winners.Length;
            }
        });
        return r;
    }

    private static long[] Winners(Plain x, long[] found, Reduction kind)
    {
        var elements = found.Select(p => x[p]).ToArray();
        var extreme = elements.Length == 0 || elements.Any(double.IsNaN) ? double.NaN : kind == Reduction.Max ? elements.Max() : elements.Min();
        return [.. found.Where(p => x[p] == extreme)];
    }
}
