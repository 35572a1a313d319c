namespace Ad.Tensors.Cpu;

/// <summary>A kernel that runs bodies: the operands it reads, and which result goes to which slot.</summary>
internal abstract class StructuredKernel(View[] operands, (int Result, int Slot)[] targets) : Kernel
{
    public override IEnumerable<int> Reads => operands.Select(o => o.Slot).Distinct();

    public override IEnumerable<int> Writes => targets.Select(t => t.Slot);

    protected View[] Operands => operands;

    protected (int Result, int Slot)[] Targets => targets;

    protected Place Operand(Frame frame, int operand)
    {
        var view = operands[operand];
        return new Place(frame.Array(view.Slot), frame.Start(view.Slot)).After(view.Layout.Offset * view.Type.Size());
    }

    /// <summary>Where all operands are.</summary>
    protected Place[] Places(Frame frame)
    {
        var places = new Place[operands.Length];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = Operand(frame, i);
        }

        return places;
    }

    protected static Place Target(Frame frame, int slot) => new(frame.Array(slot), frame.Start(slot));

    protected string Text(string name) =>
        $"{name}: {string.Join(' ', operands)} -> {string.Join(' ', targets.Select(t => $"s{t.Slot}"))}";
}

/// <summary>A body run a number of times. Slices are read, and stacked results written, where they lie.</summary>
internal sealed class ScanKernel(Operation.Scan scan, Subplan body, View[] operands, (int Result, int Slot)[] targets)
    : StructuredKernel(operands, targets)
{
    // The body's results: all carries, then those of the targets that are stacked results, in order.
    private readonly (int Result, int Slot)[] _stacked = [.. targets.Where(t => t.Result >= scan.Carries && t.Result < scan.Body.Outputs.Length)];
    private readonly (int Carry, int Slot)[] _befores =
        [.. targets.Where(t => t.Result >= scan.Body.Outputs.Length).Select(t => (t.Result - scan.Body.Outputs.Length, t.Slot))];

    private readonly StraightScan? _straight = StraightScan.Of(scan, body, targets);
    private readonly long[] _sliceBytes =
        [.. operands.Skip(scan.Carries).Take(scan.Slices).Select(view => view.Layout.Strides[0] * view.Type.Size())];

    public override long Temporaries => body.Temporaries + (2 * Enumerable.Range(0, scan.Carries).Sum(body.Bytes));

    public override long Flops => scan.Length * body.Flops;

    public override void Run(Frame frame, Workers workers)
    {
        if (_straight?.TryRun(frame, Places(frame), Targets, _sliceBytes) == true)
        {
            return;
        }

        var initial = new Place[scan.Carries];
        for (var i = 0; i < initial.Length; i++)
        {
            initial[i] = Operand(frame, i);
        }

        using var carried = new Carried(body, initial);
        using var activation = body.Start();
        for (var i = scan.Carries + scan.Slices; i < Operands.Length; i++)
        {
            activation.Argument(i, Operand(frame, i));
        }

        for (var run = 0; run < scan.Length; run++)
        {
            var at = scan.Reverse ? scan.Length - 1 - run : run;
            for (var i = scan.Carries; i < scan.Carries + scan.Slices; i++)
            {
                var view = Operands[i];
                activation.Argument(i, Operand(frame, i).After(at * view.Layout.Strides[0] * view.Type.Size()));
            }

            for (var i = 0; i < _stacked.Length; i++)
            {
                activation.Result(scan.Carries + i, Target(frame, _stacked[i].Slot).After(at * body.Bytes(scan.Carries + i)));
            }

            foreach (var (carry, slot) in _befores)
            {
                var bytes = body.Bytes(carry);
                carried[carry].Bytes(bytes).CopyTo(Target(frame, slot).After(at * bytes).Bytes(bytes));
            }

            carried.Step(activation, run, workers);
        }

        foreach (var (result, slot) in Targets)
        {
            if (result < scan.Carries)
            {
                carried[result].Bytes(body.Bytes(result)).CopyTo(Target(frame, slot).Bytes(body.Bytes(result)));
            }
        }
    }

    public override string ToString() => Text($"scan {scan.Length}{(scan.Reverse ? " reverse" : "")} of {body.Kernels} kernels");
}

/// <summary>A body run for as long as a condition holds.</summary>
internal sealed class WhileKernel(Operation.WhileLoop loop, Subplan condition, Subplan body, View[] operands, (int Result, int Slot)[] targets)
    : StructuredKernel(operands, targets)
{
    private readonly StraightWhile? _straight = StraightWhile.Of(loop, condition, body);

    public override long Temporaries =>
        body.Temporaries + condition.Temporaries + (2 * Enumerable.Range(0, loop.Carries).Sum(body.Bytes));

    public override long Flops => condition.Flops + body.Flops;

    public override void Run(Frame frame, Workers workers)
    {
        if (_straight?.TryRun(frame, Places(frame), Targets) == true)
        {
            return;
        }

        var initial = new Place[loop.Carries];
        for (var i = 0; i < initial.Length; i++)
        {
            initial[i] = Operand(frame, i);
        }

        using var carried = new Carried(body, initial);
        using var activation = body.Start();
        using var test = condition.Start();
        for (var i = loop.Carries; i < Operands.Length; i++)
        {
            activation.Argument(i, Operand(frame, i));
            test.Argument(i, Operand(frame, i));
        }

        var answer = new Place(new byte[1], 0);
        test.Result(0, answer);
        for (var run = 0; ; run++)
        {
            for (var i = 0; i < loop.Carries; i++)
            {
                test.Argument(i, carried[i]);
            }

            test.Run(workers);
            if (answer.Array[0] == 0)
            {
                _straight?.Count(run);
                break;
            }

            carried.Step(activation, run, workers);
        }

        foreach (var (result, slot) in Targets)
        {
            carried[result].Bytes(body.Bytes(result)).CopyTo(Target(frame, slot).Bytes(body.Bytes(result)));
        }
    }

    public override string ToString() => Text($"while {condition.Kernels} kernels: {body.Kernels} kernels");
}

/// <summary>One of several bodies, run once: the one that the first operand chooses if there are two, else the only one.</summary>
internal sealed class BranchKernel(Subplan[] bodies, View[] operands, (int Result, int Slot)[] targets)
    : StructuredKernel(operands, targets)
{
    private bool IsChoice => bodies.Length == 2;

    public override long Temporaries => bodies.Max(b => b.Temporaries);

    public override long Flops => bodies.Max(b => b.Flops);

    public override void Run(Frame frame, Workers workers)
    {
        var arguments = IsChoice ? 1 : 0;
        var body = IsChoice && Operand(frame, 0).Bytes(1)[0] == 0 ? bodies[1] : bodies[0];
        using var activation = body.Start();
        for (var i = arguments; i < Operands.Length; i++)
        {
            activation.Argument(i - arguments, Operand(frame, i));
        }

        for (var i = 0; i < Targets.Length; i++)
        {
            activation.Result(i, Target(frame, Targets[i].Slot));
        }

        activation.Run(workers);
    }

    public override string ToString() =>
        Text($"{(IsChoice ? "cond" : "checkpoint")} of {string.Join(" or ", bodies.Select(b => b.Kernels))} kernels");
}
