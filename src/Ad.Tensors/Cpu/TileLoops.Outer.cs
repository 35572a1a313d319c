using System.Numerics;
using System.Reflection.Emit;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Rows of vectors gain the sum over lines and steps of image[offsets[row] + line + step] times the kernel's next vectors: lines begin at offsets in
/// bytes, each has so many steps.
/// </summary>
internal unsafe delegate void OuterTile(byte* image, nint* offsets, byte* kernel, nint* lines, nint count, nint steps, byte* sums);

internal static partial class TileLoops<T>
    where T : unmanaged, INumber<T>
{
    private static readonly Dictionary<(int Rows, int Columns), OuterTile> Outers = [];

    /// <summary>The most rows that go with so many vectors: sums, a step's vectors, and one more.</summary>
    public static int OuterRows(int vectors) => (Registers - 1 - vectors) / vectors;

    public static OuterTile Outer(int rows, int vectors) => Find(Outers, rows, vectors, WriteOuter<OuterTile>);

    private static D WriteOuter<D>(int rows, int vectors)
        where D : Delegate
    {
        var method = Method(
            "Outer", [typeof(byte*), typeof(nint*), typeof(byte*), typeof(nint*), typeof(nint), typeof(nint), typeof(byte*)]);
        var code = new TileWriter(typeof(T), method.GetILGenerator());
        var il = code.Il;
        var sums = code.Vectors(rows * vectors);
        for (var i = 0; i < sums.Length; i++)
        {
            il.Emit(OpCodes.Ldarg, (short)6);
            code.Load(i * VectorCode.Bytes);
            il.Emit(OpCodes.Stloc, sums[i]);
        }

        var offsets = new LocalBuilder[rows];
        for (var row = 0; row < rows; row++)
        {
            offsets[row] = il.DeclareLocal(typeof(nint));
            il.Emit(OpCodes.Ldarg_1);
            code.Plus(row * sizeof(long));
            il.Emit(OpCodes.Ldind_I);
            il.Emit(OpCodes.Stloc, offsets[row]);
        }

        var right = code.Vectors(vectors);
        var (left, at, steps) = (il.DeclareLocal(code.Vector), il.DeclareLocal(typeof(byte*)), il.DeclareLocal(typeof(nint)));
        var (line, step, next, done) = (il.DefineLabel(), il.DefineLabel(), il.DefineLabel(), il.DefineLabel());
        il.MarkLabel(line);
        il.Emit(OpCodes.Ldarg, (short)4);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ble, done);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_3);
        il.Emit(OpCodes.Ldind_I);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, at);
        il.Emit(OpCodes.Ldarg, (short)5);
        il.Emit(OpCodes.Stloc, steps);
        il.MarkLabel(step);
        il.Emit(OpCodes.Ldloc, steps);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ble, next);
        for (var i = 0; i < vectors; i++)
        {
            il.Emit(OpCodes.Ldarg_2);
            code.Load(i * VectorCode.Bytes);
            il.Emit(OpCodes.Stloc, right[i]);
        }

        for (var row = 0; row < rows; row++)
        {
            il.Emit(OpCodes.Ldloc, at);
            il.Emit(OpCodes.Ldloc, offsets[row]);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Ldobj, typeof(T));
            il.Emit(OpCodes.Call, code.Create);
            il.Emit(OpCodes.Stloc, left);
            for (var i = 0; i < vectors; i++)
            {
                code.MultiplyAdd(left, right[i], sums[(row * vectors) + i]);
            }
        }

        il.Emit(OpCodes.Ldloc, at);
        code.Plus(code.Size);
        il.Emit(OpCodes.Stloc, at);
        code.Advance(2, vectors * VectorCode.Bytes);
        il.Emit(OpCodes.Ldloc, steps);
        code.Plus(-1);
        il.Emit(OpCodes.Stloc, steps);
        il.Emit(OpCodes.Br, step);
        il.MarkLabel(next);
        code.Advance(3, sizeof(long));
        code.Advance(4, -1);
        il.Emit(OpCodes.Br, line);
        il.MarkLabel(done);
        for (var i = 0; i < sums.Length; i++)
        {
            il.Emit(OpCodes.Ldloc, sums[i]);
            il.Emit(OpCodes.Ldarg, (short)6);
            code.Plus(i * VectorCode.Bytes);
            il.Emit(OpCodes.Call, code.Store);
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<D>();
    }
}
