namespace Ad.Tensors.Cpu;

/// <summary>
/// A loop whose condition and body are small kernels alone, as straight code: the carries stay in the body's memory, from where the condition
/// reads them.
/// </summary>
internal sealed class StraightWhile
{
    private readonly StraightBody _condition;
    private readonly StraightBody _body;
    private readonly int _carries;
    private (StraightCode Condition, StraightCode Body)? _written;
    private readonly Lock _gate = new();

    private StraightWhile(StraightBody condition, StraightBody body, int carries) => (_condition, _body, _carries) = (condition, body, carries);

    /// <summary>The loop, if its bodies are so small.</summary>
    public static StraightWhile? Of(Operation.WhileLoop loop, Subplan condition, Subplan body) =>
        (StraightBody.Of(condition, 0), StraightBody.Of(body, loop.Carries)) is ({ } test, { } step) ? new StraightWhile(test, step, loop.Carries) : null;

    /// <summary>Counts runs of the body that were done in another way.</summary>
    public void Count(long runs) => _body.IsWorthWriting(runs);

    /// <summary>Runs it, unless it is too early for code of its own.</summary>
    public bool TryRun(Frame frame, Place[] operands, (int Result, int Slot)[] targets)
    {
        if (Code(operands.Length) is not var (condition, body))
        {
            return false;
        }

        var (memory, test) = (body.Rent(), condition.Rent());
        var (arrays, starts) = (new byte[operands.Length + 1][], new int[operands.Length + 1]);
        for (var i = 0; i < operands.Length; i++)
        {
            _body.Enter(body, memory, i, operands[i]);
            (arrays[i], starts[i]) = i < _carries
                ? (memory, BlockPool.Start(memory) + body.Home(_body.Argument(i)))
                : (operands[i].Array, operands[i].Start);
        }

        var answer = new byte[1];
        arrays[^1] = answer;
        while (true)
        {
            condition.Run(arrays, starts, test);
            if (answer[0] == 0)
            {
                break;
            }

            body.Run([], [], memory);
        }

        foreach (var (result, slot) in targets)
        {
            _body.Leave(body, memory, result, new Place(frame.Array(slot), frame.Start(slot)));
        }

        condition.Return(test);
        body.Return(memory);
        return true;
    }

    private (StraightCode Condition, StraightCode Body)? Code(int operands)
    {
        lock (_gate)
        {
            if (_written is null && _body.IsWorthWriting(0))
            {
                var given = Enumerable.Range(0, operands)
                    .Where(i => _condition.Argument(i) >= 0)
                    .Select(i => _condition.Copied(_condition.Argument(i), i));
                _written = (
                    _condition.Write(given, [_condition.Copied(_condition.Result(0), operands)], goesRound: false),
                    _body.Write([], [], goesRound: true));
            }

            return _written;
        }
    }
}
