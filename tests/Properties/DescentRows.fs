/// Gradient descent and what is around it, each by what defines it.
module Properties.DescentRows

open System
open Xunit
open Ad.Functional

let private key = Key.ofSeed 51L
let private s (x: float) = Tensor.scalar x
let private v (xs: float list) = Tensor.vector xs
let private floats (t: Tensor) = Tensor.toArray<float> t
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

/// All points of an optimizer's way over a function, the first among them.
let private path (optimizer: Optimizer<Tensor, 'S>) (f: Tensor -> Tensor) (start: Tensor) steps =
    let step = jit (fun (p, s) -> Optimizer.step optimizer (grad f p) s p)

    (start, optimizer.Init start)
    |> Seq.unfold (fun (p, s) -> Some(p, step (p, s)))
    |> Seq.truncate (steps + 1)
    |> Array.ofSeq

let private scales = v [ 1.0; 4.0; 10.0 ]
let private bowl (p: Tensor) = 0.5 * Tensor.sum (scales * Tensor.square p)

[<Fact>]
let ``A043: below twice the inverse of the largest curvature every step goes down`` () =
    for rate in [ 0.01; 0.1; 0.19 ] do
        let values =
            path (Optimizer.sgd rate) bowl (v [ 3.0; -2.0; 1.0 ]) 100
            |> Array.map (bowl >> number)

        Assert.All(Array.pairwise values, fun (a, b) -> Assert.True(b < a))

let private x, private t = normal 1L [ 12; 3 ], normal 2L [ 12 ]

let private lossOf (rows: int[]) w =
    let rows = Tensor.vector rows
    Losses.meanSquared (Tensor.matmul (Tensor.take 0 rows x) w) (Tensor.take 0 rows t)

[<Fact>]
let ``A044, A045: an epoch sees every example once, and its updates from one point average to the batch's``
    ()
    =
    let w = normal 3L [ 3 ]

    for epoch in 0..9 do
        let order = Selection.permutation (Key.foldIn epoch key) 12
        Assert.Equal<int seq>([ 0..11 ], Array.sort order)
        let each = order |> Array.map (fun i -> grad (lossOf [| i |]) w)
        close 1e-14 (grad (lossOf [| 0..11 |]) w) (Array.reduce (+) each / 12.0)

[<Fact>]
let ``A046: a batch with every example twice gives the same update`` () =
    let w, rows = normal 3L [ 3 ], [| 0; 3; 7; 9 |]
    close 1e-15 (grad (lossOf rows) w) (grad (lossOf (Array.append rows rows)) w)

[<Fact>]
let ``A048: with the penalty over N too, one learning rate is the best for 32 and for 256 examples`` () =
    let bestFor count =
        let x, t = normal 4L [ count; 5 ], normal 5L [ count ]

        let loss w =
            (Tensor.sum (Tensor.square (Tensor.matmul x w - t))
             + 0.1 * Tensor.sum (Tensor.square w))
            / float count

        let after rate =
            let final = path (Optimizer.sgd rate) loss (Tensor.zeros Float64 [ 5 ]) 20 |> Array.last
            let value = number (loss final)
            if Double.IsFinite value then value else infinity

        List.init 10 (fun i -> i, after (0.005 * Math.Pow(2.0, float i)))
        |> List.minBy snd
        |> fst

    Assert.InRange(abs (bestFor 32 - bestFor 256), 0, 1)

let private angle (a: Tensor) (b: Tensor) =
    // Of unit vectors 2 asin(|a - b| / 2), which is exact for small angles.
    2.0
    * Math.Asin(number (Tensor.norm (a / Tensor.norm a - b / Tensor.norm b)) / 2.0)

[<Fact>]
let ``A049: the path of batch descent is perpendicular to the contours`` () =
    let points = path (Optimizer.sgd 0.02) bowl (v [ 3.0; -2.0; 1.0 ]) 50

    for a, b in Array.pairwise points do
        Assert.InRange(angle (b - a) (-(scales * a)), 0.0, 1e-9)

[<Fact>]
let ``A051: a constant rate follows a target that drifts, and a falling one does not`` () =
    // The target moves by 0.05 at each step: a rate r lags behind it by 0.05 / r.
    let lag (rate: int -> float) =
        let w = Seq.fold (fun w step -> w - rate step * (w - 0.05 * float step)) 0.0 (seq { 1..2000 })
        abs (w - 0.05 * 2000.0)

    Assert.InRange(lag (fun _ -> 0.2), 0.0, 0.05 / 0.2 + 1e-9)
    Assert.True(lag (fun step -> 0.2 / float step) > 10.0)

[<Fact>]
let ``A052: momentum's velocity is its recurrence, bit by bit`` () =
    let gradients = floats (normal 6L [ 30 ])
    let o: Optimizer<Tensor, _> = Updates.heavyBall (Schedules.constant 0.1) (Schedules.constant 0.9)

    let velocities =
        gradients
        |> Array.scan (fun (_, state) g -> o.Update (s g) state (s 0.0)) (s 0.0, o.Init(s 0.0))
        |> Array.map (fst >> number)

    Assert.Equal<float[]>(Array.scan (fun v g -> 0.9 * v - 0.1 * g) 0.0 gradients, velocities)

[<Fact>]
let ``A059: AdaGrad's rate never rises, with epsilon in the root and outside`` () =
    for isInRoot in [ true; false ] do
        let o: Optimizer<Tensor, Tensor> = Scaling.rootOfSquares 0.0 1e-3 isInRoot

        let rates =
            floats (normal 7L [ 50 ])
            |> Array.scan
                (fun (_, state) g ->
                    let u, state = o.Update (s g) state (s 0.0)
                    number u / g, state)
                (infinity, o.Init(s 0.0))
            |> Array.map fst

        Assert.All(Array.pairwise rates, fun (a, b) -> Assert.True(b <= a))
        let root g = if isInRoot then sqrt (g * g + 1e-3) else abs g + 1e-3
        let first = (floats (normal 7L [ 50 ]))[0]
        Assert.Equal(1.0 / root first, rates[1], 12)

[<Fact>]
let ``A060: AdaDelta's first step is that of its recurrence, without a rate`` () =
    let o: Optimizer<Tensor, _> = Scaling.adaDelta 0.9 1e-6
    let u, _ = o.Update (s 0.5) (o.Init(s 0.0)) (s 0.0)
    Assert.Equal(0.5 * sqrt 1e-6 / sqrt (0.1 * 0.25 + 1e-6), number u, 15)

[<Fact>]
let ``A062: Adam's first step has the size of its rate`` () =
    let o: Optimizer<Tensor, _> = Optimizer.adam 0.01
    let u, _ = o.Update (v [ 0.3; -7.0; 1e3 ]) (o.Init(v [ 0.0; 0.0; 0.0 ])) (v [ 0.0; 0.0; 0.0 ])
    close 1e-7 (v [ -0.01; 0.01; -0.01 ]) u

[<Fact>]
let ``A063: no stream of gradients moves Adam by more than 7.27 rates, and a growing one by more than 3.16``
    ()
    =
    let largest (gradients: float seq) =
        let step (m, v, t, most) g =
            let m, v, t = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g, t + 1
            let size = m / (1.0 - Math.Pow(0.9, float t)) / sqrt (v / (1.0 - Math.Pow(0.999, float t)))
            m, v, t, max most (abs size)

        let _, _, _, most = Seq.fold step (0.0, 0.0, 0, 0.0) gradients
        most

    let bound = 0.1 / sqrt (0.001 * (1.0 - 0.81 / 0.999))
    Assert.Equal(7.27, bound, 0.01)
    // The library's own steps are these.
    let o: Optimizer<Tensor, _> = Optimizer.adam 1.0
    let growing = [ for i in 0..200 -> Math.Pow(1.11, float i) ]

    let own =
        growing
        |> List.scan (fun (_, state) g -> o.Update (s g) state (s 0.0)) (s 0.0, o.Init(s 0.0))
        |> List.map (fst >> number >> abs)
        |> List.max

    Assert.Equal(largest growing, own, 1e-6)

    let late =
        [ for i in 0..6000 ->
              if i < 5000 then
                  1e-3
              else
                  1e-3 * Math.Pow(1.11, float (i - 5000)) ]

    Assert.InRange(largest late, 3.17, bound)

    Check.property (fun (seed: int64) ->
        let gradients = floats (normal seed [ 300 ] * exp (3.0 * normal (seed + 1L) [ 300 ]))
        // After t steps the bound carries sqrt((1 - r^t)(1 - 0.999^t)) / (1 - 0.9^t), r = 0.81 / 0.999, which is at most 1.
        largest gradients <= bound)

[<Fact>]
let ``A069: correlated inputs turn the gradient away from the minimum, and whitened ones turn it back`` () =
    let turn = Tensor.matrix [ [ 0.8; 0.6 ]; [ -0.6; 0.8 ] ]
    // Whitened by components of the inputs themselves, the two directions matter alike.
    let raw = Tensor.matmul (normal 8L [ 500; 2 ] * v [ sqrt 1000.0; 1.0 ]) turn
    let components = Components.ofExamples raw

    let between (inputs: Tensor) target =
        let loss w = Losses.meanSquared (Tensor.matmul inputs w) target
        let best = Linalg.leastSquares inputs target
        // From a point whose error lies along both directions, the flat one above all.
        let h = Tensor.matmul (Tensor.transpose inputs) inputs / 500.0
        let _, axes = Linalg.eigh h
        let w = best + axes[*, 0] + 0.05 * axes[*, 1]
        angle (-(grad loss w)) (best - w) * 180.0 / Math.PI

    let target = Tensor.matmul raw (v [ 1.0; -2.0 ])
    Assert.InRange(between raw target, 80.0, 91.0)
    Assert.InRange(between (Components.whiten 0.0 components raw) target, 0.0, 10.0)

[<Fact>]
let ``A077: through layers of twice and of half the identity, values and gradients grow and shrink by those powers``
    ()
    =
    for factor in [ 2.0; 0.5 ] do
        for depth in [ 2; 10; 30 ] do
            let weights = List.replicate depth (factor * Tensor.eye Float64 3)
            let run x = List.fold (fun x w -> Tensor.matmul x w) x weights
            let x = normal 9L [ 3 ]
            close 0.0 (Math.Pow(factor, float depth) * x) (run x)
            close 0.0 (Tensor.full Float64 [ 3 ] (Math.Pow(factor, float depth))) (grad (run >> Tensor.sum) x)

[<Fact>]
let ``A079: beside a ridge plain descent stays, and momentum and adaptive steps leave it earlier`` () =
    let saddle (p: Tensor) = Tensor.square p[0] - Tensor.square p[1]
    let start = v [ 1.0; 1e-6 ]

    let escape (points: Tensor[]) =
        points
        |> Array.tryFindIndex (fun p -> abs (number p[1]) > 0.5)
        |> Option.defaultValue System.Int32.MaxValue

    let plain = path (Optimizer.sgd 0.01) saddle start 1000 |> escape
    let momentum = path (Optimizer.momentum 0.01 0.9) saddle start 1000 |> escape
    let adam = path (Optimizer.adam 0.01) saddle start 1000 |> escape
    Assert.True(plain > 100)
    Assert.True(momentum < plain && adam < plain, $"{plain}, {momentum}, {adam}")

[<Fact>]
let ``A087: a rate turned down too soon gives a worse loss after as many steps`` () =
    // Half the square with noisy gradients, from far away; the median of ten runs.
    let final drop seed =
        let noise = floats (normal seed [ 400 ])

        let w =
            Seq.fold
                (fun w step ->
                    let rate = if step < drop then 0.02 else 0.002
                    w - rate * (w + noise[step]))
                10.0
                (seq { 0..399 })

        0.5 * w * w

    let median drop = List.init 10 (fun i -> final drop (int64 i)) |> List.sort |> List.item 5
    Assert.True(median 20 > 10.0 * median 300)

[<Fact>]
let ``A089: a rate that does not fall to a hundredth is told of`` () =
    Assert.True(Doctor.decaysEnough 0.1 0.001)
    Assert.False(Doctor.decaysEnough 0.1 0.002)

[<Fact>]
let ``A092: biases begin at 0, in every kind of layer`` () =
    let biases =
        [ ((Layer.dense Float64 3 2).Init key).Bias
          ((Layer.conv Float64 3 2 [ 3; 3 ] Conv.defaults).Init key).Bias
          ((Block.maxout Float64 2 3 2).Init key).Bias ]

    Assert.All(biases, fun b -> close 0.0 (Tensor.zerosLike b) b)

[<Fact>]
let ``A120: the gradient of what tasks share is the weighted sum of theirs`` () =
    let shared, first, second = normal 11L [ 3; 4 ], normal 12L [ 4 ], normal 13L [ 4 ]
    let task head w = Losses.meanSquared (Tensor.matmul (tanh (Tensor.matmul x w)) head) t
    let both w = 0.7 * task first w + 0.3 * task second w
    close 1e-15 (0.7 * grad (task first) shared + 0.3 * grad (task second) shared) (grad both shared)

[<Fact>]
let ``A145: the derivative by weight decay, through ten steps of training, is that of differences`` () =
    let training = lossOf [| 0..7 |]
    let validation = lossOf [| 8..11 |]

    let final (logDecay: Tensor) =
        let loss w = training w + exp logDecay * Tensor.sum (Tensor.square w)
        let o = Optimizer.adam 0.1

        Seq.fold
            (fun (w, state) _ -> Optimizer.step o (grad loss w) state w)
            (v [ 1.0; -1.0; 0.5 ], o.Init(v [ 1.0; -1.0; 0.5 ]))
            (seq { 1..10 })
        |> fst
        |> validation

    let at d = number (final (s d))
    let central h = (at (-2.0 + h) - at (-2.0 - h)) / (2.0 * h)
    let numeric = (4.0 * central 5e-4 - central 1e-3) / 3.0
    Assert.Equal(numeric, number (grad final (s -2.0)), 1e-6 * (1.0 + abs numeric))
    Assert.True(abs numeric > 1e-4)
