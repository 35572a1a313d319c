namespace GradBench

open System.Numerics
open Ad.Functional.Scalar

/// Arithmetic on any type of number, for functions that are not inline.
module Arithmetic =
    let (+) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Addition (a, b)
    let (-) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Subtraction (a, b)
    let (*) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Multiply (a, b)
    let (/) (a: 'T :> IFloatingPointIeee754<'T>) (b: 'T) : 'T = 'T.op_Division (a, b)

/// A function of numbers, over every type of number; it is differentiated by its variables but not by its parameters.
type IFunction =
    /// The value at the parameters and the variables.
    abstract Invoke<'T when 'T :> IFloatingPointIeee754<'T>> :
        parameters: 'T array * variables: 'T array -> 'T

/// One of the two modes.
type IMode =
    /// The partial derivatives by the variables, over every type of number.
    abstract Gradient<'T when 'T :> IFloatingPointIeee754<'T>> :
        f: IFunction * parameters: 'T array * variables: 'T array -> 'T array

/// The modes, and the optimizer in which they are nested.
module Nested =
    let forward =
        { new IMode with
            member _.Gradient<'T when 'T :> IFloatingPointIeee754<'T>>(f, parameters: 'T array, variables) =
                let parameters = Array.map Dual.constant parameters
                Forward.gradient (fun xs -> f.Invoke(parameters, xs)) variables }

    let reverse =
        { new IMode with
            member _.Gradient<'T when 'T :> IFloatingPointIeee754<'T>>(f, parameters: 'T array, variables) =
                let parameters = Array.map Adjoint.constant parameters
                Reverse.gradient (fun xs -> f.Invoke(parameters, xs)) variables }

    /// The four nestings by name: first the mode of the outer derivative, then that of the inner one.
    let pairs =
        [ "ff", (forward, forward)
          "fr", (forward, reverse)
          "rf", (reverse, forward)
          "rr", (reverse, reverse) ]

    let private norm<'T when 'T :> IFloatingPointIeee754<'T>> (xs: 'T array) : 'T =
        'T.Sqrt(Array.fold (fun (sum: 'T) (x: 'T) -> sum + x * x) 'T.Zero xs)

    let private atMost<'T when 'T :> IFloatingPointIeee754<'T>> (a: 'T) (b: float) =
        'T.op_LessThanOrEqual (a, real b)

    /// Gradient descent as GradBench has it: the rate doubles after ten good steps and halves after a bad one.
    let argmin<'T when 'T :> IFloatingPointIeee754<'T>>
        (f: 'T array -> 'T)
        (gradient: 'T array -> 'T array)
        (start: 'T array)
        : 'T array =
        let rec descend (x: 'T array) (fx: 'T) (g: 'T array) i (rate: 'T) =
            if atMost (norm g) 1e-5 then
                x
            elif i = 10 then
                descend x fx g 0 (rate + rate)
            else
                let next = Array.map2 (fun (x: 'T) (g: 'T) -> x - rate * g) x g

                if atMost (norm (Array.map2 (fun (x: 'T) (n: 'T) -> x - n) x next)) 1e-5 then
                    x
                else
                    let value = f next

                    if 'T.op_LessThan (value, fx) then
                        descend next value (gradient next) (i + 1) rate
                    else
                        descend x fx g 0 (rate / (real 2.0: 'T))

        descend start (f start) (gradient start) 0 (real 1e-5)
