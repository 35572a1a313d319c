module Properties.BatchingLaws

open System
open Xunit
open FsCheck.FSharp
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private key = Key.ofSeed 21L

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.DType.IsFloat() then
        let apart = Tensor.toScalar (Tensor.sum (abs (expected - actual)))
        let size = 1.0 + Tensor.toScalar (Tensor.sum (abs expected))
        Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")
    else
        Assert.Equal(expected, actual)

/// Three trials of a draw, side by side: their points, and which of the inputs differ among them.
let private sideBySide (entry: Entry) (draw: Draw) =
    let trials = [ for i in 0..2 -> snd (Draws.trial entry { draw with Seed = draw.Seed + i }) ]

    trials,
    Array.init trials.Head.Point.Length (fun i -> trials |> List.map (fun t -> t.Point[i]) |> Tensor.stack 0)

let operations () =
    let data = TheoryData<string>()
    Catalogue.all |> List.iter (fun e -> data.Add e.Name)
    data

[<Theory; MemberData(nameof operations)>]
let ``vmap is a loop, for every operation and whichever inputs are mapped`` name =
    let entry = Catalogue.find name

    let holds (draw: Draw) =
        let trials, stacked = sideBySide entry draw
        let inputs = stacked.Length
        // Every choice of mapped inputs but the empty one; the others are the first trial's.
        for choice in 1 .. (1 <<< inputs) - 1 do
            let isMapped i = choice &&& (1 <<< i) <> 0

            let argument =
                Array.init inputs (fun i -> if isMapped i then stacked[i] else trials.Head.Point[i])

            let axes = Array.init inputs (fun i -> if isMapped i then Some 0 else None)
            let f = trials.Head.Function

            let one (t: Trial) =
                f (Array.init inputs (fun i -> if isMapped i then t.Point[i] else trials.Head.Point[i]))

            let looped = trials |> List.map one |> Tensor.stack 0
            close 1e-13 looped (vmapAxes axes 0 f argument)

            // The gradient of each example, too.
            let phi x = Tensor.sum (f x * trials.Head.Cotangent)

            let gradients =
                trials
                |> List.map (fun t ->
                    Reverse.gradient
                        phi
                        (Array.init inputs (fun i -> if isMapped i then t.Point[i] else trials.Head.Point[i])))

            let mapped = vmapAxes axes 0 (Reverse.gradient phi) argument

            for i in 0 .. inputs - 1 do
                close 1e-12 (gradients |> List.map (fun g -> g[i]) |> Tensor.stack 0) mapped[i]

    Check.forAll (Draws.arbitrary entry) (fun draw ->
        holds draw
        true)
    |> ignore

[<Fact>]
let ``axes may be mapped anywhere and put anywhere`` () =
    let x = Random.normal key [ 3; 4; 5 ]
    let f (m: Tensor) = Tensor.sumOver [ 0 ] (sin m)

    for axis in 0..2 do
        for target in 0..1 do
            let parts =
                [ for i in 0 .. x.Shape[axis] - 1 ->
                      f (Tensor.squeeze [ axis ] (Tensor.sliceAxis axis i (i + 1) 1 x)) ]

            close 1e-14 (Tensor.stack target parts) (vmapAxes [ Some axis ] target f x)

[<Fact>]
let ``vmap nests, and composes with every transform`` () =
    let f (x: Tensor) = Tensor.sum (sin x * x)
    let x = Random.normal key [ 2; 3; 4 ]
    let loop g (t: Tensor) = [ for i in 0 .. t.Shape[0] - 1 -> g t[i] ] |> Tensor.stack 0
    close 1e-14 (loop (loop f) x) (vmap (vmap f) x)
    let m = x[0]
    close 1e-14 (loop (Reverse.gradient f) m) (vmap (Reverse.gradient f) m)
    close 1e-14 (loop (Forward.gradient f) m) (vmap (Forward.gradient f) m)
    close 1e-14 (loop (hessian f) m) (vmap (hessian f) m)
    close 1e-14 (Reverse.gradient (loop f >> Tensor.sum) m) (Reverse.gradient (vmap f >> Tensor.sum) m)
    close 1e-14 (Reverse.gradient (loop f >> Tensor.sum) m) (Forward.gradient (vmap f >> Tensor.sum) m)
    close 1e-14 (loop (Reverse.gradient f) m) (jit (vmap (Reverse.gradient f)) m)
    close 1e-14 (loop (Reverse.gradient f) m) (vmap (jit (Reverse.gradient f)) m)

