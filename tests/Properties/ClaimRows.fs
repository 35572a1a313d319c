/// Claims and figures of the lectures: what is claimed holds on a small case, and what is drawn is drawn by a script and shown on a page.
module Properties.ClaimRows

open System
open System.IO
open Xunit
open Ad.Functional

let private number (t: Tensor) = Tensor.toScalar t
let private median (xs: float list) = List.sort xs |> List.item (xs.Length / 2)

let private corners = Tensor.matrix [ [ -1.0; -1.0 ]; [ -1.0; 1.0 ]; [ 1.0; -1.0 ]; [ 1.0; 1.0 ] ]

let private isOne = Tensor.matrix [ [ 0.0 ]; [ 1.0 ]; [ 1.0 ]; [ 0.0 ] ]

/// The losses of a small perceptron on exclusive or, step after step.
let private losses (activation: Tensor -> Tensor) rate steps seed =
    let layer = Layer.perceptron Float64 activation 0.0 [ 2; 8; 1 ]
    let loss p = Losses.binaryCrossEntropy (layer.Apply Inference p corners) isOne
    let step = jit (fun p -> let l, g = valueAndGrad loss p in l, Tree.map2 (fun p g -> p - rate * g) p g)

    Seq.unfold (fun p -> let l, next = step p in Some(number l, next)) (layer.Init(Key.ofSeed seed))
    |> Seq.truncate steps
    |> List.ofSeq

[<Fact>]
let ``A041: centred units learn in fewer steps than the sigmoid's, the median of ten seeds`` () =
    let steps activation =
        median
            [ for seed in 1L .. 10L ->
                  match losses activation 0.5 600 seed |> List.tryFindIndex (fun l -> l < 0.1) with
                  | Some step -> float step
                  | None -> 600.0 ]

    Assert.True(2.0 * steps tanh < steps Tensor.sigmoid)

[<Fact>]
let ``A042: every activation that has a name lets a perceptron learn what lines do not separate, but those that are lines``
    ()
    =
    Assert.True(Activations.all.Length >= 20)
    // Where hard shrinking is not 0 it is the identity, and nothing tells opposite corners apart.
    let isLine name = name = "identity" || name = "hardShrink"

    for name, activation in Activations.all do
        let best = List.min [ for seed in 1L .. 3L -> List.last (losses activation 1.0 400 seed) ]

        if isLine name then
            Assert.Equal(Math.Log 2.0, best, 6)
        else
            Assert.True(best < 0.1, $"{name}: {best}")

[<Fact>]
let ``A068: learning rates are too small, good, too large or diverge, in that order`` () =
    // A curvature of 4: the best rate is 1/4, and from 1/2 on nothing converges. What a rate is shows in the way alone.
    let way rate =
        let step (w: Tensor) = w - rate * grad (fun w -> 2.0 * w * w) w

        Seq.unfold (fun w -> Some(number w, step w)) (Tensor.scalar 1.0)
        |> Seq.truncate 51
        |> List.ofSeq

    let verdict rate =
        match way rate with
        | w when abs (List.last w) > 1.0 -> "diverges"
        | w when abs (List.last w) < 1e-6 -> "good"
        | w when List.forall (fun x -> x > 0.0) w -> "too small"
        | _ -> "too large"

    let verdicts = [ for i in 0..40 -> verdict (0.001 * Math.Pow(1.17, float i)) ]
    Assert.Equal<string list>([ "too small"; "good"; "too large"; "diverges" ], List.distinct verdicts)

    Assert.Equal<string list>(
        verdicts,
        List.sortBy (fun v -> List.findIndex ((=) v) (List.distinct verdicts)) verdicts
    )

[<Fact>]
let ``A074: shifted nonlinearities make the same function with a more even curvature`` () =
    let x, t =
        Tensor.eval (Random.normal (Key.ofSeed 7L) [ 200; 3 ] + 0.5, Random.normal (Key.ofSeed 8L) [ 200; 2 ])

    let w, v =
        Tensor.eval (Random.normal (Key.ofSeed 9L) [ 3; 6 ], 0.5 * Random.normal (Key.ofSeed 10L) [ 6; 2 ])

    let z = Tensor.matmul x w
    let slope = -(Tensor.meanOver [ 0 ] (1.0 - Tensor.square (tanh z)))
    let shift = -(Tensor.meanOver [ 0 ] (tanh z + slope * z))

    let model isShifted (w: Tensor, v: Tensor, c: Tensor, d: Tensor) =
        let z = Tensor.matmul x w
        let h = if isShifted then tanh z + slope * z + shift else tanh z
        Tensor.matmul h v + Tensor.matmul x c + d

    let c, d = Tensor.zeros Float64 [ 3; 2 ], Tensor.zeros Float64 [ 2 ]
    let before = w, v, c, d
    let after = w, v, c - Tensor.matmul (w * slope) v, d - Tensor.matmul shift v
    Assert.True(number (Tensor.max (abs (model false before - model true after))) < 1e-12)

    let spread isShifted p =
        let loss p = Losses.meanSquared (model isShifted p) t

        let sizes =
            SecondOrder.hessianSpectrum 100 (Key.ofSeed 1L) loss p
            |> abs
            |> Tensor.toArray<float>
            |> Array.sort

        sizes[sizes.Length - 1] / sizes[sizes.Length / 2]

    Assert.True(spread true after < 0.8 * spread false before)

