using Ad.Tensors.Cpu;

namespace Ad.Tensors;

public static partial class Simplify
{
    private sealed partial class Rewriting
    {
        private const int FewSteps = 4;

        private int Elementwise(Instruction instruction, Pointwise function)
        {
            var constants = new Scalar?[instruction.Operands.Count];
            for (var i = 0; i < constants.Length; i++)
            {
                constants[i] = ConstantOf(instruction, i);
            }

            if (constants.All(c => c is not null))
            {
                return Folded(instruction.Type, function, [.. constants.Select(c => c!.Value)]) is { } folded ? Constant(folded, instruction.Shape) : -1;
            }

            var (x, y) = (instruction.Operands[0], constants.Length > 1 ? instruction.Operands[1] : -1);
            return function switch
            {
                Pointwise.Negate or Pointwise.Not => Twice(instruction, function),
                Pointwise.Add when IsNothing(constants[1]) => x,
                Pointwise.Add when IsNothing(constants[0]) => y,
                Pointwise.Add when Is(constants[1], 0) && IsNeverNegativeZero(x, FewSteps) => x,
                Pointwise.Add when Is(constants[0], 0) && IsNeverNegativeZero(y, FewSteps) => y,
                Pointwise.Subtract when Is(constants[1], 0, negative: false) => x,
                Pointwise.Multiply or Pointwise.Divide when Is(constants[1], 1) => x,
                Pointwise.Multiply when Is(constants[0], 1) => y,
                Pointwise.Maximum or Pointwise.Minimum or Pointwise.And or Pointwise.Or when x == y => x,
                Pointwise.And when Is(constants[1], 1) => x,
                Pointwise.And when Is(constants[0], 1) => y,
                Pointwise.Or or Pointwise.Xor when Is(constants[1], 0) => x,
                Pointwise.Or or Pointwise.Xor when Is(constants[0], 0) => y,
                Pointwise.Select when instruction.Operands[1] == instruction.Operands[2] => y,
                Pointwise.Select when constants[0] is { } condition => condition.ToInt64() != 0 ? y : instruction.Operands[2],
                Pointwise.Scale when Is(constants[0], 0) || Is(constants[1], 0) => Constant(Scalar.Of(instruction.Type, 0.0), instruction.Shape),
                Pointwise.Scale when Is(constants[1], 1) && IsNeverNegativeZero(x, FewSteps) => x,
                Pointwise.Scale when Is(constants[0], 1) && IsNeverNegativeZero(y, FewSteps) => y,
                Pointwise.Scale when Unscaled(x) != x || Unscaled(y) != y => Apply(instruction, Pointwise.Scale, Unscaled(x), Unscaled(y)),
                Pointwise.Power when constants[1] is { } exponent => Power(instruction, x, exponent.ToDouble()),
                _ => -1,
            };
        }

        // 1 scaled by a value is that value but where it is -0, which scales like 0.
        private int Unscaled(int index)
        {
            while (Instructions[index] is { Operation: Operation.Elementwise { Function: Pointwise.Scale } } instruction)
            {
                var next = Is(ConstantOf(instruction, 0), 1) ? instruction.Operands[1] : Is(ConstantOf(instruction, 1), 1) ? instruction.Operands[0] : index;
                if (next == index)
                {
                    break;
                }

                index = next;
            }

            return index;
        }

        // Whether 0 may be added to a value without a trace, looking so many instructions back.
        private bool IsNeverNegativeZero(int index, int steps)
        {
            var instruction = Instructions[index];
            var operands = instruction.Operands;
            return steps > 0 && instruction.Operation switch
            {
                Operation.Constant constant => !Is(constant.Value, 0, negative: true),
                Operation.Elementwise { Function: Pointwise.Exp or Pointwise.Abs } => true,
                Operation.Elementwise { Function: Pointwise.Multiply } => operands[0] == operands[1],
                Operation.Elementwise { Function: Pointwise.Add } => operands.Values.ToArray().Any(o => IsNeverNegativeZero(o, steps - 1)),
                Operation.Reshape or Operation.Permute or Operation.Broadcast or Operation.Slice or Operation.Flip or Operation.Pad or Operation.Concatenate =>
                    operands.Values.ToArray().All(o => IsNeverNegativeZero(o, steps - 1)),
                _ => false,
            };
        }

        private int Power(Instruction instruction, int x, double exponent) => exponent switch
        {
            0 => Constant(Scalar.Of(instruction.Type, 1.0), instruction.Shape),
            1 => x,
            2 => Apply(instruction, Pointwise.Multiply, x, x),
            -1 => Apply(instruction, Pointwise.Divide, Constant(Scalar.Of(instruction.Type, 1.0), instruction.Shape), x),
            _ => -1,
        };

        private int Apply(Instruction like, Pointwise function, int x, int y) =>
            Add(like with { Operation = new Operation.Elementwise(function), Operands = new Axes(x, y) });

        private int Twice(Instruction instruction, Pointwise function) =>
            Operand(instruction) is { Operation: Operation.Elementwise inner } operand && inner.Function == function ? operand.Operands[0] : -1;

