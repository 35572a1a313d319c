module Properties.MinimizerLaws

open System
open Xunit
open Ad.Functional

let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape
let private norm (t: Tensor) = number (sqrt (Tensor.sum (Tensor.square t)))

/// A quadratic function of n numbers with condition 1000, and where it is least.
let private quadratic n =
    let q, _ = Linalg.qr (normal 1L [ n; n ])
    let scale = exp (Tensor.linspace Float64 0.0 (log 1000.0) n)
    let a = Tensor.eval (Tensor.matmul (q * scale) (Tensor.transpose q))
    let least = normal 2L [ n ]
    (fun x -> let e = x - least in 0.5 * Tensor.dot e (Tensor.matmul a e)), a, least

let private rosenbrock (x: Tensor) =
    let a, b = x[.. -2], x[1..]
    Tensor.sum (100.0 * Tensor.square (b - a * a) + Tensor.square (1.0 - a))

let private start = Tensor.vector [ -1.2; 1.0; -0.5; 2.0 ]

[<Fact>]
let ``A050: conjugate gradients minimise a quadratic of n numbers in n steps`` () =
    for n in [ 1; 2; 5; 12 ] do
        let f, a, least = quadratic n
        let b = Tensor.eval (Tensor.matmul a least)
        let x = SecondOrder.solvePositive n 0.0 (Tensor.matmul a) None b
        Assert.True(number (f x) < 1e-10, $"n = {n}: {number (f x)}")

[<Fact>]
let ``A070: Newton's method is at the minimum of a quadratic after one step`` () =
    let f, _, least = quadratic 8

    let _, x =
        Minimizer.iterates (SecondOrder.newton 0.0) f (Tensor.zeros Float64 [ 8 ])
        |> Seq.item 1

    Assert.True(norm (x - least) < 1e-9)

[<Fact>]
let ``A071: heavy damping turns Newton's direction into the gradient's`` () =
    let f, _, _ = quadratic 5
    let x = Tensor.zeros Float64 [ 5 ]
    let _, next, _ = (SecondOrder.newton 1e8).Step f x ()
    let g = grad f x
    let cosine = -(number (Tensor.dot next g)) / (norm next * norm g)
    Assert.True(Math.Acos(min 1.0 cosine) < 1e-3)

[<Fact>]
let ``A072: Lanczos's eigenvalues are those of the whole matrix`` () =
    let f, a, _ = quadratic 20
    let expected = fst (Linalg.eigh a)
    let found = SecondOrder.hessianSpectrum 20 (Key.ofSeed 3L) f (Tensor.zeros Float64 [ 20 ])
    Assert.True(number (Tensor.max (abs (found - expected))) < 1e-8)
    Assert.Equal(1000.0, SecondOrder.sharpness (Key.ofSeed 3L) f (Tensor.zeros Float64 [ 20 ]), 6)

[<Fact>]
let ``A073: plain Newton goes to the saddle, and magnitudes of eigenvalues leave it`` () =
    let saddle (x: Tensor) = x[0] * x[0] - x[1] * x[1]
    let from = Tensor.vector [ 1.0; 0.01 ]
    let after m = Minimizer.iterates m saddle from |> Seq.item 8 |> snd
    Assert.True(norm (after (SecondOrder.newton 0.0)) < 1e-12)
    let left = after (SecondOrder.saddleFreeNewton 1e-3)
    Assert.True(number (abs left[1]) > 1.0)

[<Fact>]
let ``A066, A067: the inverse curvature is the best rate, and beyond twice it descent diverges`` () =
    let after rate =
        let f (x: Tensor) = 2.0 * x * x

        Minimizer.iterates (Minimizer.ofOptimizer (Optimizer.sgd rate)) f (Tensor.scalar 1.0)
        |> Seq.item 50
        |> snd
        |> number
        |> abs

    Assert.Equal(0.0, after 0.25)
    Assert.Equal(Math.Pow(0.96, 50.0), after 0.49, 12)
    Assert.Equal(1.0, after 0.5, 12)
    Assert.Equal(Math.Pow(1.04, 50.0), after 0.51, 9)

