using System.Globalization;
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
        : this(Environment.ProcessorCount)
    {
    }

    public override string Name => "cpu";

    protected override Executable Compile(Program program) => new CpuExecutable(program, Planner.Make(Simplify.Apply(program), emitAfter), _workers);
}

/// <summary>A plan with the memory to run it.</summary>
internal sealed class CpuExecutable : Executable
{
    private readonly Instruction?[] _inputs;
    private readonly Plan _plan;
    private readonly Workers _workers;

    public CpuExecutable(Program program, Plan plan, Workers workers)
    {
        (_plan, _workers) = (plan, workers);
        Cost = ProgramCost.Of(program);
        var inputs = new List<Instruction?>();
        foreach (var instruction in program.Instructions)
        {
            if (instruction.Operation is Operation.Input input)
            {
                while (inputs.Count <= input.Index)
                {
                    inputs.Add(null);
                }

                inputs[input.Index] = instruction;
            }
        }

        _inputs = [.. inputs];
    }

    public override ProgramCost Cost { get; }

    public override Storage[] Run(ReadOnlySpan<Storage> arguments)
    {
        var frame = new Frame(_plan.Slots.Length);
        var hosts = Accept(arguments);
        var arenas = new byte[_plan.Arenas.Length][];
        var results = new HostStorage[_plan.Results.Length];
        try
        {
            for (var i = 0; i < arenas.Length; i++)
            {
                arenas[i] = BlockPool.Rent(_plan.Arenas[i]);
            }

            for (var slot = 0; slot < _plan.Slots.Length; slot++)
            {
                var home = _plan.Slots[slot];
                switch (home.Kind)
                {
                    case HomeKind.Argument:
                        frame.Bind(slot, hosts[home.Index].Array, 0);
                        break;
                    case HomeKind.Result:
                        results[home.Index] = HostStorage.Allocate(_plan.Results[home.Index].Type, _plan.Results[home.Index].Shape);
                        frame.Bind(slot, results[home.Index].Array, 0);
                        break;
                    case HomeKind.Arena:
                        frame.Bind(slot, arenas[home.Index], BlockPool.Start(arenas[home.Index]) + (int)home.Start);
                        break;
                }
            }

            foreach (var kernel in _plan.Kernels)
            {
                kernel.Run(frame, _workers);
            }
        }
        finally
        {
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
            var (slot, _, shape) = _plan.Results[i];
            var home = _plan.Slots[slot];
            var whole = home.Kind == HomeKind.Argument ? hosts[home.Index] : results[home.Index];
            results[i] = whole.Shape.Equals(shape) ? whole : whole.Reshaped(shape);
        }

        return results;
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var kernel in _plan.Kernels)
        {
            var (read, written) = (kernel.Reads.Sum(s => _plan.SlotBytes[s]), kernel.Writes.Sum(s => _plan.SlotBytes[s]));
            text.Append(CultureInfo.InvariantCulture, $"{kernel} ({read} bytes read, {written} written, {kernel.Flops} flops)\n");
        }

        text.Append("return ").AppendJoin(' ', _plan.Results.Select(r => $"s{r.Slot}")).Append('\n');
        return text.Append(CultureInfo.InvariantCulture, $"temporaries {_plan.Temporaries} bytes\n").ToString();
    }

    private HostStorage[] Accept(ReadOnlySpan<Storage> arguments)
    {
        if (arguments.Length < _inputs.Length)
        {
            throw new ArgumentException($"The program takes {_inputs.Length} arguments, but {arguments.Length} were given.", nameof(arguments));
        }

        var hosts = new HostStorage[_inputs.Length];
        for (var i = 0; i < hosts.Length; i++)
        {
            if (_inputs[i] is { } input && (arguments[i].Type != input.Type || !arguments[i].Shape.Equals(input.Shape)))
            {
                throw new ArgumentException(
                    $"Argument {i} of the program is {input.Type.Name()}{input.Shape}, but {arguments[i].Type.Name()}{arguments[i].Shape} was given.",
                    nameof(arguments));
            }

            hosts[i] = arguments[i].ToHost();
        }

        return hosts;
    }
}
