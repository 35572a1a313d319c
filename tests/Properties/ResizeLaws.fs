/// Images of other sizes, by what defines them and by what PyTorch gives.
module Properties.ResizeLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private normal seed shape = Random.normal (Key.ofSeed seed) shape |> Tensor.eval

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let far = Tensor.max (abs (expected - actual)) |> Tensor.toScalar
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private kinds = [ Interpolation.Nearest; Interpolation.Linear; Interpolation.Cubic -0.5 ]

[<Fact>]
let ``an image in its own size is itself, and a flat one stays flat`` () =
    let x = normal 1L [ 2; 3; 5; 4 ]

    for kind in kinds do
        close 0.0 x (Resize.into kind [ 5; 4 ] x)
        close 0.0 x (Resize.endToEnd kind [ 5; 4 ] x)

        close
            1e-14
            (Tensor.full Float64 [ 7; 2 ] 3.0)
            (Resize.into kind [ 7; 2 ] (Tensor.full Float64 [ 3; 9 ] 3.0))

[<Fact>]
let ``lines stay lines, parabolas too by cubics, away from the ends`` () =
    let line = Tensor.arange Float64 20
    let places = (Tensor.arange Float64 50 + 0.5) * 0.4 - 0.5
    let inner (t: Tensor) = t[6..43]

    for kind in [ Interpolation.Linear; Interpolation.Cubic -0.5 ] do
        close 1e-12 (inner places) (inner (Resize.into kind [ 50 ] line))

    close
        1e-11
        (inner (places * places))
        (inner (Resize.into (Interpolation.Cubic -0.5) [ 50 ] (line * line)))

/// PyTorch 1.13, torch.nn.functional.interpolate of [[0.3, -1.2, 2, 0.7], [1.1, 0.4, -0.6, 0.9], [-0.2, 0.5, 1.4, -1]] to 2 by 7, float64.
let private references =
    [ Interpolation.Nearest,
      false,
      [ 0.3; 0.3; -1.2; -1.2; 2.0; 2.0; 0.7; 1.1; 1.1; 0.4; 0.4; -0.6; -0.6; 0.9 ]
      Interpolation.Linear,
      false,
      [ 0.5
        0.03571428571428584
        -0.707142857142857
        0.275
        1.3071428571428574
        0.9642857142857143
        0.7499999999999999
        0.125
        0.24999999999999997
        0.45
        0.6875
        0.798214285714286
        -0.016071428571428514
        -0.525 ]
      Interpolation.Linear,
      true,
      [ 0.3
        -0.44999999999999996
        -1.2
        0.4
        2.0
        1.35
        0.7
        -0.2
        0.15
        0.5
        0.95
        1.4
        0.19999999999999996
        -1.0 ]
      Interpolation.Cubic -0.75,
      false,
      [ 0.6626781585960274
        -0.07333938109283925
        -0.8635199455061046
        0.17110595703125006
        1.411159255136206
        1.126363735365798
        0.7596719191303758
        0.0818844809129008
        0.24288589877915417
        0.4952137049016033
        0.8659912109375
        0.7892065643221577
        -0.059541841290087626
        -0.7031858572111884 ]
      Interpolation.Cubic -0.75,
      true,
      [ 0.3
        -0.75
        -1.2
        0.38125000000000003
        2.0
        1.65
        0.7
        -0.2
        0.065625
        0.5
        1.2406249999999999
        1.4
        0.28437499999999993
        -1.0 ] ]

[<Fact>]
let ``places and weights are PyTorch's`` () =
    let x = Tensor.matrix [ [ 0.3; -1.2; 2.0; 0.7 ]; [ 1.1; 0.4; -0.6; 0.9 ]; [ -0.2; 0.5; 1.4; -1.0 ] ]

    for kind, toEnds, expected in references do
        let resize = if toEnds then Resize.endToEnd else Resize.into
        close 1e-14 (Tensor.ofArray [ 2; 7 ] (Array.ofList expected)) (resize kind [ 2; 7 ] x)

[<Fact>]
let ``derivatives are right, and batches are image by image`` () =
    for kind in kinds do
        let f (x: Tensor) = Tensor.sum (Tensor.square (Resize.into kind [ 5; 3 ] x))
        let report = Gradients.check f (normal 2L [ 3; 4 ])
        Assert.True(report.IsPassed, $"{report}")
        let x = normal 3L [ 4; 3; 6 ]
        close 1e-14 (vmap (Resize.into kind [ 7; 2 ]) x) (Resize.into kind [ 7; 2 ] x)

[<Fact>]
let ``sizes that there are not are refused`` () =
    let refused f = (Assert.Throws<ArgumentException>(fun () -> f () |> ignore)).Message
    let x = Tensor.zeros Float64 [ 2; 3 ]
    Assert.Contains("0 elements", refused (fun () -> Resize.into Interpolation.Linear [ 0 ] x))
    Assert.Contains("3 axes", refused (fun () -> Resize.into Interpolation.Linear [ 1; 1; 1 ] x))

    Assert.Contains(
        "floats",
        refused (fun () -> Resize.into Interpolation.Nearest [ 4 ] (Tensor.vector [ 1; 2 ]))
    )
