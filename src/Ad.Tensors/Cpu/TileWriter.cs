using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Ad.Tensors.Cpu;

/// <summary>Instructions on vectors of the element type.</summary>
internal sealed class TileWriter(Type element, ILGenerator il)
{
    private static readonly Type Operations =
        VectorCode.Bytes == 64 ? typeof(Vector512) : VectorCode.Bytes == 32 ? typeof(Vector256) : typeof(Vector128);

    private static readonly Type Open =
        VectorCode.Bytes == 64 ? typeof(Vector512<>) : VectorCode.Bytes == 32 ? typeof(Vector256<>) : typeof(Vector128<>);

    private static readonly bool Fuses = Fma.IsSupported || AdvSimd.Arm64.IsSupported;

    public ILGenerator Il => il;

    public int Size { get; } = Marshal.SizeOf(element);

    public Type Vector { get; } = Open.MakeGenericType(element);

    public MethodInfo Create { get; } = Operations.GetMethod("Create", [element])!;

    public MethodInfo Add { get; } = Generic(element, "Add");

    public MethodInfo Store { get; } =
        Operations.GetMethods().First(m => m.Name == "Store" && m.GetParameters()[1].ParameterType.IsPointer).MakeGenericMethod(element);

    public MethodInfo Sum { get; } = Generic(element, "Sum");

    private MethodInfo LoadVector { get; } = Generic(element, "Load");

    private MethodInfo Multiply { get; } = Operations.GetMethods()
        .First(m => m.Name == "Multiply" && m.GetParameters().All(p => p.ParameterType.IsGenericType)).MakeGenericMethod(element);

    private MethodInfo Fused { get; } =
        Operations.GetMethods().First(m => m.Name == "FusedMultiplyAdd" && m.ReturnType == Open.MakeGenericType(element));

    public LocalBuilder[] Vectors(int count) => [.. Enumerable.Range(0, count).Select(_ => il.DeclareLocal(Vector))];

    /// <summary>Vectors of zeros.</summary>
    public LocalBuilder[] Sums(int count)
    {
        var sums = Vectors(count);
        foreach (var sum in sums)
        {
            il.Emit(OpCodes.Call, Vector.GetProperty("Zero")!.GetMethod!);
            il.Emit(OpCodes.Stloc, sum);
        }

        return sums;
    }

    /// <summary>Adds to the pointer on the stack.</summary>
    public void Plus(int bytes)
    {
        if (bytes != 0)
        {
            il.Emit(OpCodes.Ldc_I4, bytes);
            il.Emit(OpCodes.Conv_I);
            il.Emit(OpCodes.Add);
        }
    }

    /// <summary>A vector from so far behind the pointer on the stack.</summary>
    public void Load(int bytes)
    {
        Plus(bytes);
        il.Emit(OpCodes.Call, LoadVector);
    }

    public void MultiplyAdd(LocalBuilder x, LocalBuilder y, LocalBuilder sum)
    {
        il.Emit(OpCodes.Ldloc, x);
        il.Emit(OpCodes.Ldloc, y);
        if (!Fuses)
        {
            il.Emit(OpCodes.Call, Multiply);
        }

        il.Emit(OpCodes.Ldloc, sum);
        il.Emit(OpCodes.Call, Fuses ? Fused : Add);
        il.Emit(OpCodes.Stloc, sum);
    }

    /// <summary>Adds to an argument.</summary>
    public void Advance(int argument, int amount)
    {
        il.Emit(OpCodes.Ldarg, (short)argument);
        Plus(amount);
        il.Emit(OpCodes.Starg, (short)argument);
    }

    /// <summary>Adds one argument to another.</summary>
    public void AdvanceBy(int argument, int amount)
    {
        il.Emit(OpCodes.Ldarg, (short)argument);
        il.Emit(OpCodes.Ldarg, (short)amount);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Starg, (short)argument);
    }

    private static MethodInfo Generic(Type element, string name) => Operations.GetMethods().First(m => m.Name == name && m.IsGenericMethod).MakeGenericMethod(element);
}
