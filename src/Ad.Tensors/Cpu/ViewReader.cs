using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Walks a view in row-major order from any position, copying runs along its innermost axis out of it or into it. The position is kept as a counter per axis,
/// so that going on costs no division.
/// </summary>
internal sealed class ViewReader
{
    // Shorter ones cost less than a call that copies or fills.
    private const int ShortRun = 16;

    private readonly int[] _sizes;
    private readonly long[] _strides;
    private readonly int[] _index;
    private readonly long _offset;
    private readonly int _inner;
    private readonly long _innerStride;
    private readonly int _outer;
    private long _next;
    private long _position;

    public ViewReader(Layout layout)
    {
        var collapsed = layout.Collapse();
        _outer = Math.Max(0, collapsed.Rank - 1);
        _sizes = collapsed.Sizes.ToArray();
        _strides = collapsed.Strides.ToArray();
        _index = new int[_outer + 1];
        _offset = collapsed.Offset;
        (_inner, _innerStride) = collapsed.Rank == 0 ? (1, 0) : (_sizes[_outer], _strides[_outer]);
        _next = -1;
    }

    /// <summary>The step from one element to the next within a run.</summary>
    public long InnerStride => _innerStride;

    /// <summary>Goes to an element, counted in row-major order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Seek(long element)
    {
        if (element == _next)
        {
            return;
        }

        _next = element;
        _position = _offset;
        for (var axis = _sizes.Length - 1; axis >= 0; axis--)
        {
            (element, var index) = Math.DivRem(element, _sizes[axis]);
            _index[axis] = (int)index;
            _position += index * _strides[axis];
        }
    }

    /// <summary>The place of the current element when this many from here on lie one after another, else -1. Goes past them if so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public long TryRun(int count)
    {
        if (_innerStride != 1 || _inner - _index[_outer] < count)
        {
            return -1;
        }

        var at = _position;
        Advance(count);
        return at;
    }

    /// <summary>The place of the current element when it is this many elements from here on, else -1. Goes past them if so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public long TrySame(int count)
    {
        if (_innerStride != 0 || _inner - _index[_outer] < count)
        {
            return -1;
        }

        var at = _position;
        Advance(count);
        return at;
    }

    /// <summary>Copies elements from here on and goes past them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Read<T>(ReadOnlySpan<T> source, Span<T> target)
        where T : unmanaged
    {
        while (target.Length > 0)
        {
            if (_inner < ShortRun && _outer > 0 && _index[_outer] == 0 && target.Length >= _inner)
            {
                target = target[ReadShortRuns(source, target)..];
                continue;
            }

            var count = Math.Min(target.Length, _inner - _index[_outer]);
            Debug.Assert(count > 0, "A view of no elements is not read.");
            if (count < ShortRun)
            {
                var at = _position;
                for (var i = 0; i < count; i++, at += _innerStride)
                {
                    target[i] = source[(int)at];
                }
            }
            else if (_innerStride == 1)
            {
                source.Slice((int)_position, count).CopyTo(target);
            }
            else if (_innerStride == 0)
            {
                target[..count].Fill(source[(int)_position]);
            }
            else
            {
                var from = (int)_position;
                var step = (int)_innerStride;
                for (var i = 0; i < count; i++)
                {
                    target[i] = source[from];
                    from += step;
                }
            }

            target = target[count..];
            Advance(count);
        }
    }

    /// <summary>Copies elements to the places from here on and goes past them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write<T>(ReadOnlySpan<T> source, Span<T> target)
        where T : unmanaged
    {
        while (source.Length > 0)
        {
            var count = Math.Min(source.Length, _inner - _index[_outer]);
            if (_innerStride == 1 && count >= ShortRun)
            {
                source[..count].CopyTo(target[(int)_position..]);
            }
            else
            {
                var at = _position;
                for (var i = 0; i < count; i++, at += _innerStride)
                {
                    target[(int)at] = source[i];
                }
            }

            source = source[count..];
            Advance(count);
        }
    }

    /// <summary>Writes the places of elements from here on, which for a ramp are its values, and goes past them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Places(Span<long> target)
    {
        while (target.Length > 0)
        {
            var count = Math.Min(target.Length, _inner - _index[_outer]);
            for (var i = 0; i < count; i++)
            {
                target[i] = _position + (i * _innerStride);
            }

            target = target[count..];
            Advance(count);
        }
    }

    // Whole runs, as many as are left along the axis around the innermost one.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int ReadShortRuns<T>(ReadOnlySpan<T> source, Span<T> target)
        where T : unmanaged
    {
        var axis = _outer - 1;
        var runs = Math.Min(target.Length / _inner, _sizes[axis] - _index[axis]);
        var (inner, from, step) = (_inner, _position, _innerStride);
        var read = runs * inner;
        if (_strides[axis] == 0)
        {
            for (var i = 0; i < inner; i++)
            {
                target[i] = source[(int)(from + (i * step))];
            }

            // The same run over and over: what is there already is copied, twice as much each time.
            for (var done = inner; done < read; done *= 2)
            {
                target[..Math.Min(done, read - done)].CopyTo(target[done..]);
            }
        }
        else
        {
            var at = 0;
            for (var run = 0; run < runs; run++, from += _strides[axis])
            {
                var place = from;
                for (var i = 0; i < inner; i++, place += step)
                {
                    target[at++] = source[(int)place];
                }
            }
        }

        _index[axis] += runs - 1;
        _position += (runs - 1) * _strides[axis];
        _next += read - inner;
        Advance(inner);
        return read;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Advance(int count)
    {
        _next += count;
        _position += count * _innerStride;
        if ((_index[_outer] += count) < _inner)
        {
            return;
        }

        _position -= _inner * _innerStride;
        _index[_outer] = 0;
        for (var axis = _outer - 1; axis >= 0; axis--)
        {
            _position += _strides[axis];
            if (++_index[axis] < _sizes[axis])
            {
                return;
            }

            _position -= _sizes[axis] * _strides[axis];
            _index[axis] = 0;
        }
    }
}
