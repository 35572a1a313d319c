using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

internal sealed partial class GroupKernel
{
    // Rows that are computed before they are summed: they stay near meanwhile.
    private const int RowsAtOnce = 8;

    /// <summary>Blocks of all the elements of some outer positions each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DoWhole(GroupState state, Frame frame, byte[] sums, long first, long end)
    {
        var (_, reduced, inner) = _cut.Extents;
        var each = (int)(reduced * inner);
        var most = _cut.OuterPerBlock == 1 ? RowsAtOnce : _cut.OuterPerBlock;
        var goesByRows = reduced > 0 && (_cut.OuterPerBlock == 1 || state.GoesByRows(each));
        var (outer, before) = (first, 0);
        while (outer < end)
        {
            if (goesByRows && state.Alike(frame, outer * each, each, (int)Math.Min(most, end - outer)) is > 0 and var rows)
            {
                var together = _cut.OuterPerBlock > 1 && state.LieTogether(each) ? rows : 1;
                for (var row = 0; row < rows; row += together)
                {
                    Results(state, frame, sums, outer + row, together, row);
                }

                (outer, before) = (outer + rows, 0);
                continue;
            }

            var outers = (int)Math.Min(_cut.OuterPerBlock, end - outer);
            if (reduced > 0 && (outers != before || (goesByRows && outers > 1) || !state.TryNext(outer * each, outers * each)))
            {
                state.Block(frame, outer * each, outers * each);
            }

            Results(state, frame, sums, outer, outers, 0);
            if (reduced > 0)
            {
                state.Store(frame, outer * each, outers * each);
            }

            (outer, before) = (outer + outers, outers);
        }
    }

    // What the reductions make of some outer positions that have been computed, from a row of them on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Results(GroupState state, Frame frame, byte[] sums, long outer, int outers, int row)
    {
        var (_, reduced, inner) = _cut.Extents;
        var (each, results) = ((int)(reduced * inner), (int)(outers * inner));
        for (var r = 0; r < _reducers.Length; r++)
        {
            var reduction = _group.Reductions[r];
            var kept = sums.AsSpan(0, 8 * _reducers[r].Planes * results);
            _reducers[r].Clear(kept);
            if (reduced > 0)
            {
                var bytes = each * _group.Nodes[reduction.Node].Type.Size();
                var elements = state.At(reduction.Node, outers * each, row);
                for (var o = 0; o < outers; o++)
                {
                    Add(r, kept, o * (int)inner, results, elements.Slice(o * bytes, bytes), (int)inner, 0);
                }
            }

            var target = reduction.Type.Size();
            _reducers[r].Finish(
                kept, results, frame.Elements<byte>(reduction.Slot, (outer * inner * target) + (results * target))[(int)(outer * inner * target)..]);
        }
    }

    /// <summary>Blocks of some rows of one outer position, or of a part of one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DoPart(GroupState state, Frame frame, byte[][] partials, byte[] sums, int item)
    {
        var (_, reduced, inner) = _cut.Extents;
        var (outer, column, rowItem) = _cut.Place(item);
        var width = (int)Math.Min(_cut.StateResults, inner - column);
        var end = Math.Min(reduced, (rowItem + 1L) * _cut.RowsPerItem);
        for (var r = 0; r < _reducers.Length; r++)
        {
            _reducers[r].Clear(Kept(r, item, width, partials, sums));
        }

        var first = rowItem * _cut.RowsPerItem;
        for (var row = first; row < end; row += _cut.RowsPerBlock)
        {
            var rows = (int)Math.Min(_cut.RowsPerBlock, end - row);
            var follows = row > first && rows == _cut.RowsPerBlock && _cut.Columns == 1;
            if (!follows || !state.TryNext((((outer * reduced) + row) * inner) + column, rows * width))
            {
                state.Block(frame, (((outer * reduced) + row) * inner) + column, rows * width);
            }

            for (var r = 0; r < _reducers.Length; r++)
            {
                Add(r, Kept(r, item, width, partials, sums), 0, width, state.At(_group.Reductions[r].Node, rows * width), width, row);
            }

            state.Store(frame, (((outer * reduced) + row) * inner) + column, rows * width);
        }

        for (var r = 0; r < _reducers.Length && partials.Length == 0; r++)
        {
            Finish(frame, r, Kept(r, item, width, partials, sums), (outer * inner) + column, width);
        }
    }

    private Span<byte> Kept(int r, int item, int width, byte[][] partials, byte[] sums)
    {
        var planes = _reducers[r].Planes;
        if (partials.Length > 0)
        {
            return partials[r].AsSpan(item * 8 * planes * _cut.StateResults, 8 * planes * width);
        }

        var start = 0;
        for (var before = 0; before < r; before++)
        {
            start += 8 * _reducers[before].Planes * _cut.StateResults;
        }

        return sums.AsSpan(start, 8 * planes * width);
    }

    private void Add(int r, Span<byte> kept, int result, int results, ReadOnlySpan<byte> elements, int width, long first)
    {
        if (width == 1)
        {
            _reducers[r].AddRow(kept, result, results, elements, first);
        }
        else
        {
            _reducers[r].AddColumns(kept, result, results, elements, width, first);
        }
    }

    private void Combine(Frame frame, int r, byte[] partials)
    {
        var inner = _cut.Extents.Inner;
        var stride = 8 * _reducers[r].Planes * _cut.StateResults;
        for (var item = 0; item < _cut.Items; item += _cut.RowItems)
        {
            var (outer, column, _) = _cut.Place(item);
            var width = (int)Math.Min(_cut.StateResults, inner - column);
            var bytes = 8 * _reducers[r].Planes * width;
            var whole = partials.AsSpan(item * stride, bytes);
            for (var next = 1; next < _cut.RowItems; next++)
            {
                _reducers[r].Merge(whole, partials.AsSpan((item + next) * stride, bytes), width);
            }

            Finish(frame, r, whole, (outer * inner) + column, width);
        }
    }

    private void Finish(Frame frame, int r, ReadOnlySpan<byte> kept, long at, int width)
    {
        var size = _group.Reductions[r].Type.Size();
        var target = frame.Elements<byte>(_group.Reductions[r].Slot, (at + width) * size)[(int)(at * size)..];
        _reducers[r].Finish(kept, width, target);
    }
}
