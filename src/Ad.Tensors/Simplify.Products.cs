namespace Ad.Tensors;

public static partial class Simplify
{
    /// <summary>
    /// Sums of many contractions of one kind, such as the derivative by a weight that every step of a recurrence uses, become one contraction: of
    /// their operands side by side along a summed axis. It has as many products, and writes and adds up nothing in between.
    /// </summary>
    private sealed class SumsOfProducts(Program program) : Sums(program)
    {
        // Operands side by side are one tensor, with positions that fit an Int32.
        private const long MostElements = 1 << 28;

        /// <summary>The program with such sums replaced, or null if it has none.</summary>
        public static Program? In(Program program) =>
            program.Instructions.ToArray().Count(i => i.Operation is Operation.Contract) > 1 ? new SumsOfProducts(program).Rewrite() : null;

        protected override int? Replace(List<int> tree)
        {
            var leaves = Leaves(tree);
            var terms = new List<int>();
            foreach (var kind in leaves.GroupBy(Kind))
            {
                terms.AddRange(
                    kind.Key is { } key && kind.Count() > 1 && IsLess([.. kind.Select(Contraction)])
                        ? [Turned(Whole([.. kind.Select(Contraction)], key.Contract), kind.First())]
                        : kind.Select(leaf => Names[leaf]));
            }

            return terms.Count < leaves.Length
                ? terms.Aggregate((sum, term) => New.Add(Program.Instructions[tree[^1]] with { Operands = new Axes(sum, term) }))
                : null;
        }

        // The contraction that a term is, or is with its axes permuted.
        private int Contraction(int leaf) => Program.Instructions[leaf].Operation is Operation.Permute ? Program.Instructions[leaf].Operands[0] : leaf;

        private int Turned(int whole, int leaf) =>
            Program.Instructions[leaf].Operation is Operation.Permute ? New.Add(Program.Instructions[leaf] with { Operands = new Axes(whole) }) : whole;

        // The operation, how it is turned, and the operands' shapes but for the axis along which they are laid side by side; null if it must stay.
        private (Operation.Contract Contract, Axes Turned, Shape Left, Shape Right)? Kind(int leaf)
        {
            var contraction = Contraction(leaf);
            var instruction = Program.Instructions[contraction];
            return Uses[leaf] == 1 && Uses[contraction] == 1
                && instruction.Type.IsFloat() && instruction.Operation is Operation.Contract { LeftSummed.Count: > 0 } contract
                ? (contract,
                    Program.Instructions[leaf].Operation is Operation.Permute permute ? permute.Axes : default,
                    Without(instruction.Operands[0], contract.LeftSummed[0]),
                    Without(instruction.Operands[1], contract.RightSummed[0]))
                : null;
        }

        private Shape Without(int operand, int axis)
        {
            var sizes = Program.Instructions[operand].Shape.Sizes.ToArray();
            sizes[axis] = 1;
            return new Shape(sizes);
        }

        // What laying the operands side by side moves, against what is not written, read and added any more.
        private bool IsLess(int[] leaves)
        {
            var operands = leaves.Sum(leaf => Program.Instructions[leaf].Operands.Values.ToArray().Sum(o => Program.Instructions[o].Shape.Elements));
            return operands <= 2 * leaves.Length * Program.Instructions[leaves[0]].Shape.Elements && operands < MostElements;
        }

        private int Whole(int[] leaves, Operation.Contract contract) =>
            New.Add(Program.Instructions[leaves[0]] with
            {
                Operands = new Axes(SideBySide(leaves, 0, contract.LeftSummed[0]), SideBySide(leaves, 1, contract.RightSummed[0])),
            });

        // In the order in which the earlier of their operands are computed: that of the steps of a recurrence, and so of whatever else lays its parts
        // side by side, though a derivative comes by them from the last to the first.
        private int SideBySide(int[] leaves, int operand, int axis)
        {
            var parts = leaves.OrderBy(leaf => Program.Instructions[leaf].Operands.Values.ToArray().Min()).Select(leaf => Program.Instructions[leaf].Operands[operand]).ToArray();
            var first = Program.Instructions[parts[0]];
            var sizes = first.Shape.Sizes.ToArray();
            sizes[axis] = parts.Sum(part => Program.Instructions[part].Shape[axis]);
            return New.Add(new Instruction(
                new Operation.Concatenate(axis), new Axes([.. parts.Select(part => Names[part])]), first.Type, new Shape(sizes)));
        }
    }
}
