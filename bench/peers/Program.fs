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

let private mlp () =
    let update (weights: Tensor list, x: Tensor, y: Tensor) =
        let slopes = grad (fun weights -> Losses.crossEntropy (logits weights x) y) weights
        List.map2 (fun w g -> w - 0.01 * g) weights slopes

    let step = jit update

    let sizes = [ 784; 256; 128; 10 ]

    let mutable weights =
        List.pairwise sizes
        |> List.mapi (fun i (m, n) ->
            [ uniform (int64 i) [ m; n ] * (1.0 / sqrt (float m))
              Tensor.zeros DType.Float32 [ n ] ])
        |> List.concat

    let x = uniform 7L [ 128; 784 ]
    let y = Tensor.vector (Array.init 128 (fun i -> i % 10))

    { Run =
        fun () ->
            weights <- step (weights, x, y)
            List.iter force weights
      Profile = fun () -> profile 200 update (weights, x, y) }

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
        let work = workload name
        median 1000.0 work.Run |> ignore
        printf $"{work.Profile()}"
        exit 0
    | _ -> ()

    let milliseconds = float argv[0]
    let mutable current = ""
    let mutable run = ignore

    printfn $"{Environment.Version}, {Environment.ProcessorCount} threads"

    while (match Console.ReadLine() with
           | null -> false
           | name ->
               if name <> current then
                   current <- name
                   run <- (workload name).Run
                   median (3.0 * milliseconds) run |> ignore

               printfn $"{median milliseconds run}"
               true) do
        ()

    0
