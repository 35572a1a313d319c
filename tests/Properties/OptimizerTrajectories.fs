/// Where optimizers go in 1,000 steps, beside PyTorch and beside published recurrences written out in plain numpy (data/optimizers.py).
module Properties.OptimizerTrajectories

open System
open System.IO
open Xunit
open Ad.Functional

type private Parameters = Tensor * Tensor

let private start: Parameters =
    Tensor.vector [ 1.0; -2.0; 0.5 ], Tensor.matrix [ [ 0.3; -0.7; 1.1 ]; [ -1.3; 0.9; 0.2 ] ]

// h p + cos(0.7 t + i) / 2
let private gradient ((a, b): Parameters) (t: Tensor) : Parameters =
    let ofLeaf (p: Tensor) =
        let count = int p.Count
        let scale = Tensor.linspace Float64 0.5 2.0 count |> Tensor.reshape p.Shape
        let place = Tensor.arange Float64 count |> Tensor.reshape p.Shape
        scale * p + 0.5 * cos (0.7 * Tensor.cast Float64 t + place)

    ofLeaf a, ofLeaf b

/// All steps of an optimizer, its state hidden.
let private run (optimizer: Optimizer<Parameters, 'S>) (shown: int list) : float list list =
    let step =
        jit (fun (t: Tensor, p, s) ->
            let p, s = Optimizer.step optimizer (gradient p t) s p
            t + 1, p, s)

    let states =
        (Tensor.scalar 0, start, optimizer.Init start)
        |> Seq.unfold (fun s -> let next = step s in Some(next, next))
        |> Seq.take (List.max shown)
        |> Seq.toArray

    [ for n in shown ->
          let _, (a, b), _ = states[n - 1]

          [ a; b ]
          |> List.collect (Tensor.flatten >> Tensor.toArray<float> >> List.ofArray) ]

type private Subject =
    { Run: int list -> float list list
      Laws: unit -> Ad.Checks.LawOutcome[] }

let private subject optimizer =
    { Run = run optimizer
      Laws = fun () -> Ad.Checks.Optimizers.check optimizer start }

let private subjects: Map<string, Subject> =
    let descend = Updates.descend 0.01
    let constant rate = Schedules.constant rate

    Map
        [ "sgd", subject (Optimizer.sgd 0.01)
          "momentum", subject (Optimizer.momentum 0.01 0.9)
          "nesterov", subject (Optimizer.nesterov 0.01 0.9)
          "coupled decay", subject (Updates.addDecayedWeights 0.1 >-> Optimizer.adam 0.01)
          "adam", subject (Optimizer.adam 0.01)
          "adamW", subject (Optimizer.adamW 0.01 0.1)
          "adaMax", subject (Optimizer.adaMax 0.01)
          "adadelta", subject (Optimizer.adadelta 1.0)
          "rprop", subject (Optimizer.rprop 0.01)
          "rms, epsilon outside", subject (Scaling.rms 0.9 1e-8 false >-> descend)
          "adagrad, epsilon outside", subject (Scaling.rootOfSquares 0.0 1e-10 false >-> descend)
          "nadam", subject (Optimizer.nadam 0.01)
          "amsGrad", subject (Optimizer.amsGrad 0.01)
          "adaBelief", subject (Optimizer.adaBelief 0.01)
          "yogi", subject (Optimizer.yogi 0.01)
          "radam", subject (Optimizer.radam 0.01)
          "rmsprop", subject (Optimizer.rmsprop 0.01)
          "centredRmsprop", subject (Optimizer.centredRmsprop 0.01)
          "adagrad", subject (Optimizer.adagrad 0.01)
          "adan", subject (Optimizer.adan 0.01)
          "adEmaMix", subject (Optimizer.adEmaMix 0.01)
          "simplifiedAdEmaMix", subject (Optimizer.simplifiedAdEmaMix 0.001 2.0)
          "adopt", subject (Optimizer.adopt 0.01)
          "lion", subject (Optimizer.lion 0.01 1e-3)
          "novoGrad", subject (Optimizer.novoGrad 0.01 0.01)
          "sm3", subject (Optimizer.sm3 0.01)
          "lamb", subject (Optimizer.lamb 0.01 0.01)
          "lars", subject (Optimizer.lars 0.1 0.01)
          "fromage", subject (Optimizer.fromage 0.01)
          "signum", subject (Optimizer.signum 0.01)
          "signSgd", subject (Optimizer.signSgd 0.01)
          "optimisticSgd", subject (Optimizer.optimisticSgd 0.01)
          "optimisticAdam", subject (Optimizer.optimisticAdam 0.01)
          "optimisticAdamBy", subject (Optimizer.optimisticAdamBy 0.7 1.2 (constant 0.01))
          "ano", subject (Optimizer.ano 0.01 0.01)
          "muon", subject (Optimizer.muon 0.01 0.01)
          "adafactor", subject (Optimizer.adafactor 0.01)
          "dog", subject Optimizer.dog
          "dowg", subject Optimizer.dowg
          "prodigy", subject (Optimizer.prodigy (constant 1.0) 0.01)
          "scheduleFree", subject (Wrapper.scheduleFree 0.9 (constant 0.05) (Optimizer.sgd 0.05))
          "lookahead", subject (Wrapper.lookahead 6 0.5 (Optimizer.sgd 0.05))
          "multiSteps", subject (Wrapper.multiSteps 4 (Optimizer.sgd 0.05))
          "acProp", subject (Optimizer.acProp 0.01)
          "shampoo", subject (Optimizer.shampoo 0.05)
          "galore", subject (Factored.galore 1 2000 0.5 (Scaling.adam 0.9 0.999 1e-8) >-> descend)
          "madgrad", subject (Optimizer.madgrad 0.01)
          "cocob", subject Optimizer.cocob
          "dAdaptation", subject (Anchored.dAdaptation (constant 1.0) 0.01)
          "mechanize", subject (Anchored.mechanize (Updates.scale -0.5)) ]

/// h p^2 / 2 + cos(0.7 t + i) p / 2, whose gradient is the one above.
let private value ((a, b): Parameters) (t: Tensor) : Tensor =
    let ofLeaf (p: Tensor) (g: Tensor) =
        let count = int p.Count
        let scale = Tensor.linspace Float64 0.5 2.0 count |> Tensor.reshape p.Shape
        Tensor.sum (p * g - 0.5 * scale * p * p)

    let ga, gb = gradient (a, b) t
    ofLeaf a ga + ofLeaf b gb

/// All steps of a method that sees the function.
let private runMinimizer (minimizer: Minimizer<Parameters, 'S>) (shown: int list) : float list list =
    let step =
        jit (fun (t: Tensor, p, s) ->
            let _, p, s = minimizer.Step (fun p -> value p t) p s
            t + 1, p, s)

    let states =
        (Tensor.scalar 0, start, minimizer.Init (fun p -> value p (Tensor.scalar 0)) start)
        |> Seq.unfold (fun s -> let next = step s in Some(next, next))
        |> Seq.take (List.max shown)
        |> Seq.toArray

    [ for n in shown ->
          let _, (a, b), _ = states[n - 1]

          [ a; b ]
          |> List.collect (Tensor.flatten >> Tensor.toArray<float> >> List.ofArray) ]

let private minimizers: Map<string, int list -> float list list> =
    Map
        [ "momo", runMinimizer (Stochastic.momo (Schedules.constant 0.5) -5.0 0.01)
          "momoAdam", runMinimizer (Stochastic.momoAdam (Schedules.constant 0.02) -5.0 0.01)
          "sophia", runMinimizer (Stochastic.sophia (Schedules.constant 0.01) 0.01 10 (Key.ofSeed 3L)) ]

let private references =
    File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "data", "optimizers.tsv"))
    |> Array.map _.Split('\t')
    |> Array.groupBy Array.head
    |> Array.map (fun (name, rows) ->
        name, [ for row in rows -> int row[2], [ for x in row[3..] -> float x ] ])

