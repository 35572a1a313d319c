// Transforms beyond derivatives: functions of many examples at once, linear maps and their transposes, derivatives by hand.
#load "lib/Prelude.fsx"

open Ad.Functional

// vmap: a function of one example becomes a function of many, one after another along the first axis. Nothing is looped over.
let weights = Tensor.matrix [ [ 1.0; -1.0 ]; [ 0.5; 2.0 ]; [ -2.0; 1.0 ] ]
let score (x: Tensor) = Tensor.logSumExp (x *@ weights)
let examples = Tensor.matrix [ [ 1.0; 2.0; 3.0 ]; [ 0.0; 0.0; 0.0 ] ]
printfn $"{vmap score examples}"
//> [6.00005, 0.693147] : float64[2]

// The gradient for every example, in one pass; and what it costs against a loop.
printfn $"{vmap (grad score) examples}"
//> [[-0.999909, 1.99993, 0.999864], [0.0, 1.25, -0.5]] : float64[2, 3]

let passes f =
    let _, cost = Cost.measure f
    cost.ReversePasses, cost.PrimitiveEvaluations

let many = Random.normal (Key.ofSeed 1L) [ 100; 3 ] |> Tensor.eval
let loop (x: Tensor) = Tensor.stack 0 [ for i in 0..99 -> grad score x[i] ]
printfn "%A" (passes (fun () -> loop many))
//> (100, 2301L)
printfn "%A" (passes (fun () -> vmap (grad score) many))
//> (1, 28L)

// Some arguments may be the same for all, and axes may be others than the first.
let affine (x: Tensor, w: Tensor) = x *@ w
printfn $"{vmapAxes [ Some 1; None ] 0 affine (Tensor.transpose examples, weights)}"
//> [[-4.0, 6.0], [0.0, 0.0]] : float64[2, 2]

// A Jacobian is a map of the pullback over unit cotangents: this is how its definition reads.
let f (x: Tensor) = Tensor.stack 0 [ x[0] * x[1]; sin x[0] ]
let _, pullback = Reverse.vjp f (Tensor.vector [ 1.0; 2.0 ])
printfn $"{vmap pullback (Tensor.eye Float64 2)}"
//> [[2.0, 1.0], [0.540302, 0.0]] : float64[2, 2]

// linearize: the derivative at a point as a linear map, in which f is not run again.
let value, slope = linearize f (Tensor.vector [ 1.0; 2.0 ])
printfn $"{slope (Tensor.vector [ 1.0; 0.0 ])}, {slope (Tensor.vector [ 0.0; 1.0 ])}"
//> [2.0, 0.540302] : float64[2], [1.0, 0.0] : float64[2]

// linearTranspose: of any function that is linear in its argument.
let differences (x: Tensor) = x[1..] - x[.. -2]
printfn $"{linearTranspose differences (Tensor.zeros Float64 [ 4 ]) (Tensor.vector [ 1.0; 10.0; 100.0 ])}"
//> [-1.0, -9.0, -90.0, 100.0] : float64[4]

try
    linearTranspose sin (Tensor.scalar 0.0) (Tensor.scalar 1.0) |> ignore
with :? System.ArgumentException as mistake ->
    printfn $"{mistake.Message}"
//> linearTranspose: the function is not linear: sin is not linear in its argument.

// customVjp: a pullback by hand, here of a root found by iteration. That of a = y y needs no iteration: it is g / (2 y).
let heron (a: Tensor) = Seq.fold (fun y _ -> 0.5 * (y + a / y)) (Tensor.onesLike a) (seq { 1..20 })

let root = customVjp heron (fun a g -> g / (2.0 * heron a))
let a = Tensor.scalar 2.0
printfn $"{root a}, {grad root a}, {Forward.derivative root a}, {grad (grad root) a}"
//> 1.41421 : float64[], 0.353553 : float64[], 0.353553 : float64[], -0.0883883 : float64[]

// RuleCheck.during: rules are held against differences where they are first used.
let forgetful (x: Tensor) = customVjp (fun (x: Tensor) -> x * x) (fun x g -> x * g) x

try
    RuleCheck.during (fun () -> forgetful (Tensor.scalar 3.0)) |> ignore
with :? System.ArgumentException as mistake ->
    printfn $"""{mistake.Message.Contains "forgetful"}, {mistake.Message.Contains "differences give"}"""
//> True, True

// explain: what jit runs, an operation a line; below it, the plan that the device made.
let program = explain (fun (x: Tensor) -> Tensor.sum (sin x * 2.0)) (Tensor.vector [ 1.0; 2.0 ])
printfn "%s" (program.Substring(0, program.IndexOf "\nreturn"))
//> %0 = input 0 : float64[2]
//> %1 = sin %0 : float64[2]
//> %2 = constant 2 : float64[2]
//> %3 = multiply %1 %2 : float64[2]
//> %4 = sum [0] %3 : float64[]
