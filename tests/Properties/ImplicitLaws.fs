module Properties.ImplicitLaws

open System
open Xunit
open Ad.Functional
open Ad.Tensors

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
    Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")

let private points seed shape = Random.normal (Key.ofSeed (int64 (seed: int))) shape |> Tensor.eval

/// A matrix without symmetry, far from singular.
let private square seed n = points seed [ n; n ] + 3.0 * Tensor.eye Float64 n

[<Fact>]
let ``linearSolve solves systems of all kinds, singular directions of the residual included`` () =
    let rotation = Tensor.matrix [ [ 0.0; -1.0 ]; [ 1.0; 0.0 ] ]

    for a in
        [ square 1 7
          rotation
          points 3 [ 5; 5 ]
          Tensor.eye Float64 3 * -2.0
          0.1 * points 4 [ 90; 90 ] + 3.0 * Tensor.eye Float64 90 ] do
        let b = points 2 [ a.Shape[0] ]
        close 1e-8 b (Tensor.matmul a (linearSolve (Tensor.matmul a) b))

[<Fact>]
let ``the derivative of a solution is the analytic one, in both modes and to second order`` () =
    let a, b = square 5 4, points 6 [ 4 ]
    let f (a: Tensor, b) = Tensor.sum (Tensor.square (linearSolve (Tensor.matmul a) b))
    let x = linearSolve (Tensor.matmul a) b
    let back = linearSolve (Tensor.matmul (Tensor.transpose a)) (2.0 * x)
    let ofA, ofB = grad f (a, b)
    close 1e-10 back ofB
    close 1e-10 (-(Tensor.outer back x)) ofA
    let da, db = points 7 [ 4; 4 ], points 8 [ 4 ]
    close 1e-10 (Tensor.sum (ofA * da) + Tensor.dot ofB db) (snd (Forward.jvp f (a, b) (da, db)))
    let hb v = snd (hvp f (a, b) (Tensor.zerosLike a, v))

    close
        1e-9
        (2.0
         * linearSolve (Tensor.matmul (Tensor.transpose a)) (linearSolve (Tensor.matmul a) db))
        (hb db)

let private kepler (e: Tensor) = fixedPoint (fun s -> 1.0 + e * sin s) (Tensor.scalar 0.0)

[<Fact>]
let ``derivatives of a fixed point are analytic up to third order`` () =
    // s = 1 + e sin s (Kepler): s' = sin s / (1 - e cos s).
    let e = Tensor.scalar 0.4
    let s = Tensor.toScalar (kepler e)
    let first = sin s / (1.0 - 0.4 * cos s)
    let slope = Reverse.gradient kepler
    close 1e-12 (Tensor.scalar first) (slope e)
    close 1e-12 (Tensor.scalar first) (Forward.derivative kepler e)
    let analytic (e: Tensor) = let s: Tensor = kepler e in Tensor.sin s / (1.0 - e * Tensor.cos s)
    close 1e-10 (Forward.derivative analytic e) (Forward.derivative slope e)
    close 1e-10 (grad analytic e) (grad slope e)
    close 1e-9 (grad (grad analytic) e) (Forward.derivative (grad slope) e)

[<Fact>]
let ``the derivative of a fixed point depends on neither start nor iterations`` () =
    let from start (e: Tensor) = fixedPoint (fun (s: Tensor) -> 1.0 + e * sin s) start
    let e = Tensor.scalar 0.4
    close 1e-13 (grad (from (Tensor.scalar 0.0)) e) (grad (from (Tensor.scalar 2.9)) e)
    close 0.0 (Tensor.scalar 0.0) (grad (fun start -> from start e) (Tensor.scalar 0.3))
    let _, cost = Cost.measure (fun () -> grad kepler e)
    Assert.Equal(1, cost.Passes)

let private intersection (c: Tensor) =
    // x^2 + y^2 = c0 and x = c1 y.
    root
        (fun (x: Tensor, y: Tensor) -> x * x + y * y - c[0], x - c[1] * y)
        (Tensor.scalar 1.0, Tensor.scalar 1.0)

[<Fact>]
let ``root finds what an analytic solution is, and so are its derivatives`` () =
    let analytic (c: Tensor) : Tensor = c[1] * Tensor.sqrt (c[0] / (1.0 + c[1] * c[1]))
    let numeric c = fst (intersection c)
    let c = Tensor.vector [ 3.0; 0.7 ]
    close 1e-12 (analytic c) (numeric c)
    close 1e-11 (grad analytic c) (grad numeric c)
    close 1e-11 (Forward.gradient analytic c) (Forward.gradient numeric c)
    close 1e-9 (hessian analytic c) (hessian numeric c)

[<Fact>]
let ``a solution compiles and maps, and so do its derivatives`` () =
    let numeric c = fst (intersection c)
    let many = Tensor.matrix [ [ 3.0; 0.7 ]; [ 2.0; 1.5 ]; [ 5.0; 0.1 ] ]
    let each f = Tensor.stack 0 [ for i in 0..2 -> f many[i] ]
    close 1e-12 (each numeric) (vmap numeric many)
    close 1e-10 (each (grad numeric)) (vmap (grad numeric) many)
    close 1e-12 (numeric many[0]) (jit numeric many[0])
    close 1e-11 (grad numeric many[0]) (jit (grad numeric) many[0])

