namespace Ad.Functional

open System
open Ad.Tensors

/// What a rate that waits for progress remembers: the rate, the best loss, and how many losses were not better.
type Plateau =
    { Rate: Tensor
      Best: Tensor
      Waited: Tensor }

/// <summary>Numbers by step, counted from 0: learning rates above all, but decays and batch sizes too.</summary>
/// <remarks>Values are Float64 of rank 0. After its last step a schedule stays where it is.</remarks>
[<RequireQualifiedAccess>]
module Schedules =
    let private float (step: Tensor) = Tensor.cast DType.Float64 step

    let private steps name (count: int) =
        if count < 1 then
            Shapes.refuse name $"takes at least one step, but was given {count}."

        Operators.float count

    /// How far a stretch of steps is gone, from 0 to 1.
    let private progress (count: float) (step: Tensor) = Tensor.clip 0.0 1.0 (float step / count)

    /// The same value at every step.
    [<CompiledName("Constant")>]
    let constant (value: float) : Schedule = fun _ -> Tensor.scalar value

    /// From one value to another, along a line, over so many steps.
    [<CompiledName("Linear")>]
    let linear (start: float) (stop: float) (count: int) : Schedule =
        let count = steps "linear" count
        fun step -> start + (stop - start) * progress count step

    /// stop + (start - stop) (1 - t/count)^power.
    [<CompiledName("Polynomial")>]
    let polynomial (start: float) (stop: float) (power: float) (count: int) : Schedule =
        let count = steps "polynomial" count

        fun step ->
            let rest = 1.0 - progress count step
            stop + (start - stop) * Tensor.Pow(rest, Tensor.scalar power)

    /// start factor^(t / every).
    [<CompiledName("Exponential")>]
    let exponential (start: float) (factor: float) (every: int) : Schedule =
        let every = steps "exponential" every
        fun step -> start * exp (float step * (Math.Log factor / every))

    /// start factor^floor(t / every).
    [<CompiledName("Staircase")>]
    let staircase (start: float) (factor: float) (every: int) : Schedule =
        let every = steps "staircase" every
        fun step -> start * Tensor.Pow(Tensor.scalar factor, Tensor.floor (float step / every))

    /// start exp(-t / count): after so many steps start / e.
    [<CompiledName("Natural")>]
    let natural (start: float) (count: int) : Schedule =
        let count = steps "natural" count
        fun step -> start * exp (-(float step / count))

    /// start (1 + t / count)^-power. With a power in (0.5, 1] the values have no finite sum and their squares have one (Robbins and Monro 1951).
    [<CompiledName("Reciprocal")>]
    let reciprocal (start: float) (power: float) (count: int) : Schedule =
        let count = steps "reciprocal" count
        fun step -> start * Tensor.Pow(1.0 + float step / count, Tensor.scalar -power)

    /// From start to stop along half a cosine over so many steps (Loshchilov and Hutter 2017).
    [<CompiledName("Cosine")>]
    let cosine (start: float) (stop: float) (count: int) : Schedule =
        let count = steps "cosine" count
        fun step -> stop + (start - stop) * 0.5 * (1.0 + cos (Math.PI * progress count step))

    /// At and after each boundary another value; the first one before them all. A boundary belongs to the piece that begins there.
    [<CompiledName("Piecewise")>]
    let piecewise (first: float) (pieces: (int * float) seq) : Schedule =
        let pieces = pieces |> Seq.sortBy fst |> Seq.toList

        fun step ->
            (Tensor.scalar first, pieces)
            ||> List.fold (fun value (boundary, next) ->
                Tensor.where (Tensor.less step (Tensor.scalar boundary)) value (Tensor.scalar next))

    /// A schedule, and from each boundary on another one, which begins there.
    [<CompiledName("Join")>]
    let join (first: Schedule) (pieces: (int * Schedule) seq) : Schedule =
        let pieces = pieces |> Seq.sortBy fst |> Seq.toList

        fun step ->
            (first step, pieces)
            ||> List.fold (fun value (boundary, next) ->
                Tensor.where (Tensor.less step (Tensor.scalar boundary)) value (next (step - boundary)))

    /// Through points (step, value), along lines between them.
    [<CompiledName("Interpolate")>]
    let interpolate (points: (int * float) seq) : Schedule =
        match points |> Seq.sortBy fst |> Seq.toList with
        | [] -> Shapes.refuse "interpolate" "takes at least one point."
        | (_, value) :: _ as points ->
            points
            |> List.pairwise
            |> List.filter (fun ((from, _), (until, _)) -> from < until)
            |> List.map (fun ((from, start), (until, stop)) -> from, linear start stop (until - from))
            |> join (constant value)

    /// Up from 0 along a line over so many steps, the first of which has already moved, and then another schedule from its own beginning.
    [<CompiledName("WarmUp")>]
    let warmUp (count: int) (after: Schedule) : Schedule =
        let whole = steps "warmUp" count
        let rising: Schedule = fun step -> after (Tensor.zerosLike step) * (float (step + 1) / whole)
        join rising [ count, after ]

    /// Warm restarts (Loshchilov and Hutter 2017, SGDR): a cosine from start to stop over so many steps, again and again, each so many times as long as
    /// the last.
    [<CompiledName("WarmRestarts")>]
    let warmRestarts (start: float) (stop: float) (count: int) (longer: int) (cycles: int) : Schedule =
        let lengths = Seq.unfold (fun n -> Some(n, n * max 1 longer)) count |> Seq.take (max 1 cycles)
        let begins = lengths |> Seq.scan (+) 0

        Seq.zip begins lengths
        |> Seq.map (fun (from, length) -> from, cosine start stop length)
        |> join (cosine start stop count)

    /// One cycle (Smith and Topin 2018): by half cosines up from peak / 25 for a share of the steps, then down to peak / 25 / 1e4.
    [<CompiledName("OneCycle")>]
    let oneCycle (peak: float) (share: float) (count: int) : Schedule =
        Updates.within "oneCycle" "the share" 0.0 1.0 share
        let rising = int (Math.Round(share * Operators.float count))
        let falling = cosine peak (peak / 25.0 / 1e4) (max 1 (count - rising))

        if rising = 0 then
            falling
        else
            join (cosine (peak / 25.0) peak rising) [ rising, falling ]

    /// Momentum's ramp: from 0.5 to a last value, along half a cosine (Hinton's lecture 6).
    [<CompiledName("MomentumRamp")>]
    let momentumRamp (last: float) (count: int) : Schedule = cosine 0.5 last count

    /// The values at the steps 0, 1, ..., for a plot.
    [<CompiledName("Values")>]
    let values (count: int) (schedule: Schedule) : float[] =
        Array.init count (fun step -> Tensor.toScalar (schedule (Tensor.scalar step)))

    // Rates that wait for progress: pure steps over losses, for Seq.scan

    /// A rate that has seen no loss.
    [<CompiledName("Waiting")>]
    let waiting (rate: float) : Plateau =
        { Rate = Tensor.scalar rate
          Best = Tensor.scalar infinity
          Waited = Tensor.scalar 0 }

    /// One loss seen: the rate is multiplied by a factor once more than so many losses in a row were not better than the best by a relative threshold.
    [<CompiledName("OnPlateau")>]
    let onPlateau
        (factor: float)
        (patience: int)
        (threshold: float)
        (loss: Tensor)
        (state: Plateau)
        : Plateau =
        let loss = Tensor.cast DType.Float64 loss
        let isBetter = Tensor.less loss (state.Best - abs state.Best * threshold)
        // The best loss so far may be infinite, and then everything finite is better.
        let isFirst =
            Tensor.logicalAnd (Tensor.isFinite loss) (Tensor.logicalNot (Tensor.isFinite state.Best))

        let isBetter = Tensor.logicalOr isBetter isFirst
        let waited = Tensor.where isBetter (Tensor.zerosLike state.Waited) (state.Waited + 1)
        let isOver = Tensor.greater waited (Tensor.scalar patience)

        { Rate = Tensor.where isOver (state.Rate * factor) state.Rate
          Best = Tensor.where isBetter loss state.Best
          Waited = Tensor.where isOver (Tensor.zerosLike waited) waited }

    /// NewBOB (Renals et al. 1992): the rate stays until a validation loss is not better than the last by a relative threshold, and from then on halves at every loss.
    /// The rate never rises again.
    [<CompiledName("NewBob")>]
    let newBob (threshold: float) (loss: Tensor) (state: Plateau) : Plateau =
        let loss = Tensor.cast DType.Float64 loss
        let isFirst = Tensor.logicalNot (Tensor.isFinite state.Best)

        let isBetter = Tensor.logicalOr isFirst (Tensor.less loss (state.Best - abs state.Best * threshold))

        let hasBegun = Tensor.greater state.Waited (Tensor.zerosLike state.Waited)
        let halves = Tensor.logicalOr hasBegun (Tensor.logicalNot isBetter)

        { Rate = Tensor.where halves (state.Rate * 0.5) state.Rate
          Best = loss
          Waited = Tensor.where halves (state.Waited + 1) state.Waited }

    /// The first of start, start/2, start/4, ... for which a run does not diverge; None if so many did. A run is given the rate and says whether it stayed finite and came
    /// down: on a part of the data, say.
    [<CompiledName("LargestStable")>]
    let largestStable (start: float) (attempts: int) (isStable: float -> bool) : float option =
        Seq.init attempts (fun k -> start / Math.Pow(2.0, Operators.float k))
        |> Seq.tryFind isStable
