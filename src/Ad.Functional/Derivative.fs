namespace Ad.Functional


/// The factor between a change of one input's element and the change of the result's element.
[<RequireQualifiedAccess>]
type internal Partial =
    | Zero
    | One
    | MinusOne
    | Factor of Tensor

/// <summary>How an operation is differentiated: one rule, which both modes read.</summary>
/// <remarks>Integers and booleans have no tangent; a rule holds such inputs fixed.</remarks>
type internal Derivative =
    /// Elementwise: for each input its partial, from the inputs and the result.
    | Elementwise of (Tensor[] -> Tensor -> Partial)[]
    /// Linear in all float inputs together: the tangent is the operation on the tangents. The transpose takes a cotangent to each input's.
    | Linear of transpose: (Tensor[] -> Tensor -> int -> Tensor)
    /// Linear in each float input by itself: the tangents add up. The transpose as above, the other inputs held.
    | Multilinear of transpose: (Tensor[] -> Tensor -> int -> Tensor)
    /// Anything else: from inputs and result, the result's tangent from the inputs', and the inputs' cotangents from the result's.
    | Rule of
        jvp: (Tensor[] -> Tensor -> Tensor option[] -> Tensor option) *
        vjp: (Tensor[] -> Tensor -> Tensor -> Tensor option[])
    /// All results of a control structure together.
    | Joint of structure: ControlRule * result: int
    /// No derivative: a symbolic zero.
    | NonDifferentiable

/// A control structure with its rules. A result is named by its number; of all results only those that somebody reads are asked for.
and [<AbstractClass>] internal ControlRule() =
    inherit Structure()

    /// Results and their tangents, from the inputs and theirs, by one run for both; without values, the tangents alone.
    abstract Move:
        inputs: Tensor[] * tangents: Tensor option[] * results: int[] * withValues: bool ->
            struct (Tensor option * Tensor option)[]

    /// The tangents of results, from the inputs and their tangents.
    member rule.Push(inputs, tangents, results) : Tensor option[] =
        rule.Move(inputs, tangents, results, false)
        |> Array.map (fun (struct (_, tangent)) -> tangent)

    /// The cotangents of the inputs that are wanted, from the inputs and the cotangents of results.
    abstract Pull: inputs: Tensor[] * cotangents: (int * Tensor)[] * wanted: bool[] -> Tensor option[]

    /// Results for examples one after another along a new first axis, which inputs with true have.
    abstract Batch: size: int * inputs: (Tensor * bool)[] * results: int[] -> Tensor[]

/// A derivative written by hand, on the leaves of a function's arguments and results; there are no symbolic zeros here.
[<Sealed>]
type internal CustomRule
    (results: Signature[], jvp: Tensor[] -> Tensor[] -> Tensor[], vjp: Tensor[] -> Tensor[] -> Tensor[]) =
    inherit Handwritten()

    /// The types and shapes of the results.
    member _.Results = results

    /// From arguments and their tangents to the results' tangents.
    member _.Jvp = jvp

    /// From arguments and the results' cotangents to the arguments'.
    member _.Vjp = vjp
