/// What must be measured while nothing else runs.
[<Xunit.Collection("Memory")>]
module Properties.Memory

open System
open System.Diagnostics
open Xunit
open Ad.Functional

/// Tests in this collection run by themselves, after all others.
[<CollectionDefinition("Memory", DisableParallelization = true)>]
type Alone() = class end

/// Managed memory in use after a full collection.
let private settled () =
    for _ in 1..3 do
        GC.Collect()
        GC.WaitForPendingFinalizers()

    // Hands free memory back to the system, so that what the process holds can be compared.
    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, true, true)
    GC.GetTotalMemory true

/// Runs so many steps, and as many again, which may add next to nothing to the managed memory or to that of the process.
let private staysWithin (slack: int64) (steps: int) (run: int -> unit) =
    let resident () =
        use self = Process.GetCurrentProcess()
        self.WorkingSet64

    run steps
    let managed, native = settled (), resident ()
    run steps
    Assert.InRange(settled () - managed, System.Int64.MinValue, slack)
    Assert.InRange(resident () - native, System.Int64.MinValue, 60_000_000L)

let private staysFlat steps run = staysWithin 100_000L steps run

let private data = Random.normal (Key.ofSeed 5L) [ 16; 4 ]
let private loss (w: Tensor) = Tensor.mean (Tensor.square (Tensor.matmul data w - 1.0))

[<Fact>]
let ``ten thousand plain training steps keep memory flat`` () =
    let optimizer = Optimizer.adam 0.01
    let mutable p = Tensor.zeros Float64 [ 4 ]
    let mutable s = optimizer.Init p

    let run n =
        for _ in 1..n do
            let value, g = Reverse.valueAndGradient loss p
            let p', s' = Optimizer.step optimizer g s p
            p <- p'
            s <- s'
            Tensor.toScalar value |> ignore

    staysFlat 10_000 run
    Assert.InRange(Tensor.toScalar (loss p), 0.0, Tensor.toScalar (loss (Tensor.zeros Float64 [ 4 ])))

[<Fact>]
let ``a plain loop that nobody looks at but for its loss keeps memory flat`` () =
    // Written by hand: the state is never asked for, and the velocity is no transform's argument.
    let mutable p = Tensor.zeros Float64 [ 4 ]
    let mutable v = Tensor.zeros Float64 [ 4 ]

    let run n =
        for _ in 1..n do
            let value, g = Reverse.valueAndGradient loss p
            Tensor.toScalar value |> ignore
            v <- 0.9 * v + g
            p <- p - 0.01 * v

    staysFlat 10_000 run

[<Fact>]
let ``ten thousand jitted training steps keep memory flat`` () =
    let optimizer = Optimizer.adam 0.01

    let step =
        jit (fun (p, s) ->
            let value, g = Reverse.valueAndGradient loss p
            let p, s = Optimizer.step optimizer g s p
            p, s, value)

    let mutable p = Tensor.zeros Float64 [ 4 ]
    let mutable s = optimizer.Init p

    let run n =
        for _ in 1..n do
            let p', s', _ = step (p, s)
            p <- p'
            s <- s'

    staysFlat 10_000 run

[<Fact>]
let ``a state that nobody ever looks at keeps memory flat too`` () =
    let mutable count = Tensor.zeros Int32 []
    let mutable sum = Tensor.zeros Float64 [ 10 ]

    let run n =
        for _ in 1..n do
            count <- count + 1
            sum <- 0.5 * sum + 1.0

    // Up to four thousand operations of each chain wait to be computed at any moment.
    staysWithin 4_000_000L 50_000 run
    Assert.Equal(100_000.0, Tensor.toScalar count)

[<Fact>]
let ``a step of a fold in steady state allocates less than sixteen kilobytes, whatever its state holds`` () =
    let optimizer = Optimizer.adam 0.01

    let folded =
        jitFold (fun (p, s) (x: Tensor) ->
            let value, g = Reverse.valueAndGradient (fun p -> Tensor.sum (Tensor.square (p - x))) p

            Optimizer.step optimizer g s p, value)

    let start = Tensor.zeros Float64 [ 100_000 ] |> Tensor.eval
    let state = Tree.eval (start, optimizer.Init start)
    let x = Tensor.ones Float64 [ 100_000 ] |> Tensor.eval
    folded state (Seq.replicate 50 x) |> ignore
    let before = GC.GetTotalAllocatedBytes true
    folded state (Seq.replicate 1000 x) |> ignore
    // The first steps have memory of their own for states to go on in.
    let first = 2L * 3L * 800_000L
    Assert.InRange(GC.GetTotalAllocatedBytes true - before - first, System.Int64.MinValue, 1000L * 16_384L)

