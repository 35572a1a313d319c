/// Transformations of updates and optimizers around optimizers, each by what defines it.
module Properties.UpdateRows

open System
open Xunit
open Ad.Functional

let private s (x: float) = Tensor.scalar x
let private v (xs: float list) = Tensor.vector xs
let private floats (t: Tensor) = Tensor.toArray<float> t
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private updates (o: Optimizer<'P, 'S>) g p = fst (o.Update g (o.Init p) p)

[<Fact>]
let ``A076: clipping keeps the direction and limits the norm, and does nothing below it`` () =
    let g = normal 11L [ 3 ], normal 12L [ 2; 2 ]
    let norm = number (Updates.globalNorm g)
    let clipped = updates (Updates.clipByGlobalNorm (norm / 2.0)) g g
    Assert.Equal(norm / 2.0, number (Updates.globalNorm clipped), 14)
    close 1e-15 (fst g / 2.0) (fst clipped)
    close 0.0 (snd g) (snd (updates (Updates.clipByGlobalNorm (norm * 1.01)) g g))

[<Fact>]
let ``A102: coupled and decoupled decay are one under gradient descent, and two under Adam`` () =
    let p, g = normal 13L [ 4 ], normal 14L [ 4 ]
    let before = updates (Updates.addDecayedWeights 0.1 >-> Optimizer.sgd 0.01) g p
    let after = updates (Updates.descend 0.01 >-> Updates.stateless (fun u p -> u - 0.01 * 0.1 * p)) g p
    close 1e-17 before after
    let coupled = updates (Updates.addDecayedWeights 0.1 >-> Optimizer.adam 0.01) g p
    let decoupled = updates (Optimizer.adamW 0.01 0.1) g p
    Assert.True(number (Tensor.max (abs (coupled - decoupled))) > 1e-4)

[<Fact>]
let ``A103, A104: the proximal step gives exact zeros: soft thresholding`` () =
    let p = v [ 3.0; 0.05; -0.2; -4.0 ]

    let moved =
        Optimizer.apply (updates (Updates.zero >-> Updates.softThreshold 0.3) (Tensor.zerosLike p) p) p

    Assert.Equal<float[]>([| 2.7; 0.0; 0.0; -3.7 |], floats moved)

[<Fact>]
let ``A105: the projection onto a largest norm is idempotent and leaves short columns alone`` () =
    let p = Tensor.matrix [ [ 3.0; 0.1 ]; [ 4.0; 0.2 ] ]
    let project p = Optimizer.apply (updates (Updates.zero >-> Updates.maxNorm 2.0) (Tensor.zerosLike p) p) p
    let once = project p
    close 1e-15 (Tensor.matrix [ [ 1.2; 0.1 ]; [ 1.6; 0.2 ] ]) once
    close 1e-15 once (project once)

[<Fact>]
let ``A061: Adam without correction takes a first step of 3.1623 rates`` () =
    let first = updates (Scaling.biasedAdam 0.9 0.999 0.0) (v [ 0.3; -7.0 ]) (v [ 0.0; 0.0 ])
    close 1e-12 (v [ 0.1 / sqrt 0.001; -0.1 / sqrt 0.001 ]) first

