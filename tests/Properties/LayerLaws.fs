module Properties.LayerLaws

open Xunit
open Ad.Functional
open Ad.Checks

let private key = Key.ofSeed 11L

[<Fact>]
let ``a dense layer is x W + b`` () =
    let layer = Layer.dense Float64 3 2
    let p = layer.Init key

    let p =
        { p with
            Bias = Tensor.vector [ 1.0; 2.0 ] }

    let x = Random.normal key [ 5; 3 ]
    Assert.Equal(Tensor.matmul x p.Weights + p.Bias, layer.Apply Inference p x)

[<Fact>]
let ``composition applies one after the other, with parameters of both`` () =
    let net = Layer.dense Float64 3 4 --> Layer.ofFunction tanh --> Layer.dense Float64 4 1
    let (p, ()), q = net.Init key
    let x = Random.normal key [ 2; 3 ]
    let expected = Tensor.matmul (tanh (Tensor.matmul x p.Weights + p.Bias)) q.Weights + q.Bias
    Assert.Equal(expected, net.Apply Inference ((p, ()), q) x)

    Assert.Equal<string[]>(
        [| "0.0.Weights"; "0.0.Bias"; "1.Weights"; "1.Bias" |],
        Tree.named ((p, ()), q) |> Array.map fst
    )

[<Fact>]
let ``backpropagation by hand equals the gradient of a perceptron of any depth`` () =
    for depth in 1..6 do
        let widths = List.init depth (fun i -> 3 + i % 2) @ [ 2 ]
        let net = Layer.perceptron Float64 Tensor.sigmoid 0.0 widths
        let p = net.Init(Key.foldIn depth key)
        let x, t = Random.normal key [ 4; 3 ], Random.uniform key [ 4; 2 ]
        let loss p = 0.5 * Tensor.sum (Tensor.square (net.Apply Inference p x - t))

        // Activations forward; then h <- h g'(y), dW = y' h, h <- h W', from the last layer to the first.
        let activations =
            List.scan
                (fun (y, _) (i, (layer: Dense)) ->
                    let z = Tensor.matmul y layer.Weights + layer.Bias
                    (if i < p.Length - 1 then Tensor.sigmoid z else z), y)
                (x, x)
                (List.indexed (List.ofArray p))
            |> List.tail

        let rec back h layers =
            match layers with
            | [] -> []
            | (layer: Dense, (_, input: Tensor)) :: rest ->
                let gradient =
                    { Weights = Tensor.matmul (Tensor.transpose input) h
                      Bias = Tensor.sumOver [ 0 ] h }

                let below = Tensor.matmul h (Tensor.transpose layer.Weights) * input * (1.0 - input)
                gradient :: back below rest

        let expected =
            back (fst (List.last activations) - t) (List.rev (List.zip (List.ofArray p) activations))
            |> List.rev

        let actual = Reverse.gradient loss p

        for e, a in Seq.zip (Tree.leaves expected) (Tree.leaves actual) do
            let apart = Tensor.toScalar (Tensor.max (abs (e - a)))

            Assert.True(
                apart <= 1e-14 * (1.0 + Tensor.toScalar (Tensor.max (abs e))),
                $"depth {depth}: {e} against {a}"
            )

[<Fact>]
let ``dropout drops its share, scales the rest, and repeats from its key`` () =
    let layer = Layer.dropout 0.3
    let x = Tensor.ones Float64 [ 100_000 ]
    let apply key = layer.Apply (Training key) () x
    let y = apply key
    let dropped = Tensor.toScalar (Tensor.mean (Tensor.cast Float64 (Tensor.equal y (Tensor.zerosLike y))))
    // Three standard deviations of a binomial mean.
    Assert.InRange(dropped, 0.3 - 0.0044, 0.3 + 0.0044)
    Assert.Equal(1.0 / 0.7, Tensor.toScalar (Tensor.max y), 15)
    Assert.Equal(y, apply key)
    Assert.NotEqual(y, apply (Key.ofSeed 12L))
    Assert.Equal(y, Reverse.gradient (fun x -> Tensor.sum (layer.Apply (Training key) () x)) x)