/// Managed bytes that a call takes once it has been called often.
let private allocated calls (run: unit -> unit) =
    for _ in 1..calls do
        run ()

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..calls do
        run ()

    (GC.GetAllocatedBytesForCurrentThread() - before) / int64 calls

[<Fact>]
let ``the gradient of a scan allocates less than sixteen kilobytes, whatever its length`` () =
    let start = Random.normal (Key.ofSeed 6L) [ 4 ] |> Tensor.eval

    let bytes length =
        let xs = Random.normal (Key.ofSeed 7L) [ length; 4 ] |> Tensor.eval
        let step (s: Tensor) (x: Tensor) = tanh (s * x + 0.1), s * s

        let slope = jit (grad (fun s -> let last, all = scan step s xs in Tensor.sum last + Tensor.sum all))

        allocated 200 (fun () -> slope start |> ignore)

    Assert.InRange(bytes 20, 0L, 16_384L)
    Assert.InRange(bytes 2_000 - bytes 20, -1_024L, 1_024L)

[<Fact>]
let ``a jitted function of a number allocates less than a kilobyte`` () =
    let slope = jit (grad (fun (x: Tensor) -> sin x * exp (-x * x)))
    let x = Tensor.scalar 0.3 |> Tensor.eval
    Assert.InRange(allocated 5_000 (fun () -> slope x |> ignore), 0L, 1_024L)

[<Fact>]
let ``a training step of a perceptron allocates less than sixteen kilobytes`` () =
    let layer = Layer.perceptron Float32 Tensor.relu 0.0 [ 100; 50; 10 ]
    let optimizer = Optimizer.adam 1e-3
    let x = Random.normalOf Float32 (Key.ofSeed 8L) [ 32; 100 ] |> Tensor.eval
    let classes = Random.integers 0 10 (Key.ofSeed 9L) [ 32 ] |> Tensor.eval

    let folded =
        jitFold (fun (p, s) (x, classes) ->
            let g = grad (fun p -> Losses.crossEntropy (layer.Apply Inference p x) classes) p
            Optimizer.step optimizer g s p, ())

    let first = layer.Init(Key.ofSeed 10L)
    let start = Tensor.eval (first, optimizer.Init first)
    let steps = 500
    // The first steps have memory of their own for states to go on in: each of these folds has three times its parameters twice.
    let states = 2L * 3L * 4L * int64 (100 * 50 + 50 + 50 * 10 + 10)
    let bytes = allocated 2 (fun () -> folded start (Seq.replicate steps (x, classes)) |> ignore)
    Assert.InRange(bytes - states, System.Int64.MinValue, int64 steps * 16_384L)

/// The fewest bytes that a call takes, asked again for a while: code that the runtime has not yet optimised boxes numbers.
let private settling most calls run =
    let rec again tries =
        let bytes = allocated calls run

        if bytes <= most || tries = 0 then
            bytes
        else
            System.Threading.Thread.Sleep 50
            again (tries - 1)

    again 40

[<Fact>]
let ``an addition without jit allocates little more than its node`` () =
    let x = Random.normal (Key.ofSeed 11L) [ 10 ] |> Tensor.eval
    let additions = 20_000

    let run () =
        let mutable y = x

        for _ in 1..additions do
            y <- y + x

        Tensor.eval y |> ignore

    // Where tensors were ever moved between devices, as other tests do, a list of the nodes is made besides: 32 bytes each.
    let most = 256L * int64 additions
    Assert.InRange(settling most 5 run, 0L, most)

[<Fact>]
let ``a step of a chain that is differentiated without jit allocates less than two kilobytes`` () =
    let x = Random.normal (Key.ofSeed 12L) [ 10 ] |> Tensor.eval
    let chain (x: Tensor) = Seq.fold (fun y _ -> y * x + x) x (seq { 1..500 }) |> Tensor.sum
    let most = 1_000L * 2_048L

    Assert.InRange(settling most 20 (fun () -> Tensor.eval (Reverse.gradient chain x) |> ignore), 0L, most)

[<Fact>]
let ``a gradient by adjoint numbers allocates no more for a longer function`` () =
    let bytes steps =
        let f (x: Scalar.Adjoint<float> array) =
            let mutable y = x[0]

            for _ in 1..steps do
                y <- y * x[1] + x[0]

            y

        settling 1_024L 100 (fun () -> Scalar.Reverse.gradient f [| 0.5; 0.3 |] |> ignore)

    Assert.InRange(bytes 20, 0L, 1_024L)
    Assert.InRange(bytes 20_000, 0L, 1_024L)
