module Properties.SparseLaws

open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
        let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
        Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")

let private points seed shape = Random.normal (Key.ofSeed (int64 (seed: int))) shape |> Tensor.eval

/// Each element with its neighbours: a tridiagonal Jacobian.
let private stencil (x: Tensor) =
    let padded = Tensor.pad [ 1, 1 ] x
    let n = x.Shape[0]
    let at k = Tensor.sliceAxis 0 k (k + n) 1 padded
    at 0 * at 1 - 2.0 * sin (at 1) + at 2 * at 2

[<Fact>]
let ``a tridiagonal Jacobian takes three passes, of any size`` () =
    for n in [ 3; 10; 200 ] do
        let x = points 1 [ n ]
        let sparse, cost = Cost.measure (fun () -> Sparse.jacobian stencil x)
        Assert.Equal(3, cost.Passes)
        Assert.Equal(3 * n - 2, sparse.Rows.Length)
        close 1e-14 (Reverse.jacobian stencil x) (Sparse.toDense sparse)

[<Fact>]
let ``a column that all rows share is left to reverse mode`` () =
    let f (x: Tensor) = Tensor.concat 0 [ Tensor.expandDims 0 (Tensor.sum (x * x)); sin x ]
    let x = points 2 [ 30 ]
    let sparse, cost = Cost.measure (fun () -> Sparse.jacobian f x)
    Assert.Equal(2, cost.Passes)
    close 1e-14 (Reverse.jacobian f x) (Sparse.toDense sparse)

[<Fact>]
let ``the Hessian of a chain takes at most three products`` () =
    let f (x: Tensor) =
        let n = x.Shape[0]
        let ahead, behind = Tensor.sliceAxis 0 1 n 1 x, Tensor.sliceAxis 0 0 (n - 1) 1 x
        Tensor.sum (100.0 * (ahead - behind * behind) ** 2.0 + (1.0 - behind) ** 2.0)

    let x = points 3 [ 40 ]
    let sparse, cost = Cost.measure (fun () -> Sparse.hessian f x)
    Assert.True(cost.ForwardPasses <= 3, $"{cost.ForwardPasses} products")
    close 1e-12 (hessian f x) (Sparse.toDense sparse)

[<Fact>]
let ``an arrow's Hessian takes two products by its symmetry`` () =
    let f (x: Tensor) = Tensor.sum (x * x[0]) + Tensor.sum (sin x)
    let x = points 4 [ 25 ]
    let sparse, cost = Cost.measure (fun () -> Sparse.hessian f x)
    Assert.Equal(2, cost.ForwardPasses)
    close 1e-13 (hessian f x) (Sparse.toDense sparse)

let entries () =
    let data = TheoryData<string>()

    for entry in Catalogue.all do
        data.Add entry.Name

    data

[<Theory; MemberData(nameof entries)>]
let ``no element outside the pattern of an operation differs from zero`` (operation: string) =
    let random = System.Random 3

    for form in (Catalogue.find operation).Forms do
        let case = form { A = 2; B = 3; C = 2 }
        let x = case.Inputs |> List.map (Catalogue.draw random) |> Array.ofList

        for i in 0 .. x.Length - 1 do
            if x[i].DType.IsFloat() && x[i].Count > 0L then
                let f t = case.Apply(Array.updateAt i t x) |> Tensor.flatten
                let flat t = f (Tensor.reshape x[i].Shape t)
                let at = Tensor.flatten x[i]
                close 1e-12 (Forward.jacobian flat at) (Sparse.toDense (Sparse.jacobian flat at))

[<Fact>]
let ``patterns of movement and elementwise work are exact`` () =
    let x = points 5 [ 2; 3 ]

    Assert.Equal<int[]>(
        [| [| 0 |]; [| 3 |]; [| 1 |]; [| 4 |]; [| 2 |]; [| 5 |] |],
        Sparse.pattern Tensor.transpose x
    )

    Assert.Equal<int[]>([| [| 0; 1; 2 |]; [| 3; 4; 5 |] |], Sparse.pattern (Tensor.sumOver [ 1 ]) x)
    let w = points 6 [ 3; 2 ]

    Assert.Equal<int[]>(
        [| [| 0; 1; 2 |]; [| 0; 1; 2 |]; [| 3; 4; 5 |]; [| 3; 4; 5 |] |],
        Sparse.pattern (fun x -> Tensor.matmul x w) x
    )

    Assert.Equal<int[]>(
        [| [| 0 |]; [| 0; 1 |]; [| 0; 1; 2 |]; [| 3 |]; [| 3; 4 |]; [| 3; 4; 5 |] |],
        Sparse.pattern (Tensor.cumsum 1) x
    )

