/// Inverses of matrices whatever their rank.
module Properties.RankLaws

open Xunit
open Ad.Functional
open Ad.Checks

let private normal seed shape = Random.normal (Key.ofSeed seed) shape |> Tensor.eval
let private t (x: Tensor) = Tensor.swapAxes -1 -2 x

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let far = Tensor.max (abs (expected - actual)) |> Tensor.toScalar
        Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

/// Matrices of a rank, tall and wide, in batches.
let private ofRank rank m n = Tensor.matmul (normal 1L [ 3; m; rank ]) (normal 2L [ 3; rank; n ])

[<Fact>]
let ``Penrose's four equations hold for matrices of any rank and shape`` () =
    for m, n in [ 5, 5; 7, 4; 4, 7; 1, 3; 3, 0 ] do
        for rank in [ 0 .. min m n ] do
            let a = ofRank rank m n
            let p = Linalg.pseudoInverse a
            let ap, pa = Tensor.matmul a p, Tensor.matmul p a
            close 1e-9 a (Tensor.matmul ap a)
            close 1e-9 p (Tensor.matmul pa p)
            close 1e-10 ap (t ap)
            close 1e-10 pa (t pa)
            Assert.Equal<int[]>(Array.create 3 rank, Tensor.toArray<int>(Linalg.matrixRank a))

[<Fact>]
let ``of all least squares the pseudoinverse's is the shortest`` () =
    let a, b = (ofRank 2 6 4)[0], normal 3L [ 6 ]
    let x = Tensor.matmul (Linalg.pseudoInverse a) b
    close 1e-10 (Tensor.zeros Float64 [ 4 ]) (Tensor.matmul (t a) (Tensor.matmul a x - b))
    // Whatever A takes to 0 can be added without another residual, and makes it longer.
    let v = normal 4L [ 4; 3 ]
    let free = v - Tensor.matmul (Linalg.pseudoInverse a) (Tensor.matmul a v)
    close 1e-9 (Tensor.zeros Float64 [ 6; 3 ]) (Tensor.matmul a free)

    for i in 0..2 do
        Assert.True(Tensor.toScalar (Tensor.norm (x + free[0..3, i])) > Tensor.toScalar (Tensor.norm x))

[<Fact>]
let ``derivatives along matrices of one rank are right to second order`` () =
    let w = normal 5L [ 4; 5 ]

    for rank in [ 1; 2; 4 ] do
        let f (b: Tensor, c: Tensor) = Tensor.sum (w * Linalg.pseudoInverse (Tensor.matmul b c))

        let b, c = normal 6L [ 5; rank ], normal 7L [ rank; 4 ]
        let report = Gradients.check f (b, c)
        Assert.True(report.IsPassed, $"{report}")

[<Fact>]
let ``the first derivative is Golub and Pereyra's, whichever way the matrix changes`` () =
    let a, e = (ofRank 2 5 4)[1], normal 8L [ 5; 4 ]
    let p, along = Forward.jvp Linalg.pseudoInverse a e
    let eye n = Tensor.eye Float64 n
    let m x y = Tensor.matmul x y
    let left, right = eye 5 - m a p, eye 4 - m p a

    let formula = -(m p (m e p)) + m (m p (t p)) (m (t e) left) + m right (m (t e) (m (t p) p))

    close 1e-9 formula along

[<Fact>]
let ``zero is its own pseudoinverse, turned, and what is not a number stays so`` () =
    close 0.0 (Tensor.zeros Float64 [ 2; 3 ]) (Linalg.pseudoInverse (Tensor.zeros Float64 [ 3; 2 ]))
    let broken = Tensor.matrix [ [ nan; 1.0 ]; [ 0.0; 1.0 ] ]
    Assert.True(Tensor.toScalar (Tensor.any (Tensor.isNaN (Linalg.pseudoInverse broken))) = 1.0)
    // A singular value of a thousandth counts, or not, as one says.
    let a = Linalg.diag (Tensor.vector [ 1.0; 1e-3 ])
    close 1e-9 (Linalg.diag (Tensor.vector [ 1.0; 1e3 ])) (Linalg.pseudoInverse a)
    close 1e-12 (Linalg.diag (Tensor.vector [ 1.0; 0.0 ])) (Linalg.pseudoInverseAbove 0.01 a)
    Assert.Equal(1.0, Tensor.toScalar (Linalg.matrixRankAbove 0.01 a))
