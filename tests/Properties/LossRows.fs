/// Objectives, losses and projections, each by what defines it.
module Properties.LossRows

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private s (x: float) = Tensor.scalar x
let private v (xs: float list) = Tensor.vector xs
let private floats (t: Tensor) = Tensor.toArray<float> t
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private descend rate steps (f: 'P -> Tensor) (p: 'P) =
    let step = jit (fun p -> Tree.map2 (fun p g -> p - rate * g) p (grad f p))
    Seq.fold (fun p _ -> step p) p (seq { 1..steps })

// Objectives

[<Fact>]
let ``A020: the gradient of a loss and a penalty is the sum of theirs`` () =
    let x, t, w = normal 1L [ 6; 3 ], normal 2L [ 6 ], normal 3L [ 3 ]
    let loss w = Losses.meanSquared (Tensor.matmul x w) t
    let penalty w = 0.3 * Tensor.sum (Tensor.square w)
    close 1e-15 (grad loss w + grad penalty w) (grad (fun w -> loss w + penalty w) w)

[<Fact>]
let ``A021: what squares are least for solves the normal equations`` () =
    let x, t = normal 4L [ 20; 3 ], normal 5L [ 20 ]
    let w = descend 0.4 400 (fun w -> Losses.meanSquared (Tensor.matmul x w) t) (Tensor.zeros Float64 [ 3 ])
    let gram = Tensor.matmul (Tensor.transpose x) x
    close 1e-10 (Linalg.solve gram (Tensor.matmul t x)) w

[<Fact>]
let ``A022: a constant trained by absolute errors goes to the median, and at no error its slope is 0`` () =
    let t = v [ 3.0; -1.0; 10.0; 2.0; 2.5 ]
    let loss c = Losses.meanAbsolute (c + Tensor.zerosLike t) t
    let rate step = 0.5 / (1.0 + 0.05 * float step)

    let c = Seq.fold (fun c step -> Tensor.eval (c - rate step * grad loss c)) (s 0.0) (seq { 0..2000 })

    Assert.Equal(2.5, number c, 0.01)
    Assert.Equal(0.0, number (grad (fun y -> Losses.meanAbsolute y (s 1.0)) (s 1.0)))

[<Fact>]
let ``A028, A029: logits of a thousand, and rows of any height, give finite losses and gradients`` () =
    let y, classes = Tensor.matrix [ [ 1000.0; 0.0; -1000.0 ] ], Tensor.vector [ 1 ]
    Assert.Equal(1000.0, number (Losses.crossEntropy y classes))
    close 0.0 (Tensor.matrix [ [ 1.0; -1.0; 0.0 ] ]) (grad (fun y -> Losses.crossEntropy y classes) y)
    let batch = Tensor.matrix [ [ 0.0; 0.0 ]; [ 1000.0; 1000.0 ] ]
    Assert.Equal(Math.Log 2.0, number (Losses.crossEntropy batch (Tensor.vector [ 0; 1 ])), 12)

    Check.property (fun (seed: int64) ->
        let y = normal seed [ 4; 3 ]
        // Whole numbers, so that the sums are exact to the last bit but one of the shift.
        let shift = Tensor.cast Float64 (Random.integers -10000 10000 (Key.ofSeed (seed + 1L)) [ 4; 1 ])
        close 1e-11 (Tensor.softmax -1 y) (Tensor.softmax -1 (y + shift)))

[<Fact>]
let ``A030: the identity and the sigmoid on one linear layer both have right gradients`` () =
    let x, t = normal 6L [ 5; 3 ], Tensor.cast Float64 (Random.bernoulli 0.5 (Key.ofSeed 7L) [ 5; 2 ])
    let layer = Layer.dense Float64 3 2

    for head in [ id; Tensor.sigmoid ] do
        let loss p = Losses.meanSquared (head (layer.Apply Inference p x)) t
        let report = Gradients.check loss (layer.Init(Key.ofSeed 8L))
        Assert.True(report.IsPassed, string report)

let private corners = Tensor.matrix [ [ -1.0; -1.0 ]; [ -1.0; 1.0 ]; [ 1.0; -1.0 ]; [ 1.0; 1.0 ] ]
let private exclusive = v [ -1.0; 1.0; 1.0; -1.0 ]

