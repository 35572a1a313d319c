/// Our side of the comparison: reads the names of workloads, one a line, and answers each with a time in milliseconds.
module Peers.Program

open System
open System.Diagnostics
open Ad.Functional
open Ad.Tensors

let private evenly n =
    Tensor.ofArray [ n ] (Array.init n (fun i -> float32 (-1.0 + 2.0 * float i / float (n - 1))))

let private uniform seed shape =
    Tensor.eval (Random.uniformOf DType.Float32 (Key.ofSeed seed) shape * 2.0 - 1.0)

let private chain x = Tensor.sum (sin x * exp (-x * x))

let private rosenbrock (x: Tensor) =
    let n = int x.Count
    let a = Tensor.slice [ 1, n, 1 ] x
    let b = Tensor.slice [ 0, n - 1, 1 ] x

    Tensor.sum (100.0 * Tensor.square (a - b * b) + Tensor.square (1.0 - b))

let private logits weights x =
    match weights with
    | [ w1; b1; w2; b2; w3; b3 ] ->
        let h1 = Tensor.relu (x *@ w1 + b1)
        let h2 = Tensor.relu (h1 *@ w2 + b2)
        h2 *@ w3 + b3
    | _ -> invalidArg (nameof weights) "Three layers have six tensors."

let private force (t: Tensor) = Tensor.eval t |> ignore

/// Something to run again and again, and what it spends its time on.
type private Workload =
    { Run: unit -> unit
      Profile: unit -> string }

let private once f x =
    let compiled = jit f

    { Run = fun () -> force (compiled x)
      Profile = fun () -> profile 200 f x }

let private gradient f x =
    let g = jit (valueAndGrad f)

    { Run =
        fun () ->
            let value, slope = g x
            force value
            force slope
      Profile = fun () -> profile 200 (valueAndGrad f) x }

/// How many steps of a fold are timed together.
let private steps = 10

