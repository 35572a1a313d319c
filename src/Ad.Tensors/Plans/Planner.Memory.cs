namespace Ad.Tensors;

/// <summary>A program as it will run: kernels in order, and where every slot's memory comes from.</summary>
internal sealed record Plan<K>(K[] Kernels, Home[] Slots, long[] SlotBytes, long[] Arenas, Result[] Results)
    where K : PlanStep
{
    private readonly Plan<K>? _replacing;

    /// <summary>The plan for runs in which results go over arguments: temporaries keep away from those results' memory.</summary>
    public Plan<K> Replacing
    {
        get => _replacing ?? this;
        init => _replacing = value;
    }

    /// <summary>The arguments with the results that may be written over them: read by no kernel after the writing one, and element by element by that.</summary>
    public IEnumerable<(int Argument, int Result)> Replacements()
    {
        var lastReader = new int[Slots.Length];
        var (firstWriter, lastWriter) = (new int[Results.Length], new int[Results.Length]);
        Array.Fill(lastReader, -1);
        Array.Fill(firstWriter, int.MaxValue);
        for (var k = 0; k < Kernels.Length; k++)
        {
            foreach (var slot in Kernels[k].Reads)
            {
                lastReader[slot] = k;
            }

            foreach (var result in Kernels[k].Writes.Where(s => Slots[s].Kind == HomeKind.Result).Select(s => Slots[s].Index))
            {
                (firstWriter[result], lastWriter[result]) = (Math.Min(firstWriter[result], k), k);
            }
        }

        var passed = Results.Select(r => r.Slot).ToHashSet();
        for (var source = 0; source < Slots.Length; source++)
        {
            for (var result = 0; result < Results.Length && Slots[source].Kind == HomeKind.Argument && !passed.Contains(source); result++)
            {
                var target = Results[result].Slot;
                if (Slots[target] == new Home(HomeKind.Result, result, 0)
                    && SlotBytes[source] == SlotBytes[target]
                    && (lastReader[source] < firstWriter[result]
                        || (lastReader[source] == firstWriter[result]
                            && firstWriter[result] == lastWriter[result]
                            && Kernels[firstWriter[result]].ReadsInPlace(source, target))))
                {
                    yield return (Slots[source].Index, result);
                }
            }
        }
    }

    /// <summary>The bytes that a run takes beside arguments and results: the arenas, and the most that one kernel's bodies take.</summary>
    public long Temporaries => Arenas.Sum() + Kernels.Select(k => k.Temporaries).DefaultIfEmpty(0).Max();
}

/// <summary>What holds a slot: an argument, a result, or one of the plan's arenas; and at which byte of it.</summary>
internal readonly record struct Home(HomeKind Kind, int Index, long Start);

internal enum HomeKind
{
    Argument,
    Result,
    Arena,
}

/// <summary>A result: the slot whose elements it has, all of them and in order.</summary>
internal readonly record struct Result(int Slot, DType Type, Shape Shape);

