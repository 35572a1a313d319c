using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Runs a group block by block: all elements one after another, or, with reductions, in the order that suits their extents. How the work
/// is cut into items depends on the extents and the nodes alone, so that the bits never depend on the number of threads.
/// </summary>
internal sealed partial class GroupKernel : Kernel
{
    // What handing a block to a function costs, in elements.
    private const long OverheadElements = 300;

    // Once others have brought the loops about, what it still takes to use them, as a part of emitting them.
    private const int Share = 64;

    // What groups of one structure have cost together, whatever program they are in: their loops are shared, so that to emit them pays sooner. Structures
    // that fall on one place do no harm.
    private static readonly long[] Together = new long[4096];

    private readonly PointwiseGroup _group;
    private readonly long _emitAfter;
    private readonly int _structure;
    private GroupProgram _program;
    private long _done;
    private readonly Reducer[] _reducers;
    private readonly GroupCut _cut;
    private readonly ConcurrentBag<GroupState> _states = [];

    // One of them, found by one exchange: most kernels are run by one thread at a time.
    private GroupState? _state;

    public GroupKernel(PointwiseGroup group, long emitAfter)
    {
        _group = group;
        _program = new GroupProgram(group, emitted: false);
        _emitAfter = GroupProgram.IsWorthEmitting(group) ? emitAfter : long.MaxValue;
        _structure = Structure(group);
        _reducers = [.. group.Reductions.Select(r => Reducer.Of(r.Kind, group.Nodes[r.Node].Type, r.Type))];
        _cut = _reducers.Length > 0
            ? new GroupCut(group.Extents!.Value, GroupProgram.BlockElements, _program.Weight)
            : new GroupCut(group.Elements, _program.Row > 0 ? _program.Row : GroupProgram.BlockElements, _program.Weight);
    }

    public override IEnumerable<int> Reads => _group.Views().Select(view => view.Slot).Distinct();

    public override IEnumerable<int> Writes => _group.Writes;

    /// <summary>The slots that it writes in part, or in another order than that of its elements.</summary>
    public IEnumerable<int> Scatters => _group.Scatters;

    // A block is stored when all of it has been loaded: see GroupState.
    public override bool ReadsInPlace(int source, int target) => _group.ReadsInPlace(source, target);

    public override long Flops => _group.Elements * (_group.Nodes.Count(n => n is Node.Apply) + _group.Reductions.Count);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(Frame frame, Workers workers)
    {
        var program = Program();
        var partials = _cut.RowItems > 1
            ? _reducers.Select(r => new byte[_cut.Items * 8 * r.Planes * _cut.StateResults]).ToArray()
            : [];
        workers.Run(new Work(this, program, frame, partials), _cut.Items, _cut.Elements * program.Weight >= Workers.Grain);
        for (var r = 0; r < partials.Length; r++)
        {
            Combine(frame, r, partials[r]);
        }
    }

    /// <summary>What it does.</summary>
    public PointwiseGroup Group => _group;

    public long Elements => _group.Elements;

    /// <summary>The rows that its reductions leave, or 0 without reductions.</summary>
    public long Rows => _group.Extents?.Outer ?? 0;

    /// <summary>The views it loads.</summary>
    public IEnumerable<View> Views => _group.Nodes.OfType<Node.Load>().Select(load => load.View);

    /// <summary>Whether it can go through so many rows in any order.</summary>
    public bool GoesThrough(long rows) =>
        _group.Elements > 0
        && !_group.Nodes.Any(node => node is Node.Random)
        && (_group.Extents is { } extents ? extents.Outer == rows && _cut.RowItems == 1 : _group.Elements % rows == 0);

    /// <summary>Does some rows, for whoever has them follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void DoRows(GroupState state, Frame frame, long first, long count, long rows)
    {
        if (_reducers.Length == 0)
        {
            var each = _group.Elements / rows;
            if (each <= int.MaxValue / count && (state.Program.Row == 0 || each <= state.Program.Row))
            {
                state.Tiled(frame, -1, 0, new Tile([], 0, first * each, (int)count, (int)each, each));
            }
            else
            {
                DoElements(state, frame, first * each, (first + count) * each);
            }
        }
        else if (_cut.WholeResults)
        {
            DoWhole(state, frame, state.Sums, first, first + count);
        }
        else
        {
            for (var item = first * _cut.Columns; item < (first + count) * _cut.Columns; item++)
            {
                DoPart(state, frame, [], state.Sums, (int)item);
            }
        }
    }

