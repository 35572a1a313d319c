module Properties.ChecksLaws

open System
open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

type private Model =
    { Weights: Tensor
      Layers: Tensor list
      Scale: Tensor * int }

let private model =
    { Weights = Tensor.matrix [ [ 0.3; -0.7 ]; [ 1.1; 0.4 ] ]
      Layers = [ Tensor.vector [ 0.2; -0.4 ]; Tensor.vector [ 1.5; 0.6 ] ]
      Scale = Tensor.scalar 1.7, 2 }

let private energy m =
    let hidden = tanh (Tensor.matmul m.Weights m.Layers[0] + m.Layers[1])
    Tensor.sum (hidden * hidden) * exp (fst m.Scale * float (snd m.Scale)) / 10.0

/// The second layer's derivative is off by a part of itself; the value is right.
let private lying (part: float) m =
    let factor = 1.0 + part
    let wrong = customJvp (sin: Tensor -> Tensor) (fun x v -> factor * cos x * v)
    energy m + Tensor.sum (wrong m.Layers[1])

let private settings = Gradients.standard

[<Fact>]
let ``a right function of a record, a list and a tuple passes at every order`` () =
    let report = Gradients.checkWith { settings with Order = 3 } energy model
    Assert.True(report.IsPassed, Report.toText report)
    Assert.Equal(9, report.Elements)
    Assert.Equal(7, report.Findings |> Seq.distinctBy (fun f -> f.Order, f.Nesting) |> Seq.length)

[<Theory>]
[<InlineData 1.0; InlineData 1e-2; InlineData 1e-4; InlineData 1e-6; InlineData 1e-8>]
let ``a derivative off by a part of itself fails, and the element is named`` (part: float) =
    let report = Gradients.check (lying part) model
    Assert.Equal(Failed, report.Verdict)
    Assert.StartsWith("Layers.1[", report.Path)
    Assert.Contains(report.Path, Report.toText report)

[<Fact>]
let ``the derivative of a list's second tensor passes when it is right`` () =
    let report = Gradients.check (lying 0.0) model
    Assert.True(report.IsPassed, Report.toText report)

[<Fact>]
let ``a rule that only one mode gets wrong fails by forward against reverse`` () =
    // The pullback is that of cos, the value that of sin; forward mode transposes the pullback, so both must lie apart.
    let f (x: Tensor) = Tensor.sum (Tensor.scale (sin x) (Tensor.stopGradient x))

    Assert.Equal(Failed, (Gradients.check f (Tensor.vector [ 0.4; 0.9 ])).Verdict)

[<Fact>]
let ``float32 functions are checked by what float32 can show`` () =
    let x = Tensor.vector [ 0.5f; -1.25f; 2.0f ]
    let right (x: Tensor) = Tensor.sum (sin x * exp x)
    let report = Gradients.check right x
    Assert.True(report.IsPassed, Report.toText report)
    let wrong (x: Tensor) = Tensor.sum (customJvp Tensor.exp (fun x v -> 1.02 * exp x * v) x)
    Assert.Equal(Failed, (Gradients.check wrong x).Verdict)

[<Fact>]
let ``a second derivative alone can be wrong`` () =
    // The first derivative of x^3 holds x^2 fixed, so that only the second is wrong.
    let cube = customJvp (fun (x: Tensor) -> x * x * x) (fun x v -> 3.0 * Tensor.stopGradient (x * x) * v)

    let f x = Tensor.sum (cube x)
    let x = Tensor.vector [ 0.5; 1.5 ]
    Assert.True (Gradients.checkWith { settings with Order = 1 } f x).IsPassed
    let report = Gradients.check f x
    Assert.Equal(Failed, report.Verdict)
    Assert.All(Report.failures report, (fun f -> Assert.True(f.Order = 2 || f.Check = "Taylor slope 3")))

[<Fact>]
let ``remainders shrink with slope 2 after the first derivative and 3 after the second`` () =
    let report = Gradients.check energy model

    let slopes check =
        report.Findings
        |> Array.filter (fun f -> f.Check = check && f.Order = 1)
        |> Array.map (fun f -> f.Verdict, round f.Found)

    Assert.Equal<(Verdict * float)[]>([| Passed, 2.0 |], slopes "Taylor slope 2")
    Assert.Equal<(Verdict * float)[]>([| Passed, 3.0 |], slopes "Taylor slope 3")

    // The first derivative is right where it is taken, the second is off by a part.
    let f x =
        Tensor.sum (
            customJvp
                (sin: Tensor -> Tensor)
                (fun x v -> cos (Tensor.stopGradient x + 1.01 * (x - Tensor.stopGradient x)) * v)
                x
        )

    let report = Gradients.check f (Tensor.vector [ 0.5; 1.5 ])
    let verdict check = (report.Findings |> Array.find (fun f -> f.Check = check)).Verdict
    Assert.Equal(Passed, verdict "Taylor slope 2")
    Assert.Equal(Failed, verdict "Taylor slope 3")

[<Fact>]
let ``a kink is inconclusive, and next to one the derivative is right`` () =
    let f (x: Tensor) = Tensor.sum (abs x)
    Assert.Equal(Inconclusive, (Gradients.check f (Tensor.vector [ 0.0 ])).Verdict)
    let near = Gradients.checkWith { settings with Order = 1 } f (Tensor.vector [ 1e-3; -2.0 ])
    Assert.True(near.IsPassed, Report.toText near)

