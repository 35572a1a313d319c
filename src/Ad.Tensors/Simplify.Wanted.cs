namespace Ad.Tensors;

public static partial class Simplify
{
    /// <summary>
    /// What is computed element by element, and of which only a box is wanted, half of the elements at most, is computed in that box alone, and so is what it is computed from: of a scheme of
    /// differences only what one element of the result depends on.
    /// </summary>
    private sealed class Wanted(Program program)
    {
        private readonly Rewriting _new = new();
        private readonly int[] _names = new int[program.Instructions.Length];

        // Null where nobody wants anything.
        private readonly Box?[] _boxes = new Box?[program.Instructions.Length];

        /// <summary>The program with such boxes, or null if it has none.</summary>
        public static Program? In(Program program)
        {
            foreach (var instruction in program.Instructions)
            {
                if (instruction.Operation is Operation.Slice slice)
                {
                    var operand = program.Instructions[instruction.Operands[0]];
                    if (IsByElement(operand.Operation) && Span(slice, Box.Whole(instruction.Shape)).IsFewOf(operand.Shape))
                    {
                        return new Wanted(program).Rewrite();
                    }
                }
            }

            return null;
        }

        // Whether it can be done for a box of its elements.
        private static bool IsByElement(Operation operation) =>
            operation is Operation.Constant or Operation.Elementwise or Operation.Cast or Operation.Permute or Operation.Broadcast or Operation.Concatenate or Operation.Slice
            || (operation is Operation.Pad pad && pad.IsAround());

        // Without elements there is nothing to compute them from.
        private static bool IsNothing(Instruction instruction, Box box) => box.IsEmpty && IsByElement(instruction.Operation);

        private Program? Rewrite()
        {
            Find();
            var isLess = false;
            for (var i = 0; i < _names.Length; i++)
            {
                if (_boxes[i] is { } box)
                {
                    isLess |= !box.Sizes.Equals(program.Instructions[i].Shape);
                    _names[i] = Add(program.Instructions[i], box);
                }
            }

            return isLess ? WithoutDead(_new.Instructions, [.. program.Outputs.ToArray().Select(o => _names[o])]) : null;
        }

        private void Find()
        {
            foreach (var output in program.Outputs)
            {
                _boxes[output] = Box.Whole(program.Instructions[output].Shape);
            }

            for (var i = _boxes.Length - 1; i >= 0; i--)
            {
                var instruction = program.Instructions[i];
                if (_boxes[i] is not { } box)
                {
                    continue;
                }

                if (!IsByElement(instruction.Operation) || !box.IsFewOf(instruction.Shape))
                {
                    _boxes[i] = box = Box.Whole(instruction.Shape);
                }

                if (IsNothing(instruction, box))
                {
                    continue;
                }

                for (var operand = 0; operand < instruction.Operands.Count; operand++)
                {
                    if (Of(instruction, operand, box) is { } wanted)
                    {
                        ref var whole = ref _boxes[instruction.Operands[operand]];
                        whole = whole is { } others ? others.Join(wanted) : wanted;
                    }
                }
            }
        }

        /// <summary>What a box of a result takes of an operand; null if nothing.</summary>
        private Box? Of(Instruction instruction, int operand, Box box)
        {
            var shape = program.Instructions[instruction.Operands[operand]].Shape;
            return instruction.Operation switch
            {
                Operation.Elementwise or Operation.Cast => box,
                Operation.Slice slice => Span(slice, box),
                Operation.Pad pad when pad.IsAround() => Part(box.From(pad.Low), shape),
                Operation.Concatenate concatenate => Part(box.From(Start(instruction, concatenate.Axis, operand)), shape),
                Operation.Permute permute => box.Permuted(Inverse(permute.Axes)),
                Operation.Broadcast => Repeated(shape, box),
                _ => Box.Whole(shape),
            };
        }

        private int Add(Instruction instruction, Box box)
        {
            var like = instruction with { Shape = box.Sizes };
            switch (instruction.Operation)
            {
                case var _ when IsNothing(instruction, box):
                    return Zero(like);
                case Operation.Slice slice:
                    var starts = Span(slice, box).From(_boxes[instruction.Operands[0]]!.Value.Starts).Starts;
                    return _new.Add(like with { Operation = slice with { Starts = starts }, Operands = new Axes(_names[instruction.Operands[0]]) });
                case Operation.Pad pad when pad.IsAround():
                    return Of(instruction, 0, box) is { } inside
                        ? _new.Padded(Along(instruction.Operands[0], inside), inside.To(pad.Low), box)
                        : Zero(like);
                default:
                    var operands = new List<int>();
                    for (var operand = 0; operand < instruction.Operands.Count; operand++)
                    {
                        if (Of(instruction, operand, box) is { } part)
                        {
                            operands.Add(Along(instruction.Operands[operand], part));
                        }
                    }

                    return _new.Add(like with { Operands = new Axes([.. operands]) });
            }
        }

        private int Zero(Instruction like) => _new.Add(like with { Operation = new Operation.Constant(Scalar.Of(like.Type, 0L)), Operands = default });

        private int Along(int index, Box box) => _new.Sliced(_names[index], _boxes[index]!.Value, box);

        private static Box Span(Operation.Slice slice, Box box)
        {
            var (starts, sizes) = (box.Starts.ToArray(), box.Sizes.Sizes.ToArray());
            for (var axis = 0; axis < starts.Length; axis++)
            {
                starts[axis] = slice.Starts[axis] + (slice.Steps[axis] * starts[axis]);
                sizes[axis] = sizes[axis] > 0 ? ((sizes[axis] - 1) * slice.Steps[axis]) + 1 : 0;
            }

            return new Box(new Axes(starts), new Shape(sizes));
        }

        // An operand without elements has no part in what there is.
        private static Box? Part(Box box, Shape shape) => box.Meet(Box.Whole(shape)) is { IsEmpty: false } part ? part : null;

        private Axes Start(Instruction instruction, int axis, int operand)
        {
            var places = new int[instruction.Shape.Rank];
            for (var before = 0; before < operand; before++)
            {
                places[axis] += program.Instructions[instruction.Operands[before]].Shape[axis];
            }

            return new Axes(places);
        }

        private static Axes Inverse(Axes axes)
        {
            var inverse = new int[axes.Count];
            for (var i = 0; i < inverse.Length; i++)
            {
                inverse[axes[i]] = i;
            }

            return new Axes(inverse);
        }

        // Along an axis that is repeated, all that there is: one element.
        private static Box Repeated(Shape shape, Box box)
        {
            var (starts, sizes) = (new int[shape.Rank], shape.Sizes.ToArray());
            for (var axis = 0; axis < sizes.Length; axis++)
            {
                if (sizes[axis] != 1)
                {
                    (starts[axis], sizes[axis]) = (box.Starts[box.Starts.Count - sizes.Length + axis], box.Sizes[box.Sizes.Rank - sizes.Length + axis]);
                }
            }

            return new Box(new Axes(starts), new Shape(sizes));
        }
    }
}
