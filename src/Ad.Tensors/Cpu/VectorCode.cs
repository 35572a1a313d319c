using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Writes one elementwise function or cast over vectors in locals. A value of 32-bit elements is one vector, of 64-bit elements two, a
/// truth value a vector of 32-bit numbers, all bits set or none, and one of 16 bits those bits in 32.
/// </summary>
internal sealed class VectorCode(ILGenerator il)
{
    /// <summary>Bytes of a vector, the widest that the machine has.</summary>
    public static int Bytes => Vector512.IsHardwareAccelerated ? 64 : Vector256.IsHardwareAccelerated ? 32 : 16;

    // A fused product that the processor does not have is a call for each element.
    private static bool HasFused => Bytes == 64 || Fma.IsSupported || AdvSimd.IsSupported;

    private static readonly Type Operations = Bytes == 64 ? typeof(Vector512) : Bytes == 32 ? typeof(Vector256) : typeof(Vector128);

    private static readonly Type Open = Bytes == 64 ? typeof(Vector512<>) : Bytes == 32 ? typeof(Vector256<>) : typeof(Vector128<>);

    private static readonly ILookup<string, MethodInfo> Named = Operations.GetMethods().ToLookup(m => m.Name);

    private static readonly ConcurrentDictionary<(string Name, Type First, int Count), MethodInfo> Found = new();

    // A number is put everywhere once: code after it has it.
    private readonly Dictionary<(DType, double), LocalBuilder> _splats = [];

    /// <summary>What reads truth values at an address.</summary>
    public static MethodInfo ReadMask { get; } = typeof(SegmentMasks).GetMethod($"Read{Bytes * 8}")!;

    /// <summary>What reads elements of 16 bits at an address.</summary>
    public static MethodInfo ReadShorts { get; } = typeof(SegmentMasks).GetMethod($"ReadShorts{Bytes * 8}")!;

    /// <summary>What writes elements of 16 bits at an address.</summary>
    public static MethodInfo WriteShorts { get; } = typeof(SegmentMasks).GetMethod($"WriteShorts{Bytes * 8}")!;

    /// <summary>What writes truth values at an address.</summary>
    public static MethodInfo WriteMask { get; } = typeof(SegmentMasks).GetMethod($"Write{Bytes * 8}")!;

    /// <summary>The .NET type of an element in a vector.</summary>
    public static Type Element(DType type) => type switch
    {
        DType.Bool or DType.Int32 or DType.Float16 or DType.BFloat16 => typeof(int),
        DType.Int64 => typeof(long),
        DType.Float32 => typeof(float),
        DType.Float64 => typeof(double),
    };

    /// <summary>The type of a vector.</summary>
    public static Type Vector(DType type) => Open.MakeGenericType(Element(type));

    /// <summary>What puts one number everywhere.</summary>
    public static MethodInfo Splat(DType type) => Method("Create", [Element(type)]);

    /// <summary>Whether the function can be written, with the same bits as the block function has.</summary>
    public static bool Covers(Pointwise function, DType type) => function switch
    {
        Pointwise.Negate or Pointwise.Abs or Pointwise.Sign or Pointwise.Sqrt or Pointwise.Rsqrt => true,
        <= Pointwise.Digamma => Bytes >= 32 && IsFunction(function),
        Pointwise.Divide => type.IsFloat(),
        Pointwise.Remainder or Pointwise.Power or Pointwise.Atan2 or Pointwise.Polygamma => false,
        Pointwise.Erfcx or Pointwise.BesselI or Pointwise.BesselIe or Pointwise.BesselJ => false,
        _ => true,
    };

    /// <summary>Whether the cast can be written.</summary>
    public static bool Covers(DType from, DType to) =>
        from.IsHalf() ? to == DType.Float32
        : to.IsHalf() ? from == DType.Float32
        : (from, to) is not (DType.Int64, DType.Float32);

