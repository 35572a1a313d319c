namespace Ad.Tensors.Cuda;

/// <summary>
/// Steps shared out over a few streams, so that those that have nothing to do with each other may run at the same time. Two steps have to do with each other if
/// one writes memory that the other reads or writes: the memory itself counts, not the slot, so that what is used again is used again in order.
/// </summary>
/// <param name="Streams">The stream of each step.</param>
/// <param name="Waits">The steps on other streams that each step waits for; what comes before those on their streams is waited for with them.</param>
internal sealed record StreamSchedule(int[] Streams, int[][] Waits)
{
    /// <summary>The most streams a schedule has.</summary>
    public const int MostStreams = 4;

    // Every two steps are compared: of more than this, the looking takes longer than what it could save.
    private const int MostSteps = 4096;

    /// <summary>The number of streams that are used.</summary>
    public int Count => Streams.Length == 0 ? 1 : Streams.Max() + 1;

    /// <summary>Whether another step waits for a step.</summary>
    public IReadOnlySet<int> Awaited { get; } = Waits.SelectMany(w => w).ToHashSet();

    /// <summary>A schedule of steps in order, with the addresses of slots and how many bytes each has.</summary>
    public static StreamSchedule Of(IReadOnlyList<CudaStep> steps, ReadOnlySpan<ulong> addresses, IReadOnlyList<long> slotBytes)
    {
        if (steps.Count > MostSteps)
        {
            return new StreamSchedule(new int[steps.Count], [.. steps.Select(_ => Array.Empty<int>())]);
        }

        var uses = new Use[steps.Count];
        for (var k = 0; k < steps.Count; k++)
        {
            uses[k] = new Use(Ranges(steps[k].Reads, addresses, slotBytes), Ranges(steps[k].Writes, addresses, slotBytes), steps[k].CanFail);
        }

        var (streams, waits) = (new int[steps.Count], new int[steps.Count][]);

        // Of every stream: its last step, and up to which step of each stream it knows all to be done.
        var last = Enumerable.Repeat(-1, MostStreams).ToArray();
        var known = Enumerable.Range(0, MostStreams).Select(_ => Enumerable.Repeat(-1, MostStreams).ToArray()).ToArray();
        var after = new int[steps.Count][];
        for (var k = 0; k < steps.Count; k++)
        {
            var latest = Enumerable.Repeat(-1, MostStreams).ToArray();
            for (var i = 0; i < k; i++)
            {
                if (uses[i].Meets(uses[k]))
                {
                    latest[streams[i]] = i;
                }
            }

            var stream = Chosen(latest, last);
            List<int> awaited = [];
            foreach (var other in Enumerable.Range(0, MostStreams).Where(s => s != stream).OrderByDescending(s => latest[s]))
            {
                if (latest[other] > known[stream][other])
                {
                    awaited.Add(latest[other]);
                    for (var s = 0; s < MostStreams; s++)
                    {
                        known[stream][s] = Math.Max(known[stream][s], after[latest[other]][s]);
                    }
                }
            }

            (streams[k], waits[k], last[stream], known[stream][stream]) = (stream, [.. awaited], k, k);
            after[k] = [.. known[stream]];
        }

        return new StreamSchedule(streams, waits);
    }

    // The stream whose last step it follows, the latest such; else the one that has been idle for longest, the first of those never used.
    private static int Chosen(int[] latest, int[] last)
    {
        var follows = Enumerable.Range(0, MostStreams).Where(s => latest[s] >= 0 && latest[s] == last[s]).ToArray();
        return follows.Length > 0 ? follows.MaxBy(s => last[s]) : Enumerable.Range(0, MostStreams).MinBy(s => last[s]);
    }

    private static (ulong Start, ulong End)[] Ranges(IEnumerable<int> slots, ReadOnlySpan<ulong> addresses, IReadOnlyList<long> slotBytes)
    {
        var ranges = new List<(ulong, ulong)>();
        foreach (var slot in slots)
        {
            ranges.Add((addresses[slot], addresses[slot] + (ulong)slotBytes[slot]));
        }

        return [.. ranges];
    }

    /// <summary>The memory that a step reads and writes; of what steps find wrong, the first has to stay the first.</summary>
    internal sealed record Use((ulong Start, ulong End)[] Reads, (ulong Start, ulong End)[] Writes, bool CanFail)
    {
        public bool Meets(Use later) =>
            (CanFail && later.CanFail) || Overlap(Writes, later.Reads) || Overlap(Writes, later.Writes) || Overlap(Reads, later.Writes);

        private static bool Overlap((ulong Start, ulong End)[] first, (ulong Start, ulong End)[] second)
        {
            foreach (var a in first)
            {
                foreach (var b in second)
                {
                    if (a.Start < b.End && b.Start < a.End)
                    {
                        return true;
                    }
                }
            }

            return false;
        }
    }
}
