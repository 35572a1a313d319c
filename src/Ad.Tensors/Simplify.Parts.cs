namespace Ad.Tensors;

public static partial class Simplify
{
    /// <summary>
    /// Sums of padded parts, such as the derivative of whatever reads slices of one tensor, become parts side by side: along the padded axis the sum
    /// is cut where a part begins or ends, and between two cuts only the parts that lie there are added, in the order in which the sum had them.
    /// Where zeros were added to, a single one still is, as it turns -0 into 0. So n slices cost as much as the tensor has elements, not n times that.
    /// </summary>
    private sealed class SumsOfParts(Program program) : Sums(program)
    {
        // What is computed again rather than written and read: so many cheap instructions on what lies in memory.
        private const int FewInstructions = 16;

        // A longer chain of instructions is computed whole.
        private const int MostDepth = 64;

        private readonly bool[] _isSplit = new bool[program.Instructions.Length];

        /// <summary>The program with such sums replaced, or null if it has none.</summary>
        public static Program? In(Program program) =>
            program.Instructions.ToArray().Count(i => AxisOf(i) >= 0) > 1 ? new SumsOfParts(program).Rewrite() : null;

        protected override int? Replace(List<int> tree)
        {
            if (Cuts(Leaves(tree)) is not var (axis, cuts))
            {
                return null;
            }

            _isSplit[tree[^1]] = true;
            return Split(tree, axis, cuts);
        }

        /// <summary>The one axis that an instruction pads, or -1.</summary>
        private static int AxisOf(Instruction instruction)
        {
            if (instruction.Operation is not Operation.Pad pad || instruction.Shape.Elements == 0 || !pad.IsAround())
            {
                return -1;
            }

            var padded = Enumerable.Range(0, pad.Low.Count).Where(a => pad.Low[a] + pad.High[a] > 0).ToArray();
            return padded.Length == 1 ? padded[0] : -1;
        }

        /// <summary>The axis that most leaves pad, and where their parts begin and end; null when cutting there would be more work.</summary>
        private (int Axis, int[] Cuts)? Cuts(int[] leaves)
        {
            var byAxis = leaves.Where(l => AxisOf(Program.Instructions[l]) >= 0).GroupBy(l => AxisOf(Program.Instructions[l])).MaxBy(g => g.Count());
            if (byAxis is null || byAxis.Count() < 2)
            {
                return null;
            }

            var cuts = new SortedSet<int> { 0, Program.Instructions[leaves[0]].Shape[byAxis.Key] };
            foreach (var leaf in byAxis)
            {
                var (start, end) = Part(leaf, byAxis.Key);
                cuts.Add(start);
                cuts.Add(end);
            }

            // Every leaf without parts is in every piece.
            var places = cuts.ToList();
            long pieces = (leaves.Length - byAxis.Count()) * (long)places.Count;
            foreach (var leaf in byAxis)
            {
                var (start, end) = Part(leaf, byAxis.Key);
                pieces += places.BinarySearch(end) - places.BinarySearch(start);
            }

            return pieces <= (4L * leaves.Length) + 8 ? (byAxis.Key, [.. places]) : null;
        }

        private (int Start, int End) Part(int pad, int axis)
        {
            var start = ((Operation.Pad)Program.Instructions[pad].Operation).Low[axis];
            return (start, start + Program.Instructions[Program.Instructions[pad].Operands[0]].Shape[axis]);
        }

        private int Split(List<int> tree, int axis, int[] cuts)
        {
            var instruction = Program.Instructions[tree[^1]];
            var parts = new int[cuts.Length - 1];
            for (var i = 0; i < parts.Length; i++)
            {
                var stretch = new Stretch(axis, cuts[i], cuts[i + 1] - cuts[i], MostDepth, []);
                var (value, zero) = Sum(tree, stretch);
                var shape = Resized(instruction.Shape, axis, stretch.Size);
                parts[i] = value < 0 ? Zero(instruction.Type, shape)
                    : zero ? New.Add(new Instruction(instruction.Operation, new Axes(value, Zero(instruction.Type, shape)), instruction.Type, shape))
                    : value;
            }

            return New.Add(new Instruction(new Operation.Concatenate(axis), new Axes(parts), instruction.Type, instruction.Shape));
        }

        private int Zero(DType type, Shape shape) =>
            New.Add(new Instruction(new Operation.Constant(Scalar.Of(type, 0L)), default, type, shape));

        private static Shape Resized(Shape shape, int axis, int size)
        {
            var sizes = shape.Sizes.ToArray();
            sizes[axis] = size;
            return new Shape(sizes);
        }