[<Fact>]
let ``A031: exclusive or is linear in x1 x2, and not in x1 and x2`` () =
    let product = corners[*, 0] * corners[*, 1]
    let features = Tensor.stack 1 [ Tensor.onesLike product; product ]
    let plain = Tensor.concat 1 [ Tensor.ones Float64 [ 4; 1 ]; corners ]
    let error x = number (Losses.meanSquared (Tensor.matmul x (Linalg.leastSquares x exclusive)) exclusive)
    Assert.Equal(0.0, error features, 15)
    Assert.Equal(1.0, error plain, 15)

[<Fact>]
let ``A032: a perceptron makes at most (R / gamma)^2 mistakes on what a plane separates`` () =
    Check.forSome 20 (FsCheck.FSharp.ArbMap.arbitrary<int> FsCheck.FSharp.ArbMap.defaults) (fun seed ->
        let x = floats (normal (int64 seed) [ 40; 3 ]) |> Array.chunkBySize 3
        let truth = floats (normal (int64 seed + 1L) [ 3 ])
        let dot (a: float[]) (b: float[]) = Array.fold2 (fun sum a b -> sum + a * b) 0.0 a b
        let length a = sqrt (dot a a)
        // Points too near the plane are left out, so that there is a margin.
        let margin x = abs (dot truth x) / length truth
        let x = x |> Array.filter (fun x -> margin x > 0.2)
        let sides = x |> Array.map (fun x -> float (sign (dot truth x)))
        let bound = (x |> Array.map length |> Array.max |> (fun r -> r * r)) / 0.04

        let rec learn (w: Tensor) mistakes =
            let wrong =
                Array.zip x sides
                |> Array.tryFind (fun (x, side) -> side * dot (floats w) x <= 0.0)

            match wrong with
            | None -> mistakes
            | Some(x, side) when mistakes <= 2000 ->
                // Away from the corner at 0, descent by the loss adds the input with its sign.
                let nudged =
                    if Seq.forall ((=) 0.0) (floats w) then
                        side * 1e-9 * v (List.ofArray x) * -1.0
                    else
                        w

                let slope =
                    grad (fun w -> Losses.perceptron (Tensor.dot w (v (List.ofArray x))) (s side)) nudged

                learn (Tensor.eval (w - slope)) (mistakes + 1)
            | Some _ -> mistakes

        float (learn (Tensor.zeros Float64 [ 3 ]) 0) <= bound)

[<Fact>]
let ``A033: the delta rule is a step down half the square, exactly`` () =
    let w, x, t = normal 9L [ 3 ], normal 10L [ 3 ], s 0.7
    let step = w - 0.1 * grad (fun w -> Losses.halfSquared (Tensor.dot w x) t) w
    close 0.0 (w - 0.1 * ((Tensor.dot w x - t) * x)) step

[<Fact>]
let ``A036: softmax sums to 1 and rises with its input`` () =
    let x = Ordering.sort -1 (normal 11L [ 5; 7 ])
    let p = Tensor.softmax -1 x
    close 1e-15 (Tensor.ones Float64 [ 5 ]) (Tensor.sumOver [ -1 ] p)
    Assert.True(number (Tensor.min (p[*, 1..] - p[*, ..5])) > 0.0)

[<Fact>]
let ``A038: relu's slope at 0 is 0, in both modes and of every order`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.relu x)
    let x = v [ -1.0; 0.0; 2.0 ]
    Assert.Equal<float[]>([| 0.0; 0.0; 1.0 |], floats (Reverse.gradient f x))
    Assert.Equal<float[]>([| 0.0; 0.0; 1.0 |], floats (Forward.gradient f x))
    close 0.0 (Tensor.zeros Float64 [ 3; 3 ]) (hessian f x)

// Sparsemax and others

[<Fact>]
let ``sparsemax is the nearest distribution: softmax's kin, with zeros`` () =
    close 1e-15 (v [ 0.75; 0.25; 0.0 ]) (Activations.sparsemax (v [ 1.0; 0.5; -1.0 ]))

    Check.property (fun (seed: int64) ->
        let z = normal seed [ 6; 5 ] * 2.0
        let p = Projections.simplex z
        let other = Tensor.softmax -1 (normal (seed + 1L) [ 6; 5 ])
        // No distribution is nearer: the angle with any other is not acute.
        let inner = Tensor.sumOver [ -1 ] ((z - p) * (other - p))

        abs (number (Tensor.max (abs (Tensor.sumOver [ -1 ] p - 1.0)))) < 1e-12
        && number (Tensor.min p) >= 0.0
        && number (Tensor.max inner) < 1e-12)

