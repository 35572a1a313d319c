using System.Collections.Concurrent;
using System.Numerics;
using Ad.Tensors.Cpu;

namespace Engine;

/// <summary>A library of plain loops, which may do something before each product, and may be wrong in ways that libraries are.</summary>
internal sealed unsafe class FakeBlas(Action? before = null, bool skipsZeros = false, bool addsUp = false, bool forgetsTurns = false) : IBlas
{
    [ThreadStatic]
    private static FakeBlas? _entered;

    public string Name => "a library of tests";

    /// <summary>The sizes of all products it was asked for.</summary>
    public ConcurrentQueue<(int M, int N, int K)> Asked { get; } = [];

    public void Enter() => _entered = this;

    public void Multiply<T>(int m, int n, int k, BlasFactor<T> a, BlasFactor<T> b, T* c, long step)
        where T : unmanaged
    {
        Assert(_entered == this, "A thread did not say that it comes.");
        Assert(a.Step >= (a.IsTurned ? m : k) && b.Step >= (b.IsTurned ? k : n) && step >= n, "Lines overlap.");
        Asked.Enqueue((m, n, k));
        before?.Invoke();
        if (typeof(T) == typeof(float))
        {
            Loops(m, n, k, As<T, float>(a), As<T, float>(b), (float*)c, step);
        }
        else
        {
            Loops(m, n, k, As<T, double>(a), As<T, double>(b), (double*)c, step);
        }
    }

    private BlasFactor<V> As<T, V>(BlasFactor<T> x)
        where T : unmanaged
        where V : unmanaged => new((V*)x.Start, x.IsTurned && !forgetsTurns, x.Step);

    private void Loops<T>(int m, int n, int k, BlasFactor<T> a, BlasFactor<T> b, T* c, long step)
        where T : unmanaged, INumber<T>
    {
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var sum = addsUp ? c[(i * step) + j] : T.Zero;
                for (var p = 0; p < k; p++)
                {
                    var (x, y) = (*a.At(i, p).Start, *b.At(p, j).Start);
                    sum += skipsZeros && T.IsZero(x) ? T.Zero : x * y;
                }

                c[(i * step) + j] = sum;
            }
        }
    }

    private static void Assert(bool isTrue, string otherwise)
    {
        if (!isTrue)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
