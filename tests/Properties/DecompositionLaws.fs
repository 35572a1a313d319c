module Properties.DecompositionLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape
let private t (x: Tensor) = Tensor.swapAxes -1 -2 x

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let far = Tensor.max (abs (expected - actual)) |> number
        Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private eye n = Tensor.eye Float64 n
let private positive seed n = let x = normal seed [ 3; n; n ] in Tensor.matmul x (t x) + 0.1 * eye n
let private sizes = [ 0; 1; 2; 3; 7; 40 ]

[<Fact>]
let ``every decomposition multiplies back to its matrix, batch by batch`` () =
    for n in sizes do
        let a = normal 1L [ 3; n; n ]
        let p = positive 2L n
        let l = Linalg.cholesky p
        close 1e-11 p (Tensor.matmul l (t l))
        close 0.0 l (Linalg.tril 0 l)
        let pm, lower, upper = Linalg.lu a
        close 1e-12 a (Tensor.matmul pm (Tensor.matmul lower upper))
        let w, v = Linalg.eigh p
        close 1e-11 p (Tensor.matmul (v * Tensor.expandDims -2 w) (t v))
        close 1e-12 (Tensor.matmul (t v) v) (eye n + Tensor.zerosLike a)

        for m in [ n; n + 3 ] do
            let tall = normal 3L [ 2; m; n ]

            for x in [ tall; t tall ] do
                let q, r = Linalg.qr x
                close 1e-12 x (Tensor.matmul q r)
                let u, s, vt = Linalg.svd x
                close 1e-12 x (Tensor.matmul (u * Tensor.expandDims -2 s) vt)

                if n > 0 then
                    Assert.True(number (Tensor.min s) >= 0.0)
                    close 1e-12 (eye n + Tensor.zeros Float64 [ 2; n; n ]) (Tensor.matmul (t u) u)

[<Fact>]
let ``solutions solve, inverses invert, for vectors, matrices and broadcast batches`` () =
    for n in sizes do
        let a = normal 4L [ 3; n; n ] + 3.0 * eye n
        let b = normal 5L [ 3; n; 2 ]
        close 1e-10 b (Tensor.matmul a (Linalg.solve a b))
        close 1e-9 (eye n + Tensor.zerosLike a) (Tensor.matmul a (Linalg.inverse a))
        let l = Linalg.tril 0 (normal 6L [ n; n ]) + 5.0 * eye n
        close 1e-10 b (Tensor.matmul l (Linalg.solveLower l b))
        close 1e-10 b (Tensor.matmul (t l) (Linalg.solveUpper (t l) b))
        let v = normal 7L [ n ]
        close 1e-10 v (Tensor.matmul a[0] (Linalg.solve a[0] v))
        let p = (positive 8L n)[1]
        close 1e-8 v (Tensor.matmul p (Linalg.solvePositive p v))

[<Fact>]
let ``the determinant is multiplicative, and agrees with its sign and logarithm`` () =
    for n in [ 0; 1; 2; 3; 6 ] do
        let a, b = normal 9L [ 4; n; n ], normal 10L [ 4; n; n ]
        close 1e-9 (Linalg.det a * Linalg.det b) (Linalg.det (Tensor.matmul a b))
        let sign, log = Linalg.slogdet a
        close 1e-11 (Linalg.det a) (sign * exp log)

[<Fact>]
let ``the determinant of a singular matrix has its cofactors as derivative`` () =
    let a = Tensor.matrix [ [ 1.0; 2.0; 3.0 ]; [ 2.0; 4.0; 6.0 ]; [ 1.0; 0.0; 1.0 ] ]
    Assert.Equal(0.0, number (Linalg.det a), 14)

    close
        1e-13
        (Tensor.matrix [ [ 4.0; 4.0; -4.0 ]; [ -2.0; -2.0; 2.0 ]; [ 0.0; 0.0; 0.0 ] ])
        (grad Linalg.det a)

[<Fact>]
let ``derivatives that have a closed form have it`` () =
    let a = positive 11L 4
    let inverse = Linalg.inverse a[0]
    close 1e-8 (t inverse) (grad (Linalg.slogdet >> snd) a[0])
    close 1e-13 (eye 4) (grad (Linalg.eigh >> fst >> Tensor.sum) a[0])
    let x = normal 12L [ 5; 3 ]
    let u, _, vt = Linalg.svd x
    close 1e-12 (Tensor.matmul u vt) (grad Linalg.nuclearNorm x)

