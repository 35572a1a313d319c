namespace Ad.Host;

/// <summary>Numbers that look random and never change: SplitMix64 (Steele, Lea and Flood, 2014).</summary>
public struct SplitMix(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A whole number from 0 to below <paramref name="bound"/>, each as likely as the others (Lemire, 2019).</summary>
    public int Below(int bound)
    {
        var wide = (UInt128)Next() * (uint)bound;
        if ((ulong)wide < (uint)bound)
        {
            var threshold = (0 - (ulong)bound) % (uint)bound;
            while ((ulong)wide < threshold)
            {
                wide = (UInt128)Next() * (uint)bound;
            }
        }

        return (int)(wide >> 64);
    }

    /// <summary>The numbers from 0 to below <paramref name="count"/> in an order that the seeds alone decide.</summary>
    public static int[] Order(int count, params ReadOnlySpan<ulong> seeds)
    {
        var seed = 0UL;
        foreach (var part in seeds)
        {
            seed = new SplitMix(seed ^ part).Next();
        }

        var random = new SplitMix(seed);
        var order = new int[count];
        for (var i = 0; i < count; i++)
        {
            var j = random.Below(i + 1);
            order[i] = order[j];
            order[j] = i;
        }

        return order;
    }
}
