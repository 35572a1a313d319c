using System.Text;

namespace Ad.Tensors;

/// <summary>One step of a program: an operation on earlier results, with the type and shape of its own.</summary>
public readonly record struct Instruction(Operation Operation, Axes Operands, DType Type, Shape Shape)
{
    /// <summary>Such as: multiply %0 %1 : float32[2, 3].</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(Operation switch
        {
            Operation.Elementwise e => e.Function.Name(),
            Operation.Window w => $"window{w.Kind}",
            Operation.WindowShare w => $"window{w.Kind}Share",
            Operation.WindowSpread w => $"window{w.Kind}Spread",
            Operation.Reduce r => Names.CamelCase(r.Kind.ToString()),
            _ => Names.CamelCase(Operation.GetType().Name),
        });
        text.Append(Operation switch
        {
            Operation.Input i => $" {i.Index}",
            Operation.Constant c => $" {c.Value}",
            Operation.Iota i => $" {i.Axis}",
            Operation.Reduce r => $" {r.Axes}",
            Operation.CumulativeSum c => $" {c.Axis}{(c.Reverse ? " reverse" : "")}",
            Operation.Permute p => $" {p.Axes}",
            Operation.Slice s => $" {s.Starts} step {s.Steps}",
            Operation.Pad p => $" {p.Low} {p.High} interior {p.Interior}",
            Operation.Concatenate c => $" {c.Axis}",
            Operation.Flip f => $" {f.Axes}",
            Operation.Take t => $" {t.Axis} batch {t.Batch}",
            Operation.ScatterAdd s => $" {s.Axis} batch {s.Batch}",
            Operation.Contract c => $" {c.LeftSummed} {c.RightSummed} batch {c.LeftBatch} {c.RightBatch}",
            Operation.Decompose d => $" {d.Kind}",
            Operation.Solve s => $" {s.System}",
            Operation.Window { Windows: var w } => $" {w}",
            Operation.WindowShare { Windows: var w } => $" {w}",
            Operation.WindowSpread { Windows: var w } => $" {w}",
            Operation.Convolve c => $" stride {c.Strides} low {c.Low} dilation {c.InputDilation} {c.KernelDilation}",
            Operation.Scan s => $" {s.Length} carries {s.Carries} slices {s.Slices}{(s.Reverse ? " reverse" : "")}",
            Operation.WhileLoop w => $" carries {w.Carries}",
            _ => "",
        });
        if (Operation is Operation.Structured structured)
        {
            text.Append(" result ").Append(structured.Result);
            foreach (var body in structured.Bodies)
            {
                text.Append(" {").Append(body.ToString().TrimEnd().Replace("\n", "; ", StringComparison.Ordinal)).Append('}');
            }
        }

        foreach (var operand in Operands.Values)
        {
            text.Append(" %").Append(operand);
        }

        return text.Append(" : ").Append(Type.Name()).Append(Shape).ToString();
    }
}

/// <summary>
/// A straight-line computation in single-assignment form: instruction i defines value %i from earlier ones. The one thing that crosses from
/// the kernel to a device. Immutable, compared by value, and printable as stable text.
/// </summary>
public sealed class Program : IEquatable<Program>
{
    private readonly Instruction[] _instructions;
    private readonly int[] _outputs;
    private readonly int _hash;

    /// <summary>Holds the instructions, and which of them are results.</summary>
    /// <exception cref="ArgumentException">An operand or output is not an earlier instruction.</exception>
    public Program(ReadOnlySpan<Instruction> instructions, ReadOnlySpan<int> outputs)
    {
        _instructions = instructions.ToArray();
        _outputs = outputs.ToArray();
        var hash = default(HashCode);
        for (var i = 0; i < _instructions.Length; i++)
        {
            foreach (var operand in _instructions[i].Operands.Values)
            {
                if (operand < 0 || operand >= i)
                {
                    throw new ArgumentException($"Instruction %{i} reads %{operand}, which is not before it.");
                }
            }

            hash.Add(_instructions[i]);
        }

        foreach (var output in _outputs)
        {
            if (output < 0 || output >= _instructions.Length)
            {
                throw new ArgumentException($"Output %{output} is not an instruction.");
            }

            hash.Add(output);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>The instructions; an operand is an index into them.</summary>
    public ReadOnlySpan<Instruction> Instructions => _instructions;

    /// <summary>The instructions whose values are the results, in order.</summary>
    public ReadOnlySpan<int> Outputs => _outputs;

    /// <summary>The program for these of its results alone, without what they do not need. It takes the same arguments.</summary>
    internal Program Only(ReadOnlySpan<int> results)
    {
        var outputs = new int[results.Length];
        for (var i = 0; i < outputs.Length; i++)
        {
            outputs[i] = _outputs[results[i]];
        }

        return Simplify.WithoutDead([.. _instructions], outputs);
    }

    /// <inheritdoc/>
    public bool Equals(Program? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && _hash == other._hash
            && Outputs.SequenceEqual(other.Outputs)
            && Instructions.SequenceEqual(other.Instructions));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Program);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <summary>One line an instruction, then the results: %2 = add %0 %1 : float32[3] ... return %2.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (var i = 0; i < _instructions.Length; i++)
        {
            text.Append('%').Append(i).Append(" = ").Append(_instructions[i]).Append('\n');
        }

        return text.Append("return ").AppendJoin(' ', _outputs.Select(o => $"%{o}")).Append('\n').ToString();
    }
}
