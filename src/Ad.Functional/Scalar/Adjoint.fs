namespace Ad.Functional.Scalar

open System
open System.Numerics

/// One step on a tape: its arguments by index, -1 for none, and the partial derivative in each.
[<Struct; NoEquality; NoComparison>]
type internal Step<'T> = { A: int; Da: 'T; B: int; Db: 'T }

/// The steps of one reverse pass in the order they were taken. It grows while the function runs, on the thread that
/// runs it, and does not change after.
[<Sealed>]
type internal Tape<'T when 'T :> IFloatingPointIeee754<'T>>() =
    let owner = Environment.CurrentManagedThreadId
    let mutable steps: Step<'T> array = Array.zeroCreate 16
    let mutable count = 0
    let mutable isOpen = true

    let refuse (why: string) = raise (InvalidOperationException why)

    /// Ends the recording.
    member _.Close() = isOpen <- false

    /// Adds a step and gives its index.
    member _.Add(a: int, da: 'T, b: int, db: 'T) : int =
        if not isOpen then
            refuse
                "A variable of a reverse pass was used after that pass had ended: return results, not variables."

        if Environment.CurrentManagedThreadId <> owner then
            refuse
                "A variable of a reverse pass was used on another thread: differentiate inside each thread instead."

        if count = steps.Length then
            Array.Resize(&steps, int (min (2L * int64 count) (int64 Array.MaxLength)))

        steps[count] <- { A = a; Da = da; B = b; Db = db }
        count <- count + 1
        count - 1

    /// The adjoints of the first inputs, given the adjoints of some steps: one pass from the last step to the first.
    member _.Sweep(inputs: int, seeds: struct (int * 'T) array) : 'T array =
        let last = seeds |> Array.fold (fun last (struct (i, _)) -> max last i) (inputs - 1)
        let adjoints = Array.create (last + 1) 'T.Zero
        // An adjoint nobody has added to is absent: it costs nothing, above all not on an outer tape.
        let reached = Array.create (last + 1) false

        let accumulate i g =
            adjoints[i] <- if reached[i] then 'T.op_Addition (adjoints[i], g) else g
            reached[i] <- true

        for struct (i, g) in seeds do
            accumulate i g

        for i in last .. -1 .. inputs do
            if reached[i] then
                let step, g = steps[i], adjoints[i]
                accumulate step.A (Partials<'T>.Product(step.Da, g))

                if step.B >= 0 then
                    accumulate step.B (Partials<'T>.Product(step.Db, g))

        Array.sub adjoints 0 inputs

/// The reverse form of a derivative: a place on the tape of one pass.
[<Struct; NoEquality; NoComparison>]
type Place<'T when 'T :> IFloatingPointIeee754<'T>> =
    val internal Tape: Tape<'T> | null
    val internal Index: int
    internal new(tape, index) = { Tape = tape; Index = index }

    static member internal Mixed() : Place<'T> =
        raise (
            InvalidOperationException(
                "Two reverse passes over the same type of number met in one operation: the inner function uses a variable "
                + "of the outer pass as its own. Let the inner function take Adjoint<Adjoint<_>>, and lift the outer variable "
                + "with Adjoint.constant."
            )
        )

    interface IDerivative<'T, Place<'T>> with
        static member None = Unchecked.defaultof<Place<'T>>

        static member Chain(partial, x) =
            match x.Tape with
            | null -> x
            | tape -> Place<'T>(tape, tape.Add(x.Index, partial, -1, 'T.Zero))

        static member Join(da, a, db, b) =
            match a.Tape with
            | null ->
                match b.Tape with
                | null -> b
                | tape -> Place<'T>(tape, tape.Add(b.Index, db, -1, 'T.Zero))
            | tape ->
                match b.Tape with
                | null -> Place<'T>(tape, tape.Add(a.Index, da, -1, 'T.Zero))
                | other when obj.ReferenceEquals(tape, other) ->
                    Place<'T>(tape, tape.Add(a.Index, da, b.Index, db))
                | _ -> Place<'T>.Mixed()

        member x.Describe(_, _) =
            match x.Tape with
            | null -> ""
            | _ -> $" (step {x.Index})"

/// A number with a place on the tape of one reverse pass; nests as `Adjoint<Adjoint<float>>`.
type Adjoint<'T when 'T :> IFloatingPointIeee754<'T>> = Number<'T, Place<'T>>

/// Makes and reads adjoint numbers.
[<RequireQualifiedAccess>]
module Adjoint =
    /// A number that does not vary: lifts an outer variable into an inner function.
    [<CompiledName("Constant")>]
    let constant (value: 'T :> IFloatingPointIeee754<'T>) : Adjoint<'T> = Adjoint<'T> value

    /// The value without its place.
    [<CompiledName("Value")>]
    let value (x: Adjoint<'T>) : 'T = x.Value
