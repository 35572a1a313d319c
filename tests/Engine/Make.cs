using Ad.Tensors;

namespace Engine;

/// <summary>Random shapes and elements, the awkward ones often.</summary>
internal sealed class Make(int seed)
{
    private static readonly double[] Awkward =
    [
        0.0, -0.0, 1, -1, 0.5, -0.5, 2, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon, -1e-310, 1e-40, float.Epsilon,
        float.MaxValue, double.MaxValue, -double.MaxValue, 1e20, 1e-20,
    ];

    private readonly Random _random = new(seed);

    public int Below(int n) => _random.Next(n);

    public bool Chance(double p) => _random.NextDouble() < p;

    public T Pick<T>(params T[] of) => of[Below(of.Length)];

    public int Size() => Below(12) switch { 0 => 0, 1 or 2 => 1, 3 => 17 + Below(30), _ => 2 + Below(6) };

    public int[] Sizes(int rank) => [.. Enumerable.Range(0, rank).Select(_ => Size())];

    public int[] Shuffled(int n)
    {
        var order = Enumerable.Range(0, n).ToArray();
        _random.Shuffle(order);
        return order;
    }

    public int[] Subset(int n, double p) => [.. Enumerable.Range(0, n).Where(_ => Chance(p))];

    public Plain Tensor(DType type, Shape shape, bool awkward = false)
    {
        var r = Plain.Of(type, shape);
        for (var i = 0; i < r.Count; i++)
        {
            if (type.IsFloat())
            {
                // Eighths: sums and products of some thousand of them are exact, in whatever order.
                r[i] = awkward && Chance(0.3) ? Pick(Awkward) : (Below(65) - 32) / 8.0;
            }
            else
            {
                var (least, greatest) = Scalars.Range(type);
                r.Integers[i] = type == DType.Bool ? Below(2)
                    : awkward && Chance(0.3) ? Pick(least, greatest, 0, 1, -1, least + 1) : Below(41) - 20;
            }
        }

        return r;
    }
}