[<Fact>]
let ``derivatives are right to second order`` () =
    let check name f x =
        let report = Gradients.check f x
        Assert.True(report.IsPassed, $"{name}: {report}")

    let c = normal 13L [ 4; 4 ]
    let a = normal 14L [ 4; 4 ] + 4.0 * eye 4
    check "expm" (fun x -> Tensor.sum (c * Linalg.expm x)) (0.3 * a)
    check "pseudoInverse" (fun x -> Tensor.sum (Linalg.pseudoInverse x * c[0..3, 0..2])) (normal 15L [ 3; 4 ])

    check
        "leastSquares"
        (fun (a, b) -> Tensor.sum (Linalg.leastSquares a b))
        (normal 16L [ 5; 3 ], normal 17L [ 5 ])

    check
        "solvePositive"
        (fun (a, b) -> Tensor.sum (Linalg.solvePositive (Tensor.matmul a (t a)) b))
        (a, normal 18L [ 4 ])

    check
        "wide qr"
        (fun x -> let q, r = Linalg.qr x in Tensor.sum (q * c[0..2, 0..2]) + Tensor.sum (r * c[0..2, 0..3]))
        (normal 19L [ 3; 4 ])

    check "matrixPower" (fun x -> Tensor.sum (c * Linalg.matrixPower -3 x)) a
    check "slogdet" (fun x -> snd (Linalg.slogdet x)) a

[<Fact>]
let ``the exponential solves its equation, at any norm`` () =
    for scale in [ 1e-9; 0.1; 1.0; 30.0 ] do
        let a = scale * Tensor.matrix [ [ 0.0; 1.0 ]; [ -1.0; 0.0 ] ]

        let expected =
            Tensor.matrix [ [ Math.Cos scale; Math.Sin scale ]; [ -(Math.Sin scale); Math.Cos scale ] ]

        close 1e-13 expected (Linalg.expm a)

    let d = Tensor.vector [ -700.0; 1.0; 3.0 ]
    close 1e-12 (Linalg.diag (exp d)) (Linalg.expm (Linalg.diag d))

[<Fact>]
let ``what does not exist is NaN, and nothing else is`` () =
    let a = Tensor.stack 0 [ eye 2; Tensor.matrix [ [ 1.0; 2.0 ]; [ 2.0; 1.0 ] ] ]
    let l = Linalg.cholesky a |> Tensor.isNaN |> Tensor.toArray<bool>
    Assert.Equal<bool[]>(Array.append (Array.create 4 false) (Array.create 4 true), l)

[<Fact>]
let ``repeated eigenvalues have right derivatives where the basis does not matter`` () =
    // tr f(A) of the identity, for f = log, by its eigenvalues; and A^2 rebuilt from them.
    close 1e-14 (eye 3) (grad (Linalg.eigh >> fst >> log >> Tensor.sum) (eye 3))
    let square a = let w, v = Linalg.eigh a in Tensor.matmul (v * (w * w)) (t v)

    // Where it does, a number would be wrong: the gradient of the sum of A^2 is 4 everywhere, which the eigenvectors of 2 I do not know.
    let off = (1.0 - eye 3) * grad (fun a -> Tensor.sum (square a)) (2.0 * eye 3)
    Assert.DoesNotContain(Tensor.toArray<float> off |> Array.filter ((<>) 0.0), Double.IsFinite)

[<Fact>]
let ``singular values have their derivative at matrices without full rank`` () =
    for shape in [ [ 3; 2 ]; [ 2; 3 ]; [ 3; 3 ] ] do
        let a = Tensor.matmul (normal 21L [ shape[0]; 1 ]) (normal 22L [ 1; shape[1] ])
        // The largest alone is differentiable there, and its gradient is u v'.
        let u, _, vt = Linalg.svd a
        close 1e-13 (Tensor.matmul u[0.., 0..0] vt[0..0, 0..]) (grad Linalg.spectralNorm a)
        Assert.DoesNotContain(Tensor.toArray<float>(grad Linalg.nuclearNorm a), Double.IsNaN)

/// The determinant by its first row, a polynomial.
let private expanded (a: Tensor) : Tensor =
    let rec along (rows: Tensor list list) =
        match rows with
        | [] -> Tensor.scalar 1.0
        | first :: rest ->
            first
            |> List.mapi (fun j x ->
                (if j % 2 = 0 then x else -x) * along (rest |> List.map (List.removeAt j)))
            |> List.reduce (+)

    let n = a.Shape[0]
    along [ for i in 0 .. n - 1 -> [ for j in 0 .. n - 1 -> a[i, j] ] ]

[<Theory>]
[<InlineData(1, 0)>]
[<InlineData(2, 1)>]
[<InlineData(3, 3)>]
[<InlineData(3, 2)>]
[<InlineData(3, 1)>]
[<InlineData(3, 0)>]
[<InlineData(4, 3)>]
[<InlineData(4, 2)>]
[<InlineData(4, 1)>]
[<InlineData(4, 0)>]
let ``the determinant has its polynomial's derivatives of every order, whatever the rank``
    (n: int, rank: int)
    =
    let a = Tensor.matmul (normal 23L [ n; rank ]) (normal 24L [ rank; n ])
    let v = normal 25L [ n; n ]
    let third det = snd (Forward.jvp (hessian det) a v)
    close 1e-12 (grad expanded a) (grad Linalg.det a)
    close 1e-12 (hessian expanded a) (hessian Linalg.det a)
    close 1e-12 (hessian expanded a) (Reverse.jacobian (grad Linalg.det) a)
    close 1e-12 (third expanded) (third Linalg.det)