[<Fact>]
let ``the Jacobian is vmap of the pullback over the unit vectors`` () =
    let f (x: Tensor) = Tensor.stack 0 [ x[0] * x[1]; sin x[0]; exp x[1] ]
    let x = Tensor.vector [ 0.3; 0.7 ]
    let _, pull = Reverse.vjp f x
    close 1e-15 (Reverse.jacobian f x) (vmap pull (Tensor.eye Float64 3))
    let _, push = linearize f x
    close 1e-15 (Forward.jacobian f x) (Tensor.transpose (vmap push (Tensor.eye Float64 2)))

[<Fact>]
let ``per-example gradients of a network are vmap of grad`` () =
    let net = Layer.perceptron Float64 tanh 0.0 [ 3; 5; 2 ]
    let p = net.Init key
    let x, c = Random.normal key [ 6; 3 ], Random.integers 0 2 key [ 6 ]

    let loss (x: Tensor, c: Tensor) p =
        Losses.crossEntropy (net.Apply Inference p (Tensor.expandDims 0 x)) (Tensor.expandDims 0 c)

    let each = vmap (fun example -> Reverse.gradient (loss example) p) (x, c)

    for i in 0..5 do
        let single = Reverse.gradient (loss (x[i], c[i])) p

        Array.iter2
            (fun (e: Tensor) (a: Tensor) -> close 1e-14 e a[i])
            (Tree.leaves single)
            (Tree.leaves each)

[<Fact>]
let ``randomness under vmap is each key's own`` () =
    let keys = Key.split 4 key
    let words = { Words = keys |> Array.map _.Words |> Tensor.stack 0 }
    let expected = keys |> Array.map (fun k -> Random.normal k [ 3 ]) |> Tensor.stack 0
    Assert.Equal(expected, vmap (fun k -> Random.normal k [ 3 ]) words)

[<Fact>]
let ``a result that no mapped argument reaches is repeated`` () =
    let y = vmap (fun (_: Tensor) -> Tensor.vector [ 1.0; 2.0 ]) (Tensor.zeros Float64 [ 3 ])
    Assert.Equal(Tensor.matrix [ [ 1.0; 2.0 ]; [ 1.0; 2.0 ]; [ 1.0; 2.0 ] ], y)

[<Fact>]
let ``mapped axes of different sizes are refused with their tensors`` () =
    let f (a: Tensor, b: Tensor) = a + b

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            vmap f (Tensor.zeros Float64 [ 2 ], Tensor.zeros Float64 [ 3 ]) |> ignore)

    Assert.Contains("0 float64[2]", error.Message)
    Assert.Contains("1 float64[3]", error.Message)

[<Fact>]
let ``linearize runs the function once, and gives jvp`` () =
    let mutable runs = 0

    let f (x: Tensor) =
        runs <- runs + 1
        sin x * x

    let x, v, w =
        Random.normal key [ 4 ],
        Random.normal (Key.foldIn 1 key) [ 4 ],
        Random.normal (Key.foldIn 2 key) [ 4 ]

    let y, push = linearize f x
    let a, b = push v, push w
    Assert.Equal(1, runs)
    close 0.0 (f x) y
    close 0.0 (snd (Forward.jvp f x v)) a
    close 0.0 (snd (Forward.jvp f x w)) b

[<Fact>]
let ``a linear function transposed twice is itself`` () =
    let m = Random.normal key [ 3; 4 ]
    let f (x: Tensor) = Tensor.matmul m x |> Tensor.flip [ 0 ] |> Tensor.cumsum 0
    let like = Tensor.zeros Float64 [ 4 ]
    let transposed = linearTranspose f like
    let x, g = Random.normal key [ 4 ], Random.normal (Key.foldIn 1 key) [ 3 ]
    close 1e-14 (Tensor.dot g (f x)) (Tensor.dot (transposed g) x)
    close 1e-14 (f x) (linearTranspose transposed (Tensor.zeros Float64 [ 3 ]) x)

