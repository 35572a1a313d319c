namespace Ad.Tensors.Cpu;

/// <summary>
/// A scan whose body is small kernels alone, as straight code: constants and carries stay in the code's memory from run to run, slices are read
/// from, and stacked results written to, where they lie.
/// </summary>
internal sealed class StraightScan
{
    private readonly Operation.Scan _scan;
    private readonly Subplan _subplan;
    private readonly Plan<Kernel> _body;
    private readonly StraightKernel _kernels;
    private readonly int[] _arguments;

    // What is stacked: the body's slot, and the slot of the result.
    private readonly (int Slot, int Target)[] _stacked;
    private StraightCode? _code;

    private StraightScan(Operation.Scan scan, Subplan body, StraightKernel kernels, (int Result, int Slot)[] targets)
    {
        (_scan, _subplan, _body, _kernels) = (scan, body, body.Plan, kernels);
        _arguments = [.. Enumerable.Range(0, scan.Carries).Select(i => body.ArgumentSlot(i) is >= 0 and var slot ? slot : body.Plan.Slots.Length + i)];
        var results = body.Plan.Results;
        var stacked = targets.Where(t => t.Result >= scan.Carries && t.Result < scan.Body.Outputs.Length);
        var befores = targets.Where(t => t.Result >= scan.Body.Outputs.Length);
        _stacked =
        [
            .. stacked.Select((t, i) => (results[scan.Carries + i].Slot, t.Slot)),
            .. befores.Select(t => (_arguments[t.Result - scan.Body.Outputs.Length], t.Slot)),
        ];
    }

    /// <summary>The scan, if its body is so small.</summary>
    public static StraightScan? Of(Operation.Scan scan, Subplan body, (int Result, int Slot)[] targets) =>
        body.Plan.Kernels is [StraightKernel kernels] ? new StraightScan(scan, body, kernels, targets) : null;

    /// <summary>Runs it, unless it is too early for code of its own.</summary>
    public bool TryRun(Frame frame, Place[] operands, (int Result, int Slot)[] targets, long[] sliceBytes)
    {
        if (Code() is not { } code)
        {
            return false;
        }

        var (arrays, starts, steps) = Outside(frame, operands, sliceBytes);
        var memory = code.Rent();
        for (var i = 0; i < operands.Length; i++)
        {
            var slot = i < _scan.Carries ? _arguments[i] : _subplan.ArgumentSlot(i);
            if ((i < _scan.Carries || i >= _scan.Carries + _scan.Slices) && slot >= 0 && code.Has(slot))
            {
                var bytes = BytesOf(slot);
                operands[i].Bytes(bytes).CopyTo(code.Bytes(memory, slot, bytes));
            }
        }

        for (var run = 0; run < _scan.Length; run++)
        {
            code.Run(arrays, starts, memory);
            for (var i = 0; i < starts.Length; i++)
            {
                starts[i] += steps[i];
            }
        }

        foreach (var (result, slot) in targets.Where(t => t.Result < _scan.Carries))
        {
            var bytes = _subplan.Bytes(result);
            code.Bytes(memory, _arguments[result], bytes).CopyTo(frame.Elements<byte>(slot, bytes));
        }

        code.Return(memory);
        return true;
    }

    // What lies outside: slices, then what is stacked; with how far it is to the next run's.
    private (byte[][] Arrays, int[] Starts, int[] Steps) Outside(Frame frame, Place[] operands, long[] sliceBytes)
    {
        var count = _scan.Slices + _stacked.Length;
        var (arrays, starts, steps) = (new byte[count][], new int[count], new int[count]);
        var first = _scan.Reverse ? Math.Max(0, _scan.Length - 1) : 0;
        for (var i = 0; i < count; i++)
        {
            var isSlice = i < _scan.Slices;
            var place = isSlice ? operands[_scan.Carries + i]
                : new Place(frame.Array(_stacked[i - _scan.Slices].Target), frame.Start(_stacked[i - _scan.Slices].Target));
            var step = isSlice ? sliceBytes[i] : BytesOf(_stacked[i - _scan.Slices].Slot);
            arrays[i] = place.Array;
            starts[i] = checked((int)(place.Start + (first * step)));
            steps[i] = checked((int)(_scan.Reverse ? -step : step));
        }

        return (arrays, starts, steps);
    }

    private StraightCode? Code()
    {
        var code = Volatile.Read(ref _code);
        if (code is null && _kernels.IsWorthWriting(_scan.Length))
        {
            var slices = Enumerable.Range(0, _scan.Slices)
                .Select(i => (Slot: _subplan.ArgumentSlot(_scan.Carries + i), Outside: i))
                .Where(s => s.Slot >= 0)
                .Select(s => new StraightCopy(s.Slot, s.Outside, BytesOf(s.Slot)));
            var stacked = _stacked.Select((s, i) => new StraightCopy(s.Slot, _scan.Slices + i, BytesOf(s.Slot)));
            var moves = _arguments.Select((slot, i) => (_body.Results[i].Slot, slot));
            long[] bytes = [.. _body.SlotBytes, .. Enumerable.Range(0, _scan.Carries).Select(_subplan.Bytes)];
            code = StraightWriter.Write(_kernels.Kernels, bytes, [.. slices], [.. stacked], [.. moves]);
            Volatile.Write(ref _code, code);
        }

        return code;
    }

    // Slots beyond the body's are those of carries that it does not read.
    private long BytesOf(int slot) =>
        slot < _body.SlotBytes.Length ? _body.SlotBytes[slot] : _subplan.Bytes(slot - _body.SlotBytes.Length);
}
