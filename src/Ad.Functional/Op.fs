namespace Ad.Functional

open Ad.Tensors

/// A derivative written by hand; what it is stands in Derivatives, after the tensors that it is made of.
[<AbstractClass>]
type internal Handwritten() = class end

/// A control structure: functions of tensors that the engine runs as loops and branches. What it does stands in Scan, While, Cond and Checkpoint, after
/// the transforms that its derivatives are made of.
[<AbstractClass>]
type internal Structure() =
    /// The structure's name in error messages and graphs.
    abstract Name: string

    /// The type and shape of one of its results.
    abstract Result: result: int -> struct (DType * Shape)

    /// What the engine runs for one of its results.
    abstract Operation: result: int -> Operation

    /// Whether keeping a result saves a derivative from running the structure again; a loop's derivative needs more than its results.
    abstract IsWorthSaving: bool

/// <summary>What a node computes from its inputs: the closed set of operations that have a derivative rule.</summary>
/// <remarks>An operation and its inputs' shapes and types determine the result's (<c>Shapes.infer</c>).</remarks>
type internal Op =
    /// The input itself, marked by a transform as what it differentiates by; without an input, a jit argument.
    | Variable
    /// The first input itself, a result of a function of the others, whose derivative is written by hand.
    | Custom of Rule: Handwritten * Result: int
    /// Elements given from outside.
    | Data
    /// One value in every element.
    | Constant of Value: Scalar * Shape: Shape
    /// Each element's position along an axis.
    | Iota of Type: DType * Shape: Shape * Axis: int
    /// Random elements from a key (Threefry-2x32): all bits for integers, uniform in [0, 1) for floats.
    | Random of Type: DType * Shape: Shape
    /// An elementwise function of inputs of one shape.
    | Pointwise of Function: Pointwise
    /// The same values in another type.
    | Cast of Type: DType
    /// The same values, through which no derivative flows.
    | StopGradient
    /// The same values in another device's memory.
    | OnDevice of Target: Device
    /// Elements combined along axes, which disappear.
    | Reduce of Kind: Reduction * Axes: Axes
    /// Running sums along an axis, from its end if reversed.
    | CumulativeSum of Axis: int * Reverse: bool
    /// The same elements in row-major order under another shape.
    | Reshape of Shape: Shape
    /// Result axis i is input axis Axes[i].
    | Permute of Axes: Axes
    /// Repeated to a larger shape by NumPy's rule.
    | Broadcast of Shape: Shape
    /// Per axis: Sizes elements, beginning at Starts, Steps apart.
    | Slice of Starts: Axes * Sizes: Axes * Steps: Axes
    /// Zeros before, after and between elements, per axis.
    | Pad of Low: Axes * High: Axes * Interior: Axes
    /// The inputs one after another along an axis.
    | Concatenate of Axis: int
    /// The order of elements reversed along axes.
    | Flip of Axes: Axes
    /// Elements of the first input at the positions that the second gives, along an axis (<c>Operation.Take</c>).
    | Take of Axis: int * Batch: int
    /// The transpose of Take, into an axis of a size (<c>Operation.ScatterAdd</c>).
    | ScatterAdd of Axis: int * Batch: int * Size: int
    /// Products summed over paired axes (<c>Operation.Contract</c>).
    | Contract of LeftBatch: Axes * RightBatch: Axes * LeftSummed: Axes * RightSummed: Axes
    /// A decomposition of matrices along the last two axes, its parts in one matrix (<c>Decomposition</c>).
    | Decompose of Kind: Decomposition
    /// The solution of linear systems along the last two axes (<c>Operation.Solve</c>).
    | Solve of System: LinearSystem
    /// Windows of an image by a kernel, with positions of the result (<c>Operation.Convolve</c>).
    | Convolve of Sizes: Axes * Strides: Axes * Low: Axes * InputDilation: Axes * KernelDilation: Axes
    /// Elements combined in windows over the last axes, at so many positions (<c>Operation.Window</c>).
    | Window of Kind: Reduction * Positions: Axes * Windows: Windows
    /// Positions along an axis in the order of the elements there (<c>Operation.Sort</c>).
    | Sort of Axis: int * Descending: bool
    /// How extremes of windows change with what the second input says of the first's elements (<c>Operation.WindowShare</c>).
    | WindowShare of Kind: Reduction * Positions: Axes * Windows: Windows
    /// The transpose of WindowShare: what comes to the elements of the first input (<c>Operation.WindowSpread</c>).
    | WindowSpread of Kind: Reduction * Windows: Windows
    /// A result of a loop or a branch; all its results have the same inputs.
    | Control of Structure: Structure * Result: int

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Op =
    let private pointwise =
        System.Enum.GetValues<Pointwise>()
        |> Array.map (fun f -> Operation.Elementwise f :> Operation)

    let private cast = Operation.Cast() :> Operation
    let private reshape = Operation.Reshape() :> Operation
    let private broadcast = Operation.Broadcast() :> Operation
    let private random = Operation.Random() :> Operation

    let private functions = System.Enum.GetValues<Pointwise>() |> Array.map Op.Pointwise

    /// The operation of an elementwise function, one object for all its nodes.
    let ofFunction (f: Pointwise) : Op = functions[int f]

    /// What the engine runs for the operation; null for those that only pass their input on or hold data.
    let operation op : Operation | null =
        match op with
        | Variable
        | Custom _
        | Data
        | StopGradient
        | OnDevice _ -> null
        | Constant(value, _) -> Operation.Constant value
        | Iota(_, _, axis) -> Operation.Iota axis
        | Random _ -> random
        | Pointwise f -> pointwise[int f]
        | Cast _ -> cast
        | Reduce(kind, axes) -> Operation.Reduce(kind, axes)
        | CumulativeSum(axis, reverse) -> Operation.CumulativeSum(axis, reverse)
        | Reshape _ -> reshape
        | Permute axes -> Operation.Permute axes
        | Broadcast _ -> broadcast
        | Slice(starts, _, steps) -> Operation.Slice(starts, steps)
        | Pad(low, high, interior) -> Operation.Pad(low, high, interior)
        | Concatenate axis -> Operation.Concatenate axis
        | Flip axes -> Operation.Flip axes
        | Take(axis, batch) -> Operation.Take(axis, batch)
        | ScatterAdd(axis, batch, _) -> Operation.ScatterAdd(axis, batch)
        | Contract(lb, rb, ls, rs) -> Operation.Contract(lb, rb, ls, rs)
        | Decompose kind -> Operation.Decompose kind
        | Solve system -> Operation.Solve system
        | Convolve(_, strides, low, inputDilation, kernelDilation) ->
            Operation.Convolve(strides, low, inputDilation, kernelDilation)
        | Window(kind, _, windows) -> Operation.Window(kind, windows)
        | Sort(axis, descending) -> Operation.Sort(axis, descending)
        | WindowShare(kind, _, windows) -> Operation.WindowShare(kind, windows)
        | WindowSpread(kind, windows) -> Operation.WindowSpread(kind, windows)
        | Control(structure, result) -> structure.Operation result

    /// The operation's name in error messages and graphs.
    let name op =
        match op with
        | Variable -> "variable"
        | Custom _ -> "custom"
        | Data -> "data"
        | Constant _ -> "constant"
        | Iota _ -> "iota"
        | Random _ -> "random"
        | Pointwise f -> f.Name()
        | Cast _ -> "cast"
        | StopGradient -> "stopGradient"
        | OnDevice _ -> "onDevice"
        | Reduce(kind, _) ->
            match kind with
            | Reduction.Sum -> "sum"
            | Reduction.Max -> "max"
            | Reduction.Min -> "min"
            | Reduction.ArgMax -> "argmax"
            | Reduction.ArgMin -> "argmin"
        | CumulativeSum _ -> "cumsum"
        | Reshape _ -> "reshape"
        | Permute _ -> "permute"
        | Broadcast _ -> "broadcast"
        | Slice _ -> "slice"
        | Pad _ -> "pad"
        | Concatenate _ -> "concat"
        | Flip _ -> "flip"
        | Take _ -> "take"
        | ScatterAdd _ -> "scatterAdd"
        | Contract _ -> "contract"
        | Decompose kind ->
            match kind with
            | Decomposition.Cholesky -> "cholesky"
            | Decomposition.Lu -> "lu"
            | Decomposition.Qr -> "qr"
            | Decomposition.Eigh -> "eigh"
            | Decomposition.Eig -> "eig"
            | Decomposition.Svd -> "svd"
            | Decomposition.Determinant -> "det"
            | Decomposition.Cofactors -> "cofactors"
        | Solve _ -> "solve"
        | Convolve _ -> "conv"
        | Window(kind, _, _) ->
            match kind with
            | Reduction.Sum -> "windowSum"
            | Reduction.Max -> "windowMax"
            | Reduction.Min -> "windowMin"
            | Reduction.ArgMax -> "windowArgmax"
            | Reduction.ArgMin -> "windowArgmin"
        | Sort _ -> "argsort"
        | WindowShare _ -> "windowShare"
        | WindowSpread _ -> "windowSpread"
        | Control(structure, _) -> structure.Name

    /// Whether the operation only renames, repeats or creates elements, so that keeping its result would save no work.
    let isFree op =
        match op with
        | Variable
        | Custom _
        | Data
        | Constant _
        | Iota _
        | StopGradient
        | Reshape _
        | Permute _
        | Broadcast _
        | Slice _
        | Flip _ -> true
        | OnDevice _
        | Random _
        | Pointwise _
        | Cast _
        | Reduce _
        | CumulativeSum _
        | Pad _
        | Concatenate _
        | Take _
        | ScatterAdd _
        | Contract _
        | Decompose _
        | Solve _
        | Convolve _
        | Window _
        | Sort _
        | WindowShare _
        | WindowSpread _
        | Control _ -> false

    /// Whether computing the result again costs more than keeping it until a derivative needs it.
    let isWorthSaving op =
        match op with
        | Contract _
        | ScatterAdd _
        | CumulativeSum _
        | Decompose _
        | Solve _
        | Convolve _
        | Sort _
        | Window _
        | WindowShare _
        | WindowSpread _ -> true
        | Control(structure, _) -> structure.IsWorthSaving
        | Variable
        | Custom _
        | Data
        | Constant _
        | Iota _
        | Random _
        | Pointwise _
        | Cast _
        | StopGradient
        | OnDevice _
        | Reduce _
        | Reshape _
        | Permute _
        | Broadcast _
        | Slice _
        | Pad _
        | Concatenate _
        | Flip _
        | Take _ -> false
