namespace Ad.Tensors.Cpu;

/// <summary>
/// The body of a loop whose kernels are all small: in straight code, constants and carries stay in the code's memory from run to run. Slots beyond those
/// of the body's plan are those of carries that it does not read.
/// </summary>
internal sealed class StraightBody
{
    private readonly Subplan _body;
    private readonly StraightKernel? _kernels;
    private readonly int[] _carries;

    private StraightBody(Subplan body, StraightKernel? kernels, int carries)
    {
        (_body, _kernels) = (body, kernels);
        _carries = [.. Enumerable.Range(0, carries).Select(i => body.ArgumentSlot(i) is >= 0 and var slot ? slot : body.Plan.Slots.Length + i)];
    }

    /// <summary>The body, if its kernels, and whatever it passes on, are so small.</summary>
    public static StraightBody? Of(Subplan body, int carries) => body.Plan.Kernels switch
    {
        _ when body.Plan.SlotBytes.Any(bytes => bytes > StraightKernel.MostBytes) => null,
        [] => new StraightBody(body, null, carries),
        [StraightKernel kernels] => new StraightBody(body, kernels, carries),
        _ => null,
    };

    /// <summary>The slot of an argument, or -1 if it has none.</summary>
    public int Argument(int argument) => argument < _carries.Length ? _carries[argument] : _body.ArgumentSlot(argument);

    /// <summary>The slot of a result.</summary>
    public int Result(int result) => _body.Plan.Results[result].Slot;

    /// <summary>The bytes of a slot.</summary>
    public long Bytes(int slot) => slot < _body.Plan.Slots.Length ? _body.Plan.SlotBytes[slot] : _body.Bytes(slot - _body.Plan.Slots.Length);

    /// <summary>Whether it is time for straight code, with so many more runs.</summary>
    public bool IsWorthWriting(long runs) => _kernels?.IsWorthWriting(runs) ?? true;

    /// <summary>What is copied between a slot and outside.</summary>
    public StraightCopy Copied(int slot, int outside) => new(slot, outside, Bytes(slot));

    /// <summary>Its code: what it copies, and, if its results go round, what it carries.</summary>
    public StraightCode Write(IEnumerable<StraightCopy> into, IEnumerable<StraightCopy> outOf, bool goesRound)
    {
        long[] bytes = [.. _body.Plan.SlotBytes, .. Enumerable.Range(0, _carries.Length).Select(i => Bytes(_body.Plan.Slots.Length + i))];
        var moves = _carries.Take(goesRound ? _carries.Length : 0).Select((slot, i) => (Result(i), slot));
        return StraightWriter.Write(_kernels?.Kernels ?? [], bytes, [.. into], [.. outOf], [.. moves]);
    }

    /// <summary>Puts an operand where the code has the argument, if it has it.</summary>
    public void Enter(StraightCode code, byte[] memory, int argument, Place operand)
    {
        var slot = Argument(argument);
        if (slot >= 0 && code.Has(slot))
        {
            operand.Bytes(Bytes(slot)).CopyTo(code.Bytes(memory, slot, Bytes(slot)));
        }
    }

    /// <summary>Copies a carry to where it is wanted.</summary>
    public void Leave(StraightCode code, byte[] memory, int carry, Place target)
    {
        var bytes = Bytes(_carries[carry]);
        code.Bytes(memory, _carries[carry], bytes).CopyTo(target.Bytes(bytes));
    }
}