let names = TheoryData<string>(references |> Seq.map fst)

[<Theory; MemberData(nameof names)>]
let ``a thousand steps end where the reference's end`` (name: string) =
    let reference = Map references |> Map.find name

    let reached =
        match Map.tryFind name minimizers with
        | Some run -> run (List.map fst reference)
        | None -> subjects[name].Run(List.map fst reference)

    for (step, expected), actual in List.zip reference reached do
        for e, a in List.zip expected actual do
            Assert.True(abs (e - a) <= 1e-12 * max 1.0 (abs e), $"{name} at step {step}: {a} for {e}.")

let optimizers = TheoryData<string>(Map.keys subjects)

[<Theory; MemberData(nameof optimizers)>]
let ``every optimizer keeps the laws of optimizers`` (name: string) =
    let broken = subjects[name].Laws() |> Array.filter (fun o -> o.Verdict = Ad.Checks.Failed)

    Assert.True(
        Array.isEmpty broken,
        $"{name}: {broken |> Array.map (fun o -> (o.Law, o.Text)) |> List.ofArray}"
    )

[<Fact>]
let ``every subject has a reference`` () =
    let all = Seq.append (Map.keys subjects) (Map.keys minimizers)
    Assert.Equal<Set<string>>(Set all, Set(Seq.map fst references))
