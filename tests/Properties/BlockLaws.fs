/// Layers with states, recurrent networks, attention and networks of layers of different kinds, each by what defines it.
module Properties.BlockLaws

open Xunit
open Ad.Functional
open Ad.Checks

let private key = Key.ofSeed 31L
let private normal seed shape = Random.normal (Key.ofSeed seed) shape
let private number (t: Tensor) = Tensor.toScalar t
let private training = Training(Key.ofSeed 5L)

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int seq>(expected.Shape, actual.Shape)
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

/// Derivatives in parameters and input, first and second order.
let private checks name (layer: Layer<'P>) mode (x: Tensor) =
    let p = layer.Init key
    // Squares of differences from a fixed target: no direction in which the result stays the same.
    let y = layer.Apply mode p x
    let target = normal 77L y.Shape

    let report =
        Gradients.check (fun (p, x) -> Tensor.sum (Tensor.square (layer.Apply mode p x - target))) (p, x)

    Assert.True(report.IsPassed, $"{name}: {report}")

let private moved (p: Affine) =
    { Gain = p.Gain + normal 1L p.Gain.Shape * 0.3
      Shift = normal 2L p.Shift.Shape }

[<Fact>]
let ``A100: what batch normalization gives in training has mean shift and variance gain^2`` () =
    let layer = Stateful.batchNorm Float64 3 0.1 0.0
    let p = moved (fst (layer.Init key))
    let y, _ = layer.Apply training p (snd (layer.Init key)) (normal 3L [ 6; 3; 4; 5 ] * 7.0 + 2.0)
    close 1e-13 p.Shift (Tensor.meanOver [ 0; 2; 3 ] y)
    close 1e-12 (Tensor.square p.Gain) (Tensor.varianceOver [ 0; 2; 3 ] y)

[<Fact>]
let ``A100: its gradient through mean and variance is right, sums to 0 and is uncorrelated with the input``
    ()
    =
    let layer = Stateful.batchNorm Float64 3 0.1 1e-9
    let x, (_, s) = normal 4L [ 6; 3 ], layer.Init key
    checks "batchNorm" (Stateful.freeze s layer) training x
    let dx = grad (fun x -> Tensor.sum (sin (fst (layer.Apply training (fst (layer.Init key)) s x)))) x
    let normalized, _ = layer.Apply training (fst (layer.Init key)) s x
    close 1e-12 (Tensor.zeros Float64 [ 3 ]) (Tensor.sumOver [ 0 ] dx)
    close 1e-7 (Tensor.zeros Float64 [ 3 ]) (Tensor.sumOver [ 0 ] (dx * normalized))

[<Fact>]
let ``running statistics blend in the batch's, and prediction uses and keeps them`` () =
    let layer = Stateful.batchNorm Float64 2 0.25 1e-5
    let p, s = layer.Init key
    let x = normal 5L [ 8; 2; 3 ] + 4.0
    let _, next = layer.Apply training p s x
    close 1e-14 (0.25 * Tensor.meanOver [ 0; 2 ] x) next.Mean
    close 1e-13 (0.75 + 0.25 * (24.0 / 23.0) * Tensor.varianceOver [ 0; 2 ] x) next.Variance
    let y, kept = layer.Apply Inference p next x
    let shaped t = Tensor.reshape [ 1; 2; 1 ] t
    close 1e-13 ((x - shaped next.Mean) / sqrt (shaped next.Variance + 1e-5)) y
    close 0.0 next.Mean kept.Mean
    Assert.Throws<System.ArgumentException>(fun () -> layer.Apply training p s (normal 5L [ 1; 2 ]) |> ignore)

[<Fact>]
let ``no derivative goes into running statistics`` () =
    let layer = Stateful.batchNorm Float64 2 0.25 1e-5
    let p, s = layer.Init key
    let f x = Tensor.sum (snd (layer.Apply training p s x)).Mean
    close 0.0 (Tensor.zeros Float64 [ 4; 2 ]) (grad f (normal 6L [ 4; 2 ]))

[<Fact>]
let ``states pass through composition and sequences, each to its own layer`` () =
    let norm = Stateful.batchNorm Float64 2 0.5 1e-5
    let both, three = Stateful.compose norm norm, Stateful.sequence [ norm; norm; norm ]
    let x = normal 7L [ 5; 2 ] * 3.0 + 1.0
    let p, s = both.Init key
    let _, (first, second) = both.Apply training p s x
    let y, direct = norm.Apply training (fst p) (fst s) x
    close 0.0 direct.Mean first.Mean
    close 0.0 (snd (norm.Apply training (snd p) (snd s) y)).Variance second.Variance
    let p, s = three.Init key
    let _, states = three.Apply training p s x
    close 0.0 second.Variance states[1].Variance
    Assert.Throws<System.ArgumentException>(fun () -> three.Apply training p s[0..1] x |> ignore)

[<Fact>]
let ``layer, group and instance normalization are one for the same group, and RMS divides by the root of the mean square``
    ()
    =
    let x = normal 8L [ 4; 6 ] * 3.0 + 1.0
    let layer, group = Stateful.layerNorm Float64 6 1e-5, Stateful.groupNorm Float64 1 6 1e-5
    let p = moved (layer.Init key)
    let y = layer.Apply Inference p x
    close 1e-14 y (group.Apply Inference p x)
    let image = normal 9L [ 2; 6; 3; 3 ]
    let instance = Stateful.instanceNorm Float64 6 1e-5

    close
        1e-14
        (instance.Apply Inference p image)
        ((Stateful.groupNorm Float64 6 6 1e-5).Apply Inference p image)

    let z = (Stateful.groupNorm Float64 3 6 0.0).Apply Inference (layer.Init key) image
    close 1e-12 (Tensor.zeros Float64 [ 2; 3 ]) (Tensor.meanOver [ 2 ] (Tensor.reshape [ 2; 3; 18 ] z))
    close 1e-12 (Tensor.ones Float64 [ 2; 3 ]) (Tensor.varianceOver [ 2 ] (Tensor.reshape [ 2; 3; 18 ] z))
    let rms = Stateful.rmsNorm Float64 6 0.0
    let r = rms.Apply Inference (rms.Init key) x
    close 1e-13 (Tensor.ones Float64 [ 4 ]) (Tensor.meanOver [ 1 ] (Tensor.square r))
    close 1e-13 r (rms.Apply Inference (rms.Init key) (5.0 * x))

[<Fact>]
let ``normalizations have right derivatives`` () =
    checks "layerNorm" (Stateful.layerNorm Float64 6 1e-5) Inference (normal 10L [ 3; 6 ])
    checks "rmsNorm" (Stateful.rmsNorm Float64 6 1e-5) Inference (normal 11L [ 3; 6 ])
    checks "groupNorm" (Stateful.groupNorm Float64 2 4 1e-5) Inference (normal 12L [ 2; 4; 3 ])

[<Fact>]
let ``A108, A109: both kinds of dropout keep the expectation, and repeat from their key`` () =
    let x = normal 13L [ 50; 400 ] + 2.0

    for name, layer in [ "inverted", Layer.dropout 0.5; "unscaled", Block.dropoutUnscaled 0.5 ] do
        let inTraining, outside = layer.Apply training () x, layer.Apply Inference () x
        // One element's deviation is |outside| for a mask of a half.
        let deviation = sqrt (number (Tensor.sum (Tensor.square outside)))
        let apart = number (Tensor.sum (inTraining - outside))
        Assert.True(abs apart <= 3.0 * deviation, $"{name}: {apart} against {deviation}")
        close 0.0 inTraining (layer.Apply training () x)

[<Fact>]
let ``A110: the geometric mean of all masks is the network with halved values`` () =
    let h, w = normal 14L [ 8 ], normal 15L [ 8; 3 ]

    let masks =
        Tensor.ofArray
            [ 256; 8 ]
            [| for m in 0..255 do
                   for b in 0..7 -> float ((m >>> b) &&& 1) |]

    let logs = Tensor.logSoftmax -1 (Tensor.matmul (masks * h) w)
    let geometric = Tensor.softmax -1 (Tensor.meanOver [ 0 ] logs)
    let halved = (Block.dropoutUnscaled 0.5).Apply Inference () h
    close 1e-10 (Tensor.softmax -1 (Tensor.matmul halved w)) geometric

[<Fact>]
let ``A111: the gradient through dropout is the mask times the gradient`` () =
    let layer, x = Block.dropoutUnscaled 0.3, normal 16L [ 40 ]
    let y = layer.Apply training () x
    let mask = Tensor.cast Float64 (Tensor.notEqual y (Tensor.zerosLike y))
    close 1e-15 (mask * cos (mask * x)) (grad (fun x -> Tensor.sum (sin (layer.Apply training () x))) x)

[<Fact>]
let ``A112: dropping weights keeps the expectation, and drops some`` () =
    let layer = Block.dropConnect Float64 0.5 400 50
    let p, x = layer.Init key, Tensor.ones Float64 [ 1; 400 ]
    let apart = layer.Apply training p x - layer.Apply Inference p x |> Tensor.sum |> number
    let deviation = sqrt (number (Tensor.sum (Tensor.square p.Weights)))
    Assert.InRange(abs apart, 1e-6, 3.0 * deviation)
    // Every example of a batch sees the same weights.
    let two = layer.Apply training p (Tensor.ones Float64 [ 2; 400 ])
    close 0.0 two[0] two[1]

[<Fact>]
let ``A113: noise on inputs and weights is fresh for each key, repeats from it, and is not there in prediction``
    ()
    =
    let x, dense = Tensor.ones Float64 [ 100; 100 ], Layer.dense Float64 100 4
    let noise, weights = Block.noise 0.5, Block.weightNoise 0.5 dense
    let other, p = Training(Key.foldIn 1 key), dense.Init key
    let y = noise.Apply training () x
    Assert.InRange(number (Tensor.variance (y - x)), 0.24, 0.26)
    close 0.0 y (noise.Apply training () x)
    Assert.NotEqual(y, noise.Apply other () x)
    close 0.0 x (noise.Apply Inference () x)
    close 0.0 (dense.Apply Inference p x) (weights.Apply Inference p x)
    Assert.NotEqual(weights.Apply training p x, weights.Apply other p x)

[<Fact>]
let ``A116, A164: the gradient of tied weights is the sum of both uses', and the autoencoder's is right`` () =
    let layer, x = Block.autoencoder Float64 tanh 5 3, normal 17L [ 4; 5 ]
    checks "autoencoder" layer Inference x
    let p = layer.Init key

    let untied (w, v) =
        Tensor.matmul (tanh (Tensor.matmul x w)) (Tensor.transpose v)
        |> sin
        |> Tensor.sum

    let a, b = grad untied (p.Weights, p.Weights)
    let tied = grad (fun p -> Tensor.sum (sin (layer.Apply Inference p x))) p
    close 1e-14 (a + b) tied.Weights

[<Fact>]
let ``A039: a maxout layer of two pieces is the larger of two dense layers`` () =
    let layer, x = Block.maxout Float64 2 3 4, normal 18L [ 5; 3 ]
    let p = layer.Init key
    let z = Tensor.matmul x p.Weights + p.Bias
    let piece i = Tensor.sliceAxis 1 i 8 2 z
    close 0.0 (Tensor.maximum (piece 0) (piece 1)) (layer.Apply Inference p x)

[<Fact>]
let ``embedding takes rows, and equal words share their gradient`` () =
    let layer = Block.embedding Float64 5 2
    let words, table = Tensor.vector [ 3; 1; 3 ], layer.Init key
    let rows = layer.Apply Inference table words
    close 0.0 table[3] rows[2]
    let g = grad (fun t -> Tensor.sum (layer.Apply Inference t words)) table
    close 0.0 (Tensor.matrix [ [ 0.0; 0.0 ]; [ 1.0; 1.0 ]; [ 0.0; 0.0 ]; [ 2.0; 2.0 ]; [ 0.0; 0.0 ] ]) g

[<Fact>]
let ``A161: a residual branch that is 0 gives the identity with Jacobian I, and gradients as large through a hundred``
    ()
    =
    let block = Block.residual (Layer.dense Float64 3 3 |> Layer.map tanh)
    let zero = Tree.map Tensor.zerosLike (block.Init key)
    let x = normal 19L [ 1; 3 ]
    close 0.0 x (block.Apply Inference zero x)
    let f x = Tensor.reshape [ 3 ] (block.Apply Inference zero (Tensor.reshape [ 1; 3 ] x))
    close 0.0 (Tensor.eye Float64 3) (jacobian f (Tensor.reshape [ 3 ] x))
    let deep = Layer.sequence (List.replicate 100 block)
    let small = deep.Init key |> Tree.map (fun t -> t * 1e-3)
    let g = grad (fun x -> Tensor.sum (deep.Apply Inference small x)) x
    Assert.InRange(number (Tensor.norm g), 0.8 * sqrt 3.0, 1.25 * sqrt 3.0)

[<Fact>]
let ``A160: branches lie side by side, and the gradient is the sum of theirs`` () =
    let layers = [ for n in [ 2; 3; 4 ] -> Layer.dense Float64 3 n |> Layer.map tanh ]
    let all, x = Block.sideBySide 1 layers, normal 20L [ 5; 3 ]
    let p = all.Init key
    Assert.Equal(9, (all.Apply Inference p x).Shape[1])
    let one i = grad (fun x -> Tensor.sum (layers[i].Apply Inference p[i] x)) x
    close 1e-14 (one 0 + one 1 + one 2) (grad (fun x -> Tensor.sum (all.Apply Inference p x)) x)

[<Fact>]
let ``A163: a recurrent layer is its cell step by step, with the gradient of tied weights`` () =
    let cell, x = Recurrent.elman Float64 2 3, normal 21L [ 4; 6; 2 ]
    let p = cell.Init key

    let steps p =
        (cell.Start p 4, [ 0..5 ])
        ||> List.scan (fun h t -> cell.Step p h x[*, t])
        |> List.tail

    let last, seen = Recurrent.run cell p x
    close 1e-15 (Tensor.stack 1 (steps p)) seen
    close 0.0 seen[*, 5] last
    let unrolled = grad (fun p -> Tensor.sum (sin (List.last (steps p)))) p
    let scanned = grad (fun p -> Tensor.sum (sin (fst (Recurrent.run cell p x)))) p
    close 1e-14 unrolled.Recurrent scanned.Recurrent
    close 1e-14 unrolled.Input scanned.Input

[<Fact>]
let ``A163: what the first state adds to the last shrinks as the spectral radius says`` () =
    let cell = Recurrent.elman Float64 2 8
    let p = cell.Init key

    let p = { p with Recurrent = 0.5 * p.Recurrent }

    let reach steps =
        let from h = List.fold (fun h _ -> cell.Step p h (Tensor.zeros Float64 [ 1; 2 ])) h [ 1..steps ]
        let h = normal 22L [ 1; 8 ] * 1e-6
        number (Tensor.norm (snd (Forward.jvp from h (Tensor.ones Float64 [ 1; 8 ]))))

    // Half an orthogonal matrix halves every vector at each step.
    Assert.Equal(0.5 ** 10.0, reach 20 / reach 10, 8)

[<Fact>]
let ``LSTM and GRU with closed gates keep their state, and their derivatives are right`` () =
    let x = normal 23L [ 2; 3; 2 ]
    checks "lstm" (Recurrent.layer (Recurrent.lstm Float64 2 3)) Inference x
    checks "gru" (Recurrent.layer (Recurrent.gru Float64 2 3)) Inference x
    let cell = Recurrent.lstm Float64 2 3
    let p = cell.Init key
    let shut = Tensor.full Float64 [ 3 ] -1e3

    let kept =
        { p with
            Bias = Tensor.concat 0 [ shut; -shut; shut; shut ] }

    let s =
        { Hidden = normal 24L [ 2; 3 ]
          Memory = normal 25L [ 2; 3 ] }

    close 0.0 s.Memory (cell.Step kept s x[*, 0]).Memory
    let gru = Recurrent.gru Float64 2 3
    let q = gru.Init key

    let keeping =
        { q with
            Gates =
                { q.Gates with
                    Bias = Tensor.concat 0 [ shut; -shut; shut ] } }

    close 0.0 s.Hidden (gru.Step keeping s.Hidden x[*, 0])

[<Fact>]
let ``the backward half of a bidirectional layer is the forward one of the reversed sequence`` () =
    let cell, x = Recurrent.gru Float64 2 3, normal 26L [ 2; 5; 2 ]
    let layer = Recurrent.bidirectional cell cell
    let p, q = layer.Init key
    let y = layer.Apply Inference (p, q) x
    close 1e-15 (snd (Recurrent.run cell p x)) y[*, *, 0..2]
    close 1e-15 (snd (Recurrent.run cell q (Tensor.flip [ 1 ] x)) |> Tensor.flip [ 1 ]) y[*, *, 3..5]

[<Fact>]
let ``attention is its formula, permutes with its sequence, and sees nothing later when causal`` () =
    let layer, x = Attention.multiHead Float64 6 2 false, normal 27L [ 2; 4; 6 ]
    let p = layer.Init key
    let dense (d: Dense) (x: Tensor) = Tensor.matmul x d.Weights + d.Bias

    let head h =
        let part d = dense d x[1] |> Tensor.sliceAxis 1 (3 * h) (3 * h + 3) 1
        let scores = Tensor.matmul (part p.Query) (Tensor.transpose (part p.Key)) / sqrt 3.0
        Tensor.matmul (Tensor.softmax -1 scores) (part p.Value)

    let y = layer.Apply Inference p x
    close 1e-14 (dense p.Output (Tensor.concat 1 [ head 0; head 1 ])) y[1]
    close 1e-14 (Tensor.flip [ 1 ] y) (layer.Apply Inference p (Tensor.flip [ 1 ] x))
    let causal = Attention.multiHead Float64 6 2 true
    let z = causal.Apply Inference p x
    let before = layer.Apply Inference p x[*, 0..2]
    close 1e-14 before[*, 2] z[*, 2]
    let later = grad (fun x -> Tensor.sum (sin (causal.Apply Inference p x |> Tensor.sliceAxis 1 0 2 1))) x
    close 0.0 (Tensor.zeros Float64 [ 2; 2; 6 ]) later[*, 2..3]

[<Fact>]
let ``a transformer's block has right derivatives, causal or not, and keeps shapes`` () =
    let x = normal 28L [ 2; 3; 4 ]
    checks "transformer" (Attention.transformer Float64 4 2 8 false 0.0) Inference x
    checks "causal" (Attention.transformer Float64 4 2 8 true 0.1) training x
    Assert.Equal<int seq>([ 7; 4 ], (Attention.positions Float64 7 4).Shape)

[<Fact>]
let ``networks find parameters by name, refuse two of one name, and say what is missing`` () =
    let net =
        Network.chain
            [ Network.layer "first" (Layer.dense Float64 3 4)
              Network.stateful "norm" (Stateful.batchNorm Float64 4 0.1 1e-5)
              Network.layer "last" (Layer.dense Float64 4 2) ]

    let p, s = net.Init key

    Assert.Equal<string seq>(
        [ "first.Bias"
          "first.Weights"
          "last.Bias"
          "last.Weights"
          "norm.Gain"
          "norm.Shift" ],
        p.Keys
    )

    Assert.Equal<string seq>([ "norm.Mean"; "norm.Variance" ], s.Keys)
    let x = normal 29L [ 5; 3 ]
    let report = Gradients.check (fun p -> Tensor.sum (sin (fst (net.Apply training p s x)))) p
    Assert.True(report.IsPassed, string report)

    let missing =
        Assert.Throws<System.ArgumentException>(fun () ->
            net.Apply Inference (Map.remove "last.Bias" p) s x |> ignore)

    Assert.Contains("last.Bias", missing.Message)

    let twice =
        Network.chain
            [ Network.layer "a" (Layer.dense Float64 1 1)
              Network.layer "a" (Layer.dense Float64 1 1) ]

    Assert.Throws<System.ArgumentException>(fun () -> twice.Init key |> ignore)

[<Fact>]
let ``A159, A160, A162: models have the parameter counts they state, and a thousand results`` () =
    let published =
        [ Models.leNet5, 61_706L, 10
          Models.alexNet, 61_100_840L, 1000
          Models.vgg16, 138_357_544L, 1000
          Models.googLeNet, 6_998_552L, 1000
          Models.googLeNetNormed, 6_624_904L, 1000
          Models.resNet18, 11_689_512L, 1000
          Models.resNet34, 21_797_672L, 1000
          Models.resNet50, 25_557_032L, 1000 ]

    for model, parameters, classes in published do
        let model = model Float32
        Assert.Equal((model.Title, parameters), (model.Title, Network.parameters model))
        let rows = Network.summarize model
        Assert.Equal(parameters, rows |> List.sumBy _.Parameters)
        Assert.Equal<int list>([ classes ], (List.last rows).Result)

[<Fact>]
let ``A160: with both auxiliary classifiers GoogLeNet has 13,004,888 parameters, and they take any size`` () =
    let count (network: Network) = network.Init key |> fst |> Tree.count
    let heads = [ Models.auxiliary Float32 "aux1" 512; Models.auxiliary Float32 "aux2" 528 ]
    Assert.Equal(13_004_888L, Network.parameters (Models.googLeNetNormed Float32) + List.sumBy count heads)
    let p, s = heads.Head.Init key
    let y, _ = heads.Head.Apply Inference p s (Tensor.zeros Float32 [ 2; 512; 5; 7 ])
    Assert.Equal<int list>([ 2; 1000 ], Tensor.shape y)

[<Fact>]
let ``A159: AlexNet without its seventh layer has about 16 million parameters less`` () =
    let row =
        Network.summarize (Models.alexNet Float32)
        |> List.find (fun row -> row.Part = "fc7")

    Assert.Equal(4096L * 4096L + 4096L, row.Parameters)

[<Fact>]
let ``A153: operations of dense layers and convolutions are those counted by hand`` () =
    let rows = Network.summarize (Models.leNet5 Float32)
    let row name = rows |> List.find (fun row -> row.Part = name)
    Assert.Equal(2L * 84L * 10L + 10L, (row "output").Flops)
    // 28 x 28 places, 6 maps, 25 products and sums, then a bias and tanh.
    Assert.Equal(28L * 28L * 6L * (2L * 25L + 2L), (row "C1").Flops)
    Assert.Equal<int list>([ 6; 28; 28 ], (row "C1").Result)
    Assert.Contains("61,706", Network.table (Models.leNet5 Float32))

[<Fact>]
let ``LeNet-5 computes what its summary says, and every parameter gets a gradient`` () =
    let model = Models.leNet5 Float64
    let net = Network.ofModel model
    let p, s = net.Init key
    let x = normal 30L [ 2; 1; 32; 32 ]
    let loss p = Losses.crossEntropy (fst (net.Apply Inference p s x)) (Tensor.vector [ 3; 7 ])
    let value, g = valueAndGrad loss p
    Assert.InRange(number value, 1.0, 5.0)

    for KeyValue(name, t) in g do
        Assert.True(number (Tensor.norm t) > 0.0, name)
