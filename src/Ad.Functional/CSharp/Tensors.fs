namespace Ad.Functional.CSharp

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Ad.Functional
open Ad.Tensors

/// Makes tensors.
[<AbstractClass; Sealed>]
type Tensors =
    /// One number as a tensor of rank 0; the element type follows it.
    static member Scalar(value: 'a) = Tensor.scalar value

    /// Numbers as a tensor of rank 1.
    static member Vector([<ParamArray>] values: 'a[]) = Tensor.vector values

    /// The elements in row-major order under a shape.
    static member OfArray(shape: int[], data: 'a[]) = Tensor.ofArray shape data

    /// Zeros (false for Bool).
    static member Zeros(dtype: DType, [<ParamArray>] shape: int[]) = Tensor.zeros dtype shape

    /// Ones (true for Bool).
    static member Ones(dtype: DType, [<ParamArray>] shape: int[]) = Tensor.ones dtype shape

    /// One value in every element.
    static member Full(dtype: DType, value: float, [<ParamArray>] shape: int[]) =
        Tensor.full dtype shape value

    /// 0, 1, ..., count - 1.
    static member Arange(dtype: DType, count: int) = Tensor.arange dtype count

    /// Evenly spaced numbers, both ends included.
    static member Linspace(dtype: DType, start: float, stop: float, count: int) =
        Tensor.linspace dtype start stop count

    /// Numbers evenly spaced on a logarithmic scale from 10^start to 10^stop, both included.
    static member Logspace(dtype: DType, start: float, stop: float, count: int) =
        Tensor.logspace dtype start stop count

    /// Each element's position along an axis.
    static member Iota(dtype: DType, axis: int, [<ParamArray>] shape: int[]) = Tensor.iota dtype shape axis

    /// The rows of a matrix; all have one length.
    static member Matrix([<ParamArray>] rows: 'a[][]) = Tensor.matrix rows

    /// Coordinates on a grid: for vectors as many tensors, the i-th of which changes along axis i.
    static member Meshgrid([<ParamArray>] axes: Tensor[]) : Tensor[] = Tensor.meshgrid axes |> Array.ofList

    /// The identity matrix.
    static member Eye(dtype: DType, n: int) = Tensor.eye dtype n

    /// Tensors one after another along an axis.
    static member Concat(axis: int, [<ParamArray>] tensors: Tensor[]) = Tensor.concat axis tensors

    /// Tensors side by side along a new axis.
    static member Stack(axis: int, [<ParamArray>] tensors: Tensor[]) = Tensor.stack axis tensors

    /// a where the condition holds, else b; the side not taken never shows.
    static member Where(condition: Tensor, a: Tensor, b: Tensor) = Tensor.where condition a b

    /// Computes tensors together.
    static member Eval([<ParamArray>] tensors: Tensor[]) = Tensor.eval tensors |> ignore

/// The functions of tensors as methods. Reductions without axes reduce all; axes may be negative.
[<AbstractClass; Sealed; Extension>]
type TensorMethods =
    /// The same values in another type.
    [<Extension>]
    static member Cast(x: Tensor, dtype: DType) = Tensor.cast dtype x

    /// The same elements under another shape; one size may be -1.
    [<Extension>]
    static member Reshape(x: Tensor, [<ParamArray>] shape: int[]) = Tensor.reshape shape x

    /// The axes in another order.
    [<Extension>]
    static member Permute(x: Tensor, [<ParamArray>] axes: int[]) = Tensor.permute axes x

    /// The axes in reverse order.
    [<Extension>]
    static member Transpose(x: Tensor) = Tensor.transpose x

    /// Repeated to a larger shape.
    [<Extension>]
    static member BroadcastTo(x: Tensor, [<ParamArray>] shape: int[]) = Tensor.broadcastTo shape x

    /// A new axis of size 1.
    [<Extension>]
    static member ExpandDims(x: Tensor, axis: int) = Tensor.expandDims axis x

    /// Axes of size 1 removed.
    [<Extension>]
    static member Squeeze(x: Tensor, [<ParamArray>] axes: int[]) = Tensor.squeeze axes x

    /// Elements start up to but not including stop along an axis.
    [<Extension>]
    static member Slice
        (x: Tensor, axis: int, start: int, stop: int, [<Optional; DefaultParameterValue(1)>] step: int)
        =
        Tensor.sliceAxis axis start stop step x

    /// The part at an index of the first axis, which disappears.
    [<Extension>]
    static member At(x: Tensor, [<ParamArray>] indices: int[]) = x[indices]

    /// The slices at positions along an axis.
    [<Extension>]
    static member Take(x: Tensor, axis: int, indices: Tensor) = Tensor.take axis indices x

    /// The matrix product.
    [<Extension>]
    static member MatMul(x: Tensor, other: Tensor) = Tensor.matmul x other

    /// The sum.
    [<Extension>]
    static member Sum(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.sum x
        else
            Tensor.sumOver axes x

    /// The mean.
    [<Extension>]
    static member Mean(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.mean x
        else
            Tensor.meanOver axes x

    /// The product.
    [<Extension>]
    static member Prod(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.prod x
        else
            Tensor.prodOver axes x

    /// The largest.
    [<Extension>]
    static member Max(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.max x
        else
            Tensor.maxOver axes x

    /// The smallest.
    [<Extension>]
    static member Min(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.min x
        else
            Tensor.minOver axes x

    /// The position of the first largest.
    [<Extension>]
    static member ArgMax(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.argmax x
        else
            Tensor.argmaxOver axes x

    /// The position of the first smallest.
    [<Extension>]
    static member ArgMin(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.argmin x
        else
            Tensor.argminOver axes x

    /// x to a power.
    [<Extension>]
    static member Pow(x: Tensor, exponent: float) = Tensor.Pow(x, exponent)

    /// |x|.
    [<Extension>]
    static member Abs(x: Tensor) = Tensor.abs x

    /// e^x.
    [<Extension>]
    static member Exp(x: Tensor) = Tensor.exp x

    /// The natural logarithm.
    [<Extension>]
    static member Log(x: Tensor) = Tensor.log x

    /// The square root.
    [<Extension>]
    static member Sqrt(x: Tensor) = Tensor.sqrt x

    /// The sine.
    [<Extension>]
    static member Sin(x: Tensor) = Tensor.sin x

    /// The cosine.
    [<Extension>]
    static member Cos(x: Tensor) = Tensor.cos x

    /// The hyperbolic tangent.
    [<Extension>]
    static member Tanh(x: Tensor) = Tensor.tanh x

    /// 1 / (1 + e^-x).
    [<Extension>]
    static member Sigmoid(x: Tensor) = Tensor.sigmoid x

    /// max(x, 0).
    [<Extension>]
    static member Relu(x: Tensor) = Tensor.relu x

    /// exp(x) / sum exp(x) along an axis.
    [<Extension>]
    static member Softmax(x: Tensor, axis: int) = Tensor.softmax axis x

    /// log softmax along an axis.
    [<Extension>]
    static member LogSoftmax(x: Tensor, axis: int) = Tensor.logSoftmax axis x

    /// log sum exp.
    [<Extension>]
    static member LogSumExp(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.logSumExp x
        else
            Tensor.logSumExpOver axes x

    /// The Euclidean norm of all elements.
    [<Extension>]
    static member Norm(x: Tensor) = Tensor.norm x

    /// The same elements in a device's memory; what is computed from the tensor is computed there.
    [<Extension>]
    static member OnDevice(x: Tensor, device: Device) = Tensor.onDevice device x

    /// The tensor, through which no derivative flows.
    [<Extension>]
    static member StopGradient(x: Tensor) = Tensor.stopGradient x
