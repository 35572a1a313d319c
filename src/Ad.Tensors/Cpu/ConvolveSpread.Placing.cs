using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

internal sealed unsafe partial class ConvolveSpread<T>
{
    // A row's sums, or zeros, into their places in the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Place(Part part, int axis, T* sums, T* result, int first, int count)
    {
        var window = part.Axes[axis];
        var stride = _layout.ResultStrides[axis];
        var step = window.OutputStep * stride;
        result += (window.FirstOutput + ((long)first * window.OutputStep)) * stride;
        if (axis == part.Axes.Length - 2 && sums != null && part.Axes[^1].OutputStep * _layout.ResultStrides[^1] == 1)
        {
            var start = part.Axes[^1].FirstOutput * _layout.ResultStrides[^1];
            Cpu.Planes.CopyLines(sums, part.Planes!.Pitches[axis], result + start, step, count, part.Axes[^1].Outputs);
        }
        else if (axis == part.Axes.Length - 2)
        {
            // All parts of a line are one item's, so that what lies between its elements may be written as it is.
            var inner = part.Axes[^1];
            var innerStep = inner.OutputStep * _layout.ResultStrides[^1];
            var pairs = innerStep == 2 && inner.OutputStep == 2 ? Math.Min(inner.Outputs, _layout.Axes[^1].Outputs / 2) : 0;
            var line = result + (inner.FirstOutput * _layout.ResultStrides[^1]);
            var pitch = part.Planes?.Pitches[axis] ?? 0;
            for (var m = 0; m < count; m++, line += step)
            {
                var from = sums == null ? null : sums + ((long)m * pitch);
                for (var i = pairs == 0 ? 0 : Planes.Every(from, line, inner.FirstOutput & 1, pairs); i < inner.Outputs; i++)
                {
                    line[i * innerStep] = from == null ? T.Zero : from[i];
                }
            }
        }
        else if (axis < part.Axes.Length - 1)
        {
            for (var m = 0; m < count; m++, result += step)
            {
                Place(part, axis + 1, sums, result, 0, part.Axes[axis + 1].Outputs);
                sums = sums == null ? null : sums + part.Planes!.Pitches[axis];
            }
        }
        else if (step == 1 && sums != null)
        {
            Unsafe.CopyBlockUnaligned(result, sums, (uint)(count * sizeof(T)));
        }
        else
        {
            for (var m = 0; m < count; m++, result += step)
            {
                *result = sums == null ? T.Zero : sums[m];
            }
        }
    }

    // Rows' sums, or zeros, in turn into whole lines of the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PlacePairs(Part part, Part other, int axis, T* sums, T* others, T* result, int first, int count)
    {
        var window = part.Axes[axis];
        var step = window.OutputStep * _layout.ResultStrides[axis];
        result += (window.FirstOutput + ((long)first * window.OutputStep)) * _layout.ResultStrides[axis];
        var (pitch, otherPitch) = (part.Planes?.Pitches[axis] ?? 0, other.Planes?.Pitches[axis] ?? 0);
        var (pairs, lanes) = (part.Axes[^1].Outputs, Vector512<T>.Count);
        var few = stackalloc T[2 * Vector512<T>.Count];
        for (var m = 0; m < count; m++, result += step, sums += pitch, others += otherPitch)
        {
            if (axis < part.Axes.Length - 2)
            {
                PlacePairs(part, other, axis + 1, sums, others, result, 0, part.Axes[axis + 1].Outputs);
                continue;
            }

            // The last vector ends with the line.
            for (var i = 0; i < pairs; i += lanes)
            {
                var at = Math.Max(0, Math.Min(i, pairs - lanes));
                var to = pairs < lanes ? few : result + (2 * at);
                Pairs.Together(
                    part.Planes is null ? Vector512<T>.Zero : Vector512.Load(sums + at), other.Planes is null ? Vector512<T>.Zero : Vector512.Load(others + at), to);
            }

            if (pairs < lanes)
            {
                Cpu.Planes.CopyLines(few, 0, result, 0, 1, 2 * pairs);
            }
        }
    }
}
