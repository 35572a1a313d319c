namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Functions on tensors: making them, reading them, and computing with them.</summary>
/// <remarks>The tensor comes last. Axes count from 0, or from the end when negative. Shapes broadcast by NumPy's rule.</remarks>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Tensor =
    /// <summary>The elements in row-major order under a shape; the element type follows the data.</summary>
    /// <exception cref="T:System.ArgumentException">The number of elements is not the shape's.</exception>
    let ofArray (shape: int seq) (data: 'a[]) =
        let shape = shapeOf shape

        if shape.Elements <> int64 data.Length then
            Shapes.refuse
                "ofArray"
                $"the shape {shape} takes {shape.Elements} elements, but {data.Length} were given."

        Tensor.OfStorage(HostStorage.Copy<'a>(shape, ReadOnlySpan data))

    /// One number as a tensor of rank 0.
    let scalar (value: 'a) = ofArray [] [| value |]

    let private elements (values: 'a seq) =
        match values with
        | :? ('a[]) as data -> data
        | values -> Seq.toArray values

    /// Numbers as a tensor of rank 1.
    let vector (values: 'a seq) =
        let data = elements values
        ofArray [ data.Length ] data

    /// <summary>Rows of numbers as a tensor of rank 2.</summary>
    /// <exception cref="T:System.ArgumentException">The rows differ in length.</exception>
    let matrix (rows: #seq<'a> seq) =
        let data = [| for row in rows -> elements row |]
        let width = if data.Length = 0 then 0 else data[0].Length
        let storage = HostStorage.Allocate(DTypes.Of<'a>(), shapeOf [ data.Length; width ])

        for i in 0 .. data.Length - 1 do
            if data[i].Length <> width then
                Shapes.refuse "matrix" $"row {i} has {data[i].Length} elements, but row 0 has {width}."

            ReadOnlySpan(data[i]).CopyTo(storage.Writable<'a>().Slice(i * width, width))

        Tensor.OfStorage storage

    /// One value in every element.
    let full (dtype: DType) (shape: int seq) (value: float) =
        Tensor.BroadcastTo(
            shapeOf shape,
            Tensor.Like("full", Tensor.Splat(Scalar.Of(dtype, 0L), Shape.Scalar), value)
        )

    let private splat dtype (value: int64) shape = Tensor.Splat(Scalar.Of(dtype, value), shape)

    /// Zeros (false for Bool).
    let zeros (dtype: DType) (shape: int seq) = splat dtype 0L (shapeOf shape)

    /// Ones (true for Bool).
    let ones (dtype: DType) (shape: int seq) = splat dtype 1L (shapeOf shape)

    /// Zeros of a tensor's type and shape.
    let zerosLike (t: Tensor) = splat t.DType 0L t.Shape

    /// Ones of a tensor's type and shape.
    let onesLike (t: Tensor) = splat t.DType 1L t.Shape

    /// A number in every element of a tensor's type and shape.
    let fullLike (t: Tensor) (value: float) = Tensor.Like("fullLike", t, value)

    /// Each element's position along an axis of a shape.
    let iota (dtype: DType) (shape: int seq) (axis: int) =
        let shape = shapeOf shape
        Tensor.Create(Iota(dtype, shape, Shapes.axis "iota" shape.Rank axis))

    /// 0, 1, ..., count - 1.
    let arange (dtype: DType) (count: int) = iota dtype [ count ] 0

    /// <summary>Evenly spaced numbers from start to stop, both included: start + i (stop - start) / (count - 1).</summary>
    let linspace (dtype: DType) (start: float) (stop: float) (count: int) =
        if not (dtype.IsFloat()) then
            Shapes.refuse "linspace" $"makes floats, not {dtype.Name()}."

        if count < 0 then
            Shapes.refuse "linspace" $"cannot make {count} numbers."

        let data =
            Array.init count (fun i ->
                if i = count - 1 && i > 0 then
                    stop
                else
                    start + (stop - start) * float i / float (max 1 (count - 1)))

        if dtype = DType.Float32 then
            ofArray [ count ] (Array.map float32 data)
        elif dtype.IsHalf() then
            Tensor.Create(Cast dtype, ofArray [ count ] data)
        else
            ofArray [ count ] data

    /// <summary>Numbers evenly spaced on a logarithmic scale from 10^start to 10^stop, both included: 10^(start + i (stop - start) / (count - 1)).</summary>
    let logspace (dtype: DType) (start: float) (stop: float) (count: int) =
        let exponents = linspace dtype start stop count
        Tensor.Pointwise(Pointwise.Power, fullLike exponents 10.0, exponents)

    /// The elements row by row, computed now if nobody has asked before; 'a must be the element type.
    let toArray<'a when 'a: unmanaged and 'a: struct and 'a: (new: unit -> 'a) and 'a :> ValueType>
        (t: Tensor)
        : 'a[] =
        t.ToArray<'a>()

    /// The only element, as a float.
    let toScalar (t: Tensor) : float = t.ToScalar()

    /// The sizes of the axes.
    let shape (t: Tensor) : int list = List.ofSeq t.Shape

    /// The element type.
    let dtype (t: Tensor) : DType = t.DType

    /// The number of axes.
    let rank (t: Tensor) : int = t.Rank

    /// Computes all tensors of a tree together, and returns the tree.
    let eval (tree: 'a) : 'a = Tree.eval tree

    /// <summary>The same elements in a device's memory, such as <c>Tensor.onDevice (Cuda 0) x</c>: the tensor itself if they are there.</summary>
    /// <remarks>What is computed from the tensor is computed there, together with tensors that were never moved; two that were moved to different
    /// devices are an error. Linear; its derivative moves back to where the tensor is.</remarks>
    let onDevice (device: Device) (t: Tensor) : Tensor = Tensor.OnDevice(device, t)

    /// The device that the elements are on, or will be computed on.
    let device (t: Tensor) : Device = t.Device

    /// <summary>The same values in another type: rounded to nearest, floats to integers truncated toward zero, true unless 0.</summary>
    /// <remarks>Linear between the float types, so derivatives pass through; none pass through other types.</remarks>
    let cast (dtype: DType) (t: Tensor) = if t.DType = dtype then t else Tensor.Create(Cast dtype, t)

    /// The tensor itself, through which no derivative flows.
    let stopGradient (t: Tensor) = Tensor.Create(StopGradient, t)

    /// The tensor itself; derivatives pass through unchanged.
    let identity (t: Tensor) = t