/// Steps over the same input again and again, the states between them left to the fold.
let private training (step: 's -> 'x -> 's * unit) (start: 's) (x: 'x) =
    let folded = jitFold step
    let mutable state = start

    { Run = fun () -> state <- fst (folded state (Seq.replicate steps x))
      Profile = fun () -> profile 200 (fun (s, x) -> step s x) (state, x) }

let private network () =
    let sizes = [ 784; 256; 128; 10 ]

    let weights =
        List.pairwise sizes
        |> List.mapi (fun i (m, n) ->
            [ uniform (int64 i) [ m; n ] * (1.0 / sqrt (float m))
              Tensor.zeros DType.Float32 [ n ] ])
        |> List.concat

    weights, uniform 7L [ 128; 784 ], Tensor.vector (Array.init 128 (fun i -> i % 10))

let private trainedBy (optimizer: Optimizer<'P, 'S>) loss weights input =
    let step (weights, state) input =
        let slopes = grad (fun weights -> loss weights input) weights
        let weights, state = Optimizer.step optimizer slopes state weights
        (weights, state), ()

    training step (weights, optimizer.Init weights) input

let private mlp optimizer =
    let weights, x, y = network ()
    trainedBy optimizer (fun weights (x, y) -> Losses.crossEntropy (logits weights x) y) weights (x, y)

let private perSample () =
    let weights, x, y = network ()

    let all (weights: Tensor list, x, y) =
        vmap
            (fun (x: Tensor, y: Tensor) ->
                grad
                    (fun weights ->
                        Losses.crossEntropy (logits weights (Tensor.expandDims 0 x)) (Tensor.expandDims 0 y))
                    weights)
            (x, y)

    let compiled = jit all

    { Run = fun () -> compiled (weights, x, y) |> List.iter force
      Profile = fun () -> profile 20 all (weights, x, y) }

/// Labels 0 to 9 in turn.
let private labels count = Tensor.vector (Array.init count (fun i -> i % 10))

let private initial seed fanIn shape = uniform seed shape * (1.0 / sqrt (float fanIn))
let private channelwise (t: Tensor) = Tensor.reshape [ 1; -1; 1; 1 ] t

let private lenet () =
    let model (p: Tensor list) x =
        match p with
        | [ k1; c1; k2; c2; w1; b1; w2; b2; w3; b3 ] ->
            let pooled = Tensor.maxPool [ 2; 2 ] [ 2; 2 ]
            let h = pooled (Tensor.relu (Conv.conv2d 1 0 k1 x + channelwise c1))
            let h = pooled (Tensor.relu (Conv.conv2d 1 0 k2 h + channelwise c2))
            let h = Tensor.relu (Tensor.reshape [ x.Shape[0]; 256 ] h *@ w1 + b1)
            Tensor.relu (h *@ w2 + b2) *@ w3 + b3
        | _ -> invalidArg (nameof p) "LeNet has ten tensors."

    let zeros n = Tensor.zeros DType.Float32 [ n ]

    let parameters =
        [ initial 1L 25 [ 6; 1; 5; 5 ]
          zeros 6
          initial 2L 150 [ 16; 6; 5; 5 ]
          zeros 16
          initial 3L 256 [ 256; 120 ]
          zeros 120
          initial 4L 120 [ 120; 84 ]
          zeros 84
          initial 5L 84 [ 84; 10 ]
          zeros 10 ]

    let loss parameters (x, y) = Losses.crossEntropy (model parameters x) y
    trainedBy (Optimizer.sgd 0.001) loss parameters (uniform 6L [ 32; 1; 28; 28 ], labels 32)

/// A residual network of eight convolutions, normalized by the batch, with its running means and variances and with momentum.
let private resnet8 () =
    let normalize (scale: Tensor, shift: Tensor) (x: Tensor) =
        let axes = [ 0; 2; 3 ]
        let mean = Tensor.meanOver axes x
        let centred = x - channelwise mean
        let variance = Tensor.meanOver axes (Tensor.square centred)
        let factor = scale * Tensor.rsqrt (variance + 1e-5)
        centred * channelwise factor + channelwise shift, (mean, variance)

    let layer stride padding (kernel, norm) x = normalize norm (Conv.conv2d stride padding kernel x)

    let block stride (first, second, shortcut) x =
        let h, s1 = layer stride 1 first x
        let h, s2 = layer 1 1 second (Tensor.relu h)

        match shortcut with
        | None -> Tensor.relu (h + x), [ s1; s2 ]
        | Some shortcut ->
            let passed, s3 = layer stride 0 shortcut x
            Tensor.relu (h + passed), [ s1; s2; s3 ]

    let model (stem, b1, b2, b3, (w: Tensor, b: Tensor)) x =
        let h, s0 = layer 1 1 stem x
        let h, s1 = block 1 b1 (Tensor.relu h)
        let h, s2 = block 2 b2 h
        let h, s3 = block 2 b3 h
        Pool.globalAverage h *@ w + b, s0 :: s1 @ s2 @ s3

    let conv seed inputs outputs size =
        initial seed (inputs * size * size) [ outputs; inputs; size; size ],
        (Tensor.ones DType.Float32 [ outputs ], Tensor.zeros DType.Float32 [ outputs ])

    let residual seed inputs outputs =
        conv seed inputs outputs 3,
        conv (seed + 1L) outputs outputs 3,
        (if inputs = outputs then
             None
         else
             Some(conv (seed + 2L) inputs outputs 1))

    let parameters =
        conv 1L 3 16 3,
        residual 2L 16 16,
        residual 5L 16 32,
        residual 8L 32 64,
        (initial 11L 64 [ 64; 10 ], Tensor.zeros DType.Float32 [ 10 ])

    let step (p, momentum, running) (x, y) =
        let (_, statistics), slopes =
            Reverse.valueAndGradientAux
                (fun p ->
                    let logits, statistics = model p x
                    Losses.crossEntropy logits y, statistics)
                p

        let momentum = Tree.map2 (fun m g -> 0.9 * m + g) momentum slopes

        (Tree.map2 (fun w m -> w - 0.001 * m) p momentum,
         momentum,
         Tree.map2 (fun r s -> 0.9 * r + 0.1 * s) running statistics),
        ()

    let x = uniform 12L [ 32; 3; 32; 32 ]
    let _, statistics = model parameters x

    training
        step
        (parameters, Tree.map Tensor.zerosLike parameters, Tree.map Tensor.zerosLike statistics)
        (x, labels 32)

/// The hidden states of an LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) after each step.
let private lstm (fromInput: Tensor, fromHidden: Tensor, bias: Tensor) (x: Tensor) =
    let time, batch, size = x.Shape[0], x.Shape[1], fromHidden.Shape[0]

    let inputs =
        Tensor.reshape [ time; batch; 4 * size ] (Tensor.reshape [ time * batch; size ] x *@ fromInput + bias)

    let zeros = Tensor.zeros DType.Float32 [ batch; size ]

    let step (hidden: Tensor, cell: Tensor) (t: int) =
        let gates = inputs[t] + hidden *@ fromHidden

        let gate i = Tensor.slice [ 0, batch, 1; i * size, (i + 1) * size, 1 ] gates

        let cell = Tensor.sigmoid (gate 0) * cell + Tensor.sigmoid (gate 1) * tanh (gate 2)

        Tensor.sigmoid (gate 3) * tanh cell, cell

    List.scan step (zeros, zeros) [ 0 .. time - 1 ] |> List.tail |> List.map fst

let private recurrent () =
    let weights =
        uniform 1L [ 128; 512 ] * 0.088, uniform 2L [ 128; 512 ] * 0.088, Tensor.zeros DType.Float32 [ 512 ]

    let loss weights x = Tensor.mean (Tensor.square (Tensor.stack 0 (lstm weights x)))

    trainedBy (Optimizer.sgd 0.01) loss weights (uniform 3L [ 50; 32; 128 ])

let private layerNorm (x: Tensor) =
    let centred = x - Tensor.meanKeep [ -1 ] x

    Tensor.sum ((centred / sqrt (Tensor.meanKeep [ -1 ] (Tensor.square centred) + 1e-5)) ** 3.0)

/// Images normalized by the mean and variance of each channel over the batch, then rectified.
let private batchNorm (x: Tensor) =
    let centred = x - Tensor.meanKeep [ 0; 2; 3 ] x

    let scaled =
        centred
        * Tensor.rsqrt (Tensor.meanKeep [ 0; 2; 3 ] (Tensor.square centred) + 1e-5)

    Tensor.sum (Tensor.relu scaled ** 3.0)

let private operations n (x: Tensor) =
    Seq.fold (fun y i -> if i % 2 = 0 then y * x else y + x) x (seq { 0 .. n - 1 })
    |> Tensor.sum

let private plain (f: unit -> 'a) =
    { Run = fun () -> Tensor.eval (f ()) |> ignore
      Profile = fun () -> "Not compiled as a whole.\n" }

let private product (m: string) (k: string) (n: string) (order: string) (dtype: string) =
    let m, k, n = int m, int k, int n

    let dtype = if dtype = "float64" then DType.Float64 else DType.Float32

    let matrix seed transposed rows columns =
        if transposed then
            Random.uniformOf dtype (Key.ofSeed seed) [ columns; rows ]
        else
            Random.uniformOf dtype (Key.ofSeed seed) [ rows; columns ]

    let turned isTurned t = if isTurned then Tensor.transpose t else t

    let first, second = order = "tn", order = "nt"
    once (fun (a, b) -> turned first a *@ turned second b) (matrix 1L first m k, matrix 2L second k n)

/// The workload with the number of steps that a run has.
let private workload (name: string) =
    match name.Split ' ' with
    | [| "chain"; n |] -> gradient chain (evenly (int n)), 1
    | [| "rosenbrock"; n |] -> gradient rosenbrock (evenly (int n)), 1
    | [| "plainRosenbrock"; n |] ->
        let x = evenly (int n)
        plain (fun () -> valueAndGrad rosenbrock x), 1
    | [| "hessian"; n |] -> once (hessian rosenbrock) (evenly (int n)), 1
    | [| "hvp"; n |] -> once (fun x -> hvp rosenbrock x x) (evenly (int n)), 1
    | [| "gemm"; m; k; n; order; dtype |] -> product m k n order dtype, 1
    | [| "softmax" |] -> once (Tensor.softmax -1) (uniform 3L [ 1024; 1000 ]), 1
    | [| "layerNorm" |] -> gradient layerNorm (uniform 4L [ 1024; 1024 ]), 1
    | [| "batchNorm" |] -> gradient batchNorm (uniform 4L [ 32; 16; 32; 32 ]), 1
    | [| "sum"; n |] -> once Tensor.sum (Tensor.ofArray [ int n ] (Array.create (int n) 1.0f)), 1
    | [| "mlp"; "sgd" |] -> mlp (Optimizer.sgd 0.01), steps
    | [| "mlp"; "adam" |] -> mlp (Optimizer.adam 1e-3), steps
    | [| "perSample" |] -> perSample (), 1
    | [| "lstm" |] -> recurrent (), steps
    | [| "lenet" |] -> lenet (), steps
    | [| "resnet8" |] -> resnet8 (), steps
    | [| "adam"; n |] ->
        let optimizer = Optimizer.adam 1e-3

        let step (weights, state) slopes = Optimizer.step optimizer slopes state weights, ()

        let weights = uniform 5L [ int n ]
        training step (weights, optimizer.Init weights) (uniform 6L [ int n ]), steps
    | [| "additions"; n |] ->
        let x = evenly 10
        plain (fun () -> Seq.fold (fun y _ -> y + x) x (seq { 1 .. int n })), 1
    | [| "operations"; n |] -> gradient (operations (int n)) (evenly 10), 1
    | [| "plainOperations"; n |] ->
        let x = evenly 10
        plain (fun () -> valueAndGrad (operations (int n)) x), 1
    | _ -> invalidArg (nameof name) $"There is no workload {name}."

/// The median over so many milliseconds of runs.
let private median (milliseconds: float) (run: unit -> unit) =
    let total = Stopwatch.StartNew()
    let times = ResizeArray<float>()

    while total.Elapsed.TotalMilliseconds < milliseconds || times.Count < 5 do
        let start = Stopwatch.GetTimestamp()
        run ()
        times.Add (Stopwatch.GetElapsedTime start).TotalMilliseconds

    times.Sort()
    times[times.Count / 2]

[<EntryPoint>]
let main argv =
    match argv with
    | [| "--profile"; name |] ->
        let work, _ = workload name
        median 1000.0 work.Run |> ignore
        printf $"{work.Profile()}"
        exit 0
    | [| "--runs"; count; name |] ->
        let work, _ = workload name

        for _ in 1 .. int count do
            work.Run()

        exit 0
    | _ -> ()

    let milliseconds = float argv[0]
    let mutable current = ""
    let mutable run = ignore
    let mutable count = 1

    printfn $"{Environment.Version}, {Environment.ProcessorCount} threads"

    while (match Console.ReadLine() with
           | null -> false
           | name ->
               if name <> current then
                   current <- name
                   let work, each = workload name
                   run <- work.Run
                   count <- each
                   median (3.0 * milliseconds) run |> ignore

               printfn $"{median milliseconds run / float count}"
               true) do
        ()

    0
