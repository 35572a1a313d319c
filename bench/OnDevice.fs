/// A table for one device, with sizes that keep a large one busy: time a run, and what that is of memory or arithmetic.
module Bench.OnDevice

open System
open System.Diagnostics
open Ad.Functional
open Ad.Tensors
open Ad.Tensors.Cuda

/// Work to time: it is done as often as it is told, and the last result is waited for. Bytes and operations are those that cannot be saved.
type private Work =
    { Title: string
      Bytes: float
      Operations: float
      Make: Device -> int -> unit }

let private work title bytes operations make =
    { Title = title
      Bytes = bytes
      Operations = operations
      Make = make }

let private normal device (shape: int list) =
    Tensor.onDevice
        device
        (Random.normalOf Float32 { Words = Tensor.onDevice device (Key.ofSeed 1L).Words } shape)
    |> Tensor.eval

// Reading one element waits for all the work before it.
let private wait (x: Tensor) =
    Tensor.toScalar (Tensor.cast Float64 (Tensor.slice [ 0, 1, 1 ] (Tensor.flatten x)))
    |> ignore

let private repeated (f: unit -> Tensor) times =
    let mutable last = f ()

    for _ in 2..times do
        last <- Tensor.eval (f ())

    wait last

let private pointwise count =
    work $"gradient of sum(sin x exp(-x^2)), {count} float32" (8.0 * float count) 0.0 (fun device ->
        let x = normal device [ count ]
        let gradient = jit (Reverse.gradient (fun x -> Tensor.sum (sin x * exp (-x * x))))
        repeated (fun () -> gradient x))

let private softmax rows columns =
    work $"softmax of {rows} rows of {columns}" (8.0 * float rows * float columns) 0.0 (fun device ->
        let x = normal device [ rows; columns ]
        let f = jit (Tensor.softmax 1)
        repeated (fun () -> f x))

let private product size (dtype: DType) =
    work $"matrix product, {size} by {size}, {dtype}" 0.0 (2.0 * float size ** 3.0) (fun device ->
        let square () = Tensor.cast dtype (normal device [ size; size ]) |> Tensor.eval

        let a, b = square (), square ()
        let f = jit (fun (a, b) -> Tensor.matmul a b)
        repeated (fun () -> f (a, b)))

let private layerNorm rows columns =
    work
        $"layer normalization of {rows} rows of {columns}"
        (8.0 * float rows * float columns)
        0.0
        (fun device ->
            let x = normal device [ rows; columns ]

            let normalized (x: Tensor) =
                let apart = x - Tensor.meanKeep [ 1 ] x
                apart / sqrt (Tensor.meanKeep [ 1 ] (apart * apart) + 1e-5)

            let f = jit normalized
            repeated (fun () -> f x))

/// A decomposition of a matrix and what it costs, times n^3.
let private decomposed title cost (f: Tensor -> Tensor) size =
    work $"{title}, {size} by {size} float64" 0.0 (cost * float size ** 3.0) (fun device ->
        let x = Tensor.cast Float64 (normal device [ size; size ])
        let a = Tensor.matmul x (Tensor.transpose x) + Tensor.eye Float64 size |> Tensor.eval
        let f = jit f
        repeated (fun () -> f a))

let private cholesky = decomposed "Cholesky decomposition" (1.0 / 3.0) Linalg.cholesky

let private eigen = decomposed "eigenvalues and eigenvectors" 9.0 (Linalg.eigh >> fst)

/// Four products of two each that do not wait for each other.
let private branches size =
    work
        $"four branches of two products, {size} by {size} float32"
        0.0
        (16.0 * float size ** 3.0)
        (fun device ->
            let x = normal device [ size; size ]
            let w = Array.init 4 (fun _ -> normal device [ size; size ])

            let f =
                jit (fun (x, w: Tensor[]) ->
                    w
                    |> Array.map (fun w -> Tensor.matmul (Tensor.matmul x w) w)
                    |> Array.reduce (+))

            repeated (fun () -> f (x, w)))

let private convolution batch channels size =
    let operations = 2.0 * float batch * float (size * size) * float (channels * channels) * 9.0

    work
        $"convolution 3 by 3, {batch} images, {channels} channels of {size} by {size}"
        0.0
        operations
        (fun device ->
            let x, k =
                normal device [ batch; channels; size; size ], normal device [ channels; channels; 3; 3 ]

            let f = jit (fun (x, k) -> Conv.conv2d 1 1 k x)
            repeated (fun () -> f (x, k)))

let private perceptron batch width =
    let operations = 6.0 * float batch * float (784 * width + width * width + 10 * width)

    work $"step of a perceptron 784, {width}, {width}, 10, batch {batch}" 0.0 operations (fun device ->
        let net = Layer.perceptron Float32 Tensor.relu 0.0 [ 784; width; width; 10 ]
        let place tree = tree |> Tree.map (Tensor.onDevice device) |> Tensor.eval
        let parameters = place (net.Init(Key.ofSeed 2L))
        let optimizer = Optimizer.adam 1e-3
        let x, y = normal device [ batch; 784 ], Tensor.onDevice device (Tensor.zeros Int32 [ batch ])
        let loss p = Losses.crossEntropy (net.Apply Inference p x) y

        let step (p, s) () =
            let value, g = Reverse.valueAndGradient loss p
            Optimizer.step optimizer g s p, value

        let loop = jitFold step
        let start = parameters, place (optimizer.Init parameters)

        fun times ->
            let _, losses = loop start (Seq.replicate times ())
            wait (List.last losses))

