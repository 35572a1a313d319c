// Summing over paths against factoring them: L stages with three parallel edges each have 3^L paths, but 3 L edges.
#load "lib/Prelude.fsx"

open Ad.Functional

// x x + x, rounded once: one operation that reads its input three times.
let stage x = Tensor.multiplyAdd x x x
let stages length = List.replicate length stage |> List.fold (>>) id

let paths length = Graph.trace (stages length) (Tensor.scalar 0.5) |> Graph.paths "x"

let edges measured =
    let _, cost = Cost.measure measured
    cost.EdgesVisited

// The derivative is a sum over all paths from input to result. Both modes factor it, and visit every edge once.
for length in [ 1; 2; 3; 5; 10; 20; 40 ] do
    let x, f = Tensor.scalar 0.5, stages length
    let forward = edges (fun () -> Forward.derivative f x)
    let reverse = edges (fun () -> Reverse.gradient f x)

    printfn
        $"L = {length, 2}: {paths length, 20} paths, {forward, 3} edges forward, {reverse, 3} edges backward"
//> L =  1:                    3 paths,   3 edges forward,   3 edges backward
//> L =  2:                    9 paths,   6 edges forward,   6 edges backward
//> L =  3:                   27 paths,   9 edges forward,   9 edges backward
//> L =  5:                  243 paths,  15 edges forward,  15 edges backward
//> L = 10:                59049 paths,  30 edges forward,  30 edges backward
//> L = 20:           3486784401 paths,  60 edges forward,  60 edges backward
//> L = 40: 12157665459056928801 paths, 120 edges forward, 120 edges backward

// A function with several inputs and several results has a pass for each input forward, one for each result backward.
let f (x: Tensor) =
    let c = x[0] * x[1]
    Tensor.stack 0 [ sin c; cos c; exp c; c * c ]

let point = Tensor.vector [ 0.5; 2.0 ]

let passes measured =
    let _, cost = Cost.measure measured
    cost.ForwardPasses, cost.ReversePasses

printfn "%A" (passes (fun () -> Forward.jacobian f point))
//> (2, 0)
printfn "%A" (passes (fun () -> Reverse.jacobian f point))
//> (0, 4)
printfn "%A" (passes (fun () -> jacobian f point)) // forward, as there are fewer inputs than results; one pass carries both directions
//> (1, 0)
