namespace Ad.Tensors.Cpu;

/// <summary>
/// Small kernels that follow each other. They run one by one until that has cost about as much as writing straight code does, and as that code
/// from then on.
/// </summary>
internal sealed class StraightKernel : Kernel
{
    // With more elements the work in a kernel outweighs what is around it.
    private const long MostElements = 512;

    /// <summary>The most bytes of a slot that small kernels read or write.</summary>
    public const long MostBytes = 8192;

    private const long MostProducts = 4096;

    // What it costs to run one kernel by itself, in elements.
    private const long OverheadElements = 300;

    private readonly Kernel[] _kernels;
    private readonly IReadOnlyList<long> _slotBytes;
    private readonly HashSet<int> _read;
    private readonly HashSet<int> _written;
    private readonly long _emitAfter;
    private readonly long _cost;
    private StraightCode? _code;
    private long _done;

    private StraightKernel(Kernel[] kernels, IReadOnlyList<long> slotBytes, HashSet<int> read, HashSet<int> written, long emitAfter)
    {
        (_kernels, _slotBytes, _read, _written, _emitAfter) = (kernels, slotBytes, read, written, emitAfter);
        _cost = kernels.Sum(k => OverheadElements + ElementsOf(k));
    }

    /// <summary>Puts neighbouring small kernels together. <paramref name="isResult"/> says whether a slot is read when all has run.</summary>
    public static Kernel[] Merge(
        IReadOnlyList<Kernel> kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, long emitAfter)
    {
        var merged = new List<Kernel>();
        var run = new List<Kernel>();
        var wholes = new Dictionary<int, int>();
        var users = kernels.SelectMany(k => Slots(k).Select(whole).Distinct()).CountBy(slot => slot).ToDictionary();
        var writers = kernels.SelectMany(k => k.Writes.Select(whole).Distinct()).CountBy(slot => slot).ToDictionary();

        foreach (var kernel in kernels)
        {
            if (!IsSmall(kernel, slotBytes) || Slots(kernel).Select(whole).Distinct().Count() < Slots(kernel).Count())
            {
                Flush();
                merged.Add(kernel);
                continue;
            }

            // Slots that share memory would have places of their own in straight code.
            if (Slots(kernel).Any(slot => wholes.TryGetValue(whole(slot), out var other) && other != slot))
            {
                Flush();
            }

            foreach (var slot in Slots(kernel))
            {
                wholes[whole(slot)] = slot;
            }

            run.Add(kernel);
        }

        Flush();
        return [.. merged];

        void Flush()
        {
            if (run.Count > 0)
            {
                var written = run.SelectMany(k => k.Writes).ToHashSet();
                var seen = written.Where(s => whole(s) != s || isResult(s) || users[s] > run.Count(k => Slots(k).Contains(s)));
                var shared = written.Where(s => writers[whole(s)] > run.Count(k => k.Writes.Contains(s)));
                merged.Add(new StraightKernel(
                    [.. run], slotBytes, [.. run.SelectMany(k => k.Reads).Except(written), .. shared], [.. seen], emitAfter));
            }

            run.Clear();
            wholes.Clear();
        }
    }

    private static IEnumerable<int> Slots(Kernel kernel) => kernel.Reads.Concat(kernel.Writes).Distinct();

    private static bool IsSmall(Kernel kernel, IReadOnlyList<long> slotBytes) =>
        Slots(kernel).All(slot => slotBytes[slot] <= MostBytes)
        && kernel switch
        {
            GroupKernel group => IsSmall(group),
            RowsKernel rows => rows.Groups.All(IsSmall),
            CopyKernel => true,
            ContractKernel contract => contract.IsPlain && contract.Parts.Layout is { Products: > 0 and <= MostProducts },
            _ => false,
        };

    private static bool IsSmall(GroupKernel group) =>
        group.Elements is > 0 and <= MostElements && !group.Group.Nodes.Any(node => node is Node.Random);

    private static long ElementsOf(Kernel kernel) => kernel switch
    {
        GroupKernel group => group.Elements,
        RowsKernel rows => rows.Groups.Sum(g => OverheadElements + g.Elements),
        _ => 0,
    };

    public override IEnumerable<int> Reads => _kernels.SelectMany(k => k.Reads).Distinct();

    public override IEnumerable<int> Writes => _kernels.SelectMany(k => k.Writes).Distinct();

    public override long Flops => _kernels.Sum(k => k.Flops);

    /// <summary>The kernels, in order.</summary>
    public IReadOnlyList<Kernel> Kernels => _kernels;

    /// <summary>Whether it runs as straight code from now on, so that what only its kernels see needs no memory.</summary>
    public bool IsWritten => Volatile.Read(ref _code) is not null;

    /// <summary>Whether it is time for straight code, with so many more runs.</summary>
    public bool IsWorthWriting(long runs) => Interlocked.Add(ref _done, runs * _cost) >= _emitAfter;

    // One by one, the last reader must come before the first writer, or know how to read in place. Straight code reads everything first.
    public override bool ReadsInPlace(int source, int target)
    {
        var (last, first) = (Array.FindLastIndex(_kernels, k => k.Reads.Contains(source)), Array.FindIndex(_kernels, k => k.Writes.Contains(target)));
        return last < first
            || (last == first && first == Array.FindLastIndex(_kernels, k => k.Writes.Contains(target)) && _kernels[first].ReadsInPlace(source, target));
    }

    public override void Run(Frame frame, Workers workers)
    {
        if (Code() is not { } code)
        {
            foreach (var kernel in _kernels)
            {
                kernel.Run(frame, workers);
            }

            return;
        }

        var memory = code.Rent();
        frame.Run(code, memory);
        code.Return(memory);
    }

    private StraightCode? Code()
    {
        var code = Volatile.Read(ref _code);
        if (code is null && IsWorthWriting(1))
        {
            code = StraightWriter.Write(_kernels, _slotBytes, [.. _read.Select(Copied)], [.. _written.Select(Copied)], []);
            Volatile.Write(ref _code, code);
        }

        return code;
    }

    private StraightCopy Copied(int slot) => new(slot, slot, _slotBytes[slot]);

    public override string ToString() => string.Join(" next ", _kernels.AsEnumerable());
}
