using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The elements that the windows of one <see cref="WindowPart"/> an axis see, laid out with zeros where there are none so that what is walked
/// (positions for a given place, or places for a given position) lies one after another: elements a stride apart go to planes of their own, one
/// for each residue that is used, and a place is then a plane and a shift. Walking goes over the ends of lines, into elements that no result needs.
/// </summary>
internal sealed class Planes
{
    private readonly Fold[] _folds;
    private readonly int[][] _tuples;
    private readonly long[] _strides;

    /// <summary>Lays out an image with these strides; what is walked are the places if <paramref name="overTaps"/>, else the positions.</summary>
    public Planes(WindowPart[] axes, bool overTaps, long[] strides)
    {
        _folds = [.. axes.Select(a => Fold.Of(a, overTaps))];
        _strides = strides;
        Pitches = new int[axes.Length];
        Pitch = 1;
        for (var axis = axes.Length - 1; axis >= 0; axis--)
        {
            Pitches[axis] = Pitch;
            Pitch = checked(Pitch * _folds[axis].Extent);
            Length += (_folds[axis].Walk - 1) * Pitches[axis];
        }

        _tuples = [.. Tuples([.. _folds.Select(f => f.Residues.Length)])];
        Others = [.. Tuples([.. _folds.Select(f => f.Shifts.Length)]).Select(Find)];
    }

    /// <summary>Distances between neighbours in a plane along each axis.</summary>
    public int[] Pitches { get; }

    /// <summary>Elements of a plane.</summary>
    public int Pitch { get; }

    /// <summary>How many planes there are.</summary>
    public int Count => _tuples.Length;

    /// <summary>From the first element that is walked to just after the last.</summary>
    public int Length { get; } = 1;

    /// <summary>For each of what is not walked, in row-major order, its plane and the shift in it.</summary>
    public (int Plane, int Shift)[] Others { get; }

    /// <summary>All tuples of numbers below bounds, in row-major order.</summary>
    public static IEnumerable<int[]> Tuples(int[] bounds)
    {
        var count = bounds.Aggregate(1L, (n, b) => n * b);
        for (var i = 0L; i < count; i++)
        {
            var tuple = new int[bounds.Length];
            var rest = i;
            for (var axis = bounds.Length - 1; axis >= 0; axis--)
            {
                (rest, var index) = Math.DivRem(rest, bounds[axis]);
                tuple[axis] = (int)index;
            }

            yield return tuple;
        }
    }

    /// <summary>
    /// Lays out one channel, its planes so many elements apart, with one number outside the image. The first axis begins so many steps later than
    /// it would.
    /// </summary>
    public unsafe void Lay<T>(T* image, T* target, long planePitch, int later, T outside)
        where T : unmanaged
    {
        var step = InPairs<T>() && _folds[^1].Ranges is [var even, var odd] && (even.From, even.To) == (odd.From, odd.To) && _folds.Length > 1 ? 2 : 1;
        for (var tuple = 0; tuple < _tuples.Length; tuple += step)
        {
            Lines(0, _tuples[tuple], image, target, step == 2 ? target + planePitch : null, later, outside);
            target += step * planePitch;
        }
    }

    // Whether the last axis has two planes, of every second element each, which are read and written together.
    private unsafe bool InPairs<T>()
        where T : unmanaged => _folds[^1].Residues.Length == 2 && _folds[^1].Step == 2 && sizeof(T) == 4 && _strides[^1] == 1;

