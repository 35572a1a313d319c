namespace Ad.Tensors.Cuda;

/// <summary>A step that runs bodies: the operands it reads, and which result goes to which slot. The host drives it.</summary>
internal abstract class StructuredStep(CudaBody[] bodies, View[] operands, (int Result, int Slot)[] targets) : CudaStep
{
    public override IEnumerable<int> Reads => operands.Select(o => o.Slot).Distinct();

    public override IEnumerable<int> Writes => targets.Select(t => t.Slot);

    public override bool CanFail => bodies.Any(b => b.CanFail);

    protected CudaBody[] Bodies => bodies;

    protected View[] Operands => operands;

    protected (int Result, int Slot)[] Targets => targets;

    public override void Write(ModuleSource source)
    {
        foreach (var body in bodies)
        {
            body.Write(source);
        }
    }

    protected ulong Operand(CudaFrame frame, int operand) =>
        frame[operands[operand].Slot] + (ulong)(operands[operand].Layout.Offset * operands[operand].Type.Size());

    protected static void Copy(CudaFrame frame, ulong target, ulong source, long bytes)
    {
        if (bytes > 0 && target != source)
        {
            frame.Driver.Copy(target, source, bytes);
        }
    }

    protected string Text(string name) =>
        $"{name}: {string.Join(' ', operands)} -> {string.Join(' ', targets.Select(t => $"s{t.Slot}"))}";

    /// <summary>Two places for each value that goes from one run of a body to the next.</summary>
    protected static ulong[][] Rooms(CudaBody.Running running, CudaBody body, int carries) =>
        [.. Enumerable.Range(0, carries).Select(i => new[] { running.Room(body.Bytes(i)), running.Room(body.Bytes(i)) })];
}

/// <summary>A body run a number of times. Slices are read, and stacked results written, where they lie.</summary>
internal sealed class ScanStep(Operation.Scan scan, CudaBody body, View[] operands, (int Result, int Slot)[] targets)
    : StructuredStep([body], operands, targets)
{
    // The body's results: all carries, then those of the targets that are stacked results, in order.
    private readonly (int Result, int Slot)[] _stacked = [.. targets.Where(t => t.Result >= scan.Carries && t.Result < scan.Body.Outputs.Length)];
    private readonly (int Carry, int Slot)[] _befores =
        [.. targets.Where(t => t.Result >= scan.Body.Outputs.Length).Select(t => (t.Result - scan.Body.Outputs.Length, t.Slot))];

    // Written down, every run of the body is there again: a graph of too many nodes takes longer to make than it saves.
    private const long MostNodes = 4096;

    public override bool IsCapturable => body.IsCapturable && scan.Length * (long)body.Plan.Kernels.Length <= MostNodes;

    public override long Temporaries => body.Temporaries + (2 * Enumerable.Range(0, scan.Carries).Sum(body.Bytes));

    public override long Flops => scan.Length * body.Flops;

    public override void Run(CudaFrame frame)
    {
        using var running = body.Start(frame);
        var rooms = Rooms(running, body, scan.Carries);
        var current = Enumerable.Range(0, scan.Carries).Select(i => Operand(frame, i)).ToArray();
        for (var i = scan.Carries + scan.Slices; i < Operands.Length; i++)
        {
            running.Argument(i, Operand(frame, i));
        }

        for (var run = 0; run < scan.Length; run++)
        {
            var at = scan.Reverse ? scan.Length - 1 - run : run;
            for (var i = scan.Carries; i < scan.Carries + scan.Slices; i++)
            {
                var view = Operands[i];
                running.Argument(i, Operand(frame, i) + (ulong)(at * view.Layout.Strides[0] * view.Type.Size()));
            }

            for (var i = 0; i < _stacked.Length; i++)
            {
                running.Result(scan.Carries + i, frame[_stacked[i].Slot] + (ulong)(at * body.Bytes(scan.Carries + i)));
            }

            foreach (var (carry, slot) in _befores)
            {
                Copy(frame, frame[slot] + (ulong)(at * body.Bytes(carry)), current[carry], body.Bytes(carry));
            }

            for (var i = 0; i < current.Length; i++)
            {
                running.Argument(i, current[i]);
                running.Result(i, rooms[i][run % 2]);
            }

            running.Run();
            for (var i = 0; i < current.Length; i++)
            {
                current[i] = rooms[i][run % 2];
            }
        }

        foreach (var (result, slot) in Targets)
        {
            if (result < scan.Carries)
            {
                Copy(frame, frame[slot], current[result], body.Bytes(result));
            }
        }
    }

    public override string ToString() => Text($"scan {scan.Length}{(scan.Reverse ? " reverse" : "")} of {body.Plan.Kernels.Length} kernels");
}

