using System.Reflection.Emit;

namespace Ad.Tensors.Cpu;

/// <summary>A slot that is copied from or to where a caller says: the number that it has there.</summary>
internal readonly record struct StraightCopy(int Slot, int Outside, long Bytes);

/// <summary>
/// Writes straight code: a method, or a few as the compiler takes no more at once, in which kernels follow each other with every view, size and
/// address known.
/// </summary>
internal sealed partial class StraightWriter
{
    // What is given to the code: objects it calls, arrays and starts of what lies outside, its memory.
    private static readonly Type[] Parameters = [typeof(object[]), typeof(byte[][]), typeof(int[]), typeof(nint)];

    // Room for whole vectors of the widest kind, of any type.
    private const long Room = 128;

    // Beyond so many, the compiler stops keeping locals in registers.
    private const int MostLocals = 400;

    // Runs of elements that are copied one by one rather than through a table.
    private const int FewRuns = 8;

    private readonly IReadOnlyList<long> _slotBytes;
    private readonly Dictionary<int, int> _homes = [];
    private readonly List<(int At, byte[] Bytes)> _constants = [];
    private readonly List<object> _objects = [];
    private readonly List<DynamicMethod> _methods = [];
    private ILGenerator _il = null!;
    private int _locals = MostLocals;
    private long _end;

    private StraightWriter(IReadOnlyList<long> slotBytes) => _slotBytes = slotBytes;

    /// <summary>
    /// The code for kernels: copies in, the kernels, copies out, and then what moves from slot to slot, all at once. What it does with a slot
    /// depends on its bytes alone.
    /// </summary>
    public static StraightCode Write(
        IReadOnlyList<Kernel> kernels, IReadOnlyList<long> slotBytes, StraightCopy[] into, StraightCopy[] outOf, (int From, int To)[] moves)
    {
        var writer = new StraightWriter(slotBytes);
        foreach (var copy in into)
        {
            writer.Next(1);
            writer.Copy(() => writer.Push(writer.Home(copy.Slot)), () => writer.Outside(copy.Outside), copy.Bytes);
        }

        foreach (var kernel in kernels)
        {
            writer.Write(kernel);
        }

        foreach (var copy in outOf)
        {
            writer.Next(1);
            writer.Copy(() => writer.Outside(copy.Outside), () => writer.Push(writer.Home(copy.Slot)), copy.Bytes);
        }

        writer.Move(moves);
        return writer.Finish();
    }

    private StraightCode Finish()
    {
        var objects = _objects.ToArray();
        if (_methods.Count > 0)
        {
            _il.Emit(OpCodes.Ret);
        }

        return new StraightCode(
            [.. _methods.Select(m => m.CreateDelegate<StraightPiece>(objects))], _end + Room, [.. _constants], _homes);
    }

    // The next few locals' worth of code goes to this method, or to another if it has enough.
    private void Next(int locals)
    {
        if (_locals + locals > MostLocals && _locals > 0)
        {
            if (_methods.Count > 0)
            {
                _il.Emit(OpCodes.Ret);
            }

            var method = new DynamicMethod("Straight", typeof(void), Parameters, typeof(StraightWriter).Module, skipVisibility: true);
            _methods.Add(method);
            (_il, _locals) = (method.GetILGenerator(), 0);
        }

        _locals += locals;
    }

    /// <summary>Where a slot is; it gets its place when it is first asked for.</summary>
    private int Home(int slot)
    {
        if (!_homes.TryGetValue(slot, out var home))
        {
            _homes[slot] = home = Take(_slotBytes[slot]);
        }

        return home;
    }

    private int Take(long bytes)
    {
        var start = _end;
        _end += (Math.Max(bytes, 1) + Room - 1) / Room * Room;
        return checked((int)start);
    }

    private void Write(Kernel kernel)
    {
        switch (kernel)
        {
            case GroupKernel group:
                Write(group.Group);
                break;
            case RowsKernel rows:
                foreach (var group in rows.Groups)
                {
                    Write(group.Group);
                }

                break;
            case CopyKernel copy:
                Write(copy);
                break;
            case ContractKernel contract:
                Write(contract);
                break;
            default:
                throw new InvalidOperationException($"No straight code is known for '{kernel}'.");
        }
    }

