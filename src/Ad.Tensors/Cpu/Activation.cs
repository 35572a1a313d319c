namespace Ad.Tensors.Cpu;

/// <summary>A place in memory: an array, and the byte in it where elements begin.</summary>
internal readonly record struct Place(byte[] Array, int Start)
{
    public Place After(long bytes) => this with { Start = checked((int)(Start + bytes)) };

    public Span<byte> Bytes(long count) => Array.AsSpan(Start, (int)count);
}

/// <summary>A body's plan, made to be run many times: its arguments and results lie wherever its caller says.</summary>
internal sealed class Subplan
{
    private readonly Plan<Kernel> _plan;
    private readonly int[] _argumentSlots;

    // The slots that a result's memory holds: the result, and what is a part of it.
    private readonly (int Slot, int Start)[][] _resultSlots;

    // What is done once before the first run.
    private readonly Kernel[] _before;

    /// <summary>A body, of whose arguments those from one on are the same for all of its runs.</summary>
    public Subplan(Plan<Kernel> plan, int firstConstant = int.MaxValue)
    {
        (plan, _before) = PanelsKernel.Hoist(plan, firstConstant);
        _plan = plan;
        var inputs = plan.Slots.Where(home => home.Kind == HomeKind.Argument).Select(home => home.Index + 1).DefaultIfEmpty(0).Max();
        _argumentSlots = Enumerable.Repeat(-1, inputs).ToArray();
        for (var slot = 0; slot < plan.Slots.Length; slot++)
        {
            if (plan.Slots[slot].Kind == HomeKind.Argument)
            {
                _argumentSlots[plan.Slots[slot].Index] = slot;
            }
        }

        _resultSlots = [.. Enumerable.Range(0, plan.Results.Length).Select(result => Enumerable.Range(0, plan.Slots.Length)
            .Where(slot => plan.Slots[slot].Kind == HomeKind.Result && plan.Slots[slot].Index == result)
            .Select(slot => (slot, (int)plan.Slots[slot].Start))
            .ToArray())];
    }

    /// <summary>What runs.</summary>
    public Plan<Kernel> Plan => _plan;

    /// <summary>The slot of an argument, or -1 if nothing reads it.</summary>
    public int ArgumentSlot(int argument) => argument < _argumentSlots.Length ? _argumentSlots[argument] : -1;

    /// <summary>The bytes that it takes while it runs, beside its arguments and results.</summary>
    public long Temporaries => _plan.Temporaries;

    public long Flops => _plan.Kernels.Sum(kernel => kernel.Flops);

    public int Kernels => _plan.Kernels.Length;

    public int Results => _plan.Results.Length;

    /// <summary>The bytes of a result.</summary>
    public long Bytes(int result) => _plan.Results[result].Shape.Elements * _plan.Results[result].Type.Size();

    /// <summary>The argument that a result is, or -1.</summary>
    public int ArgumentOf(int result)
    {
        var home = _plan.Slots[_plan.Results[result].Slot];
        return home.Kind == HomeKind.Argument ? home.Index : -1;
    }

    /// <summary>The memory to run it.</summary>
    public Activation Start() => new(this);

    /// <summary>The memory of a body that runs, given back at the end.</summary>
    internal sealed class Activation : IDisposable
    {
        private readonly Subplan _body;
        private readonly Frame _frame;
        private readonly byte[][] _arenas;
        private readonly Place[] _results;
        private bool _hasRun;

        public Activation(Subplan body)
        {
            var plan = body._plan;
            (_body, _frame, _results) = (body, new Frame(plan.Slots.Length), new Place[plan.Results.Length]);
            _arenas = [.. plan.Arenas.Select(BlockPool.Rent)];
            for (var slot = 0; slot < plan.Slots.Length; slot++)
            {
                if (plan.Slots[slot] is { Kind: HomeKind.Arena, Index: >= 0 } home)
                {
                    _frame.Bind(slot, _arenas[home.Index], BlockPool.Start(_arenas[home.Index]) + (int)home.Start);
                }
            }
        }

        /// <summary>Says where an argument's elements are.</summary>
        public void Argument(int index, Place place)
        {
            if (index < _body._argumentSlots.Length && _body._argumentSlots[index] is >= 0 and var slot)
            {
                _frame.Bind(slot, place.Array, place.Start);
            }
        }

        /// <summary>Says where a result's elements go.</summary>
        public void Result(int index, Place place)
        {
            _results[index] = place;
            foreach (var (slot, start) in _body._resultSlots[index])
            {
                _frame.Bind(slot, place.Array, place.Start + start);
            }
        }

        /// <summary>Runs the body; <paramref name="isKept"/> names results that need not be written, as they are arguments already in place.</summary>
        public void Run(Workers workers, Predicate<int>? isKept = null)
        {
            var plan = _body._plan;
            foreach (var kernel in _hasRun ? [] : _body._before)
            {
                kernel.Run(_frame, workers);
            }

            _hasRun = true;
            foreach (var kernel in plan.Kernels)
            {
                kernel.Run(_frame, workers);
            }

            for (var i = 0; i < _results.Length; i++)
            {
                var slot = plan.Results[i].Slot;
                var home = plan.Slots[slot];
                if ((home.Kind != HomeKind.Result || home.Index != i) && isKept?.Invoke(i) != true)
                {
                    var bytes = _body.Bytes(i);
                    new Place(_frame.Array(slot), _frame.Start(slot)).Bytes(bytes).CopyTo(_results[i].Bytes(bytes));
                }
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            foreach (var arena in _arenas)
            {
                BlockPool.Return(arena);
            }
        }
    }
}

/// <summary>Two places for each of the values that go from one run of a body to the next: it reads from one and writes to the other.</summary>
internal sealed class Carried : IDisposable
{
    private const long Line = 64;

    private readonly byte[] _block;
    private readonly Place[] _current;
    private readonly Place[][] _rooms;
    private readonly bool[] _isFixed;

    public Carried(Subplan body, ReadOnlySpan<Place> initial)
    {
        _current = initial.ToArray();
        _isFixed = new bool[_current.Length];
        long total = 0;
        for (var i = 0; i < _current.Length; i++)
        {
            _isFixed[i] = body.ArgumentOf(i) == i;
            total += _isFixed[i] ? 0 : 2 * Rounded(body.Bytes(i));
        }

        _block = BlockPool.Rent(total);
        var free = new Place(_block, BlockPool.Start(_block));
        _rooms = new Place[_current.Length][];
        for (var i = 0; i < _current.Length; i++)
        {
            var bytes = _isFixed[i] ? 0 : Rounded(body.Bytes(i));
            _rooms[i] = [free, free.After(bytes)];
            free = free.After(2 * bytes);
        }
    }

    /// <summary>Where a carry is now.</summary>
    public Place this[int carry] => _current[carry];

    /// <summary>One run of the body, from where the carries are to the other place.</summary>
    public void Step(Subplan.Activation body, int run, Workers workers)
    {
        for (var i = 0; i < _current.Length; i++)
        {
            body.Argument(i, _current[i]);
            body.Result(i, _rooms[i][run & 1]);
        }

        body.Run(workers, IsFixed);
        for (var i = 0; i < _current.Length; i++)
        {
            _current[i] = _isFixed[i] ? _current[i] : _rooms[i][run & 1];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => BlockPool.Return(_block);

    private static long Rounded(long bytes) => (bytes + Line - 1) / Line * Line;

    private bool IsFixed(int result) => result < _isFixed.Length && _isFixed[result];
}
