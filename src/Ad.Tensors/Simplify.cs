namespace Ad.Tensors;

/// <summary>
/// Rewrites a program into a shorter one with the same results to the bit: instructions nobody reads go, equal ones become one, constants and
/// small tensors made of constants and positions are computed, movement is merged, and what IEEE 754 says is the operand itself is. (Not x + 0, which turns -0 into 0, nor 0 x, which may be NaN.
/// Two liberties: a^2, a^1, a^0 and a^-1 are the rounded a a, a, 1 and 1 / a, where a general power may be off by a unit in the last place; and
/// sums of contractions are summed in another order, as one contraction.)
/// </summary>
public static partial class Simplify
{
    private const int MostPasses = 4;

    /// <summary>The simplified program. It takes the same arguments.</summary>
    public static Program Apply(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        program = Rewritten(Widening.Of(program));
        program = Zeros.In(program) ?? program;
        program = Wanted.In(program) ?? program;

        // Parts may have been padded along several axes.
        for (var axis = 0; axis < MostPasses && SumsOfParts.In(program) is { } apart; axis++)
        {
            program = apart;
        }

        return SumsOfProducts.In(program) ?? program;
    }

    private static Program Rewritten(Program program)
    {
        var rewriting = new Rewriting();
        var renamed = new int[program.Instructions.Length];
        for (var i = 0; i < renamed.Length; i++)
        {
            var instruction = program.Instructions[i];
            renamed[i] = rewriting.Add(instruction with { Operands = Renamed(instruction.Operands, renamed) });
        }

        var outputs = new int[program.Outputs.Length];
        for (var i = 0; i < outputs.Length; i++)
        {
            outputs[i] = renamed[program.Outputs[i]];
        }

        return WithoutDead(rewriting.Instructions, outputs);
    }

    private static Axes Renamed(Axes operands, ReadOnlySpan<int> names)
    {
        Span<int> renamed = stackalloc int[operands.Count];
        for (var i = 0; i < renamed.Length; i++)
        {
            renamed[i] = names[operands[i]];
        }

        return new Axes(renamed);
    }

    /// <summary>The program of what the outputs need.</summary>
    internal static Program WithoutDead(List<Instruction> instructions, int[] outputs)
    {
        var live = new bool[instructions.Count];
        foreach (var output in outputs)
        {
            live[output] = true;
        }

        for (var i = live.Length - 1; i >= 0; i--)
        {
            foreach (var operand in instructions[i].Operands.Values)
            {
                live[operand] |= live[i];
            }
        }

        var names = new int[live.Length];
        var kept = new List<Instruction>();
        for (var i = 0; i < live.Length; i++)
        {
            if (live[i])
            {
                names[i] = kept.Count;
                kept.Add(instructions[i] with { Operands = Renamed(instructions[i].Operands, names) });
            }
        }

        return new Program([.. kept], [.. outputs.Select(o => names[o])]);
    }

    /// <summary>The new program as far as it goes.</summary>
    private sealed partial class Rewriting
    {
        private readonly Dictionary<Instruction, int> _known = [];

        public List<Instruction> Instructions { get; } = [];

        /// <summary>An instruction that gives the same value as this one: itself, something simpler, or an earlier one.</summary>
        public int Add(Instruction instruction)
        {
            var simpler = instruction.Operation switch
            {
                Operation.Elementwise elementwise => Elementwise(instruction, elementwise.Function),
                Operation.Cast => Cast(instruction),
                Operation.Reduce reduce => Reduce(instruction, reduce),
                Operation.Reshape => Reshape(instruction),
                Operation.Permute permute => Permute(instruction, permute),
                Operation.Broadcast => Broadcast(instruction),
                Operation.Slice slice => Slice(instruction, slice),
                Operation.Pad pad => Pad(instruction, pad),
                Operation.Concatenate concatenate => Concatenate(instruction, concatenate),
                Operation.Flip flip => Flip(instruction, flip),
                _ => -1,
            };
            return simpler >= 0 ? simpler : KeepElements(instruction);
        }

        private int Keep(Instruction instruction)
        {
            if (!_known.TryGetValue(instruction, out var index))
            {
                index = Instructions.Count;
                Instructions.Add(instruction);
                _known[instruction] = index;
            }

            return index;
        }

        private Instruction Operand(Instruction instruction, int operand = 0) => Instructions[instruction.Operands[operand]];

        private Scalar? ConstantOf(Instruction instruction, int operand = 0) =>
            Operand(instruction, operand).Operation is Operation.Constant constant ? constant.Value : null;

        private int Constant(Scalar value, Shape shape) =>
            Keep(new Instruction(new Operation.Constant(value), default, value.Type, shape));
    }
}
