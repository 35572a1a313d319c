// L1 against L2: where the least of a squared error and a penalty lies, as the penalty grows. L2 shortens every weight, L1 takes the same from each and stops at 0.
#load "lib/Prelude.fsx"
#load "lib/Plot.fsx"

open System
open Ad.Functional

let best = Tensor.vector [ 1.0; 0.4 ]
let curvature = Tensor.matrix [ [ 1.0; 0.3 ]; [ 0.3; 1.0 ] ]
let error (w: Tensor) = 0.5 * Tensor.dot (w - best) (curvature *@ (w - best))

/// The least of the error and a penalty: gradient steps, each followed by the penalty's own.
let least (penalty: float) (own: float -> Optimizer<Tensor, unit>) =
    let step =
        jit (fun (w, s) -> Optimizer.step (Optimizer.sgd 0.5 >-> own (0.5 * penalty)) (grad error w) s w)

    let start = Tensor.zerosLike best

    Seq.fold (fun ws _ -> step ws) (start, (Optimizer.sgd 0.5 >-> own 0.0).Init start) [ 1..200 ]
    |> fst

let shrink (t: float) : Optimizer<Tensor, unit> = Updates.project (fun w -> w / (1.0 + t))
let penalties = [ 0.0; 0.05; 0.1; 0.2; 0.3; 0.4; 0.5; 0.7; 1.0; 1.5; 2.5; 5.0; 10.0 ]
let at own = penalties |> List.map (fun penalty -> Tensor.toArray<float>(least penalty own))
let squares, absolutes = at shrink, at Updates.softThreshold
let place (w: float[]) = w[0], w[1]

/// The points where the error is as large as at a place, and the set of the same penalty, around the origin.
let around (centre: float * float) (radius: float -> float) =
    [ for i in 0..120 ->
          let angle = 2.0 * Math.PI * float i / 120.0
          let r = radius angle
          fst centre + r * cos angle, snd centre + r * sin angle ]

let level (w: float[]) =
    let height = Tensor.toScalar (error (Tensor.vector w))

    around (1.0, 0.4) (fun a ->
        let d = Tensor.vector [ cos a; sin a ]
        sqrt (2.0 * height / Tensor.toScalar (Tensor.dot d (curvature *@ d))))

let l1, l2 = absolutes[3], squares[8]
let size = abs l1[0] + abs l1[1]
let diamond = around (0.0, 0.0) (fun a -> size / (abs (cos a) + abs (sin a)))
let circle = around (0.0, 0.0) (fun _ -> sqrt (l2[0] * l2[0] + l2[1] * l2[1]))
let line name points : Plot.Line = { Name = name; Points = points }

Plot.draw
    "penalties.svg"
    "The least of an error and a penalty, as the penalty grows"
    "first weight"
    "second weight"
    [ line "L2" (List.map place squares)
      line "L1" (List.map place absolutes)
      line "equal L2" circle
      line "equal L1" diamond
      line "error at L2" (level l2)
      line "error at L1" (level l1) ]

for i in [ 0; 3; 6; 8; 12 ] do
    let a, b = squares[i], absolutes[i]
    printfn $"penalty {penalties[i], 4}: L2 {a[0]:F3} {a[1]:F3}, L1 {b[0]:F3} {b[1]:F3}"
//> penalty    0: L2 1.000 0.400, L1 1.000 0.400
//> penalty  0.2: L2 0.840 0.373, L1 0.846 0.246
//> penalty  0.5: L2 0.681 0.331, L1 0.615 0.015
//> penalty    1: L2 0.519 0.272, L1 0.120 0.000
//> penalty   10: L2 0.100 0.061, L1 0.000 0.000