    /// <summary>Writes a function.</summary>
    public LocalBuilder[] Apply(Pointwise function, DType type, LocalBuilder[][] x) => type switch
    {
        DType.Bool => [Logic(function, [.. x.Select(v => v[0])])],
        _ when function == Pointwise.Select => Select(x[0][0], x[1], x[2], type),
        _ when function.Types() == PointwiseTypes.Test => [Test(function, type, x[0], x[1])],
        _ when !IsFunction(function) => [.. Enumerable.Range(0, x[0].Length).Select(i => Number(function, type, [.. x.Select(v => v[i])]))],
        DType.Float32 => [Call(typeof(SegmentMasks).GetMethod($"Function{Bytes * 8}")!.MakeGenericMethod(VectorFunctions.Find(function)!), x[0][0])],
        _ => Doubles(VectorFunctions.Find(function)!.GetMethod(nameof(IVectorFunction.Of))!, x[0]),
    };

    /// <summary>Writes a cast.</summary>
    public LocalBuilder[] Cast(DType from, DType to, LocalBuilder[] x)
    {
        switch (from, to)
        {
            case (_, _) when from == to:
                return x;
            case (DType.BFloat16, DType.Float32):
                return [As(Shift("ShiftLeft", x[0], 16), typeof(float))];
            case (DType.Float16, DType.Float32):
                return [WidenHalf(x[0])];
            case (DType.Float32, DType.BFloat16):
                return [Shift("ShiftRightLogical", Rounded(As(x[0], typeof(int)), x[0], 16), 16)];
            case (DType.Float32, DType.Float16):
                return [NarrowHalf(x[0])];
            case (DType.Bool, _):
                var (one, zero) = (Splat(to, 1), Splat(to, 0));
                return Select(x[0], [one, one], [zero, zero], to);
            case (_, DType.Bool):
                var none = Splat(from, 0);
                return [Call("OnesComplement", Mask(from, [.. x.Select(v => Call("Equals", v, none))]))];
            case (DType.Int32, DType.Float32):
                return [Call("ConvertToSingle", x[0])];
            case (DType.Int32, DType.Int64):
                return Widen(x[0]);
            case (DType.Int32, DType.Float64):
                return [.. Widen(x[0]).Select(v => Call("ConvertToDouble", v))];
            case (DType.Int64, DType.Int32):
                return [Call("Narrow", x[0], x[1])];
            case (DType.Int64, DType.Float64):
                return [.. x.Select(v => Call("ConvertToDouble", v))];
            case (DType.Float32, DType.Float64):
                return Widen(x[0]);
            case (DType.Float64, DType.Float32):
                return [Call("Narrow", x[0], x[1])];
            case (DType.Float32, DType.Int32):
                return [Call("ConvertToInt32", x[0])];
            case (DType.Float32, DType.Int64):
                return [.. Widen(x[0]).Select(v => Call("ConvertToInt64", v))];
            case (DType.Float64, DType.Int64):
                return [.. x.Select(v => Call("ConvertToInt64", v))];
            case (DType.Float64, DType.Int32):
                var (least, most) = (Splat(from, int.MinValue), Splat(from, int.MaxValue));
                var inside = x.Select(v => Call("ConvertToInt64", Call("Min", Call("Max", v, least), most))).ToArray();
                return [Call("Narrow", inside[0], inside[1])];
            default:
                throw new InvalidOperationException($"A cast from {from.Name()} to {to.Name()} is not written.");
        }
    }

    /// <summary>About how many locals writing a node takes: beyond some hundreds in a method the compiler stops optimising.</summary>
    public static int LocalsOf(Node node) => node switch
    {
        Node.Apply { Function: var f } when IsFunction(f) => 100,
        Node.Apply { Function: Pointwise.Select or Pointwise.Abs or Pointwise.Sign or Pointwise.Rsqrt } or Node.Cast => 8,
        Node.Apply { Function: var f } when f.Types() == PointwiseTypes.Test => 8,
        _ => 4,
    };

    /// <summary>Whether the function is a polynomial of many terms rather than an instruction or two.</summary>
    public static bool IsFunction(Pointwise function) => VectorFunctions.Find(function) is not null;