[<Fact>]
let ``noise is inconclusive, never a failure`` () =
    // Adding and taking away 1e10 leaves six digits, about which differences can say little.
    let f (x: Tensor) = Tensor.sum ((sin x + 1e10) - 1e10)
    let report = Gradients.checkWith { settings with Order = 1 } f (Tensor.vector [ 0.3; 0.7 ])
    Assert.Equal(Inconclusive, report.Verdict)

[<Fact>]
let ``a function that is not pure fails`` () =
    let mutable calls = 0.0

    let f (x: Tensor) =
        calls <- calls + 1.0
        Tensor.sum x * calls

    let report = Gradients.check f (Tensor.vector [ 1.0; 2.0 ])
    Assert.Equal(Failed, report.Verdict)
    Assert.Contains("not pure", Report.toText report)

[<Fact>]
let ``the same seed gives the same report, another seed other directions`` () =
    let text seed =
        Gradients.checkWith { settings with Seed = seed } (lying 1e-3) model
        |> Report.toText

    Assert.Equal(text 5, text 5)
    Assert.NotEqual<string>(text 5, text 6)

[<Fact>]
let ``elements of very different sizes are each stepped by their own`` () =
    let f (x: Tensor) = Tensor.sum (1.0 / x) * 1e-9
    let report = Gradients.checkWith { settings with Order = 1 } f (Tensor.vector [ 1e-9; 2e-9 ])
    Assert.True(report.IsPassed, Report.toText report)
    let g (x: Tensor) = Tensor.sum (log x)
    let report = Gradients.check g (Tensor.vector [ 1e6; 3e6 ])
    Assert.True(report.IsPassed, Report.toText report)

[<Fact>]
let ``one wrong element among a thousand is found and named`` () =
    let place = Tensor.oneHot Float64 1000 (Tensor.scalar 617)
    let wrong = customJvp (sin: Tensor -> Tensor) (fun x v -> cos x * v * (1.0 + 0.01 * place))
    let x = Tensor.linspace Float64 -1.0 1.0 1000
    let report = Gradients.checkWith { settings with Order = 1 } (fun x -> Tensor.sum (wrong x)) x
    Assert.Equal(Failed, report.Verdict)
    Assert.Equal("x[617]", report.Path)

[<Fact>]
let ``assertCorrect says nothing or raises the report`` () =
    Gradients.assertCorrect energy model
    let error = Assert.Throws<GradientException>(fun () -> Gradients.assertCorrect (lying 0.1) model)
    Assert.StartsWith("Failed: the derivative is wrong, most of all at Layers.1[", error.Message)
    Assert.Equal(Failed, error.Report.Verdict)

[<Fact>]
let ``functions of plain numbers are checked from C#'s side`` () =
    let f (x: float[]) = x[0] * x[0] * x[1] + Math.Sin x[1]
    let gradient (x: float[]) = [| 2.0 * x[0] * x[1]; x[0] * x[0] + Math.Cos x[1] |]
    let at = [| 1.2; -0.7 |]
    let right = GradientCheck.Verify(Func<_, _> f, Func<_, _> gradient, at)
    Assert.True(right.IsPassed, Report.toText right)
    let forgotten (x: float[]) = [| gradient(x)[0]; x[0] * x[0] |]
    let wrong = GradientCheck.Verify(Func<_, _> f, Func<_, _> forgotten, at)
    Assert.Equal("x[1]", wrong.Path)
    let tree = GradientCheck.Verify(Func<_, _> energy, model)
    Assert.True tree.IsPassed

[<Fact>]
let ``claimed products with a Jacobian are checked either way`` () =
    let f (x: float[]) = [| x[0] * x[1]; Math.Exp x[0]; x[1] |]
    let jvp (x: float[]) (v: float[]) = [| v[0] * x[1] + x[0] * v[1]; Math.Exp x[0] * v[0]; v[1] |]
    let vjp (x: float[]) (g: float[]) = [| g[0] * x[1] + Math.Exp x[0] * g[1]; g[0] * x[0] + g[2] |]
    let swapped x g = vjp x g |> Array.rev
    let at = [| 0.3; 1.4 |]
    Assert.True (GradientCheck.VerifyJvp(Func<_, _> f, Func<_, _, _> jvp, at)).IsPassed
    Assert.True (GradientCheck.VerifyVjp(Func<_, _> f, Func<_, _, _> vjp, at)).IsPassed
    Assert.Equal(Failed, (GradientCheck.VerifyVjp(Func<_, _> f, Func<_, _, _> swapped, at)).Verdict)

[<Fact>]
let ``what cannot be checked is refused`` () =
    let x = Tensor.vector [ 1.0 ]

    let order =
        Assert.Throws<ArgumentException>(fun () ->
            Gradients.checkWith { settings with Order = 4 } Tensor.sum x |> ignore)

    Assert.Equal("The order is 4, but must be 1, 2 or 3.", order.Message)
    let whole x = Tensor.cast Int32 (Tensor.sum x)
    let result = Assert.Throws<ArgumentException>(fun () -> Gradients.check whole x |> ignore)
    Assert.Equal("The function has no float result to differentiate.", result.Message)

[<Fact>]
let ``what has no elements, and what stays constant, passes`` () =
    Assert.True (Gradients.check Tensor.sum (Tensor.zeros Float64 [ 0; 3 ])).IsPassed
    let held (x: Tensor) = Tensor.sum (x * 0.0) + 2.0
    let report = Gradients.check held (Tensor.vector [ 1.0; 2.0 ])
    Assert.NotEqual(Failed, report.Verdict)