        private int Cast(Instruction instruction)
        {
            if (Operand(instruction).Type == instruction.Type)
            {
                return instruction.Operands[0];
            }

            if (Operand(instruction) is { Operation: Operation.Cast } inner
                && Operand(inner).Type == instruction.Type && IsExact(instruction.Type, inner.Type))
            {
                return inner.Operands[0];
            }

            if (ConstantOf(instruction) is not { } constant)
            {
                return -1;
            }

            return Constant(Converted(instruction.Type, constant), instruction.Shape);
        }

        private static Scalar Converted(DType type, Scalar value)
        {
            var result = new byte[type.Size()];
            Casts.Of(value.Type, type)(Bytes(value), default, default, result);
            return ScalarOf(type, result);
        }

        // Whether all of a float type's values are values of a wider one.
        private static bool IsExact(DType from, DType to) =>
            (from.IsHalf() && to is DType.Float32 or DType.Float64) || (from == DType.Float32 && to == DType.Float64);

        private int Reduce(Instruction instruction, Operation.Reduce reduce)
        {
            var operand = Operand(instruction);
            var terms = operand.Shape.Elements / Math.Max(1, instruction.Shape.Elements);
            if (terms == 1 && (reduce.Kind is Reduction.Max or Reduction.Min || (reduce.Kind == Reduction.Sum && instruction.Type.IsInteger())))
            {
                return Add(instruction with { Operation = new Operation.Reshape() });
            }

            if (terms == 1 && reduce.Kind == Reduction.Sum && instruction.Shape.Elements > 0)
            {
                // A sum starts from 0, which shows where its only term is -0.
                var zero = Constant(Scalar.Of(instruction.Type, 0.0), operand.Shape);
                return Add(instruction with
                {
                    Operation = new Operation.Reshape(),
                    Operands = new Axes(Apply(instruction with { Shape = operand.Shape }, Pointwise.Add, instruction.Operands[0], zero)),
                });
            }

            if (ConstantOf(instruction) is not { } constant || terms == 0)
            {
                return -1;
            }

            return reduce.Kind switch
            {
                Reduction.Max or Reduction.Min => Constant(constant, instruction.Shape),
                Reduction.ArgMax or Reduction.ArgMin => Constant(Scalar.Of(DType.Int32, 0L), instruction.Shape),
                Reduction.Sum when constant.Type.IsFloat() => SumOfFloats(instruction, constant.ToDouble(), terms),
                Reduction.Sum => -1,
            };
        }

        // Whole numbers add up without rounding as long as the sum is below 2^53.
        private int SumOfFloats(Instruction instruction, double value, long terms) =>
            Math.Floor(value) == value && Math.Abs(value) * terms <= 1L << 53 && value != 0
                ? Constant(Scalar.Of(instruction.Type, value * terms), instruction.Shape)
                : -1;

        // An integer divided by zero is left to fail when the program runs.
        public static Scalar? Folded(DType type, Pointwise function, Scalar[] operands)
        {
            try
            {
                var result = new byte[type.Size()];
                BlockFunctions.Of(function, operands[^1].Type)(
                    Bytes(operands[0]), operands.Length > 1 ? Bytes(operands[1]) : default, operands.Length > 2 ? Bytes(operands[2]) : default, result);
                return ScalarOf(type, result);
            }
            catch (DivideByZeroException)
            {
                return null;
            }
        }

        private static byte[] Bytes(Scalar value) => value.Type switch
        {
            DType.Bool => [(byte)value.ToInt64()],
            DType.Int32 => BitConverter.GetBytes((int)value.ToInt64()),
            DType.Int64 => BitConverter.GetBytes(value.ToInt64()),
            DType.Float16 or DType.BFloat16 => BitConverter.GetBytes(Halves.Of(value.Type, value.ToDouble())),
            DType.Float32 => BitConverter.GetBytes((float)value.ToDouble()),
            DType.Float64 => BitConverter.GetBytes(value.ToDouble()),
        };

        private static Scalar ScalarOf(DType type, byte[] bytes) => type switch
        {
            DType.Bool => Scalar.Of(type, (long)bytes[0]),
            DType.Int32 => Scalar.Of(type, (long)BitConverter.ToInt32(bytes)),
            DType.Int64 => Scalar.Of(type, BitConverter.ToInt64(bytes)),
            DType.Float16 or DType.BFloat16 => Scalar.Of(type, (double)Halves.ToSingle(type, BitConverter.ToUInt16(bytes))),
            DType.Float32 => Scalar.Of(type, (double)BitConverter.ToSingle(bytes)),
            DType.Float64 => Scalar.Of(type, BitConverter.ToDouble(bytes)),
        };

        private static bool Is(Scalar? constant, double value) => constant is { } c && c.ToDouble() == value;

        private static bool Is(Scalar? constant, double value, bool negative) =>
            Is(constant, value) && (!constant!.Value.Type.IsFloat() || double.IsNegative(constant.Value.ToDouble()) == negative);

        // What may be added without a trace: -0, or an integer's 0.
        private static bool IsNothing(Scalar? constant) => Is(constant, 0, negative: true);
    }
}
