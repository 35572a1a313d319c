using System.Runtime.ExceptionServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Small kernels that follow each other. They run one by one until that has cost about as much as writing straight code does, and as that code
/// from then on. Where the compiler will take long for it, it is written on a thread of its own meanwhile.
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

    // Nodes that are compiled in some hundredths of a second. More are compiled on a thread of their own, and so sooner: they hold up nobody, and thousands of kernels one by one
    // are slow to find what they need.
    private const int FewNodes = 256;
    private const int Sooner = 8;

    private readonly Kernel[] _kernels;
    private readonly IReadOnlyList<long> _slotBytes;
    private readonly HashSet<int> _read;
    private readonly HashSet<int> _written;
    private readonly long _emitAfter;
    private readonly long _cost;
    private readonly bool _isLong;

    // The kernels, by their places, that last read a slot, and that first and last write one.
    private readonly Dictionary<int, int> _lastReader = [];
    private readonly Dictionary<int, int> _firstWriter = [];
    private readonly Dictionary<int, int> _lastWriter = [];
    private StraightCode? _code;
    private ExceptionDispatchInfo? _failure;
    private int _isBeingWritten;
    private long _done;

    private StraightKernel(Kernel[] kernels, IReadOnlyList<long> slotBytes, HashSet<int> read, HashSet<int> written, long emitAfter)
    {
        (_kernels, _slotBytes, _read, _written, _emitAfter) = (kernels, slotBytes, read, written, emitAfter);
        _cost = kernels.Sum(k => OverheadElements + ElementsOf(k));
        _isLong = emitAfter > 0 && kernels.Sum(NodesOf) > FewNodes;
        for (var k = 0; k < kernels.Length; k++)
        {
            foreach (var slot in kernels[k].Reads)
            {
                _lastReader[slot] = k;
            }

            foreach (var slot in kernels[k].Writes)
            {
                _firstWriter.TryAdd(slot, k);
                _lastWriter[slot] = k;
            }
        }
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
                var usersHere = run.SelectMany(Slots).CountBy(slot => slot).ToDictionary();
                var writersHere = run.SelectMany(k => k.Writes.Distinct()).CountBy(slot => slot).ToDictionary();
                var written = writersHere.Keys.ToHashSet();
                var seen = written.Where(s => whole(s) != s || isResult(s) || users[s] > usersHere[s]);
                var shared = written.Where(s => writers[whole(s)] > writersHere[s]);
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
    public bool IsWorthWriting(long runs) => Cost(runs) >= _emitAfter;

    // What a kernel has cost, with so many more runs, as each takes its time to be compiled.
    private long Cost(long runs) => Interlocked.Add(ref _done, runs * _cost) / _kernels.Length;

    // One by one, the last reader must come before the first writer, or know how to read in place. Straight code reads everything first.
    public override bool ReadsInPlace(int source, int target)
    {
        var (last, first) = (_lastReader.GetValueOrDefault(source, -1), _firstWriter.GetValueOrDefault(target, -1));
        return last < first || (last == first && first == _lastWriter.GetValueOrDefault(target, -1) && _kernels[first].ReadsInPlace(source, target));
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
        if (code is not null || Cost(1) < (_isLong ? _emitAfter / Sooner : _emitAfter))
        {
            return code;
        }

        if (!_isLong)
        {
            Volatile.Write(ref _code, code = Written());
            return code;
        }

        Volatile.Read(ref _failure)?.Throw();
        if (Interlocked.Exchange(ref _isBeingWritten, 1) == 0)
        {
            new Thread(WriteAside) { IsBackground = true, Name = "tensors: straight code", Priority = ThreadPriority.BelowNormal }.Start();
        }

        return null;
    }

    private void WriteAside()
    {
        try
        {
            var code = Written();
            code.Compile();
            Volatile.Write(ref _code, code);
        }
        catch (Exception e)
        {
            // Whoever runs the kernels next hears of it.
            Volatile.Write(ref _failure, ExceptionDispatchInfo.Capture(e));
        }
    }

    private StraightCode Written() => StraightWriter.Write(_kernels, _slotBytes, [.. _read.Select(Copied)], [.. _written.Select(Copied)], []);

    private static int NodesOf(Kernel kernel) => kernel switch
    {
        GroupKernel group => group.Group.Nodes.Count,
        RowsKernel rows => rows.Groups.Sum(NodesOf),
        _ => 1,
    };

    private StraightCopy Copied(int slot) => new(slot, slot, _slotBytes[slot]);

    public override string ToString() => string.Join(" next ", _kernels.AsEnumerable());
}