[<Fact>]
let ``initializers have their variance and start biases at 0`` () =
    let variance (t: Tensor) = Tensor.toScalar (Tensor.variance t)
    Assert.InRange(variance (Initializers.heNormal Float64 50 key [ 50; 2000 ]), 0.039, 0.041)
    Assert.InRange(variance (Initializers.lecunNormal Float64 50 key [ 50; 2000 ]), 0.0195, 0.0205)
    let glorot = Initializers.glorotUniform Float64 60 40 key [ 60; 2000 ]
    Assert.InRange(variance glorot, 0.0196, 0.0204)
    Assert.InRange(Tensor.toScalar (Tensor.max (abs glorot)), 0.0, sqrt 0.06)
    Assert.Equal(Tensor.zeros Float32 [ 7 ], ((Layer.dense Float32 3 7).Init key).Bias)

[<Fact>]
let ``losses have their closed-form gradients`` () =
    let close (e: Tensor) (a: Tensor) =
        Assert.True(Tensor.toScalar (Tensor.max (abs (e - a))) < 1e-15, $"{e} against {a}")

    let z = Random.normal key [ 6; 3 ]
    let classes = Random.integers 0 3 key [ 6 ]
    let target = Tensor.oneHot Float64 3 classes
    close ((Tensor.softmax 1 z - target) / 6.0) (Reverse.gradient (fun z -> Losses.crossEntropy z classes) z)
    close ((Tensor.softmax 1 z - target) / 6.0) (Reverse.gradient (fun z -> Losses.crossEntropyOf z target) z)
    close (2.0 * (z - target) / 18.0) (Reverse.gradient (fun z -> Losses.meanSquared z target) z)
    close (Tensor.sign (z - target) / 18.0) (Reverse.gradient (fun z -> Losses.meanAbsolute z target) z)

    close
        ((Tensor.sigmoid z - target) / 18.0)
        (Reverse.gradient (fun z -> Losses.binaryCrossEntropy z target) z)

    let signs = 2.0 * target - 1.0
    let inside = Tensor.cast Float64 (Tensor.less (signs * z) (Tensor.onesLike z))
    close (-signs * inside / 18.0) (Reverse.gradient (fun z -> Losses.hinge z signs) z)

[<Fact>]
let ``averaging per-example gradients gives the gradient of the mean loss`` () =
    let net = Layer.perceptron Float64 tanh 0.0 [ 3; 4; 2 ]
    let p = net.Init key
    let x, c = Random.normal key [ 8; 3 ], Random.integers 0 2 key [ 8 ]
    let loss (x: Tensor) c p = Losses.crossEntropy (net.Apply Inference p x) c
    let whole = Reverse.gradient (loss x c) p
    let single = [ for i in 0..7 -> Reverse.gradient (loss x[i..i] c[i..i]) p ]
    let mean = single |> List.reduce (Tree.map2 (+)) |> Tree.map (fun t -> t / 8.0)

    for a, b in Seq.zip (Tree.leaves whole) (Tree.leaves mean) do
        Assert.True(Tensor.toScalar (Tensor.max (abs (a - b))) < 1e-15)

[<Fact>]
let ``convolutions, pooling and flattening compose to a network whose gradient has its shape`` () =
    let net =
        Layer.conv
            Float64
            1
            2
            [ 3; 3 ]
            { Conv.defaults with
                Padding = Padding.Same }
        --> Layer.maxPool Pool.defaults [ 2; 2 ]
        --> Layer.convTranspose
                Float64
                2
                3
                [ 2; 2 ]
                { Conv.defaults with
                    Strides = [ 2; 2 ] }
                []
        --> Layer.averagePool Pool.defaults [ 2; 2 ]
        --> Layer.flatten
        --> Layer.dense Float64 12 2

    let p = net.Init key
    let x = Random.normal key [ 5; 1; 4; 4 ]
    Assert.Equal<int list>([ 5; 2 ], Tensor.shape (net.Apply Inference p x))
    let slopes = grad (fun p -> Tensor.sum (Tensor.square (net.Apply Inference p x))) p
    let shapes tree = Tree.named tree |> Array.map (fun (name, t) -> name, Tensor.shape t)
    Assert.Equal<(string * int list)[]>(shapes p, shapes slopes)

[<Fact>]
let ``a convolution layer adds each channel's bias`` () =
    let layer = Layer.conv Float64 2 3 [ 2 ] Conv.defaults
    let p = layer.Init key

    let p =
        { p with
            Bias = Tensor.vector [ 1.0; 2.0; 3.0 ] }

    let x = Random.normal key [ 4; 2; 5 ]
    let expected = Conv.conv1d 1 0 p.Kernel x + Tensor.reshape [ 3; 1 ] p.Bias
    Assert.Equal(expected, layer.Apply Inference p x)
