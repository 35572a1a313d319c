// The two modes side by side: forward pushes tangents along with the values, reverse pulls cotangents back.
#load "lib/Prelude.fsx"

open Ad.Functional

let f (x: Tensor) = Tensor.stack 0 [ x[0] * x[1]; sin x[0] ]
let x = Tensor.vector [ 1.0; 2.0 ]

// Forward: the value, and the derivative along a direction, in one pass.
printfn "%A" (Forward.jvp f x (Tensor.vector [ 1.0; 0.0 ]))
//> ([2.0, 0.841471] : float64[2], [2.0, 0.540302] : float64[2])

// Reverse: the value, and the pullback, a function that may be kept and used any number of times.
let y, pullback = Reverse.vjp f x
printfn $"{pullback (Tensor.vector [ 1.0; 0.0 ])}"
//> [2.0, 1.0] : float64[2]
printfn $"{pullback (Tensor.vector [ 0.0; 1.0 ])}"
//> [0.540302, 0.0] : float64[2]

// The same verbs in both; they differ in the number of passes.
printfn $"{Forward.jacobian f x = Reverse.jacobian f x}, {Reverse.jacobian f x}"
//> True, [[2.0, 1.0], [0.540302, 0.0]] : float64[2, 2]

let norm x = Tensor.norm (f x)
printfn $"{Forward.gradient norm x}"
//> [2.05301, 0.92174] : float64[2]
printfn $"{Reverse.gradient norm x}"
//> [2.05301, 0.92174] : float64[2]

// grad is Reverse.gradient; with the value, and with whatever else the function has to say.
printfn "%A" (valueAndGrad norm x)
//> (2.16981 : float64[], [2.05301, 0.92174] : float64[2])

let withLargest x =
    let y = f x
    Tensor.norm y, Tensor.argmax y

let (value, largest), gradient = Reverse.valueAndGradientAux withLargest x
printfn $"{value}, largest at {largest}, gradient {gradient}"
//> 2.16981 : float64[], largest at 0 : int32[], gradient [2.05301, 0.92174] : float64[2]

// What a function closes over is a constant to it, and no less a variable to whoever is outside:
// d/dx (x d/dy (x + y)) is 1, and d/dx (x d/dy (x y)) is 2 x (Siskind and Pearlmutter 2005).
let inner g x = x * Forward.derivative (fun y -> g x y) (Tensor.scalar 2.0)
let at = Tensor.scalar 3.0
printfn $"{Forward.derivative (inner (+)) at}, {Forward.derivative (inner (*)) at}"
//> 1.0 : float64[], 6.0 : float64[]
printfn $"{grad (inner (+)) at}, {grad (inner (*)) at}"
//> 1.0 : float64[], 6.0 : float64[]

// No derivative flows through stopGradient.
printfn $"{grad (fun x -> Tensor.sum (x * Tensor.stopGradient x)) x}"
//> [1.0, 2.0] : float64[2]
