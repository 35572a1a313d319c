namespace Ad.Tensors;

public static partial class Simplify
{
    /// <summary>Looks at sums of many terms as a whole.</summary>
    private abstract class Trees
    {
        protected Trees(Program program)
        {
            Program = program;
            (Uses, Inside, Names) = (new int[program.Instructions.Length], new bool[program.Instructions.Length], new int[program.Instructions.Length]);
            foreach (var instruction in program.Instructions)
            {
                foreach (var operand in instruction.Operands.Values)
                {
                    Uses[operand]++;
                }
            }

            foreach (var output in program.Outputs)
            {
                Uses[output]++;
            }

            foreach (var instruction in program.Instructions)
            {
                foreach (var operand in instruction.Operands.Values)
                {
                    Inside[operand] = IsSum(instruction) && IsSum(program.Instructions[operand]) && Uses[operand] == 1;
                }
            }
        }

        protected Program Program { get; }

        /// <summary>How often each instruction is read.</summary>
        protected int[] Uses { get; }

        /// <summary>Which sums another sum alone reads: they belong to that.</summary>
        protected bool[] Inside { get; }

        protected Rewriting New { get; } = new();

        /// <summary>What instructions are in the new program, as far as it goes.</summary>
        protected int[] Names { get; }

        /// <summary>What the sums of a tree read besides each other.</summary>
        protected int[] Leaves(List<int> tree) =>
            [.. tree.SelectMany(node => Program.Instructions[node].Operands.Values.ToArray()).Where(operand => !Inside[operand])];

        protected static bool IsSum(Instruction instruction) => instruction.Operation is Operation.Elementwise { Function: Pointwise.Add };

        /// <summary>A sum and those inside it, each after the ones that it reads.</summary>
        protected List<int> Tree(int sum)
        {
            var tree = new List<int> { sum };
            for (var i = 0; i < tree.Count; i++)
            {
                tree.AddRange(Program.Instructions[tree[i]].Operands.Values.ToArray().Where(o => Inside[o]));
            }

            tree.Reverse();
            return tree;
        }
    }

    /// <summary>Writes some sums of many terms anew.</summary>
    private abstract class Sums(Program program) : Trees(program)
    {
        /// <summary>What a sum, the last of its tree, is replaced by; null if it stays.</summary>
        protected abstract int? Replace(List<int> tree);

        /// <summary>The program with sums replaced, or null if none was.</summary>
        protected Program? Rewrite()
        {
            var found = false;
            for (var i = 0; i < Names.Length; i++)
            {
                var instruction = Program.Instructions[i];
                if (IsSum(instruction) && !Inside[i] && Replace(Tree(i)) is { } replaced)
                {
                    (Names[i], found) = (replaced, true);
                }
                else
                {
                    Names[i] = New.Add(instruction with { Operands = Renamed(instruction.Operands, Names) });
                }
            }

            return found ? WithoutDead(New.Instructions, [.. Program.Outputs.ToArray().Select(o => Names[o])]) : null;
        }
    }
}
