using System.Globalization;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>A plan with what it takes to run it. Its module is compiled at the first run, as a program that is only looked at needs none.</summary>
internal sealed class CudaExecutable : Executable
{
    private readonly CudaDevice _device;
    private readonly Plan<CudaStep> _plan;
    private readonly Instruction?[] _inputs;
    private readonly HashSet<(int Argument, int Result)> _replacements;
    private readonly ModuleSource _source = new();
    private readonly CudaGraphs? _graphs;
    private readonly bool _canFail;
    private CudaModule? _module;
    private CudaMemory? _flag;
    private CudaDoubt? _doubt;

    public CudaExecutable(CudaDevice device, Program program, Plan<CudaStep> plan)
    {
        (_device, _plan, _replacements) = (device, plan.Replacing, [.. plan.Replacing.Replacements()]);
        _inputs = ProgramInputs.Of(program);
        Cost = ProgramCost.Of(program);
        foreach (var step in plan.Kernels)
        {
            step.Write(_source);
        }

        _canFail = plan.Kernels.Any(step => step.CanFail);
        _graphs = plan.Kernels.Length > 1 && !device.WaitsForEachStep && plan.Kernels.All(step => step.IsCapturable) ? new CudaGraphs(device, plan.SlotBytes) : null;
    }

    public override ProgramCost Cost { get; }

    /// <summary>The module's CUDA C++; empty if no step has a kernel.</summary>
    public string Source => _source.Names.Count == 0 ? "" : _source.ToString();

    public override Storage[] Run(ReadOnlySpan<Storage> arguments) => Run(arguments, []);

    public override bool MayReplace(int argument, int result) => _replacements.Contains((argument, result));

    public override Storage[] Run(ReadOnlySpan<Storage> arguments, ReadOnlySpan<Storage?> room)
    {
        ProgramInputs.Check(_inputs, arguments);
        ProgramInputs.Check(room, arguments, MayReplace);
        var (given, offered) = (Given(arguments), room.ToArray());
        return _device.Do(() => RunAlone(given, offered, null));
    }

    public override string Profile(ReadOnlySpan<Storage> arguments, int runs)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        ProgramInputs.Check(_inputs, arguments);
        var given = Given(arguments);
        var times = new double[runs][];
        for (var run = 0; run < runs; run++)
        {
            times[run] = _device.Do(() => Timed(given));
        }