    private LocalBuilder Number(Pointwise function, DType type, LocalBuilder[] x) => function switch
    {
        Pointwise.Negate => Call("Negate", x),
        Pointwise.Abs when type.IsInteger() => Call("ConditionalSelect", Call("LessThan", x[0], Splat(type, 0)), Call("Negate", x[0]), x[0]),
        Pointwise.Abs => Call("Abs", x),
        Pointwise.Sign => Call(
            "ConditionalSelect",
            Call("LessThan", x[0], Splat(type, 0)),
            Splat(type, -1),
            Call("ConditionalSelect", Call("GreaterThan", x[0], Splat(type, 0)), Splat(type, 1), x[0])),
        Pointwise.Sqrt => Call("Sqrt", x),
        Pointwise.Rsqrt => Call("Divide", Splat(type, 1), Call("Sqrt", x)),
        Pointwise.Floor => Call("Floor", x),
        Pointwise.Ceil => Call("Ceiling", x),
        Pointwise.Round => Call("Round", x),
        Pointwise.Add => Call("Add", x),
        Pointwise.Subtract => Call("Subtract", x),
        Pointwise.Multiply => Call("Multiply", x),
        Pointwise.Divide => Call("Divide", x),
        Pointwise.Maximum => Call("Max", x),
        Pointwise.Minimum => Call("Min", x),
        Pointwise.Scale => Scale(type, x[0], x[1]),
        Pointwise.MultiplyAdd when type.IsInteger() => Call("Add", Call("Multiply", x[0], x[1]), x[2]),
        Pointwise.MultiplyAdd => Call("FusedMultiplyAdd", x),
        _ => throw new InvalidOperationException($"The function {function.Name()} of {type.Name()} is not written."),
    };

    /// <summary>
    /// Writes the product with a number that is neither 0 nor without end, but 0 where the other factor is: adding 0 in the same rounding changes
    /// nothing but the sign of that.
    /// </summary>
    public LocalBuilder[] ScaleBy(DType type, double number, LocalBuilder[] x) => HasFused && number != 1
        ? [.. x.Select(v => Call("FusedMultiplyAdd", v, Splat(type, number), Splat(type, 0)))]
        : [.. x.Select(v => number == 1 ? Call("Add", v, Splat(type, 0)) : Scale(type, v, Splat(type, number)))];

    // The product, but 0 where a factor is. It is so common in derivatives that its parts stay on the stack: the compiler counts locals. Where
    // comparisons have registers of their own it is a product of the elements where neither is 0, else the product's bits without those of the comparisons.
    private LocalBuilder Scale(DType type, LocalBuilder x, LocalBuilder y)
    {
        var zero = Splat(type, 0);
        Type[] pair = [x.LocalType, x.LocalType];
        var multiply = Method("Multiply", pair);
        if (Bytes < 64)
        {
            var equals = Method("Equals", pair);
            Push(multiply, x, y);
            Push(equals, x, zero);
            Push(equals, y, zero);
            il.Emit(OpCodes.Call, Method("BitwiseOr", pair));
            il.Emit(OpCodes.Call, Method("AndNot", pair));
            return Keep(x.LocalType);
        }

        var differs = typeof(Avx512F).GetMethod(nameof(Avx512F.CompareNotEqual), pair)!;
        Push(differs, x, zero);
        Push(differs, y, zero);
        il.Emit(OpCodes.Call, Method("BitwiseAnd", pair));
        Push(multiply, x, y);
        il.Emit(OpCodes.Ldloc, zero);
        il.Emit(OpCodes.Call, Method("ConditionalSelect", [.. pair, x.LocalType]));
        return Keep(x.LocalType);
    }

    private LocalBuilder Logic(Pointwise function, LocalBuilder[] x) => function switch
    {
        Pointwise.Not => Call("OnesComplement", x),
        Pointwise.And or Pointwise.Minimum => Call("BitwiseAnd", x),
        Pointwise.Or or Pointwise.Maximum => Call("BitwiseOr", x),
        Pointwise.Xor or Pointwise.NotEqual => Call("Xor", x),
        Pointwise.Equal => Call("OnesComplement", Call("Xor", x)),
        Pointwise.Less => Call("AndNot", x[1], x[0]),
        Pointwise.LessEqual => Call("BitwiseOr", Call("OnesComplement", x[0]), x[1]),
        Pointwise.Select => Call("ConditionalSelect", x),
        _ => throw new InvalidOperationException($"The function {function.Name()} of bool is not written."),
    };

