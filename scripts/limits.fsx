// What surprises: each of these is documented in docs/limits.md.
#load "lib/Prelude.fsx"

open Ad.Functional

let x = Tensor.ones Float64 [ 2; 3 ]
let w = Tensor.ones Float64 [ 3; 3 ]

let attempt (f: unit -> 'a) =
    try
        printfn $"{f ()}"
    with mistake ->
        printfn $"{mistake.Message}"

// F# gives @ a lower precedence than +, so x @ w + 1.0 means x @ (w + 1.0); *@ binds like a product.
module ListOperatorHidden =
    open Ad.Functional.MatrixProduct

    let product = x @ w + 1.0

printfn $"{ListOperatorHidden.product[0]}"
//> [6.0, 6.0, 6.0] : float64[3]
printfn $"{(x *@ w + 1.0)[0]}"
//> [4.0, 4.0, 4.0] : float64[3]

// F#'s ** takes a tensor on the left only; Tensor.pow takes two.
printfn $"{Tensor.pow (Tensor.scalar 2.0) (Tensor.vector [ 1.0; 2.0; 3.0 ])}"
//> [2.0, 4.0, 8.0] : float64[3]

// A function under jit is run on placeholders: it cannot branch on what it computes. Tensor.where can.
let branching = jit (fun (x: Tensor) -> if Tensor.toScalar (Tensor.sum x) > 0.0 then x else -x)
attempt (fun () -> branching x)
//> The value of a tensor that depends on an argument of jit or vmap was asked for while the function was traced, when it has none yet. Branch with Tensor.where, or leave jit or vmap out.
let choosing =
    jit (fun (x: Tensor) -> Tensor.where (Tensor.greater (Tensor.sum x) (Tensor.scalar 0.0)) x (-x))

attempt (fun () -> (choosing x)[0])
//> [1.0, 1.0, 1.0] : float64[3]

// Outside jit branching is allowed: asking for the value computes it, and the branch taken is what is differentiated.
let plain (x: Tensor) = if Tensor.toScalar x > 0.0 then x * x else -x
printfn $"{grad plain (Tensor.scalar 3.0)}, {grad plain (Tensor.scalar -3.0)}"
//> 6.0 : float64[], -1.0 : float64[]

// What a function does besides returning happens when it is traced: once under jit, once for each pass of forward mode.
let mutable calls = 0

let noisy (x: Tensor) =
    calls <- calls + 1
    Tensor.sum (x * x)

let fast = jit noisy

for _ in 1..10 do
    fast x |> ignore

printfn $"{calls} call under jit"
calls <- 0
Forward.gradient noisy x |> ignore
printfn $"{calls} calls by Forward.gradient of {x.Count} elements"
//> 1 call under jit
//> 6 calls by Forward.gradient of 6 elements

// After open Ad.Functional, Int32, Int64 and Bool mean element types; System's types need their full names.
printfn $"{Tensor.zeros Int32 [ 2 ]}, {System.Int32.MaxValue}"
//> [0, 0] : int32[2], 2147483647

// Integers have no derivative, and a plain number that is not whole does not mix with them.
attempt (fun () -> grad (fun (x: Tensor) -> Tensor.sum (x * x)) (Tensor.vector [ 1; 2 ]))
//> Reverse.gradient: the function's result is int32[], not a float of rank 0; reduce it, with Tensor.sum say.
attempt (fun () -> Tensor.vector [ 1; 2 ] * 0.5)
//> multiply: the number 0.5 is not one that int32 holds; convert the tensor with Tensor.cast.

// The gradient is of a scalar; a pullback or a Jacobian takes more.
attempt (fun () -> grad sin x)
//> Reverse.gradient: the function's result is float64[2, 3], not a float of rank 0; reduce it, with Tensor.sum say.

// An index out of range in a tensor of indices is found when the value is computed.
let picked = Tensor.take 0 (Tensor.vector [ 5 ]) x
attempt (fun () -> Tensor.toArray<float> picked)
//> The operation take has index 5 for axis 0, whose size is 2.
