// Numbers of 16 bits, and training with them.
#load "lib/Prelude.fsx"

open Ad.Functional
open Ad.Tensors

// Stored in 16 bits, computed in Float32, rounded once by every operation.
let x = Tensor.cast BFloat16 (Tensor.vector [ 1.0; 0.1; 300.0 ])
printfn $"{x} squared plus 1 is {x * x + 1.0}"
//> [1.0, 0.1, 300.0] : bfloat16[3] squared plus 1 is [2.0, 1.01, 90112.0] : bfloat16[3]

let count = Tensor.sum (Tensor.ones Float16 [ 30_000 ])
let large = Tensor.mean (Tensor.full Float16 [ 30_000 ] 60_000.0)
printfn $"{count}, {large}"
//> 30000.0 : float16[], 60000.0 : float16[]

// Weights in Float32; the network computes in 16 bits, and its results and gradients come back in 32.
let model (w: Tensor, b: Tensor) x = tanh (Tensor.matmul x w + b)
let narrow = Precision.compute Float16 model

let keys = Key.split 3 (Key.ofSeed 7L)
let inputs = Random.normalOf Float32 keys[0] [ 64; 3 ]
let answers = model (Random.normalOf Float32 keys[1] [ 3; 2 ], Tensor.ones Float32 [ 2 ]) inputs
let loss p = Tensor.mean (Tensor.square (narrow p inputs - answers))

// The loss is multiplied by a factor, which the optimizer's state holds and its gradients are divided by.
let optimizer = LossScale.wrap LossScale.dynamic (Optimizer.adam 0.05)

let step (p, state) =
    let gradients = grad (fun p -> LossScale.apply state (loss p)) p
    Optimizer.step optimizer gradients state p

let start = Random.normalOf Float32 keys[2] [ 3; 2 ], Tensor.zeros Float32 [ 2 ]
let trained, state = Seq.fold (fun s _ -> jit step s) (start, optimizer.Init start) (seq { 1..200 })

printfn
    $"loss below a hundredth of the first: {Tensor.toScalar (loss trained) < 0.01 * Tensor.toScalar (loss start)}"

printfn $"weights are {(fst trained).DType.Name()}; the factor is {Tensor.toScalar state.Scale}"
//> loss below a hundredth of the first: True
//> weights are float32; the factor is 32768

// A gradient that overflows: the factor is halved, and weights and moments stay as they are.
let w, b = trained
let after, next = Optimizer.step optimizer (w * infinity, b) state trained
let kept = after = trained && next.Inner = state.Inner
printfn $"kept: {kept}, factor {Tensor.toScalar next.Scale}, skipped {Tensor.toScalar next.Skipped}"
//> kept: True, factor 16384, skipped 1