    /// <summary>The inverse of <see cref="Lay"/>: each element of the image becomes what stands in its place, zero where it has none.</summary>
    public unsafe void Gather<T>(T* source, long planePitch, T* image, int[] sizes)
        where T : unmanaged
    {
        // Where every element has a place, each is written once; the last axis of two residues is written in pairs.
        var isWhole = _folds.All(f => f.IsWhole);
        if (!isWhole)
        {
            new Span<T>(image, sizes.Aggregate(1, (n, s) => n * s)).Clear();
        }

        var inPairs = InPairs<T>();
        for (var tuple = 0; tuple < _tuples.Length; tuple += inPairs ? 2 : 1)
        {
            GatherLines(0, _tuples[tuple], source, inPairs ? source + planePitch : null, image);
            source += inPairs ? 2 * planePitch : planePitch;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void GatherLines<T>(int axis, int[] residues, T* source, T* next, T* image)
        where T : unmanaged
    {
        var fold = _folds[axis];
        var (first, from, to) = fold.Ranges[residues[axis]];
        var step = fold.Step * _strides[axis];
        var start = image + (first * _strides[axis]);
        if (axis < _folds.Length - 1)
        {
            var pitch = Pitches[axis];
            if (next != null && axis == _folds.Length - 2 && _folds[^1].Ranges is [var even, var odd] && (even.From, even.To) == (odd.From, odd.To))
            {
                var shift = ((long)from * pitch) + even.From;
                var line = (uint*)start + (from * step) + even.First + (2L * even.From);
                PutPairs((uint*)source + shift, (uint*)next + shift, pitch, line, step, to - from, even.To - even.From);
                return;
            }

            for (var u = from; u < to; u++)
            {
                GatherLines(axis + 1, residues, source + ((long)u * pitch), next == null ? null : next + ((long)u * pitch), start + (u * step));
            }

            return;
        }

        if (next == null)
        {
            Scatter(source, from, to, start, step);
            return;
        }

        var (nextFirst, nextFrom, nextTo) = fold.Ranges[1];
        var (low, high) = (Math.Max(from, nextFrom), Math.Min(to, nextTo));
        high = Math.Max(low, high);
        Scatter(source, from, Math.Min(low, to), start, 2);
        Scatter(next, nextFrom, Math.Min(low, nextTo), image + nextFirst, 2);
        var i = low;
        for (; i <= high - 8; i += 8)
        {
            var (even, odd) = (Vector256.Load((uint*)source + i), Vector256.Load((uint*)next + i));
            Vector512.BitwiseOr(Widen(even), Widen(odd) << 32).Store((ulong*)(start + (2 * i)));
        }

        if (i <= high - 4)
        {
            var (even, odd) = (Vector128.Load((uint*)source + i), Vector128.Load((uint*)next + i));
            Vector256.BitwiseOr(Widen(even), Widen(odd) << 32).Store((ulong*)(start + (2 * i)));
            i += 4;
        }

        Scatter(source, i, to, start, 2);
        Scatter(next, i, nextTo, image + nextFirst, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Scatter<T>(T* source, int from, int to, T* target, long step)
        where T : unmanaged
    {
        for (var u = from; u < to; u++)
        {
            target[u * step] = source[u];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Widen(Vector256<uint> x) => Vector512.Create(Vector256.WidenLower(x), Vector256.WidenUpper(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Widen(Vector128<uint> x) => Vector256.Create(Vector128.WidenLower(x), Vector128.WidenUpper(x));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void Lines<T>(int axis, int[] residues, T* image, T* target, T* next, int later, T outside)
        where T : unmanaged
    {
        var fold = _folds[axis];
        var (first, from, to) = later == 0 ? fold.Ranges[residues[axis]] : fold.Inside(fold.Residues[residues[axis]], later);
        var stride = _strides[axis];
        var step = fold.Step * stride;
        var pitch = Pitches[axis];
        var start = image + (first * stride) + (from * step);
        for (var plane = target; plane != null; plane = plane == next ? null : next)
        {
            new Span<T>(plane, from * pitch).Fill(outside);
            new Span<T>(plane + ((long)to * pitch), (fold.Extent - to) * pitch).Fill(outside);
        }

        target += (long)from * pitch;
        next = next == null ? null : next + ((long)from * pitch);
        if (axis == _folds.Length - 1)
        {
            Copy(start, step, target, to - from);
        }
        else if (axis == _folds.Length - 2 && _folds[^1].Ranges[residues[^1]] is var (innerFirst, innerFrom, innerTo))
        {
            var inner = _folds[^1];
            var innerStep = inner.Step * _strides[^1];
            start += (innerFirst * _strides[^1]) + (innerFrom * innerStep);
            for (var plane = innerFrom > 0 || innerTo < inner.Extent ? target : null; plane != null; plane = plane == next ? null : next)
            {
                new Span<T>(plane, (to - from) * pitch).Fill(outside);
            }

            if (innerStep == 1)
            {
                CopyLines(start, step, target + innerFrom, pitch, to - from, innerTo - innerFrom);
            }
            else if (next != null)
            {
                CopyPairs((uint*)start, step, (uint*)target + innerFrom, (uint*)next + innerFrom, pitch, to - from, innerTo - innerFrom);
            }
            else
            {
                for (var u = from; u < to; u++, start += step, target += pitch)
                {
                    Copy(start, innerStep, target + innerFrom, innerTo - innerFrom, u < to - 1);
                }
            }
        }
        else
        {
            for (var u = from; u < to; u++, start += step, target += pitch)
            {
                Lines(axis + 1, residues, start, target, next, 0, outside);
                next = next == null ? null : next + pitch;
            }
        }
    }

    /// <summary>Copies lines of elements side by side, which are far too short for a call each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void CopyLines<T>(T* source, long sourceStep, T* target, long targetStep, int lines, int count)
        where T : unmanaged
    {
        var lanes = Vector256<T>.Count;
        if (count < lanes)
        {
            for (; lines > 0; lines--, source += sourceStep, target += targetStep)
            {
                for (var i = 0; i < count; i++)
                {
                    target[i] = source[i];
                }
            }

            return;
        }

        for (; lines > 0; lines--, source += sourceStep, target += targetStep)
        {
            // The last vector ends with the line.
            var i = 0;
            for (; i < count - lanes; i += lanes)
            {
                Vector256.Load(source + i).Store(target + i);
            }

            Vector256.Load(source + count - lanes).Store(target + count - lanes);
        }
    }

    /// <summary>Takes lines apart: what is first of each pair to one place, what is second to another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void CopyPairs(uint* source, long sourceStep, uint* first, uint* second, long targetStep, int lines, int count)
    {
        for (; lines > 0; lines--, source += sourceStep, first += targetStep, second += targetStep)
        {
            // The last vector ends with the line.
            for (var i = 0; count >= 8 && i < count; i += 8)
            {
                var at = Math.Min(i, count - 8);
                var (low, high) = (Vector256.Load((ulong*)(source + (2 * at))), Vector256.Load((ulong*)(source + (2 * at) + 8)));
                Vector256.Narrow(low, high).Store(first + at);
                Vector256.Narrow(low >> 32, high >> 32).Store(second + at);
            }

            for (var i = 0; count is >= 4 and < 8 && i < count; i += 4)
            {
                var at = Math.Min(i, count - 4);
                var (low, high) = (Vector128.Load((ulong*)(source + (2 * at))), Vector128.Load((ulong*)(source + (2 * at) + 4)));
                Vector128.Narrow(low, high).Store(first + at);
                Vector128.Narrow(low >> 32, high >> 32).Store(second + at);
            }

            for (var i = 0; count < 4 && i < count; i++)
            {
                (first[i], second[i]) = (source[2 * i], source[(2 * i) + 1]);
            }
        }
    }

    /// <summary>Puts lines together again that <see cref="CopyPairs"/> took apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void PutPairs(uint* first, uint* second, long sourceStep, uint* target, long targetStep, int lines, int count)
    {
        for (; lines > 0; lines--, target += targetStep, first += sourceStep, second += sourceStep)
        {
            for (var i = 0; count >= 8 && i < count; i += 8)
            {
                var at = Math.Min(i, count - 8);
                (Widen(Vector256.Load(first + at)) | (Widen(Vector256.Load(second + at)) << 32)).Store((ulong*)(target + (2 * at)));
            }

            for (var i = 0; count is >= 4 and < 8 && i < count; i += 4)
            {
                var at = Math.Min(i, count - 4);
                (Widen(Vector128.Load(first + at)) | (Widen(Vector128.Load(second + at)) << 32)).Store((ulong*)(target + (2 * at)));
            }

            for (var i = 0; count < 4 && i < count; i++)
            {
                (target[2 * i], target[(2 * i) + 1]) = (first[i], second[i]);
            }
        }
    }

    /// <summary>
    /// Copies elements, or zeros, to every second place, the first or the second of each pair, and returns how many it copied. Places between
    /// are read and written as they are.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe int Every<T>(T* source, T* target, int place, int pairs)
        where T : unmanaged
    {
        var i = 0;
        if (sizeof(T) != 4)
        {
            return i;
        }

        var others = Vector512.Create(place == 0 ? 0xffffffff_00000000 : 0x00000000_ffffffff);
        var to = (ulong*)(target - place);
        for (; i <= pairs - 8; i += 8)
        {
            var elements = source == null ? Vector512<ulong>.Zero : Widen(Vector256.Load((uint*)source + i)) << (32 * place);
            ((Vector512.Load(to + i) & others) | elements).Store(to + i);
        }

        return i;
    }

    /// <summary>Copies elements a step apart; <paramref name="more"/> says that elements may be read after the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Copy<T>(T* source, long step, T* target, int count, bool more = false)
        where T : unmanaged
    {
        var i = 0;
        if (step == 1)
        {
            var lanes = Vector256<T>.Count;
            for (; i <= count - lanes; i += lanes)
            {
                Vector256.Load(source + i).Store(target + i);
            }
        }
        else if (step == 2 && sizeof(T) == 4)
        {
            // Every second of 32-bit numbers: the low halves of 64-bit ones. The very last has no neighbour to be read with it.
            var end = more ? count + 1 : count;
            for (; i < end - 8; i += 8)
            {
                var low = Vector256.Load((ulong*)(source + (2 * i)));
                var high = Vector256.Load((ulong*)(source + (2 * i) + 8));
                Vector256.Narrow(low, high).Store((uint*)(target + i));
            }

            if (i < end - 4)
            {
                var low = Vector128.Load((ulong*)(source + (2 * i)));
                var high = Vector128.Load((ulong*)(source + (2 * i) + 4));
                Vector128.Narrow(low, high).Store((uint*)(target + i));
                i += 4;
            }
        }

        for (var from = source + (i * step); i < count; i++, from += step)
        {
            target[i] = *from;
        }
    }

    private (int Plane, int Shift) Find(int[] others)
    {
        var (plane, shift) = (0, 0);
        for (var axis = 0; axis < others.Length; axis++)
        {
            var fold = _folds[axis];
            plane = (plane * fold.Residues.Length) + fold.PlaneOf[others[axis]];
            shift += fold.Shifts[others[axis]] * Pitches[axis];
        }

        return (plane, shift);
    }

    /// <summary>One axis: its planes' residues and extent, and for each of what is not walked its plane and shift.</summary>
    private sealed record Fold(int Input, int Base, int Step, int Walk, int[] Residues, int[] PlaneOf, int[] Shifts, int Extent)
    {
        public static Fold Of(WindowPart part, bool overTaps)
        {
            var (walk, step) = overTaps ? (part.Taps, part.Dilation) : (part.Outputs, part.Stride);
            var (count, distance) = overTaps ? (part.Outputs, part.Stride) : (part.Taps, part.Dilation);
            var places = Enumerable.Range(0, count).Select(i => (long)i * distance).ToArray();
            var residues = places.Select(p => (int)(p % step)).Distinct().Order().ToArray();
            var shifts = places.Select(p => (int)(p / step)).ToArray();
            var fold = new Fold(
                part.Input,
                part.Base,
                step,
                walk,
                residues,
                [.. places.Select(p => Array.IndexOf(residues, (int)(p % step)))],
                shifts,
                checked(walk + shifts.DefaultIfEmpty(0).Max()));
            return fold with { Ranges = [.. residues.Select(r => fold.Inside(r, 0))] };
        }

        /// <summary>For each residue the image's index of its plane's first element, and the elements of the plane that the image has.</summary>
        public (long First, int From, int To)[] Ranges { get; private init; } = [];

        /// <summary>Whether every element of the image has a place.</summary>
        public bool IsWhole => Ranges.Sum(r => r.To - r.From) == Input;

        /// <summary>The range of a residue's plane that begins so many steps later.</summary>
        public (long First, int From, int To) Inside(int residue, int later)
        {
            var first = Base + residue + ((long)later * Step);
            var from = first >= 0 ? 0 : (-first + Step - 1) / Step;
            var to = first >= Input ? 0 : ((Input - 1 - first) / Step) + 1;
            var last = (int)Math.Clamp(to, 0, Extent);
            return (first, (int)Math.Min(from, last), last);
        }
    }
}
