namespace Ad.Tensors;

internal sealed partial class Planner<K>
    where K : PlanStep
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
        _steps.Add(_kernels.Structured(structured, Bodies(structured, asked), operands, [.. targets]));
        return values;
    }

    private Plan<K>[] Bodies(Operation.Structured structured, int[] asked) => structured switch
    {
        Operation.Scan scan => [Body(scan.Body.Only(StructuredResults.OfScan(scan, asked)))],
        Operation.WhileLoop loop => [Body(loop.Condition), Body(loop.Body)],
        Operation.Cond cond => [Body(cond.IfTrue.Only(asked)), Body(cond.IfFalse.Only(asked))],
        Operation.Checkpoint apart => [Body(apart.Body.Only(asked))],
        _ => throw new NotSupportedException($"The operation {structured} is not known to the device {_kernels.Device}."),
    };

    private Plan<K> Body(Program program) => Make(Simplify.Apply(program), _kernels.Inside);

    /// <summary>An operand whose slices along axis 0 are contiguous, wherever they lie.</summary>
    private View Sliceable(Instruction instruction, int operand)
    {
        var view = InMemory(instruction, operand);
        var slice = new Layout(view.Layout.Sizes[1..].ToArray(), view.Layout.Strides[1..].ToArray(), 0);
        return slice.IsContiguous() ? view : Contiguous(instruction, operand);
    }
}