    private void Write(CopyKernel copy)
    {
        var (parts, clear) = copy.Work;
        var target = copy.Writes.First();
        if (clear)
        {
            Next(1);
            Push(Home(target));
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Ldc_I4, (int)_slotBytes[target]);
            _il.Emit(OpCodes.Unaligned, (byte)1);
            _il.Emit(OpCodes.Initblk);
        }

        foreach (var (source, layout) in parts)
        {
            Move(Home(source.Slot), source.Layout, Home(target), layout, source.Type.Size());
        }
    }

    private void Write(ContractKernel contract)
    {
        var (left, right, target, layout) = contract.Parts;
        Call(
            SmallProduct.Of(left.Type, layout),
            typeof(SmallProduct),
            Start(left),
            Start(right),
            Home(target));
    }

    private int Start(View view) => Home(view.Slot) + (int)(view.Layout.Offset * view.Type.Size());

    /// <summary>Copies elements between places in its memory, in the order of two layouts.</summary>
    private void Move(int from, Layout source, int to, Layout target, int size)
    {
        var (sources, targets) = (Places(source), Places(target));
        var runs = new List<(long From, long To, long Count)>();
        for (var i = 0; i < sources.Length; i++)
        {
            if (runs.Count > 0 && runs[^1] is var last && sources[i] == last.From + last.Count && targets[i] == last.To + last.Count)
            {
                runs[^1] = last with { Count = last.Count + 1 };
            }
            else
            {
                runs.Add((sources[i], targets[i], 1));
            }
        }

        if (runs.Count > FewRuns)
        {
            var move = new SmallMove([.. sources.Select(p => (int)p)], [.. targets.Select(p => (int)p)], size);
            Call(move, typeof(SmallMove), from, to);
            return;
        }

        foreach (var run in runs)
        {
            Next(1);
            Copy(() => Push(to + (int)(run.To * size)), () => Push(from + (int)(run.From * size)), run.Count * size);
        }
    }

    private static long[] Places(Layout layout)
    {
        var places = new long[layout.Elements()];
        if (places.Length > 0)
        {
            var reader = new ViewReader(layout);
            reader.Seek(0);
            reader.Places(places);
        }

        return places;
    }

    // Slots to slots at once: what is read after it is written over goes by way of another place.
    private void Move((int From, int To)[] moves)
    {
        foreach (var (_, to) in moves)
        {
            Home(to);
        }

        moves = [.. moves.Where(m => m.From != m.To)];
        var written = moves.Select(m => m.To).ToHashSet();
        var aside = new Dictionary<int, int>();
        foreach (var slot in moves.Select(m => m.From).Where(written.Contains).Distinct())
        {
            aside[slot] = Take(_slotBytes[slot]);
            Copy(aside[slot], Home(slot), _slotBytes[slot]);
        }

        foreach (var (from, to) in moves)
        {
            Copy(Home(to), aside.TryGetValue(from, out var other) ? other : Home(from), _slotBytes[to]);
        }
    }

    private void Copy(int to, int from, long bytes)
    {
        Next(1);
        Copy(() => Push(to), () => Push(from), bytes);
    }

    private void Copy(Action to, Action from, long bytes)
    {
        if (bytes > 0)
        {
            to();
            from();
            _il.Emit(OpCodes.Ldc_I4, (int)bytes);
            _il.Emit(OpCodes.Unaligned, (byte)1);
            _il.Emit(OpCodes.Cpblk);
        }
    }

    /// <summary>Calls an object's method Run with addresses in its memory.</summary>
    private void Call(object target, Type type, params int[] places)
    {
        Next(1);
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, _objects.Count);
        _il.Emit(OpCodes.Ldelem_Ref);
        foreach (var place in places)
        {
            Push(place);
        }

        _il.Emit(OpCodes.Callvirt, type.GetMethod("Run", [.. places.Select(_ => typeof(nint))])!);
        _objects.Add(target);
    }

    private void Push(int place)
    {
        _il.Emit(OpCodes.Ldarg_3);
        _il.Emit(OpCodes.Ldc_I4, place);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Add);
    }

    private void Outside(int index)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, index);
        _il.Emit(OpCodes.Ldelem_Ref);
        _il.Emit(OpCodes.Ldarg_2);
        _il.Emit(OpCodes.Ldc_I4, index);
        _il.Emit(OpCodes.Ldelem_I4);
        _il.Emit(OpCodes.Ldelema, typeof(byte));
    }
}
