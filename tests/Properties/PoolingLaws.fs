module Properties.PoolingLaws

open System
open Xunit
open Ad.Functional

let private key = Key.ofSeed 9L
let private random shape = Random.normal key shape

let private close (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let far = Tensor.max (abs (expected - actual)) |> Tensor.toScalar
    Assert.True(far < 1e-12, $"expected {expected}, got {actual}")

let private options strides padding dilation ceil countPadding =
    { Strides = strides
      Padding = Padding.Explicit padding
      Dilation = dilation
      Ceil = ceil
      CountPadding = countPadding }

[<Fact>]
let ``a mean over windows is a convolution with equal numbers`` () =
    let x = random [ 2; 3; 7; 8 ]
    let kernel = Tensor.full Float64 [ 3; 1; 3; 2 ] (1.0 / 6.0)

    for stride, dilation in [ 1, 1; 2, 1; 1, 2; 3, 2 ] do
        let conv =
            { Conv.defaults with
                Strides = [ stride ]
                Dilation = [ dilation ]
                Padding = Padding.Explicit [ 1, 1 ]
                Groups = 3 }

        let pool = options [ stride ] [ 1, 1 ] [ dilation ] false true
        close (Conv.conv conv kernel x) (Pool.average pool [ 3; 2 ] x)

[<Fact>]
let ``padding that does not count leaves the mean of ones at one`` () =
    let x = Tensor.ones Float64 [ 1; 5; 6 ]

    for ceil in [ false; true ] do
        let mean = Pool.average (options [ 2 ] [ 1, 1 ] [ 1 ] ceil false) [ 3; 3 ] x
        close (Tensor.onesLike mean) mean

[<Fact>]
let ``a ceiling adds a window only where it begins on the image`` () =
    let shape n w stride ceil =
        Tensor.shape (Pool.max (options [ stride ] [ 0, 0 ] [ 1 ] ceil true) [ w ] (random [ n ]))

    Assert.Equal<int list>([ 2 ], shape 5 2 2 false)
    Assert.Equal<int list>([ 3 ], shape 5 2 2 true)
    // The window that would be added begins at 6, past the end.
    Assert.Equal<int list>([ 2 ], shape 5 2 3 true)
    Assert.Equal<int list>([ 2 ], shape 6 3 3 true)

[<Fact>]
let ``the positions of maxima are where they are`` () =
    let x = random [ 2; 3; 6; 7 ]
    let values, indices = Pool.maxWithIndices (options [ 2; 1 ] [ 1, 1 ] [ 1 ] false true) [ 3; 2 ] x
    let flat (t: Tensor) = Tensor.reshape [ 2; 3; -1 ] t
    close (flat values) (Tensor.takeAlong 2 (flat indices) (flat x))

[<Fact>]
let ``unpooling puts maxima back, and pooling finds them again`` () =
    let x = Tensor.abs (random [ 2; 3; 6; 8 ])
    let values, indices = Pool.maxWithIndices Pool.defaults [ 2; 2 ] x
    let back = Pool.unpool [ 6; 8 ] indices values
    close values (Pool.max Pool.defaults [ 2; 2 ] back)
    close (Tensor.sum values) (Tensor.sum back)
    let spread = Reverse.gradient (fun v -> Tensor.sum (x * Pool.unpool [ 6; 8 ] indices v)) values
    close values spread

[<Fact>]
let ``adaptive pooling has the size asked for, whole parts or not`` () =
    let x = random [ 2; 6; 7 ]
    close (Pool.globalAverage x) (Tensor.squeeze [ 2 ] (Pool.adaptiveAverage [ 1 ] x))
    close (Pool.globalMax x) (Tensor.squeeze [ 2 ] (Pool.adaptiveMax [ 1 ] x))
    close (Pool.average Pool.defaults [ 2; 7 ] x) (Pool.adaptiveAverage [ 3; 1 ] x)
    let parts = Pool.adaptiveAverage [ 4; 3 ] x
    Assert.Equal<int list>([ 2; 4; 3 ], Tensor.shape parts)
    // Of 6 in 4 parts the second goes from 1 to 2, of 7 in 3 the last from 4 to 6.
    close (Tensor.mean x[0, 1..2, 4..6]) parts[0, 1, 2]

[<Fact>]
let ``ties share a derivative, in both modes and at every order`` () =
    let x = Tensor.matrix [ [ 1.0; 3.0; 3.0; 0.0 ] ]
    let f (x: Tensor) = Tensor.sum (Tensor.square (Pool.max Pool.defaults [ 4 ] x))
    let expected = Tensor.matrix [ [ 0.0; 3.0; 3.0; 0.0 ] ]
    close expected (Reverse.gradient f x)
    close expected (Forward.gradient f x)
    let v = Tensor.matrix [ [ 5.0; 1.0; 2.0; 7.0 ] ]
    close (Tensor.matrix [ [ 0.0; 1.5; 1.5; 0.0 ] ]) (hvp f x v)

[<Fact>]
let ``windows that do not fit are named`` () =
    let refused f = Assert.Throws<ArgumentException>(Action(fun () -> f () |> ignore)).Message
    let x = random [ 2; 3 ]

    Assert.Contains(
        "larger than the padded image [2, 3]",
        refused (fun () -> Pool.max Pool.defaults [ 3; 3 ] x)
    )

    Assert.Contains("window [2, 2, 2]", refused (fun () -> Pool.max Pool.defaults [ 2; 2; 2 ] x))
    Assert.Contains("int32", refused (fun () -> Pool.average Pool.defaults [ 2 ] (Tensor.cast Int32 x)))

    Assert.Contains(
        "padding",
        refused (fun () -> Pool.maxWithIndices (options [ 1 ] [ 2, 0 ] [ 1 ] false true) [ 2 ] x |> fst)
    )

    Assert.Contains(
        "strides [0]",
        refused (fun () -> Pool.max { Pool.defaults with Strides = [ 0 ] } [ 2 ] x)
    )
