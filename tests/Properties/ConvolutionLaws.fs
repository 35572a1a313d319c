module Properties.ConvolutionLaws

open System
open Xunit
open FsCheck
open FsCheck.FSharp
open Ad.Functional
open Properties.Check

let private key = Key.ofSeed 4L
let private random i shape = Random.normal (Key.foldIn i key) shape
let private dot (a: Tensor) (b: Tensor) = Tensor.sum (a * b)

let private close (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let far = Tensor.max (abs (expected - actual) / (1.0 + abs expected)) |> Tensor.toScalar
    Assert.True(far < 1e-12, $"expected {expected}, got {actual}")

/// Ways to lay windows on an image of up to three spatial axes, in which they have room.
type private Laid =
    { Spatial: int
      Size: int
      Window: int
      Options: ConvOptions }

let private laid =
    gen {
        let! spatial = Gen.choose (1, 3)
        let! size = Gen.choose (3, 6)
        let! window = Gen.choose (1, 3)
        let! stride = Gen.choose (1, 3)
        let! dilation = Gen.choose (1, 2)
        let! low, high = Gen.two (Gen.choose (0, 2))
        let! groups = Gen.choose (1, 2)

        return
            { Spatial = spatial
              Size = size + 2
              Window = window
              Options =
                { Conv.defaults with
                    Strides = [ stride ]
                    Dilation = [ dilation ]
                    Padding = Padding.Explicit [ low, high ]
                    Groups = groups } }
    }
    |> Arb.fromGen

let private spatial (l: Laid) size = List.replicate l.Spatial size
let private image (l: Laid) = random 0 ([ 2; 4 ] @ spatial l l.Size)
let private kernel (l: Laid) = random 1 ([ 6; 4 / l.Options.Groups ] @ spatial l l.Window)

/// Every window by itself: a slice of the padded image, multiplied and summed.
let private byWindows (l: Laid) (k: Tensor) (x: Tensor) =
    let low, high =
        match l.Options.Padding with
        | Padding.Explicit [ pair ] -> pair
        | _ -> 0, 0

    let padded = Tensor.pad ([ 0, 0; 0, 0 ] @ List.replicate l.Spatial (low, high)) x
    let stride, dilation = l.Options.Strides.Head, l.Options.Dilation.Head
    let reach = (l.Window - 1) * dilation + 1
    let count = (l.Size + low + high - reach) / stride + 1
    let perGroup = k.Shape[0] / l.Options.Groups
    let channels = k.Shape[1]

    let rec places axes =
        if axes = 0 then
            [ [] ]
        else
            [ for i in 0 .. count - 1 do
                  for rest in places (axes - 1) -> i :: rest ]

    [ for o in 0 .. k.Shape[0] - 1 do
          let first = o / perGroup * channels

          for place in places l.Spatial ->
              let window =
                  Tensor.slice
                      ([ 0, 2, 1; first, first + channels, 1 ]
                       @ (place |> List.map (fun p -> p * stride, p * stride + reach, dilation)))
                      padded

              Tensor.sumOver [ 1 .. l.Spatial + 1 ] (window * k[o]) ]
    |> Tensor.stack 1
    |> Tensor.reshape ([ 2; k.Shape[0] ] @ spatial l count)

[<Fact>]
let ``a convolution is the product with every window`` () =
    forSome 60 laid (fun l ->
        close (byWindows l (kernel l) (image l)) (Conv.conv l.Options (kernel l) (image l)))

[<Fact>]
let ``A158: a transposed convolution is the transpose of the convolution`` () =
    forSome 60 laid (fun l ->
        let k, x = kernel l, image l
        let y = Conv.conv l.Options k x
        let g = random 2 (Tensor.shape y)
        let back = Reverse.gradient (fun x -> dot (Conv.conv l.Options k x) g) x
        // What of the image no window has reached the transposed convolution does not know of: it is put in at the end.
        let sized (more: int list) = Conv.convTranspose l.Options more k g

        let missing = Seq.map2 (-) (Seq.skip 2 x.Shape) (Seq.skip 2 (sized []).Shape) |> List.ofSeq

        if
            missing
            |> List.forall (fun m -> 0 <= m && m < max l.Options.Strides.Head l.Options.Dilation.Head)
        then
            close back (sized missing))

[<Fact>]
let ``both derivatives multiply as often as the convolution`` () =
    forSome 60 laid (fun l ->
        let k, x = Tensor.eval (kernel l, image l)
        let conv k x = Conv.conv l.Options k x
        let flops f = (snd (Cost.measure (fun () -> Tensor.eval (f ()) |> ignore))).Flops
        let forward = flops (fun () -> conv k x)

        let backward (f: Tensor -> Tensor) at =
            let y, pull = Reverse.vjp f at
            let g = Tensor.eval (y, random 2 (Tensor.shape y)) |> snd
            flops (fun () -> pull g)

        Assert.Equal(forward, backward (conv k) x)
        Assert.Equal(forward, backward (fun k -> conv k x) k))

[<Fact>]
let ``a kernel of one element mixes channels, and a window as large as the image is a product of matrices``
    ()
    =
    let x = random 0 [ 3; 4; 5; 6 ]
    let one = random 1 [ 7; 4; 1; 1 ]
    close (Linalg.einsum "oc,ncyx->noyx" [ Tensor.squeeze [ 2; 3 ] one; x ]) (Conv.conv2d 1 0 one x)
    let whole = random 2 [ 7; 4; 5; 6 ]
    close (Linalg.einsum "ocyx,ncyx->no" [ whole; x ]) (Conv.conv2d 1 0 whole x |> Tensor.squeeze [ 2; 3 ])

[<Fact>]
let ``same padding keeps sizes, divided by the stride`` () =
    for size in 1..7 do
        for window in 1..4 do
            for stride in 1..3 do
                let options =
                    { Conv.defaults with
                        Padding = Padding.Same
                        Strides = [ stride ] }

                let y = Conv.conv options (random 1 [ 1; 1; window ]) (random 0 [ 1; 1; size ])
                Assert.Equal<int list>([ 1; 1; (size + stride - 1) / stride ], Tensor.shape y)

[<Fact>]
let ``shapes that do not fit are named`` () =
    let refused f = Assert.Throws<ArgumentException>(Action(fun () -> f () |> ignore)).Message
    let x, k = random 0 [ 2; 3; 5; 5 ], random 1 [ 4; 3; 3; 3 ]
    let channels = refused (fun () -> Conv.conv2d 1 0 (random 1 [ 4; 2; 3; 3 ]) x)
    Assert.Contains("float64[2, 3, 5, 5]", channels)
    Assert.Contains("float64[4, 2, 3, 3]", channels)

    Assert.Contains(
        "conv1d: takes an image and a kernel of 1 spatial axes",
        refused (fun () -> Conv.conv1d 1 0 k x)
    )

    Assert.Contains(
        "larger than the padded image [5, 5]",
        refused (fun () -> Conv.conv2d 1 0 (random 1 [ 4; 3; 6; 6 ]) x)
    )

    Assert.Contains("with 2 groups", refused (fun () -> Conv.conv { Conv.defaults with Groups = 2 } k x))
    Assert.Contains("strides [0]", refused (fun () -> Conv.conv2d 0 0 k x))

    Assert.Contains(
        "output padding 2",
        refused (fun () -> Conv.convTranspose2d 2 0 2 (random 1 [ 3; 4; 3; 3 ]) x)
    )

    Assert.Contains("differ", refused (fun () -> Conv.conv2d 1 0 (Tensor.cast Float32 k) x))
