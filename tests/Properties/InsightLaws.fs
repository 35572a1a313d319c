/// What is seen of networks in training, and searches for settings.
module Properties.InsightLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private key = Key.ofSeed 71L
let private s (x: float) = Tensor.scalar x
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private net = Layer.perceptron Float64 tanh 0.0 [ 3; 4; 2 ]
let private x, private classes = normal 1L [ 8; 3 ], Tensor.vector [ 0; 1; 1; 0; 1; 0; 0; 1 ]
let private loss p = Losses.crossEntropy (net.Apply Inference p x) classes

[<Fact>]
let ``A124: the ratio of size says how far a network is over a tenth of outputs times examples`` () =
    Assert.Equal(2.0, Doctor.sizeRatio 2000L 10 1000, 12)

    Assert.Throws<ArgumentException>(fun () -> Doctor.sizeRatio 1L 0 1 |> ignore)
    |> ignore

[<Fact>]
let ``A125: the components kept have the share of the variance asked for, and one fewer has not`` () =
    let x = normal 2L [ 200; 6 ] * Tensor.vector [ 3.0; 2.0; 1.0; 0.5; 0.2; 0.1 ]
    let c = Components.ofExamples x
    let total = number (Tensor.sum (Tensor.varianceOver [ 0 ] x))

    for share in [ 0.5; 0.9; 0.99 ] do
        let few = Components.explaining share c
        let restored k = Components.restore k (Components.project k x)
        let kept k = 1.0 - number (Tensor.sum (Tensor.square (x - restored k))) / 200.0 / total
        Assert.True(kept few >= share - 1e-12)
        let count = few.Axes.Shape[0]

        if count > 1 then
            Assert.True(kept (Components.truncate (count - 1) c) < share)

    close 1e-12 x (Components.restore c (Components.project c x))
    let white = Components.whiten 0.0 c x
    close 1e-10 (Tensor.eye Float64 6) (Tensor.matmul (Tensor.transpose white) white / 200.0)

[<Fact>]
let ``A146: a model's gradients are checked in one line`` () =
    Assert.True((Gradients.check loss (net.Init key)).IsPassed)

[<Fact>]
let ``A147: norms are those of each tensor, and what is not finite is named with the operation that made it``
    ()
    =
    let p = net.Init key
    let g = grad loss p
    let norms = Monitor.norms p g (Tree.map (fun g -> -0.1 * g) g)
    Assert.Equal<string list>([ for name, _ in Tree.named p -> name ], norms |> List.map _.Name)
    let first = norms.Head
    Assert.Equal(number (Tensor.norm p[0].Weights), first.Parameter, 14)
    Assert.Equal(number (Tensor.norm g[0].Weights), first.Gradient, 14)
    Assert.Equal(0.1 * first.Gradient, first.Update, 14)
    Assert.True(norms |> List.forall _.IsFinite)

    let broken =
        p
        |> Array.mapi (fun i layer ->
            if i = 1 then
                { layer with Bias = layer.Bias / 0.0 }
            else
                layer)

    Assert.Equal<string list>([ "1.Bias" ], Monitor.nonFinite broken)
    let found = Diagnose.nonFinite (fun (p: Tensor) -> log (p - 10.0)) (s 1.0)
    Assert.Contains("log", (Option.get found).Operation)

