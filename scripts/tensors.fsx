// Tensors: making them, computing with them, reading them; and what mistakes say.
#load "lib/Prelude.fsx"

open Ad.Functional

// The element type follows the data.
let x = Tensor.matrix [ [ 1.0; 2.0; 3.0 ]; [ 4.0; 5.0; 6.0 ] ]
printfn $"{x}"
//> [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] : float64[2, 3]
printfn $"{Tensor.vector [ 1; 2; 3 ]} and {Tensor.ones Float32 [ 2; 2 ]}"
//> [1, 2, 3] : int32[3] and [[1.0, 1.0], [1.0, 1.0]] : float32[2, 2]
printfn $"{Tensor.linspace Float64 0.0 1.0 5}"
//> [0.0, 0.25, 0.5, 0.75, 1.0] : float64[5]

// Shapes broadcast as in NumPy; plain numbers take the tensor's element type.
printfn $"{2.0 * x + 1.0}"
//> [[3.0, 5.0, 7.0], [9.0, 11.0, 13.0]] : float64[2, 3]
printfn $"{x - Tensor.meanKeep [ 0 ] x}"
//> [[-1.5, -1.5, -1.5], [1.5, 1.5, 1.5]] : float64[2, 3]

// Brackets: an index takes the axis away, a range keeps it; negative numbers count from the end.
printfn $"{x[1]}"
//> [4.0, 5.0, 6.0] : float64[3]
printfn $"{x[0.., 1..2]}"
//> [[2.0, 3.0], [5.0, 6.0]] : float64[2, 2]
printfn $"{x[-1, -1]}"
//> 6.0 : float64[]

// The functions of F# that have a meaning for elements, and the module Tensor for the rest; the tensor comes last.
printfn $"{exp x |> Tensor.sumOver [ 1 ] |> log}"
//> [3.40761, 6.40761] : float64[2]
printfn $"{Tensor.logSumExpOver [ 1 ] x}"
//> [3.40761, 6.40761] : float64[2]
printfn $"{Tensor.softmax 1 (x * 1000.0)}"
//> [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]] : float64[2, 3]

// *@ is the matrix product, with the precedence of multiplication.
let weights = Tensor.eye Float64 3 * 2.0
printfn $"{x *@ weights + 1.0}"
//> [[3.0, 5.0, 7.0], [9.0, 11.0, 13.0]] : float64[2, 3]
printfn $"{Tensor.shape (Tensor.matmul (Tensor.ones Float32 [ 7; 2; 3 ]) (Tensor.ones Float32 [ 3; 5 ]))}"
//> [7; 2; 5]

// Reading gives ordinary arrays and numbers.
printfn "%A" (Tensor.toArray<float>(Tensor.reshape [ -1 ] x))
//> [|1.0; 2.0; 3.0; 4.0; 5.0; 6.0|]
printfn $"{Tensor.toScalar (Tensor.norm x):F6}"
//> 9.539392

// Random numbers are functions of a key. The same key gives the same numbers; split it for others.
let keys = Key.split 2 (Key.ofSeed 7L)
printfn $"{Random.normal keys[0] [ 3 ]}"
//> [-0.643109, -0.424379, 0.360877] : float64[3]
printfn
    $"{Random.normal keys[0] [ 3 ] = Random.normal keys[0] [ 3 ]}, {Random.normal keys[0] [ 3 ] = Random.normal keys[1] [ 3 ]}"
//> True, False

// A mistake is an error where it is made, before anything is computed, and says what does not fit.
let attempt (f: unit -> Tensor) =
    try
        printfn $"{f ()}"
    with :? System.ArgumentException as mistake ->
        printfn $"{mistake.Message}"

attempt (fun () -> x + Tensor.vector [ 1.0; 2.0 ])
//> add: the shapes [2, 3] and [2] do not broadcast together.
attempt (fun () -> x + Tensor.ones Float32 [ 3 ])
//> add: the element types float64 and float32 differ; convert one with Tensor.cast.
attempt (fun () -> x *@ x)
//> matmul: float64[2, 3] and float64[2, 3] do not fit: the sizes 3 and 2 differ.
attempt (fun () -> Tensor.reshape [ 4; -1 ] x)
//> reshape: float64[2, 3] has 6 elements, which [4, -1] cannot hold.
attempt (fun () -> x[2])
//> slice: index 2 is outside axis 0 of float64[2, 3].
attempt (fun () -> Tensor.vector [ 1; 2 ] + 0.5)
//> add: the number 0.5 is not one that int32 holds; convert the tensor with Tensor.cast.
