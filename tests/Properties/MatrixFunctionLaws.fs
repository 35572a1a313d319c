/// Square roots and logarithms of matrices, by what defines them.
module Properties.MatrixFunctionLaws

open Xunit
open Ad.Functional
open Ad.Checks

let private normal seed shape = Random.normal (Key.ofSeed seed) shape |> Tensor.eval

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
        let far = Tensor.max (abs (expected - actual)) |> Tensor.toScalar
        Assert.True(far <= tolerance * size, $"apart by {far}, more than {tolerance} of {size}")

let private isNaN (x: Tensor) = Tensor.toScalar (Tensor.all (Tensor.isNaN x)) = 1.0

[<Fact>]
let ``the root's square is the matrix, symmetric or not, near singular and of any size`` () =
    for n in [ 0; 1; 2; 5; 20 ] do
        let x = normal 1L [ 2; n; n ]
        let symmetric = Tensor.matmul x (Tensor.swapAxes -1 -2 x) + 1e-3 * Tensor.eye Float64 n
        let general = if n = 0 then x else Linalg.expm (0.7 * x / sqrt (float n))

        for a in [ symmetric; general; 1e8 * general; 1e-9 * symmetric ] do
            let root = Linalg.sqrtm a

            close
                1e-9
                (a / (1e-300 + Tensor.max (abs a + 1e-300)))
                (Tensor.matmul root root / (1e-300 + Tensor.max (abs a + 1e-300)))

[<Fact>]
let ``the logarithm is the exponential's inverse`` () =
    for n in [ 1; 2; 4; 12 ] do
        let x = normal 2L [ 2; n; n ] / sqrt (float n)
        close 1e-10 x (Linalg.logm (Linalg.expm x))
        let a = Tensor.matmul x (Tensor.swapAxes -1 -2 x) + 0.1 * Tensor.eye Float64 n
        close 1e-10 a (Linalg.expm (Linalg.logm a))

[<Fact>]
let ``a rotation's root turns by half, and its logarithm is the angle`` () =
    for angle in [ 0.3; 2.0; 3.0 ] do
        let turn (a: float) = Tensor.matrix [ [ cos a; -(sin a) ]; [ sin a; cos a ] ]

        close 1e-11 (turn (angle / 2.0)) (Linalg.sqrtm (turn angle))
        close 1e-11 (Tensor.matrix [ [ 0.0; -angle ]; [ angle; 0.0 ] ]) (Linalg.logm (turn angle))

[<Fact>]
let ``derivatives are right to second order, where eigenvalues coincide too`` () =
    let w = normal 3L [ 3; 3 ]
    let x = normal 4L [ 3; 3 ] * 0.4

    for name, f in [ "sqrtm", Linalg.sqrtm; "logm", Linalg.logm ] do
        for a in
            [ Linalg.expm x
              2.0 * Tensor.eye Float64 3
              Tensor.matmul x (Tensor.transpose x) + Tensor.eye Float64 3 ] do
            let report = Gradients.check (fun a -> Tensor.sum (w * f a)) a
            Assert.True(report.IsPassed, $"{name}: {report}")

    let e = normal 5L [ 3; 3 ]
    close 1e-13 (e / 2.0) (snd (Forward.jvp Linalg.sqrtm (Tensor.eye Float64 3) e))
    close 1e-13 e (snd (Forward.jvp Linalg.logm (Tensor.eye Float64 3) e))

[<Fact>]
let ``they map over batches, and compile`` () =
    let a = Linalg.expm (0.3 * normal 6L [ 4; 3; 3 ])

    for f in [ Linalg.sqrtm; Linalg.logm ] do
        let each = Tensor.stack 0 [ for i in 0..3 -> f a[i] ]
        close 1e-11 each (f a)
        close 1e-11 each (vmap f a)
        close 1e-11 each (jit f a)
        let gradient = grad (fun x -> Tensor.sum (f x * f x))
        close 1e-9 (Tensor.stack 0 [ for i in 0..3 -> gradient a[i] ]) (vmap gradient a)

[<Fact>]
let ``a matrix without a real root has none`` () =
    for a in
        [ Tensor.matrix [ [ -1.0 ] ]
          Linalg.diag (Tensor.vector [ 1.0; -2.0 ])
          Tensor.matrix [ [ nan ] ] ] do
        Assert.True(isNaN (Linalg.sqrtm a), $"{Linalg.sqrtm a}")
        Assert.True(isNaN (Linalg.logm a), $"{Linalg.logm a}")