[<Fact>]
let ``A058, A064: the scale of the loss changes nothing for RMSProp, nor for RProp`` () =
    let run (o: Optimizer<Tensor, 'S>) scale =
        ((s 3.0, o.Init(s 3.0)), seq { 1..50 })
        ||> Seq.fold (fun (p, state) i -> Optimizer.step o (scale * (p + 0.3 * s (sin (float i)))) state p)
        |> fst

    let rms = Scaling.rms 0.9 0.0 false >-> Updates.descend 0.05
    close 1e-13 (run rms 1.0) (run rms 1000.0)
    close 0.0 (run (Optimizer.rprop 0.05) 1.0) (run (Optimizer.rprop 0.05) 1024.0)

[<Fact>]
let ``A065: the sign alone is RMSProp that forgets at once`` () =
    let g = v [ 0.3; -7.0; 1e-6 ]
    close 0.0 (updates Signs.sign g g) (updates (Scaling.rms 0.0 0.0 false) g g)

[<Fact>]
let ``A055: momentum under a constant gradient reaches its terminal velocity`` () =
    let o: Optimizer<Tensor, Tensor> = Updates.momentum 0.9 false

    let velocity =
        (s 0.0, seq { 1..200 })
        ||> Seq.fold (fun state _ -> snd (o.Update (s 0.4) state (s 0.0)))

    Assert.Equal(4.0, number velocity, 8)

[<Fact>]
let ``A053, A054: the two forms of momentum agree for a constant rate and differ under a schedule`` () =
    let gradients = [ -1.0; 0.5; 0.25; -0.5 ]

    let run (o: Optimizer<Tensor, 'S>) =
        ((s 0.0, o.Init(s 0.0)), gradients)
        ||> List.fold (fun (p, state) g -> Optimizer.step o (s g) state p)
        |> fst
        |> number

    let both rate =
        run (Updates.momentum 0.9 false >-> Updates.descendBy rate),
        run (Updates.heavyBall rate (Schedules.constant 0.9))

    let a, b = both (Schedules.constant 0.1)
    Assert.Equal(a, b, 15)
    let a, b = both (Schedules.staircase 0.1 0.5 2)
    Assert.True(abs (a - b) > 0.01)

[<Fact>]
let ``A057: gains grow by a step while the sign stays and shrink by a factor when it changes`` () =
    let o: Optimizer<Tensor, Tensor * Tensor> = Signs.gains 0.05 0.95 0.1 10.0

    let state =
        (o.Init(s 0.0), [ 1.0; 1.0; 1.0; -1.0 ])
        ||> List.fold (fun state g -> snd (o.Update (s g) state (s 0.0)))

    Assert.Equal(1.1 * 0.95, number (fst state), 14)

[<Fact>]
let ``A129: frozen parameters stay bit by bit, and a mask that is all true is the plain optimizer`` () =
    let p =
        {| First = normal 21L [ 3 ]
           Second = normal 22L [ 2 ] |}

    let g =
        {| First = normal 23L [ 3 ]
           Second = normal 24L [ 2 ] |}

    let frozen =
        Optimizer.apply
            (updates (Optimizer.adam 0.1 >-> Parts.freeze (fun name -> name.Contains "Second")) g p)
            p

    close 0.0 p.Second frozen.Second
    Assert.True(number (Tensor.min (abs (p.First - frozen.First))) > 0.09)
    let all = updates (Parts.masked (fun _ -> true) (Optimizer.adam 0.1)) g p
    let plain = updates (Optimizer.adam 0.1) g p
    close 0.0 plain.First all.First
    let none = updates (Parts.masked (fun _ -> false) (Optimizer.adam 0.1)) g p
    close 0.0 g.First none.First

[<Fact>]
let ``a partition gives each part its optimizer, and names what has none`` () =
    let p =
        {| A = normal 21L [ 3 ]
           B = normal 22L [ 2 ] |}

    let split = Parts.partition (fun name -> if name.Contains "A" then "a" else "b")
    let o = split (Map [ "a", Updates.scale -1.0; "b", Updates.scale -2.0 ])
    let u = updates o p p
    close 0.0 (-p.A) u.A
    close 0.0 (-2.0 * p.B) u.B

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            updates (split (Map [ "a", Updates.scale 1.0 ])) p p |> ignore)

    Assert.Contains("'b'", error.Message)
    Assert.Contains("B", error.Message)

[<Fact>]
let ``A047: gradients of small batches accumulated are that of the large batch, and batches may grow`` () =
    let gs = [ for i in 1L .. 6L -> normal (30L + i) [ 3 ] ]

    let o =
        Wrapper.multiStepsBy
            (fun step -> Tensor.where (Tensor.equal step (Tensor.scalar 0)) (s 2.0) (s 4.0))
            (Optimizer.sgd 1.0)

    let states =
        gs
        |> List.scan (fun (_, state) g -> o.Update g state gs.Head) (gs.Head, o.Init gs.Head)
        |> List.tail

    let u = states |> List.map fst
    Assert.All([ u[0]; u[2]; u[3]; u[4] ], fun u -> Assert.Equal<float[]>([| 0.0; 0.0; 0.0 |], floats u))
    close 1e-15 (-(gs[0] + gs[1]) / 2.0) u[1]
    close 1e-15 (-(gs[2] + gs[3] + gs[4] + gs[5]) / 4.0) u[5]

[<Fact>]
let ``gradients that are not finite are skipped, counted, and accepted when patience ends`` () =
    let o = Wrapper.applyIfFinite 2 (Optimizer.momentum 1.0 0.5)
    let gs = [ 1.0; nan; infinity; nan; 1.0 ]

    let states =
        gs
        |> List.scan (fun (_, state) g -> o.Update (s g) state (s 0.0)) (s 0.0, o.Init(s 0.0))
        |> List.tail

    let u = states |> List.map (fst >> number)
    Assert.Equal<float list>([ -1.0; 0.0; 0.0 ], List.take 3 u)
    Assert.True(Double.IsNaN u[3])
    Assert.Equal(3.0, number (snd states[4]).InAll)

[<Fact>]
let ``settings in the state are read there, and changed between steps`` () =
    let o = Wrapper.withSettings {| Rate = s 0.1 |} (fun h -> Updates.scaleBy (-h.Rate))
    let settings, inner = o.Init(s 0.0)
    let u, _ = o.Update (s 2.0) (settings, inner) (s 0.0)
    let v, _ = o.Update (s 2.0) ({| settings with Rate = s 0.5 |}, inner) (s 0.0)
    Assert.Equal<float list>([ -0.2; -1.0 ], [ number u; number v ])

[<Fact>]
let ``clipped leaf by leaf, an example's whole gradient stays below the limit, and one leaf is clipped as a whole``
    ()
    =
    let g = normal 31L [ 6; 4; 3 ], normal 32L [ 6; 5 ]

    for bySize in [ true; false ] do
        let one = Updates.clipPerExample 0.5 (fst g)
        close 1e-15 one (Updates.clipPerExampleByLeaf bySize 0.5 (fst g))
        // Of each example alone, so that its norm is seen.
        for i in 0..5 do
            let a, b =
                Updates.clipPerExampleByLeaf
                    bySize
                    0.5
                    (Tree.map (fun (t: Tensor) -> Tensor.sliceAxis 0 i (i + 1) 1 t) g)

            let norm (t: Tensor) = Tensor.toScalar (Tensor.norm t)
            let shares = if bySize then 12.0 / 17.0, 5.0 / 17.0 else 0.5, 0.5
            Assert.Equal(0.5 * sqrt (fst shares), norm a, 12)
            Assert.Equal(0.5 * sqrt (snd shares), norm b, 12)

    let far = Updates.clipPerExampleByLeaf true 1e6 g
    close 1e-15 (Tensor.meanOver [ 0 ] (snd g)) (snd far)

[<Fact>]
let ``clipping each example bounds each one's share of the mean`` () =
    let g = Tensor.matrix [ [ 3.0; 4.0 ]; [ 0.3; 0.4 ] ]
    close 1e-15 (v [ (0.6 + 0.3) / 2.0; (0.8 + 0.4) / 2.0 ]) (Updates.clipPerExample 1.0 g)

[<Fact>]
let ``private gradients are the clipped mean plus noise of the deviation asked for`` () =
    let g = normal 25L [ 50; 2000 ]
    close 0.0 (Updates.clipPerExample 3.0 g) (Updates.privateMean 3.0 0.0 (Key.ofSeed 1L) g)
    let noise = Updates.privateMean 3.0 2.0 (Key.ofSeed 1L) g - Updates.clipPerExample 3.0 g
    // The deviation of 2,000 normal numbers has a standard error of 1.6 %.
    Assert.InRange(sqrt (number (Tensor.variance noise)) / (2.0 * 3.0 / 50.0), 0.95, 1.05)

[<Fact>]
let ``a measure of the updates stands in the state, and changes nothing`` () =
    let o = Wrapper.measured 0.5 Updates.globalNorm (Optimizer.sgd 0.1)

    let states =
        [ 3.0; -1.0; 2.0 ]
        |> List.scan (fun (_, state) g -> o.Update (s g) state (s 0.0)) (s 0.0, o.Init(s 0.0))
        |> List.tail

    Assert.Equal<float list>([ -0.3; 0.1; -0.2 ], [ for u, _ in states -> Math.Round(number u, 12) ])
    Assert.Equal(0.5 * (0.5 * (0.5 * 0.3) + 0.5 * 0.1) + 0.5 * 0.2, number (fst (snd states[2])), 15)

[<Fact>]
let ``schedule-free training predicts with the average of where its base went`` () =
    let o = Wrapper.scheduleFree 0.9 (Schedules.constant 0.1) (Optimizer.sgd 0.1)
    let mutable p, state = s 1.0, o.Init(s 1.0)
    let places = ResizeArray()

    for _ in 1..7 do
        let p', state' = Optimizer.step o (2.0 * p) state p
        p <- p'
        state <- state'
        places.Add(number state'.Base)

    Assert.Equal(Seq.average places, number (Wrapper.averaged 0.9 state p), 14)

[<Fact>]
let ``adaptive clipping compares each unit's gradient with its weights`` () =
    let p = Tensor.matrix [ [ 3.0; 0.0 ]; [ 4.0; 0.0 ] ]
    let g = Tensor.matrix [ [ 6.0; 0.3 ]; [ 8.0; 0.4 ] ]
    // The first column may have 0.1 of 5, the second 0.1 of epsilon.
    let u = updates (Updates.adaptiveClip 0.1 1e-3) g p
    close 1e-15 (Tensor.matrix [ [ 0.3; 0.6e-4 ]; [ 0.4; 0.8e-4 ] ]) u

[<Fact>]
let ``parts chained by name are the chain, with each state under its name`` () =
    let p = Tensor.vector [ 1.0; -2.0 ]
    let g = Tensor.vector [ 0.5; 0.3 ]
    let named = Parts.chainNamed [ "first", Updates.momentum 0.9 false; "second", Updates.momentum 0.5 true ]
    let plain = Updates.momentum 0.9 false >-> Updates.momentum 0.5 true

    let rec run steps (o: Optimizer<Tensor, 'S>) state =
        let updates, next = o.Update g state p
        if steps = 1 then updates, next else run (steps - 1) o next

    let updates, states = run 5 named (named.Init p)
    let expected, (first, second) = run 5 plain (plain.Init p)
    Assert.Equal(expected, updates)
    Assert.Equal(first, states["first"])
    Assert.Equal(second, states["second"])

    let twice =
        Assert.Throws<System.ArgumentException>(fun () ->
            Parts.chainNamed [ "a", Updates.identity<Tensor>; "a", Updates.identity ]
            |> ignore)

    Assert.Contains("'a'", twice.Message)

[<Fact>]
let ``leaves flattened into one vector move as they do by themselves, and are measured together`` () =
    let p = Tensor.vector [ 1.0; -2.0 ], (Tensor.vector [ 3 ], Tensor.matrix [ [ 0.5; 0.1 ]; [ -0.3; 2.0 ] ])
    let g = Tensor.vector [ 0.5; 0.3 ], (Tensor.vector [ 0 ], Tensor.matrix [ [ 1.0; -4.0 ]; [ 0.2; 0.0 ] ])
    let once (o: Optimizer<_, 'S>) = fst (o.Update g (o.Init p) p)
    Assert.Equal(once (Optimizer.adam 0.1), once (Parts.flattened (Optimizer.adam 0.1)))
    let first, (_, second) = once (Parts.flattened (Updates.clipByBlockRms 0.1))
    let size = Tensor.toScalar (Tensor.sum (first * first) + Tensor.sum (second * second))
    Assert.Equal(0.1, sqrt (size / 6.0), 12)

    let mixed = Tensor.vector [ 1.0 ], Tensor.vector [ 1.0f ]
    let flat: Optimizer<Tensor * Tensor, _> = Parts.flattened (Optimizer.adam 0.1)
    let refused = Assert.Throws<System.ArgumentException>(fun () -> flat.Init mixed |> ignore)
    Assert.Contains("flattened", refused.Message)

[<Fact>]
let ``a transformation on a condition passes gradients and keeps its state where that fails`` () =
    let p = Tensor.vector [ 1.0; -2.0 ]
    let isLarge g = Tensor.greater (Updates.globalNorm g) (Tensor.scalar 1.0)
    let o = Parts.transformIf isLarge (Updates.momentum 0.9 false)
    let small, large = Tensor.vector [ 0.1; 0.2 ], Tensor.vector [ 3.0; 4.0 ]
    let updates, state = o.Update large (o.Init p) p
    Assert.Equal(large, updates)
    let passed, kept = o.Update small state p
    Assert.Equal(small, passed)
    Assert.Equal(state, kept)
    let again, _ = o.Update large kept p
    Assert.True(Tensor.allClose 1e-15 0.0 (1.9 * large) again)
