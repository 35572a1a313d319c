module Properties.ChecksLawsTraining

open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private parameters = Tensor.vector [ 0.8; -0.3; 1.1 ], Tensor.scalar 0.4

let private failed (outcomes: LawOutcome[]) =
    outcomes
    |> Array.filter (fun o -> o.Verdict <> Passed)
    |> Array.map (fun o -> $"{o.Law}: {o.Text}")

let private failedLaws (outcomes: LawOutcome[]) =
    outcomes
    |> Array.filter (fun o -> o.Verdict = Failed)
    |> Array.map _.Law
    |> List.ofArray

[<Fact>]
let ``every optimizer keeps the laws`` () =
    let check (o: Optimizer<Tensor * Tensor, 'S>) = Assert.Empty(failed (Optimizers.check o parameters))
    check (Optimizer.sgd 0.1)
    check (Optimizer.momentum 0.05 0.9)
    check (Optimizer.nesterov 0.05 0.9)
    check (Optimizer.adam 0.01)
    check (Optimizer.adamW 0.01 0.1)
    check (Optimizer.rmsprop 0.01)
    check (Optimizer.adagrad 0.1)
    check (Updates.chain (Updates.clipByGlobalNorm 1.0) (Optimizer.sgdBy (Schedules.linear 0.1 0.01 10)))

[<Fact>]
let ``an optimizer that remembers outside its state is not pure and does not resume`` () =
    let mutable calls = 0.0

    let hidden: Optimizer<Tensor, unit> =
        { Init = ignore
          Update =
            fun g () _ ->
                calls <- calls + 1.0
                g * (-0.1 / calls), () }

    let laws = failedLaws (Optimizers.check hidden (fst parameters))
    Assert.Contains("update is pure", laws)
    Assert.Contains("resumed is not interrupted", laws)

[<Fact>]
let ``an optimizer whose shapes change, or whose derivative is cut or infinite, fails by that law`` () =
    let of' update : Optimizer<Tensor, unit> =
        { Init = ignore
          Update = fun g () _ -> update g, () }

    let laws update = failedLaws (Optimizers.check (of' update) (fst parameters))
    Assert.Contains("shapes and types stay", laws (fun g -> Tensor.sum g * -0.1))
    Assert.Contains("derivatives through training", laws (fun g -> Tensor.stopGradient g * -0.1))

    // A rule that divides by the gradient: 0 / 0 where it is 0.
    let divided = customJvp (fun (g: Tensor) -> g * 0.1) (fun g v -> 0.1 * v * (g / g))

    Assert.Equal<string list>(
        [ "derivatives are finite where gradients are zero" ],
        laws (fun g -> -(divided g))
    )

[<Fact>]
let ``every layer keeps the laws`` () =
    let x = Tensor.matrix [ [ 0.3; -0.8; 1.2 ]; [ 0.9; 0.1; -0.4 ] ]
    let check layer = Assert.Empty(failed (Layers.check layer x))
    check (Layer.dense Float64 3 2)
    check (Layer.dropout 0.4)
    check (Layer.compose (Layer.dense Float64 3 4) (Layer.ofFunction Tensor.tanh))
    check (Layer.perceptron Float64 Tensor.gelu 0.2 [ 3; 5; 2 ])
    Assert.Empty(failed (Layers.check (Layer.dense Float32 3 2) (Tensor.cast Float32 x)))

[<Fact>]
let ``a layer with a wrong derivative, or one that does not repeat, fails by that law`` () =
    let x = Tensor.matrix [ [ 0.3; -0.8; 1.2 ] ]
    let wrong = Layer.ofFunction (customJvp Tensor.tanh (fun x v -> (1.0 - tanh x) * v))
    let laws = failedLaws (Layers.check wrong x)
    Assert.Equal<string list>([ "derivatives when predicting"; "derivatives when training" ], laws)
    let mutable calls = 0.0

    let drifting =
        Layer.ofFunction (fun x ->
            calls <- calls + 1.0
            x + calls)

    Assert.Contains("results repeat", failedLaws (Layers.check drifting x))

[<Fact>]
let ``every schedule keeps the laws`` () =
    for schedule in
        [ Schedules.constant 0.1
          Schedules.linear 0.1 0.01 20
          Schedules.exponential 0.1 0.5 10
          Schedules.cosine 0.1 0.0 20
          Schedules.warmUp 5 (Schedules.cosine 0.1 0.0 20) ] do
        Assert.Empty(failed (Schedules.check schedule 30))

[<Fact>]
let ``a schedule that is infinite at a step, or not one float, fails by that law`` () =
    let float (step: Tensor) = Tensor.cast Float64 step

    Assert.Equal<string list>(
        [ "finite" ],
        failedLaws (Schedules.check (fun step -> 1.0 / (float step - 7.0)) 10)
        |> List.filter ((<>) "jit")
    )

    Assert.Contains("one float at every step", failedLaws (Schedules.check id 3))
