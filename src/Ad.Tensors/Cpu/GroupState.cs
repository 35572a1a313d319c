using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>What one thread needs to run a group's blocks: scratch memory, readers, and where every node's block lies at the moment.</summary>
internal sealed partial class GroupState
{
    private readonly GroupProgram _program;
    private readonly byte[] _scratch;
    private readonly int _scratchStart;
    private readonly ViewReader?[] _readers;
    private readonly ViewReader[] _writers;
    private readonly bool[] _isPlaced;
    private readonly byte[][] _arrays;
    private readonly int[] _offsets;
    private readonly uint[] _keys;
    private readonly long[] _places;
    private readonly SegmentPad _pad;

    // Outputs that are written over something the group reads: a block of them is stored when nobody reads that block any more.
    private readonly List<int> _late = [];
    private readonly List<Segment> _over = [];
    private readonly (bool IsKnown, Segment? Segment)[] _overwriters;
    private readonly bool[] _uniform;

    // The nodes that are written to slots, that are read from slots, and that have something to do once for a run.
    private readonly int[] _outputs;
    private readonly int[] _loads;
    private readonly int[] _begun;
    private readonly int[] _outputStarts;
    private readonly int[] _outputSlots;
    private readonly int[] _loadSlots;
    private readonly int[] _sizes;
    private byte[] _lateScratch = [];

    public GroupState(GroupProgram program)
    {
        _program = program;
        // Pinned, so that the registers stay on the boundaries of cache lines.
        _scratch = GC.AllocateUninitializedArray<byte>((program.RegisterBytes * program.RegisterElements) + 64, pinned: true);
        _scratchStart = (int)(-BlockPool.Address(_scratch) & 63);
        _readers = [.. program.Readers.Select(layout => layout is null ? null : new ViewReader(layout))];
        _isPlaced = new bool[program.Scattered.Length];
        _writers = [.. program.Scattered.Select(s => new ViewReader(s.Target.Layout))];
        _arrays = new byte[program.Nodes.Length][];
        _offsets = new int[program.Nodes.Length];
        _keys = new uint[program.Nodes.Length * 2];
        _pad = new SegmentPad(program.PadBytes, program.Nodes.Length);
        _uniform = new bool[program.Nodes.Length];
        _places = program.Nodes.Any(n => n is Node.Ramp) ? new long[GroupProgram.BlockElements] : [];
        var nodes = Enumerable.Range(0, program.Nodes.Length);
        _outputs = [.. nodes.Where(i => program.Slots[i] >= 0)];
        _outputStarts = new int[_outputs.Length];
        _outputSlots = [.. _outputs.Select(i => program.Slots[i])];
        _loads = [.. nodes.Where(i => program.Nodes[i] is Node.Load)];
        _loadSlots = [.. _loads.Select(i => ((Node.Load)program.Nodes[i]).View.Slot)];
        _overwriters = new (bool, Segment?)[_outputs.Length * _loads.Length];
        _sizes = [.. program.Nodes.Select(node => node.Type.Size())];
        _begun = [.. nodes.Where(i => program.Nodes[i] is Node.Random || (program.Nodes[i] is Node.Load && program.Constant[i] && program.Registers[i] >= 0))];
        foreach (var i in nodes.Where(i => program.Registers[i] >= 0))
        {
            (_arrays[i], _offsets[i]) = Register(i);
            if (program.Nodes[i] is Node.Splat splat)
            {
                Fill(splat.Value, At(i, program.Filled[i]));
            }
        }
    }

    private (byte[] Array, int Offset) Register(int node) =>
        (_scratch, _scratchStart + (_program.Registers[node] * _program.RegisterElements));

    /// <summary>What it runs.</summary>
    public GroupProgram Program => _program;

    /// <summary>Room for the states of reductions.</summary>
    public byte[] Sums { get; init; } = [];

