// Second derivatives are derivatives of derivatives, in any nesting of the two modes.
#load "lib/Prelude.fsx"

open Ad.Functional

let f (x: Tensor) = x[0] ** 3.0 * x[1] + exp x[1] * x[2]
let x = Tensor.vector [ 1.0; 2.0; 3.0 ]

// The Hessian: forward over reverse, a forward pass for each input.
printfn $"{hessian f x}"
//> [[12.0, 3.0, 0.0], [3.0, 22.1672, 7.38906], [0.0, 7.38906, 0.0]] : float64[3, 3]

// Its product with a vector takes one pass of each mode, however many inputs there are.
let v = Tensor.vector [ 1.0; 0.0; -1.0 ]
printfn $"{hvp f x v}"
//> [12.0, -4.38906, 0.0] : float64[3]

let product, cost = Cost.measure (fun () -> hvp f x v)
printfn $"{cost.ForwardPasses} forward, {cost.ReversePasses} reverse"
//> 1 forward, 1 reverse

// All four nestings agree.
let ff = Forward.jacobian (Forward.gradient f) x
let fr = Forward.jacobian (Reverse.gradient f) x
let rf = Reverse.jacobian (Forward.gradient f) x
let rr = Reverse.jacobian (Reverse.gradient f) x

let apart =
    [ fr; rf; rr ]
    |> List.map (fun h -> Tensor.toScalar (Tensor.max (abs (h - ff))))

printfn $"{List.max apart < 1e-14}"
//> True

// The trace of the Hessian without the Hessian, and the two first-order operators of vector fields.
printfn $"{laplacian f x}, {Tensor.trace (hessian f x)}"
//> 34.1672 : float64[], 34.1672 : float64[]

let field (x: Tensor) = Tensor.stack 0 [ x[1] * x[2]; x[0] * x[0]; sin x[1] ]
printfn $"{divergence field x}, {curl field x}"
//> 0.0 : float64[], [-0.416147, 2.0, -1.0] : float64[3]

// Gauss-Newton: J' H J v with the loss's Hessian H alone; for a square loss that is 2 J' J v.
let model (x: Tensor) = Tensor.stack 0 [ x[0] * x[1]; x[1] + x[2] ]
let loss (y: Tensor) = Tensor.sum (y * y)
printfn $"{gaussNewtonVp loss model x v}"
//> [8.0, 2.0, -2.0] : float64[3]

let j = jacobian model x
printfn $"{2.0 * (Tensor.transpose j *@ (j *@ v))}"
//> [8.0, 2.0, -2.0] : float64[3]

// Newton's method on Rosenbrock's valley: six steps from the usual start.
let rosenbrock (x: Tensor) = (1.0 - x[0]) ** 2.0 + 100.0 * (x[1] - x[0] ** 2.0) ** 2.0

let solve2 (a: Tensor) (b: Tensor) =
    let determinant = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]

    Tensor.stack 0 [ a[1, 1] * b[0] - a[0, 1] * b[1]; a[0, 0] * b[1] - a[1, 0] * b[0] ]
    / determinant

let newton x = x - solve2 (hessian rosenbrock x) (grad rosenbrock x)

for x in
    Seq.unfold (fun x -> Some(x, newton x)) (Tensor.vector [ -1.2; 1.0 ])
    |> Seq.truncate 7 do
    let a = Tensor.toArray<float> x
    printfn $"({a[0]:F6}, {a[1]:F6})  {Tensor.toScalar (rosenbrock x):F6}"
//> (-1.200000, 1.000000)  24.200000
//> (-1.175281, 1.380674)  4.731884
//> (0.763115, -3.175034)  1411.845179
//> (0.763430, 0.582825)  0.055966
//> (0.999995, 0.944027)  0.313189
//> (0.999996, 0.999991)  0.000000
//> (1.000000, 1.000000)  0.000000
