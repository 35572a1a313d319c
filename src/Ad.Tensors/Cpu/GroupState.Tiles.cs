using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

internal sealed partial class GroupState
{
    // Rows of fewer elements, if they lie one after another in the whole too, are done as one.
    private const int ShortRow = 64;

    private int _tileSlot = -1;
    private Tile _tile;

    // Where element 0 of the whole would be, and the size of one; 0 without a tile.
    private int _tileStart;
    private int _tileSize;

    // How far on, in bytes, a node's elements are in the next row; null where rows are never alike. So it is within as many elements as each of some periods
    // has, from a multiple of it on: the rows of one example, say, each with a number of its channel.
    private int[]? _shifts;
    private long[] _periods = [];
    private long _shiftStep = -1;

    // Whether an operand is one element all along a row.
    private bool _isShared;
    private bool? _goesByRows;

    // The one segment, if there is nothing else to do for a row; and the nodes that are the tile.
    private Segment? _only;
    private int[] _given = [];

    // Where what is reduced is in the first of several rows, and what of it lies in registers.
    private int[] _firstOffsets = [];
    private int[] _keptRegisters = [];

    /// <summary>Has a tile whose rows follow each other in the whole too stand for what a slot has there.</summary>
    public void Stand(int slot, int size, in Tile tile)
    {
        (_tileSlot, _tileSize, _tile) = (slot, size, tile);
        _tileStart = tile.Start - (int)(tile.First * size);
    }

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
            for (var row = 0; row < rows; row++)
            {
                Block(frame, start, count);
                Store(frame, start, count);
                if (row < rows - 1 && Shifts(tile.Step, columns * size) is { } shifts)
                {
                    var more = AlikeFrom(start, count, rows - row) - 1;
                    Rest(shifts, count, more);
                    row += more;
                    (start, _tileStart) = (start + (more * tile.Step), _tileStart + (more * gap));
                }

                (start, _tileStart) = (start + tile.Step, _tileStart + gap);
            }
        }
    }

    /// <summary>
    /// Computes and stores some rows one after another, as many as lie alike and as there is room for where <see cref="At(int, int, int)"/> has what is reduced;
    /// gives how many, 0 if rows together are better done as a block.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Alike(Frame frame, long start, int count, int rows)
    {
        if (Shifts(count, count * _tileSize) is not { } shifts || !HasRoom(count, ref rows))
        {
            return 0;
        }

        Block(frame, start, count);
        foreach (var node in _program.Kept)
        {
            _firstOffsets[node] = _offsets[node];
        }

        rows = AlikeFrom(start, count, rows);
        foreach (var node in _keptRegisters)
        {
            shifts[node] = count * _program.Nodes[node].Type.Size();
        }

        Rest(shifts, count, rows - 1);
        foreach (var node in _program.Kept)
        {
            _offsets[node] = _firstOffsets[node];
        }

        return rows;
    }

    /// <summary>
    /// Whether rows of so many elements, several of which make a block, are better done one by one: an operand is the same all along each. It is asked for one
    /// number of elements alone.
    /// </summary>
    public bool GoesByRows(int count) => _goesByRows ??= _program.FitsRows(count) && Shifts(count, count * _tileSize) is not null && _isShared;

    /// <summary>Whether what is reduced of rows that lie alike is one run.</summary>
    public bool LieTogether(int count) => _program.Kept.All(i => _shifts![i] == count * _program.Nodes[i].Type.Size());

    /// <summary>Computes and stores the block after the one before, which had as many elements, if it lies as that does; else does nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryNext(long start, int count)
    {
        if (Shifts(count, count * _tileSize) is not { } shifts || AlikeFrom(start - count, count, 2) < 2)
        {
            return false;
        }

        foreach (var node in _keptRegisters)
        {
            shifts[node] = 0;
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

            if (row == 0 && _only is not null && _only.TryRows(_arrays, _offsets, _uniform, count, rows, shifts, _pad, _over.Contains(_only)))
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
            _keptRegisters = [.. _program.Kept.Where(i => _program.Slots[i] < 0 && _program.Nodes[i] is Node.Apply or Node.Cast)];
            _given = [.. Enumerable.Range(0, _program.Nodes.Length).Where(i => _program.Nodes[i] is Node.Load load && load.View.Slot == _tileSlot)];
        }

        foreach (var node in _given)
        {
            _shifts?[node] = tileRow;
        }

        return _late.Count > 0 ? null : _shifts;
    }

    // How many rows from one on lie alike, of at most so many: at least that one.
    private int AlikeFrom(long start, int count, int rows)
    {
        foreach (var period in _periods)
        {
            rows = (int)Math.Clamp(((period - (start % period) - count) / _shiftStep) + 1, 1, rows);
        }

        return rows;
    }

    // What is reduced stays in registers of a block's size; those of interpreted programs serve several nodes.
    private bool HasRoom(int count, ref int rows)
    {
        if (_keptRegisters.Length > 0)
        {
            rows = Math.Min(rows, _program.RegisterElements / count);
        }

        return rows > 1 && (_keptRegisters.Length == 0 || _program.IsEmitted);
    }

    private int[]? ShiftsOf(long step)
    {
        var shifts = new int[_program.Nodes.Length];
        var periods = new HashSet<long>();
        _isShared = false;
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
                    var lines = load.View.Layout.Collapse();
                    var (width, inner) = (lines.Sizes[^1], lines.Strides[^1]);
                    if (width < step || (inner != 1 && (inner != 0 || !_program.MayBeUniform[i])))
                    {
                        return null;
                    }

                    _isShared |= inner == 0;
                    var (next, period) = width > step || lines.Rank == 1 ? (step * inner, (long)width) : (lines.Strides[^2], (long)lines.Sizes[^2] * width);
                    shifts[i] = checked((int)(next * size));
                    if (period < _program.Elements)
                    {
                        periods.Add(period);
                    }

                    break;
                case Node.Apply or Node.Cast:
                    shifts[i] = _program.Slots[i] >= 0 ? (int)(step * size) : 0;
                    break;
                default:
                    return null;
            }
        }

        _periods = [.. periods];
        return _program.Scattered.Length > 0 ? null : shifts;
    }
}