/// A step of Adam on a classifier's cross-entropy, computed in a type; operations are three times those of the forward pass.
let private classifier title (model: Model) batch dtype =
    let flops = Network.summarize model |> List.sumBy _.Flops |> float

    work title 0.0 (3.0 * float batch * flops) (fun device ->
        let network = Network.ofModel (Precision.model dtype model)
        let optimizer = Recipes.hide (Optimizer.adam 1e-3)
        let place tree = tree |> Tree.map (Tensor.onDevice device) |> Tensor.eval
        let x = normal device (batch :: model.Example)
        let y = Tensor.onDevice device (Tensor.zeros Int32 [ batch ])
        let start = place (Learning.start network optimizer 0.0 (Key.ofSeed 3L))
        let loop = jitFold (Learning.step network optimizer 0.0 None Losses.crossEntropy)

        fun times ->
            let _, found = loop start (Seq.replicate times (x, y))
            wait (fst (List.last found)))

let private transformer batch length width dtype =
    let perToken = 24.0 * float width * float width + 4.0 * float length * float width

    work
        $"transformer block forward and backward, {batch} x {length} x {width}, {dtype}"
        0.0
        (3.0 * float batch * float length * perToken)
        (fun device ->
            let block = Attention.transformer Float32 width (max 1 (width / 64)) (4 * width) false 0.0
            let place tree = tree |> Tree.map (Tensor.onDevice device) |> Tensor.eval
            let p, x = place (block.Init(Key.ofSeed 4L)), normal device [ batch; length; width ]
            let f p = Tensor.sum (Precision.compute dtype (block.Apply Inference) p x)
            let gradient = jit (Reverse.gradient f)
            repeated (fun () -> Tree.leaves (gradient p) |> Array.last))

let private update count =
    // Gradient, parameter and two moments are read, and all but the gradient written.
    work $"Adam update of {count} parameters" (28.0 * float count) 0.0 (fun device ->
        let optimizer = Optimizer.adam 1e-3
        let p, g = normal device [ count ], normal device [ count ]
        let step (p, s) (g: Tensor) = Optimizer.step optimizer g s p, ()
        let loop = jitFold step
        let start = p, optimizer.Init p

        fun times ->
            let (p, _), _ = loop start (Seq.replicate times g)
            wait p)

let private chain =
    work "1000 operations on 10 elements, not jitted" 0.0 0.0 (fun device ->
        let x = normal device [ 10 ]
        repeated (fun () -> Seq.fold (fun y _ -> sin y) x (seq { 1..1000 })))

let private all isSmall =
    if isSmall then
        [ pointwise 1000
          softmax 10 10
          layerNorm 10 10
          product 16 Float32
          product 64 BFloat16
          branches 16
          cholesky 8
          eigen 8
          convolution 1 2 4
          perceptron 4 8
          classifier "step of LeNet-5, batch 2" (Models.leNet5 Float32) 2 Float32
          classifier "step of LeNet-5, batch 2, BFloat16" (Models.leNet5 Float32) 2 BFloat16
          transformer 2 4 8 Float32
          transformer 2 4 8 BFloat16
          update 100
          chain ]
    else
        [ pointwise 100_000_000
          softmax 65_536 1024
          layerNorm 65_536 1024
          product 1024 Float32
          product 4096 Float32
          product 8192 BFloat16
          branches 256
          cholesky 4096
          eigen 1024
          convolution 64 64 56
          perceptron 128 1024
          perceptron 4096 1024
          classifier "step of LeNet-5, batch 256" (Models.leNet5 Float32) 256 Float32
          classifier "step of ResNet-18, batch 128" (Models.resNet18 Float32) 128 Float32
          classifier "step of ResNet-18, batch 128, BFloat16" (Models.resNet18 Float32) 128 BFloat16
          transformer 8 1024 1024 Float32
          transformer 8 1024 1024 BFloat16
          update 100_000_000
          chain ]

/// Times all the work on a device for about a second each; a small run only shows that each works.
let run (device: Device) isSmall =
    for work in all isSmall do
        try
            let run = work.Make device
            run 2
            let clock = Stopwatch.StartNew()
            run 2
            let once = clock.Elapsed.TotalSeconds / 2.0

            let times =
                if isSmall then
                    2
                else
                    int (Math.Clamp(1.0 / once, 2.0, 1000.0))

            let clock = Stopwatch.StartNew()
            run times
            let seconds = clock.Elapsed.TotalSeconds / float times

            let rate (amount: float) unit =
                if amount > 0.0 then
                    $"{amount / seconds / 1e9, 12:F1} {unit}"
                else
                    ""

            let bandwidth, speed = rate work.Bytes "GB/s", rate work.Operations "GFlop/s"
            printfn $"{work.Title, -64} {seconds * 1e3, 12:F4} ms{bandwidth}{speed}"
        with :? CudaException as error when not isSmall ->
            printfn $"{work.Title, -64} {error.Message}"
