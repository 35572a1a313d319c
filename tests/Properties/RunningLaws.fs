module Properties.RunningLaws

open Xunit
open Ad.Checks
open Ad.Functional

let private shape (s: Sizes) = [ max 1 s.A; s.B; s.C ]

/// Functions composed of the catalogue's operations, with the same in plain numbers for one row.
let private functions: (string * Domain * bool * (Tensor -> Tensor) * (float[] -> float[])) list =
    let anywhere = Between(-2.0, 2.0)

    let scan f (row: float[]) =
        if row.Length = 0 then
            [||]
        else
            Array.scan f row[0] row[1..]

    [ "cumprod", anywhere, false, Tensor.cumprod -1, scan (*)
      "cummax", Apart 0, false, Tensor.cummax -1, scan max
      "cummin", Apart 0, false, Tensor.cummin -1, scan min
      "cumsum", anywhere, true, Tensor.cumsum -1, scan (+)
      "roll 2",
      anywhere,
      true,
      Tensor.roll -1 2,
      (fun row -> Array.init row.Length (fun i -> row[(i - 2 + 2 * row.Length) % row.Length]))
      "roll -1",
      anywhere,
      true,
      Tensor.roll -1 -1,
      (fun row -> Array.init row.Length (fun i -> row[(i + 1) % row.Length]))
      "repeat", anywhere, true, Tensor.repeat -1 3, Array.collect (Array.replicate 3)
      "tile", anywhere, true, Tensor.tile [ 1; 1; 2 ], (fun row -> Array.append row row) ]

let names () =
    let data = TheoryData<string>()
    functions |> List.iter (fun (name, _, _, _, _) -> data.Add name)
    data

[<Theory; MemberData(nameof names)>]
let ``what is composed along an axis has its values and its derivatives`` name =
    let _, domain, isLinear, f, plain = functions |> List.find (fun (n, _, _, _, _) -> n = name)

    let entry =
        { Name = name
          IsLinear = isLinear
          Forms =
            [ fun s ->
                  { Text = name
                    Inputs = [ { Shape = shape s; Domain = domain } ]
                    Apply = fun x -> f x[0] } ] }

    for law in Laws.all do
        let result = GradientCheck.Try(entry, law, 15, null)
        Assert.True(result.Passed, result.Message)

    for n in 1..9 do
        let row = Random.normal (Key.ofSeed (int64 n)) [ 1; 1; n ]
        let actual = Tensor.toArray<float>(f row)

        Array.iter2
            (fun (e: float) (a: float) -> Assert.Equal(e, a, 13))
            (plain (Tensor.toArray<float> row))
            actual

[<Fact>]
let ``running products with zeros have exact second derivatives`` () =
    // The last running product is the product: the case where dividing by a factor gives 0 / 0.
    let last (x: Tensor) = (Tensor.cumprod 0 x)[-1]
    let x = Tensor.vector [ 0.0; 2.0; 3.0; 4.0 ]
    Assert.Equal(hessian Tensor.prod x, hessian last x)
    let h = hessian last x
    Assert.Equal(12.0, Tensor.toScalar h[0, 1])

[<Fact>]
let ``a roll all the way round is no roll, and an empty axis rolls`` () =
    let x = Tensor.arange Float64 5
    Assert.Equal(x, Tensor.roll 0 5 x)
    Assert.Equal(x, Tensor.roll 0 -3 (Tensor.roll 0 3 x))
    Assert.Equal(Tensor.zeros Float64 [ 0 ], Tensor.roll 0 1 (Tensor.zeros Float64 [ 0 ]))