    /// <summary>What one thread needs to take part, to be given back by <see cref="End"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public GroupState Begin(GroupProgram program, Frame frame)
    {
        // States of the program before are left to the garbage collector.
        var state = Interlocked.Exchange(ref _state, null);
        while (state is null || state.Program != program)
        {
            if (!_states.TryTake(out state))
            {
                break;
            }
        }

        state ??= new GroupState(program) { Sums = new byte[_reducers.Sum(r => 8 * r.Planes) * _cut.StateResults] };
        if (_cut.Elements > 0)
        {
            state.Begin(frame);
        }

        return state;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void End(GroupState state)
    {
        state.End();
        if (Interlocked.Exchange(ref _state, state) is { } other)
        {
            _states.Add(other);
        }
    }

    private static int Structure(PointwiseGroup group)
    {
        var hash = default(HashCode);
        foreach (var node in group.Nodes)
        {
            hash.Add((node.GetType(), node.Type, (node as Node.Apply)?.Function));
            foreach (var operand in node.Operands.Values)
            {
                hash.Add(operand);
            }
        }

        return (int)((uint)hash.ToHashCode() % (uint)Together.Length);
    }

    // Interpreted until that has cost about as much as emitting loops does, so that neither is ever more than twice as much as need be.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public GroupProgram Program()
    {
        var program = Volatile.Read(ref _program);
        if (program.IsEmitted)
        {
            return program;
        }

        var cost = _cut.Elements + OverheadElements;
        var (own, together) = (Interlocked.Add(ref _done, cost), Interlocked.Add(ref Together[_structure], cost));
        if (own < _emitAfter && (together < _emitAfter || own < _emitAfter / Share))
        {
            return program;
        }

        program = new GroupProgram(_group, emitted: true);
        Volatile.Write(ref _program, program);
        return program;
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"pointwise over {_group.Elements}");
        if (_group.Extents is { } extents)
        {
            text.Append(CultureInfo.InvariantCulture, $" as [{extents.Outer}, {extents.Reduced}, {extents.Inner}]");
        }

        text.Append(':');
        for (var i = 0; i < _group.Nodes.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $" v{i} = ");
            text.Append(_group.Nodes[i] switch
            {
                Node.Load load => $"load {load.View}",
                Node.Splat splat => $"{splat.Value}",
                Node.Ramp ramp => $"ramp {ramp.Layout}",
                Node.Random random => $"random {random.Key}",
                Node.Apply apply => apply.Function.Name(),
                Node.Cast => "cast",
                _ => "",
            });
            foreach (var operand in _group.Nodes[i].Operands.Values)
            {
                text.Append(CultureInfo.InvariantCulture, $" v{operand}");
            }

            text.Append(CultureInfo.InvariantCulture, $" : {_group.Nodes[i].Type.Name()}");
            text.Append(_group.Outputs.TryGetValue(i, out var target) ? $" -> {target};" : ";");
        }

        foreach (var reduction in _group.Reductions)
        {
            text.Append(CultureInfo.InvariantCulture, $" {Names.CamelCase(reduction.Kind.ToString())} v{reduction.Node} -> s{reduction.Slot};");
        }

        return text.ToString();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Do(GroupState state, Frame frame, byte[][] partials, byte[] sums, int item)
    {
        if (_reducers.Length == 0)
        {
            DoElements(state, frame, item * _cut.ItemElements, Math.Min(_cut.Elements, (item + 1L) * _cut.ItemElements));
        }
        else if (_cut.WholeResults)
        {
            DoWhole(state, frame, sums, item * _cut.OuterPerItem, Math.Min(_cut.Extents.Outer, (item + 1L) * _cut.OuterPerItem));
        }
        else
        {
            DoPart(state, frame, partials, sums, item);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DoElements(GroupState state, Frame frame, long start, long end)
    {
        var row = state.Program.Row;
        var block = row > 0 && state.Program.FitsRows(row) && start % row == 0 && end % row == 0 ? row : state.Program.Block;
        var whole = (int)((end - start) / block);
        if (whole > 0)
        {
            state.Tiled(frame, -1, 0, new Tile([], 0, start, whole, block, block));
            start += (long)whole * block;
        }

        if (start < end)
        {
            state.Block(frame, start, (int)(end - start));
            state.Store(frame, start, (int)(end - start));
        }
    }

    private sealed class Work(GroupKernel kernel, GroupProgram program, Frame frame, byte[][] partials) : IWork
    {
        public object? Begin() => kernel.Begin(program, frame);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Do(object? state, int item)
        {
            var group = (GroupState)state!;
            kernel.Do(group, frame, partials, group.Sums, item);
        }

        public void End(object? state) => kernel.End((GroupState)state!);
    }
}