[<Fact>]
let ``sparsemax's loss has the gradient p less one-hot, and is 0 for a class that leads by 1`` () =
    let z, classes = normal 12L [ 4; 5 ], Tensor.vector [ 0; 3; 2; 4 ]
    let expected = (Activations.sparsemax z - Tensor.oneHot Float64 5 classes) / 4.0
    close 1e-15 expected (grad (fun z -> Losses.sparsemax z classes) z)
    let sure = Tensor.matrix [ [ 0.0; 1.2; -3.0 ] ]
    Assert.Equal(0.0, number (Losses.sparsemax sure (Tensor.vector [ 1 ])), 15)
    let report = Gradients.check (fun z -> Losses.sparsemax z classes) z
    Assert.True(report.IsPassed, string report)

[<Fact>]
let ``Fenchel and Young's loss is cross-entropy with logSumExp and the perceptron with max`` () =
    let z, classes = normal 13L [ 4; 5 ], Tensor.vector [ 0; 3; 2; 4 ]
    let target = Tensor.oneHot Float64 5 classes

    close 1e-15 (Losses.crossEntropy z classes) (Losses.fenchelYoung (Tensor.logSumExpOver [ -1 ]) z target)

    close 1e-15 (Losses.multiclassPerceptron z classes) (Losses.fenchelYoung (Tensor.maxOver [ -1 ]) z target)

[<Fact>]
let ``the generalized divergence is 0 from anything to itself, and never below`` () =
    Check.property (fun (seed: int64) ->
        let p, t = exp (normal seed [ 3; 4 ]), exp (normal (seed + 1L) [ 3; 4 ])

        abs (number (Losses.generalizedKullbackLeibler (log t) t)) < 1e-14
        && number (Losses.generalizedKullbackLeibler (log p) t) >= 0.0)

[<Fact>]
let ``NT-Xent of two pairs is their formula, and its derivatives are right`` () =
    let x, labels = normal 14L [ 4; 3 ], Tensor.vector [ 0; 0; 1; 1 ]
    let rows = floats x |> Array.chunkBySize 3

    let similarity i j =
        let dot (a: float[]) (b: float[]) = Array.fold2 (fun sum a b -> sum + a * b) 0.0 a b
        dot rows[i] rows[j] / sqrt (dot rows[i] rows[i] * dot rows[j] rows[j]) / 0.5

    let one i j others =
        let e a b = exp (similarity a b)
        -log(e i j / (e i j + List.sumBy (e i) others))

    let expected =
        [ one 0 1 [ 2; 3 ]; one 1 0 [ 2; 3 ]; one 2 3 [ 0; 1 ]; one 3 2 [ 0; 1 ] ]
        |> List.average

    Assert.Equal(expected, number (Losses.ntXent 0.5 x labels), 14)
    let report = Gradients.check (fun x -> Losses.ntXent 0.5 x labels) x
    Assert.True(report.IsPassed, string report)

// Projections