        /// <summary>A stretch of an axis, how much deeper to go for what lies there, and what was found.</summary>
        private readonly record struct Stretch(int Axis, int Start, int Size, int Depth, Dictionary<int, int> Known)
        {
            public Stretch From(int start) => this with { Start = start, Known = [] };
        }

        /// <summary>What a sum has along a stretch, -1 if nothing; and whether a zero is added to it.</summary>
        private (int Value, bool Zero) Sum(List<int> tree, Stretch stretch)
        {
            var sums = new Dictionary<int, (int Value, bool Zero)>();
            foreach (var node in tree)
            {
                var instruction = Program.Instructions[node];
                var ((left, leftZero), (right, rightZero)) = (Term(instruction.Operands[0]), Term(instruction.Operands[1]));
                var value = left < 0 ? right : right < 0 ? left : New.Add(
                    New.Instructions[left] with { Operation = instruction.Operation, Operands = new Axes(left, right) });
                sums[node] = (value, leftZero || rightZero || left < 0 != right < 0);
            }

            return sums[tree[^1]];

            (int Value, bool Zero) Term(int operand) => Inside[operand] ? sums[operand] : (Leaf(operand, stretch), false);
        }

        private int Leaf(int leaf, Stretch stretch)
        {
            if (AxisOf(Program.Instructions[leaf]) != stretch.Axis)
            {
                return Along(leaf, stretch);
            }

            var (start, end) = Part(leaf, stretch.Axis);
            return stretch.Start >= start && stretch.Start + stretch.Size <= end
                ? Along(Program.Instructions[leaf].Operands[0], stretch.From(stretch.Start - start))
                : -1;
        }

        /// <summary>
        /// A value along a stretch: computed from its operands there if nobody else wants it, or if that is cheap, else a slice of it.
        /// </summary>
        private int Along(int index, Stretch stretch)
        {
            var instruction = Program.Instructions[index];
            if (instruction.Shape[stretch.Axis] == stretch.Size)
            {
                return Names[index];
            }

            if (stretch.Known.TryGetValue(index, out var known))
            {
                return known;
            }

            var deeper = stretch with { Depth = stretch.Depth - 1 };
            var like = instruction with { Shape = Resized(instruction.Shape, stretch.Axis, stretch.Size) };
            var sinks = !_isSplit[index] && stretch.Depth > 0 && (Uses[index] == 1 || IsCheap(index, FewInstructions) >= 0);
            return stretch.Known[index] = instruction.Operation switch
            {
                Operation.Constant => New.Add(like),
                Operation.Elementwise or Operation.Cast when sinks =>
                    New.Add(like with { Operands = new Axes([.. instruction.Operands.Values.ToArray().Select(o => Along(o, deeper))]) }),
                Operation.Pad pad when sinks && pad.Low[stretch.Axis] + pad.High[stretch.Axis] + pad.Interior[stretch.Axis] == 0 =>
                    New.Add(like with { Operands = new Axes(Along(instruction.Operands[0], deeper)) }),
                Operation.Broadcast => Broadcast(like, instruction.Operands[0], deeper),
                _ => Sliced(like, index, stretch),
            };
        }

        private int Broadcast(Instruction like, int operand, Stretch stretch)
        {
            var shape = Program.Instructions[operand].Shape;
            var axis = stretch.Axis - (like.Shape.Rank - shape.Rank);
            var along = axis < 0 || shape[axis] == 1 ? Names[operand] : Along(operand, stretch with { Axis = axis, Known = [] });
            return New.Add(like with { Operands = new Axes(along) });
        }

        private int Sliced(Instruction like, int index, Stretch stretch)
        {
            var (starts, steps) = (new int[like.Shape.Rank], new int[like.Shape.Rank]);
            starts[stretch.Axis] = stretch.Start;
            Array.Fill(steps, 1);
            return New.Add(like with { Operation = new Operation.Slice(new Axes(starts), new Axes(steps)), Operands = new Axes(Names[index]) });
        }

        /// <summary>How many instructions are left of some when it is computed again from what lies in memory; negative if it takes more, or dear ones.</summary>
        private int IsCheap(int index, int left)
        {
            var instruction = Program.Instructions[index];
            if (instruction.Operation is not (Operation.Elementwise or Operation.Cast))
            {
                return left;
            }

            left = instruction.Operation is Operation.Elementwise { Function: var f } && !f.IsCheap() ? -1 : left - 1;
            foreach (var operand in instruction.Operands.Values)
            {
                left = left < 0 ? left : IsCheap(operand, left);
            }

            return left;
        }
    }
}
