using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>Sums of integers, which wrap around.</summary>
internal sealed class IntegerSum<T> : Reducer
    where T : unmanaged, IBinaryInteger<T>
{
    public override int Planes => 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Clear(Span<byte> state) => state.Clear();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddRow(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, long first)
    {
        if (elements.Length > 0)
        {
            MemoryMarshal.Cast<byte, T>(state)[result] += Lanewise.Fold<T, Plus>(MemoryMarshal.Cast<byte, T>(elements));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddColumns(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, int width, long first)
    {
        var sums = MemoryMarshal.Cast<byte, T>(state).Slice(result, width);
        var x = MemoryMarshal.Cast<byte, T>(elements);
        for (; x.Length > 0; x = x[width..])
        {
            Lanewise.Apply<T, Plus>(sums, x[..width], sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Merge(Span<byte> state, ReadOnlySpan<byte> next, int results)
    {
        var sums = MemoryMarshal.Cast<byte, T>(state)[..results];
        Lanewise.Apply<T, Plus>(sums, MemoryMarshal.Cast<byte, T>(next)[..results], sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Finish(ReadOnlySpan<byte> state, int results, Span<byte> target) =>
        MemoryMarshal.Cast<byte, T>(state)[..results].CopyTo(MemoryMarshal.Cast<byte, T>(target));
}

/// <summary>Sums of float32 kept in double throughout: wrong by at most 2^-53 of the sum of magnitudes a term, then rounded once.</summary>
internal sealed class Float32Sum(DType result) : Reducer
{
    public override int Planes => 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Clear(Span<byte> state) => state.Clear();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddRow(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, long first) =>
        MemoryMarshal.Cast<byte, double>(state)[result] += Lanes.Sum(MemoryMarshal.Cast<byte, float>(elements));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddColumns(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, int width, long first)
    {
        var sums = MemoryMarshal.Cast<byte, double>(state).Slice(result, width);
        var x = MemoryMarshal.Cast<byte, float>(elements);
        var i = 0;
        for (; i <= width - 16; i += 16)
        {
            var low = Vector512.Create((ReadOnlySpan<double>)sums.Slice(i, 8));
            var high = Vector512.Create((ReadOnlySpan<double>)sums.Slice(i + 8, 8));
            for (var at = i; at < x.Length; at += width)
            {
                var (first8, last8) = Vector512.Widen(Vector512.Create(x.Slice(at, 16)));
                (low, high) = (low + first8, high + last8);
            }

            low.CopyTo(sums[i..]);
            high.CopyTo(sums[(i + 8)..]);
        }

        for (; i < width; i++)
        {
            for (var at = i; at < x.Length; at += width)
            {
                sums[i] += x[at];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Merge(Span<byte> state, ReadOnlySpan<byte> next, int results)
    {
        var sums = MemoryMarshal.Cast<byte, double>(state)[..results];
        Lanewise.Apply<double, Plus>(sums, MemoryMarshal.Cast<byte, double>(next)[..results], sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Finish(ReadOnlySpan<byte> state, int results, Span<byte> target)
    {
        for (var i = 0; i < results; i++)
        {
            Lanes.Put(result, target, i, MemoryMarshal.Cast<byte, double>(state)[i]);
        }
    }
}

/// <summary>
/// Sums of float64, compensated: blocks are summed in 32 lanes, and every block's sum (or, in columns, every element) is added together with
/// what its addition rounds off (Knuth's two-sum), so that the error does not grow with the number of terms.
/// </summary>
internal sealed class Float64Sum(DType result) : Reducer
{
    public override int Planes => 2;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Clear(Span<byte> state) => state.Clear();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddRow(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, long first)
    {
        var planes = MemoryMarshal.Cast<byte, double>(state);
        Add(ref planes[result], ref planes[results + result], Lanes.Sum(MemoryMarshal.Cast<byte, double>(elements)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddColumns(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, int width, long first)
    {
        var sums = MemoryMarshal.Cast<byte, double>(state).Slice(result, width);
        var errors = MemoryMarshal.Cast<byte, double>(state).Slice(results + result, width);
        for (var x = MemoryMarshal.Cast<byte, double>(elements); x.Length > 0; x = x[width..])
        {
            AddAll(sums, errors, x[..width]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Merge(Span<byte> state, ReadOnlySpan<byte> next, int results)
    {
        var planes = MemoryMarshal.Cast<byte, double>(state);
        var nextPlanes = MemoryMarshal.Cast<byte, double>(next);
        AddAll(planes[..results], planes.Slice(results, results), nextPlanes[..results]);
        Lanewise.Apply<double, Plus>(planes.Slice(results, results), nextPlanes.Slice(results, results), planes.Slice(results, results));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Finish(ReadOnlySpan<byte> state, int results, Span<byte> target)
    {
        var planes = MemoryMarshal.Cast<byte, double>(state);
        for (var i = 0; i < results; i++)
        {
            // An infinite sum has no error to make good: it would turn into NaN.
            Lanes.Put(result, target, i, double.IsFinite(planes[i]) ? planes[i] + planes[results + i] : planes[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddAll(Span<double> sums, Span<double> errors, ReadOnlySpan<double> x)
    {
        var i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            var sum = Vector512.Create((ReadOnlySpan<double>)sums.Slice(i, 8));
            var term = Vector512.Create(x.Slice(i, 8));
            var total = sum + term;
            var part = total - sum;
            var error = (sum - (total - part)) + (term - part);
            total.CopyTo(sums[i..]);
            (Vector512.Create((ReadOnlySpan<double>)errors.Slice(i, 8)) + error).CopyTo(errors[i..]);
        }

        for (; i < x.Length; i++)
        {
            Add(ref sums[i], ref errors[i], x[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref double sum, ref double errors, double term)
    {
        var total = sum + term;
        var part = total - sum;
        errors += (sum - (total - part)) + (term - part);
        sum = total;
    }
}

/// <summary>Sums of a block in 32 lanes (element i in lane i mod 32), whatever the width of the machine's vectors, so that bits do not depend on it.</summary>
internal static class Lanes
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(ReadOnlySpan<float> x)
    {
        var (a, b, c, d) = (Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero);
        for (; x.Length >= 32; x = x[32..])
        {
            var (low, high) = Vector512.Widen(Vector512.Create(x[..16]));
            a += low;
            b += high;
            (low, high) = Vector512.Widen(Vector512.Create(x.Slice(16, 16)));
            c += low;
            d += high;
        }

        double sum = 0;
        foreach (var last in x)
        {
            sum += last;
        }

        return Total(a, b, c, d) + sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(ReadOnlySpan<double> x)
    {
        var (a, b, c, d) = (Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero);
        for (; x.Length >= 32; x = x[32..])
        {
            a += Vector512.Create(x[..8]);
            b += Vector512.Create(x.Slice(8, 8));
            c += Vector512.Create(x.Slice(16, 8));
            d += Vector512.Create(x.Slice(24, 8));
        }

        double sum = 0;
        foreach (var last in x)
        {
            sum += last;
        }

        return Total(a, b, c, d) + sum;
    }

    /// <summary>Writes a sum in the type in which it is wanted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(DType type, Span<byte> target, int index, double sum)
    {
        if (type == DType.Float32)
        {
            MemoryMarshal.Cast<byte, float>(target)[index] = (float)sum;
        }
        else
        {
            MemoryMarshal.Cast<byte, double>(target)[index] = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Total(Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d)
    {
        var half = (a + b) + (c + d);
        var quarter = half.GetLower() + half.GetUpper();
        return (quarter[0] + quarter[1]) + (quarter[2] + quarter[3]);
    }
}
