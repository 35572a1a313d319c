using Ad.Tensors;

namespace Engine;

/// <summary>The reference for operations on windows: one loop an axis.</summary>
internal static class Windows
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
}
