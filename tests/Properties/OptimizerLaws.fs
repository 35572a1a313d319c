module Properties.OptimizerLaws

open System
open Xunit
open Ad.Functional

let private floats (t: Tensor) = Tensor.toArray<float> t
let private rosenbrock (p: Tensor) = Tensor.square (1.0 - p[0]) + 100.0 * Tensor.square (p[1] - p[0] * p[0])
let private parabola (p: Tensor) = Tensor.sum (Tensor.square (p - Tensor.vector [ 3.0; -2.0 ]))

/// An optimizer with its state hidden: a function from an objective and a start to the point after so many steps.
let private run (optimizer: Optimizer<Tensor, 'S>) f (start: Tensor) steps =
    let step =
        jit (fun (p, s) ->
            let g = Reverse.gradient f p
            Optimizer.step optimizer g s p)

    let mutable p, s = start, optimizer.Init start

    for _ in 1..steps do
        let p', s' = step (p, s)
        p <- p'
        s <- s'

    p

let private optimizers: (string * ((Tensor -> Tensor) -> Tensor -> int -> Tensor)) list =
    [ "sgd", run (Optimizer.sgd 1e-3)
      "momentum", run (Optimizer.momentum 1e-4 0.9)
      "nesterov", run (Optimizer.nesterov 1e-4 0.9)
      "adam", run (Optimizer.adam 1e-2)
      "adamW", run (Optimizer.adamW 1e-2 0.0)
      "rmsprop", run (Optimizer.rmsprop 1e-3)
      "adagrad", run (Optimizer.adagrad 1.0)
      "clipped sgd", run (Updates.clipByGlobalNorm 10.0 >-> Optimizer.sgd 1e-3) ]

[<Fact>]
let ``every optimizer reaches the minimum of a parabola and of Rosenbrock's function`` () =
    for name, minimize in optimizers do
        let a = minimize parabola (Tensor.vector [ -1.0; 3.0 ]) 10_000
        Assert.True(Tensor.toScalar (parabola a) < 1e-2, $"{name} on the parabola: {a}")
        let b = minimize rosenbrock (Tensor.vector [ -1.0; 1.0 ]) 20_000
        Assert.True(Tensor.toScalar (rosenbrock b) < 3e-2, $"{name} on Rosenbrock's function: {b}")

/// Three gradients, and a reference written out in plain numbers.
let private gradients = [ 0.5; -1.5; 2.0 ]

let private trajectory (optimizer: Optimizer<Tensor, 'S>) =
    let mutable p, s = Tensor.scalar 1.0, optimizer.Init(Tensor.scalar 1.0)

    [ for g in gradients do
          let p', s' = Optimizer.step optimizer (Tensor.scalar g) s p
          p <- p'
          s <- s'
          Tensor.toScalar p ]

let private reference start step = gradients |> Seq.scan step start |> Seq.tail |> Seq.map fst |> List.ofSeq

let private same (expected: float list) (actual: float list) =
    Assert.All(List.zip expected actual, fun (e, a) -> Assert.Equal(e, a, 14))

[<Fact>]
let ``momentum's first step is rate times gradient`` () =
    let step (p, v) g =
        let v = 0.9 * v + g
        p - 0.1 * v, v

    same (reference (1.0, 0.0) step) (trajectory (Optimizer.momentum 0.1 0.9))
    let optimizer = Optimizer.momentum 0.1 0.9
    let x = Tensor.scalar 1.0
    let p, _ = Optimizer.step optimizer (Reverse.gradient (fun x -> 0.5 * x * x) x) (optimizer.Init x) x
    Assert.Equal(0.9, Tensor.toScalar p, 15)

[<Fact>]
let ``adamW decays the parameters, not the gradients`` () =
    let p = Tensor.scalar 2.0
    let optimizer = Optimizer.adamW 0.1 0.5
    let next, _ = Optimizer.step optimizer (Tensor.scalar 0.0) (optimizer.Init p) p
    Assert.Equal(2.0 - 0.1 * 0.5 * 2.0, Tensor.toScalar next, 15)

[<Fact>]
let ``chaining is associative, and the identity is its unit`` () =
    let a, b, c = Updates.scale 0.5, Updates.clip 0.7, Optimizer.sgd 0.1
    let left = trajectory ((a >-> b) >-> c)
    Assert.Equal<float list>(left, trajectory (a >-> (b >-> c)))
    Assert.Equal<float list>(trajectory c, trajectory (Updates.identity >-> c))
    Assert.Equal<float list>(trajectory c, trajectory (c >-> Updates.identity))

[<Fact>]
let ``clipping by norm keeps the direction and does nothing to short gradients`` () =
    let clip = Updates.clipByGlobalNorm 1.0
    let g = [ Tensor.vector [ 3.0; 0.0 ]; Tensor.vector [ 4.0 ] ]
    let clipped, () = clip.Update g () g
    Assert.Equal(1.0, Tensor.toScalar (Updates.globalNorm clipped), 15)
    Assert.Equal<float[]>([| 0.6; 0.0 |], floats clipped[0] |> Array.map (fun x -> Math.Round(x, 15)))
    let short = [ Tensor.vector [ 0.3; 0.0 ]; Tensor.vector [ 0.4 ] ]
    Assert.Equal<Tensor list>(short, fst (clip.Update short () short))

[<Fact>]
let ``interrupted and resumed is the same as not interrupted`` () =
    let optimizer = Optimizer.adam 0.05
    let start = Tensor.vector [ -1.0; 1.0 ]

    let steps n (p, s) =
        Seq.fold
            (fun (p, s) _ -> Optimizer.step optimizer (Reverse.gradient rosenbrock p) s p)
            (p, s)
            (seq { 1..n })

    let whole = steps 20 (start, optimizer.Init start)
    let half = steps 8 (start, optimizer.Init start)
    // What a file holds: the leaves, as arrays.
    let saved =
        Tree.leaves half
        |> Array.map (fun t ->
            if t.DType = Int32 then
                Tensor.ofArray t.Shape (Tensor.toArray<int> t)
            else
                Tensor.ofArray t.Shape (floats t))

    let resumed = steps 12 (Tree.withLeaves saved half)
    Assert.Equal<Tensor[]>(Tree.leaves whole, Tree.leaves resumed)

[<Fact>]
let ``hypergradients through unrolled training are exact, even where a gradient is zero`` () =
    // The second parameter's gradient is always 0.
    let objective (p: Tensor) = Tensor.square (p[0] - 1.0) + 0.0 * p[1]

    let train (make: Tensor -> Optimizer<Tensor, 'S>) (rate: Tensor) =
        let optimizer = make rate
        let start = Tensor.vector [ 3.0; 5.0 ]

        Seq.fold
            (fun (p, s) _ -> Optimizer.step optimizer (Reverse.gradient objective p) s p)
            (start, optimizer.Init start)
            (seq { 1..5 })
        |> fst
        |> objective

    let check name (final: Tensor -> Tensor) =
        let rate = 0.05
        let f x = Tensor.toScalar (final (Tensor.scalar x))
        let central h = (f (rate + h) - f (rate - h)) / (2.0 * h)
        let numeric = (4.0 * central 5e-5 - central 1e-4) / 3.0
        let forward = Tensor.toScalar (Forward.gradient final (Tensor.scalar rate))
        let reverse = Tensor.toScalar (Reverse.gradient final (Tensor.scalar rate))

        Assert.True(
            abs (forward - numeric) < 1e-7 * (1.0 + abs numeric),
            $"{name}: {forward} against {numeric}"
        )

        Assert.Equal(forward, reverse, 12)

    check "sgd" (train (fun rate -> Updates.scaleBy (-rate)))
    check "momentum" (train (fun rate -> Updates.momentum 0.9 false >-> Updates.scaleBy (-rate)))
    check "adam" (train (fun rate -> Scaling.adam 0.9 0.999 1e-8 >-> Updates.scaleBy (-rate)))

[<Fact>]
let ``settings that are no numbers in range are refused by name`` () =
    for make in
        [ (fun () -> Optimizer.sgd nan |> ignore)
          (fun () -> Optimizer.adam -1.0 |> ignore)
          (fun () -> Optimizer.adam infinity |> ignore) ] do
        Assert.Contains("learning rate", Assert.Throws<ArgumentException>(make).Message)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            (Optimizer.momentum 0.1 nan: Optimizer<Tensor, _>) |> ignore)

    Assert.Contains("decay", error.Message)

[<Fact>]
let ``schedules have their closed forms`` () =
    let at (schedule: Schedule) step = Tensor.toScalar (schedule (Tensor.scalar (step: int)))
    Assert.Equal(0.1, at (Schedules.constant 0.1) 7)
    Assert.Equal(0.75, at (Schedules.linear 1.0 0.5 10) 5, 15)
    Assert.Equal(0.5, at (Schedules.linear 1.0 0.5 10) 99, 15)
    Assert.Equal(0.5, at (Schedules.exponential 1.0 0.5 10) 10, 15)
    Assert.Equal(0.55, at (Schedules.cosine 1.0 0.1 10) 5, 15)
    Assert.Equal(0.1, at (Schedules.cosine 1.0 0.1 10) 10, 15)
    let warm = Schedules.warmUp 4 (Schedules.constant 1.0)
    Assert.Equal<float list>([ 0.25; 0.5; 0.75; 1.0; 1.0 ], [ for step in 0..4 -> at warm step ])
