using Ad.Tensors;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>A program, what to give it, and what it gives to a number of ulp.</summary>
internal sealed record Case(Ad.Tensors.Program Program, Plain[] Arguments, double Ulp, Func<Plain[]> Expected);

/// <summary>The device against the reference.</summary>
internal static class Compare
{
    /// <summary>One thread, and every node interpreted.</summary>
    public static readonly CpuDevice One = new(1, long.MaxValue);

    private static readonly CpuDevice[] More = [new(1, 0), new(2, 0), new(4, long.MaxValue)];

    public static Plain[] Run(Device device, Ad.Tensors.Program program, params Plain[] arguments)
    {
        Plain[] results = [.. device.Prepare(program).Run([.. arguments.Select(a => a.Store())]).Select(Plain.From)];
        if (device == One)
        {
            _collected?.Add(new Case(program, arguments, 4, () => results));
        }

        return results;
    }

    /// <summary>Programs with their arguments and ulp, collected rather than compared, while a test of another device asks for them on this thread.</summary>
    [ThreadStatic]
    private static List<Case>? _collected;

    /// <summary>What a test would compare.</summary>
    public static List<Case> Collect(Action test)
    {
        List<Case> collected = [];
        _collected = collected;
        try
        {
            test();
            return collected;
        }
        finally
        {
            _collected = null;
        }
    }

    /// <summary>The device's results are the reference's to a number of ulp of their type, and the same bits with more threads and with emitted loops.</summary>
    public static void ToReference(Ad.Tensors.Program program, double ulp, params Plain[] arguments)
    {
        if (_collected is { } collected)
        {
            collected.Add(new Case(program, arguments, ulp, () => Reference.Run(program, arguments)));
            return;
        }

        var expected = Reference.Run(program, arguments);
        var actual = Run(One, program, arguments);
        for (var i = 0; i < expected.Length; i++)
        {
            Same(expected[i], actual[i], ulp, program);
        }

        foreach (var device in More)
        {
            var again = Run(device, program, arguments);
            for (var i = 0; i < actual.Length; i++)
            {
                Same(actual[i], again[i], 0, program);
            }
        }
    }

    public static void Same(Plain expected, Plain actual, double ulp, Ad.Tensors.Program program)
    {
        Assert.Equal((expected.Type, expected.Shape), (actual.Type, actual.Shape));
        for (var i = 0; i < expected.Count; i++)
        {
            var same = expected.Type.IsFloat()
                ? Ulps(expected.Type, expected.Floats[i], actual.Floats[i]) <= ulp
                : expected.Integers[i] == actual.Integers[i];
            if (!same)
            {
                Assert.Fail($"Element {i} of {expected.Type}{expected.Shape}: {expected[i]:R} expected, {actual[i]:R} found, in\n{program}{One.Prepare(program)}");
            }
        }
    }

    /// <summary>How far apart two numbers are, in units of the last place of the greater; NaN equals NaN, and the zeros differ.</summary>
    public static double Ulps(DType type, double a, double b)
    {
        if (double.IsNaN(a) || double.IsNaN(b) || double.IsInfinity(a) || double.IsInfinity(b) || (a == 0 && b == 0))
        {
            return double.IsNaN(a) && double.IsNaN(b) ? 0
                : BitConverter.DoubleToInt64Bits(a) == BitConverter.DoubleToInt64Bits(b) ? 0 : double.PositiveInfinity;
        }

        var scale = Math.Max(Math.Abs(a), Math.Abs(b));
        if (type.IsHalf())
        {
            return Math.Abs(a - b) / Math.Max(Math.ScaleB(type.Epsilon(), Math.ILogB(scale)), Math.ScaleB(1, type == DType.Float16 ? -24 : -133));
        }

        var unit = type == DType.Float32 ? MathF.BitIncrement((float)scale) - (float)scale : Math.BitIncrement(scale) - scale;
        return double.IsInfinity(unit) ? Math.Abs(a - b) / (scale * (type == DType.Float32 ? 1.2e-7 : 2.2e-16)) : Math.Abs(a - b) / unit;
    }
}
