namespace Ad.Tensors.Cpu;

/// <summary>
/// A scan whose body is small kernels alone, as straight code: slices are read from, and stacked results written to, where they lie.
/// </summary>
internal sealed class StraightScan
{
    private readonly Operation.Scan _scan;
    private readonly StraightBody _body;

    // What is stacked: the body's slot, and the slot of the result.
    private readonly (int Slot, int Target)[] _stacked;
    private StraightCode? _code;

    private StraightScan(Operation.Scan scan, StraightBody body, (int Result, int Slot)[] targets)
    {
        (_scan, _body) = (scan, body);
        var stacked = targets.Where(t => t.Result >= scan.Carries && t.Result < scan.Body.Outputs.Length);
        var befores = targets.Where(t => t.Result >= scan.Body.Outputs.Length);
        _stacked =
        [
            .. stacked.Select((t, i) => (body.Result(scan.Carries + i), t.Slot)),
            .. befores.Select(t => (body.Argument(t.Result - scan.Body.Outputs.Length), t.Slot)),
        ];
    }

    /// <summary>The scan, if its body is so small.</summary>
    public static StraightScan? Of(Operation.Scan scan, Subplan body, (int Result, int Slot)[] targets) =>
        StraightBody.Of(body, scan.Carries) is { } small ? new StraightScan(scan, small, targets) : null;

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
            if (i < _scan.Carries || i >= _scan.Carries + _scan.Slices)
            {
                _body.Enter(code, memory, i, operands[i]);
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
            _body.Leave(code, memory, result, new Place(frame.Array(slot), frame.Start(slot)));
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
            var step = isSlice ? sliceBytes[i] : _body.Bytes(_stacked[i - _scan.Slices].Slot);
            arrays[i] = place.Array;
            starts[i] = checked((int)(place.Start + (first * step)));
            steps[i] = checked((int)(_scan.Reverse ? -step : step));
        }

        return (arrays, starts, steps);
    }

    private StraightCode? Code()
    {
        var code = Volatile.Read(ref _code);
        if (code is null && _body.IsWorthWriting(_scan.Length))
        {
            var slices = Enumerable.Range(0, _scan.Slices)
                .Select(i => (Slot: _body.Argument(_scan.Carries + i), Outside: i))
                .Where(s => s.Slot >= 0)
                .Select(s => _body.Copied(s.Slot, s.Outside));
            code = _body.Write(slices, _stacked.Select((s, i) => _body.Copied(s.Slot, _scan.Slices + i)), goesRound: true);
            Volatile.Write(ref _code, code);
        }

        return code;
    }
}
