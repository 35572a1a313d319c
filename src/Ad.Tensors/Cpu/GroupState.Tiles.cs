using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

internal sealed partial class GroupState
{
    // Rows of fewer elements, if they lie one after another in the whole too, are done as one.
    private const int ShortRow = 64;

    private int _tileSlot = -1;
    private Tile _tile;

    // Where element 0 of the whole would be.
    private int _tileStart;

    // How far on, in bytes, a node's elements are in the next row; null where rows are not all alike.
    private int[]? _shifts;
    private long _shiftStep = -1;

    // The one segment, if there is nothing else to do for a row; and the nodes that are the tile.
    private Segment? _only;
    private int[] _given = [];

    // Where what is reduced is in the first of several rows.
    private int[] _firstOffsets = [];
    private bool _keptInMemory;

    /// <summary>Computes and stores the elements of a tile, which is what a slot has there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Tiled(Frame frame, int slot, int size, in Tile tile)
    {
        (_tileSlot, _tile) = (slot, tile);
        var (rows, columns) = tile.Columns == tile.Step && tile.Columns < ShortRow ? (1, tile.Rows * tile.Columns) : (tile.Rows, tile.Columns);
        var place = tile.Start - (int)(tile.First * size);
        var gap = (int)((columns - tile.Step) * size);
        for (var column = 0; column < columns; column += _program.Block)
        {
            var count = Math.Min(_program.Block, columns - column);
            var start = tile.First + column;
            _tileStart = place;
            Block(frame, start, count);
            Store(frame, start, count);
            if (rows > 1 && Shifts(tile.Step, columns * size) is { } shifts)
            {
                Rest(shifts, count, rows - 1);
                continue;
            }

            for (var row = 1; row < rows; row++)
            {
                start += tile.Step;
                _tileStart += gap;
                Block(frame, start, count);
                Store(frame, start, count);
            }
        }
    }

    /// <summary>
    /// Computes and stores some rows one after another, if each lies as the one before and whatever is reduced lies in memory, where
    /// <see cref="At(int, int, int)"/> has it; else does nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Alike(Frame frame, long start, int count, int rows)
    {
        if (Shifts(count, 0) is not { } shifts || !_keptInMemory)
        {
            return false;
        }

        Block(frame, start, count);
        foreach (var node in _program.Kept)
        {
            _firstOffsets[node] = _offsets[node];
        }

        if (rows > 1)
        {
            Rest(shifts, count, rows - 1);
        }

        foreach (var node in _program.Kept)
        {
            _offsets[node] = _firstOffsets[node];
        }

        return true;
    }

    /// <summary>Computes and stores the block after the one before, which had as many elements, if it lies as that does; else does nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryNext(int count)
    {
        if (Shifts(count, 0) is not { } shifts)
        {
            return false;
        }

        Rest(shifts, count, 1);
        return true;
    }

    /// <summary>A node's elements in one of the rows that lie alike, or in the current block.</summary>
    public Span<byte> At(int node, int count, int row) =>
        _arrays[node].AsSpan(_offsets[node] + (row == 0 ? 0 : row * _shifts![node]), count * _sizes[node]);

    // Rows whose elements lie as those of the row before, some way on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rest(int[] shifts, int count, int rows)
    {
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < shifts.Length; i++)
            {
                _offsets[i] += shifts[i];
            }

            if (row == 0 && _only is not null && _only.TryRows(_arrays, _offsets, _uniform, count, rows, shifts, _over.Contains(_only)))
            {
                return;
            }

            foreach (var (i, segment) in _program.Steps)
            {
                if (segment is not null)
                {
                    segment.Run(_arrays, _offsets, _uniform, count, _pad, _over.Contains(segment));
                }
                else if (_program.Functions[i] is { } function)
                {
                    Apply(function, i, count);
                }
            }
        }
    }

    private int[]? Shifts(long step, int tileRow)
    {
        if (_shiftStep != step)
        {
            _shiftStep = step;
            _shifts = ShiftsOf(step);
            _only = _program.Steps.Count(s => s.Segment is not null || _program.Functions[s.Node] is not null) == 1
                ? _program.Steps.FirstOrDefault(s => s.Segment is not null).Segment
                : null;
            _firstOffsets = new int[_program.Nodes.Length];
            _keptInMemory = _program.Kept.All(i =>
                _program.Slots[i] >= 0 || (_program.Nodes[i] is Node.Load && !_program.Constant[i] && _program.Readers[i] is null));
            _given = [.. Enumerable.Range(0, _program.Nodes.Length).Where(i => _program.Nodes[i] is Node.Load load && load.View.Slot == _tileSlot)];
        }

        foreach (var node in _given)
        {
            _shifts?[node] = tileRow;
        }

        return _late.Count > 0 ? null : _shifts;
    }

    private int[]? ShiftsOf(long step)
    {
        var shifts = new int[_program.Nodes.Length];
        for (var i = 0; i < shifts.Length; i++)
        {
            var size = _program.Nodes[i].Type.Size();
            switch (_program.Nodes[i])
            {
                case Node.Load or Node.Splat when _program.Constant[i] && _program.Slots[i] < 0:
                    break;
                case Node.Load load when _program.Slots[i] < 0:
                    if (_program.Readers[i] is null)
                    {
                        shifts[i] = (int)(step * size);
                        break;
                    }

                    // Rows that are one run each, or one element all along.
                    var whole = load.View.Layout.Elements();
                    if (whole % step != 0
                        || load.View.Layout.Reshape(new Shape((int)(whole / step), (int)step)) is not { } lines
                        || (lines.Strides[1] != 1 && (lines.Strides[1] != 0 || !_program.MayBeUniform[i])))
                    {
                        return null;
                    }

                    shifts[i] = (int)(lines.Strides[0] * size);
                    break;
                case Node.Apply or Node.Cast:
                    shifts[i] = _program.Slots[i] >= 0 ? (int)(step * size) : 0;
                    break;
                default:
                    return null;
            }
        }

        return _program.Scattered.Length > 0 ? null : shifts;
    }
}
