namespace Ad.Functional.Scalar

open System.Numerics

/// A function of one number that is written for every type of number. C# implements it; in F# it is an object expression.
type IScalarFunction =
    /// The value of the function.
    abstract Invoke<'T when 'T :> IFloatingPointIeee754<'T>> : x: 'T -> 'T

/// A function of several numbers that is written for every type of number.
type IVectorFunction =
    /// The value of the function.
    abstract Invoke<'T when 'T :> IFloatingPointIeee754<'T>> : x: 'T array -> 'T

/// Differentiates functions that are written for every type of number, to any order.
/// Since such a function cannot name a type, variables of different passes cannot meet in it.
[<RequireQualifiedAccess>]
module Generic =
    /// The derivative of this order; order 0 is the value. Each order doubles the work.
    /// Raises ArgumentOutOfRangeException when the order is negative.
    let rec derivative<'T when 'T :> IFloatingPointIeee754<'T>>
        (order: int)
        (f: IScalarFunction)
        (x: 'T)
        : 'T =
        System.ArgumentOutOfRangeException.ThrowIfNegative order

        if order = 0 then
            f.Invoke x
        else
            Forward.derivative (fun (x: Dual<'T>) -> derivative<Dual<'T>> (order - 1) f x) x

    /// The partial derivatives, in one reverse pass.
    let gradient (f: IVectorFunction) (xs: 'T array) : 'T array =
        Reverse.gradient (fun (xs: Adjoint<'T> array) -> f.Invoke xs) xs

    /// The matrix of second derivatives, forward over reverse.
    let hessian (f: IVectorFunction) (xs: 'T array) : 'T array2d =
        Reverse.hessian (fun (xs: Adjoint<Dual<'T>> array) -> f.Invoke xs) xs
