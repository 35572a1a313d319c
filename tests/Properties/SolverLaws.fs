/// Ways to find zeros, each by what it must find.
module Properties.SolverLaws

open Xunit
open Ad.Functional
open Ad.Checks

let private points seed shape = Random.normal (Key.ofSeed seed) shape |> Tensor.eval

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    Assert.True(apart <= tolerance, $"expected {expected}, got {actual}")

/// A symmetric matrix with eigenvalues up to a radius.
let private withRadius radius n =
    let q, _ = Linalg.qr (points 1L [ n; n ])
    let values = radius * Tensor.linspace Float64 -0.9 1.0 n
    Tensor.matmul (q * values) (Tensor.transpose q)

[<Fact>]
let ``mixed iteration finds what the plain one crawls to, and what it runs away from`` () =
    let b = points 2L [ 12 ]

    for radius in [ 0.5; 0.9999; 3.0 ] do
        let a = withRadius radius 12
        let residual s = s - Tensor.matmul a s - b
        let expected = Linalg.solve (Tensor.eye Float64 12 - a) b

        close
            1e-6
            (expected / Tensor.norm expected)
            (rootWith (Solvers.anderson 12) residual (Tensor.zerosLike b)
             / Tensor.norm expected)

    let crawling = fixedPoint (fun s -> Tensor.matmul (withRadius 0.9999 12) s + b) (Tensor.zerosLike b)
    Assert.True(Tensor.toScalar (Tensor.any (Tensor.isNaN crawling)) = 1.0)

[<Fact>]
let ``a corrected Jacobian leads to the zero of a system, as a tree too`` () =
    let system (x: Tensor, y: Tensor) = x * x + y * y - 4.0, exp x + y - 1.0
    let x, y = rootWith Solvers.broyden system (Tensor.scalar 1.0, Tensor.scalar -1.7)
    let a, b = system (x, y)
    close 1e-12 (Tensor.scalar 0.0) a
    close 1e-12 (Tensor.scalar 0.0) b

[<Fact>]
let ``halving finds each element's own zero to the last bit, an end's too, and says where there is none`` () =
    let a = Tensor.vector [ 2.0; 9.0; 0.25; 0.0; 16.0 ]
    let low, high = Tensor.zeros Float64 [ 5 ], Tensor.full Float64 [ 5 ] 4.0
    let roots = rootWith (Solvers.bisection low high) (fun s -> s * s - a) low
    close 4.5e-16 (sqrt a) roots
    let none = Solvers.bisection low high (fun s -> s * s + 1.0) low
    Assert.True(Tensor.toScalar (Tensor.all (Tensor.isNaN none)) = 1.0)

[<Fact>]
let ``derivatives are those of the zero, whichever way it was found, under vmap and jit`` () =
    let square (solver: (Tensor -> Tensor) -> Tensor -> Tensor) (a: Tensor) =
        rootWith solver (fun s -> 0.3 * (s * s - a)) (Tensor.onesLike a)

    let low, high = Tensor.zeros Float64 [ 3 ], Tensor.full Float64 [ 3 ] 10.0
    let a = Tensor.vector [ 2.0; 3.0; 0.5 ]

    for solver in [ Solvers.anderson 3; Solvers.broyden; Solvers.bisection low high ] do
        let f a = Tensor.sum (square solver a)
        close 1e-9 (0.5 / sqrt a) (grad f a)
        close 1e-8 (-0.25 * Tensor.pow a (Tensor.fullLike a -1.5)) (hvp f a (Tensor.onesLike a))
        close 1e-12 (grad f a) (jit (grad f) a)
        let many = Tensor.stack 0 [ a; a + 1.0 ]
        close 1e-9 (0.5 / sqrt many) (vmap (grad f) many)
