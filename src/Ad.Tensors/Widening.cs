using System.Runtime.CompilerServices;

namespace Ad.Tensors;

/// <summary>
/// Rewrites a program so that floats of 16 bits are only kept, moved and cast: every operation that computes takes its operands as Float32 and
/// rounds its result once. What is computed is the same however instructions are fused, since what a fused loop keeps in registers is rounded too.
/// </summary>
internal sealed class Widening
{
    // Bodies of loops are shared, and loops within loops would be gone through again and again.
    private static readonly ConditionalWeakTable<Program, Program> Known = [];

    private readonly List<Instruction> _instructions = [];
    private readonly Dictionary<int, int> _singles = [];

    private Widening()
    {
    }

    /// <summary>The program in which no operation computes with floats of 16 bits. It takes the same arguments and gives the same results.</summary>
    public static Program Of(Program program) => Known.GetValue(program, p => Computes(p) ? new Widening().Rewrite(p) : p);

    /// <summary>The error of whoever is asked to compute with a type of 16 bits all the same.</summary>
    public static InvalidOperationException Refuse(DType type) => new($"No device computes with {type.Name()} itself; it is widened first.");

    private static bool Computes(Program program)
    {
        foreach (var instruction in program.Instructions)
        {
            if (instruction.Type.IsHalf() || (instruction.Operation is Operation.Structured { Bodies: var bodies } && bodies.Any(body => !ReferenceEquals(Of(body), body))))
            {
                return true;
            }
        }

        return false;
    }

    private Program Rewrite(Program program)
    {
        var renamed = new int[program.Instructions.Length];
        for (var i = 0; i < renamed.Length; i++)
        {
            var instruction = program.Instructions[i];
            renamed[i] = Rewritten(instruction with { Operands = new Axes([.. instruction.Operands.Values.ToArray().Select(o => renamed[o])]) });
        }

        return new Program([.. _instructions], [.. program.Outputs.ToArray().Select(o => renamed[o])]);
    }

    private int Rewritten(Instruction instruction)
    {
        switch (instruction.Operation)
        {
            case Operation.Scan scan:
                return Add(instruction with { Operation = scan with { Body = Of(scan.Body) } });
            case Operation.WhileLoop loop:
                return Add(instruction with { Operation = loop with { Condition = Of(loop.Condition), Body = Of(loop.Body) } });
            case Operation.Cond cond:
                return Add(instruction with { Operation = cond with { IfTrue = Of(cond.IfTrue), IfFalse = Of(cond.IfFalse) } });
            case Operation.Checkpoint checkpoint:
                return Add(instruction with { Operation = checkpoint with { Body = Of(checkpoint.Body) } });
            case Operation.Input or Operation.Constant or Operation.Reshape or Operation.Permute or Operation.Broadcast or Operation.Slice
                or Operation.Flip or Operation.Pad or Operation.Concatenate or Operation.Take:
                return Add(instruction);
            case Operation.Cast:
                return Cast(instruction.Operands[0], instruction.Type);
            case Operation.Iota when instruction.Type.IsHalf():
                return Cast(Add(instruction with { Type = DType.Int32 }), instruction.Type);
            case Operation.Random when instruction.Type.IsHalf():
                return Random(instruction);
            default:
                return Computed(instruction);
        }
    }

    private int Computed(Instruction instruction)
    {
        var computed = instruction with { Operands = new Axes([.. instruction.Operands.Values.ToArray().Select(Single)]) };
        return instruction.Type.IsHalf() ? Cast(Add(computed with { Type = DType.Float32 }), instruction.Type) : Add(computed);
    }

    // The top bits of a Float32's, as many as the type takes whole below 1.
    private int Random(Instruction instruction)
    {
        var steps = instruction.Type == DType.Float16 ? 1 << 11 : 1 << 8;
        var single = instruction with { Type = DType.Float32 };
        var many = Constant(single, steps);
        var whole = Apply(single, Pointwise.Floor, Apply(single, Pointwise.Multiply, Add(single), many));
        return Cast(Apply(single, Pointwise.Multiply, whole, Constant(single, 1.0 / steps)), instruction.Type);
    }

    private int Constant(Instruction like, double value) =>
        Add(like with { Operation = new Operation.Constant(Scalar.Of(like.Type, value)), Operands = default });

    private int Apply(Instruction like, Pointwise function, params ReadOnlySpan<int> operands) =>
        Add(like with { Operation = new Operation.Elementwise(function), Operands = new Axes(operands) });

    private int Single(int operand)
    {
        if (!_instructions[operand].Type.IsHalf())
        {
            return operand;
        }

        if (!_singles.TryGetValue(operand, out var single))
        {
            var half = _instructions[operand];
            _singles[operand] = single = half.Operation is Operation.Constant constant
                ? Constant(half with { Type = DType.Float32 }, constant.Value.ToDouble())
                : Add(half with { Operation = new Operation.Cast(), Operands = new Axes(operand), Type = DType.Float32 });
        }

        return single;
    }

    // Devices cast between a type of 16 bits and Float32, and to it from Float64 and Int64, which Float32 would round a first time.
    private int Cast(int operand, DType to)
    {
        var from = _instructions[operand].Type;
        if (from == to)
        {
            return operand;
        }

        if (to == DType.Float32 && from.IsHalf())
        {
            return Single(operand);
        }

        if (from.IsHalf())
        {
            return Cast(Single(operand), to);
        }

        if (to.IsHalf() && from is DType.Bool or DType.Int32)
        {
            return Cast(Cast(operand, DType.Float64), to);
        }

        return Add(_instructions[operand] with { Operation = new Operation.Cast(), Operands = new Axes(operand), Type = to });
    }

    private int Add(Instruction instruction)
    {
        _instructions.Add(instruction);
        return _instructions.Count - 1;
    }
}
