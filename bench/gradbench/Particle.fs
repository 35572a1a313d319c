/// A particle between two charges: where to put one so that the particle lands near 0. The path follows an inner
/// derivative, and the optimizer an outer one through the whole path.
module GradBench.Particle

open System.Numerics
open Ad.Functional.Scalar

let inline private inverseDistance x y = 1G / sqrt (x * x + y * y)

let inline private potentialAt w px py =
    inverseDistance (px - 10G) (py - (10G - w)) + inverseDistance (px - 10G) py

/// The potential at a point (the variables) when the upper charge is w (the parameter) below 10.
let potential =
    { new IFunction with
        member _.Invoke<'T when 'T :> IFloatingPointIeee754<'T>>(w: 'T array, p: 'T array) : 'T =
            potentialAt w[0] p[0] p[1] }

module private Path =
    open Arithmetic

    let rec fly<'T when 'T :> IFloatingPointIeee754<'T>>
        (inner: IMode)
        (w: 'T array)
        (px: 'T)
        (py: 'T)
        vx
        vy
        : 'T =
        let dt: 'T = real 0.1
        let slope: 'T array = inner.Gradient(potential, w, [| px; py |])
        let px, py = px + dt * vx, py + dt * vy

        if 'T.op_LessThanOrEqual (py, 'T.Zero) then
            let x = px - py / vy * vx
            x * x
        else
            fly inner w px py (vx - dt * slope[0]) (vy - dt * slope[1])

/// The square of where the particle meets the ground; w is the variable.
let landing (inner: IMode) =
    { new IFunction with
        member _.Invoke<'T when 'T :> IFloatingPointIeee754<'T>>(_: 'T array, w: 'T array) : 'T =
            Path.fly inner w 'T.Zero (real 8.0) (real 0.75) 'T.Zero }

/// The w for which the particle lands nearest 0, from a first guess.
let best (outer: IMode, inner: IMode) (w: float) =
    let landing = landing inner
    let value (w: float array) = landing.Invoke([||], w)
    let gradient (w: float array) = outer.Gradient(landing, [||], w)
    (Nested.argmin value gradient [| w |])[0]

let evaluation =
    let functionOf modes = Evaluation.functionOf (Read.float "w") (fun w () -> best modes w) box

    { Name = "particle"
      Functions = Map [ for name, modes in Nested.pairs -> name, functionOf modes ] }
