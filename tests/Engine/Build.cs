using Ad.Tensors;

namespace Engine;

/// <summary>Builds programs, working out shapes and types, so that tests say only what they are about.</summary>
internal sealed class Build
{
    private readonly List<Instruction> _instructions = [];
    private int _inputs;

    public Instruction this[int i] => _instructions[i];

    public int Count => _instructions.Count;

    public int Raw(Operation operation, DType type, Shape shape, params int[] operands)
    {
        _instructions.Add(new Instruction(operation, new Axes(operands), type, shape));
        return _instructions.Count - 1;
    }

    public Ad.Tensors.Program Returning(params int[] outputs) => new([.. _instructions], outputs);

    public int Input(DType type, params int[] sizes) => Raw(new Operation.Input(_inputs++), type, new Shape(sizes));

    public int Constant(DType type, double value, params int[] sizes) => Raw(new Operation.Constant(Scalar.Of(type, value)), type, new Shape(sizes));

    public int Iota(DType type, int axis, params int[] sizes) => Raw(new Operation.Iota(axis), type, new Shape(sizes));

    public int Random(DType type, int key, params int[] sizes) => Raw(new Operation.Random(), type, new Shape(sizes), key);

    public int Apply(Pointwise f, params int[] x)
    {
        var type = f.Types() == PointwiseTypes.Test ? DType.Bool : this[x[^1]].Type;
        return Raw(new Operation.Elementwise(f), type, this[x[0]].Shape, x);
    }

    public int Cast(int x, DType type) => Raw(new Operation.Cast(), type, this[x].Shape, x);

    public int Reduce(Reduction kind, int x, params int[] axes)
    {
        var shape = this[x].Shape;
        var type = kind is Reduction.ArgMax or Reduction.ArgMin ? DType.Int32 : this[x].Type;
        return Raw(
            new Operation.Reduce(kind, new Axes(axes)),
            type,
            new Shape([.. Enumerable.Range(0, shape.Rank).Where(a => !axes.Contains(a)).Select(a => shape[a])]),
            x);
    }

    public int CumulativeSum(int x, int axis, bool reverse) =>
        Raw(new Operation.CumulativeSum(axis, reverse), this[x].Type, this[x].Shape, x);

    public int Reshape(int x, params int[] sizes) => Raw(new Operation.Reshape(), this[x].Type, new Shape(sizes), x);

    public int Permute(int x, params int[] axes) =>
        Raw(new Operation.Permute(new Axes(axes)), this[x].Type, new Shape([.. axes.Select(a => this[x].Shape[a])]), x);

    public int Broadcast(int x, params int[] sizes) => Raw(new Operation.Broadcast(), this[x].Type, new Shape(sizes), x);

    public int Slice(int x, int[] starts, int[] steps, int[] sizes) =>
        Raw(new Operation.Slice(new Axes(starts), new Axes(steps)), this[x].Type, new Shape(sizes), x);

    public int Flip(int x, params int[] axes) => Raw(new Operation.Flip(new Axes(axes)), this[x].Type, this[x].Shape, x);

    public int Pad(int x, int[] low, int[] high, int[] interior)
    {
        var shape = this[x].Shape;
        var sizes = Enumerable.Range(0, shape.Rank).Select(a => low[a] + high[a] + shape[a] + (Math.Max(0, shape[a] - 1) * interior[a]));
        return Raw(new Operation.Pad(new Axes(low), new Axes(high), new Axes(interior)), this[x].Type, new Shape([.. sizes]), x);
    }

    public int Concatenate(int axis, params int[] x)
    {
        var sizes = this[x[0]].Shape.ToArray();
        sizes[axis] = x.Sum(i => this[i].Shape[axis]);
        return Raw(new Operation.Concatenate(axis), this[x[0]].Type, new Shape(sizes), x);
    }

    public int Take(int x, int indices, int axis, int batch)
    {
        var (s, i) = (this[x].Shape.ToArray(), this[indices].Shape.ToArray());
        return Raw(new Operation.Take(axis, batch), this[x].Type, new Shape([.. s[..axis], .. i[batch..], .. s[(axis + 1)..]]), x, indices);
    }

    public int ScatterAdd(int indices, int updates, int axis, int batch, params int[] sizes) =>
        Raw(new Operation.ScatterAdd(axis, batch), this[updates].Type, new Shape(sizes), indices, updates);

    public int Contract(int x, int y, int[] leftSummed, int[] rightSummed, int[]? leftBatch = null, int[]? rightBatch = null)
    {
        var (lb, rb) = (leftBatch ?? [], rightBatch ?? []);
        int[] sizes =
        [
            .. lb.Select(a => this[x].Shape[a]),
            .. Enumerable.Range(0, this[x].Shape.Rank).Where(a => !lb.Contains(a) && !leftSummed.Contains(a)).Select(a => this[x].Shape[a]),
            .. Enumerable.Range(0, this[y].Shape.Rank).Where(a => !rb.Contains(a) && !rightSummed.Contains(a)).Select(a => this[y].Shape[a]),
        ];
        return Raw(
            new Operation.Contract(new Axes(lb), new Axes(rb), new Axes(leftSummed), new Axes(rightSummed)), this[x].Type, new Shape(sizes), x, y);
    }

    /// <summary>Parameters one a spatial axis; sizes are the result's.</summary>
    public int Convolve(int x, int kernel, int[] sizes, int[] strides, int[] low, int[] inputDilation, int[] kernelDilation) => Raw(
        new Operation.Convolve(new Axes(strides), new Axes(low), new Axes(inputDilation), new Axes(kernelDilation)),
        this[x].Type,
        new Shape([this[x].Shape[0], this[x].Shape[1], this[kernel].Shape[1], .. sizes]),
        x,
        kernel);

    public int Window(Reduction kind, int x, int[] positions, Windows windows) => Raw(
        new Operation.Window(kind, windows),
        kind is Reduction.ArgMax or Reduction.ArgMin ? DType.Int32 : this[x].Type,
        new Shape([.. this[x].Shape.Sizes[..^positions.Length], .. positions]),
        x);
}
