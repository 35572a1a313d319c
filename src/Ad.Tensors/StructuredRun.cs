namespace Ad.Tensors;

/// <summary>A body of a structured instruction, with nothing in it that nobody asks for, and how often it runs as far as the program states.</summary>
internal readonly record struct StructuredRun(Program Body, long Times)
{
    /// <summary>The bodies that a program runs.</summary>
    public static IEnumerable<StructuredRun> In(Program program)
    {
        var seen = new HashSet<(Operation.Structured, Axes)>();
        for (var i = 0; i < program.Instructions.Length; i++)
        {
            var instruction = program.Instructions[i];
            if (instruction.Operation is not Operation.Structured structured || !seen.Add((structured.Common, instruction.Operands)))
            {
                continue;
            }

            var asked = StructuredResults.Asked(program, instruction);
            switch (structured)
            {
                case Operation.Scan scan:
                    yield return new StructuredRun(scan.Body.Only(StructuredResults.OfScan(scan, asked)), scan.Length);
                    break;
                case Operation.WhileLoop loop:
                    yield return new StructuredRun(loop.Condition, 1);
                    yield return new StructuredRun(loop.Body, 1);
                    break;
                case Operation.Cond cond:
                    yield return new StructuredRun(cond.IfTrue.Only(asked), 1);
                    break;
                case Operation.Checkpoint apart:
                    yield return new StructuredRun(apart.Body.Only(asked), 1);
                    break;
                default:
                    throw new NotSupportedException($"The operation {structured} is not known.");
            }
        }
    }
}

/// <summary>Which results of a structured operation a program asks for.</summary>
internal static class StructuredResults
{
    /// <summary>The results asked for by the instructions that share operation and operands with this one, ascending.</summary>
    public static int[] Asked(Program program, Instruction instruction)
    {
        var common = ((Operation.Structured)instruction.Operation).Common;
        var asked = new SortedSet<int>();
        foreach (var other in program.Instructions)
        {
            if (other.Operation is Operation.Structured structured
                && other.Operands.Equals(instruction.Operands)
                && structured.GetType() == common.GetType()
                && structured.Common.Equals(common))
            {
                asked.Add(structured.Result);
            }
        }

        return [.. asked];
    }

    /// <summary>The body's results that a scan needs: all carries, and what is asked for of those that are stacked.</summary>
    public static int[] OfScan(Operation.Scan scan, int[] asked) =>
        [.. Enumerable.Range(0, scan.Carries), .. asked.Where(r => r >= scan.Carries && r < scan.Body.Outputs.Length)];
}