internal sealed partial class Planner<K>
    where K : PlanStep
{
    // One array holds a little under 2^31 bytes; half of that leaves room for a slot larger than any before.
    private const long MostArenaBytes = 1L << 30;
    private const long Alignment = 64;

    private Plan<K> Finish()
    {
        var results = new Result[_program.Outputs.Length];
        for (var i = 0; i < results.Length; i++)
        {
            var output = _program.Outputs[i];
            var (type, shape) = (_program.Instructions[output].Type, _program.Instructions[output].Shape);
            var view = InMemory(output);
            results[i] = new Result(IsWhole(view) && !_within.ContainsKey(view.Slot) ? view.Slot : Copied(view).Slot, type, shape);
        }

        var made = _steps
            .Where(step => step is not PointwiseGroup { Outputs.Count: 0, Reductions.Count: 0 })
            .Select(step => step as K ?? _kernels.Group(((PointwiseGroup)step).Needed(), Room));
        var asked = results.Select(r => Located(r.Slot).Slot).ToHashSet();
        var kernels = _kernels.Merge([.. made], _slotBytes, slot => Located(slot).Slot, slot => asked.Contains(Located(slot).Slot), Room);
        var homes = Fixed(results);
        long[] bytes = [.. _slotBytes];
        var kept = new Plan<K>(kernels, homes, bytes, [], results).Replacements().Select(r => results[r.Result].Slot).ToHashSet();
        var plan = Housed([]);
        return kept.Count == 0 ? plan : plan with { Replacing = Housed(kept) };

        Plan<K> Housed(HashSet<int> kept)
        {
            var arenas = new List<Arena>();
            var housed = House(kernels, homes, kept, arenas);
            return new Plan<K>(kernels, housed, bytes, [.. arenas.Select(a => a.End)], results);
        }
    }

    /// <summary>The memory of arguments and results; temporaries have none yet.</summary>
    private Home[] Fixed(Result[] results)
    {
        var homes = new Home[_slotSteps.Count];
        Array.Fill(homes, new Home(HomeKind.Arena, -1, 0));
        foreach (var (index, slot) in _inputSlots)
        {
            homes[slot] = new Home(HomeKind.Argument, index, 0);
        }

        for (var i = 0; i < results.Length; i++)
        {
            if (homes[results[i].Slot].Kind == HomeKind.Arena)
            {
                homes[results[i].Slot] = new Home(HomeKind.Result, i, 0);
            }
        }

        return homes;
    }

    /// <summary>
    /// Gives every slot its memory; a temporary's is free again after its last reader. Where a kernel reads a temporary for the last time, each
    /// element before it writes that place of another slot, the temporary lies where the other does.
    /// </summary>
    private Home[] House(K[] kernels, Home[] given, HashSet<int> kept, List<Arena> arenas)
    {
        Home[] homes = [.. given];
        var last = new int[homes.Length];
        for (var k = 0; k < kernels.Length; k++)
        {
            foreach (var slot in kernels[k].Writes.Concat(kernels[k].Reads))
            {
                last[Located(slot).Slot] = k;
            }
        }

        var successors = Successors(kernels, given, last, kept);
        for (var k = 0; k < kernels.Length; k++)
        {
            foreach (var slot in kernels[k].Writes.Select(s => Located(s).Slot).Where(s => homes[s].Index < 0).ToArray())
            {
                // The first of those that lie in one place finds it for all.
                var end = slot;
                while (successors.TryGetValue(end, out var next))
                {
                    end = next;
                }

                homes[end] = homes[end].Index < 0 ? Room(arenas, _slotBytes[slot]) : homes[end];
                for (var each = slot; each != end; each = successors[each])
                {
                    homes[each] = homes[end];
                }
            }

            foreach (var slot in kernels[k].Writes.Concat(kernels[k].Reads).Select(s => Located(s).Slot).Distinct())
            {
                if (last[slot] == k && homes[slot].Kind == HomeKind.Arena && !successors.ContainsKey(slot))
                {
                    arenas[homes[slot].Index].Return(homes[slot].Start, Rounded(_slotBytes[slot]));
                }
            }
        }

        foreach (var slot in _within.Keys)
        {
            var (whole, start) = Located(slot);
            homes[slot] = homes[whole] with { Start = homes[whole].Start + start };
        }

        return homes;
    }

    /// <summary>For temporaries, the slots that are written over them as they are read for the last time.</summary>
    private Dictionary<int, int> Successors(K[] kernels, Home[] given, int[] last, HashSet<int> kept)
    {
        var writers = new Dictionary<int, int>();
        foreach (var slot in kernels.SelectMany(k => k.Writes.Select(s => Located(s).Slot).Distinct()))
        {
            writers[slot] = writers.GetValueOrDefault(slot) + 1;
        }

        // What is read and written in parts as well as a whole stays where it is.
        var parted = _within.SelectMany(w => new[] { w.Key, w.Value.Slot }).ToHashSet();
        var found = new Dictionary<int, int>();
        for (var k = 0; k < kernels.Length; k++)
        {
            var ending = kernels[k].Reads.Distinct().Where(s => last[s] == k && given[s].Kind == HomeKind.Arena && !parted.Contains(s)).ToList();
            foreach (var target in ending.Count == 0 ? [] : kernels[k].Writes.Distinct())
            {
                var source = kept.Contains(target) || parted.Contains(target) || writers[target] > 1
                    ? -1
                    : ending.FindIndex(s => s != target && _slotBytes[s] == _slotBytes[target] && kernels[k].ReadsInPlace(s, target));
                if (source >= 0)
                {
                    found[ending[source]] = target;
                    ending.RemoveAt(source);
                }
            }
        }

        return found;
    }

    /// <summary>The slot that has memory of its own, and where in it a slot starts.</summary>
    private (int Slot, long Start) Located(int slot)
    {
        var start = 0L;
        while (_within.TryGetValue(slot, out var whole))
        {
            (slot, start) = (whole.Slot, start + whole.Start);
        }

        return (slot, start);
    }

    private static long Rounded(long bytes) => (Math.Max(bytes, 1) + Alignment - 1) / Alignment * Alignment;

    private static Home Room(List<Arena> arenas, long bytes)
    {
        var rounded = Rounded(bytes);
        for (var i = 0; i < arenas.Count; i++)
        {
            if (arenas[i].TryTake(rounded) is { } start)
            {
                return new Home(HomeKind.Arena, i, start);
            }
        }

        arenas.Add(new Arena());
        return new Home(HomeKind.Arena, arenas.Count - 1, arenas[^1].TryTake(rounded)!.Value);
    }

    /// <summary>One array's worth of memory with the parts of it that are free.</summary>
    private sealed class Arena
    {
        private readonly SortedList<long, long> _free = [];

        public long End { get; private set; }

        /// <summary>The start of room for this many bytes: the tightest gap, else the end; null when the arena is full.</summary>
        public long? TryTake(long bytes)
        {
            var best = -1L;
            foreach (var (start, size) in _free)
            {
                if (size >= bytes && (best < 0 || size < _free[best]))
                {
                    best = start;
                }
            }

            if (best >= 0)
            {
                var size = _free[best];
                _free.Remove(best);
                if (size > bytes)
                {
                    _free[best + bytes] = size - bytes;
                }

                return best;
            }

            // The last gap, if it reaches the end, grows with the arena.
            var at = End;
            if (_free.Count > 0 && _free.GetKeyAtIndex(_free.Count - 1) is var lastStart && lastStart + _free[lastStart] == End)
            {
                at = lastStart;
            }

            if (at + bytes > MostArenaBytes && End > 0)
            {
                return null;
            }

            _free.Remove(at);
            End = at + bytes;
            return at;
        }

        public void Return(long start, long bytes)
        {
            var index = _free.Count;
            while (index > 0 && _free.GetKeyAtIndex(index - 1) > start)
            {
                index--;
            }

            if (index < _free.Count && start + bytes == _free.GetKeyAtIndex(index))
            {
                bytes += _free.GetValueAtIndex(index);
                _free.RemoveAt(index);
            }

            if (index > 0 && _free.GetKeyAtIndex(index - 1) + _free.GetValueAtIndex(index - 1) == start)
            {
                start = _free.GetKeyAtIndex(index - 1);
                bytes += _free[start];
                _free.RemoveAt(index - 1);
            }

            _free[start] = bytes;
        }
    }
}
