using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// What a reduction keeps for a number of results while it goes on: a few planes of 8 bytes a result. Elements come in rows of one element
/// a result (columns) or as many elements of one result (a row).
/// </summary>
internal abstract class Reducer
{
    /// <summary>Planes of 8 bytes per result.</summary>
    public abstract int Planes { get; }

    /// <summary>The state of no elements.</summary>
    public abstract void Clear(Span<byte> state);

    /// <summary>Takes in elements of one result; <paramref name="first"/> is the position of the first.</summary>
    public abstract void AddRow(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, long first);

    /// <summary>Takes in rows of one element for each of some results, from one of them on.</summary>
    public abstract void AddColumns(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, int width, long first);

    /// <summary>Takes in what another state, of the elements after these, has.</summary>
    public abstract void Merge(Span<byte> state, ReadOnlySpan<byte> next, int results);

    /// <summary>Writes the results.</summary>
    public abstract void Finish(ReadOnlySpan<byte> state, int results, Span<byte> target);

    /// <summary>The reducer of a type's elements; a sum may be wanted in a wider or narrower type than that.</summary>
    public static Reducer Of(Reduction kind, DType type, DType result) => type switch
    {
        DType.Bool => OfOrdered<byte>(kind, 0, 1),
        DType.Int32 => kind == Reduction.Sum ? new IntegerSum<int>() : OfOrdered(kind, int.MinValue, int.MaxValue),
        DType.Int64 => kind == Reduction.Sum ? new IntegerSum<long>() : OfOrdered(kind, long.MinValue, long.MaxValue),
        DType.Float16 or DType.BFloat16 => throw Widening.Refuse(type),
        DType.Float32 => kind == Reduction.Sum ? new Float32Sum(result) : OfOrdered(kind, float.NegativeInfinity, float.PositiveInfinity),
        DType.Float64 => kind == Reduction.Sum ? new Float64Sum(result) : OfOrdered(kind, double.NegativeInfinity, double.PositiveInfinity),
    };

    private static Reducer OfOrdered<T>(Reduction kind, T least, T greatest)
        where T : unmanaged, INumber<T>, IMinMaxValue<T> => kind switch
        {
            Reduction.Sum => throw new ArgumentException($"The reduction sum does not take bool."),
            Reduction.Max => new Extreme<T, Larger>(least),
            Reduction.Min => new Extreme<T, Smaller>(greatest),
            Reduction.ArgMax => new Position<T, Larger>(),
            Reduction.ArgMin => new Position<T, Smaller>(),
        };
}

/// <summary>The direction of a search for an extreme; as a function of two numbers, the better one, or NaN if either is.</summary>
internal interface IOrder : ILanewise
{
    static abstract bool Better<T>(T candidate, T best)
        where T : INumber<T>;
}

internal readonly struct Larger : IOrder
{
    public static bool Better<T>(T candidate, T best)
        where T : INumber<T> => candidate > best;

    public static T Of<T>(T x, T y)
        where T : INumber<T> => T.Max(x, y);

    public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y) => Vector512.Max(x, y);
}

internal readonly struct Smaller : IOrder
{
    public static bool Better<T>(T candidate, T best)
        where T : INumber<T> => candidate < best;

    public static T Of<T>(T x, T y)
        where T : INumber<T> => T.Min(x, y);

    public static Vector512<T> Of<T>(Vector512<T> x, Vector512<T> y) => Vector512.Min(x, y);
}

