namespace Ad.Tensors.Cpu;

internal sealed partial class Planner
{
    private readonly Dictionary<(Operation.Structured Common, Axes Operands), Dictionary<int, Value>> _structured = [];

    /// <summary>A result of a structured operation; all that the program asks for are made by one kernel, at the first.</summary>
    private Value Structured(Instruction instruction, Operation.Structured structured)
    {
        var key = (structured.Common, instruction.Operands);
        if (!_structured.TryGetValue(key, out var made))
        {
            _structured[key] = made = Make(instruction, structured, StructuredResults.Asked(_program, instruction));
        }

        return made[structured.Result];
    }

    private Dictionary<int, Value> Make(Instruction instruction, Operation.Structured structured, int[] asked)
    {
        var operands = new View[instruction.Operands.Count];
        for (var i = 0; i < operands.Length; i++)
        {
            var isSliced = structured is Operation.Scan scan && i >= scan.Carries && i < scan.Carries + scan.Slices;
            operands[i] = isSliced ? Sliceable(instruction, i) : Contiguous(instruction, i);
        }

        var values = new Dictionary<int, Value>();
        var targets = new List<(int, int)>();
        foreach (var other in _program.Instructions)
        {
            if (other.Operation is Operation.Structured o && asked.Contains(o.Result) && !values.ContainsKey(o.Result)
                && other.Operands.Equals(instruction.Operands) && o.GetType() == structured.GetType() && o.Common.Equals(structured.Common))
            {
                var slot = NewSlot(other.Type, other.Shape, _steps.Count);
                targets.Add((o.Result, slot));
                values[o.Result] = new Value.Stored(new View(slot, other.Type, Layout.RowMajor(other.Shape)));
            }
        }

        targets.Sort();
        _steps.Add(Kernel(structured, operands, asked, [.. targets]));
        return values;
    }

    private Kernel Kernel(Operation.Structured structured, View[] operands, int[] asked, (int, int)[] targets) => structured switch
    {
        Operation.Scan scan => new ScanKernel(scan, Body(scan.Body.Only(StructuredResults.OfScan(scan, asked))), operands, targets),
        Operation.WhileLoop loop => new WhileKernel(loop, Body(loop.Condition), Body(loop.Body), operands, targets),
        Operation.Cond cond => new BranchKernel([Body(cond.IfTrue.Only(asked)), Body(cond.IfFalse.Only(asked))], operands, targets),
        Operation.Checkpoint apart => new BranchKernel([Body(apart.Body.Only(asked))], operands, targets),
        _ => throw new NotSupportedException($"The operation {structured} is not known to the device cpu."),
    };

    private Subplan Body(Program program) => new(Make(Simplify.Apply(program), _emitAfter));

    /// <summary>An operand whose slices along axis 0 are contiguous, wherever they lie.</summary>
    private View Sliceable(Instruction instruction, int operand)
    {
        var view = InMemory(instruction, operand);
        var slice = new Layout(view.Layout.Sizes[1..].ToArray(), view.Layout.Strides[1..].ToArray(), 0);
        return slice.IsContiguous() ? view : Contiguous(instruction, operand);
    }
}