[<Fact>]
let ``the transpose of an affine function is that of its linear part`` () =
    let a = Tensor.matrix [ [ 1.0; 2.0 ]; [ 3.0; 4.0 ] ]
    let transposed = linearTranspose (fun x -> a *@ x + 5.0) (Tensor.zeros Float64 [ 2 ])
    Assert.Equal<float[]>([| 7.0; 10.0 |], Tensor.toArray (transposed (Tensor.vector [ 1.0; 2.0 ])))

[<Fact>]
let ``a function that is not linear is not transposed`` () =
    let refused f =
        Assert
            .Throws<ArgumentException>(fun () -> linearTranspose f (Tensor.zeros Float64 [ 2 ]) |> ignore)
            .Message

    Assert.Contains("sin", refused sin)
    Assert.Contains("multiply", refused (fun x -> x * x))
    Assert.Contains("contract", refused (fun x -> Tensor.dot x x))

/// log(1 + e^x) with its derivative given by hand, in either form.
let private handwritten: (Tensor -> Tensor) list =
    [ customJvp (fun x -> log (1.0 + exp x)) (fun x v -> v * Tensor.sigmoid x)
      customVjp (fun x -> log (1.0 + exp x)) (fun x g -> g * Tensor.sigmoid x) ]

[<Fact>]
let ``a derivative given by hand works in both modes, at second order, under vmap and under jit`` () =
    for f in handwritten do
        let x = Tensor.scalar 0.4
        let s = 1.0 / (1.0 + Math.Exp -0.4)
        Assert.Equal(s, Tensor.toScalar (Forward.gradient f x), 15)
        Assert.Equal(s, Tensor.toScalar (Reverse.gradient f x), 15)
        Assert.Equal(s * (1.0 - s), Tensor.toScalar (Forward.gradient (Reverse.gradient f) x), 15)
        Assert.Equal(s * (1.0 - s), Tensor.toScalar (Reverse.gradient (Forward.gradient f) x), 15)
        Assert.Equal(s * (1.0 - s), Tensor.toScalar (Reverse.gradient (Reverse.gradient f) x), 15)
        Assert.Equal(s * (1.0 - s), Tensor.toScalar (Forward.gradient (Forward.gradient f) x), 15)
        let xs = Tensor.vector [ 0.4; 1000.0 ]
        // Far out the plain derivative is infinity over infinity; the one given by hand is 1.
        close 1e-15 (Tensor.vector [ s; 1.0 ]) (vmap (Reverse.gradient f) xs)
        Assert.Equal(s, Tensor.toScalar (jit (Reverse.gradient f) x), 15)

[<Fact>]
let ``the rule given is the one used, and what the function closes over is differentiated as ever`` () =
    // The rule says 10 where the truth is w.
    for f in
        [ (fun w -> customJvp (fun x -> w * x) (fun _ v -> 10.0 * v))
          (fun w -> customVjp (fun x -> w * x) (fun _ g -> 10.0 * g)) ] do
        let w, x = Tensor.scalar 3.0, Tensor.scalar 2.0

        for gradient in [ Forward.gradient; Reverse.gradient ] do
            Assert.Equal(6.0, Tensor.toScalar (f w x))
            Assert.Equal(10.0, Tensor.toScalar (gradient (f w) x))
            Assert.Equal(2.0, Tensor.toScalar (gradient (fun w -> f w x) w))
            // Both at once: x = w.
            Assert.Equal(13.0, Tensor.toScalar (gradient (fun w -> f w w) (Tensor.scalar 3.0)))

[<Fact>]
let ``derivatives by hand speak of trees, with several results`` () =
    let f (p: {| A: Tensor; B: Tensor |}) = p.A * p.B, p.A + p.B

    let rule (p: {| A: Tensor; B: Tensor |}) (g: Tensor * Tensor) =
        {| A = fst g * p.B + snd g
           B = fst g * p.A + snd g |}

    let x =
        {| A = Tensor.scalar 2.0
           B = Tensor.scalar 5.0 |}

    let loss f p = let a, b = f p in sin a * b
    let plain, custom = Reverse.gradient (loss f) x, Reverse.gradient (loss (customVjp f rule)) x
    close 1e-15 plain.A custom.A
    close 1e-15 plain.B custom.B
    let forward = Forward.gradient (loss (customVjp f rule)) x
    close 1e-15 plain.B forward.B