    /// <summary>Fills in what is the same for all blocks of a run.</summary>
    public void Begin(Frame frame)
    {
        FindLate(frame);
        foreach (var i in _begun)
        {
            switch (_program.Nodes[i])
            {
                case Node.Load load:
                    (_arrays[i], _offsets[i]) = Register(i);
                    FillFrom(frame, load.View, At(i, _program.Filled[i]));
                    break;
                case Node.Random random:
                    var key = frame.From<uint>(random.Key.Slot);
                    var layout = random.Key.Layout;
                    _keys[2 * i] = key[(int)layout.Offset];
                    _keys[(2 * i) + 1] = key[(int)(layout.Offset + layout.Strides[0])];
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>Forgets the arrays of a run, so as not to keep them alive.</summary>
    public void End()
    {
        (_tileSlot, _tileSize, _tile) = (-1, 0, default);
        foreach (var i in _loads)
        {
            _arrays[i] = null!;
        }

        foreach (var i in _outputs)
        {
            _arrays[i] = null!;
        }

        foreach (var (node, _) in _program.Scattered)
        {
            if (_program.Registers[node] >= 0)
            {
                (_arrays[node], _offsets[node]) = Register(node);
            }
        }
    }

    /// <summary>Computes all nodes over some elements. <see cref="Store"/> comes after it, when reductions have read them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Block(Frame frame, long start, int count)
    {
        var nodes = _program.Nodes;
        for (var i = 0; i < _writers.Length; i++)
        {
            if (_program.Beside[i] == 1)
            {
                PlaceScattered(frame, i, start, count);
            }
        }

        foreach (var (i, segment) in _program.Steps)
        {
            if (segment is not null)
            {
                segment.Run(_arrays, _offsets, _uniform, count, _pad, _over.Contains(segment));
                continue;
            }

            var slot = _program.Slots[i];
            if (slot >= 0 && !_late.Contains(i))
            {
                (_arrays[i], _offsets[i]) = (frame.Array(slot), frame.Start(slot) + (int)((_program.Starts[i] + start) * _sizes[i]));
            }

            if (_program.Functions[i] is { } function)
            {
                Apply(function, i, count);
                continue;
            }

            switch (nodes[i])
            {
                case Node.Load load when !_program.Constant[i]:
                    Load(frame, load.View, i, start, count);
                    break;
                case Node.Load load when slot >= 0:
                    FillFrom(frame, load.View, At(i, count));
                    break;
                case Node.Splat splat when slot >= 0:
                    Fill(splat.Value, At(i, count));
                    break;
                case Node.Ramp ramp:
                    var reader = _readers[i]!;
                    reader.Seek(start);
                    reader.Places(_places.AsSpan(0, count));
                    Casts.Of(DType.Int64, ramp.Type)(MemoryMarshal.AsBytes(_places.AsSpan(0, count)), default, default, At(i, count));
                    break;
                case Node.Random random:
                    Threefry.Fill(random.Type, _keys[2 * i], _keys[(2 * i) + 1], start, At(i, count));
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>Stores what <see cref="Block"/> computed for places that its readers, reductions among them, read until now, or for scattered ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Store(Frame frame, long start, int count)
    {
        foreach (var node in _late)
        {
            var (size, first) = (_program.Nodes[node].Type.Size(), _program.Starts[node] + start);
            At(node, count).CopyTo(frame.Array(_program.Slots[node]).AsSpan(frame.Start(_program.Slots[node]) + (int)(first * size)));
        }

        for (var i = 0; i < _writers.Length; i++)
        {
            var (node, target) = _program.Scattered[i];
            if (_isPlaced[i])
            {
                continue;
            }

            _writers[i].Seek(start);
            if (_program.Beside[i] > 1 && TryBeside(frame, i, _program.Beside[i], count))
            {
                i += _program.Beside[i] - 1;
                continue;
            }

            switch (target.Type.Size())
            {
                case 1:
                    _writers[i].Write(At(node, count), frame.Into<byte>(target.Slot));
                    break;
                case 2:
                    _writers[i].Write(MemoryMarshal.Cast<byte, short>(At(node, count)), frame.Into<short>(target.Slot));
                    break;
                case 4:
                    _writers[i].Write(MemoryMarshal.Cast<byte, int>(At(node, count)), frame.Into<int>(target.Slot));
                    break;
                default:
                    _writers[i].Write(MemoryMarshal.Cast<byte, long>(At(node, count)), frame.Into<long>(target.Slot));
                    break;
            }
        }
    }

    // A block that is one run where it belongs is computed there.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PlaceScattered(Frame frame, int i, long start, int count)
    {
        var (node, target) = _program.Scattered[i];
        _writers[i].Seek(start);
        _isPlaced[i] = false;
        if (_program.Nodes[node] is not (Node.Apply or Node.Cast))
        {
            return;
        }

        var at = _writers[i].TryRun(count);
        _isPlaced[i] = at >= 0;
        (_arrays[node], _offsets[node]) = at >= 0
            ? (frame.Array(target.Slot), frame.Start(target.Slot) + (int)(at * target.Type.Size()))
            : Register(node);
    }

    /// <summary>A node's elements in the current block.</summary>
    public Span<byte> At(int node, int count) =>
        _arrays[node].AsSpan(_offsets[node], count * _sizes[node]);

    private void Apply(BlockFunction function, int i, int count)
    {
        var operands = _program.Nodes[i].Operands.Values;
        var a = At(operands[0], count);
        var b = operands.Length > 1 ? At(operands[1], count) : default;
        var c = operands.Length > 2 ? At(operands[2], count) : default;
        function(a, b, c, At(i, count));
    }
}