    private LocalBuilder Test(Pointwise function, DType type, LocalBuilder[] x, LocalBuilder[] y)
    {
        var name = function switch
        {
            Pointwise.Less => "LessThan",
            Pointwise.LessEqual => "LessThanOrEqual",
            _ => "Equals",
        };
        var mask = Mask(type, [.. x.Zip(y, (a, b) => Call(name, a, b))]);
        return function == Pointwise.NotEqual ? Call("OnesComplement", mask) : mask;
    }

    private LocalBuilder[] Select(LocalBuilder truths, LocalBuilder[] yes, LocalBuilder[] no, DType type)
    {
        var masks = type.Size() == 8 ? Widen(truths) : [truths];
        return [.. masks.Select((mask, i) => Call("ConditionalSelect", As(mask, Element(type)), yes[i], no[i]))];
    }

    // Truth values as a comparison gives them, to vectors of 32-bit numbers.
    private LocalBuilder Mask(DType type, LocalBuilder[] truths) =>
        type.Size() == 8
            ? Call("Narrow", As(truths[0], typeof(long)), As(truths[1], typeof(long)))
            : As(truths[0], typeof(int));

    // To nearest, ties to even; a NaN becomes quiet.
    private LocalBuilder Rounded(LocalBuilder bits, LocalBuilder value, int dropped)
    {
        var up = Call("Add", Call("Add", bits, Splat(DType.Int32, (1 << (dropped - 1)) - 1)), Call("BitwiseAnd", Shift("ShiftRightLogical", bits, dropped), Splat(DType.Int32, 1)));
        return Call("ConditionalSelect", As(Call("Equals", value, value), typeof(int)), up, Call("BitwiseOr", bits, Splat(DType.Int32, 1 << 22)));
    }

    // By the rounding of a sum with a number whose last place is the result's (Dukhan 2017); what is too large overflows in the first product.
    private LocalBuilder NarrowHalf(LocalBuilder x)
    {
        var bits = As(x, typeof(int));
        var scaled = Call("Multiply", Call("Multiply", Call("Abs", x), Splat(DType.Float32, Math.ScaleB(1, 112))), Splat(DType.Float32, Math.ScaleB(1, -110)));
        var exponent = Call("Max", Call("BitwiseAnd", bits, Splat(DType.Int32, 0x7f800000)), Splat(DType.Int32, 113 << 23));
        var sum = As(Call("Add", As(Call("Add", exponent, Splat(DType.Int32, 15 << 23)), typeof(float)), scaled), typeof(int));
        var size = Call(
            "Add", Call("BitwiseAnd", Shift("ShiftRightLogical", sum, 13), Splat(DType.Int32, 0x7c00)), Call("BitwiseAnd", sum, Splat(DType.Int32, 0xfff)));
        var narrow = Call("ConditionalSelect", As(Call("Equals", x, x), typeof(int)), size, Splat(DType.Int32, 0x7e00));
        return Call("BitwiseOr", narrow, Call("BitwiseAnd", Shift("ShiftRightLogical", bits, 16), Splat(DType.Int32, 0x8000)));
    }

    private LocalBuilder WidenHalf(LocalBuilder bits)
    {
        var size = Shift("ShiftLeft", Call("BitwiseAnd", bits, Splat(DType.Int32, 0x7fff)), 13);
        var normal = Call("Multiply", As(Call("Add", size, Splat(DType.Int32, 224 << 23)), typeof(float)), Splat(DType.Float32, Math.ScaleB(1, -112)));
        var least = Splat(DType.Int32, 113 << 23);
        var small = Call("Subtract", As(Call("Add", size, least), typeof(float)), As(least, typeof(float)));
        var wide = Call("ConditionalSelect", As(Call("LessThan", size, Splat(DType.Int32, 1 << 23)), typeof(float)), small, normal);
        var sign = As(Shift("ShiftLeft", Call("BitwiseAnd", bits, Splat(DType.Int32, 0x8000)), 16), typeof(float));
        return Call("BitwiseOr", wide, sign);
    }

