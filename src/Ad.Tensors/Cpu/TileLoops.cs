using System.Numerics;
using System.Reflection.Emit;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A tile of rows by vectors gains the sum over k of a[k, row] b[offsets[k] + column]: a holds a column of rows after another, offsets are in
/// bytes, the result's rows are <paramref name="row"/> bytes apart, and are added to or overwritten.
/// </summary>
internal unsafe delegate void SpreadTile(byte* a, byte* b, nint* offsets, nint depth, byte* c, nint row, bool add);

/// <summary>
/// Sums of products of rows and columns that lie one after another in memory: c[row, column] = sum of a[row] b[column] over so many segments
/// of so many vectors, the segments of each side so many bytes apart, columns at offsets in bytes.
/// </summary>
internal unsafe delegate void DotTile(byte* a, nint row, byte* b, nint* offsets, nint segments, nint vectors, nint segmentA, nint segmentB, byte* c);

/// <summary>
/// The innermost loops of convolutions, written for each number of rows and columns, so that whatever the numbers of channels are, all the
/// sums stay in registers and no lane of them is idle.
/// </summary>
internal static partial class TileLoops<T>
    where T : unmanaged, INumber<T>
{
    private const int MostColumns = 8;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<(int Rows, int Columns), SpreadTile> Spreads = [];
    private static readonly Dictionary<(int Rows, int Columns), DotTile> Dots = [];

    // Registers of a vector set: sums, a column's vectors, and one more.
    private static int Registers => VectorCode.Bytes == 64 ? 32 : 16;

    /// <summary>Elements of a vector.</summary>
    public static unsafe int Lanes => VectorCode.Bytes / sizeof(T);

    /// <summary>How many columns of vectors go with so many rows.</summary>
    public static int Columns(int rows) => Math.Min(MostColumns, (Registers - 1) / (rows + 1));

    /// <summary>The most rows of a block that is read again and again: they and a column stay in the nearest cache.</summary>
    public static int FewRows => 4;

    /// <summary>The most rows of a block.</summary>
    public static int ManyRows => Registers == 32 ? 12 : 6;

    /// <summary>Rows cut into blocks, none of more than some, that need the fewest loads.</summary>
    public static int[] Blocks(int rows, int largest)
    {
        var best = Array.Empty<int>();
        var least = double.PositiveInfinity;
        for (var most = 1; most <= Math.Min(rows, largest); most++)
        {
            var count = (rows + most - 1) / most;
            var blocks = new int[count];
            var cost = 0.0;
            for (var i = 0; i < count; i++)
            {
                blocks[i] = (rows * (i + 1) / count) - (rows * i / count);
                cost += blocks[i] + (0.3 * (blocks[i] + (2.0 * Columns(blocks[i]))) / Columns(blocks[i]));
            }

            (best, least) = cost < least ? (blocks, cost) : (best, least);
        }

        return best;
    }

    public static SpreadTile Spread(int rows, int columns) => Find(Spreads, rows, columns, WriteSpread<SpreadTile>);

    public static DotTile Dot(int rows, int columns) => Find(Dots, rows, columns, WriteDot<DotTile>);

    private static D Find<D>(Dictionary<(int Rows, int Columns), D> known, int rows, int columns, Func<int, int, D> write)
    {
        lock (Gate)
        {
            if (!known.TryGetValue((rows, columns), out var tile))
            {
                known[(rows, columns)] = tile = write(rows, columns);
            }

            return tile;
        }
    }

    private static D WriteSpread<D>(int rows, int columns)
        where D : Delegate
    {
        var method = Method("Spread", [typeof(byte*), typeof(byte*), typeof(nint*), typeof(nint), typeof(byte*), typeof(nint), typeof(bool)]);
        var code = new TileWriter(typeof(T), method.GetILGenerator());
        var il = code.Il;
        var sums = code.Sums(rows * columns);
        var right = code.Vectors(columns);
        var left = il.DeclareLocal(code.Vector);
        var pointer = il.DeclareLocal(typeof(byte*));
        var (top, done) = (il.DefineLabel(), il.DefineLabel());
        il.MarkLabel(top);
        il.Emit(OpCodes.Ldarg_3);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ble, done);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Ldind_I);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, pointer);
        for (var column = 0; column < columns; column++)
        {
            il.Emit(OpCodes.Ldloc, pointer);
            code.Load(column * VectorCode.Bytes);
            il.Emit(OpCodes.Stloc, right[column]);
        }

        for (var row = 0; row < rows; row++)
        {
            il.Emit(OpCodes.Ldarg_0);
            code.Plus(row * code.Size);
            il.Emit(OpCodes.Ldobj, typeof(T));
            il.Emit(OpCodes.Call, code.Create);
            il.Emit(OpCodes.Stloc, left);
            for (var column = 0; column < columns; column++)
            {
                code.MultiplyAdd(left, right[column], sums[(row * columns) + column]);
            }
        }

        code.Advance(0, rows * code.Size);
        code.Advance(2, sizeof(long));
        code.Advance(3, -1);
        il.Emit(OpCodes.Br, top);
        il.MarkLabel(done);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var sum = sums[(row * columns) + column];
                var overwrite = il.DefineLabel();
                il.Emit(OpCodes.Ldarg, (short)6);
                il.Emit(OpCodes.Brfalse, overwrite);
                il.Emit(OpCodes.Ldloc, sum);
                il.Emit(OpCodes.Ldarg, (short)4);
                code.Load(column * VectorCode.Bytes);
                il.Emit(OpCodes.Call, code.Add);
                il.Emit(OpCodes.Stloc, sum);
                il.MarkLabel(overwrite);
                il.Emit(OpCodes.Ldloc, sum);
                il.Emit(OpCodes.Ldarg, (short)4);
                code.Plus(column * VectorCode.Bytes);
                il.Emit(OpCodes.Call, code.Store);
            }

            il.Emit(OpCodes.Ldarg, (short)4);
            il.Emit(OpCodes.Ldarg, (short)5);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Starg, (short)4);
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<D>();
    }

    private static D WriteDot<D>(int rows, int columns)
        where D : Delegate
    {
        var method = Method(
            "Dot",
            [typeof(byte*), typeof(nint), typeof(byte*), typeof(nint*), typeof(nint), typeof(nint), typeof(nint), typeof(nint), typeof(byte*)]);
        var code = new TileWriter(typeof(T), method.GetILGenerator());
        var il = code.Il;
        var sums = code.Sums(rows * columns);
        var right = code.Vectors(columns);
        var (at, left, from, to) = (il.DeclareLocal(typeof(nint)), il.DeclareLocal(code.Vector), il.DeclareLocal(typeof(byte*)), il.DeclareLocal(typeof(byte*)));
        var places = new LocalBuilder[columns];
        for (var column = 0; column < columns; column++)
        {
            places[column] = il.DeclareLocal(typeof(nint));
            il.Emit(OpCodes.Ldarg_3);
            code.Plus(column * sizeof(long));
            il.Emit(OpCodes.Ldind_I);
            il.Emit(OpCodes.Stloc, places[column]);
        }

        var lines = new LocalBuilder[rows];
        for (var row = 1; row < rows; row++)
        {
            lines[row] = il.DeclareLocal(typeof(nint));
            il.Emit(OpCodes.Ldarg_1);
            il.Emit(OpCodes.Ldc_I4, row);
            il.Emit(OpCodes.Conv_I);
            il.Emit(OpCodes.Mul);
            il.Emit(OpCodes.Stloc, lines[row]);
        }

        var (segment, step, next, done) = (il.DefineLabel(), il.DefineLabel(), il.DefineLabel(), il.DefineLabel());
        il.MarkLabel(segment);
        il.Emit(OpCodes.Ldarg, (short)4);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ble, done);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Stloc, from);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Stloc, to);
        il.Emit(OpCodes.Ldarg, (short)5);
        il.Emit(OpCodes.Stloc, at);
        il.MarkLabel(step);
        il.Emit(OpCodes.Ldloc, at);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ble, next);
        for (var column = 0; column < columns; column++)
        {
            il.Emit(OpCodes.Ldloc, to);
            il.Emit(OpCodes.Ldloc, places[column]);
            il.Emit(OpCodes.Add);
            code.Load(0);
            il.Emit(OpCodes.Stloc, right[column]);
        }

        for (var row = 0; row < rows; row++)
        {
            il.Emit(OpCodes.Ldloc, from);
            if (row > 0)
            {
                il.Emit(OpCodes.Ldloc, lines[row]);
                il.Emit(OpCodes.Add);
            }

            code.Load(0);
            il.Emit(OpCodes.Stloc, left);
            for (var column = 0; column < columns; column++)
            {
                code.MultiplyAdd(left, right[column], sums[(row * columns) + column]);
            }
        }

        foreach (var pointer in new[] { from, to })
        {
            il.Emit(OpCodes.Ldloc, pointer);
            code.Plus(VectorCode.Bytes);
            il.Emit(OpCodes.Stloc, pointer);
        }

        il.Emit(OpCodes.Ldloc, at);
        code.Plus(-1);
        il.Emit(OpCodes.Stloc, at);
        il.Emit(OpCodes.Br, step);
        il.MarkLabel(next);
        code.AdvanceBy(0, 6);
        code.AdvanceBy(2, 7);
        code.Advance(4, -1);
        il.Emit(OpCodes.Br, segment);
        il.MarkLabel(done);
        for (var i = 0; i < sums.Length; i++)
        {
            il.Emit(OpCodes.Ldarg, (short)8);
            code.Plus(i * code.Size);
            il.Emit(OpCodes.Ldloc, sums[i]);
            il.Emit(OpCodes.Call, code.Sum);
            il.Emit(OpCodes.Stobj, typeof(T));
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<D>();
    }

    private static DynamicMethod Method(string name, Type[] parameters) =>
        new(name, typeof(void), parameters, typeof(TileLoops<T>).Module, skipVisibility: true);
}
