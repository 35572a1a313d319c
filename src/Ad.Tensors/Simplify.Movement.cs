namespace Ad.Tensors;

public static partial class Simplify
{
    private sealed partial class Rewriting
    {
        /// <summary>A box of what lies in a place.</summary>
        public int Sliced(int index, Box place, Box box)
        {
            var steps = new int[box.Starts.Count];
            Array.Fill(steps, 1);
            return Add(Instructions[index] with { Operation = new Operation.Slice(box.From(place.Starts).Starts, new Axes(steps)), Operands = new Axes(index), Shape = box.Sizes });
        }

        /// <summary>What lies in a place, with zeros around it as far as a box goes.</summary>
        public int Padded(int index, Box place, Box box)
        {
            var low = place.From(box.Starts).Starts;
            var high = new int[low.Count];
            for (var axis = 0; axis < high.Length; axis++)
            {
                high[axis] = box.Sizes[axis] - low[axis] - place.Sizes[axis];
            }

            return Add(Instructions[index] with
            {
                Operation = new Operation.Pad(low, new Axes(high), new Axes(new int[high.Length])), Operands = new Axes(index), Shape = box.Sizes,
            });
        }

        private int Reshape(Instruction instruction)
        {
            var operand = Operand(instruction);
            return operand.Shape.Equals(instruction.Shape) ? instruction.Operands[0]
                : operand.Operation is Operation.Reshape ? Add(instruction with { Operands = operand.Operands })
                : Moved(instruction);
        }

        private int Permute(Instruction instruction, Operation.Permute permute)
        {
            var operand = Operand(instruction);
            if (operand.Operation is Operation.Permute inner)
            {
                var composed = new int[permute.Axes.Count];
                for (var i = 0; i < composed.Length; i++)
                {
                    composed[i] = inner.Axes[permute.Axes[i]];
                }

                return Add(instruction with { Operation = new Operation.Permute(new Axes(composed)), Operands = operand.Operands });
            }

            // Axes of size 1 may go anywhere without moving an element.
            var last = -1;
            foreach (var axis in permute.Axes.Values)
            {
                if (operand.Shape[axis] != 1)
                {
                    if (axis < last)
                    {
                        return Moved(instruction);
                    }

                    last = axis;
                }
            }

            return Add(instruction with { Operation = new Operation.Reshape() });
        }

        private int Broadcast(Instruction instruction)
        {
            var operand = Operand(instruction);
            return operand.Shape.Elements == instruction.Shape.Elements ? Add(instruction with { Operation = new Operation.Reshape() })
                : operand.Operation is Operation.Broadcast ? Add(instruction with { Operands = operand.Operands })
                : Moved(instruction);
        }

        private int Slice(Instruction instruction, Operation.Slice slice)
        {
            var operand = Operand(instruction);
            if (operand.Shape.Equals(instruction.Shape))
            {
                return instruction.Operands[0];
            }

            if (operand.Operation is Operation.Slice inner)
            {
                var starts = new int[instruction.Shape.Rank];
                var steps = new int[instruction.Shape.Rank];
                for (var axis = 0; axis < starts.Length; axis++)
                {
                    starts[axis] = inner.Starts[axis] + (slice.Starts[axis] * inner.Steps[axis]);
                    steps[axis] = inner.Steps[axis] * slice.Steps[axis];
                }

                return Add(instruction with { Operation = new Operation.Slice(new Axes(starts), new Axes(steps)), Operands = operand.Operands });
            }

            return Moved(instruction);
        }

        private int Flip(Instruction instruction, Operation.Flip flip)
        {
            var operand = Operand(instruction);
            var moving = flip.Axes.Values.ToArray().Where(axis => operand.Shape[axis] > 1).Order().ToArray();
            return moving.Length == 0 ? instruction.Operands[0]
                : operand.Operation is Operation.Flip inner && inner.Axes.Equals(new Axes(moving)) ? operand.Operands[0]
                : ConstantOf(instruction) is { } constant ? Constant(constant, instruction.Shape)
                : Keep(instruction with { Operation = new Operation.Flip(new Axes(moving)) });
        }

        private int Pad(Instruction instruction, Operation.Pad pad)
        {
            var operand = Operand(instruction);
            return operand.Shape.Equals(instruction.Shape) && !pad.Low.Values.ContainsAnyExcept(0) ? instruction.Operands[0]
                : ConstantOf(instruction) is { } constant && constant == Scalar.Of(instruction.Type, 0L) ? Constant(constant, instruction.Shape)
                : -1;
        }

        private int Concatenate(Instruction instruction, Operation.Concatenate concatenate)
        {
            var parts = instruction.Operands.Values.ToArray().Where(o => Instructions[o].Shape[concatenate.Axis] > 0).ToArray();
            return parts.Length == 1 && Instructions[parts[0]].Shape.Equals(instruction.Shape) ? parts[0]
                : parts.Length > 0 && Unshaped(instruction.Shape, parts, concatenate.Axis) is { } whole ? Add(instruction with { Operation = new Operation.Reshape(), Operands = new Axes(whole) })
                : parts.Length > 0 && parts.Length < instruction.Operands.Count ? Keep(instruction with { Operands = new Axes(parts) })
                : -1;
        }

        // Parts that lie one after another as they were before they were reshaped, so that there is one such whole, whatever its shape.
        private int? Unshaped(Shape shape, int[] parts, int axis)
        {
            if (shape.Sizes[..axis].ContainsAnyExcept(1) || parts.Any(part => Instructions[part].Operation is not Operation.Reshape))
            {
                return null;
            }

            var before = parts.Select(part => Instructions[part].Operands[0]).ToArray();
            var first = Instructions[before[0]];
            if (first.Shape.Rank == 0 || before.Any(b => Instructions[b].Shape.Rank != first.Shape.Rank || !Instructions[b].Shape.Sizes[1..].SequenceEqual(first.Shape.Sizes[1..])))
            {
                return null;
            }

            var sizes = first.Shape.Sizes.ToArray();
            sizes[0] = before.Sum(b => Instructions[b].Shape[0]);
            return Add(new Instruction(new Operation.Concatenate(0), new Axes(before), first.Type, new Shape(sizes)));
        }

        // Wherever a constant goes, it is the same constant.
        private int Moved(Instruction instruction) =>
            ConstantOf(instruction) is { } constant ? Constant(constant, instruction.Shape) : -1;
    }
}