[<Fact>]
let ``a chunked Jacobian is the Jacobian, by so many passes`` () =
    let wide (x: Tensor) = Tensor.reshape [ 2; 2 ] (Tensor.concat 0 [ sin x[0..1]; x[2..3] * Tensor.sum x ])
    let tall (x: Tensor) = Tensor.outer (exp x) (Tensor.cumsum 0 x)

    for f, size, smaller in [ wide, 7, 4; tall, 5, 5 ] do
        let x = points 7 [ size ]
        let expected = Reverse.jacobian f x

        for chunk in [ 1; 2; 3; 100 ] do
            let actual, cost = Cost.measure (fun () -> jacobianChunked chunk f x)
            close 1e-14 expected actual
            Assert.Equal((smaller + chunk - 1) / chunk, cost.Passes)

let private dependsAsItSays (f: Tensor -> Tensor) (x: Tensor) =
    let whole = Tensor.reshape [ -1; int x.Count ] (Reverse.jacobian f x)
    close 1e-12 whole (Sparse.toDense (Sparse.jacobian f x))
    Sparse.pattern f x |> Array.sumBy _.Length

[<Fact>]
let ``a convolution depends on its windows, and a pattern of its own finds that`` () =
    let image, kernel = points 8 [ 1; 1; 12 ], points 9 [ 1; 1; 3 ]
    Assert.Equal(3 * 10, dependsAsItSays (Conv.conv1d 1 0 kernel) image)
    Assert.Equal(3 * 12 - 2, dependsAsItSays (Conv.conv1d 1 1 kernel) image)
    Assert.Equal(3 * 10, dependsAsItSays (fun k -> Conv.conv1d 1 0 k image) kernel)
    let sparse, cost = Cost.measure (fun () -> Sparse.jacobian (Conv.conv1d 1 1 kernel) image)
    Assert.Equal(3, cost.Passes)
    Assert.Equal(34, sparse.Rows.Length)
    // Two groups of two channels each, by windows of four elements a stride of two apart.
    let images, kernels = points 10 [ 2; 4; 6; 6 ], points 11 [ 2; 2; 2; 2 ]

    let grouped =
        Conv.conv
            { Conv.defaults with
                Strides = [ 2 ]
                Groups = 2 }

    Assert.Equal(2 * 2 * 9 * 8, dependsAsItSays (grouped kernels) images)
    Assert.Equal(2 * 2 * 9 * 8, dependsAsItSays (fun k -> grouped k images) kernels)
    let turned = Conv.convTranspose1d 2 0 0 kernel
    dependsAsItSays turned (points 12 [ 1; 1; 5 ]) |> ignore

    dependsAsItSays (grad (fun k -> Tensor.sum (sin (Conv.conv1d 1 0 k image)))) kernel
    |> ignore

[<Fact>]
let ``windows depend on their elements`` () =
    let x = points 13 [ 1; 1; 6; 6 ]
    Assert.Equal(9 * 4, dependsAsItSays (Pool.average Pool.defaults [ 2; 2 ]) x)
    Assert.Equal(9 * 4, dependsAsItSays (Pool.max Pool.defaults [ 2; 2 ]) x)
    let smooth x = Tensor.sum (sin (Pool.max Pool.defaults [ 2; 2 ] x))
    let sparse, cost = Cost.measure (fun () -> Sparse.hessian smooth x)
    close 1e-12 (Tensor.reshape [ 36; 36 ] (hessian smooth x)) (Sparse.toDense sparse)
    Assert.True(cost.ForwardPasses <= 4, $"{cost.ForwardPasses} products")

[<Fact>]
let ``matrices of a batch are decomposed and solved each by itself, and columns too`` () =
    let a = points 14 [ 3; 2; 2 ] + 3.0 * Tensor.eye Float64 2
    let b = points 15 [ 3; 2; 4 ]
    Assert.Equal(3 * 4, dependsAsItSays Linalg.det a)
    Assert.Equal(3 * 4 * 4, dependsAsItSays Linalg.inverse a)
    Assert.Equal(3 * 2 * 4 * 2, dependsAsItSays (Linalg.solve a) b)
    Assert.Equal(3 * 2 * 4 * 4, dependsAsItSays (fun a -> Linalg.solve a b) a)