[<Fact>]
let ``rootWith takes any solver, and the derivative does not ask how it works`` () =
    let bisect (g: Tensor -> Tensor) (start: Tensor) =
        let step _ (low: Tensor, high: Tensor) =
            let middle = 0.5 * (low + high)
            let below = Tensor.less (g middle) (Tensor.scalar 0.0)
            Tensor.where below middle low, Tensor.where below high middle

        fst (iterate 60 step (start, start + 10.0))

    let cubeRoot a = rootWith bisect (fun s -> s * s * s - a) (Tensor.scalar 0.0)
    close 1e-14 (Tensor.scalar 2.0) (cubeRoot (Tensor.scalar 8.0))
    close 1e-13 (Tensor.scalar (1.0 / 12.0)) (grad cubeRoot (Tensor.scalar 8.0))

[<Fact>]
let ``the least point moves as its stationarity says`` () =
    // The minimum of Rosenbrock's function with a in place of 1 is (a, a^2).
    let least (a: Tensor) =
        argmin
            (fun (x: Tensor, y: Tensor) -> (a - x) ** 2.0 + 100.0 * (y - x * x) ** 2.0)
            (Tensor.scalar -1.2, Tensor.scalar 1.0)

    let a = Tensor.scalar 1.3
    let x, y = least a
    close 1e-9 a x
    close 1e-9 (a * a) y
    close 1e-7 (2.0 * a) (grad (least >> snd) a)
    close 1e-6 (Tensor.scalar 2.0) (grad (grad (least >> snd)) a)

[<Fact>]
let ``what has no solution is NaN`` () =
    let isNaN (t: Tensor) = Assert.True(System.Double.IsNaN(Tensor.toScalar (Tensor.sum t)), $"{t}")
    let singular = Tensor.matrix [ [ 1.0; 1.0 ]; [ 1.0; 1.0 ] ]
    isNaN (linearSolve (Tensor.matmul singular) (Tensor.vector [ 1.0; -1.0 ]))
    isNaN (root (fun (x: Tensor) -> x * x + 1.0) (Tensor.scalar 0.5))
    isNaN (fixedPoint (fun (x: Tensor) -> x + 1.0) (Tensor.scalar 0.0))

[<Fact>]
let ``equations that do not match the unknowns are refused`` () =
    let error =
        Assert.Throws<ArgumentException>(fun () ->
            root (fun (s: Tensor) -> Tensor.concat 0 [ s; s ]) (points 1 [ 2 ]) |> ignore)

    Assert.Equal("root: there are 2 unknowns (float64[2]), but the function gives float64[4].", error.Message)

let private occurrences (word: string) (text: string) = text.Split(word).Length - 1

[<Fact>]
let ``a schedule runs the fewest steps that its snapshots allow`` () =
    for steps, snapshots in [ 1, 1; 2, 1; 5, 1; 6, 2; 10, 3; 12, 2; 20, 4 ] do
        let chain s =
            let last, () =
                Revolve.scanWithSnapshots
                    snapshots
                    (fun (s: Tensor) (_: Tensor) -> sin s, ())
                    s
                    (Tensor.zeros Float64 [ steps ])

            last

        // Each step is written out once where it is run forward, and once where it is reversed.
        let text = explain (grad chain) (Tensor.scalar 0.3)
        let written = text.Substring(0, text.LastIndexOf "return %")
        Assert.Equal(Revolve.fewest steps snapshots + int64 steps, int64 (occurrences " = sin " written))

[<Fact>]
let ``the fewest steps are those of the best of all schedules`` () =
    let known = Collections.Generic.Dictionary()

    let rec best steps snapshots =
        if steps <= 1 then
            0L
        elif snapshots = 1 then
            int64 steps * int64 (steps - 1) / 2L
        else
            match known.TryGetValue((steps, snapshots)) with
            | true, b -> b
            | _ ->
                let b =
                    Seq.min (
                        seq {
                            for m in 1 .. steps - 1 ->
                                int64 m + best (steps - m) (snapshots - 1) + best m snapshots
                        }
                    )

                known[(steps, snapshots)] <- b
                b

    for steps in 1..60 do
        for snapshots in 1..5 do
            Assert.Equal(best steps snapshots, Revolve.fewest steps snapshots)

[<Fact>]
let ``scans that keep less are the scan`` () =
    let xs = points 9 [ 37; 3 ]
    let step (s: Tensor) (x: Tensor) = tanh (s * 0.9 + x), s * x

    let loss scan (s, xs) =
        let last, (all: Tensor) = scan step s xs in Tensor.sum (sin last) + Tensor.sum (all * all)

    let start = points 10 [ 3 ]
    let a, b = grad (loss scan) (start, xs)

    for scan in
        [ Revolve.checkpointScan
          Revolve.scanWithSnapshots 3
          Revolve.scanWithSnapshots 1 ] do
        let a', b' = grad (loss scan) (start, xs)
        close 1e-14 a a'
        close 1e-14 b b'

let private temporaries (f: Tensor -> Tensor) x =
    let plan: string = explain f x
    let line = plan.Split('\n') |> Array.findBack (fun line -> line.StartsWith "temporaries ")
    int64 (line.Split(' ')[1])

[<Fact>]
let ``a checkpointed scan keeps the square root of the states`` () =
    let last scan x =
        fst (scan (fun (s: Tensor) (_: Tensor) -> sin (s * 1.01), ()) x (Tensor.zeros Float64 [ 900 ]))
        |> Tensor.sum

    let x = points 11 [ 1000 ]
    let all, few = temporaries (grad (last scan)) x, temporaries (grad (last Revolve.checkpointScan)) x
    Assert.True(few * 10L < all, $"{few} against {all}")
