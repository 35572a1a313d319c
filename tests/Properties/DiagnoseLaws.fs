module Properties.DiagnoseLaws

open Xunit
open Ad.Functional

let private at (xs: float list) = Tensor.vector xs

[<Fact>]
let ``the first operation whose value is not finite is named, with what it was given and where it stands``
    ()
    =
    let f (x: Tensor) =
        let shifted = x - 2.0
        let logged = log shifted
        Tensor.sum (exp logged * x)

    let found = (Diagnose.nonFinite f (at [ 3.0; 1.0 ])).Value
    Assert.Equal((Value, "log"), (found.Pass, found.Operation))
    Assert.Equal(at [ 1.0; -1.0 ], found.Given.Head)
    Assert.Contains("DiagnoseLaws.fs:", found.Source.Value)
    Assert.Contains("log at DiagnoseLaws.fs:", string found)

[<Fact>]
let ``a derivative that is not finite though the value is, is found in its pass`` () =
    let found = (Diagnose.nonFinite (sqrt >> Tensor.sum) (at [ 4.0; 0.0 ])).Value
    Assert.Equal((Tangents, "sqrt"), (found.Pass, found.Operation))

    // Along ones the two infinite tangents never meet the function's result; pulled back, the cotangent does.
    let f (x: Tensor) = Tensor.sum (Tensor.stopGradient x * 0.0 + sqrt x)
    Assert.Equal("sqrt", (Diagnose.nonFinite f (at [ 0.0 ])).Value.Operation)

[<Fact>]
let ``an input that is not finite is the culprit itself`` () =
    let found = (Diagnose.nonFinite (fun x -> Tensor.sum (x * 2.0)) (at [ nan ])).Value
    Assert.Equal((Value, "input"), (found.Pass, found.Operation))

[<Fact>]
let ``nothing is found where all is finite, and a NaN that is not taken is still a NaN that was made`` () =
    Assert.True (Diagnose.nonFinite (fun x -> Tensor.sum (sin x)) (at [ 1.0; 2.0 ])).IsNone
    let guarded (x: Tensor) = Tensor.sum (Tensor.where (Tensor.greater x (Tensor.zerosLike x)) (log x) x)
    Assert.Equal("log", (Diagnose.nonFinite guarded (at [ -1.0 ])).Value.Operation)