    private LocalBuilder Shift(string name, LocalBuilder x, int places)
    {
        var method = Method(name, [x.LocalType, typeof(int)]);
        il.Emit(OpCodes.Ldloc, x);
        il.Emit(OpCodes.Ldc_I4, places);
        il.Emit(OpCodes.Call, method);
        var result = il.DeclareLocal(method.ReturnType);
        il.Emit(OpCodes.Stloc, result);
        return result;
    }

    private LocalBuilder[] Widen(LocalBuilder x) => [Call("WidenLower", x), Call("WidenUpper", x)];

    private LocalBuilder[] Doubles(MethodInfo function, LocalBuilder[] x)
    {
        if (Bytes == 64)
        {
            return [.. x.Select(v => Call(function, v))];
        }

        var result = Call(function, Call(Method(typeof(Vector512), "Create", [x[0].LocalType, x[1].LocalType]), x));
        return [Call(Half("GetLower"), result), Call(Half("GetUpper"), result)];
    }

    private static MethodInfo Half(string name) => typeof(Vector512).GetMethod(name)!.MakeGenericMethod(typeof(double));

    private LocalBuilder As(LocalBuilder x, Type element)
    {
        var from = x.LocalType.GetGenericArguments()[0];
        return from == element ? x : Call(Operations.GetMethod("As")!.MakeGenericMethod(from, element), x);
    }

    private LocalBuilder Splat(DType type, double value) =>
        _splats.TryGetValue((type, value), out var made) ? made : _splats[(type, value)] = Made(type, value);

    private LocalBuilder Made(DType type, double value)
    {
        switch (type)
        {
            case DType.Float32:
                il.Emit(OpCodes.Ldc_R4, (float)value);
                break;
            case DType.Float64:
                il.Emit(OpCodes.Ldc_R8, value);
                break;
            case DType.Int64:
                il.Emit(OpCodes.Ldc_I8, (long)value);
                break;
            default:
                il.Emit(OpCodes.Ldc_I4, (int)value);
                break;
        }

        return Call(Splat(type));
    }

    private LocalBuilder Call(string name, params LocalBuilder[] x) => Call(Method(name, [.. x.Select(v => v.LocalType)]), x);

    private LocalBuilder Call(MethodInfo method, params LocalBuilder[] x)
    {
        Push(method, x);
        return Keep(method.ReturnType);
    }

    private void Push(MethodInfo method, params LocalBuilder[] x)
    {
        foreach (var operand in x)
        {
            il.Emit(OpCodes.Ldloc, operand);
        }

        il.Emit(OpCodes.Call, method);
    }

    private LocalBuilder Keep(Type type)
    {
        var result = il.DeclareLocal(type);
        il.Emit(OpCodes.Stloc, result);
        return result;
    }

    private static MethodInfo Method(string name, Type[] parameters) =>
        Found.GetOrAdd((name, parameters[0], parameters.Length), _ => Method(Operations, name, parameters));

    private static MethodInfo Method(Type operations, string name, Type[] parameters)
    {
        var methods = operations == Operations ? Named[name] : operations.GetMethods().Where(m => m.Name == name);
        foreach (var method in methods)
        {
            var found = method;
            if (method.IsGenericMethodDefinition)
            {
                var element = parameters[0].IsGenericType ? parameters[0].GetGenericArguments()[0] : parameters[0];
                if (method.GetGenericArguments().Length != 1)
                {
                    continue;
                }

                found = method.MakeGenericMethod(element);
            }

            if (found.GetParameters().Select(p => p.ParameterType).SequenceEqual(parameters))
            {
                return found;
            }
        }

        throw new MissingMethodException(operations.Name, name);
    }
}
