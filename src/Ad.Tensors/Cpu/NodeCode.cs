using System.Reflection.Emit;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Writes nodes of a group over vectors in locals, a step at a time: what they read from memory, what they compute, what they write. Whoever uses it says
/// how the address of a node's first element, and of its elements in the current step some vectors on, is put on the stack.
/// </summary>
internal sealed class NodeCode(ILGenerator il, IReadOnlyList<Node> nodes, Action<int> first, Action<int, int> current)
{
    private readonly VectorCode _code = new(il);
    private readonly Dictionary<int, LocalBuilder[]> _values = [];

    /// <summary>Reads a node that is one element, which is its value everywhere.</summary>
    public void Everywhere(int node)
    {
        var type = nodes[node].Type;
        if (type == DType.Bool)
        {
            // -1 where the byte is not 0.
            il.Emit(OpCodes.Ldc_I4_0);
            first(node);
            il.Emit(OpCodes.Ldind_U1);
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Cgt_Un);
            il.Emit(OpCodes.Sub);
            il.Emit(OpCodes.Call, VectorCode.Splat(DType.Int32));
        }
        else if (type.IsHalf())
        {
            first(node);
            il.Emit(OpCodes.Unaligned, (byte)1);
            il.Emit(OpCodes.Ldind_U2);
            il.Emit(OpCodes.Call, VectorCode.Splat(DType.Int32));
        }
        else
        {
            first(node);
            il.Emit(OpCodes.Unaligned, (byte)1);
            il.Emit(OpCodes.Ldobj, VectorCode.Element(type));
            il.Emit(OpCodes.Call, VectorCode.Splat(type));
        }

        var value = Keep(VectorCode.Vector(type));
        _values[node] = type.Size() == 8 ? [value, value] : [value];
    }

    /// <summary>Computes a node from others, each of which was computed before, is read now, or is a number.</summary>
    public void Compute(int node)
    {
        var kind = nodes[node];
        if (kind is Node.Apply { Function: Pointwise.Scale } scale && (Number(scale.Operands[0]) ?? Number(scale.Operands[1])) is { } number)
        {
            var other = Number(scale.Operands[0]) is null ? scale.Operands[0] : scale.Operands[1];
            _values[node] = _code.ScaleBy(kind.Type, number, Value(other));
            return;
        }

        var operands = kind.Operands.Values.ToArray().Select(Value).ToArray();
        _values[node] = kind switch
        {
            Node.Apply apply => _code.Apply(apply.Function, nodes[apply.Operands[^1]].Type, operands),
            Node.Cast cast => _code.Cast(nodes[cast.Operand].Type, cast.Type, operands[0]),
            _ => throw new InvalidOperationException($"A {kind} is not computed."),
        };
    }

    /// <summary>Writes a computed node to memory.</summary>
    public void Store(int node)
    {
        var type = nodes[node].Type;
        for (var i = 0; i < _values[node].Length; i++)
        {
            current(node, i);
            il.Emit(OpCodes.Ldloc, _values[node][i]);
            if (type == DType.Bool || type.IsHalf())
            {
                il.Emit(OpCodes.Call, type == DType.Bool ? VectorCode.WriteMask : VectorCode.WriteShorts);
            }
            else
            {
                il.Emit(OpCodes.Unaligned, (byte)1);
                il.Emit(OpCodes.Stobj, VectorCode.Vector(type));
            }
        }
    }

    // A node that is one number, if products with it are never without end or made of nothing.
    private double? Number(int node) =>
        nodes[node] is Node.Splat { Value: var value } && value.ToDouble() is not 0 and var number && double.IsFinite(number) ? number : null;

    private LocalBuilder[] Value(int node)
    {
        if (_values.TryGetValue(node, out var value))
        {
            return value;
        }

        var type = nodes[node].Type;
        if (nodes[node] is Node.Splat splat)
        {
            Constant(type, splat.Value);
            var made = Keep(VectorCode.Vector(type));
            value = type.Size() == 8 ? [made, made] : [made];
        }
        else if (type == DType.Bool || type.IsHalf())
        {
            current(node, 0);
            il.Emit(OpCodes.Call, type == DType.Bool ? VectorCode.ReadMask : VectorCode.ReadShorts);
            value = [Keep(VectorCode.Vector(type))];
        }
        else
        {
            value = new LocalBuilder[type.Size() / sizeof(float)];
            for (var i = 0; i < value.Length; i++)
            {
                current(node, i);
                il.Emit(OpCodes.Unaligned, (byte)1);
                il.Emit(OpCodes.Ldobj, VectorCode.Vector(type));
                value[i] = Keep(VectorCode.Vector(type));
            }
        }

        return _values[node] = value;
    }

    private void Constant(DType type, Scalar value)
    {
        switch (type)
        {
            case DType.Bool:
                il.Emit(OpCodes.Ldc_I4, value.ToInt64() != 0 ? -1 : 0);
                break;
            case DType.Int32:
                il.Emit(OpCodes.Ldc_I4, (int)value.ToInt64());
                break;
            case DType.Int64:
                il.Emit(OpCodes.Ldc_I8, value.ToInt64());
                break;
            case DType.Float16:
            case DType.BFloat16:
                il.Emit(OpCodes.Ldc_I4, (int)Halves.Of(type, value.ToDouble()));
                break;
            case DType.Float32:
                il.Emit(OpCodes.Ldc_R4, (float)value.ToDouble());
                break;
            case DType.Float64:
                il.Emit(OpCodes.Ldc_R8, value.ToDouble());
                break;
        }

        il.Emit(OpCodes.Call, VectorCode.Splat(type));
    }

    private LocalBuilder Keep(Type type)
    {
        var local = il.DeclareLocal(type);
        il.Emit(OpCodes.Stloc, local);
        return local;
    }
}
