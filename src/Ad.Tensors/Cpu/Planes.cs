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
    /// Lays out one channel, its planes so many elements apart. The first axis begins so many steps later than it would.
    /// </summary>
    public unsafe void Lay<T>(T* image, T* target, long planePitch, int later, T outside)
        where T : unmanaged
    {
        foreach (var residues in _tuples)
        {
            Lines(0, residues, image, target, later, outside);
            target += planePitch;
        }
    }

    /// <summary>The inverse of <see cref="Lay"/>: each element of the image becomes what stands in its place, zero where it has none.</summary>
    public unsafe void Gather<T>(T* source, long planePitch, T* image, int[] sizes)
        where T : unmanaged
    {
        new Span<T>(image, sizes.Aggregate(1, (n, s) => n * s)).Clear();
        foreach (var residues in _tuples)
        {
            GatherLines(0, residues, source, image);
            source += planePitch;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void GatherLines<T>(int axis, int[] residues, T* source, T* image)
        where T : unmanaged
    {
        var fold = _folds[axis];
        var (from, to) = fold.Inside(residues[axis], 0);
        var step = fold.Step * _strides[axis];
        var start = image + (fold.First(residues[axis], 0) * _strides[axis]);
        for (var u = from; u < to; u++)
        {
            if (axis == _folds.Length - 1)
            {
                start[u * step] = source[u];
            }
            else
            {
                GatherLines(axis + 1, residues, source + ((long)u * Pitches[axis]), start + (u * step));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void Lines<T>(int axis, int[] residues, T* image, T* target, int later, T outside)
        where T : unmanaged
    {
        var fold = _folds[axis];
        var (from, to) = fold.Inside(residues[axis], later);
        var step = fold.Step * _strides[axis];
        var start = image + (fold.First(residues[axis], later) * _strides[axis]);
        var pitch = Pitches[axis];
        new Span<T>(target, from * pitch).Fill(outside);
        if (axis == _folds.Length - 1)
        {
            Copy(start + (from * step), step, target + from, to - from);
        }
        else
        {
            for (var u = from; u < to; u++)
            {
                Lines(axis + 1, residues, start + (u * step), target + ((long)u * pitch), 0, outside);
            }
        }

        new Span<T>(target + ((long)to * pitch), (fold.Extent - to) * pitch).Fill(outside);
    }

    /// <summary>Copies elements a step apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Copy<T>(T* source, long step, T* target, int count)
        where T : unmanaged
    {
        if (step == 1)
        {
            Unsafe.CopyBlockUnaligned(target, source, (uint)(count * sizeof(T)));
            return;
        }

        var i = 0;
        if (step == 2 && sizeof(T) == 4 && Vector256.IsHardwareAccelerated)
        {
            // Every second of 32-bit numbers: the low halves of 64-bit ones. The very last has no neighbour to be read with it.
            for (; i < count - 8; i += 8)
            {
                var low = Vector256.Load((ulong*)(source + (2 * i)));
                var high = Vector256.Load((ulong*)(source + (2 * i) + 8));
                Vector256.Narrow(low, high).Store((uint*)(target + i));
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
            return new Fold(
                part.Input,
                part.Base,
                step,
                walk,
                residues,
                [.. places.Select(p => Array.IndexOf(residues, (int)(p % step)))],
                shifts,
                checked(walk + shifts.DefaultIfEmpty(0).Max()));
        }

        /// <summary>The image's index of a plane's first element.</summary>
        public long First(int residue, int later) => Base + Residues[residue] + ((long)later * Step);

        /// <summary>The elements of a plane that the image has.</summary>
        public (int From, int To) Inside(int residue, int later)
        {
            var first = First(residue, later);
            var from = first >= 0 ? 0 : (-first + Step - 1) / Step;
            var to = first >= Input ? 0 : ((Input - 1 - first) / Step) + 1;
            var last = (int)Math.Clamp(to, 0, Extent);
            return ((int)Math.Min(from, last), last);
        }
    }
}