        var medians = _plan.Kernels.Select((_, k) => times.Select(t => t[k]).Order().ElementAt(runs / 2)).ToArray();
        return string.Create(
            CultureInfo.InvariantCulture, $"{Text(k => string.Create(CultureInfo.InvariantCulture, $"{medians[k],10:F1} us  "))}kernels {medians.Sum():F1} us\n");
    }

    // What another GPU has comes by way of the host before this one is taken, as two that wait for each other wait for ever.
    private Storage[] Given(ReadOnlySpan<Storage> arguments)
    {
        var given = arguments[.._inputs.Length].ToArray();
        for (var i = 0; i < given.Length; i++)
        {
            given[i] = given[i] is CudaStorage other && other.Device != _device ? other.ToHost() : given[i];
        }

        return given;
    }

    // Step by step, with a mark between each two: what a graph saves between steps does not show.
    private double[] Timed(Storage[] arguments)
    {
        var marks = new List<nint>();
        try
        {
            RunAlone(arguments, [], marks);
            _device.Driver.Synchronize();
            return [.. marks.Zip(marks.Skip(1), _device.Driver.Between)];
        }
        finally
        {
            marks.ForEach(_device.Driver.Unmark);
        }
    }

    private Storage[] RunAlone(Storage[] arguments, Storage?[] room, List<nint>? marks)
    {
        Prepare();
        _device.Last = this;
        var doubts = new RunDoubts(Doubt, [.. arguments.OfType<CudaStorage>().Select(a => a.Block.Doubts)]);
        doubts.Check();
        var frame = new CudaFrame(_device, _module!, _plan.Slots.Length) { Doubts = doubts };
        var placed = new CudaStorage?[arguments.Length];
        var results = new CudaStorage[_plan.Results.Length];
        var arenas = new CudaMemory?[_plan.Arenas.Length];
        try
        {
            for (var i = 0; i < arenas.Length; i++)
            {
                arenas[i] = _device.Allocator.Allocate(_plan.Arenas[i], "temporaries");
            }

            for (var slot = 0; slot < _plan.Slots.Length; slot++)
            {
                var home = _plan.Slots[slot];
                frame[slot] = home.Kind switch
                {
                    HomeKind.Argument => (placed[home.Index] ??= (CudaStorage)_device.Place(arguments[home.Index])).Block.Address,
                    HomeKind.Result => (results[home.Index] ??= Room(room, home.Index)).Block.Address + (ulong)home.Start,
                    HomeKind.Arena when home.Index < 0 => 0,
                    _ => arenas[home.Index]!.Address + (ulong)home.Start,
                };
            }

            if (marks is not null)
            {
                marks.Add(_device.Driver.Mark());
                foreach (var step in _plan.Kernels)
                {
                    frame.Run([step]);
                    marks.Add(_device.Driver.Mark());
                }
            }
            else if (_graphs is null || !_graphs.TryRun(frame, _plan.Kernels))
            {
                frame.Run(_plan.Kernels);
            }
        }
        finally
        {
            foreach (var arena in arenas)
            {
                arena?.Dispose();
            }

            Release(arguments, placed);
        }

        foreach (var made in results)
        {
            made?.Block.Doubts = doubts.OfResults();
        }

        for (var i = 0; i < results.Length; i++)
        {
            var (slot, _, shape) = _plan.Results[i];
            var home = _plan.Slots[slot];
            var whole = home.Kind == HomeKind.Argument ? placed[home.Index]! : results[home.Index];
            results[i] = whole.Shape.Equals(shape) ? whole : whole.Reshaped(shape);
        }

        return results;
    }

    // What was brought here for this run alone goes back at once, but for what is a result.
    private void Release(Storage[] arguments, CudaStorage?[] placed)
    {
        for (var i = 0; i < placed.Length; i++)
        {
            if (placed[i] is { } copy && copy != arguments[i] && !_plan.Results.Any(r => _plan.Slots[r.Slot] == new Home(HomeKind.Argument, i, 0)))
            {
                copy.Block.Dispose();
            }
        }
    }

    private void Prepare()
    {
        if (_module is not null)
        {
            return;
        }

        var module = Source.Length == 0 ? new CudaModule(_device, 0) : _device.Load(Source);
        if (_canFail)
        {
            _flag = _device.Allocator.Allocate(16, "what kernels find wrong");
            module.Error = _flag.Address;
            _device.Driver.Clear(module.Error, 16);
        }

        _module = module;
    }

    // One for all runs until somebody looks.
    private CudaDoubt? Doubt()
    {
        if (_canFail && _doubt is not { IsOpen: true })
        {
            _device.Faults.Open(_doubt = new CudaDoubt(_device, _flag!, _source.Failures));
        }

        return _doubt;
    }

    private CudaStorage Room(Storage?[] room, int result)
    {
        var (_, type, shape) = _plan.Results[result];
        return result < room.Length && room[result] is CudaStorage given && given.Device == _device && given.Type == type && given.Shape.Elements == shape.Elements
            ? given
            : new CudaStorage(_device, type, shape, _device.Allocator.Allocate(shape.Elements * type.Size(), $"a {type.Name()}{shape}"));
    }

    public override string ToString() => Text(_ => "");

    private string Text(Func<int, string> before)
    {
        var text = new StringBuilder();
        for (var k = 0; k < _plan.Kernels.Length; k++)
        {
            var step = _plan.Kernels[k];
            text.Append(before(k));
            text.Append(CultureInfo.InvariantCulture, $"{step} ({step.Reads.Sum(s => _plan.SlotBytes[s])} bytes read, {step.Writes.Sum(s => _plan.SlotBytes[s])} written, {step.Flops} flops)\n");
        }

        text.Append("return ").AppendJoin(' ', _plan.Results.Select(r => $"s{r.Slot}")).Append('\n');
        return text.Append(CultureInfo.InvariantCulture, $"temporaries {_plan.Temporaries} bytes\n").ToString();
    }
}
