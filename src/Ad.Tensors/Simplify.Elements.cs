using Ad.Tensors.Cpu;

namespace Ad.Tensors;

public static partial class Simplify
{
    private sealed partial class Rewriting
    {
        private const int FewElements = 64;

        // The elements of small tensors made from positions and numbers alone, such as a unit matrix, where they are not all the same.
        private readonly Dictionary<int, Scalar[]> _elements = [];

        /// <summary>A constant where all elements turn out the same, as of a row's part of a unit matrix; else the instruction, of which the elements are kept.</summary>
        private int KeepElements(Instruction instruction)
        {
            if (instruction.Shape.Elements is 0 or > FewElements || Elements(instruction) is not { } elements)
            {
                return Keep(instruction);
            }

            if (elements.All(element => element == elements[0]))
            {
                return Constant(elements[0], instruction.Shape);
            }

            var index = Keep(instruction);
            _elements[index] = elements;
            return index;
        }

        private Scalar[]? Elements(Instruction instruction)
        {
            var operands = new Scalar[instruction.Operands.Count][];
            for (var i = 0; i < operands.Length; i++)
            {
                if (ElementsOf(instruction.Operands[i]) is not { } elements)
                {
                    return null;
                }

                operands[i] = elements;
            }

            return instruction.Operation switch
            {
                Operation.Iota iota => [.. Places(Positions(instruction.Shape, iota.Axis)).Select(place => Scalar.Of(instruction.Type, place))],
                Operation.Elementwise elementwise => Mapped(operands, x => Folded(instruction.Type, elementwise.Function, x)),
                Operation.Cast => Mapped(operands, x => Converted(instruction.Type, x[0])),
                Operation.Reshape => operands[0],
                Operation.Permute permute => Seen(operands[0], Whole(instruction).Permute(permute.Axes.Values)),
                Operation.Broadcast => Seen(operands[0], Whole(instruction).Broadcast(instruction.Shape)),
                Operation.Slice slice => Seen(operands[0], Whole(instruction).Slice(slice.Starts, slice.Steps, instruction.Shape)),
                Operation.Flip flip => Seen(operands[0], Whole(instruction).Flip(flip.Axes)),
                _ => null,
            };
        }

        private Scalar[]? ElementsOf(int index) =>
            _elements.TryGetValue(index, out var elements) ? elements
            : Instructions[index] is { Operation: Operation.Constant constant, Shape.Elements: > 0 and <= FewElements and var count }
                ? [.. Enumerable.Repeat(constant.Value, (int)count)]
            : null;

        private Layout Whole(Instruction instruction) => Layout.RowMajor(Operand(instruction).Shape);

        private static Layout Positions(Shape shape, int axis)
        {
            var strides = new long[shape.Rank];
            strides[axis] = 1;
            return new Layout(shape.Sizes.ToArray(), strides, 0);
        }

        private static long[] Places(Layout layout)
        {
            var places = new long[layout.Elements()];
            var reader = new ViewReader(layout);
            reader.Seek(0);
            reader.Places(places);
            return places;
        }

        private static Scalar[] Seen(Scalar[] elements, Layout layout) => [.. Places(layout).Select(place => elements[place])];

        private static Scalar[]? Mapped(Scalar[][] operands, Func<Scalar[], Scalar?> f)
        {
            var results = new Scalar[operands[0].Length];
            for (var i = 0; i < results.Length; i++)
            {
                if (f([.. operands.Select(operand => operand[i])]) is not { } result)
                {
                    return null;
                }

                results[i] = result;
            }

            return results;
        }
    }
}
