// Loops and branches as operations, functions given by an equation, Taylor series and sparse derivatives.
#load "lib/Prelude.fsx"

open Ad.Functional

// scan: the last state, and all results in a row. The step is traced once, however long the sequence is.
let cell (w: Tensor) (s: Tensor) (x: Tensor) =
    let next = tanh (w *@ s + x)
    next, Tensor.sum next

let w = Tensor.matrix [ [ 0.5; -0.2 ]; [ 0.1; 0.3 ] ]
let xs = Tensor.matrix [ [ 1.0; 0.0 ]; [ 0.0; 1.0 ]; [ 0.5; 0.5 ] ]
let last, sums = scan (cell w) (Tensor.zeros Float64 [ 2 ]) xs
printfn $"{last}, {sums}"
//> [0.480278, 0.649175] : float64[2], [0.761594, 1.15517, 1.12945] : float64[3]

// What the step closes over is differentiated like any argument.
let loss w = Tensor.sum (snd (scan (cell w) (Tensor.zeros Float64 [ 2 ]) xs))
printfn $"{grad loss w}"
//> [[1.23311, 0.609135], [0.500002, 0.458096]] : float64[2, 2]

// A hundred thousand steps, and their derivative: d/dx of the sum of powers.
let geometric x = iterate 100_000 (fun _ s -> s * 0.5 + x) (Tensor.scalar 0.0)
printfn $"{grad geometric (Tensor.scalar 1.0)}"
//> 2.0 : float64[]

// cond: one branch runs. In reverse mode, too, nothing comes from the other.
let root' (x: Tensor) = cond (Tensor.greater x (Tensor.scalar 0.0)) sqrt (fun x -> -x) x
printfn $"{grad root' (Tensor.scalar 4.0)}, {grad root' (Tensor.scalar -4.0)}"
//> 0.25 : float64[], -1.0 : float64[]

// whileLoop: both modes go through, however many steps there will be.
let newton (a: Tensor) =
    whileLoop (fun x -> Tensor.greater (abs (x * x - a)) (Tensor.scalar 1e-12)) (fun x -> 0.5 * (x + a / x)) a

printfn
    $"{newton (Tensor.scalar 2.0)}, {Forward.derivative newton (Tensor.scalar 2.0)}, {grad newton (Tensor.scalar 2.0)}"
//> 1.41421 : float64[], 0.353553 : float64[], 0.353553 : float64[]

let doubled limit (x: Tensor) = whileLoopUpTo 20 (fun s -> Tensor.less s limit) (fun s -> s * x) x
printfn $"{grad (doubled (Tensor.scalar 30.0)) (Tensor.scalar 2.0)}"
//> 80.0 : float64[]

// checkpoint: the same derivative, with less memory and some work done twice. The plans say how much memory, beside arguments and results.
let block (x: Tensor) = Seq.fold (fun x _ -> sin (Tensor.cumsum 0 x * 0.01) + x) x [ 1..8 ]
let chain wrap x = Seq.fold (fun x _ -> wrap block x) x [ 1..8 ] |> Tensor.sum

let temporaries f =
    let plan: string = explain (grad f) (Tensor.ones Float64 [ 10_000 ])
    plan.Split('\n') |> Array.findBack (fun line -> line.StartsWith "temporaries")

printfn "%s" (temporaries (chain id))
//> temporaries 5200000 bytes
printfn "%s" (temporaries (chain checkpoint))
//> temporaries 1440064 bytes

// The fewest steps that reverse a chain of 100 with 5 states kept, beside the reversals.
printfn $"{Revolve.fewest 100 5}"
//> 316

// fixedPoint: Kepler's equation s = 1 + e sin s. The derivative comes from the equation, not from the iterations.
let kepler (e: Tensor) = fixedPoint (fun s -> 1.0 + e * sin s) (Tensor.scalar 0.0)

printfn
    $"{kepler (Tensor.scalar 0.4)}, {grad kepler (Tensor.scalar 0.4)}, {grad (grad kepler) (Tensor.scalar 0.4)}"
//> 1.39375 : float64[], 1.05897 : float64[], -0.0737264 : float64[]

// root, argmin and linearSolve likewise.
let meeting (r: Tensor) =
    root (fun (x: Tensor, y: Tensor) -> x * x + y * y - r, x - 2.0 * y) (Tensor.scalar 1.0, Tensor.scalar 1.0)

printfn $"{grad (meeting >> fst) (Tensor.scalar 5.0)}"
//> 0.2 : float64[]

// Ode.odeint: steps of its own choice; derivatives by start, times and whatever the equation closes over.
let decayed (rate: Tensor) =
    let y =
        Ode.odeint
            OdeOptions.Default
            (fun _ y -> -rate * y)
            (Tensor.scalar 1.0)
            (Tensor.vector [ 0.0; 1.0; 2.0 ])

    y[2]

let rate = Tensor.scalar 0.5
printfn $"{decayed rate}, {grad decayed rate}"
//> 0.367879 : float64[], -0.735759 : float64[]

// taylor: the coefficients of f(x + t v) in powers of t.
let series = taylor 5 (fun x -> exp (sin x)) (Tensor.scalar 0.0) (Tensor.scalar 1.0)
printfn "%s" (series |> List.map (fun c -> $"{Tensor.toScalar c:G6}") |> String.concat " ")
//> 1 1 0.5 0 -0.125 -0.0666667

// Sparse.jacobian: columns that no row shares go through one pass together. A tridiagonal Jacobian takes three, of any size.
let stencil (x: Tensor) =
    let padded = Tensor.pad [ 1, 1 ] x
    padded[.. -3] - 2.0 * sin x + padded[2..] * padded[2..]

let sparse, cost = Cost.measure (fun () -> Sparse.jacobian stencil (Tensor.linspace Float64 0.0 1.0 1000))
printfn $"{sparse.Values.Count} elements, {cost.ForwardPasses} passes"
//> 2998 elements, 3 passes
