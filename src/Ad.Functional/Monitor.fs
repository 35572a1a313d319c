namespace Ad.Functional

open System
open Ad.Tensors

/// The length of one tensor of parameters, of its gradient and of its update, and whether all their numbers are finite.
type LeafNorms =
    { Name: string
      Parameter: float
      Gradient: float
      Update: float
      IsFinite: bool }

/// What one layer's values over a batch look like: shares of them, and how alike its units are.
type UnitStatistics =
    {
        /// The mean over units of the variance over examples.
        Variance: float
        /// The share of units whose value is the same for every example.
        Dead: float
        /// The share of values whose magnitude is above the limit asked for.
        Saturated: float
        /// The share of values that are 0 or next to it: below a hundredth of the root mean square.
        Sparse: float
        /// The mean magnitude of the correlation of two units that are not dead; 0 for fewer than two.
        Correlation: float
    }

/// How noisy gradients of single examples are: the squared length of their mean, the sum of their variances, and the ratio.
type NoiseScale =
    {
        Signal: float
        Noise: float
        /// Noise over signal: the batch at which both are as large (McCandlish et al. 2018), infinite without a signal.
        Batch: float
    }

/// <summary>Looks into a network in training: what is large, what is dead, what is alike, what is noise.</summary>
/// <remarks>Every function computes what it needs in one program and gives plain numbers.</remarks>
[<RequireQualifiedAccess>]
module Monitor =
    let private number (t: Tensor) = Tensor.toScalar t
    let private length (t: Tensor) = Tensor.norm (Tensor.cast DType.Float64 t)

    /// The norms of parameters, gradients and updates, tensor by tensor.
    [<CompiledName("Norms")>]
    let norms (parameters: 'P) (gradients: 'P) (updates: 'P) : LeafNorms list =
        let named = Tree.named parameters
        let leaves = [| Array.map snd named; Tree.leaves gradients; Tree.leaves updates |]
        let all = Tree.eval (leaves |> Array.map (Array.map length))

        [ for i in 0 .. named.Length - 1 ->
              let at tree = all |> Array.item tree |> Array.item i |> number

              { Name = fst named[i]
                Parameter = at 0
                Gradient = at 1
                Update = at 2
                IsFinite = [ 0; 1; 2 ] |> List.forall (fun tree -> Double.IsFinite(at tree)) } ]

    /// The names of tensors with a number that is not finite. <c>Diagnose.nonFinite</c> finds the operation that made it.
    [<CompiledName("NonFinite")>]
    let nonFinite (tree: 'T) : string list =
        let named =
            Tree.named tree
            |> Array.filter (fun (_, t) -> t.DType.IsFloat() && t.Count > 0L)

        let all = Tree.eval (named |> Array.map (fun (_, t) -> Tensor.min (Tensor.isFinite t)))

        [ for (name, _), isFinite in Array.zip named all do
              if number isFinite = 0.0 then
                  name ]

    /// The statistics of a layer's values, examples by units (further axes count as examples), with a limit for saturation.
    [<CompiledName("Units")>]
    let units (limit: float) (values: Tensor) : UnitStatistics =
        if values.Rank < 2 || values.Shape[0] < 2 then
            Shapes.refuse
                "units"
                $"takes the values of at least two examples, but was given {values.Signature}."

        // Channels of images lie along axis 1, features too.
        let order = 0 :: [ 2 .. values.Rank - 1 ] @ [ 1 ]

        let x =
            Tensor.reshape [ -1; values.Shape[1] ] (Tensor.permute order values)
            |> Tensor.cast DType.Float64

        let n = x.Shape[1]
        let isDead = Tensor.equal (Tensor.maxOver [ 0 ] x) (Tensor.minOver [ 0 ] x)
        let alive = Tensor.where isDead (Tensor.zeros DType.Float64 [ n ]) (Tensor.ones DType.Float64 [ n ])
        let centred = (x - Tensor.meanOver [ 0 ] x) * alive
        let squares = Tensor.sumOver [ 0 ] (Tensor.square centred)
        let unit = centred * Tensor.rsqrt (Tensor.where isDead (Tensor.onesLike squares) squares)
        let share (condition: Tensor) = Tensor.mean (Tensor.cast DType.Float64 condition)
        let size = abs x
        let small = 0.01 * sqrt (Tensor.mean (Tensor.square x))
        let pairs = Tensor.sum (abs (Tensor.matmul (Tensor.transpose unit) unit)) - Tensor.sum alive
        let count = Tensor.sum alive

        let variance, dead, saturated, sparse, pairs, count =
            Tree.eval (
                Tensor.mean squares / float x.Shape[0],
                share isDead,
                share (Tensor.greater size (Tensor.fullLike size limit)),
                share (Tensor.lessEqual size (small * Tensor.onesLike size)),
                pairs,
                count
            )

        let others = number count * (number count - 1.0)

        { Variance = number variance
          Dead = number dead
          Saturated = number saturated
          Sparse = number sparse
          Correlation = if others > 0.0 then number pairs / others else 0.0 }

    /// What is wrong with a layer by its statistics, in words; nothing for features that vary, differ and are not stuck.
    [<CompiledName("Complaints")>]
    let complaints (s: UnitStatistics) : string list =
        [ if s.Dead > 0.2 then
              $"{s.Dead:P0} of the units give the same for every example"
          if s.Saturated > 0.2 then
              $"{s.Saturated:P0} of the values are saturated"
          if s.Correlation > 0.5 then
              $"two units correlate by {s.Correlation:F2} on average"
          if s.Variance < 1e-4 then
              $"the values hardly vary: their variance is {s.Variance:G2}" ]

    /// <summary>The noise of gradients of single examples, trees whose leaves have examples along axis 0 (as <c>vmap</c> of a gradient gives them).</summary>
    /// <remarks>Signal is an unbiased estimate, |mean|^2 - noise / n, and may come out below 0 where noise is all there is.</remarks>
    [<CompiledName("NoiseOf")>]
    let noiseOf (gradients: 'P) : NoiseScale =
        let leaves = Tree.leaves gradients |> Array.filter (fun t -> t.DType.IsFloat())

        if
            leaves.Length = 0
            || leaves |> Array.exists (fun t -> t.Rank = 0 || t.Shape[0] < 2)
        then
            Shapes.refuse "noiseOf" "takes gradients of at least two examples along axis 0."

        let n = float leaves[0].Shape[0]
        let mean (t: Tensor) = Tensor.meanKeep [ 0 ] t

        let squares =
            leaves
            |> Array.map (mean >> Tensor.square >> Tensor.sum >> Tensor.cast DType.Float64)
            |> Array.reduce (+)

        let spread =
            leaves
            |> Array.map (fun t -> Tensor.cast DType.Float64 (Tensor.sum (Tensor.square (t - mean t))))
            |> Array.reduce (+)

        let squares, spread = Tree.eval (squares, spread)
        let noise = number spread / (n - 1.0)
        let signal = number squares - noise / n

        { Signal = signal
          Noise = noise
          Batch = if signal > 0.0 then noise / signal else infinity }

    /// <summary>The first weights of a network as one picture, values in [0, 1]: each filter stretched to its own range, side by side with lines of 0 between.</summary>
    /// <param name="rows">The rows of one filter.</param>
    /// <param name="columns">The columns of one filter.</param>
    /// <param name="filters">One filter a row, with rows times columns numbers.</param>
    [<CompiledName("Grid")>]
    let grid (rows: int) (columns: int) (filters: Tensor) : Tensor =
        if filters.Rank <> 2 || filters.Shape[1] <> rows * columns || filters.Shape[0] = 0 then
            Shapes.refuse
                "grid"
                $"takes filters of {rows * columns} numbers, one a row, but was given {filters.Signature}."

        let count = filters.Shape[0]
        let across = int (Math.Ceiling(Math.Sqrt(float count)))
        let down = (count + across - 1) / across
        let low, high = Tensor.minKeep [ 1 ] filters, Tensor.maxKeep [ 1 ] filters
        let range = Tensor.maximum (high - low) (Tensor.fullLike low 1e-12)

        (filters - low) / range
        |> Tensor.pad [ 0, down * across - count; 0, 0 ]
        |> Tensor.reshape [ down; across; rows; columns ]
        |> Tensor.pad [ 0, 0; 0, 0; 0, 1; 0, 1 ]
        |> Tensor.permute [ 0; 2; 1; 3 ]
        |> Tensor.reshape [ down * (rows + 1); across * (columns + 1) ]
