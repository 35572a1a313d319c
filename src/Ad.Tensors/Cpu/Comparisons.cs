using System.Numerics;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>Comparisons, and the choice between two by a truth value.</summary>
internal static class Comparisons
{
    public static void Equal<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T>
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var y = MemoryMarshal.Cast<byte, T>(b);
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = x[i] == y[i] ? (byte)1 : (byte)0;
        }
    }

    public static void NotEqual<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T>
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var y = MemoryMarshal.Cast<byte, T>(b);
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = x[i] != y[i] ? (byte)1 : (byte)0;
        }
    }

    public static void Less<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T>
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var y = MemoryMarshal.Cast<byte, T>(b);
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = x[i] < y[i] ? (byte)1 : (byte)0;
        }
    }

    public static void LessEqual<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged, INumber<T>
    {
        var x = MemoryMarshal.Cast<byte, T>(a);
        var y = MemoryMarshal.Cast<byte, T>(b);
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = x[i] <= y[i] ? (byte)1 : (byte)0;
        }
    }

    public static void Select<T>(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
        where T : unmanaged
    {
        var x = MemoryMarshal.Cast<byte, T>(b);
        var y = MemoryMarshal.Cast<byte, T>(c);
        var r = MemoryMarshal.Cast<byte, T>(result);
        for (var i = 0; i < r.Length; i++)
        {
            r[i] = a[i] != 0 ? x[i] : y[i];
        }
    }
}
