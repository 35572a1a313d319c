/// The saddle of (x1^2 + x2^2) - (y1^2 + y2^2): least over x of the greatest over y, one optimizer within another.
module GradBench.Saddle

open System.Numerics
open Ad.Functional.Scalar

let inline private square x = x * x

let inline private saddle x1 x2 y1 y2 = (square x1 + square x2) - (square y1 + square y2)

/// What is maximized over y, negated; x is the parameter.
let negated =
    { new IFunction with
        member _.Invoke<'T when 'T :> IFloatingPointIeee754<'T>>(x: 'T array, y: 'T array) : 'T =
            -(saddle x[0] x[1] y[0] y[1]) }

let private argmax<'T when 'T :> IFloatingPointIeee754<'T>> (inner: IMode) (x: 'T array) (start: 'T array) =
    Nested.argmin (fun y -> negated.Invoke(x, y)) (fun y -> inner.Gradient(negated, x, y)) start

/// The greatest value over y at x; where to start in y is the parameter.
let greatest (inner: IMode) =
    { new IFunction with
        member _.Invoke<'T when 'T :> IFloatingPointIeee754<'T>>(start: 'T array, x: 'T array) : 'T =
            -(negated.Invoke(x, argmax inner x start)) }

/// The saddle, x before y, when both begin at the same point. The outer derivative goes through the inner optimizer.
let find (outer: IMode, inner: IMode) (start: float array) =
    let greatest = greatest inner
    let value (x: float array) = greatest.Invoke(start, x)
    let gradient (x: float array) = outer.Gradient(greatest, start, x)
    let x = Nested.argmin value gradient start
    Array.append x (argmax inner x start)

let evaluation =
    let functionOf modes =
        Evaluation.functionOf (Read.field "start" >> Read.numbers) (fun start () -> find modes start) box

    { Name = "saddle"
      Functions = Map [ for name, modes in Nested.pairs -> name, functionOf modes ] }
