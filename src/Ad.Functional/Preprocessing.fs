namespace Ad.Functional

open Ad.Tensors

/// Principal components: the mean of examples, orthonormal axes as rows, the variance along each, descending.
type Components =
    { Mean: Tensor
      Axes: Tensor
      Variances: Tensor }

/// Principal components of examples, one a row (Pearson 1901).
[<RequireQualifiedAccess>]
module Components =
    /// The components of examples; variances are over n.
    [<CompiledName("OfExamples")>]
    let ofExamples (x: Tensor) : Components =
        if x.Rank <> 2 || x.Shape[0] < 2 then
            Shapes.refuse "components" $"takes at least two examples, one a row, but was given {x.Signature}."

        let mean = Tensor.meanOver [ 0 ] x
        let centred = x - mean
        let w, vectors = Linalg.eigh (Tensor.matmul (Tensor.transpose centred) centred / float x.Shape[0])

        { Mean = mean
          Axes = Tensor.flip [ 0 ] (Tensor.transpose vectors)
          // What rounding leaves below 0 is no variance.
          Variances = Tensor.relu (Tensor.flip [ 0 ] w) }

    /// The first so many.
    [<CompiledName("Truncate")>]
    let truncate (count: int) (c: Components) : Components =
        if count < 1 || count > c.Axes.Shape[0] then
            Shapes.refuse "truncate" $"takes 1 to {c.Axes.Shape[0]} components, but was given {count}."

        { c with
            Axes = Tensor.sliceAxis 0 0 count 1 c.Axes
            Variances = Tensor.sliceAxis 0 0 count 1 c.Variances }

    /// The fewest components that together have at least a share of the variance.
    [<CompiledName("Explaining")>]
    let explaining (share: float) (c: Components) : Components =
        Updates.within "explaining" "the share" 0.0 1.0 share
        let variances = Tensor.toArray<float>(Tensor.cast DType.Float64 c.Variances)
        let sums = Array.scan (+) 0.0 variances
        let enough = sums |> Array.findIndex (fun sum -> sum >= share * sums[sums.Length - 1])
        truncate (max 1 enough) c

    /// Examples in the coordinates of the components.
    [<CompiledName("Project")>]
    let project (c: Components) (x: Tensor) : Tensor = Tensor.matmul (x - c.Mean) (Tensor.transpose c.Axes)

    /// Examples from their coordinates.
    [<CompiledName("Restore")>]
    let restore (c: Components) (y: Tensor) : Tensor = Tensor.matmul y c.Axes + c.Mean

    /// Coordinates with variance 1 along each axis, or less where it is not above epsilon: (x - mean) A' / sqrt(v + epsilon).
    [<CompiledName("Whiten")>]
    let whiten (epsilon: float) (c: Components) (x: Tensor) : Tensor =
        project c x * Tensor.rsqrt (c.Variances + epsilon)
