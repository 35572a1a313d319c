namespace Ad.Tensors;

/// <summary>
/// Extents of Take and ScatterAdd: for each batch b, position p before the axis and index j, a run of elements at
/// ((b P + p) A + i[b, j]) R among the indexed, and at ((b P + p) J + j) R among the taken.
/// </summary>
internal readonly record struct Indexing(string Name, int Axis, long Batches, long Before, long AxisSize, long Indices, long Run)
{
    public static Indexing Of(string name, Shape indexed, Shape indices, int axis, int batch)
    {
        long batches = 1, before = 1, count = 1, run = 1;
        for (var i = 0; i < indexed.Rank; i++)
        {
            if (i < batch)
            {
                batches *= indexed[i];
            }
            else if (i < axis)
            {
                before *= indexed[i];
            }
            else if (i > axis)
            {
                run *= indexed[i];
            }
        }

        for (var i = batch; i < indices.Rank; i++)
        {
            count *= indices[i];
        }

        return new Indexing(name, axis, batches, before, indexed[axis], count, run);
    }
}
