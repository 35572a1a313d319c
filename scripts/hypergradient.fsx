// Hypergradients: training is a function like any other, so the final loss has a derivative by the learning rate.
#load "lib/Prelude.fsx"

open Ad.Functional

// A least-squares problem: 20 equations, 5 unknowns.
let keys = Key.split 3 (Key.ofSeed 4L)
let a = Random.normal keys[0] [ 20; 5 ] |> Tensor.eval

let b =
    a *@ Random.normal keys[1] [ 5 ] + 0.1 * Random.normal keys[2] [ 20 ]
    |> Tensor.eval

let loss w = Losses.meanSquared (a *@ w) b

// Twenty steps of gradient descent with momentum; the learning rate is a tensor.
let trained (rate: Tensor) =
    let optimizer = Updates.momentum 0.8 false >-> Updates.scaleBy (-rate)
    let start = Tensor.zeros Float64 [ 5 ]

    let step (w, state) = Optimizer.step optimizer (grad loss w) state w

    let w, _ = List.fold (fun state _ -> step state) (start, optimizer.Init start) [ 1..20 ]
    loss w

// Exactly, backward and forward through all the steps, and by a central difference.
let rate = 0.03
let h = 1e-6

let difference =
    let at rate = Tensor.toScalar (trained (Tensor.scalar rate))
    (at (rate + h) - at (rate - h)) / (2.0 * h)

printfn $"reverse    {Tensor.toScalar (grad trained (Tensor.scalar rate)):F6}"
printfn $"forward    {Tensor.toScalar (Forward.derivative trained (Tensor.scalar rate)):F6}"
printfn $"difference {difference:F6}"
//> reverse    -1.251058
//> forward    -1.251058
//> difference -1.251058

// So the learning rate can itself be learned: gradient descent on the gradient descent, in the logarithm.
let tuned logRate = trained (exp logRate)
let improve = jit (fun logRate -> logRate - 0.5 * grad tuned logRate / (abs (grad tuned logRate) + 0.05))

for step, logRate in
    Seq.unfold (fun r -> Some(r, improve r)) (Tensor.scalar (log 0.005))
    |> Seq.indexed
    |> Seq.truncate 6 do
    printfn
        $"{step}: rate {Tensor.toScalar (exp logRate):F4}, final loss {Tensor.toScalar (tuned logRate):F6}"
//> 0: rate 0.0050, final loss 0.477986
//> 1: rate 0.0080, final loss 0.185087
//> 2: rate 0.0126, final loss 0.037722
//> 3: rate 0.0183, final loss 0.021296
//> 4: rate 0.0152, final loss 0.020869
//> 5: rate 0.0187, final loss 0.021905
