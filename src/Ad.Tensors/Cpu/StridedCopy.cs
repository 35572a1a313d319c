using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>A copy from the places of one layout to the places of another of the same shape.</summary>
internal sealed class StridedCopy
{
    // The side of a square that is turned over at a time: whole cache lines, of any element type.
    private const int Tile = 32;

    // What is gathered element by element at a time, where lines are shorter than these.
    private const int ShortElements = 1024;
    private const int ShortLine = 16;
    private const int ShortSide = 8;

    private readonly int[] _outer;
    private readonly long[] _outerFrom;
    private readonly long[] _outerTo;
    private readonly int _rows;
    private readonly long _rowFrom;
    private readonly long _rowTo;
    private readonly int _columns;
    private readonly long _columnFrom;
    private readonly long _columnTo;
    private readonly long _from;
    private readonly long _to;
    private readonly int _matrices;
    private readonly (Layout From, Layout To)? _short;
    private Places? _spare;

    public StridedCopy(Layout source, Layout target)
    {
        var (from, to) = Layout.Collapse(source, target);
        var axes = Enumerable.Range(0, from.Rank).ToList();
        Elements = from.Elements();
        (_from, _to) = (from.Offset, to.Offset);

        // The columns are the axis nearest in the target, the rows the one nearest in the source, or any other.
        var column = Take(axes, to);
        var row = Take(axes, from);
        (_columns, _columnFrom, _columnTo) = column < 0 ? (1, 0, 0) : (from.Sizes[column], from.Strides[column], to.Strides[column]);
        (_rows, _rowFrom, _rowTo) = row < 0 ? (1, 0, 0) : (from.Sizes[row], from.Strides[row], to.Strides[row]);
        _outer = [.. axes.Select(a => from.Sizes[a])];
        _outerFrom = [.. axes.Select(a => from.Strides[a])];
        _outerTo = [.. axes.Select(a => to.Strides[a])];
        _matrices = Elements == 0 ? 0 : (int)(Elements / ((long)_rows * _columns));
        var isShort = _rowFrom == 1 && _columnTo == 1 && _rows > 1 ? _rows < ShortSide || _columns < ShortSide : _columns < ShortLine;
        _short = isShort && _rows > 1 ? (from, to) : null;
    }

    public long Elements { get; }

    private int RowItems => (_rows + Tile - 1) / Tile;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(Frame frame, int source, int target, int size, Workers workers)
    {
        if (Elements == 0)
        {
            return;
        }

        IWork work = size switch
        {
            1 => new Work<byte>(this, frame, source, target),
            2 => new Work<short>(this, frame, source, target),
            4 => new Work<int>(this, frame, source, target),
            _ => new Work<long>(this, frame, source, target),
        };
        var items = _short is null ? checked(_matrices * RowItems) : (int)((Elements + ShortElements - 1) / ShortElements);
        workers.Run(work, items, Elements >= Workers.Grain);
    }

    private static int Take(List<int> axes, Layout layout)
    {
        if (axes.Count == 0)
        {
            return -1;
        }

        var nearest = axes[^1];
        foreach (var axis in axes)
        {
            if (layout.Strides[axis] != 0 && Math.Abs(layout.Strides[axis]) < Math.Abs(layout.Strides[nearest]))
            {
                nearest = axis;
            }
        }

        axes.Remove(nearest);
        return nearest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do<T>(ReadOnlySpan<T> source, Span<T> target, int item)
        where T : unmanaged
    {
        var (matrix, rowItem) = Math.DivRem(item, RowItems);
        var (from, to) = (_from, _to);
        for (var axis = _outer.Length - 1; axis >= 0; axis--)
        {
            (matrix, var index) = Math.DivRem(matrix, _outer[axis]);
            from += index * _outerFrom[axis];
            to += index * _outerTo[axis];
        }

        var first = rowItem * Tile;
        var last = Math.Min(_rows, first + Tile);
        if (_columnFrom == 1 && _columnTo == 1)
        {
            for (var row = first; row < last; row++)
            {
                source.Slice((int)(from + (row * _rowFrom)), _columns).CopyTo(target[(int)(to + (row * _rowTo))..]);
            }

            return;
        }

        if (_rowFrom == 1 && _columnTo == 1 && _rows > 1)
        {
            Transpose(source, target, from, to, first, last);
            return;
        }

        for (var row = first; row < last; row++)
        {
            var read = from + (row * _rowFrom);
            var write = to + (row * _rowTo);
            for (var column = 0; column < _columns; column++)
            {
                target[(int)write] = source[(int)read];
                read += _columnFrom;
                write += _columnTo;
            }
        }
    }

    // Elements one after another in the order of the axes, through a buffer if they do not lie so in the target.
    [SkipLocalsInit]
    private static void Gather<T>(Places places, ReadOnlySpan<T> source, Span<T> target, long first, int count)
        where T : unmanaged
    {
        places.From.Seek(first);
        places.To.Seek(first);
        if (places.To.TryRun(count) is >= 0 and var at)
        {
            places.From.Read(source, target.Slice((int)at, count));
            return;
        }

        Span<T> buffer = stackalloc T[ShortElements];
        places.From.Read(source, buffer[..count]);
        places.To.Write(buffer[..count], target);
    }

    // Whole lines are read into a small square and whole lines written from it: rows far apart then never fight for one place in the cache.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void Transpose<T>(ReadOnlySpan<T> source, Span<T> target, long from, long to, int first, int last)
        where T : unmanaged
    {
        var square = stackalloc T[Tile * Tile];
        var height = last - first;
        for (var start = 0; start < _columns; start += Tile)
        {
            var width = Math.Min(Tile, _columns - start);
            var turned = 0;
            if (_columnFrom >= height && sizeof(T) >= sizeof(float))
            {
                fixed (T* lines = source[(int)(from + first + (start * _columnFrom))..])
                {
                    turned = Turning.Columns(lines, _columnFrom, square, Tile, width, height);
                }
            }

            for (var column = 0; column < width && turned < height; column++)
            {
                var line = source.Slice((int)(from + first + ((start + column) * _columnFrom)), height);
                for (var row = turned; row < line.Length; row++)
                {
                    square[(row * Tile) + column] = line[row];
                }
            }

            for (var row = 0; row < height; row++)
            {
                fixed (T* line = target.Slice((int)(to + ((first + row) * _rowTo) + start), width))
                {
                    Turning.Copy(square + (row * Tile), line, width);
                }
            }
        }
    }

    /// <summary>Readers of both layouts, for one thread at a time.</summary>
    private sealed record Places(ViewReader From, ViewReader To);

    private sealed class Work<T>(StridedCopy copy, Frame frame, int source, int target) : IWork
        where T : unmanaged
    {
        public object? Begin() => copy._short is var (from, to)
            ? Interlocked.Exchange(ref copy._spare, null) ?? new Places(new ViewReader(from), new ViewReader(to))
            : null;

        public void Do(object? state, int item)
        {
            var from = frame.From<T>(source);
            var to = MemoryMarshal.Cast<byte, T>(frame.Array(target).AsSpan(frame.Start(target)));
            if (state is Places places)
            {
                var first = (long)item * ShortElements;
                Gather(places, from, to, first, (int)Math.Min(ShortElements, copy.Elements - first));
            }
            else
            {
                copy.Do(from, to, item);
            }
        }

        public void End(object? state) => copy._spare = (Places?)state;
    }
}
