namespace Ad.Tensors.Cuda;

/// <summary>A body's plan, made to be run many times: its arguments and results lie wherever its caller says.</summary>
internal sealed class CudaBody(Plan<CudaStep> plan)
{
    public Plan<CudaStep> Plan => plan;

    public long Temporaries => plan.Temporaries;

    public long Flops => plan.Kernels.Sum(kernel => kernel.Flops);

    public bool CanFail => plan.Kernels.Any(kernel => kernel.CanFail);

    /// <summary>Whether all of its steps only ask the device for work.</summary>
    public bool IsCapturable => plan.Kernels.All(kernel => kernel.IsCapturable);

    public int Results => plan.Results.Length;

    /// <summary>The bytes of a result.</summary>
    public long Bytes(int result) => plan.Results[result].Shape.Elements * plan.Results[result].Type.Size();

    public void Write(ModuleSource source)
    {
        foreach (var kernel in plan.Kernels)
        {
            kernel.Write(source);
        }
    }

    /// <summary>The body with the memory to run it.</summary>
    public Running Start(CudaFrame outer) => new(this, outer);

    /// <summary>A body that runs; its memory is given back at the end.</summary>
    internal sealed class Running : IDisposable
    {
        private readonly CudaBody _body;
        private readonly CudaFrame _frame;
        private readonly List<CudaMemory> _memory = [];
        private readonly ulong[] _results;

        public Running(CudaBody body, CudaFrame outer)
        {
            (_body, _results) = (body, new ulong[body.Results]);
            var plan = body.Plan;
            _frame = new CudaFrame(outer.Device, outer.Module, plan.Slots.Length) { Doubts = outer.Doubts, Kept = outer.Kept, Stream = outer.Stream };
            var arenas = plan.Arenas.Select(bytes => Room(bytes)).ToArray();
            for (var slot = 0; slot < plan.Slots.Length; slot++)
            {
                if (plan.Slots[slot] is { Kind: HomeKind.Arena, Index: >= 0 } home)
                {
                    _frame[slot] = arenas[home.Index] + (ulong)home.Start;
                }
            }
        }

        /// <summary>Memory that is given back with the body's own.</summary>
        public ulong Room(long bytes)
        {
            var block = _frame.Device.Allocator.Allocate(bytes, "the work of a loop or branch");
            _memory.Add(block);
            return block.Address;
        }

        /// <summary>Says where an argument's elements are.</summary>
        public void Argument(int index, ulong address)
        {
            for (var slot = 0; slot < _body.Plan.Slots.Length; slot++)
            {
                if (_body.Plan.Slots[slot] == new Home(HomeKind.Argument, index, 0))
                {
                    _frame[slot] = address;
                }
            }
        }

        /// <summary>Says where a result's elements go.</summary>
        public void Result(int index, ulong address)
        {
            _results[index] = address;
            for (var slot = 0; slot < _body.Plan.Slots.Length; slot++)
            {
                if (_body.Plan.Slots[slot] is { Kind: HomeKind.Result } home && home.Index == index)
                {
                    _frame[slot] = address + (ulong)home.Start;
                }
            }
        }

        /// <summary>Runs the body; results that lie elsewhere, as they are arguments or other results, are copied to their places.</summary>
        public void Run()
        {
            _frame.Run(_body.Plan.Kernels);
            for (var i = 0; i < _results.Length; i++)
            {
                var from = _frame[_body.Plan.Results[i].Slot];
                if (from != _results[i] && _body.Bytes(i) > 0)
                {
                    _frame.Driver.Copy(_results[i], from, _body.Bytes(i));
                }
            }
        }

        public void Dispose()
        {
            if (_frame.Kept is { } kept)
            {
                kept.AddRange(_memory);
                return;
            }

            foreach (var block in _memory)
            {
                block.Dispose();
            }
        }
    }
}
