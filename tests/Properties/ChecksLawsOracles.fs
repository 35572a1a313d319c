module Properties.ChecksLawsOracles

open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private examine calculus (trial: Trial) (oracle: Oracle) = oracle.ExamineWith calculus trial

[<Fact>]
let ``all ten oracles hold on random programs, and each is chosen for some`` () =
    let trials = [| for seed in 5001..5080 -> seed, Programs.trial (Programs.ofSeed seed) |]
    Assert.Equal(10, Oracles.all.Length)

    for oracle in Oracles.all do
        let said = trials |> Array.map (fun (seed, t) -> seed, examine Oracles.library t oracle)
        let broken = said |> Array.filter (fun (_, e) -> e.IsBreaks)
        Assert.True((broken.Length = 0), $"{oracle.Name}: %A{broken}")
        let chosen = said |> Array.filter (fun (_, e) -> e.IsHolds) |> Array.length
        Assert.True(chosen >= 5, $"{oracle.Name} is chosen for {chosen} of {trials.Length}.")

/// The oracles that break on programs with an operation, spoiled, within a calculus.
let private killers operation fault calculus =
    let mutant =
        { Fault = fault
          FaultName = ""
          Of = operation }

    let has (p: RandomProgram) = p.Nodes |> List.exists (fun n -> n.Operation = operation && n.Nesting = Bare)

    let trials =
        Seq.initInfinite (fun i -> Programs.ofSeed (7000 + i))
        |> Seq.filter has
        |> Seq.truncate 12
        |> Seq.map (Programs.changedTrial (Mutants.spoil mutant))
        |> Array.ofSeq

    Oracles.all
    |> List.filter (fun oracle -> trials |> Array.exists (fun t -> (examine calculus t oracle).IsBreaks))
    |> List.map _.Name

let private only name operation fault calculus =
    Assert.Equal<string list>([ name ], killers operation fault calculus)

let private library = Oracles.library

[<Fact>]
let ``forward against reverse alone finds what is off by 1e-11 in one mode, where nothing is linear by itself``
    ()
    =
    only "forward against reverse" "windowMin" (Mutants.reverseOnly (Mutants.times (1.0 + 1e-11))) library

[<Fact>]
let ``differences alone find what is off in both modes where nothing else knows the function`` () =
    only "against differences" "svd" (Mutants.times (1.0 + 1e-5)) library

[<Fact>]
let ``the complex step alone finds what is off by 1e-12 in both modes`` () =
    only "complex step" "exp" (Mutants.times (1.0 + 1e-12)) library

[<Fact>]
let ``Taylor mode against nested modes alone finds a factorial forgotten`` () =
    let forgets k f x v = taylor k f x v |> List.mapi (fun j (c: Tensor) -> if j = 2 then c * 2.0 else c)
    only "Taylor mode" "exp" Mutants.right { library with Taylor = forgets }

[<Fact>]
let ``float32 against float64 alone finds a rule that is wrong in float32`` () =
    let wrong: Fault =
        { Mutants.right with
            Push =
                fun f x v ->
                    let moved = Mutants.right.Push f x v
                    if moved.DType = Float32 then 1.01 * moved else moved }

    only "float32 against float64" "exp" wrong library

[<Fact>]
let ``exact numbers alone find values that are off in the thirteenth digit`` () =
    let values tensors = library.Values tensors |> Array.map (Array.map (fun v -> v * (1.0 + 1e-13)))
    only "exact rationals" "multiply" Mutants.right { library with Values = values }

[<Fact>]
let ``a batch against a loop alone finds examples that change places`` () =
    let swapped f x = Tensor.flip [ 0 ] (vmap f x)
    only "batch against loop" "exp" Mutants.right { library with Map = swapped }

[<Fact>]
let ``linearizing and transposing alone finds a linearization at another point`` () =
    let early (x: Tensor[]) = x |> Array.map (fun t -> if t.DType.IsFloat() then t * 0.99 else t)
    let elsewhere f x = snd (linearize f (early x))
    only "linearized, then transposed" "exp" Mutants.right { library with Linearize = elsewhere }

[<Fact>]
let ``path enumeration and the interval bound find wrong derivatives too`` () =
    let x = [| Tensor.vector [ 0.4; 0.9 ] |]
    let oracle name = Oracles.all |> List.find (fun o -> o.Name = name)

    // The bound holds for the rule's derivative, and the slope is that of the values.
    let wrong = customJvp (exp: Tensor -> Tensor) (fun x v -> 1.1 * exp x * v)
    let trial = Trial.at false x 3 (fun x -> wrong x[0] * x[0])
    Assert.True((examine library trial (oracle "interval bound")).IsBreaks)
    let right = Trial.at false x 3 (fun x -> exp x[0] * x[0])
    Assert.Equal(Holds, examine library right (oracle "interval bound"))
    // A value that stands in two places, with the tangent of one of them: paths go through the parts of a rule one by one.
    let twice =
        customJvp (fun (a: Tensor, b: Tensor) -> a * b) (fun (a, b) (v, w) -> v * b + a * w + 0.1 * v * w)

    let trial = Trial.at false x 3 (fun x -> twice (x[0], sin x[0]))
    Assert.True((examine library trial (oracle "path enumeration")).IsBreaks)

[<Fact>]
let ``reference arithmetic agrees with the engine on every operation that it knows`` () =
    let isPlain op =
        match op with
        | Custom _
        | StopGradient -> true
        | _ -> false

    let numbers = ComplexNumbers()
    let known = System.Collections.Generic.HashSet<string>()

    for entry in Catalogue.all do
        for form in 0 .. entry.Forms.Length - 1 do
            let case = entry.Forms[form] { A = 2; B = 3; C = 3 }
            let point = case.Inputs |> List.map (Catalogue.draw (System.Random 5)) |> Array.ofList

            Trace.run case.Apply point (fun trace ->
                let given =
                    point
                    |> Array.map (fun t ->
                        if t.DType.IsFloat() then
                            t.ToArray<float>() |> Array.map numbers.OfFloat
                        else
                            [||])

                match
                    (Reference.evaluate
                        numbers
                        (isPlain >> not >> fun _ -> false)
                        (fun _ -> None)
                        trace
                        given)[trace.Outputs[0]]
                with
                | None -> ()
                | Some values ->
                    known.Add entry.Name |> ignore
                    let expected = (case.Apply point).ToArray<float>()

                    Array.iter2
                        (fun (z: System.Numerics.Complex) e ->
                            Assert.True(
                                abs (z.Real - e) <= 1e-12 * (1.0 + abs e),
                                $"{case.Text}: {z.Real} against {e}"
                            ))
                        values
                        expected)

    Assert.True(known.Count >= 50, $"{known.Count} operations are known.")
