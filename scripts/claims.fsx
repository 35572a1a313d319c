// Claims of lectures and papers, measured: activations, batch normalization and its learning rates, noise, transformations that even the curvature.
#load "lib/Prelude.fsx"
#load "lib/Plot.fsx"

open System
open Ad.Functional

let key = Key.ofSeed 1L
let number (t: Tensor) = Tensor.toScalar t
let median (xs: float list) = List.sort xs |> List.item (xs.Length / 2)

// Two spirals, 100 points each.
let spiral arm key =
    let t = Tensor.linspace Float64 0.25 1.0 100
    let angle = 2.0 * Math.PI * t + Math.PI * float arm

    Tensor.stack 1 [ t * cos angle; t * sin angle ]
    + 0.02 * Random.normal key [ 100; 2 ]

let keys = Key.split 2 key
let x = Tensor.eval (Tensor.concat 0 [ spiral 0 keys[0]; spiral 1 keys[1] ])
let classes = Tensor.eval (Tensor.concat 0 [ Tensor.zeros Int32 [ 100 ]; Tensor.ones Int32 [ 100 ] ])

let train (layer: Layer<'P>) steps rate seed =
    let loss p = Losses.crossEntropy (layer.Apply Inference p x) classes
    let o = Optimizer.adam rate

    let step =
        jit (fun (p, s) ->
            let value, g = Reverse.valueAndGradient loss p
            value, Optimizer.step o g s p)

    let p = layer.Init(Key.ofSeed seed)

    (p, o.Init p)
    |> Seq.unfold (fun state -> let value, next = step state in Some(number value, next))
    |> Seq.truncate steps
    |> List.ofSeq

// Every activation in the same perceptron: the loss after 60 steps, the median of three first parameters.
let afterAll =
    [ for name, f in Activations.all do
          let layer = Layer.perceptron Float64 f 0.0 [ 2; 16; 16; 2 ]
          name, median [ for seed in 1L .. 3L -> List.last (train layer 60 0.02 seed) ] ]

for name, loss in List.sortBy snd afterAll do
    printfn $"{name, -15} {loss:F2}"
//> relu            0.00
//> relu6           0.00
//> leakyRelu       0.00
//> gelu            0.00
//> geluTanh        0.00
//> mish            0.00
//> hardTanh        0.00
//> silu            0.00
//> hardSwish       0.01
//> elu             0.01
//> celu            0.01
//> piecewiseTanh   0.01
//> tanh            0.01
//> selu            0.02
//> softsign        0.02
//> gaussian        0.02
//> softShrink      0.03
//> hardShrink      0.08
//> tanhShrink      0.14
//> sigmoid         0.50
//> softplus        0.51
//> logSigmoid      0.51
//> squareplus      0.51
//> identity        0.51
//> hardSigmoid     0.52

// tanh, which is centred, against the sigmoid: steps to a loss of 0.3, the median of ten.
let stepsTo f =
    median
        [ for seed in 1L .. 10L ->
              let losses = train (Layer.perceptron Float64 f 0.0 [ 2; 16; 16; 2 ]) 600 0.01 seed

              losses
              |> List.tryFindIndex (fun l -> l < 0.3)
              |> Option.defaultValue 600
              |> float ]

printfn $"steps to a loss of 0.3: tanh {stepsTo tanh}, sigmoid {stepsTo Tensor.sigmoid}"
//> steps to a loss of 0.3: tanh 45, sigmoid 161

// Batch normalization and learning rates: the largest rate of plain descent after which 60 steps end below the first loss, eight layers, the median of five.
let deep isNormed =
    let dense i o = Stateful.ofLayer (Layer.dense Float64 i o)

    let hidden i =
        if isNormed then
            let both = Stateful.compose (dense i 16) (Stateful.batchNorm Float64 16 0.1 1e-5)
            Network.chain [ Network.stateful "h" both; Network.ofFunction Tensor.relu ]
        else
            Network.chain [ Network.stateful "h" (dense i 16); Network.ofFunction Tensor.relu ]

    let named i (n: Network) =
        let prefix m = m |> Map.toSeq |> Seq.map (fun (k, v) -> $"{i}.{k}", v) |> Map.ofSeq

        let only m =
            m
            |> Map.toSeq
            |> Seq.filter (fun (k: string, _) -> k.StartsWith $"{i}.")
            |> Seq.map (fun (k, v) -> k.Substring($"{i}.".Length), v)
            |> Map.ofSeq

        { Init = fun key -> let p, s = n.Init key in prefix p, prefix s
          Apply = fun mode p s x -> let y, s = n.Apply mode (only p) (only s) x in y, prefix s }
        : Network

    Network.chain (
        [ for i in 0..7 -> named i (hidden (if i = 0 then 2 else 16)) ]
        @ [ Network.layer "out" (Layer.dense Float64 16 2) ]
    )

let largestRate isNormed seed =
    let net = deep isNormed
    let p, s = net.Init(Key.ofSeed seed)
    let loss p = Losses.crossEntropy (fst (net.Apply (Training key) p s x)) classes
    let step = jit (fun (rate: Tensor, p) -> Tree.map2 (fun p g -> p - rate * g) p (grad loss p))
    let value = jit loss
    let first = number (value p)

    let isStable rate =
        let final = Seq.fold (fun p _ -> step (Tensor.scalar rate, p)) p (seq { 1..60 })
        let loss = number (value final)
        Double.IsFinite loss && loss < first

    Schedules.largestStable 64.0 20 isStable |> Option.defaultValue 0.0

let plain, normed =
    median [ for s in 1L .. 5L -> largestRate false s ], median [ for s in 1L .. 5L -> largestRate true s ]

printfn $"largest learning rate: {plain} without, {normed} with batch normalization: {normed / plain} times"
//> largest learning rate: 1 without, 4 with batch normalization: 4 times

// Noise on the inputs of a network that could learn 30 points by heart: the error on 300 others.
let wave (x: Tensor) = sin (3.0 * x)

let few, many =
    2.0 * Random.uniform keys[0] [ 30; 1 ] - 1.0,
    Tensor.reshape [ 300; 1 ] (Tensor.linspace Float64 -1.0 1.0 300)

let seen = Tensor.eval (wave few + 0.3 * Random.normal keys[1] [ 30; 1 ])
let big = Layer.perceptron Float64 tanh 0.0 [ 1; 60; 60; 1 ]

let errors sigma =
    let o = Optimizer.adam 0.005

    let step =
        jit (fun (i: Tensor, p, s) ->
            let noisy = few + sigma * Random.normal (Key.foldInTensor i key) [ 30; 1 ]
            let g = grad (fun p -> Losses.meanSquared (big.Apply Inference p noisy) seen) p
            let p, s = Optimizer.step o g s p
            i + 1, p, s)

    let held = jit (fun p -> Losses.meanSquared (big.Apply Inference p many) (wave many))
    let p = big.Init key

    (Tensor.scalar 0, p, o.Init p)
    |> Seq.unfold (fun state -> Some(state, step state))
    |> Seq.truncate 3001
    |> Seq.indexed
    |> Seq.filter (fun (i, _) -> i % 100 = 0)
    |> Seq.map (fun (i, (_, p, _)) -> float i, number (held p))
    |> List.ofSeq

let curves = [ for sigma in [ 0.0; 0.1 ] -> sigma, errors sigma ]

Plot.draw
    "noise.svg"
    "Error on what was not seen, with and without noise on the inputs"
    "steps"
    "log10 of the mean square"
    [ for sigma, points in curves ->
          { Name = $"noise {sigma}"
            Points = [ for x, y in points -> x, log10 y ] } ]

for sigma, points in curves do
    let last, best = snd (List.last points), points |> List.map snd |> List.min
    printfn $"noise {sigma:F1}: error {last:F2} at the end, {best:F2} at best"
//> noise 0.0: error 0.06 at the end, 0.02 at best
//> noise 0.1: error 0.03 at the end, 0.02 at best

// Nonlinearities shifted to mean 0 and mean slope 0, a shortcut beside them making up for it (Raiko, Valpola and LeCun 2012): the same function, and
// how evenly the Hessian's eigenvalues lie.
let inputs, targets =
    Tensor.eval (Random.normal (Key.ofSeed 7L) [ 200; 3 ] + 0.5, Random.normal (Key.ofSeed 8L) [ 200; 2 ])

let w, v = Tensor.eval (Random.normal (Key.ofSeed 9L) [ 3; 6 ], 0.5 * Random.normal (Key.ofSeed 10L) [ 6; 2 ])
let z = Tensor.matmul inputs w
let slope = Tensor.eval (-(Tensor.meanOver [ 0 ] (1.0 - Tensor.square (tanh z))))
let shift = Tensor.eval (-(Tensor.meanOver [ 0 ] (tanh z + slope * z)))

let model isShifted (w: Tensor, v: Tensor, c: Tensor, d: Tensor) =
    let z = Tensor.matmul inputs w
    let h = if isShifted then tanh z + slope * z + shift else tanh z
    Tensor.matmul h v + Tensor.matmul inputs c + d

let c, d = Tensor.zeros Float64 [ 3; 2 ], Tensor.zeros Float64 [ 2 ]
let before = w, v, c, d
let after = w, v, c - Tensor.matmul (w * slope) v, d - Tensor.matmul shift v
let apart = number (Tensor.max (abs (model false before - model true after)))

let spread isShifted p =
    let loss p = Losses.meanSquared (model isShifted p) targets

    let sizes =
        SecondOrder.hessianSpectrum 100 key loss p
        |> abs
        |> Tensor.toArray<float>
        |> Array.sort

    sizes[sizes.Length - 1] / sizes[sizes.Length / 2]

printfn $"the same function: {apart < 1e-12}"

printfn
    $"largest eigenvalue over the median one: {spread false before:F0} before, {spread true after:F0} after"
//> the same function: True
//> largest eigenvalue over the median one: 10 before, 6 after
