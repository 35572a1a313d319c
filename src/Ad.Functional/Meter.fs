namespace Ad.Functional

open System.Threading

/// <summary>How much work was done, in numbers that do not depend on the machine.</summary>
type Cost =
    {
        /// How often Forward pushed tangents through a function.
        ForwardPasses: int
        /// How often Reverse pulled a cotangent back.
        ReversePasses: int
        /// Operations run by the engine; arguments and constants are not counted.
        PrimitiveEvaluations: int64
        /// Edges of the expression graph along which a tangent or a cotangent went.
        EdgesVisited: int64
        /// Floating-point operations: 1 for each element of an elementwise function, 2mnk for a contraction.
        Flops: int64
        /// Bytes read and written, each operation counted alone.
        Bytes: int64
    }

    /// Forward and reverse passes together.
    member c.Passes = c.ForwardPasses + c.ReversePasses

    /// No work.
    static member Zero =
        { ForwardPasses = 0
          ReversePasses = 0
          PrimitiveEvaluations = 0L
          EdgesVisited = 0L
          Flops = 0L
          Bytes = 0L }

    /// The work of both.
    static member (+)(a: Cost, b: Cost) =
        { ForwardPasses = a.ForwardPasses + b.ForwardPasses
          ReversePasses = a.ReversePasses + b.ReversePasses
          PrimitiveEvaluations = a.PrimitiveEvaluations + b.PrimitiveEvaluations
          EdgesVisited = a.EdgesVisited + b.EdgesVisited
          Flops = a.Flops + b.Flops
          Bytes = a.Bytes + b.Bytes }

/// Adds up the work of whoever is being measured, in this flow of control and the tasks it starts; nobody else sees it.
[<Sealed>]
type internal Meter private (outer: Meter | null) =
    static let current = AsyncLocal<Meter | null>()
    let gate = obj ()
    let mutable total = Cost.Zero

    member _.Total = lock gate (fun () -> total)

    member private _.Add cost : unit =
        lock gate (fun () -> total <- total + cost)

        match outer with
        | null -> ()
        | meter -> meter.Add cost

    /// Counts work, if somebody measures.
    static member inline Count([<InlineIfLambda>] cost: unit -> Cost) =
        if Meter.IsMeasuring then
            Meter.Record(cost ())

    static member IsMeasuring = not (isNull current.Value)

    static member Record cost =
        match current.Value with
        | null -> ()
        | meter -> meter.Add cost

    /// Runs the function without counting its work: a pass through a loop's body, which is part of the pass through the loop.
    static member Uncounted(f: unit -> 'a) =
        let before = current.Value
        current.Value <- null

        try
            f ()
        finally
            current.Value <- before

    /// Runs the function with a new meter, and returns what it counted.
    static member Run(f: unit -> 'a) =
        let before = current.Value
        let meter = Meter before
        current.Value <- meter

        try
            let result = f ()
            result, meter.Total
        finally
            current.Value <- before
