namespace Ad.Tensors;

/// <summary>How much work a program states, whatever a device makes of it: a pure function of its instructions.</summary>
/// <param name="Flops">
/// Element operations: one an element of an elementwise function (two of multiplyAdd), one an element that a reduction, running sum, window
/// or scatterAdd takes in, and two for each product that a contraction or convolution sums.
/// A scan's body counts for every step, a while loop's and its condition
/// once, as how often they run is not stated, and of a cond's bodies the first.
/// </param>
/// <param name="Bytes">Bytes of operands and results of all instructions that compute or copy: movement and constants are free.</param>
public readonly record struct ProgramCost(long Flops, long Bytes)
{
    /// <summary>The cost of nothing.</summary>
    public static ProgramCost Zero { get; }

    /// <summary>The cost of a program, run once.</summary>
    public static ProgramCost Of(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var cost = Zero;
        foreach (var runs in StructuredRun.In(program))
        {
            var body = Of(runs.Body);
            cost += new ProgramCost(runs.Times * body.Flops, runs.Times * body.Bytes);
        }

        foreach (var instruction in program.Instructions)
        {
            cost += new ProgramCost(FlopsOf(program, instruction), BytesOf(program, instruction));
        }

        return cost;
    }

    /// <summary>How many operations a program runs; arguments and constants are none.</summary>
    public static long Evaluations(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        long count = 0;
        foreach (var runs in StructuredRun.In(program))
        {
            count += runs.Times * Evaluations(runs.Body);
        }

        foreach (var instruction in program.Instructions)
        {
            count += instruction.Operation is Operation.Input or Operation.Constant or Operation.Structured ? 0 : 1;
        }

        return count;
    }

    /// <summary>The cost of two programs.</summary>
    public static ProgramCost operator +(ProgramCost left, ProgramCost right) =>
        new(left.Flops + right.Flops, left.Bytes + right.Bytes);

    /// <summary>The cost of two programs.</summary>
    public static ProgramCost Add(ProgramCost left, ProgramCost right) => left + right;

    private static long FlopsOf(Program program, Instruction instruction) => instruction.Operation switch
    {
        Operation.Elementwise { Function: Pointwise.MultiplyAdd } => 2 * instruction.Shape.Elements,
        Operation.Elementwise => instruction.Shape.Elements,
        Operation.Reduce or Operation.CumulativeSum => Operand(program, instruction, 0).Shape.Elements,
        Operation.ScatterAdd => Operand(program, instruction, 1).Shape.Elements,
        Operation.Contract contract => 2 * instruction.Shape.Elements * Summed(Operand(program, instruction, 0).Shape, contract.LeftSummed),
        Operation.Decompose decompose => Cpu.DecomposeKernel.Cost(decompose.Kind, Operand(program, instruction, 0).Shape),
        Operation.Solve solve => Cpu.SolveKernel.Cost(solve.System, Operand(program, instruction, 0).Shape, instruction.Shape),
        Operation.Convolve convolve => 2 * Products(convolve, Operand(program, instruction, 0).Shape, Operand(program, instruction, 1).Shape, instruction.Shape),
        Operation.Window { Windows: var windows } => windows.Hits(Operand(program, instruction, 0).Shape, instruction.Shape),
        Operation.WindowShare { Windows: var windows } => windows.Hits(Operand(program, instruction, 0).Shape, instruction.Shape),
        Operation.WindowSpread { Windows: var windows } => windows.Hits(instruction.Shape, Operand(program, instruction, 1).Shape),
        _ => 0,
    };

    private static long BytesOf(Program program, Instruction instruction)
    {
        if (instruction.Operation is Operation.Input or Operation.Constant or Operation.Iota
            or Operation.Reshape or Operation.Permute or Operation.Broadcast or Operation.Slice or Operation.Flip
            or Operation.Structured)
        {
            return 0;
        }

        var bytes = instruction.Shape.Elements * instruction.Type.Size();
        for (var i = 0; i < instruction.Operands.Count; i++)
        {
            var operand = Operand(program, instruction, i);
            bytes += operand.Shape.Elements * operand.Type.Size();
        }

        return bytes;
    }

    private static Instruction Operand(Program program, Instruction instruction, int operand) =>
        program.Instructions[instruction.Operands[operand]];

    private static long Summed(Shape shape, Axes axes)
    {
        long product = 1;
        foreach (var axis in axes.Values)
        {
            product *= shape[axis];
        }

        return product;
    }

    private static long Products(Operation.Convolve convolve, Shape x, Shape kernel, Shape result)
    {
        var products = (long)x[0] * x[1] * x[2] * kernel[1];
        for (var axis = 3; axis < x.Rank; axis++)
        {
            products *= convolve.Axis(axis - 3, x, kernel, result).Hits();
        }

        return products;
    }
}
