/// Our side of the comparison: reads the names of workloads, one a line, and answers each with a time in milliseconds.
module Peers.Program

open System
open System.Diagnostics
open Ad.Functional
open Ad.Tensors

let private evenly n =
    Tensor.ofArray [ n ] (Array.init n (fun i -> float32 (-1.0 + 2.0 * float i / float (n - 1))))

let private uniform seed shape = Random.uniformOf DType.Float32 (Key.ofSeed seed) shape * 2.0 - 1.0

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

let private once f x =
    let f = jit f
    fun () -> force (f x)

let private gradient f x =
    let g = jit (valueAndGrad f)

    fun () ->
        let value, slope = g x
        force value
        force slope

let private mlp () =
    let step =
        jit (fun (weights: Tensor list, x: Tensor, y: Tensor) ->
            let slopes = grad (fun weights -> Losses.crossEntropy (logits weights x) y) weights
            List.map2 (fun w g -> w - 0.01 * g) weights slopes)

    let sizes = [ 784; 256; 128; 10 ]

    let mutable weights =
        List.pairwise sizes
        |> List.mapi (fun i (m, n) ->
            [ uniform (int64 i) [ m; n ] * (1.0 / sqrt (float m))
              Tensor.zeros DType.Float32 [ n ] ])
        |> List.concat

    let x = uniform 7L [ 128; 784 ]
    let y = Tensor.vector (Array.init 128 (fun i -> i % 10))

    fun () ->
        weights <- step (weights, x, y)
        List.iter force weights

/// A training step by plain gradient descent, on labels 0 to 9 in turn.
let private descend rate (model: 'p -> Tensor -> Tensor) (parameters: 'p) (x: Tensor) =
    let y = Tensor.vector (Array.init x.Shape[0] (fun i -> i % 10))

    let step =
        jit (fun (parameters: 'p) ->
            let slopes = grad (fun p -> Losses.crossEntropy (model p x) y) parameters
            Tree.map2 (fun w g -> w - rate * g) parameters slopes)

    let mutable parameters = parameters

    fun () ->
        parameters <- step parameters
        Tensor.eval parameters |> ignore

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

    descend 0.001 model parameters (uniform 6L [ 32; 1; 28; 28 ])

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

    let x = uniform 12L [ 32; 3; 32; 32 ]
    let y = Tensor.vector (Array.init 32 (fun i -> i % 10))

    let step =
        jit (fun (p, momentum, running) ->
            let (_, statistics), slopes =
                Reverse.valueAndGradientAux
                    (fun p ->
                        let logits, statistics = model p x
                        Losses.crossEntropy logits y, statistics)
                    p

            let momentum = Tree.map2 (fun m g -> 0.9 * m + g) momentum slopes

            Tree.map2 (fun w m -> w - 0.001 * m) p momentum,
            momentum,
            Tree.map2 (fun r s -> 0.9 * r + 0.1 * s) running statistics)

    let _, statistics = model parameters x
    let mutable state = parameters, Tree.map Tensor.zerosLike parameters, Tree.map Tensor.zerosLike statistics

    fun () ->
        state <- step state
        Tensor.eval state |> ignore

let private workload (name: string) =
    match name.Split ' ' with
    | [| "chain"; n |] -> gradient chain (evenly (int n))
    | [| "rosenbrock"; n |] -> gradient rosenbrock (evenly (int n))
    | [| "gemm"; n |] ->
        let n = int n
        once (fun (a, b) -> a *@ b) (uniform 1L [ n; n ], uniform 2L [ n; n ])
    | [| "softmax" |] -> once (Tensor.softmax -1) (uniform 3L [ 1024; 1000 ])
    | [| "sum"; n |] -> once Tensor.sum (Tensor.ofArray [ int n ] (Array.create (int n) 1.0f))
    | [| "mlp" |] -> mlp ()
    | [| "lenet" |] -> lenet ()
    | [| "resnet8" |] -> resnet8 ()
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
    let milliseconds = float argv[0]
    let mutable current = ""
    let mutable run = ignore

    printfn $"{Environment.Version}, {Environment.ProcessorCount} threads"

    while (match Console.ReadLine() with
           | null -> false
           | name ->
               if name <> current then
                   current <- name
                   run <- workload name
                   median (3.0 * milliseconds) run |> ignore

               printfn $"{median milliseconds run}"
               true) do
        ()

    0
