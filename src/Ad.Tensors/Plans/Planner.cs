namespace Ad.Tensors;

/// <summary>Where an instruction's value is while a plan is made.</summary>
internal abstract record Value
{
    /// <summary>In memory, seen through a layout.</summary>
    public sealed record Stored(View View) : Value;

    /// <summary>In memory, its elements in the order in which a layout of another shape has them, which no layout of its own shape has.</summary>
    public sealed record Reshaped(View View) : Value;

    /// <summary>A node of the group at a step: in memory only if somebody asks for that.</summary>
    public sealed record Member(int Step, int Node) : Value;

    /// <summary>Something a group makes up out of nothing; every group that reads it has it anew.</summary>
    public sealed record Leaf(Node Node) : Value;
}

/// <summary>
/// Turns a program into steps. Movement becomes layouts; pointwise instructions join a group they read from, as long as everything else they
/// read is there before that group runs, and reductions join the group they read if its elements lie right for them.
/// </summary>
internal sealed partial class Planner<K>
    where K : PlanStep
{
    // As a group grows, less of its blocks stays in the nearest cache, unless the device takes shorter ones, as it may where nothing is summed. That is
    // nothing to groups of a few elements, for which handing over from one group to the next is what costs.
    private int MostNodes(PointwiseGroup group) =>
        group.Elements <= FewestElements ? 4096 : group.Reductions.Count > 0 ? MostReducedNodes : _kernels.MostNodes;

    private const int MostReducedNodes = 96;

    private const long FewestElements = 64;

    private readonly Program _program;
    private readonly Value[] _values;
    private readonly List<object> _steps = [];
    private readonly List<int> _slotSteps = [];
    private readonly List<long> _slotBytes = [];
    private readonly Dictionary<int, int> _inputSlots = [];

    // Slots that are parts of larger ones, and where they start there.
    private readonly Dictionary<int, (int Slot, long Start)> _within = [];

    private readonly IKernels<K> _kernels;

    private Planner(Program program, IKernels<K> kernels)
    {
        (_program, _kernels) = (program, kernels);
        _values = new Value[program.Instructions.Length];
    }

    public static Plan<K> Make(Program program, IKernels<K> kernels)
    {
        var planner = new Planner<K>(program, kernels);
        foreach (var i in planner.FewElementsFirst())
        {
            planner._values[i] = planner.Place(i);
        }

        return planner.Finish();
    }

    /// <summary>
    /// The instructions in an order that keeps operands first, those that come from a few elements alone before all others: so that an update of a
    /// large tensor by numbers computed for it, such as a step's size, is one group.
    /// </summary>
    private IEnumerable<int> FewElementsFirst()
    {
        var instructions = _program.Instructions;
        var isSmall = new bool[instructions.Length];
        for (var i = 0; i < isSmall.Length; i++)
        {
            isSmall[i] = instructions[i].Shape.Elements <= FewestElements;
            foreach (var operand in instructions[i].Operands.Values)
            {
                isSmall[i] &= isSmall[operand];
            }
        }

        var order = Enumerable.Range(0, isSmall.Length);
        return order.Where(i => isSmall[i]).Concat(order.Where(i => !isSmall[i]));
    }

    private Shape ShapeOf(Instruction instruction, int operand) => _program.Instructions[instruction.Operands[operand]].Shape;

    private Value Place(int index)
    {
        var instruction = _program.Instructions[index];
        var shape = instruction.Shape;
        switch (instruction.Operation)
        {
            case Operation.Input input:
                if (!_inputSlots.TryGetValue(input.Index, out var inputSlot))
                {
                    _inputSlots[input.Index] = inputSlot = NewSlot(instruction.Type, shape, -1);
                }

                return new Value.Stored(new View(inputSlot, instruction.Type, Layout.RowMajor(shape)));
            case Operation.Constant constant:
                return new Value.Leaf(new Node.Splat(constant.Value));
            case Operation.Iota iota:
                var strides = new long[shape.Rank];
                strides[iota.Axis] = 1;
                return new Value.Leaf(new Node.Ramp(instruction.Type, new Layout(shape.Sizes.ToArray(), strides, 0)));
            case Operation.Random:
                return new Value.Leaf(new Node.Random(instruction.Type, InMemory(instruction, 0)));
            case Operation.Elementwise elementwise:
                return Join(instruction, operands => new Node.Apply(elementwise.Function, instruction.Type, operands));
            case Operation.Cast:
                return Join(instruction, operands => new Node.Cast(instruction.Type, operands[0]));
            case Operation.Reduce reduce:
                return Reduce(instruction, reduce);
            case Operation.Reshape:
                return Move(instruction, layout => layout.Reshape(shape));
            case Operation.Permute permute:
                return Move(instruction, layout => layout.Permute(permute.Axes.Values));
            case Operation.Broadcast:
                return Move(instruction, layout => layout.Broadcast(shape));
            case Operation.Slice slice:
                return Move(instruction, layout => layout.Slice(slice.Starts, slice.Steps, shape));
            case Operation.Flip flip:
                return Move(instruction, layout => layout.Flip(flip.Axes));
            case Operation.CumulativeSum sum:
                var extents = Around(shape, sum.Axis);
                return Kernel(instruction, target => _kernels.CumulativeSum(Contiguous(instruction, 0), target, extents, sum.Reverse));
            case Operation.Pad pad:
                return Pad(index, pad);
            case Operation.Concatenate concatenate:
                return SideBySide(index, concatenate.Axis, [.. instruction.Operands.Values.ToArray().Select(o => new Part(o, _program.Instructions[o].Shape))]);
            case Operation.Take take:
                var taken = Indexing.Of("take", ShapeOf(instruction, 0), ShapeOf(instruction, 1), take.Axis, take.Batch);
                return Kernel(instruction, target => _kernels.Take(taken, Contiguous(instruction, 0), Contiguous(instruction, 1), target));
            case Operation.ScatterAdd scatter:
                var added = Indexing.Of("scatterAdd", shape, ShapeOf(instruction, 0), scatter.Axis, scatter.Batch);
                return Kernel(instruction, target => _kernels.ScatterAdd(added, Contiguous(instruction, 0), Contiguous(instruction, 1), target, Room));
            case Operation.Contract contract:
                return Contract(instruction, contract, IsReadTurned(index));
            case Operation.Decompose decompose:
                return Kernel(instruction, target => _kernels.Decompose(
                    decompose.Kind, Contiguous(instruction, 0), ShapeOf(instruction, 0), shape, target));
            case Operation.Solve solve:
                return Kernel(instruction, target => _kernels.Solve(
                    solve.System, Contiguous(instruction, 0), Contiguous(instruction, 1), ShapeOf(instruction, 0), shape, target));
            case Operation.Convolve convolve:
                var (image, kernel) = (Factor(instruction, 0), Factor(instruction, 1));
                return Kernel(instruction, target => _kernels.Convolve(convolve, image, kernel, target, shape, Room));
            case Operation.Window window:
                return Kernel(instruction, target => _kernels.Window(window, Contiguous(instruction, 0), ShapeOf(instruction, 0), target, shape));
            case Operation.WindowShare share:
                return Kernel(instruction, target => _kernels.WindowShare(
                    share.Kind, share.Windows, Contiguous(instruction, 0), Contiguous(instruction, 1), ShapeOf(instruction, 0), shape, target, spreads: false, Room));
            case Operation.WindowSpread spread:
                return Kernel(instruction, target => _kernels.WindowShare(
                    spread.Kind, spread.Windows, Contiguous(instruction, 0), Contiguous(instruction, 1), shape, ShapeOf(instruction, 1), target, spreads: true, Room));
            case Operation.Sort sort:
                var lines = Around(shape, sort.Axis);
                return Kernel(instruction, target => _kernels.Sort(Contiguous(instruction, 0), target, lines, sort.Descending, Room));
            case Operation.Structured structured:
                return Structured(instruction, structured);
            default:
                throw new NotSupportedException($"The operation {instruction.Operation} is not known to the device {_kernels.Device}.");
        }
    }

    private Value Move(Instruction instruction, Func<Layout, Layout?> move)
    {
        var isReshape = instruction.Operation is Operation.Reshape;
        switch (_values[instruction.Operands[0]])
        {
            case Value.Leaf { Node: Node.Splat } splat:
                return splat;
            case Value.Leaf { Node: Node.Random } random when isReshape:
                return random;
            case Value.Leaf { Node: Node.Ramp ramp } when move(ramp.Layout) is { } layout:
                return new Value.Leaf(ramp with { Layout = layout });
            case Value.Member member when isReshape:
                return member;
            case Value.Reshaped { View: var listed } when isReshape:
                return Moved(listed);
        }

        return Moved(InMemory(instruction, 0));

        Value Moved(View view) => move(view.Layout) is { } moved ? new Value.Stored(view with { Layout = moved }) : new Value.Reshaped(view);
    }

    private Value.Stored Kernel(Instruction instruction, Func<int, K> make)
    {
        var target = NewSlot(instruction.Type, instruction.Shape, 0);
        var kernel = make(target);
        _slotSteps[target] = _steps.Count;
        _steps.Add(kernel);
        return new Value.Stored(new View(target, instruction.Type, Layout.RowMajor(instruction.Shape)));
    }

    private static Extents Around(Shape shape, int axis)
    {
        long outer = 1, inner = 1;
        for (var i = 0; i < shape.Rank; i++)
        {
            (outer, inner) = i < axis ? (outer * shape[i], inner) : i > axis ? (outer, inner * shape[i]) : (outer, inner);
        }

        return new Extents(outer, shape[axis], inner);
    }

    // Memory for one step alone: it is there from that step to that step.
    private int Room(long bytes)
    {
        _slotSteps.Add(_steps.Count);
        _slotBytes.Add(bytes);
        return _slotSteps.Count - 1;
    }

    private int NewSlot(DType type, Shape shape, int step)
    {
        _slotSteps.Add(step);
        _slotBytes.Add(shape.Elements * type.Size());
        return _slotSteps.Count - 1;
    }
}
