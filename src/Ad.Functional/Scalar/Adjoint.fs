namespace Ad.Functional.Scalar

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Threading

/// One step on a tape: its arguments by index, 0 for none, and the partial derivative in each.
[<Struct; NoEquality; NoComparison>]
type internal Step<'T> = { A: int; B: int; Da: 'T; Db: 'T }

/// What the arrays of one pass leave to the thread's next: touching fresh memory costs more than a step does.
[<AbstractClass; Sealed>]
type internal Spare<'T> private () =
    [<ThreadStatic; DefaultValue>]
    static val mutable private steps: Step<'T> array | null

    [<ThreadStatic; DefaultValue>]
    static val mutable private adjoints: 'T array | null

    [<ThreadStatic; DefaultValue>]
    static val mutable private reached: bool array | null

    // What longer passes took goes back to the system.
    static member private Most = 1 <<< 20

    /// An array for steps, with anything in it.
    static member TakeSteps() : Step<'T> array =
        match Spare<'T>.steps with
        | null -> Array.zeroCreate 16
        | steps ->
            Spare<'T>.steps <- null
            steps

    /// Leaves an array of steps, the first so many of which were used.
    static member LeaveSteps(steps: Step<'T> array, used: int) =
        if steps.Length <= Spare<'T>.Most then
            // Numbers that are not plain hold on to the tapes that they are on.
            if RuntimeHelpers.IsReferenceOrContainsReferences<'T>() then
                Array.Clear(steps, 0, used)

            Spare<'T>.steps <- steps

    /// At least so many adjoints, with anything in them, and as many flags, all false.
    static member TakeAdjoints(count: int) : struct ('T array * bool array) =
        match Spare<'T>.adjoints, Spare<'T>.reached with
        | NonNull adjoints, NonNull reached when adjoints.Length >= count ->
            Spare<'T>.adjoints <- null
            Spare<'T>.reached <- null
            struct (adjoints, reached)
        | _ ->
            let room = max 16 (int (min (int64 Array.MaxLength) (2L * int64 count)))
            struct (Array.zeroCreate room, Array.zeroCreate room)

    /// Leaves adjoints, the first so many of which were used, with flags that are all false again.
    static member LeaveAdjoints(adjoints: 'T array, reached: bool array, used: int) =
        if adjoints.Length <= 2 * Spare<'T>.Most then
            if RuntimeHelpers.IsReferenceOrContainsReferences<'T>() then
                Array.Clear(adjoints, 0, used)

            Spare<'T>.adjoints <- adjoints
            Spare<'T>.reached <- reached

/// The steps of one reverse pass in the order they were taken. It grows while the function runs, on the thread that
/// runs it, and does not change after.
[<Sealed>]
type internal Tape<'T when 'T :> IFloatingPointIeee754<'T>>() =
    // Nobody when the recording has ended. A thread's number takes a call to find out, the thread itself does not.
    let mutable owner: Thread | null = Thread.CurrentThread
    let mutable steps = Spare<'T>.TakeSteps()
    // Nothing lies at the first place.
    let mutable count = 1

    member private _.Refuse() =
        let why =
            if isNull owner then
                "A variable of a reverse pass was used after that pass had ended: return results, not variables."
            else
                "A variable of a reverse pass was used on another thread: differentiate inside each thread instead."

        raise (InvalidOperationException why)

    member private _.Grow() = Array.Resize(&steps, int (min (2L * int64 count) (int64 Array.MaxLength)))

    /// Ends the recording.
    member _.Close() = owner <- null

    /// Gives the steps up: the tape is never swept again.
    member _.Release() =
        Spare<'T>.LeaveSteps(steps, count)
        steps <- [||]
        count <- 0

    /// Adds a step and gives its index.
    member tape.Add(a: int, da: 'T, b: int, db: 'T) : int =
        if not (obj.ReferenceEquals(Thread.CurrentThread, owner)) then
            tape.Refuse()

        if count = steps.Length then
            tape.Grow()

        let index = count
        steps[index] <- { A = a; B = b; Da = da; Db = db }
        count <- index + 1
        index

    /// The adjoints of the first steps, the inputs, given those of some: one pass from the last step to the first.
    member _.Sweep(inputs: int, seeds: struct (int * 'T) array) : 'T array =
        let last = seeds |> Array.fold (fun last (struct (i, _)) -> max last i) inputs
        // An adjoint nobody has added to is absent: it costs nothing, above all not on an outer tape.
        let struct (adjoints, reached) = Spare<'T>.TakeAdjoints(last + 1)
        let steps = steps

        for struct (i, g) in seeds do
            adjoints[i] <- if reached[i] then 'T.op_Addition (adjoints[i], g) else g
            reached[i] <- true

        for i in last .. -1 .. inputs + 1 do
            if reached[i] then
                reached[i] <- false
                let g = adjoints[i]
                let a = steps[i].A

                if a > 0 then
                    let towards = Partials<'T>.Product(steps[i].Da, g)

                    adjoints[a] <-
                        if reached[a] then
                            'T.op_Addition (adjoints[a], towards)
                        else
                            towards

                    reached[a] <- true

                let b = steps[i].B

                if b > 0 then
                    let towards = Partials<'T>.Product(steps[i].Db, g)

                    adjoints[b] <-
                        if reached[b] then
                            'T.op_Addition (adjoints[b], towards)
                        else
                            towards

                    reached[b] <- true

        let result =
            Array.init inputs (fun i ->
                let g = if reached[i + 1] then adjoints[i + 1] else 'T.Zero
                reached[i + 1] <- false
                g)

        Spare<'T>.LeaveAdjoints(adjoints, reached, last + 1)
        result

/// The reverse form of a derivative: a place on the tape of one pass.
[<Struct; NoEquality; NoComparison>]
type Place<'T when 'T :> IFloatingPointIeee754<'T>> =
    val internal Index: int
    internal new(index) = { Index = index }

    // Nothing of constants.
    static member private Step(pass: obj | null, a: int, da: 'T, b: int, db: 'T) =
        match Unsafe.As<Tape<'T> | null> pass with
        | null -> Place<'T>()
        | tape -> Place<'T>(tape.Add(a, da, b, db))

    interface IDerivative<'T, Place<'T>> with
        static member Chain(tape, partial, x) = Place<'T>.Step(tape, x.Index, partial, 0, 'T.Zero)
        static member Join(tape, da, a, db, b) = Place<'T>.Step(tape, a.Index, da, b.Index, db)

        // What a constant is added to keeps its place.
        static member Sum(tape, a, b) =
            if b.Index = 0 then a
            elif a.Index = 0 then b
            else Place<'T>.Step(tape, a.Index, 'T.One, b.Index, 'T.One)

        static member Difference(tape, a, b) =
            if b.Index = 0 then
                a
            else
                Place<'T>.Step(tape, a.Index, 'T.One, b.Index, 'T.NegativeOne)

        static member Opposite(tape, x) = Place<'T>.Step(tape, x.Index, 'T.NegativeOne, 0, 'T.Zero)

        static member Refuse() =
            raise (
                InvalidOperationException(
                    "Two reverse passes over the same type of number met in one operation: the inner function uses a variable "
                    + "of the outer pass as its own. Let the inner function take Adjoint<Adjoint<_>>, and lift the outer variable "
                    + "with Adjoint.constant."
                )
            )

        member x.Describe(_, _) = $" (step {x.Index})"

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