[<Fact>]
let ``A078: every optimizer that has a name goes down a long valley, by the same way each time`` () =
    let valley (p: Tensor) = 0.5 * (Tensor.square p[0] + 100.0 * Tensor.square p[1])

    let way name rate =
        let o: Optimizer<Tensor, obj> =
            Recipes.optimizer
                name
                { Rate = Schedules.constant rate
                  WeightDecay = 0.0
                  FirstDecay = Nullable()
                  SecondDecay = Nullable()
                  Epsilon = Nullable() }

        let step = jit (fun (p, s: obj) -> Optimizer.step o (grad valley p) s p)
        let start = Tensor.vector [ -2.0; 0.25 ]

        (start, o.Init start)
        |> Seq.unfold (fun (p, s) -> Some(p, step (p, s)))
        |> Seq.truncate 41
        |> Seq.map Tensor.toArray<float>
        |> List.ofSeq

    let height (p: float[]) = 0.5 * (p[0] * p[0] + 100.0 * p[1] * p[1])

    for name in Recipes.optimizerNames do
        let ways = [ for rate in [ 1.0; 0.1; 0.01; 0.003 ] -> way name rate ]

        let best =
            ways
            |> List.map (List.last >> height)
            |> List.filter Double.IsFinite
            |> List.min

        Assert.True(best < height [| -2.0; 0.25 |], $"{name} ends at {best}")
        Assert.Equal<float[] list>(List.last ways, way name 0.003)

[<Fact>]
let ``A156: Adam's steps are at most its rate where gradients are alike`` () =
    let o: Optimizer<Tensor, _> = Optimizer.adam 0.1
    let f (p: Tensor) = Tensor.sum (Tensor.square p) * 0.5

    let points =
        (Tensor.vector [ 3.0; -7.0 ], o.Init(Tensor.vector [ 3.0; -7.0 ]))
        |> Seq.unfold (fun (p, s) -> Some(p, Optimizer.step o (grad f p) s p))
        |> Seq.truncate 100
        |> Seq.pairwise
        |> Seq.map (fun (a, b) -> number (Tensor.max (abs (b - a))))

    Assert.True(Seq.max points <= 0.1 + 1e-12)

let rec private root (folder: string) =
    if File.Exists(Path.Combine(folder, "Functional.sln")) then
        folder
    else
        match Directory.GetParent folder with
        | null -> failwith "The tests run within the repository."
        | parent -> root parent.FullName

/// Figures, and the script that draws each.
let figures =
    TheoryData<string, string, string>(
        [ struct ("A049, A078", "everyValley.svg", "everyOptimizer.fsx")
          struct ("A079", "everySaddle.svg", "everyOptimizer.fsx")
          struct ("A068", "rates.svg", "descent.fsx")
          struct ("A104", "penalties.svg", "penalties.fsx")
          struct ("A128", "noise.svg", "claims.fsx")
          struct ("A148", "variance.svg", "features.fsx")
          struct ("A148", "stuck.svg", "features.fsx")
          struct ("A148", "alike.svg", "features.fsx")
          struct ("A149", "filters.svg", "digits.fsx")
          struct ("A150, A155", "curves.svg", "digits.fsx") ]
    )

[<Theory; MemberData(nameof figures)>]
let ``a figure of the lectures is drawn by a script, lies in the repository and is shown or named on a page``
    (row: string, file: string, script: string)
    =
    let folder = root AppContext.BaseDirectory

    let pages =
        Directory.GetFiles(Path.Combine(folder, "docs"), "*.md", SearchOption.AllDirectories)
        |> Array.map File.ReadAllText

    let text = File.ReadAllText(Path.Combine(folder, "scripts", script))
    Assert.True(text.Contains $"\"{file}\"", $"{row}: {script} does not draw {file}")
    let picture = File.ReadAllText(Path.Combine(folder, "docs", "pictures", file))
    Assert.True(picture.StartsWith "<svg" && picture.Contains "<title>", $"{row}: {file}")

    Assert.True(pages |> Array.exists (fun page -> page.Contains script), $"{row}: no page names {script}")