[<Fact>]
let ``A099, A148: layers that are dead, saturated, alike or flat are told from good ones`` () =
    let good = tanh (normal 3L [ 100; 20 ])
    let of' values = Monitor.complaints (Monitor.units 0.97 values)
    Assert.Empty(of' good)
    let dead = Tensor.relu (good - Tensor.vector [ for i in 0..19 -> if i < 10 then 5.0 else 0.0 ])
    Assert.Contains("same for every example", String.Join("; ", of' dead))
    Assert.Contains("saturated", String.Join("; ", of' (tanh (5.0 * normal 4L [ 100; 20 ]))))

    Assert.Contains(
        "correlate",
        String.Join("; ", of' (normal 5L [ 100; 1 ] * Tensor.ones Float64 [ 20 ] + 0.1 * good))
    )

    Assert.Contains("hardly vary", String.Join("; ", of' (1e-3 * good)))
    let seen = Monitor.units 0.97 dead
    Assert.Equal(0.5, seen.Dead, 12)
    Assert.InRange(seen.Sparse, 0.5, 0.8)
    // Of first weights that keep variance few units saturate; of large ones most do.
    let saturated deviation =
        let through x i = tanh (Tensor.matmul x (deviation * normal (int64 i) [ 200; 200 ]))
        let values = Seq.fold through (normal 6L [ 100; 200 ]) (seq { 7..12 })
        (Monitor.units 0.97 values).Saturated

    Assert.InRange(saturated (sqrt (2.0 / 400.0)), 0.0, 0.01)
    Assert.InRange(saturated 1.0, 0.7, 1.0)

[<Fact>]
let ``the correlation of layers is that of their columns`` () =
    let x = normal 7L [ 50; 3 ]
    let c = Tensor.toArray<float>(Stats.correlation x)
    let expected = (abs c[1] + abs c[2] + abs c[5]) / 3.0
    Assert.Equal(expected, (Monitor.units 1.0 x).Correlation, 12)

[<Fact>]
let ``the noise of gradients is the sum of their variances, and its scale the batch where it is the signal``
    ()
    =
    // g = mean + noise of deviation 2 in each of 5 elements.
    let mean = Tensor.vector [ 1.0; -1.0; 0.5; 0.0; 2.0 ]
    let found = Monitor.noiseOf (mean + 2.0 * normal 8L [ 20_000; 5 ])
    let signal = 6.25
    Assert.InRange(found.Noise, 20.0 * 0.97, 20.0 * 1.03)
    Assert.InRange(found.Signal, signal * 0.95, signal * 1.05)
    Assert.Equal(found.Noise / found.Signal, found.Batch, 12)
    let same = Monitor.noiseOf (Tensor.stack 0 [ mean; mean; mean ])
    Assert.Equal((0.0, 0.0), (same.Noise, same.Batch))

[<Fact>]
let ``A149: filters lie side by side in one picture, each in its own range`` () =
    let filters = normal 9L [ 5; 6 ]
    let picture = Monitor.grid 2 3 filters
    Assert.Equal<int list>([ 6; 12 ], Tensor.shape picture)
    let f = Tensor.reshape [ 2; 3 ] filters[4]
    close 1e-12 ((f - Tensor.min f) / (Tensor.max f - Tensor.min f)) picture[3..4, 4..6]
    close 0.0 (Tensor.zeros Float64 [ 12 ]) picture[2, *]

let private history training validation =
    { Training = training
      Validation = validation
      Chance = log 10.0
      Target = 0.1 }

let private complaints h = Doctor.examine h |> List.map _.Complaint

[<Fact>]
let ``A152, A154: each kind of failure has its own name and advice, and a good run has none`` () =
    let falling rate = [ for i in 0..11 -> 2.3 * Math.Exp(-rate * float i) ]
    Assert.Equal<Complaint list>([ Divergence ], complaints (history [ 2.3; 5.0; nan ] []))
    Assert.Equal<Complaint list>([ Divergence ], complaints (history [ 2.3; 9.0; 80.0 ] []))
    Assert.Equal<Complaint list>([ Collapse ], complaints (history (List.replicate 12 2.3026) []))
    Assert.Equal<Complaint list>([ Underfitting ], complaints (history (2.2 :: List.replicate 11 1.5) []))
    Assert.Equal<Complaint list>([ TooSlow ], complaints (history (falling 0.05) []))
    let good = falling 0.5

    Assert.Equal<Complaint list>(
        [ Overfitting ],
        complaints (history good (good |> List.map (fun l -> l + 0.5)))
    )

    Assert.Empty(complaints (history good (good |> List.map (fun l -> 1.2 * l))))

    for h in [ history [ 2.3; nan ] []; history (falling 0.05) [] ] do
        let finding = (Doctor.examine h).Head
        Assert.NotEmpty finding.Advice
        Assert.NotEmpty finding.Evidence

    Assert.Contains("a gap of 0.5", Doctor.summary (history good (good |> List.map (fun l -> l + 0.5))))

[<Fact>]
let ``A152: training that fails for a reason is found out by its losses`` () =
    let chance = log 2.0
    let target = Tensor.cast Float64 (Tensor.reshape [ 8; 1 ] classes)
    let net = Layer.perceptron Float64 tanh 0.0 [ 3; 8; 1 ]
    let loss p = Losses.binaryCrossEntropy (net.Apply Inference p x) target

    let losses rate start steps =
        let step = jit (fun p -> Tree.map2 (fun p g -> p - rate * g) p (grad loss p), loss p)

        start
        |> Seq.unfold (fun p -> let next, l = step p in Some(number l, next))
        |> Seq.truncate steps
        |> Seq.indexed
        |> Seq.filter (fun (i, _) -> i % (steps / 10) = 0)
        |> Seq.map snd
        |> List.ofSeq

    let history l =
        { Training = l
          Validation = []
          Chance = chance
          Target = 0.1 }

    let start = net.Init key
    Assert.Contains(Divergence, complaints (history (losses 1e4 start 40)))
    let zeros = Tree.map Tensor.zerosLike start
    Assert.Equal<Complaint list>([ Collapse ], complaints (history (losses 1e-3 zeros 40)))
    Assert.Equal<Complaint list>([ TooSlow ], complaints (history (losses 0.2 start 200)))
    Assert.Empty(complaints (history (losses 1.0 start 2000)))

// Searches

let private branin (x: float) (y: float) =
    let b, c, t = 5.1 / (4.0 * Math.PI * Math.PI), 5.0 / Math.PI, 1.0 / (8.0 * Math.PI)
    let a = y - b * x * x + c * x - 6.0
    a * a + 10.0 * (1.0 - t) * Math.Cos x + 10.0

[<Fact>]
let ``A144: thirty looks at Branin's function, chosen by what is expected, beat thirty at random`` () =
    let space = [ Search.linear "x" -5.0 10.0; Search.linear "y" 0.0 15.0 ]
    let value (s: Map<string, float>) = branin s["x"] s["y"]

    let best step = Search.attempts step value |> Seq.take 30 |> Seq.map _.Loss |> Seq.min
    let median bests = List.sort bests |> List.item 10
    let seeds = [ 0L .. 19L ] |> List.map Key.ofSeed

    let chosen = median [ for key in seeds -> best (Search.next space key) ]

    let random =
        median [ for key in seeds -> best (fun before -> Search.random space (Key.foldIn before.Length key)) ]

    // The least value is 0.397887.
    Assert.InRange(chosen, 0.397887, 0.6)
    Assert.True(chosen < random, $"{chosen} against {random}")

[<Fact>]
let ``settings searched stay in their ranges, and a loss that is not finite ends nothing`` () =
    let space = [ Search.logarithmic "rate" 1e-5 1.0; Search.linear "drop" 0.0 0.5 ]

    let all =
        Search.attempts (Search.next space key) (fun s ->
            if s["rate"] > 0.1 then nan else abs (log10 s["rate"] + 3.0))
        |> Seq.take 25
        |> List.ofSeq

    for t in all do
        Assert.InRange(t.Settings["rate"], 1e-5, 1.0)
        Assert.InRange(t.Settings["drop"], 0.0, 0.5)

    let best = all |> List.filter (fun t -> not (Double.IsNaN t.Loss)) |> List.minBy _.Loss
    Assert.InRange(best.Loss, 0.0, 0.3)