/// <summary>The largest or smallest element.</summary>
internal sealed class Extreme<T, O>(T none) : Reducer
    where T : unmanaged, INumber<T>
    where O : struct, IOrder
{
    public override int Planes => 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Clear(Span<byte> state) => MemoryMarshal.Cast<byte, T>(state).Fill(none);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddRow(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, long first)
    {
        if (elements.Length > 0)
        {
            ref var best = ref MemoryMarshal.Cast<byte, T>(state)[result];
            best = O.Of(best, Lanewise.Fold<T, O>(MemoryMarshal.Cast<byte, T>(elements)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddColumns(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, int width, long first)
    {
        var best = MemoryMarshal.Cast<byte, T>(state).Slice(result, width);
        var x = MemoryMarshal.Cast<byte, T>(elements);
        for (; x.Length > 0; x = x[width..])
        {
            Lanewise.Apply<T, O>(best, x[..width], best);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Merge(Span<byte> state, ReadOnlySpan<byte> next, int results)
    {
        var best = MemoryMarshal.Cast<byte, T>(state)[..results];
        Lanewise.Apply<T, O>(best, MemoryMarshal.Cast<byte, T>(next)[..results], best);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Finish(ReadOnlySpan<byte> state, int results, Span<byte> target) =>
        MemoryMarshal.Cast<byte, T>(state)[..results].CopyTo(MemoryMarshal.Cast<byte, T>(target));
}

/// <summary>Where the first largest or smallest element is; a NaN comes before all numbers.</summary>
internal sealed class Position<T, O> : Reducer
    where T : unmanaged, INumber<T>
    where O : struct, IOrder
{
    public override int Planes => 2;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Clear(Span<byte> state) => MemoryMarshal.Cast<byte, long>(state).Fill(-1);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddRow(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, long first)
    {
        var x = MemoryMarshal.Cast<byte, T>(elements);
        if (x.Length > 0)
        {
            // The extreme itself is found many elements at a time; where it is matters only in the few blocks that have a better one.
            var best = Lanewise.Fold<T, O>(x);
            var (values, places) = Parts(state, results);
            if (Replaces(best, values[result], places[result]))
            {
                var at = 0;
                while (x[at] != best && !T.IsNaN(x[at]))
                {
                    at++;
                }

                (values[result], places[result]) = (x[at], first + at);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddColumns(Span<byte> state, int result, int results, ReadOnlySpan<byte> elements, int width, long first)
    {
        var x = MemoryMarshal.Cast<byte, T>(elements);
        var (values, places) = Parts(state, results);
        for (; x.Length > 0; x = x[width..], first++)
        {
            for (var i = 0; i < width; i++)
            {
                if (Replaces(x[i], values[result + i], places[result + i]))
                {
                    (values[result + i], places[result + i]) = (x[i], first);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Merge(Span<byte> state, ReadOnlySpan<byte> next, int results)
    {
        var (values, places) = Parts(state, results);
        var nextPlaces = MemoryMarshal.Cast<byte, long>(next).Slice(results, results);
        var nextValues = MemoryMarshal.Cast<byte, T>(next);
        for (var i = 0; i < results; i++)
        {
            if (nextPlaces[i] >= 0 && Replaces(nextValues[i], values[i], places[i]))
            {
                (values[i], places[i]) = (nextValues[i], nextPlaces[i]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Finish(ReadOnlySpan<byte> state, int results, Span<byte> target)
    {
        var places = MemoryMarshal.Cast<byte, long>(state).Slice(results, results);
        var positions = MemoryMarshal.Cast<byte, int>(target);
        for (var i = 0; i < results; i++)
        {
            positions[i] = (int)places[i];
        }
    }

    private static bool Replaces(T candidate, T best, long place) =>
        place < 0 || O.Better(candidate, best) || (T.IsNaN(candidate) && !T.IsNaN(best));

    private static ValueSpans Parts(Span<byte> state, int results) =>
        new(MemoryMarshal.Cast<byte, T>(state), MemoryMarshal.Cast<byte, long>(state).Slice(results, results));

    private readonly ref struct ValueSpans(Span<T> values, Span<long> places)
    {
        private readonly Span<T> _values = values;
        private readonly Span<long> _places = places;

        public void Deconstruct(out Span<T> values, out Span<long> places)
        {
            values = _values;
            places = _places;
        }
    }
}
