module Properties.ControlLaws

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

let private cell (w: Tensor) (s: Tensor) (x: Tensor) =
    let next = tanh (Tensor.matmul w s + x)
    next, next * s

/// The same by a loop of F#'s own.
let private unrolled f s (xs: Tensor) =
    let states = [ 0 .. xs.Shape[0] - 1 ] |> List.scan (fun (s, _) i -> f s xs[i]) (s, s)
    fst (List.last states), Tensor.stack 0 (List.tail states |> List.map snd)

let private w, private xs, private start = points 1 [ 3; 3 ] * 0.4, points 2 [ 5; 3 ], points 3 [ 3 ]

let private loss scan (w, s, xs) =
    let last, all = scan (cell w) s xs
    Tensor.sum (last * last) + Tensor.sum (sin all)

[<Fact>]
let ``a scan is the loop`` () =
    let last, all = scan (cell w) start xs
    let last', all' = unrolled (cell w) start xs
    close 0.0 last' last
    close 0.0 all' all

[<Fact>]
let ``a scan from the end is the scan of the flipped, flipped`` () =
    let last, all = scanReverse (cell w) start xs
    let last', all' = scan (cell w) start (Tensor.flip [ 0 ] xs)
    close 0.0 last' last
    close 0.0 (Tensor.flip [ 0 ] all') all

[<Fact>]
let ``a scan along permuted, repeated and flipped tensors is the scan along their copies`` () =
    let views =
        [ Tensor.transpose (points 4 [ 3; 5 ])
          Tensor.broadcastTo [ 5; 3 ] start
          Tensor.flip [ 0; 1 ] xs ]

    for view in views do
        let run () = scan (cell w) start (Tensor.identity view) |> snd
        let lazily = run ()
        Tensor.eval view |> ignore
        close 0.0 lazily (run ())

[<Fact>]
let ``the gradient of a scan is the loop's, by what it carries, goes along and closes over`` () =
    let a, b, c = grad (loss scan) (w, start, xs)
    let a', b', c' = grad (loss unrolled) (w, start, xs)
    close 1e-14 a' a
    close 1e-14 b' b
    close 1e-14 c' c

[<Fact>]
let ``second derivatives of a scan are the loop's, in all four nestings`` () =
    let v = points 5 [ 3 ]
    let f scan s = loss scan (w, s, xs)
    let expected = hvp (f unrolled) start v
    let along f s = snd (Forward.jvp f s v)
    let reverseOverReverse s = Reverse.gradient (fun s -> Tensor.dot (Reverse.gradient (f scan) s) v) s
    close 1e-13 expected (hvp (f scan) start v)
    close 1e-13 expected (reverseOverReverse start)
    close 1e-13 expected (Reverse.gradient (along (f scan)) start)
    close 1e-13 (Tensor.dot expected v) (along (along (f scan)) start)

[<Fact>]
let ``third derivatives of a scan are the loop's`` () =
    let f scan s = loss scan (w, s, xs)

    let third f =
        Reverse.gradient
            (fun s -> Tensor.sum (Reverse.gradient (fun s -> Tensor.sum (Reverse.gradient f s)) s))
            start

    close 1e-12 (third (f unrolled)) (third (f scan))

[<Fact>]
let ``a scan maps over what it carries, goes along and closes over`` () =
    let ws, starts, many = points 6 [ 2; 3; 3 ] * 0.4, points 7 [ 2; 3 ], points 8 [ 2; 5; 3 ]
    let each f = Tensor.stack 0 [ f 0; f 1 ]
    let run w s xs = scan (cell w) s xs |> snd
    close 1e-14 (each (fun i -> run ws[i] start xs)) (vmap (fun w -> run w start xs) ws)
    close 1e-14 (each (fun i -> run w starts[i] xs)) (vmap (fun s -> run w s xs) starts)
    close 1e-14 (each (fun i -> run w start many[i])) (vmap (fun xs -> run w start xs) many)

    let one (w, s, xs) =
        let a, _, _ = grad (loss scan) (w, s, xs)
        a

    close 1e-13 (each (fun i -> one (ws[i], starts[i], many[i]))) (vmap one (ws, starts, many))

[<Fact>]
let ``a compiled scan and its gradient are the same`` () =
    let f x = loss scan x
    close 1e-15 (f (w, start, xs)) (jit f (w, start, xs))
    let a, _, c = grad f (w, start, xs)
    let a', _, c' = jit (grad f) (w, start, xs)
    close 1e-15 a a'
    close 1e-15 c c'

[<Fact>]
let ``a learning rate that changes makes no new program`` () =
    let step (rate: float) = iterate 3 (fun _ s -> s - rate * s) start |> Tensor.eval
    close 1e-15 (start * (0.9 ** 3.0)) (step 0.1)
    close 1e-15 (start * (0.8 ** 3.0)) (step 0.2)

    let body rate =
        (Body.trace [| start.Signature |] (fun s -> [| s[0] - s[0] * (rate: float) |])
         |> fst)

    let program rate =
        let b = body rate
        Body.program b b.Results

    Assert.Equal(program 0.1, program 0.2)

/// A step of a random function of a state and a slice, both vectors of three: functions, products, sums, choices, movement.
let private someCell (random: System.Random) (w: Tensor) =
    let choices = Array.init 8 (fun _ -> random.Next 10, random.Next 100, random.Next 100)

    fun (s: Tensor) (x: Tensor) ->
        let known = ResizeArray [ s; x; w[0] ]

        for kind, a, b in choices do
            let a, b = known[a % known.Count], known[b % known.Count]

            known.Add(
                match kind with
                | 0 -> tanh a
                | 1 -> a * b
                | 2 -> Tensor.matmul w a
                | 3 -> a * Tensor.sum b
                | 4 -> sin a
                | 5 -> a / (1.0 + b * b)
                | 6 -> Tensor.where (Tensor.less a b) a (b * b)
                | 7 -> Tensor.flip [ 0 ] a
                | 8 -> Tensor.concat 0 [ a[1..]; b[..0] ]
                | _ -> a - Tensor.logSumExp b
            )

        let last = known[known.Count - 1]
        tanh (0.5 * last + 0.1 * s), last * known[known.Count - 2]

[<Fact>]
let ``random steps have the derivatives of the loop, and the same bits however often they have run`` () =
    for seed in 1..12 do
        let step w = someCell (System.Random seed) w
        let xs = points (100 + seed) [ 20; 3 ]

        let loss scan (w, s, xs) =
            let last, all = scan (step w) s xs
            Tensor.sum (last * last) + Tensor.sum (sin all)

        let compiled = jit (fun p -> Reverse.gradient (loss scan) p, Forward.jvp (loss scan) p p)

        let (a, b, c), (value, along) = compiled (w, start, xs)
        let a', b', c' = Reverse.gradient (loss unrolled) (w, start, xs)
        let value', along' = Forward.jvp (loss unrolled) (w, start, xs) (w, start, xs)
        List.iter2 (close 1e-11) [ a'; b'; c'; value'; along' ] [ a; b; c; value; along ]
        // By then the steps run as code of their own.
        for _ in 1..100 do
            compiled (w, start, xs) |> ignore

        let (a'', b'', c''), (value'', along'') = compiled (w, start, xs)
        List.iter2 (close 0.0) [ a; b; c; value; along ] [ a''; b''; c''; value''; along'' ]

[<Fact>]
let ``a scan over nothing gives the state it began with`` () =
    let last, all = scan (cell w) start (Tensor.zeros Float64 [ 0; 3 ])
    close 0.0 start last
    Assert.Equal<int list>([ 0; 3 ], Tensor.shape all)

    close
        0.0
        (Tensor.onesLike start)
        (grad (fun s -> Tensor.sum (fst (scan (cell w) s (Tensor.zeros Float64 [ 0; 3 ])))) start)

[<Fact>]
let ``states of a scan are trees, and integers in them are counted`` () =
    let step (n: Tensor, s: Tensor) = (n + 1, s * 1.5), {| Count = n; State = s |}
    let (n, s), all = scanSteps 4 step (Tensor.scalar 0, Tensor.scalar 1.0)
    Assert.Equal(4.0, Tensor.toScalar n)
    Assert.Equal(1.5 ** 4.0, Tensor.toScalar s)
    Assert.Equal<int[]>([| 0; 1; 2; 3 |], Tensor.toArray<int> all.Count)
    Assert.Equal<float[]>([| 1.0; 1.5; 2.25; 3.375 |], Tensor.toArray<float> all.State)

[<Fact>]
let ``a scan that is linear transposes`` () =
    let sums (x: Tensor) = scan (fun s x -> s + 2.0 * x, s + x) (Tensor.zeros Float64 [ 3 ]) x |> snd
    let g = points 9 [ 5; 3 ]
    let transposed = linearTranspose sums xs g
    close 1e-14 (Tensor.sum (sums xs * g)) (Tensor.sum (xs * transposed))

[<Fact>]
let ``a scan that is not linear does not transpose`` () =
    let f (x: Tensor) = scan (fun s x -> s * x, s) (Tensor.ones Float64 [ 3 ]) x |> snd
    let error = Assert.Throws<ArgumentException>(fun () -> linearTranspose f xs xs |> ignore)
    Assert.Contains("scan", error.Message)

[<Fact>]
let ``the gradient of a scan costs at most four times its value`` () =
    let w, xs, s = points 10 [ 40; 40 ] * 0.1, points 11 [ 30; 40 ], points 12 [ 40 ]
    let _, value = Cost.measure (fun () -> loss scan (w, s, xs))
    let _, gradient = Cost.measure (fun () -> valueAndGrad (loss scan) (w, s, xs))
    Assert.Equal(1, gradient.Passes)
    Assert.True(float gradient.Flops <= 4.0 * float value.Flops, $"{gradient.Flops} against {value.Flops}")

[<Fact>]
let ``a million steps run, and a hundred thousand are differentiated`` () =
    let run steps (x: Tensor) = iterate steps (fun _ s -> s * 0.999999 + x) (Tensor.scalar 0.0)
    let n = 1_000_000.0

    close
        1e-9
        (Tensor.scalar ((1.0 - System.Math.Pow(0.999999, n)) / 1e-6))
        (run 1_000_000 (Tensor.scalar 1.0))

    close 1e-9 (Tensor.scalar ((1.0 - 0.999999 ** 1e5) / 1e-6)) (grad (run 100_000) (Tensor.scalar 1.0))

[<Fact>]
let ``a state that changes its shape, type or structure is refused by name`` () =
    let refused f = (Assert.Throws<ArgumentException>(fun () -> f () |> ignore)).Message
    let message = refused (fun () -> scan (fun s x -> Tensor.concat 0 [ s; x ], ()) start xs)

    Assert.Equal(
        "scan: the state after a step is (float64[6]), but before it (float64[3]); structures, types and shapes must be equal.",
        message
    )

    Assert.Contains(
        "cond",
        refused (fun () -> cond (Tensor.scalar true) id (fun (s: Tensor) -> Tensor.sliceAxis 0 0 1 1 s) start)
    )

    Assert.Contains("one bool", refused (fun () -> cond (Tensor.scalar 1.0) id id start))
    Assert.Contains("one bool", refused (fun () -> whileLoop (fun s -> Tensor.less s s) id start))
    Assert.Contains("differ in size", refused (fun () -> scan (fun s (_, _) -> s, ()) start (xs, start)))

[<Fact>]
let ``cond runs the branch that is chosen, and its derivative`` () =
    for p in [ true; false ] do
        let ifTrue x = Tensor.sum (log x * w)
        let ifFalse (x: Tensor) = Tensor.sum (x * x * start)
        let f = cond (Tensor.scalar p) ifTrue ifFalse
        let plain = if p then ifTrue else ifFalse
        let x = Tensor.abs start + 0.5
        close 1e-15 (plain x) (f x)
        close 1e-14 (grad plain x) (grad f x)
        close 1e-13 (hessian plain x) (hessian f x)

[<Fact>]
let ``no NaN comes from the branch not taken`` () =
    let f (x: Tensor) = cond (Tensor.greater x (Tensor.scalar 0.0)) sqrt (fun x -> x * x) x
    Assert.Equal(-4.0, Tensor.toScalar (grad f (Tensor.scalar -2.0)))
    let both = vmap (grad f) (Tensor.vector [ -2.0; 4.0 ])
    close 1e-15 (Tensor.vector [ -4.0; 0.25 ]) both

[<Fact>]
let ``cond maps over its condition, its argument and what it closes over`` () =
    let ps = Tensor.vector [ true; false ]
    let many = points 13 [ 2; 3 ]
    let f p (x: Tensor) (c: Tensor) = cond p (fun x -> x * c) (fun x -> x + c) x
    let each f = Tensor.stack 0 [ f 0; f 1 ]
    close 0.0 (each (fun i -> f ps[i] start start)) (vmap (fun p -> f p start start) ps)
    close 0.0 (each (fun i -> f ps[0] many[i] start)) (vmap (fun x -> f ps[0] x start) many)
    close 0.0 (each (fun i -> f ps[1] start many[i])) (vmap (fun c -> f ps[1] start c) many)

let private newton (a: Tensor) =
    let far (x: Tensor) = Tensor.greater (abs (x * x - a)) (Tensor.scalar 1e-13)
    whileLoop far (fun x -> 0.5 * (x + a / x)) (Tensor.onesLike a)

[<Fact>]
let ``a while loop runs until its condition fails`` () =
    close 1e-13 (sqrt (Tensor.scalar 7.0)) (newton (Tensor.scalar 7.0))
    close 1e-13 (sqrt (Tensor.scalar 7.0)) (jit newton (Tensor.scalar 7.0))

[<Fact>]
let ``forward mode goes through a while loop, to any order`` () =
    let first = Forward.derivative newton
    close 1e-8 (Tensor.scalar (0.5 / sqrt 7.0)) (first (Tensor.scalar 7.0))
    close 1e-6 (Tensor.scalar (-0.25 / 7.0 ** 1.5)) (Forward.derivative first (Tensor.scalar 7.0))

[<Fact>]
let ``a mapped while loop stops each example at its own end`` () =
    let steps (limit: Tensor) =
        whileLoop
            (fun (n, _) -> Tensor.less n limit)
            (fun (n: Tensor, s: Tensor) -> n + 1, s * 2.0)
            (Tensor.scalar 0, Tensor.scalar 1.0)

    let n, s = vmap steps (Tensor.vector [ 3; 0; 5 ])
    Assert.Equal<int[]>([| 3; 0; 5 |], Tensor.toArray<int> n)
    Assert.Equal<float[]>([| 8.0; 1.0; 32.0 |], Tensor.toArray<float> s)

[<Fact>]
let ``a bounded while loop has the same value, and the same derivative in both modes`` () =
    let double limit (x: Tensor) =
        let goesOn s = Tensor.less s (Tensor.scalar (limit: float))
        whileLoopUpTo 20 goesOn (fun s -> s * x) x, whileLoop goesOn (fun s -> s * x) x

    let x = Tensor.scalar 1.7
    let bounded, free = double 30.0 x
    close 0.0 free bounded
    close 1e-14 (Forward.derivative (double 30.0 >> snd) x) (grad (double 30.0 >> fst) x)

let private temporaries f x =
    let plan: string = explain f x
    let line = plan.Split('\n') |> Array.findBack (fun line -> line.StartsWith "temporaries ")
    int64 (line.Split(' ')[1])

[<Fact>]
let ``a scan takes the same memory for any number of steps, and so does its tangent`` () =
    let run steps x = iterate steps (fun i s -> s * x + Tensor.cast Float64 i) (Tensor.ones Float64 [ 100 ])
    let along steps x = snd (Forward.jvp (run steps) x (Tensor.scalar 1.0))
    let x = Tensor.scalar 0.5
    Assert.Equal(temporaries (run 10) x, temporaries (run 10_000) x)
    Assert.Equal(temporaries (along 10) x, temporaries (along 10_000) x)

[<Fact>]
let ``a checkpoint keeps less memory for the derivative`` () =
    let x = points 14 [ 20_000 ]
    let block (x: Tensor) = Seq.fold (fun x _ -> sin (Tensor.cumsum 0 x * 0.01) + x) x [ 1..8 ]
    let chain wrap x = Seq.fold (fun x _ -> wrap block x) x [ 1..8 ] |> Tensor.sum

    let plain f x = f x
    close 1e-12 (grad (chain plain) x) (grad (chain checkpoint) x)
    let without, with' = temporaries (grad (chain plain)) x, temporaries (grad (chain checkpoint)) x
    Assert.True(3L * with' < without, $"{with'} against {without}")

[<Fact>]
let ``closures over what is differentiated outside are differentiated`` () =
    let f (a: Tensor) =
        let inner (x: Tensor) = fst (scan (fun s x -> s * a + x, ()) x (Tensor.vector [ 1.0; 2.0 ]))
        grad inner a * a

    // inner x = x a^2 + a + 2 with derivative a^2 by x alone.
    close 1e-14 (Tensor.scalar (3.0 * 1.3 ** 2.0)) (grad f (Tensor.scalar 1.3))

[<Fact>]
let ``a while loop in a branch in a scan maps, compiles and is pushed through as the loop is`` () =
    let halve (s: Tensor) = whileLoop (fun s -> Tensor.greater s (Tensor.scalar 1.0)) (fun s -> s * 0.5) s

    let f (x: Tensor) =
        let step s x =
            let next = cond (Tensor.greater x (Tensor.scalar 0.0)) halve (fun s -> s * 3.0 - x) (s + x)
            next, next * x

        snd (scan step x (Tensor.vector [ 1.5; -0.7; 2.0 ])) |> Tensor.sum

    let points = Tensor.vector [ 0.3; 1.9; 6.5 ]
    let each g = Tensor.stack 0 [ for i in 0..2 -> g points[i] ]
    close 1e-15 (each f) (vmap f points)
    close 1e-15 (each (Forward.derivative f)) (vmap (Forward.derivative f) points)
    close 1e-15 (f points[2]) (jit f points[2])

[<Fact>]
let ``tasks that run one scan at a time give the same bits`` () =
    let expected =
        grad (loss scan) (w, start, xs)
        |> Tree.leaves
        |> Array.map Tensor.toArray<float>

    let all =
        Array.Parallel.init 16 (fun _ ->
            grad (loss scan) (w, start, xs)
            |> Tree.leaves
            |> Array.map Tensor.toArray<float>)

    for each in all do
        Assert.Equal<float[][]>(expected, each)

[<Fact>]
let ``a gradient taken of what a loop gives is pushed through as it is without the loop`` () =
    let inner (wrap: (Tensor -> Tensor) -> Tensor -> Tensor) (x: Tensor) =
        let y = wrap (fun (x: Tensor) -> sin (x * x)) x + x
        let g = grad (fun (z: Tensor) -> Tensor.sum (z * z * y)) (y + 1.0)
        let h = vmap (fun (z: Tensor) -> cos (z + Tensor.sum y)) y
        Tensor.where (Tensor.greater g (Tensor.zerosLike g)) (g * h) y

    let x, v = points 31 [ 4 ], points 32 [ 4 ]

    let wraps: ((Tensor -> Tensor) -> Tensor -> Tensor) list =
        [ checkpoint
          fun f -> iterate 1 (fun _ -> f)
          fun f -> cond (Tensor.scalar true) f id
          fun f -> customJvp f (fun x v -> snd (Forward.jvp f x v)) ]

    for wrap in wraps do
        let value, tangent = Forward.jvp (inner wrap) x v
        let value', tangent' = Forward.jvp (inner id) x v
        close 1e-14 value' value
        close 1e-13 tangent' tangent
        let _, twice = Forward.jvp (fun x -> snd (Forward.jvp (inner wrap) x v)) x v
        let _, twice' = Forward.jvp (fun x -> snd (Forward.jvp (inner id) x v)) x v
        close 1e-12 twice' twice