/// <summary>A body run for as long as a condition holds; each time the host waits for the condition's answer.</summary>
internal sealed class WhileStep(Operation.WhileLoop loop, CudaBody condition, CudaBody body, View[] operands, (int Result, int Slot)[] targets)
    : StructuredStep([condition, body], operands, targets)
{
    public override bool IsCapturable => false;

    public override long Temporaries =>
        body.Temporaries + condition.Temporaries + (2 * Enumerable.Range(0, loop.Carries).Sum(body.Bytes));

    public override long Flops => condition.Flops + body.Flops;

    public override void Run(CudaFrame frame)
    {
        using var running = body.Start(frame);
        using var test = condition.Start(frame);
        var rooms = Rooms(running, body, loop.Carries);
        var current = Enumerable.Range(0, loop.Carries).Select(i => Operand(frame, i)).ToArray();
        for (var i = loop.Carries; i < Operands.Length; i++)
        {
            running.Argument(i, Operand(frame, i));
            test.Argument(i, Operand(frame, i));
        }

        var answer = test.Room(1);
        test.Result(0, answer);
        Span<byte> holds = stackalloc byte[1];
        for (var run = 0; ; run++)
        {
            for (var i = 0; i < current.Length; i++)
            {
                test.Argument(i, current[i]);
            }

            test.Run();
            frame.Download(holds, answer);
            if (holds[0] == 0)
            {
                break;
            }

            for (var i = 0; i < current.Length; i++)
            {
                running.Argument(i, current[i]);
                running.Result(i, rooms[i][run % 2]);
            }

            running.Run();
            for (var i = 0; i < current.Length; i++)
            {
                current[i] = rooms[i][run % 2];
            }
        }

        foreach (var (result, slot) in Targets)
        {
            Copy(frame, frame[slot], current[result], body.Bytes(result));
        }
    }

    public override string ToString() => Text($"while {condition.Plan.Kernels.Length} kernels: {body.Plan.Kernels.Length} kernels");
}

/// <summary>One of several bodies, run once: the one that the first operand chooses if there are two, else the only one.</summary>
internal sealed class BranchStep(CudaBody[] bodies, View[] operands, (int Result, int Slot)[] targets) : StructuredStep(bodies, operands, targets)
{
    private bool IsChoice => Bodies.Length == 2;

    public override bool IsCapturable => !IsChoice && Bodies[0].IsCapturable;

    public override long Temporaries => Bodies.Max(b => b.Temporaries);

    public override long Flops => Bodies.Max(b => b.Flops);

    public override void Run(CudaFrame frame)
    {
        Span<byte> choice = [1];
        if (IsChoice)
        {
            frame.Download(choice, Operand(frame, 0));
        }

        using var running = Bodies[choice[0] == 0 ? 1 : 0].Start(frame);
        var arguments = IsChoice ? 1 : 0;
        for (var i = arguments; i < Operands.Length; i++)
        {
            running.Argument(i - arguments, Operand(frame, i));
        }

        for (var i = 0; i < Targets.Length; i++)
        {
            running.Result(i, frame[Targets[i].Slot]);
        }

        running.Run();
    }

    public override string ToString() =>
        Text($"{(IsChoice ? "cond" : "checkpoint")} of {string.Join(" or ", Bodies.Select(b => b.Plan.Kernels.Length))} kernels");
}