/// Whether a pattern has exactly the places where a dense Jacobian is not 0.
let private isExactly (f: Tensor -> Tensor) (x: Tensor) =
    let dense = Reverse.jacobian f x |> Tensor.reshape [ -1; int x.Count ]
    let rows = Sparse.pattern f x
    let values = Tensor.toArray<float> dense

    for r in 0 .. rows.Length - 1 do
        let found =
            [ for c in 0 .. int x.Count - 1 do
                  if values[r * int x.Count + c] <> 0.0 then
                      c ]

        Assert.Equal<int list>(found, List.ofArray rows[r])

    close 1e-13 dense (Tensor.reshape [ -1; int x.Count ] (Sparse.toDense (Sparse.jacobian f x)))

[<Fact>]
let ``a scan of a stencil has the band of its steps`` () =
    for steps in [ 0; 1; 2; 4 ] do
        let f x = iterate steps (fun _ s -> stencil s) x
        let x = points 5 [ 20 ]
        let sparse, cost = Cost.measure (fun () -> Sparse.jacobian f x)
        Assert.Equal((if steps = 0 then 1 else 2 * steps + 1), cost.Passes)
        close 1e-12 (Reverse.jacobian f x) (Sparse.toDense sparse)

[<Fact>]
let ``what a scan stacks depends on what came before, from either end`` () =
    let step (s: Tensor) (x: Tensor) = s * x + sin s, cos x * s
    let results (a: Tensor, b: Tensor) = Tensor.concat 0 [ Tensor.reshape [ 1 ] a; b ]
    isExactly (fun x -> scan step (Tensor.scalar 0.5) x |> results) (points 6 [ 6 ])
    isExactly (fun x -> scanReverse step (Tensor.scalar 0.5) x |> results) (points 6 [ 6 ])
    // A slice alone leaves no trace in the state.
    isExactly
        (fun x ->
            scan (fun (s: Tensor) (x: Tensor) -> s + 1.0, x * x) (Tensor.scalar 0.5) x
            |> snd)
        (points 7 [ 6 ])

[<Fact>]
let ``positions that count with the loop are where they are`` () =
    let f (x: Tensor) =
        iterate
            5
            (fun i s ->
                Tensor.scatterAdd
                    0
                    (Tensor.reshape [ 1 ] i)
                    (Tensor.sliceAxis 0 0 1 1 (Tensor.take 0 (Tensor.reshape [ 1 ] (i + 1)) x))
                    s)
            (Tensor.zerosLike x)

    isExactly f (points 8 [ 6 ])

[<Fact>]
let ``branches, checkpoints and loops without a bound are followed`` () =
    let x = points 9 [ 8 ]
    isExactly (checkpoint stencil) x
    let side p = cond (Tensor.scalar p) stencil (fun x -> x * x)
    // Either side counts, whichever is taken.
    Assert.Equal<int[][]>(Sparse.pattern stencil x, Sparse.pattern (side true) x)
    Assert.Equal<int[][]>(Sparse.pattern stencil x, Sparse.pattern (side false) x)
    close 1e-13 (Reverse.jacobian (side false) x) (Sparse.toDense (Sparse.jacobian (side false) x))
    let isSmall (s: Tensor) = Tensor.less (Tensor.max (abs s)) (Tensor.scalar 50.0)
    isExactly (whileLoop isSmall (fun s -> s * 1.5 + sin s)) x
    // Two halves that never meet, however often they go round.
    let halves (s: Tensor) =
        Tensor.concat
            0
            [ Tensor.flip [ 0 ] s[0..3] * 1.5
              s[4..7] * Tensor.sum s[4..7] + 2.0 * s[4..7] ]

    let pattern = Sparse.pattern (whileLoop isSmall halves) x
    Assert.Equal<int[]>([| 0; 3 |], pattern[0])
    Assert.Equal<int[]>([| 4; 5; 6; 7 |], pattern[5])

[<Fact>]
let ``a Hessian through a loop is as sparse as the function`` () =
    let energy (x: Tensor) = Tensor.sum (Tensor.square (iterate 2 (fun _ s -> s + 0.1 * sin s) x))
    let x = points 10 [ 12 ]
    let sparse, cost = Cost.measure (fun () -> Sparse.hessian energy x)
    Assert.Equal(1, cost.ForwardPasses)
    close 1e-12 (hessian energy x) (Sparse.toDense sparse)