[<Fact>]
let ``every method with curvature or a line search finds a minimum of Rosenbrock's function`` () =
    let f = jit rosenbrock

    let reach name steps (m: Minimizer<Tensor, 'S>) =
        let x = Minimizer.run steps 0.0 m f start
        // Of four numbers it has a second, local one.
        Assert.True(norm (grad rosenbrock x) < 1e-5, $"{name}: {x}")

    reach "lbfgs" 100 (Minimizer.lbfgs 10)
    reach "conjugateGradients" 300 Minimizer.conjugateGradients
    reach "newtonCg" 100 (SecondOrder.newtonCg 50)
    reach "saddleFreeNewton" 200 (SecondOrder.saddleFreeNewton 1e-3)

[<Fact>]
let ``L-BFGS brings a sum of squares of 14 to nothing in two steps`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.square x)

    let value, _ =
        Minimizer.iterates (Minimizer.lbfgs 10) f (Tensor.vector [ 1.0; 2.0; 3.0 ])
        |> Seq.item 2

    Assert.True(number value < 1e-12)

[<Fact>]
let ``parameters may be any tree`` () =
    let f (p: {| A: Tensor; B: Tensor list |}) =
        Tensor.sum (Tensor.square (p.A - 1.0))
        + Tensor.sum (Tensor.square (p.B[0] + p.A[0]))

    let start =
        {| A = normal 4L [ 2 ]
           B = [ normal 5L [ 3 ] ] |}

    let p = Minimizer.run 50 1e-14 (Minimizer.lbfgs 5) f start
    Assert.True(number (f p) < 1e-12)

[<Fact>]
let ``least squares: a curve's parameters come back, from a start where the plain method fails too`` () =
    let t = Tensor.linspace Float64 0.0 3.0 40
    let model (p: Tensor) = p[0] * exp (-(p[1] * t)) + p[2]
    let data = Tensor.eval (model (Tensor.vector [ 2.0; 1.3; 0.5 ]))
    let residuals p = model p - data
    let ends (all: (Tensor * Tensor) seq) = Minimizer.untilStill 200 0.0 all

    Assert.True(
        norm (
            ends (SecondOrder.levenbergMarquardt residuals (Tensor.vector [ 5.0; 6.0; -2.0 ]))
            - Tensor.vector [ 2.0; 1.3; 0.5 ]
        )
            <
            1e-8
    )

    Assert.True(
        norm (
            ends (SecondOrder.gaussNewton residuals (Tensor.vector [ 1.5; 1.0; 0.2 ]))
            - Tensor.vector [ 2.0; 1.3; 0.5 ]
        )
            <
            1e-8
    )

[<Fact>]
let ``A075: Hessian-free optimisation trains a small net, on products that are never negative`` () =
    let x, t = normal 6L [ 30; 3 ], normal 7L [ 30; 2 ]
    let model (w: Tensor, v: Tensor) = Tensor.matmul (tanh (Tensor.matmul x w)) v
    let loss (y: Tensor) = Tensor.sum (Tensor.square (y - t))
    let p = 0.3 * normal 8L [ 3; 5 ], 0.3 * normal 9L [ 5; 2 ]
    let f p = loss (model p)
    let direction = normal 10L [ 3; 5 ], normal 11L [ 5; 2 ]
    let a, b = gaussNewtonVp loss model p direction
    Assert.True(number (Tensor.sum (a * fst direction) + Tensor.sum (b * snd direction)) >= 0.0)

    let values =
        Minimizer.iterates (SecondOrder.hessianFree 30 loss model) f p
        |> Seq.map (fst >> number)
        |> Seq.take 15
        |> Seq.toArray

    Assert.All(Array.pairwise values, fun (a, b) -> Assert.True(b <= a))
    Assert.True(values[14] < 0.75 * values[0], $"{values[0]} to {values[14]}")

[<Fact>]
let ``Polyak's step halves the distance on a parabola, and SAM with radius 0 is its optimizer`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.square x)
    let x = normal 12L [ 4 ]
    let _, next, _ = (Minimizer.polyak 0.0).Step f x ()
    Assert.True(norm (next - 0.5 * x) < 1e-15)

    let _, a, _ =
        (Minimizer.sam 0.0 (Optimizer.sgd 0.1)).Step
            f
            x
            (Optimizer.sgd 0.1 |> fun (o: Optimizer<Tensor, Tensor>) -> o.Init x)

    Assert.True(norm (a - 0.8 * x) < 1e-15)
    let _, b, _ = (Minimizer.sam 0.5 (Optimizer.sgd 0.1)).Step f x (Tensor.scalar 0)
    Assert.True(norm (b - (x - 0.1 * 2.0 * (x + 0.5 * x / norm x))) < 1e-14)

[<Fact>]
let ``strong Wolfe steps keep their two promises`` () =
    for seed in 1L .. 20L do
        let c = Tensor.toArray<float>(normal seed [ 4 ])
        let f x = 0.3 * x * x - abs c[0] * x + sin (c[1] * x) * c[2] * 0.3
        let d x = 0.6 * x - abs c[0] + c[1] * cos (c[1] * x) * c[2] * 0.3

        if d 0.0 < 0.0 then
            let step, () = LineSearch.strongWolfe 0.5 1.0 (fun x -> f x, d x, ())

            Assert.True(
                f step <= f 0.0 + 1e-4 * step * d 0.0 && abs (d step) <= 0.5 * abs (d 0.0),
                $"seed {seed}: {step}"
            )
