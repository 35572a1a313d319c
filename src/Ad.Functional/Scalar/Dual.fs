namespace Ad.Functional.Scalar

open System
open System.Numerics

/// One forward pass. It travels in its tangents, so that those of two passes cannot be confused.
[<Sealed>]
type internal Pass() =
    /// The pass of numbers made by hand.
    static member val ByHand = Pass()

/// The forward form of a derivative: the tangent dy along the direction of one pass.
[<Struct; NoEquality; NoComparison>]
type Tangent<'T when 'T :> IFloatingPointIeee754<'T>> =
    val internal Pass: Pass | null
    val internal Value: 'T
    internal new(pass, value) = { Pass = pass; Value = value }

    static member private Mixed() : Tangent<'T> =
        raise (
            InvalidOperationException(
                "Two forward passes over the same type of number met in one operation: the inner function uses a variable "
                + "of the outer pass as its own. Let the inner function take Dual<Dual<_>>, and lift the outer variable with "
                + "Dual.constant."
            )
        )

    /// The tangent in a pass: zero for a constant, an error for a number of another pass.
    member internal x.In(pass: Pass) : 'T =
        if isNull x.Pass then 'T.Zero
        elif obj.ReferenceEquals(x.Pass, pass) then x.Value
        else Tangent<'T>.Mixed().Value

    interface IDerivative<'T, Tangent<'T>> with
        static member None = Unchecked.defaultof<Tangent<'T>>

        static member Chain(partial, x) =
            if isNull x.Pass then
                x
            else
                Tangent<'T>(x.Pass, Partials<'T>.Product(partial, x.Value))

        static member Join(da, a, db, b) =
            if isNull b.Pass then
                (if isNull a.Pass then
                     a
                 else
                     Tangent<'T>(a.Pass, Partials<'T>.Product(da, a.Value)))
            elif isNull a.Pass then
                Tangent<'T>(b.Pass, Partials<'T>.Product(db, b.Value))
            elif obj.ReferenceEquals(a.Pass, b.Pass) then
                Tangent<'T>(a.Pass, Partials<'T>.Products(da, a.Value, db, b.Value))
            else
                Tangent<'T>.Mixed()

        member x.Describe(format, provider) =
            if isNull x.Pass then
                ""
            else
                $" (tangent {x.Value.ToString(format, provider)})"

/// A number with the tangent of one forward pass; nests as `Dual<Dual<float>>`.
type Dual<'T when 'T :> IFloatingPointIeee754<'T>> = Number<'T, Tangent<'T>>

/// Makes and reads dual numbers.
[<RequireQualifiedAccess>]
module Dual =
    /// A number that does not vary: lifts an outer variable into an inner function.
    [<CompiledName("Constant")>]
    let constant (value: 'T :> IFloatingPointIeee754<'T>) : Dual<'T> = Dual<'T> value

    /// A number with this tangent. Numbers made by hand are all of one pass, which no verb shares.
    [<CompiledName("Create")>]
    let create (value: 'T :> IFloatingPointIeee754<'T>) (tangent: 'T) : Dual<'T> =
        Dual<'T>(value, Tangent<'T>(Pass.ByHand, tangent))

    /// The value without its tangent.
    [<CompiledName("Value")>]
    let value (x: Dual<'T>) : 'T = x.Value

    /// The tangent; 0 for a constant.
    [<CompiledName("Tangent")>]
    let tangent (x: Dual<'T>) : 'T =
        if isNull x.Derivative.Pass then
            'T.Zero
        else
            x.Derivative.Value
