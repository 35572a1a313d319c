namespace Ad.Tensors;

internal sealed partial class Planner<K>
    where K : PlanStep
{
    private readonly Dictionary<int, int[]> _turned = [];

    /// <summary>A contraction; turned, with its operands in each other's place, so that those who read its transpose read it as it lies.</summary>
    private Value.Stored Contract(Instruction instruction, Operation.Contract contract, int[]? turned)
    {
        if (turned is null)
        {
            var (left, right) = (Factor(instruction, 0), Factor(instruction, 1));
            return Kernel(instruction, target => _kernels.Contract(contract, left, right, target, Copied, Room));
        }

        var (operation, operands) = Turned(contract, instruction.Operands);
        var made = Contract(
            instruction with { Operation = operation, Operands = operands, Shape = Permuted(instruction.Shape, turned) }, operation, null);
        var back = new int[turned.Length];
        for (var axis = 0; axis < back.Length; axis++)
        {
            back[turned[axis]] = axis;
        }

        return made with { View = made.View with { Layout = made.View.Layout.Permute(back) } };
    }

    // What only widens a factor, the device does as it reads it.
    private View Factor(Instruction instruction, int operand)
    {
        var factor = _program.Instructions[instruction.Operands[operand]];
        return _kernels.WidensFactors && factor.Operation is Operation.Cast && _program.Instructions[factor.Operands[0]].Type.IsHalf()
            ? InMemory(factor, 0)
            : InMemory(instruction, operand);
    }

    private static (Operation.Contract Operation, Axes Operands) Turned(Operation.Contract contract, Axes operands) =>
        (new Operation.Contract(contract.RightBatch, contract.LeftBatch, contract.RightSummed, contract.LeftSummed), new Axes(operands[1], operands[0]));

    /// <summary>The order of axes in which all readers of a contraction want it, if that is with the operands in each other's place; else null.</summary>
    private int[]? IsReadTurned(int index)
    {
        if (_turned.Count == 0)
        {
            FindTurned();
        }

        return _turned.GetValueOrDefault(index);
    }

    private void FindTurned()
    {
        // No contraction has this name: it only says that the program has been looked through.
        _turned[-1] = [];
        var instructions = _program.Instructions;
        var otherwise = new HashSet<int>(_program.Outputs.ToArray());
        foreach (var instruction in instructions)
        {
            foreach (var operand in instruction.Operands.Values)
            {
                if (instructions[operand].Operation is not Operation.Contract contract)
                {
                    continue;
                }

                if (instruction.Operation is Operation.Permute permute && permute.Axes.Values.SequenceEqual(OtherOrder(contract, instructions[operand])))
                {
                    _turned[operand] = permute.Axes.Values.ToArray();
                }
                else
                {
                    otherwise.Add(operand);
                }
            }
        }

        foreach (var index in otherwise)
        {
            _turned.Remove(index);
        }
    }

    // Batch axes, the right operand's own, the left's.
    private int[] OtherOrder(Operation.Contract contract, Instruction instruction)
    {
        var batch = contract.LeftBatch.Count;
        var left = ShapeOf(instruction, 0).Rank - batch - contract.LeftSummed.Count;
        var rank = instruction.Shape.Rank;
        return [.. Enumerable.Range(0, batch), .. Enumerable.Range(batch + left, rank - batch - left), .. Enumerable.Range(batch, left)];
    }

    private static Shape Permuted(Shape shape, int[] axes) => new([.. axes.Select(axis => shape[axis])]);
}
