// Ways down: every optimizer in a long valley and beside a saddle, learning rates from too small to too large, and how long Adam's steps are.
#load "lib/Prelude.fsx"
#load "lib/Plot.fsx"

open System
open Ad.Functional

/// The points of an optimizer's way, its own state hidden.
let way (o: Optimizer<Tensor, 'S>) (f: Tensor -> Tensor) (start: Tensor) steps =
    let step = jit (fun (p, s) -> Optimizer.step o (grad f p) s p)

    (start, o.Init start)
    |> Seq.unfold (fun (p, s) -> Some(p, step (p, s)))
    |> Seq.truncate (steps + 1)
    |> Seq.map (fun p -> let a = Tensor.toArray<float> p in a[0], a[1])
    |> List.ofSeq

let optimizers: (string * ((Tensor -> Tensor) -> Tensor -> int -> (float * float) list)) list =
    [ "descent", way (Optimizer.sgd 0.015)
      "momentum", way (Optimizer.momentum 0.005 0.9)
      "nesterov", way (Optimizer.nesterov 0.005 0.9)
      "rmsprop", way (Optimizer.rmsprop 0.05)
      "adagrad", way (Optimizer.adagrad 0.5)
      "adadelta", way (Optimizer.adadelta 1.0)
      "adam", way (Optimizer.adam 0.1)
      "shampoo", way (Optimizer.shampoo 0.5) ]

// A valley a hundred times as steep across as along.
let valley (p: Tensor) = 0.5 * (Tensor.square p[0] + 100.0 * Tensor.square p[1])
let from = Tensor.vector [ -2.0; 0.3 ]

let down =
    [ for name, run in optimizers ->
          { Name = name
            Points = run valley from 100 }
          : Plot.Line ]

Plot.draw "valley.svg" "A long valley, 100 steps" "along" "across" down

for line in down do
    let x, y = List.last line.Points
    printfn $"{line.Name, -9} ends at a height of {0.5 * (x * x + 100.0 * y * y):F4}"
//> descent   ends at a height of 0.0973
//> momentum  ends at a height of 0.0001
//> nesterov  ends at a height of 0.0000
//> rmsprop   ends at a height of 0.0155
//> adagrad   ends at a height of 0.0000
//> adadelta  ends at a height of 1.4698
//> adam      ends at a height of 0.0001
//> shampoo   ends at a height of 0.0000

// A saddle, from a millionth beside its ridge: how many steps until an optimizer is half way down.
let saddle (p: Tensor) = Tensor.square p[0] - Tensor.square p[1]
let ridge = Tensor.vector [ 1.0; 1e-6 ]

let off =
    [ for name, run in optimizers ->
          { Name = name
            Points = run saddle ridge 400 |> List.takeWhile (fun (_, y) -> abs y < 1.5) }
          : Plot.Line ]

Plot.draw "saddle.svg" "A saddle, from a millionth beside the ridge" "to the saddle" "down from it" off

for line in off do
    match line.Points |> List.tryFindIndex (fun (_, y) -> abs y > 0.5) with
    | Some step -> printfn $"{line.Name, -9} leaves after {step} steps"
    | None -> printfn $"{line.Name, -9} is still there after 400 steps"
//> descent   is still there after 400 steps
//> momentum  leaves after 215 steps
//> nesterov  leaves after 206 steps
//> rmsprop   leaves after 5 steps
//> adagrad   leaves after 10 steps
//> adadelta  leaves after 30 steps
//> adam      leaves after 6 steps
//> shampoo   leaves after 5 steps

// Learning rates for a curvature of 4: the best is 1/4, and from 1/2 on descent diverges.
let weights rate = (1.0, seq { 1..50 }) ||> Seq.scan (fun w _ -> w - rate * 4.0 * w) |> List.ofSeq
let after rate = abs (List.last (weights rate))

let verdict rate =
    match after rate with
    | d when d > 1.0 -> "diverges"
    | d when d < 1e-6 -> "good"
    | _ when List.forall (fun w -> w > 0.0) (weights rate) -> "too small"
    | _ -> "too large"

let rates = [ for i in 0..40 -> 0.001 * Math.Pow(1.17, float i) ]

Plot.draw
    "rates.svg"
    "Distance from the minimum after 50 steps, curvature 4"
    "log10 of the learning rate"
    "log10 of the distance"
    [ { Name = "descent"
        Points = [ for r in rates -> log10 r, max -20.0 (log10 (after r)) ] } ]

for rate in [ 0.005; 0.1; 0.25; 0.4; 0.49; 0.51 ] do
    printfn $"rate {rate, -5}: {verdict rate}"
//> rate 0.005: too small
//> rate 0.1  : good
//> rate 0.25 : good
//> rate 0.4  : good
//> rate 0.49 : too large
//> rate 0.51 : diverges

// The length of Adam's steps: at most the rate where gradients are alike, up to 7.27 times as much where they grow.
let lengths (gradients: float seq) =
    let o: Optimizer<Tensor, _> = Optimizer.adam 1.0

    gradients
    |> Seq.scan
        (fun (_, state) g -> o.Update (Tensor.scalar g) state (Tensor.scalar 0.0))
        (Tensor.scalar 0.0, o.Init(Tensor.scalar 0.0))
    |> Seq.map (fst >> Tensor.toScalar >> abs)
    |> Seq.max

printfn $"the same gradient: {lengths (Seq.replicate 200 0.3):F3} rates"
printfn $"a growing one:     {lengths (Seq.init 200 (fun i -> Math.Pow(1.11, float i))):F3} rates"

printfn
    $"one after a lull:  {lengths (Seq.init 2000 (fun i -> if i < 1500 then 1e-9 else Math.Pow(1.11, float (i - 1500)))):F3} rates"
//> the same gradient: 1.000 rates
//> a growing one:     3.096 rates
//> one after a lull:  6.761 rates