[<Fact>]
let ``the second derivative of a determinant keeps its digits next to singular matrices`` () =
    for gap in [ 1e-3; 1e-8; 1e-15 ] do
        let a =
            Tensor.matmul (normal 26L [ 4; 3 ]) (normal 27L [ 3; 4 ])
            + gap * normal 28L [ 4; 4 ]

        close 1e-12 (hessian expanded a) (hessian Linalg.det a)
        close 1e-12 (hessian expanded a) (jit (hessian Linalg.det) a)

    let many = normal 29L [ 2; 3; 3 ]
    let each = Tensor.stack 0 [ for i in 0..1 -> hessian expanded many[i] ]
    close 1e-12 each (vmap (hessian Linalg.det) many)

[<Fact>]
let ``float32 decompositions are those of double, rounded`` () =
    let a = positive 20L 5
    let single = Tensor.cast Float32 a
    close 1e-5 (Linalg.cholesky (Tensor.cast Float64 single)) (Tensor.cast Float64 (Linalg.cholesky single))

[<Fact>]
let ``errors name the operation and the shapes`` () =
    let message f = (Assert.Throws<ArgumentException>(fun () -> f () |> ignore)).Message
    Assert.Contains("det", message (fun () -> Linalg.det (normal 1L [ 2; 3 ])))
    Assert.Contains("[2, 3]", message (fun () -> Linalg.cholesky (normal 1L [ 2; 3 ])))
    Assert.Contains("solve", message (fun () -> Linalg.solve (eye 3) (normal 1L [ 2; 2 ])))

[<Fact>]
let ``eigenvectors of matrices without symmetry are turned into multiples of themselves, complex or not`` () =
    for n in [ 0; 1; 2; 3; 8; 25 ] do
        let a = normal 21L [ 3; n; n ]
        let (wr, wi), (x, y) = Linalg.eig a
        let wr, wi = Tensor.expandDims -2 wr, Tensor.expandDims -2 wi
        close 1e-11 (x * wr - y * wi) (Tensor.matmul a x)
        close 1e-11 (x * wi + y * wr) (Tensor.matmul a y)
        close 1e-14 (Tensor.ones Float64 [ 3; n ]) (Tensor.sumOver [ -2 ] (x * x + y * y))

        if n > 0 then
            // Values add up to the trace, and come with their conjugates.
            close 1e-11 (Tensor.sumOver [ -1 ] (Linalg.diagonal a)) (Tensor.sumOver [ -2; -1 ] wr)
            close 1e-12 (Tensor.zeros Float64 [ 3 ]) (Tensor.sumOver [ -2; -1 ] wi)
            let sizes = x * x + y * y
            let isLargest = Tensor.equal sizes (Tensor.maxKeep [ -2 ] sizes)
            close 1e-12 (Tensor.zerosLike y) (Tensor.where isLargest y (Tensor.zerosLike y))

[<Fact>]
let ``of a symmetric matrix eig is eigh, of a rotation it is the angle`` () =
    let p = positive 22L 6
    let (wr, wi), _ = Linalg.eig p
    close 1e-10 (fst (Linalg.eigh p)) wr
    close 1e-12 (Tensor.zerosLike wi) wi
    let turn = Tensor.matrix [ [ cos 0.7; -(sin 0.7) ]; [ sin 0.7; cos 0.7 ] ]
    let re, im = Linalg.eigenvalues turn
    close 1e-15 (Tensor.vector [ cos 0.7; cos 0.7 ]) re
    close 1e-15 (Tensor.vector [ -(sin 0.7); sin 0.7 ]) im
    let broken = fst (Linalg.eigenvalues (Tensor.matrix [ [ nan; 1.0 ]; [ 0.0; 1.0 ] ]))
    Assert.True(number (Tensor.all (Tensor.isNaN broken)) = 1.0)

[<Fact>]
let ``eigenvalues and vectors without symmetry have right derivatives to second order`` () =
    for seed, n in [ 23L, 2; 24L, 3; 25L, 4 ] do
        let a = normal seed [ n; n ]
        let w = normal (seed + 10L) [ n; n ]

        let f a =
            let (wr, wi), (x, y) = Linalg.eig a

            Tensor.sum (sin wr)
            + Tensor.sum (wi * wi)
            + Tensor.sum (w * x)
            + Tensor.sum (w * y * y)

        let report = Gradients.check f a
        Assert.True(report.IsPassed, $"{report}")
        // The sum of all values is the trace, of their squares the trace of the square.
        let squares a = let re, im = Linalg.eigenvalues a in Tensor.sum (re * re - im * im)
        close 1e-9 (2.0 * Tensor.transpose a) (grad squares a)
