using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Ad.Tensors.Cpu;

/// <summary>
/// The host's processors. A group of nodes is interpreted until it has gone through so many elements a node, then its loops are emitted.
/// </summary>
internal sealed class CpuDevice(int threads, long emitAfter = CpuDevice.CompilingElements) : Device
{
    // About what a processor interprets in the time in which a node is compiled.
    private const long CompilingElements = 500_000;

    private readonly Workers _workers = new(threads);

    public CpuDevice()
        : this(Asked(Environment.GetEnvironmentVariable("FUNCTIONAL_THREADS")) ?? Environment.ProcessorCount)
    {
    }

    public override string Name => "cpu";

    /// <summary>The threads that kernels run on.</summary>
    public Workers Workers => _workers;

    /// <summary>A number of threads that somebody wrote down; null if it is none from 1 to <see cref="Device.MostThreads"/>.</summary>
    public static int? Asked(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var threads) && threads is >= 1 and <= MostThreads ? threads : null;

    public override Storage Place(Storage storage) => storage.ToHost();

    protected override Executable Compile(Program program) => new CpuExecutable(program, Planner<Kernel>.Make(Simplify.Apply(program), new CpuKernels(emitAfter)), _workers);
}

/// <summary>A plan with the memory to run it.</summary>
internal sealed class CpuExecutable : Executable
{
    private readonly Instruction?[] _inputs;
    private readonly Plan<Kernel> _plan;
    private readonly Workers _workers;
    private readonly HashSet<(int Argument, int Result)> _replacements;
    private readonly string? _tooLarge;

    public CpuExecutable(Program program, Plan<Kernel> plan, Workers workers)
    {
        (_plan, _workers, _replacements) = (plan, workers, [.. plan.Replacing.Replacements()]);
        Cost = ProgramCost.Of(program);
        _inputs = ProgramInputs.Of(program);
        _tooLarge = TooLarge(plan);
    }

    // Said when it runs, as a program that is only looked at needs no memory.
    private static string? TooLarge(Plan<Kernel> plan)
    {
        foreach (var kernel in plan.Kernels)
        {
            foreach (var slot in kernel.Writes)
            {
                if (plan.SlotBytes[slot] > BlockPool.MostBytesAtOnce)
                {
                    return $"The result s{slot} of '{kernel}' takes {plan.SlotBytes[slot]} bytes, more than the {BlockPool.MostBytesAtOnce} one tensor may have.";
                }
            }
        }

        return null;
    }

    public override ProgramCost Cost { get; }

    public override Storage[] Run(ReadOnlySpan<Storage> arguments) => Run(arguments, [], null);

    public override Storage[] Run(ReadOnlySpan<Storage> arguments, ReadOnlySpan<Storage?> room) => Run(arguments, room, null);

    public override bool MayReplace(int argument, int result) => _replacements.Contains((argument, result));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Storage[] Run(ReadOnlySpan<Storage> arguments, ReadOnlySpan<Storage?> room, long[]? times)
    {
        if (_tooLarge is not null)
        {
            throw new InsufficientMemoryException(_tooLarge);
        }

        var plan = room.IsEmpty ? _plan : _plan.Replacing;
        var frame = new Frame(plan.Slots.Length);
        var hosts = Accept(arguments);
        ProgramInputs.Check(room, hosts, MayReplace);
        var arenas = plan.Arenas.Length == 0 || plan.Kernels is [StraightKernel { IsWritten: true }] ? [] : new byte[plan.Arenas.Length][];
        var results = new HostStorage[plan.Results.Length];
        try
        {
            for (var i = 0; i < arenas.Length; i++)
            {
                arenas[i] = BlockPool.Rent(plan.Arenas[i]);
            }

            for (var slot = 0; slot < plan.Slots.Length; slot++)
            {
                var home = plan.Slots[slot];
                switch (home.Kind)
                {
                    case HomeKind.Argument:
                        frame.Bind(slot, hosts[home.Index].Place.Array, hosts[home.Index].Place.Start);
                        break;
                    case HomeKind.Result:
                        results[home.Index] ??= Room(room, home.Index);
                        frame.Bind(slot, results[home.Index].Place.Array, results[home.Index].Place.Start + (int)home.Start);
                        break;
                    case HomeKind.Arena when arenas.Length > 0 && home.Index >= 0:
                        frame.Bind(slot, arenas[home.Index], BlockPool.Start(arenas[home.Index]) + (int)home.Start);
                        break;
                }
            }

            for (var k = 0; k < plan.Kernels.Length; k++)
            {
                var start = times is null ? 0 : Stopwatch.GetTimestamp();
                plan.Kernels[k].Run(frame, _workers);
                if (times is not null)
                {
                    times[k] = Stopwatch.GetTimestamp() - start;
                }
            }
        }
        finally
        {
            // The frame knows arrays alone, which go to others when nobody has the storages.
            GC.KeepAlive(hosts);
            GC.KeepAlive(results);
            foreach (var arena in arenas)
            {
                if (arena is not null)
                {
                    BlockPool.Return(arena);
                }
            }
        }

        for (var i = 0; i < results.Length; i++)
        {
            var (slot, _, shape) = plan.Results[i];
            var home = plan.Slots[slot];
            var whole = home.Kind == HomeKind.Argument ? hosts[home.Index] : results[home.Index];
            results[i] = whole.Shape.Equals(shape) ? whole : whole.Reshaped(shape);
        }

        return results;
    }

    public override string ToString() => Text(_ => "");

    public override string Profile(ReadOnlySpan<Storage> arguments, int runs)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        var times = new long[runs][];
        for (var run = 0; run < runs; run++)
        {
            Run(arguments, [], times[run] = new long[_plan.Kernels.Length]);
        }

        var medians = _plan.Kernels.Select((_, k) => times.Select(t => t[k]).Order().ElementAt(runs / 2) * 1e6 / Stopwatch.Frequency).ToArray();
        return string.Create(
            CultureInfo.InvariantCulture, $"{Text(k => string.Create(CultureInfo.InvariantCulture, $"{medians[k],10:F1} us  "))}kernels {medians.Sum():F1} us\n");
    }

    private string Text(Func<int, string> before)
    {
        var text = new StringBuilder();
        for (var k = 0; k < _plan.Kernels.Length; k++)
        {
            var kernel = _plan.Kernels[k];
            var (read, written) = (kernel.Reads.Sum(s => _plan.SlotBytes[s]), kernel.Writes.Sum(s => _plan.SlotBytes[s]));
            text.Append(before(k));
            text.Append(CultureInfo.InvariantCulture, $"{kernel} ({read} bytes read, {written} written, {kernel.Flops} flops)\n");
        }

        text.Append("return ").AppendJoin(' ', _plan.Results.Select(r => $"s{r.Slot}")).Append('\n');
        return text.Append(CultureInfo.InvariantCulture, $"temporaries {_plan.Temporaries} bytes\n").ToString();
    }

    private HostStorage Room(ReadOnlySpan<Storage?> room, int result)
    {
        var (_, type, shape) = _plan.Results[result];
        return result < room.Length && room[result] is HostStorage given && given.Type == type && given.Shape.Elements == shape.Elements
            ? given
            : HostStorage.Allocate(type, shape);
    }

    private HostStorage[] Accept(ReadOnlySpan<Storage> arguments)
    {
        ProgramInputs.Check(_inputs, arguments);
        var hosts = new HostStorage[_inputs.Length];
        for (var i = 0; i < hosts.Length; i++)
        {
            hosts[i] = arguments[i].ToHost();
        }

        return hosts;
    }
}
