// One line: is the derivative of this function right at this point?
#load "lib/Prelude.fsx"

open System
open Ad.Functional
open Ad.Checks

// A sum of squares whose pullback, written by hand, forgets a 2.
let claimed = customVjp (fun x -> Tensor.sum (x * x)) (fun x g -> g * x)
let found = Gradients.check claimed (Tensor.vector [ 1.0; 2.0; 3.0 ])
printfn "%s" (Report.toText(found).Split('\n')[0])
//> Failed: the derivative is wrong, most of all at x[2].

// The whole report has a line a check: forward against reverse, differences, Taylor slopes, to second order, in four kinds of direction.
printfn "%b" (Gradients.check (fun x -> Tensor.sum (x * x)) (Tensor.vector [ 1.0; 2.0; 3.0 ])).IsPassed
//> true

// Code that knows nothing of tensors is checked as well: a plain function with the gradient that somebody claims for it.
let rosenbrock (x: float[]) = (1.0 - x[0]) ** 2.0 + 100.0 * (x[1] - x[0] * x[0]) ** 2.0

let gradient (x: float[]) =
    [| -2.0 * (1.0 - x[0]) - 400.0 * x[0] * (x[1] - x[0] * x[0])
       200.0 * (x[1] - x[0] * x[0]) |]

let verified =
    GradientCheck.Verify(Func<float[], float> rosenbrock, Func<float[], float[]> gradient, [| 0.3; 0.7 |])

printfn "%b" verified.IsPassed
//> true
