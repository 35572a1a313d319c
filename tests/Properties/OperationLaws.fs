module Properties.OperationLaws

open System
open System.Reflection
open Microsoft.FSharp.Reflection
open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private cases =
    match Environment.GetEnvironmentVariable "FSCHECK_MAX_TEST" with
    | null
    | "" -> 25
    | text -> int text

/// Every law on every operation of the catalogue: a test each.
let operationsAndLaws () =
    let data = TheoryData<string, string>()

    for entry in Catalogue.all do
        for law in Laws.all do
            data.Add(entry.Name, law.Name)

    data

[<Theory; MemberData(nameof operationsAndLaws)>]
let ``a law holds on an operation`` (operation: string) (law: string) =
    let law = Laws.all |> List.find (fun l -> l.Name = law)
    let replay = Environment.GetEnvironmentVariable "FSCHECK_REPLAY"
    let result = GradientCheck.Try(Catalogue.find operation, law, cases, replay)
    Assert.True(result.Passed, $"{result.Message} Replay with FSCHECK_REPLAY=\"{result.Replay}\".")

/// The operations that a function's expression graph is made of.
let private operationsOf (case: Case) =
    let inputs =
        case.Inputs
        |> List.map (fun i ->
            match i.Domain with
            | Index _ -> Tensor.zeros Int32 i.Shape
            | Choice -> Tensor.ones Bool i.Shape
            | _ -> Tensor.ones Float64 i.Shape)
        |> Array.ofList

    let graph = Graph.trace case.Apply inputs
    graph.Nodes |> List.map _.Operation

[<Fact>]
let ``every operation with a derivative is in the catalogue`` () =
    let sizes = { A = 3; B = 3; C = 3 }

    let covered =
        Catalogue.all
        |> List.collect _.Forms
        |> List.collect (fun f -> operationsOf (f sizes))
        |> Set.ofList

    let differentiable =
        [ for f in Enum.GetValues<Pointwise>() do
              match Derivatives.rule (Op.Pointwise f) with
              | NonDifferentiable -> ()
              | _ -> f.Name()
          for kind in [ Reduction.Sum; Reduction.Max; Reduction.Min ] do
              Op.name (Reduce(kind, axesOf [ 0 ]))
          for case in FSharpType.GetUnionCases(typeof<Op>, BindingFlags.NonPublic) do
              let arguments =
                  case.GetFields()
                  |> Array.map (fun f ->
                      if f.PropertyType = typeof<DType> then box Float64
                      elif f.PropertyType = typeof<Axes> then box (axesOf [ 0 ])
                      elif f.PropertyType.IsClass then null
                      else Activator.CreateInstance f.PropertyType)

              let op = unbox<Op>(FSharpValue.MakeUnion(case, arguments, BindingFlags.NonPublic))

              match op, Derivatives.rule op with
              | (Variable | Pointwise _ | Reduce _ | Control _), _
              | _, NonDifferentiable -> ()
              | op, _ -> Op.name op
          // A structure has no name without functions; a while loop has no reverse mode.
          "scan"
          "cond"
          "checkpoint" ]

    let missing =
        differentiable
        // Casts have laws of their own below, and moves in CudaLaws.
        |> List.filter (fun name -> not (covered.Contains name || name = "cast" || name = "onDevice"))

    Assert.Empty missing

/// Rules that are wrong in one place each, as a function with its own wrong derivative.
let private wrongRules =
    [ "a factor", (fun (x: Tensor) -> Tensor.where (Tensor.greater x (Tensor.zerosLike x)) x x * 1.001)
      "a sign", (fun x -> -x) ]

[<Fact>]
let ``a wrong derivative is found and shrunk`` () =
    for name, wrong in wrongRules do
        // The value is sin x; what derivatives see is something else.
        let lying (x: Tensor[]) =
            let seen = wrong (sin x[0])
            seen + Tensor.stopGradient (sin x[0] - seen)

        let entry =
            { Name = name
              IsLinear = false
              Forms =
                [ fun s ->
                      { Text = name
                        Inputs =
                          [ { Shape = [ s.A; s.B ]
                              Domain = Between(-1.0, 1.0) } ]
                        Apply = lying } ] }

        let result = GradientCheck.Try(entry, Laws.againstDifferences, 100, null)
        Assert.False result.Passed
        Assert.Contains("float64[1, 1]", result.Message)
        let again = GradientCheck.Try(entry, Laws.againstDifferences, 1, result.Replay)
        Assert.False again.Passed

[<Fact>]
let ``casting between float types carries derivatives, through integers none`` () =
    let x = Tensor.vector [ 1.5; -2.5 ]
    let narrow x = Tensor.sum (Tensor.cast Float32 x * 2.0) |> Tensor.cast Float64
    Assert.Equal(Tensor.vector [ 2.0; 2.0 ], Reverse.gradient narrow x)
    Assert.Equal(Tensor.vector [ 2.0; 2.0 ], Forward.gradient narrow x)
    let whole x = Tensor.sum (Tensor.cast Float64 (Tensor.cast Int32 x))
    Assert.Equal(Tensor.vector [ 0.0; 0.0 ], Reverse.gradient whole x)
    Assert.Equal(Tensor.vector [ 0.0; 0.0 ], Forward.gradient whole x)