let private sets: (string * (Tensor -> Tensor) * (Tensor -> bool)) list =
    let near a b = abs (a - b) < 1e-12
    let all (t: Tensor) p = floats t |> Array.forall p
    let normal' = v [ 1.0; -2.0; 0.5 ]
    let along x = Tensor.sumOver [ -1 ] (normal' * x)
    let length x = sqrt (Tensor.sumOver [ -1 ] (Tensor.square x))
    let sum x = Tensor.sumOver [ -1 ] x

    [ "nonNegative", Projections.nonNegative, fun x -> all x (fun x -> x >= 0.0)
      "box", Projections.box -0.5 0.3, fun x -> all x (fun x -> x >= -0.5 && x <= 0.3)
      "hyperplane", Projections.hyperplane normal' 0.7, fun x -> all (along x) (near 0.7)
      "halfspace", Projections.halfspace normal' 0.7, fun x -> all (along x) (fun a -> a <= 0.7 + 1e-12)
      "simplex", Projections.simplex, fun x -> all (sum x) (near 1.0) && all x (fun x -> x >= 0.0)
      "l1Ball", Projections.l1Ball 0.8, fun x -> all (sum (abs x)) (fun a -> a <= 0.8 + 1e-12)
      "l1Sphere", Projections.l1Sphere 0.8, fun x -> all (sum (abs x)) (near 0.8)
      "l2Ball", Projections.l2Ball 0.8, fun x -> all (length x) (fun a -> a <= 0.8 + 1e-12)
      "l2Sphere", Projections.l2Sphere 0.8, fun x -> all (length x) (near 0.8)
      "lInfinityBall", Projections.lInfinityBall 0.8, fun x -> all (abs x) (fun a -> a <= 0.8) ]

[<Fact>]
let ``a projection lies in its set, stays there, and no point of the set is nearer`` () =
    for name, project, isIn in sets do
        Check.forSome 30 (FsCheck.FSharp.ArbMap.arbitrary<int> FsCheck.FSharp.ArbMap.defaults) (fun seed ->
            let x = normal (int64 seed) [ 4; 3 ]
            let p = project x
            let other = project (normal (int64 seed + 1L) [ 4; 3 ])
            let apart a b = Tensor.sumOver [ -1 ] (Tensor.square (a - b))
            Assert.True(isIn p, $"{name}: {p} of {x}")
            close 1e-12 p (project p)
            number (Tensor.min (apart x other - apart x p)) >= -1e-12)

// Sequences

// -log of the sum, over all paths of frames, of those that become the labels.
let private byPaths (logP: float[][]) (labels: int list) =
    let classes = logP[0].Length

    let rec paths t =
        if t = 0 then
            [ [], 0.0 ]
        else
            [ for path, sum in paths (t - 1) do
                  for c in 0 .. classes - 1 -> path @ [ c ], sum + logP[t - 1][c] ]

    // From the last frame to the first: a class counts where the frame after it has another.
    let read (path: int list) =
        List.foldBack
            (fun c (after, found) -> c, (if c = after || c = 0 then found else c :: found))
            path
            (-1, [])
        |> snd

    paths logP.Length
    |> List.filter (fun (path, _) -> read path = labels)
    |> List.sumBy (snd >> exp)
    |> log
    |> (~-)

[<Fact>]
let ``the loss of a sequence without alignment is that of all its paths together`` () =
    let logits = normal 15L [ 1; 4; 3 ]
    let logP = floats (Tensor.logSoftmax -1 logits) |> Array.chunkBySize 3

    let one (labels: int list) frames =
        let padded =
            Tensor.ofArray
                [ 1; 3 ]
                (Array.append (Array.ofList labels) (Array.zeroCreate (3 - labels.Length)))

        SequenceLosses.ctc 0 logits (Tensor.vector [ frames ]) padded (Tensor.vector [ labels.Length ])

    for labels in [ []; [ 1 ]; [ 2; 1 ]; [ 1; 1 ]; [ 1; 2; 1 ] ] do
        for frames in [ 3; 4 ] do
            Assert.Equal(byPaths logP[.. frames - 1] labels, number (one labels frames), 12)

    let labels = Tensor.matrix [ [ 1; 1 ]; [ 2; 1 ] ]
    let loss z = SequenceLosses.ctc 0 z (Tensor.vector [ 5; 4 ]) labels (Tensor.vector [ 2; 1 ])
    let report = Gradients.check loss (normal 16L [ 2; 5; 3 ])
    Assert.True(report.IsPassed, string report)

[<Fact>]
let ``the probabilities of all label sequences sum to 1`` () =
    let logits = normal 17L [ 1; 3; 3 ]

    let all =
        [ for n in 0..3 do
              for code in 0 .. pown 2 n - 1 -> List.init n (fun i -> 1 + (code >>> i &&& 1)) ]

    let probability (labels: int list) =
        let padded =
            Tensor.ofArray
                [ 1; 3 ]
                (Array.append (Array.ofList labels) (Array.zeroCreate (3 - labels.Length)))

        SequenceLosses.ctc 0 logits (Tensor.vector [ 3 ]) padded (Tensor.vector [ labels.Length ])
        |> number
        |> fun loss -> exp -loss

    Assert.Equal(1.0, List.sumBy probability all, 12)
