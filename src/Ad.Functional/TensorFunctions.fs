namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Functions on tensors: making them, reading them, and computing with them.</summary>
/// <remarks>The tensor comes last. Axes count from 0, or from the end when negative. Shapes broadcast by NumPy's rule.</remarks>
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Tensor =
    // ---- making

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

    /// Numbers as a tensor of rank 1.
    let vector (values: 'a seq) =
        let data = Seq.toArray values
        ofArray [ data.Length ] data

    /// <summary>Rows of numbers as a tensor of rank 2.</summary>
    /// <exception cref="T:System.ArgumentException">The rows differ in length.</exception>
    let matrix (rows: #seq<'a> seq) =
        let data = rows |> Seq.map Seq.toArray |> Seq.toArray
        let width = if data.Length = 0 then 0 else data[0].Length

        data
        |> Array.iteri (fun i row ->
            if row.Length <> width then
                Shapes.refuse "matrix" $"row {i} has {row.Length} elements, but row 0 has {width}.")

        ofArray [ data.Length; width ] (Array.concat data)

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

    // ---- reading

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

    // ---- devices

    /// <summary>The same elements in a device's memory, such as <c>Tensor.onDevice (Cuda 0) x</c>: the tensor itself if they are there.</summary>
    /// <remarks>What is computed from the tensor is computed there, together with tensors that were never moved; two that were moved to different
    /// devices are an error. Linear; its derivative moves back to where the tensor is.</remarks>
    let onDevice (device: Device) (t: Tensor) : Tensor = Tensor.OnDevice(device, t)

    /// The device that the elements are on, or will be computed on.
    let device (t: Tensor) : Device = t.Device

    // ---- types

    /// <summary>The same values in another type: rounded to nearest, floats to integers truncated toward zero, true unless 0.</summary>
    /// <remarks>Linear between the float types, so derivatives pass through; none pass through other types.</remarks>
    let cast (dtype: DType) (t: Tensor) = if t.DType = dtype then t else Tensor.Create(Cast dtype, t)

    /// The tensor itself, through which no derivative flows.
    let stopGradient (t: Tensor) = Tensor.Create(StopGradient, t)

    /// The tensor itself; derivatives pass through unchanged.
    let identity (t: Tensor) = t

    // ---- elementwise

    let private unary f (x: Tensor) = Tensor.Pointwise(f, x)
    let private binary f (a: Tensor) (b: Tensor) = Tensor.Pointwise(f, a, b)

    /// a + b.
    let add a b = binary Pointwise.Add a b

    /// a - b.
    let subtract a b = binary Pointwise.Subtract a b

    /// a b, element by element.
    let multiply a b = binary Pointwise.Multiply a b

    /// a / b.
    let divide a b = binary Pointwise.Divide a b

    /// a - b trunc(a / b), with the sign of a.
    let remainder a b = binary Pointwise.Remainder a b

    /// a^b; 0^0 is 1. Derivatives at a = 0: d/da is 0 for b = 0, d/db is 0 for b >= 0.
    let pow a b = binary Pointwise.Power a b

    /// The angle of the point (x, y) in (-pi, pi]; its derivative at the origin is 0.
    let atan2 y x = binary Pointwise.Atan2 y x

    /// The larger; NaN if either is. At ties each has half the derivative.
    let maximum a b = binary Pointwise.Maximum a b

    /// The smaller; NaN if either is. At ties each has half the derivative.
    let minimum a b = binary Pointwise.Minimum a b

    /// a b + c, rounded once.
    let multiplyAdd (a: Tensor) (b: Tensor) (c: Tensor) = Tensor.Pointwise(Pointwise.MultiplyAdd, a, b, c)

    /// a b, but exactly 0 wherever a or b is 0, even if the other is infinite or NaN: how derivatives are multiplied, so that a path through a
    /// zero adds nothing, whichever end it is walked from. The sign of a zero product is not specified.
    let scale (a: Tensor) (b: Tensor) =
        match a.Op with
        | Constant(one, shape) when shape = b.Shape && one = Scalar.Of(b.DType, 1.0) -> b
        | _ -> binary Pointwise.Scale a b

    /// -x.
    let negate x = unary Pointwise.Negate x

    /// |x|, whose derivative at 0 is 0.
    let abs x = unary Pointwise.Abs x

    /// -1, 0 or 1.
    let sign x = unary Pointwise.Sign x

    /// e^x.
    let exp x = unary Pointwise.Exp x

    /// e^x - 1, exact to rounding near 0.
    let expm1 x = unary Pointwise.Expm1 x

    /// The natural logarithm.
    let log x = unary Pointwise.Log x

    /// log(1 + x), exact to rounding near 0.
    let log1p x = unary Pointwise.Log1p x

    /// The logarithm to base 2: log x / log 2.
    let log2 x = log x / Math.Log 2.0

    /// The logarithm to base 10: log x / log 10.
    let log10 x = log x / Math.Log 10.0

    /// The square root; its derivative at 0 is infinite, and 0 where what reaches it is 0.
    let sqrt x = unary Pointwise.Sqrt x

    /// 1 / sqrt x.
    let rsqrt x = unary Pointwise.Rsqrt x

    /// x^2.
    let square (x: Tensor) = x * x

    /// The sine.
    let sin x = unary Pointwise.Sin x

    /// The cosine.
    let cos x = unary Pointwise.Cos x

    /// The tangent.
    let tan x = unary Pointwise.Tan x

    /// The inverse sine.
    let asin x = unary Pointwise.Asin x

    /// The inverse cosine.
    let acos x = unary Pointwise.Acos x

    /// The inverse tangent.
    let atan x = unary Pointwise.Atan x

    /// The hyperbolic sine.
    let sinh x = unary Pointwise.Sinh x

    /// The hyperbolic cosine.
    let cosh x = unary Pointwise.Cosh x

    /// The hyperbolic tangent.
    let tanh x = unary Pointwise.Tanh x

    /// The inverse hyperbolic sine.
    let asinh x = unary Pointwise.Asinh x

    /// The inverse hyperbolic cosine.
    let acosh x = unary Pointwise.Acosh x

    /// The inverse hyperbolic tangent.
    let atanh x = unary Pointwise.Atanh x

    /// 1 / (1 + e^-x), without overflow.
    let sigmoid x = unary Pointwise.Sigmoid x

    /// The error function.
    let erf x = unary Pointwise.Erf x

    /// log |Gamma(x)|.
    let lgamma x = unary Pointwise.Lgamma x

    /// The derivative of lgamma.
    let digamma x = unary Pointwise.Digamma x

    /// The n-th derivative of digamma, for whole n >= 0 and x > 0.
    let polygamma (n: Tensor) (x: Tensor) = binary Pointwise.Polygamma n x

    /// The greatest integer not above x; derivative 0.
    let floor x = unary Pointwise.Floor x

    /// The least integer not below x; derivative 0.
    let ceil x = unary Pointwise.Ceil x

    /// The nearest integer, ties to even; derivative 0.
    let round x = unary Pointwise.Round x

    /// a = b, element by element.
    let equal a b = binary Pointwise.Equal a b

    /// Not a = b, element by element.
    let notEqual a b = binary Pointwise.NotEqual a b

    /// a below b.
    let less a b = binary Pointwise.Less a b

    /// a below or equal to b.
    let lessEqual a b = binary Pointwise.LessEqual a b

    /// a above b.
    let greater a b = binary Pointwise.Less b a

    /// a above or equal to b.
    let greaterEqual a b = binary Pointwise.LessEqual b a

    /// Both.
    let logicalAnd a b = binary Pointwise.And a b

    /// At least one.
    let logicalOr a b = binary Pointwise.Or a b

    /// Exactly one.
    let logicalXor a b = binary Pointwise.Xor a b

    /// Not.
    let logicalNot x = unary Pointwise.Not x

    /// Where x is not a number.
    let isNaN (x: Tensor) = notEqual x x

    /// Where x is neither infinite nor NaN.
    let isFinite (x: Tensor) = less (abs x) (fullLike x infinity)

    /// Where x is infinite.
    let isInfinite (x: Tensor) = equal (abs x) (fullLike x infinity)

    /// a where the condition holds, else b. The side not taken shows neither in the value nor in a derivative, NaN or not.
    let where (condition: Tensor) (a: Tensor) (b: Tensor) =
        Tensor.Pointwise(Pointwise.Select, condition, a, b)

    /// max(low, min(x, high)): the derivative is 1 strictly inside and 0 outside and at the ends.
    let clip (low: float) (high: float) (x: Tensor) =
        let l, h = fullLike x low, fullLike x high
        where (less x h) (where (greater x l) x (where (isNaN x) x l)) (where (isNaN x) x h)

    // ---- shape

    /// <summary>The same elements in row-major order under another shape; one size may be -1, and is found from the others.</summary>
    let reshape (sizes: int seq) (t: Tensor) =
        let sizes = Seq.toArray sizes

        let resolved =
            match sizes |> Array.filter (fun s -> s = -1) with
            | [||] -> sizes
            | [| _ |] ->
                let others =
                    sizes
                    |> Array.filter (fun s -> s <> -1)
                    |> Array.fold (fun n s -> n * int64 s) 1L

                if others = 0L || t.Count % others <> 0L then
                    Shapes.refuse
                        "reshape"
                        $"{t.Signature} has {t.Count} elements, which {axesOf sizes} cannot hold."

                sizes |> Array.map (fun s -> if s = -1 then int (t.Count / others) else s)
            | _ -> Shapes.refuse "reshape" $"only one size may be -1, not those of {axesOf sizes}."

        let shape = shapeOf resolved

        if shape = t.Shape then
            t
        else
            Tensor.Create(Reshape shape, t)

    /// All elements in one axis.
    let flatten (t: Tensor) = reshape [ -1 ] t |> fun r -> if t.Count = 0L then reshape [ 0 ] t else r

    /// The axes in another order: result axis i is axis order[i].
    let permute (order: int seq) (t: Tensor) =
        let resolved = order |> Seq.map (Shapes.axis "permute" t.Rank) |> Seq.toArray

        if Array.sort resolved <> Array.init t.Rank id then
            Shapes.refuse
                "permute"
                $"{axesOf (Seq.toArray order)} does not name each axis of {t.Signature} once."

        if resolved = Array.init t.Rank id then
            t
        else
            Tensor.Create(Permute(axesOf resolved), t)

    /// Two axes exchanged.
    let swapAxes (a: int) (b: int) (t: Tensor) =
        let a, b = Shapes.axis "swapAxes" t.Rank a, Shapes.axis "swapAxes" t.Rank b

        permute
            (Seq.init t.Rank (fun i ->
                if i = a then b
                elif i = b then a
                else i))
            t

    /// An axis taken out and put in at another position, counted in the result.
    let moveAxis (from: int) (into: int) (t: Tensor) =
        let from, into = Shapes.axis "moveAxis" t.Rank from, Shapes.axis "moveAxis" t.Rank into

        let others = Seq.init t.Rank id |> Seq.filter (fun axis -> axis <> from) |> Seq.toList
        permute (List.insertAt into from others) t

    /// The axes in reverse order; the transpose of a matrix.
    let transpose (t: Tensor) = permute (Seq.init t.Rank (fun i -> t.Rank - 1 - i)) t

    /// Repeated to a larger shape by NumPy's rule.
    let broadcastTo (shape: int seq) (t: Tensor) =
        let target = shapeOf shape

        if target = t.Shape then
            t
        else
            Tensor.BroadcastTo((Shapes.infer (Broadcast target) [| t.Signature |]).Shape, t)

    /// A new axis of size 1 at a position.
    let expandDims (axis: int) (t: Tensor) =
        let axis = Shapes.axis "expandDims" (t.Rank + 1) axis
        reshape (Seq.concat [ Seq.take axis t.Shape; Seq.singleton 1; Seq.skip axis t.Shape ]) t

    /// The axes given, which have size 1, removed.
    let squeeze (axes: int seq) (t: Tensor) =
        let axes = Shapes.axes "squeeze" t.Rank axes

        for a in axes do
            if t.Shape[a] <> 1 then
                Shapes.refuse "squeeze" $"axis {a} of {t.Signature} does not have size 1."

        reshape
            (t.Shape
             |> Seq.indexed
             |> Seq.filter (fun (a, _) -> not (Array.contains a axes))
             |> Seq.map snd)
            t

    /// <summary>Per axis, elements start, start + step, ... below stop; negative starts and stops count from the end.</summary>
    let slice (ranges: (int * int * int) seq) (t: Tensor) =
        let ranges = Seq.toArray ranges

        if ranges.Length <> t.Rank then
            Shapes.refuse "slice" $"{t.Signature} has {t.Rank} axes, but {ranges.Length} ranges were given."

        let fromEnd a i = if i < 0 then i + t.Shape[a] else i
        let starts = ranges |> Array.mapi (fun a (start, _, _) -> fromEnd a start)

        let sizes =
            ranges
            |> Array.mapi (fun a (_, stop, step) ->
                if step < 1 then
                    Shapes.refuse "slice" $"the step {step} along axis {a} is not at least 1."

                let stop = fromEnd a stop

                if stop > t.Shape[a] || starts[a] < 0 || starts[a] > t.Shape[a] then
                    Shapes.refuse
                        "slice"
                        $"{starts[a]} to {stop} does not lie within axis {a} of {t.Signature}."

                max 0 ((stop - starts[a] + step - 1) / step))

        let steps = ranges |> Array.map (fun (_, _, step) -> step)

        if sizes = Seq.toArray t.Shape then
            t
        else
            Tensor.Create(Slice(axesOf starts, axesOf sizes, axesOf steps), t)

    /// A range of one axis, the others whole.
    let sliceAxis (axis: int) (start: int) (stop: int) (step: int) (t: Tensor) =
        let axis = Shapes.axis "slice" t.Rank axis
        slice (t.Shape |> Seq.mapi (fun a n -> if a = axis then start, stop, step else 0, n, 1)) t

    /// Zeros before and after, per axis.
    let pad (widths: (int * int) seq) (t: Tensor) =
        let widths = Seq.toArray widths

        Tensor.Create(
            Pad(
                axesOf (Array.map fst widths),
                axesOf (Array.map snd widths),
                axesOf (Array.create widths.Length 0)
            ),
            t
        )

    /// Tensors one after another along an axis they have.
    let concat (axis: int) (tensors: Tensor seq) =
        match Seq.toArray tensors with
        | [| one |] -> one
        | [||] -> Shapes.refuse "concat" "was given no tensors."
        | several -> Tensor.Create(Concatenate(Shapes.axis "concat" several[0].Rank axis), several)

    /// <summary>Cut along an axis into pieces of the sizes given, which add up to its own: the inverse of concat.</summary>
    let split (axis: int) (sizes: int seq) (t: Tensor) : Tensor list =
        let axis = Shapes.axis "split" t.Rank axis
        let sizes = Seq.toList sizes

        if List.exists (fun size -> size < 0) sizes || List.sum sizes <> t.Shape[axis] then
            Shapes.refuse
                "split"
                $"the sizes {sizes} do not add up to the {t.Shape[axis]} elements along axis {axis} of {t.Signature}."

        List.scan (+) 0 sizes
        |> List.pairwise
        |> List.map (fun (start, stop) -> sliceAxis axis start stop 1 t)

    /// <summary>Cut along an axis into so many pieces of one size.</summary>
    let chunk (axis: int) (count: int) (t: Tensor) : Tensor list =
        let axis = Shapes.axis "chunk" t.Rank axis

        if count < 1 || t.Shape[axis] % count <> 0 then
            Shapes.refuse
                "chunk"
                $"cannot cut the {t.Shape[axis]} elements along axis {axis} of {t.Signature} into {count} pieces of one size."

        split axis (List.replicate count (t.Shape[axis] / count)) t

    /// <summary>The slices along an axis, which they have no more: the inverse of stack.</summary>
    let unstack (axis: int) (t: Tensor) : Tensor list =
        let axis = Shapes.axis "unstack" t.Rank axis
        List.init t.Shape[axis] (fun i -> sliceAxis axis i (i + 1) 1 t |> squeeze [ axis ])

    // Room around a part that is put at the starts given.
    let private around name (starts: int seq) (part: Tensor) (whole: Tensor) =
        let starts = Seq.toArray starts

        if
            part.Rank <> whole.Rank
            || starts.Length <> whole.Rank
            || Seq.exists2
                (fun start (size: int, room: int) -> start < 0 || start + size > room)
                starts
                (Seq.zip part.Shape whole.Shape)
        then
            Shapes.refuse
                name
                $"{part.Signature} at {List.ofArray starts} does not lie within {whole.Signature}."

        starts
        |> Array.mapi (fun a start -> start, whole.Shape[a] - start - part.Shape[a])

    /// <summary>A part added to what the whole has from the starts on.</summary>
    let addSlice (starts: int seq) (part: Tensor) (whole: Tensor) : Tensor =
        whole + pad (around "addSlice" starts part whole) part

    /// <summary>A part put in the place of what the whole has from the starts on.</summary>
    let setSlice (starts: int seq) (part: Tensor) (whole: Tensor) : Tensor =
        let widths = around "setSlice" starts part whole

        where (pad widths (ones DType.Bool part.Shape)) (pad widths part) whole

    /// <summary>Coordinates on a grid: for vectors of lengths n1, n2, ... as many tensors of shape [n1; n2; ...], the i-th of which changes along axis i.</summary>
    let meshgrid (axes: Tensor seq) : Tensor list =
        let axes = Seq.toList axes

        match axes |> List.tryFind (fun axis -> axis.Rank <> 1) with
        | Some other -> Shapes.refuse "meshgrid" $"takes vectors, but was given {other.Signature}."
        | None -> ()

        let shape = axes |> List.map (fun axis -> axis.Shape[0])

        axes
        |> List.mapi (fun i axis ->
            axis
            |> reshape (List.init shape.Length (fun a -> if a = i then shape[i] else 1))
            |> broadcastTo shape)

    /// Tensors of one shape side by side along a new axis.
    let stack (axis: int) (tensors: Tensor seq) =
        match Seq.toList tensors with
        | [] -> Shapes.refuse "stack" "was given no tensors."
        | several -> concat axis (several |> List.map (expandDims axis))

    /// The order of elements reversed along axes.
    let flip (axes: int seq) (t: Tensor) =
        match Shapes.axes "flip" t.Rank axes with
        | [||] -> t
        | axes -> Tensor.Create(Flip(axesOf axes), t)

    // ---- reductions

    let private reduceOver kind name axes (t: Tensor) =
        match Shapes.axes name t.Rank axes with
        | [||] -> t
        | axes -> Tensor.Create(Reduce(kind, axesOf axes), t)

    let private every (t: Tensor) = Seq.init t.Rank id

    let private requireBool name (t: Tensor) =
        if t.DType <> DType.Bool then
            Shapes.refuse name $"takes bool, but was given {t.Signature}."

        t

    /// What a reduction over the axes gives, with the axes kept at size 1.
    let private keeping name (reduce: int seq -> Tensor -> Tensor) (axes: int seq) (t: Tensor) =
        let resolved = Shapes.axes name t.Rank axes

        reduce resolved t
        |> reshape (t.Shape |> Seq.mapi (fun a n -> if Array.contains a resolved then 1 else n))

    let private numbers (t: Tensor) = if t.DType = DType.Bool then cast DType.Int32 t else t

    /// The sum over axes; of true, their number.
    let sumOver axes t = reduceOver Reduction.Sum "sum" axes (numbers t)

    /// The sum over axes, kept at size 1.
    let sumKeep axes t = keeping "sum" sumOver axes t

    /// The sum of all elements.
    let sum t = sumOver (every t) t

    /// The largest over axes, NaN if one is; ties share the derivative evenly. Of Bool: whether any is true.
    let maxOver axes t = reduceOver Reduction.Max "max" axes t

    /// Whether any is true over axes, of Bool.
    let anyOver axes t = reduceOver Reduction.Max "any" axes (requireBool "any" t)

    /// Whether all are true over axes, of Bool.
    let allOver axes t = reduceOver Reduction.Min "all" axes (requireBool "all" t)

    /// Whether any element is true, of Bool.
    let any t = anyOver (every t) t

    /// Whether all elements are true, of Bool.
    let all t = allOver (every t) t

    /// <summary>Summed over the axes along which a shape would have to be repeated to give this one: the transpose of broadcastTo.</summary>
    let sumTo (shape: int seq) (t: Tensor) : Tensor =
        let shape = Seq.toList shape
        let lead = t.Rank - shape.Length

        if
            lead < 0
            || Seq.exists
                (fun a -> shape[a] <> 1 && shape[a] <> t.Shape[a + lead])
                (seq { 0 .. shape.Length - 1 })
        then
            Shapes.refuse "sumTo" $"{shape} cannot be repeated to {t.Signature}."

        let repeated = Seq.init t.Rank id |> Seq.filter (fun a -> a < lead || shape[a - lead] = 1)
        sumOver repeated t |> reshape shape

    /// <summary>Whether all elements are close, |a - b| &lt;= absolute + relative |b|; infinities only to themselves, NaN to none.</summary>
    let allClose (relative: float) (absolute: float) (a: Tensor) (b: Tensor) : bool =
        let a, b = cast DType.Float64 a, cast DType.Float64 b

        let isClose =
            logicalOr
                (equal a b)
                (logicalAnd (isFinite b) (lessEqual (abs (a - b)) (absolute + relative * abs b)))

        all isClose |> toScalar = 1.0

    /// The largest over axes, kept at size 1.
    let maxKeep axes t = keeping "max" maxOver axes t

    /// The largest of all elements.
    let max t = maxOver (every t) t

    /// The smallest over axes, NaN if one is; ties share the derivative evenly. Of Bool: whether all are true.
    let minOver axes t = reduceOver Reduction.Min "min" axes t

    /// The smallest over axes, kept at size 1.
    let minKeep axes t = keeping "min" minOver axes t

    /// The smallest of all elements.
    let min t = minOver (every t) t

    /// The number of elements that a reduction over the axes combines.
    let private countOver axes (t: Tensor) =
        Shapes.axes "mean" t.Rank axes
        |> Array.fold (fun n a -> n * int64 t.Shape[a]) 1L

    /// A function of several steps, of 16 bits in Float32 throughout and rounded once.
    let internal inSingle (f: Tensor -> Tensor) (t: Tensor) =
        if t.DType.IsHalf() then
            cast t.DType (f (cast DType.Float32 t))
        else
            f t

    /// The mean over axes; NaN of none.
    let meanOver axes (t: Tensor) =
        if not (t.DType.IsFloat()) then
            Shapes.refuse "mean" $"takes floats, but was given {t.Signature}; convert it with Tensor.cast."

        t |> inSingle (fun t -> sumOver axes t / float (countOver axes t))

    /// The mean over axes, kept at size 1.
    let meanKeep axes t = keeping "mean" meanOver axes t

    /// The mean of all elements.
    let mean t = meanOver (every t) t

    /// The mean squared distance from the mean over axes (divided by n).
    let varianceOver axes t = t |> inSingle (fun t -> meanOver axes (square (t - meanKeep axes t)))

    /// The mean squared distance from the mean (divided by n).
    let variance t = varianceOver (every t) t

    let private lastFlat axes (t: Tensor) =
        let axes = Shapes.axes "prod" t.Rank axes

        let kept =
            [ for a in 0 .. t.Rank - 1 do
                  if not (Array.contains a axes) then
                      a ]

        let shape = kept |> List.map (fun a -> t.Shape[a])
        let count = axes |> Array.fold (fun n a -> n * t.Shape[a]) 1
        permute (Seq.append kept axes) t |> reshape (shape @ [ count ])

    /// <summary>The product over axes; 1 of none.</summary>
    /// <remarks>A balanced tree of multiplications, so that its derivatives of every order are exact where factors are 0.</remarks>
    let prodOver axes (t: Tensor) =
        let rec pairs (t: Tensor) =
            match t.Shape[t.Rank - 1] with
            | 0 -> ones t.DType (Seq.take (t.Rank - 1) t.Shape)
            | 1 -> squeeze [ -1 ] t
            | n ->
                let half = n / 2
                let product = sliceAxis -1 0 half 1 t * sliceAxis -1 half (2 * half) 1 t

                if n % 2 = 0 then
                    pairs product
                else
                    pairs (concat -1 [ product; sliceAxis -1 (n - 1) n 1 t ])

        pairs (lastFlat axes t)

    /// The product over axes, kept at size 1.
    let prodKeep axes t = keeping "prod" prodOver axes t

    /// The product of all elements.
    let prod t = prodOver (every t) t

    let private argument kind axes (t: Tensor) =
        let flat = lastFlat axes t
        Tensor.Create(Reduce(kind, axesOf [ flat.Rank - 1 ]), flat)

    /// The position (Int32, row-major within the axes) of the first largest over axes; a NaN counts as largest.
    let argmaxOver axes t = argument Reduction.ArgMax axes t

    /// The position of the first largest of all elements.
    let argmax t = argmaxOver (every t) t

    /// The position (Int32, row-major within the axes) of the first smallest over axes; a NaN counts as smallest.
    let argminOver axes t = argument Reduction.ArgMin axes t

    /// The position of the first smallest of all elements.
    let argmin t = argminOver (every t) t

    /// Running sums along an axis.
    let cumsum (axis: int) (t: Tensor) =
        Tensor.Create(CumulativeSum(Shapes.axis "cumsum" t.Rank axis, false), numbers t)

    /// Running sums along an axis, from its end.
    let cumsumReverse (axis: int) (t: Tensor) =
        Tensor.Create(CumulativeSum(Shapes.axis "cumsum" t.Rank axis, true), numbers t)

    // Each element with the one a distance before it, the distance doubling (Hillis and Steele 1986): as many rounds as the length has bits.
    let private running (combine: Tensor -> Tensor -> Tensor) (axis: int) (t: Tensor) =
        let axis = Shapes.axis "running" t.Rank axis
        let n = t.Shape[axis]

        let rec round distance (t: Tensor) =
            if distance >= n then
                t
            else
                let first = sliceAxis axis 0 distance 1 t
                let later = combine (sliceAxis axis 0 (n - distance) 1 t) (sliceAxis axis distance n 1 t)
                round (2 * distance) (concat axis [ first; later ])

        round 1 t

    /// Running products along an axis, whose derivatives of every order are exact where factors are 0.
    let cumprod (axis: int) (t: Tensor) = running multiply axis t

    /// The largest so far along an axis; at ties the derivative is shared.
    let cummax (axis: int) (t: Tensor) = running maximum axis t

    /// The smallest so far along an axis; at ties the derivative is shared.
    let cummin (axis: int) (t: Tensor) = running minimum axis t

    // ---- repetition

    /// The elements moved along an axis by a number of places, those that fall off the end put in at the start.
    let roll (axis: int) (places: int) (t: Tensor) =
        let axis = Shapes.axis "roll" t.Rank axis
        let n = t.Shape[axis]

        match (if n = 0 then 0 else ((places % n) + n) % n) with
        | 0 -> t
        | k -> concat axis [ sliceAxis axis (n - k) n 1 t; sliceAxis axis 0 (n - k) 1 t ]

    /// Each element as many times in a row along an axis.
    let repeat (axis: int) (times: int) (t: Tensor) =
        let axis = Shapes.axis "repeat" t.Rank axis
        let before, after = Seq.take (axis + 1) t.Shape, Seq.skip (axis + 1) t.Shape

        reshape (Seq.concat [ before; Seq.singleton 1; after ]) t
        |> broadcastTo (Seq.concat [ before; Seq.singleton times; after ])
        |> reshape (t.Shape |> Seq.mapi (fun a n -> if a = axis then n * times else n))

    /// The whole tensor as many times along each axis.
    let tile (times: int seq) (t: Tensor) =
        let times = Seq.toArray times

        if times.Length <> t.Rank then
            Shapes.refuse "tile" $"{t.Signature} has {t.Rank} axes, but {times.Length} numbers were given."

        Array.indexed times
        |> Array.fold
            (fun (t: Tensor) (axis, n) ->
                let before, after = Seq.take axis t.Shape, Seq.skip axis t.Shape

                reshape (Seq.concat [ before; Seq.singleton 1; after ]) t
                |> broadcastTo (Seq.concat [ before; Seq.singleton n; after ])
                |> reshape (t.Shape |> Seq.mapi (fun a size -> if a = axis then size * n else size)))
            t

    // ---- indexing

    /// <summary>The slices of a tensor at positions along an axis, whose place the positions' axes take. Negative positions count from the end.</summary>
    /// <exception cref="T:System.ArgumentOutOfRangeException">On evaluation: a position lies outside the axis.</exception>
    let take (axis: int) (indices: Tensor) (t: Tensor) =
        Tensor.Create(Take(Shapes.axis "take" t.Rank axis, 0), t, indices)

    /// The axis moved last, and back.
    let private withLast axis (t: Tensor) (f: Tensor -> Tensor) =
        let back = t.Rank - 1
        f (swapAxes axis back t) |> swapAxes axis back

    /// For each position in the indices, the element there along the axis; the other axes agree (NumPy's take_along_axis).
    let takeAlong (axis: int) (indices: Tensor) (t: Tensor) =
        let axis = Shapes.axis "takeAlong" t.Rank axis
        let last = t.Rank - 1
        withLast axis t (fun x -> Tensor.Create(Take(last, last), x, swapAxes axis last indices))

    /// The tensor with updates added at positions along an axis: slice indices[j] grows by updates[..., j, ...]; equal positions add up.
    let scatterAdd (axis: int) (indices: Tensor) (updates: Tensor) (t: Tensor) =
        let axis = Shapes.axis "scatterAdd" t.Rank axis
        t + Tensor.Create(ScatterAdd(axis, 0, t.Shape[axis]), indices, updates)

    /// 1 at the index and 0 elsewhere along a new last axis.
    let oneHot (dtype: DType) (classes: int) (indices: Tensor) =
        let places = iota indices.DType [ classes ] 0
        equal (expandDims -1 indices) places |> cast dtype

    /// The identity matrix.
    let eye (dtype: DType) (n: int) = oneHot dtype n (arange DType.Int32 n)

    // ---- products

    /// <summary>
    /// The matrix product over the last axis of a and the last but one of b; leading axes broadcast together; a vector is a row on the left and a
    /// column on the right.
    /// </summary>
    let matmul (a: Tensor) (b: Tensor) : Tensor =
        if a.Rank = 0 || b.Rank = 0 then
            Shapes.refuse
                "matmul"
                $"takes vectors and matrices, but was given {a.Signature} and {b.Signature}."

        let summed = Operators.max 0 (b.Rank - 2)
        let none = axesOf []

        if a.Shape[a.Rank - 1] <> b.Shape[summed] then
            Shapes.refuse
                "matmul"
                $"{a.Signature} and {b.Signature} do not fit: the sizes {a.Shape[a.Rank - 1]} and {b.Shape[summed]} differ."

        if b.Rank <= 2 then
            Tensor.Create(Contract(none, none, axesOf [ a.Rank - 1 ], axesOf [ summed ]), a, b)
        elif a.Rank = 1 then
            // The vector's product with every matrix: contracted as it is, with no axis of its own in the result.
            Tensor.Create(Contract(none, none, axesOf [ b.Rank - 2 ], axesOf [ 0 ]), b, a)
        else
            let leading (t: Tensor) =
                { t.Signature with
                    Shape = shapeOf (Seq.take (t.Rank - 2) t.Shape) }

            let batch = Shapes.broadcast "matmul" (leading a) (leading b)
            let spread (t: Tensor) = broadcastTo (Seq.append batch (Seq.skip (t.Rank - 2) t.Shape)) t
            let axes = axesOf (Seq.init batch.Rank id)

            Tensor.Create(
                Contract(axes, axes, axesOf [ batch.Rank + 1 ], axesOf [ batch.Rank ]),
                spread a,
                spread b
            )

    /// The sum of products of two vectors.
    let dot (a: Tensor) (b: Tensor) =
        if a.Rank <> 1 || b.Rank <> 1 then
            Shapes.refuse "dot" $"takes two vectors, but was given {a.Signature} and {b.Signature}."

        matmul a b

    /// All products of an element of a with an element of b: shape a's, then b's.
    let outer (a: Tensor) (b: Tensor) =
        Tensor.Create(Contract(axesOf [], axesOf [], axesOf [], axesOf []), a, b)

    /// The sum of the diagonal of a square matrix.
    let trace (t: Tensor) =
        if t.Rank <> 2 || t.Shape[0] <> t.Shape[1] then
            Shapes.refuse "trace" $"takes a square matrix, but was given {t.Signature}."

        sum (where (eye DType.Bool t.Shape[0]) t (zerosLike t))

    /// The Euclidean norm of all elements, whose derivative at 0 is 0. Elements whose squares are too large or too small for their type are no
    /// matter: they are measured by the largest.
    let norm (t: Tensor) =
        t
        |> inSingle (fun t ->
            let largest = stopGradient (max (abs t))
            let usable = logicalAnd (isFinite largest) (greater largest (zerosLike largest))
            let unit = where usable largest (onesLike largest)
            unit * sqrt (sum (square (t / unit))))

    // ---- composed

    /// max(x, 0), whose derivative at 0 is 0; NaN of NaN.
    let relu (x: Tensor) = where (lessEqual x (zerosLike x)) (zerosLike x) x

    /// x where positive, else slope x.
    let leakyRelu (slope: float) (x: Tensor) = where (greater x (zerosLike x)) x (x * slope)

    /// log(1 + e^x), without overflow.
    let softplus (x: Tensor) =
        log1p (exp (negate (abs x))) + relu x
        |> fun y -> where (equal x (zerosLike x)) (log1p (exp x)) y

    /// x sigmoid(x) (Elfwing et al. 2017).
    let silu (x: Tensor) = x * sigmoid x

    /// x Phi(x) with the normal distribution function (Hendrycks and Gimpel 2016), exact.
    let gelu (x: Tensor) = x * (0.5 * (1.0 + erf (x * (1.0 / Math.Sqrt 2.0))))

    // The largest of each slice, through which no derivative needs to flow: the functions below do not depend on it.
    // An infinite one is replaced by 0, so that no infinity is subtracted from itself.
    let private shift name axes (x: Tensor) =
        let largest = stopGradient (maxKeep (Shapes.axes name x.Rank axes) x)
        where (isFinite largest) largest (zerosLike largest)

    /// log sum exp over axes, kept at size 1; each slice subtracts its own largest.
    let logSumExpKeep axes (x: Tensor) =
        x
        |> inSingle (fun x ->
            let m = shift "logSumExp" axes x
            log (sumKeep axes (exp (x - m))) + m)

    /// log sum exp over axes; each slice subtracts its own largest. -infinity of none.
    let logSumExpOver axes (x: Tensor) = squeeze (Shapes.axes "logSumExp" x.Rank axes) (logSumExpKeep axes x)

    /// log sum exp of all elements.
    let logSumExp (x: Tensor) = logSumExpOver (every x) x

    /// exp(x) / sum exp(x) along an axis; each slice subtracts its own largest.
    let softmax (axis: int) (x: Tensor) =
        x
        |> inSingle (fun x ->
            let e = exp (x - shift "softmax" [ axis ] x)
            e / sumKeep [ axis ] e)

    /// log(softmax(x)) along an axis, without overflow or loss.
    let logSoftmax (axis: int) (x: Tensor) =
        x
        |> inSingle (fun x -> x - logSumExpKeep [ Shapes.axis "logSoftmax" x.Rank axis ] x)

    let private windows name (window: int list) (strides: int list) (x: Tensor) kind =
        let spatial = window.Length
        let leading = x.Rank - spatial

        if
            leading < 0
            || strides.Length <> spatial
            || List.exists (fun n -> n < 1) (window @ strides)
        then
            Shapes.refuse
                name
                $"a window {axesOf window} with strides {axesOf strides} does not fit {x.Signature}."

        let positions =
            List.mapi2
                (fun i (w: int) stride ->
                    let n = x.Shape[leading + i]

                    if w > n then
                        Shapes.refuse name $"the window {axesOf window} is larger than {x.Signature}."

                    (n - w) / stride + 1)
                window
                strides

        let each (n: int) = axesOf (List.replicate spatial n)

        Tensor.Create(
            Window(kind, axesOf positions, Windows(axesOf window, axesOf strides, each 0, each 1, each 1)),
            x
        )

    /// The largest in each window of the last axes, NaN if one is; ties share the derivative evenly. <c>Pool</c> has padding and dilation.
    let maxPool (window: int list) (strides: int list) (x: Tensor) =
        windows "maxPool" window strides x Reduction.Max

    /// The mean of each window of the last axes. <c>Pool</c> has padding and dilation.
    let avgPool (window: int list) (strides: int list) (x: Tensor) =
        windows "avgPool" window strides x Reduction.Sum
        / float (List.fold (*) 1 window)
