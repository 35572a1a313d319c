namespace Ad.Tensors;

public static partial class Simplify
{
    /// <summary>
    /// What is known to be 0 but for a box of its elements, half of them at most, is computed in that box alone, and the zeros are put around the end of such a chain: what flows back of one
    /// element of a result, say, through the steps of a scheme of differences. Only where every bit stays as it was: 0 times infinity, if not <see cref="Pointwise.Scale"/>d, and -0 are computed.
    /// </summary>
    private sealed class Zeros(Program program) : Trees(program)
    {
        private readonly Core?[] _cores = new Core?[program.Instructions.Length];

        /// <summary>What a value is, in the new program, in a box outside of which it is 0.</summary>
        private readonly record struct Core(int Name, Box Place);

        /// <summary>The program with such boxes, or null if it has none.</summary>
        public static Program? In(Program program)
        {
            foreach (var instruction in program.Instructions)
            {
                if (instruction.Operation is Operation.Pad pad && pad.IsAround() && Box.Whole(program.Instructions[instruction.Operands[0]].Shape).IsFewOf(instruction.Shape))
                {
                    return new Zeros(program).Rewrite();
                }
            }

            return null;
        }

        private Program Rewrite()
        {
            for (var i = 0; i < Names.Length; i++)
            {
                var instruction = Program.Instructions[i];
                Names[i] = -1;
                if (CoreOf(i) is not { } core)
                {
                    Names[i] = New.Add(instruction with { Operands = Map(instruction.Operands, Name) });
                }
                else if (core.Place.IsFewOf(instruction.Shape))
                {
                    _cores[i] = core;
                }
                else
                {
                    Names[i] = Padded(core, instruction);
                }
            }

            return WithoutDead(New.Instructions, [.. Program.Outputs.ToArray().Select(Name)]);
        }

        private static Axes Map(Axes operands, Func<int, int> name) => new([.. operands.Values.ToArray().Select(name)]);

        private int Name(int index) =>
            Names[index] >= 0 ? Names[index] : Names[index] = Padded(_cores[index]!.Value, Program.Instructions[index]);

        private int Padded(Core core, Instruction like) => Within(core, Box.Whole(like.Shape), like.Type);

        private Core? CoreOf(int index)
        {
            var instruction = Program.Instructions[index];
            switch (instruction.Operation)
            {
                case Operation.Pad pad when pad.IsAround():
                    var inside = _cores[instruction.Operands[0]] ?? new Core(Name(instruction.Operands[0]), Box.Whole(Program.Instructions[instruction.Operands[0]].Shape));
                    return inside with { Place = inside.Place.To(pad.Low) };
                case Operation.Slice slice when _cores[instruction.Operands[0]] is { } core && !slice.Steps.Values.ContainsAnyExcept(1):
                    var seen = core.Place.Meet(Box.Whole(instruction.Shape).To(slice.Starts));
                    return new Core(Within(core, seen, instruction.Type), seen.From(slice.Starts));
                case Operation.Permute permute when _cores[instruction.Operands[0]] is { } core:
                    var place = core.Place.Permuted(permute.Axes);
                    return new Core(New.Add(instruction with { Operands = new Axes(core.Name), Shape = place.Sizes }), place);
                case Operation.Elementwise when IsSum(instruction):
                    return Inside[index] ? null : Sum(Tree(index));
                case Operation.Elementwise or Operation.Cast when instruction.Operands.Values.ToArray().Any(o => _cores[o] is not null):
                    return Place(instruction) is { } box
                        ? new Core(New.Add(instruction with { Operands = Map(instruction.Operands, o => Along(o, box)), Shape = box.Sizes }), box)
                        : null;
                default:
                    return null;
            }
        }

        // In one box for all terms: a sum of many parts stays one.
        private Core? Sum(List<int> tree)
        {
            var leaves = Leaves(tree);
            if (!leaves.All(leaf => _cores[leaf] is not null))
            {
                return null;
            }

            var (box, sums) = (leaves.Aggregate(_cores[leaves[0]]!.Value.Place, (place, leaf) => place.Join(_cores[leaf]!.Value.Place)), new Dictionary<int, int>());
            foreach (var node in tree)
            {
                var sum = Program.Instructions[node];
                sums[node] = New.Add(sum with { Operands = Map(sum.Operands, o => Inside[o] ? sums[o] : Along(o, box)), Shape = box.Sizes });
            }

            return new Core(sums[tree[^1]], box);
        }

        /// <summary>The box outside of which an elementwise result is 0: one of the operands' own.</summary>
        private Box? Place(Instruction instruction)
        {
            var operands = instruction.Operands.Values.ToArray();
            var places = operands.Where(o => _cores[o] is not null).Select(o => _cores[o]!.Value.Place).ToArray();
            if (instruction.Operation is Operation.Elementwise { Function: Pointwise.Scale })
            {
                return places.Aggregate((a, b) => a.Meet(b));
            }

            var chosen = instruction.Operation is Operation.Elementwise { Function: Pointwise.Select } ? operands[1..] : operands;
            return chosen.All(o => _cores[o] is not null || Program.Instructions[o].Operation is Operation.Constant) && IsZeroOfZeros(instruction)
                ? places.Where(place => places.All(place.Holds)).Select(place => (Box?)place).FirstOrDefault()
                : null;
        }

        private bool IsZeroOfZeros(Instruction instruction)
        {
            var operands = instruction.Operands.Values.ToArray()
                .Select(o => Program.Instructions[o] is { Operation: Operation.Constant constant } ? constant.Value : Scalar.Of(Program.Instructions[o].Type, 0L)).ToArray();
            return instruction.Operation switch
            {
                Operation.Cast => true,
                Operation.Elementwise { Function: Pointwise.Select } => operands[1..].All(IsZero),
                Operation.Elementwise { Function: var function } => Rewriting.Folded(instruction.Type, function, operands) is { } result && IsZero(result),
                _ => false,
            };
        }

        private static bool IsZero(Scalar value) => value == Scalar.Of(value.Type, 0L) && !(value.Type.IsFloat() && double.IsNegative(value.ToDouble()));

        /// <summary>What a value is in a box of its elements.</summary>
        private int Along(int index, Box box) =>
            _cores[index] is { } core ? Within(core, box, Program.Instructions[index].Type) : New.Sliced(Name(index), Box.Whole(Program.Instructions[index].Shape), box);

        private int Within(Core core, Box box, DType type)
        {
            var seen = core.Place.Meet(box);
            if (seen.IsEmpty)
            {
                return New.Add(new Instruction(new Operation.Constant(Scalar.Of(type, 0L)), default, type, box.Sizes));
            }

            return New.Padded(New.Sliced(core.Name, core.Place, seen), seen, box);
        }
    }
}
