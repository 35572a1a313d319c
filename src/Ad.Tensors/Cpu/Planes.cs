using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The elements that the windows of one <see cref="WindowPart"/> an axis see, laid out with zeros where there are none so that what is walked
/// (positions for a given place, or places for a given position) lies one after another: elements a stride apart go to planes of their own, one
/// for each residue that is used, and a place is then a plane and a shift. Walking goes over the ends of lines, into elements that no result needs.
/// </summary>
internal sealed partial class Planes
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
        var step = InPairs<T>() && _folds[^1].Ranges is [var even, var odd] && even.To - even.From == odd.To - odd.From && even.From - odd.From is 0 or 1 && _folds.Length > 1
            ? 2
            : 1;
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
                // With a border in front of the first plane alone, what is second there comes first in the image.
                var (even, odd) = ((nint)(target + innerFrom), (nint)(next + inner.Ranges[1].From));
                var isSwapped = innerFrom > inner.Ranges[1].From;
                CopyPairs(
                    (uint*)start - (isSwapped ? 1 : 0),
                    step,
                    (uint*)(isSwapped ? odd : even),
                    (uint*)(isSwapped ? even : odd),
                    pitch,
                    to - from,
                    innerTo - innerFrom);
            }
            else
            {
                // The very last element has no neighbour to be read with it.
                var lines = Math.Max(0, to - from - 1);
                if (innerStep != 2 || step < 0 || !CopySeconds(start, step, target + innerFrom, pitch, lines, innerTo - innerFrom))
                {
                    lines = 0;
                }

                for (var u = from + lines; u < to; u++)
                {
                    Copy(start + ((u - from) * step), innerStep, target + innerFrom + ((u - from) * (long)pitch), innerTo - innerFrom, step > 0 && u < to - 1);
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