[<Fact>]
let ``A101: batch normalization allows larger learning rates, the median of five`` () =
    let x = Random.normal (Key.ofSeed 21L) [ 80; 2 ] |> Tensor.eval

    let classes =
        Tensor.greater (x[*, 0] * x[*, 1]) (Tensor.zeros Float64 [ 80 ])
        |> Tensor.cast Int32
        |> Tensor.eval

    let layers = 8

    let apply isNormed (p: Tensor[]) =
        let hidden (h: Tensor) (w: Tensor) =
            let z = Tensor.matmul h w

            let mean, variance =
                Tensor.meanKeep [ 0 ] z, Tensor.meanKeep [ 0 ] (Tensor.square (z - Tensor.meanKeep [ 0 ] z))

            Tensor.relu (
                if isNormed then
                    (z - mean) * Tensor.rsqrt (variance + 1e-5)
                else
                    z
            )

        Tensor.matmul (Seq.fold hidden x p[.. layers - 1]) p[layers]

    let largest isNormed seed =
        let size i = (if i = 0 then 2 else 16), (if i = layers then 2 else 16)

        let first =
            [| for i, key in Array.indexed (Key.split (layers + 1) (Key.ofSeed seed)) ->
                   let a, b = size i
                   sqrt (2.0 / float a) * Random.normal key [ a; b ] |]

        let loss p = Losses.crossEntropy (apply isNormed p) classes
        let step = jit (fun (rate: Tensor, p) -> Tree.map2 (fun p g -> p - rate * g) p (grad loss p))

        // Where all units are dead, or only bounce, the loss is that of a guess, log 2: a rate is good when less than half of it is left.
        let isGood rate =
            let last = Seq.fold (fun p _ -> step (Tensor.scalar rate, p)) first (seq { 1..150 })
            number (loss last) < 0.5 * Math.Log 2.0

        let good = [ for i in -7 .. 7 -> 2.0 ** float i ] |> List.filter isGood
        if List.isEmpty good then 0.0 else List.max good

    let of' isNormed = median [ for seed in 1L .. 5L -> largest isNormed seed ]
    let plain, normed = of' false, of' true
    Assert.True(plain > 0.0 && normed >= 5.0 * plain, $"{plain} without, {normed} with")

/// The digits that come with the host, as pictures of 8 x 8 from 0 to 1, with their classes.
let private digits () =
    use file =
        File.OpenRead(Path.Combine(root AppContext.BaseDirectory, "src", "Ad.Host", "Data", "digits.csv.gz"))

    use unpacked = new IO.Compression.GZipStream(file, IO.Compression.CompressionMode.Decompress)
    use reader = new StreamReader(unpacked)

    let rows =
        reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map _.Split(',')
        |> Array.filter (fun row -> row.Length = 65)

    let pixels =
        rows
        |> Array.collect (fun row -> row[..63] |> Array.map (fun p -> float p / 16.0))

    Tensor.ofArray [ rows.Length; 8; 8 ] pixels, Tensor.vector (rows |> Array.map (fun row -> int row[64]))

[<Fact>]
let ``A135: turned digits are told better by who has seen turned ones`` () =
    let images, classes = digits ()
    let count = 600
    let part (t: Tensor) first = Tensor.sliceAxis 0 first (first + count) 1 t |> Tensor.eval
    let seen, held = (part images 0, part classes 0), (part images count, part classes count)

    let turned (key: Key) (x: Tensor) =
        let one (key, x) = Augmentation.rotate (Random.uniform key [] - 0.5) (Tensor.expandDims 0 x)
        let keys = { Words = Key.split count key |> Array.map _.Words |> Tensor.stack 0 }
        vmap one (keys, x) |> Tensor.reshape [ count; 64 ]

    let flat = Tensor.reshape [ count; 64 ]
    let layer = Layer.perceptron Float64 Tensor.relu 0.0 [ 64; 48; 10 ]
    let optimizer = Optimizer.adam 0.01

    let trained (change: Key -> Tensor -> Tensor) =
        let step =
            jit (fun (p, s, x) ->
                let g = grad (fun p -> Losses.crossEntropy (layer.Apply Inference p x) (snd seen)) p
                Optimizer.step optimizer g s p)

        let change = jit (fun (key, x) -> change key x)
        let first = layer.Init(Key.ofSeed 4L)

        seq { 1..120 }
        |> Seq.fold
            (fun (p, s) i -> step (p, s, change (Key.foldIn i (Key.ofSeed 6L), fst seen)))
            (first, optimizer.Init first)
        |> fst

    let turnedX = turned (Key.ofSeed 5L) (fst held)

    let right p =
        number (Losses.correct (layer.Apply Inference p turnedX) (snd held))
        / float count

    let plain, augmented = right (trained (fun _ x -> flat x)), right (trained turned)
    Assert.True(augmented > plain + 0.02, $"{plain} without, {augmented} with")
