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
    val internal Value: 'T
    internal new(value) = { Value = value }

    interface IDerivative<'T, Tangent<'T>> with
        static member Chain(_, partial, x) = Tangent<'T>(Partials<'T>.Product(partial, x.Value))
        static member Join(_, da, a, db, b) = Tangent<'T>(Partials<'T>.Products(da, a.Value, db, b.Value))
        static member Sum(_, a, b) = Tangent<'T>('T.op_Addition (a.Value, b.Value))
        static member Difference(_, a, b) = Tangent<'T>('T.op_Subtraction (a.Value, b.Value))

        static member Opposite(_, x) = Tangent<'T>('T.op_UnaryNegation x.Value)

        static member Refuse() =
            raise (
                InvalidOperationException(
                    "Two forward passes over the same type of number met in one operation: the inner function uses a variable "
                    + "of the outer pass as its own. Let the inner function take Dual<Dual<_>>, and lift the outer variable with "
                    + "Dual.constant."
                )
            )

        member x.Describe(format, provider) = $" (tangent {x.Value.ToString(format, provider)})"

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
        Dual<'T>(value, Pass.ByHand, Tangent<'T> tangent)

    /// The value without its tangent.
    [<CompiledName("Value")>]
    let value (x: Dual<'T>) : 'T = x.Value

    /// The tangent; 0 for a constant.
    [<CompiledName("Tangent")>]
    let tangent (x: Dual<'T>) : 'T = if isNull x.Pass then 'T.Zero else x.Derivative.Value
