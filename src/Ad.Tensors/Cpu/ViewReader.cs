using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Walks a view in row-major order from any position, copying runs along its innermost axis out of it or into it. The position is kept as a counter per axis,
/// so that going on costs no division.
/// </summary>
internal sealed class ViewReader
{
    // Shorter ones cost less than a call that copies or fills.
    private const int ShortRun = 16;

    // Elements whose places are kept, where runs are short.
    private const int MostSteps = 256;

    private readonly int[] _sizes;
    private readonly long[] _strides;
    private readonly int[] _index;
    private readonly long _offset;
    private readonly int _inner;
    private readonly long _innerStride;
    private readonly int _outer;

    // Where runs are short, the steps from one place to the next few: over all of some inner axes, which together have so many elements, again and again along
    // the axis around them.
    private readonly int[] _steps;
    private readonly int _around;
    private readonly int _inside;
    private long _next;
    private long _position;

    public ViewReader(Layout layout)
    {
        var collapsed = layout.Collapse();
        _outer = Math.Max(0, collapsed.Rank - 1);
        _sizes = collapsed.Rank == 0 ? [1] : collapsed.Sizes.ToArray();
        _strides = collapsed.Rank == 0 ? [0] : collapsed.Strides.ToArray();
        _index = new int[_outer + 1];
        _offset = collapsed.Offset;
        (_inner, _innerStride) = (_sizes[_outer], _strides[_outer]);
        _next = -1;
        _steps = [];
        (_around, _inside) = (_outer, 1);
        if (_inner < ShortRun && _outer > 0 && collapsed.Elements() > 0)
        {
            while (_around > 0 && _inside * _sizes[_around] <= MostSteps / 2)
            {
                _inside *= _sizes[_around--];
            }

            _steps = Steps(MostSteps / _inside * _inside);
        }
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
    public long TryRun(int count) => _innerStride == 1 ? TryLine(count) : -1;

    /// <summary>The place of the current element when it is this many elements from here on, else -1. Goes past them if so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public long TrySame(int count) => _innerStride == 0 ? TryLine(count) : -1;

    /// <summary>The place of the current element when this many from here on lie at equal steps, else -1. Goes past them if so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public long TryLine(int count)
    {
        if (_inner - _index[_outer] < count)
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
            if (Whole(target.Length) is > 0 and var blocks)
            {
                var elements = blocks * _inside;
                Gather(source[(int)_position..], target[..elements]);
                target = target[elements..];
                Advance(_around, blocks, elements);
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
                Repeat(source[(int)_position], target[..count]);
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
            if (Whole(source.Length) is > 0 and var blocks)
            {
                var elements = blocks * _inside;
                for (var i = 0; i < elements; i++)
                {
                    target[(int)_position + _steps[i]] = source[i];
                }

                source = source[elements..];
                Advance(_around, blocks, elements);
                continue;
            }

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
            Line(target[..count], _position, _innerStride);
            target = target[count..];
            Advance(count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Line(Span<long> target, long first, long step)
    {
        var several = Vector512.Create(first) + (Vector512<long>.Indices * step);
        var further = Vector512.Create(step * Vector512<long>.Count);
        for (; target.Length >= Vector512<long>.Count; target = target[Vector512<long>.Count..])
        {
            several.CopyTo(target);
            several += further;
        }

        for (var i = 0; i < target.Length; i++)
        {
            target[i] = several[i];
        }
    }

    // From each element on: where it is, less where the first is.
    private int[] Steps(int count)
    {
        var steps = new int[count];
        for (var i = 0; i < count; i++)
        {
            var rest = i;
            for (var axis = _outer; axis > _around; axis--)
            {
                (rest, var index) = Math.DivRem(rest, _sizes[axis]);
                steps[i] += (int)(index * _strides[axis]);
            }

            steps[i] += (int)(rest * _strides[_around]);
        }

        return steps;
    }

    // How many times all inner axes can be gone through from here, by the steps that are kept, for at most so many elements.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Whole(int elements)
    {
        if (_steps.Length == 0)
        {
            return 0;
        }

        for (var axis = _around + 1; axis <= _outer; axis++)
        {
            if (_index[axis] != 0)
            {
                return 0;
            }
        }

        return Math.Min(Math.Min(elements, _steps.Length) / _inside, _sizes[_around] - _index[_around]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Gather<T>(ReadOnlySpan<T> source, Span<T> target)
        where T : unmanaged
    {
        ref var from = ref MemoryMarshal.GetReference(source);
        ref var to = ref MemoryMarshal.GetReference(target);
        ref var step = ref MemoryMarshal.GetArrayDataReference(_steps);
        for (nint i = 0; i < target.Length; i++)
        {
            Unsafe.Add(ref to, i) = Unsafe.Add(ref from, (nint)Unsafe.Add(ref step, i));
        }
    }

    // Span's own is slow for seconds, until the runtime has compiled it for the type.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Repeat<T>(T value, Span<T> target)
        where T : unmanaged
    {
        var several = Vector512.Create(value);
        for (; target.Length >= Vector512<T>.Count; target = target[Vector512<T>.Count..])
        {
            several.CopyTo(target);
        }

        for (var i = 0; i < target.Length; i++)
        {
            target[i] = value;
        }
    }

    private void Advance(int count) => Advance(_outer, count, count);

    // So many steps along an axis, where those within it are at their beginning.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Advance(int axis, int count, int elements)
    {
        _next += elements;
        _position += count * _strides[axis];
        _index[axis] += count;
        while (_index[axis] == _sizes[axis])
        {
            _position -= _sizes[axis] * _strides[axis];
            _index[axis] = 0;
            if (axis == 0)
            {
                return;
            }

            axis--;
            _position += _strides[axis];
            _index[axis]++;
        }
    }
}
