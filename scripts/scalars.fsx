// Functions of plain numbers: written once, run on floats, on dual numbers (forward) and on adjoints (reverse), to any order.
#load "lib/Prelude.fsx"

open Ad.Functional.Scalar

// Any type of number will do; 2G is the literal 2 of that type.
let inline f x = sin (x * x) + 2G * exp x

printfn $"{f 0.5:G12}"
//> 3.54484650065
printfn $"{Forward.derivative f 0.5:G12}"
//> 4.26635496311
printfn $"{Reverse.derivative f 0.5:G12}"
//> 4.26635496311
printfn $"{2.0 * 0.5 * cos 0.25 + 2.0 * exp 0.5:G12}"
//> 4.26635496311

// A number shows what it carries.
printfn $"{f (Dual.create 0.5 1.0):G12}"
//> 3.54484650065 (tangent 4.26635496311)

// The second derivative differentiates the first: the inner number's parts are the outer one's.
let second mode = mode (fun x -> Forward.derivative f x) 0.5
printfn $"{second Forward.derivative:G12}"
//> 4.98786342557
printfn $"{second Reverse.derivative:G12}"
//> 4.98786342557

// A function over every type of number has derivatives of every order.
let generic =
    { new IScalarFunction with
        member _.Invoke x = f x }

for order in 0..3 do
    printfn $"order {order}: {Generic.derivative order generic 0.5:G12}"
//> order 0: 3.54484650065
//> order 1: 4.26635496311
//> order 2: 4.98786342557
//> order 3: 0.844106364162

// Several inputs: Rosenbrock's valley, its gradient in one pass, and its Hessian by forward over reverse.
let inline rosenbrock (x: 'T array) =
    let a, b = 1G - x[0], x[1] - x[0] * x[0]
    a * a + 100G * b * b

printfn "%A" (Reverse.gradient rosenbrock [| -1.2; 1.0 |])
//> [|-215.6; -88.0|]
printfn "%A" (Reverse.hessian rosenbrock [| -1.2; 1.0 |])
//> [[1330.0; 480.0]
//>  [480.0; 200.0]]

// Four forward tangents to a pass, in the lanes of one vector: the same numbers as four passes.
printfn "%b" (Chunked.gradient rosenbrock [| -1.2; 1.0 |] = Forward.gradient rosenbrock [| -1.2; 1.0 |])
//> true

// Newton's method for a root, in any of these numbers: how the root of x^2 = a moves with a.
let inline root a =
    let mutable x = 1G

    for _ in 1..6 do
        x <- x - (x * x - a) / (2G * x)

    x

printfn $"{root 2.0:G12}, {Forward.derivative root 2.0:G12} against {0.5 / sqrt 2.0:G12}"
//> 1.41421356237, 0.353553390593 against 0.353553390593
