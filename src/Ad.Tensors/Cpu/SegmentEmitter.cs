using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection.Emit;
using System.Text;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Writes the loop of a segment as IL over the widest vectors the machine has, row by row. A step has as many elements as a vector has 32-bit numbers:
/// those of 64 bits take two vectors. Every element goes through the same instructions wherever it lies, and they are those of the block
/// functions, so that the bits are the same.
/// </summary>
internal sealed class SegmentEmitter
{
    // Far above what any one program's life needs; beyond it the cache starts anew rather than grow without end.
    private const int CachedLoops = 4096;

    private static readonly ConcurrentDictionary<string, SegmentLoop> Loops = new();

    private readonly GroupProgram _program;
    private readonly ILGenerator _il;
    private readonly Dictionary<int, LocalBuilder> _pointers = [];
    private readonly NodeCode _code;
    private readonly LocalBuilder _index;

    private SegmentEmitter(GroupProgram program, ILGenerator il)
    {
        (_program, _il, _index) = (program, il, il.DeclareLocal(typeof(nint)));
        _code = new NodeCode(il, program.Nodes, node => il.Emit(OpCodes.Ldloc, _pointers[node]), Address);
    }

    /// <summary>Elements a loop computes at once.</summary>
    public static int Step => VectorCode.Bytes / sizeof(float);

    /// <summary>The loop that computes some nodes from memory and earlier nodes, and writes some of them.</summary>
    public static SegmentLoop Loop(GroupProgram program, int[] nodes, int[] reads, int[] constants, int[] writes)
    {
        var key = Key(program, nodes, reads, constants, writes);
        if (Loops.TryGetValue(key, out var known))
        {
            return known;
        }

        if (Loops.Count >= CachedLoops)
        {
            Loops.Clear();
        }

        return Loops.GetOrAdd(key, _ => Emit(program, nodes, reads, constants, writes));
    }

    // Everything the code depends on, and no sizes.
    private static string Key(GroupProgram program, int[] nodes, int[] reads, int[] constants, int[] writes)
    {
        var text = new StringBuilder();
        foreach (var node in nodes)
        {
            var kind = program.Nodes[node];
            text.Append(CultureInfo.InvariantCulture, $"{node} {(kind is Node.Apply apply ? (int)apply.Function : -1)} {(int)kind.Type}");
            foreach (var operand in kind.Operands.Values)
            {
                text.Append(CultureInfo.InvariantCulture, $" {operand} {(int)program.Nodes[operand].Type}");
                if (program.Nodes[operand] is Node.Splat { Value: var value })
                {
                    text.Append(CultureInfo.InvariantCulture, $"={(value.Type.IsFloat() ? BitConverter.DoubleToInt64Bits(value.ToDouble()) : value.ToInt64())}");
                }
            }

            text.Append(';');
        }

        return text.Append('r').AppendJoin(',', reads).Append('c').AppendJoin(',', constants).Append('w').AppendJoin(',', writes).ToString();
    }

    private static SegmentLoop Emit(GroupProgram program, int[] nodes, int[] reads, int[] constants, int[] writes)
    {
        var method = new DynamicMethod(
            "Segment", typeof(void), [typeof(byte[][]), typeof(int[]), typeof(int), typeof(int), typeof(int[])], typeof(SegmentEmitter).Module, skipVisibility: true);
        new SegmentEmitter(program, method.GetILGenerator()).Write(nodes, reads, constants, writes);
        return method.CreateDelegate<SegmentLoop>();
    }

    private void Write(int[] nodes, int[] reads, int[] constants, int[] writes)
    {
        foreach (var node in reads.Concat(constants).Concat(writes))
        {
            Point(node);
        }

        var (row, top, body, end, done) = (_il.DefineLabel(), _il.DefineLabel(), _il.DefineLabel(), _il.DefineLabel(), _il.DefineLabel());
        _il.MarkLabel(row);
        foreach (var node in constants)
        {
            _code.Everywhere(node);
        }

        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Stloc, _index);
        _il.MarkLabel(top);

        // The last step starts where it ends with the last element.
        _il.Emit(OpCodes.Ldloc, _index);
        Count(Step);
        _il.Emit(OpCodes.Ble, body);
        _il.Emit(OpCodes.Ldloc, _index);
        Count(0);
        _il.Emit(OpCodes.Bge, end);
        Count(Step);
        _il.Emit(OpCodes.Stloc, _index);
        _il.MarkLabel(body);
        foreach (var node in nodes)
        {
            _code.Compute(node);
            if (Array.IndexOf(writes, node) >= 0)
            {
                _code.Store(node);
            }
        }

        _il.Emit(OpCodes.Ldloc, _index);
        _il.Emit(OpCodes.Ldc_I4, Step);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _index);
        _il.Emit(OpCodes.Br, top);
        _il.MarkLabel(end);
        _il.Emit(OpCodes.Ldarg_3);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Ble, done);
        _il.Emit(OpCodes.Ldarg_3);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Starg, (short)3);
        foreach (var (node, pointer) in _pointers)
        {
            _il.Emit(OpCodes.Ldloc, pointer);
            _il.Emit(OpCodes.Ldarg, (short)4);
            _il.Emit(OpCodes.Ldc_I4, node);
            _il.Emit(OpCodes.Ldelem_I4);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Stloc, pointer);
        }

        _il.Emit(OpCodes.Br, row);
        _il.MarkLabel(done);
        _il.Emit(OpCodes.Ret);
    }

    // The number of elements less some.
    private void Count(int less)
    {
        _il.Emit(OpCodes.Ldarg_2);
        _il.Emit(OpCodes.Ldc_I4, less);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Conv_I);
    }

    private void Point(int node)
    {
        var pointer = _il.DeclareLocal(typeof(byte).MakeByRefType());
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, node);
        _il.Emit(OpCodes.Ldelem_Ref);
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, node);
        _il.Emit(OpCodes.Ldelem_I4);
        _il.Emit(OpCodes.Ldelema, typeof(byte));
        _il.Emit(OpCodes.Stloc, pointer);
        _pointers[node] = pointer;
    }

    // The address of a node's current elements, some vectors on.
    private void Address(int node, int vector)
    {
        var size = _program.Nodes[node].Type.Size();
        _il.Emit(OpCodes.Ldloc, _pointers[node]);
        _il.Emit(OpCodes.Ldloc, _index);
        if (size > 1)
        {
            _il.Emit(OpCodes.Ldc_I4, size);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Mul);
        }

        _il.Emit(OpCodes.Add);
        if (vector > 0)
        {
            _il.Emit(OpCodes.Ldc_I4, vector * VectorCode.Bytes);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Add);
        }
    }
}
