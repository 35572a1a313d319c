/// Discrete Fourier transforms, by what defines them.
module Properties.FourierLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private normal seed shape = Random.normal (Key.ofSeed seed) shape |> Tensor.eval

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let far = Tensor.max (abs (expected - actual)) |> Tensor.toScalar
        Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

/// The sums that define it, one after another.
let private summed (re: Tensor) (im: Tensor) =
    let x, y = Tensor.toArray<float> re, Tensor.toArray<float> im
    let n = x.Length

    let at k =
        let mutable a, b = 0.0, 0.0

        for j in 0 .. n - 1 do
            let angle = -2.0 * Math.PI * float (j * k % n) / float n
            a <- a + x[j] * cos angle - y[j] * sin angle
            b <- b + x[j] * sin angle + y[j] * cos angle

        a, b

    let all = Array.init n at
    Tensor.vector (Array.map fst all), Tensor.vector (Array.map snd all)

let private lengths =
    [ 1
      2
      3
      5
      7
      16
      61
      64
      65
      67
      96
      100
      128
      134
      243
      360
      1024
      1009
      37 * 41 ]

[<Fact>]
let ``a transform is its sums, whatever the length: small, a product, a power, a prime`` () =
    for n in lengths do
        let re, im = normal 1L [ n ], normal 2L [ n ]
        let expectedRe, expectedIm = summed re im
        let actualRe, actualIm = Fourier.fft 0 (re, im)
        let tolerance = 4e-15 * float n
        close tolerance expectedRe actualRe
        close tolerance expectedIm actualIm

[<Fact>]
let ``the inverse goes back, and lengths keep their sum of squares`` () =
    for n in lengths do
        let x = normal 3L [ 2; n ], normal 4L [ 2; n ]
        let y = Fourier.fft 1 x
        let re, im = Fourier.ifft 1 y
        close 1e-12 (fst x) re
        close 1e-12 (snd x) im
        let energy (re: Tensor, im: Tensor) = Tensor.sumOver [ 1 ] (re * re + im * im)
        close 1e-9 (Tensor.onesLike (energy x)) (energy y / (energy x * float n))

[<Fact>]
let ``real transforms are half of the whole, and go back for even and odd lengths`` () =
    for n in lengths do
        let x = normal 5L [ n; 3 ]
        let re, im = Fourier.rfft 0 x
        let wholeRe, wholeIm = Fourier.fft 0 (x, Tensor.zerosLike x)
        close 1e-11 wholeRe[0 .. n / 2] re
        close 1e-11 wholeIm[0 .. n / 2] im
        close 1e-12 x (Fourier.irfft n 0 (re, im))

[<Fact>]
let ``a convolution is a product of polynomials, along any axis and in batches`` () =
    for m, n in [ 1, 1; 4, 7; 33, 65; 200, 3 ] do
        let a, b = normal 6L [ 2; m ], normal 7L [ 1; n ]
        let product = Fourier.convolve 1 a b

        let plain =
            Seq.init n (fun j -> Tensor.pad [ 0, 0; j, n - 1 - j ] a * b[0, j])
            |> Seq.reduce (+)

        close 1e-12 plain product
        close 1e-14 (Tensor.transpose product) (Fourier.convolve 0 (Tensor.transpose a) (Tensor.transpose b))

[<Fact>]
let ``transforms are linear: their tangents are themselves, and their adjoints transforms back`` () =
    for n in [ 6; 67; 100 ] do
        let x, v, g =
            (normal 8L [ n ], normal 9L [ n ]),
            (normal 10L [ n ], normal 11L [ n ]),
            (normal 12L [ n ], normal 13L [ n ])

        let _, along = Forward.jvp (Fourier.fft 0) x v
        close 1e-11 (fst (Fourier.fft 0 v)) (fst along)
        // The adjoint with respect to (re, im) pairs is n times the inverse transform.
        let _, pull = Reverse.vjp (Fourier.fft 0) x
        let backRe, backIm = Fourier.ifft 0 g
        close 1e-10 (float n * backRe) (fst (pull g))
        close 1e-10 (float n * backIm) (snd (pull g))

[<Fact>]
let ``derivatives through power spectra are right to second order, under vmap and jit too`` () =
    let power x =
        let re, im = Fourier.rfft -1 x
        Tensor.sum (Tensor.log (1.0 + re * re + im * im))

    let x = normal 14L [ 10 ]
    let report = Gradients.check power x
    Assert.True(report.IsPassed, $"{report}")
    let many = normal 15L [ 3; 70 ]
    close 1e-10 (Tensor.stack 0 [ for i in 0..2 -> power many[i] ]) (vmap power many)
    close 1e-10 (vmap (grad power) many) (jit (vmap (grad power)) many)

[<Fact>]
let ``frequencies rise, then come from below, and real ones only rise`` () =
    let check (expected: float list) actual = close 1e-15 (Tensor.vector expected) actual
    check [ 0.0; 0.5; -1.0; -0.5 ] (Fourier.frequencies Float64 4 0.5)
    check [ 0.0; 0.2; 0.4; -0.4; -0.2 ] (Fourier.frequencies Float64 5 1.0)
    check [ 0.0; 0.25; 0.5 ] (Fourier.realFrequencies Float64 4 1.0)

[<Fact>]
let ``transforms over two axes are one after the other, and go back`` () =
    let x = normal 16L [ 5; 12 ], normal 17L [ 5; 12 ]
    let once = Fourier.fft 0 (Fourier.fft 1 x)
    let both = Fourier.fftOver [ 0; 1 ] x
    close 1e-11 (fst once) (fst both)
    close 1e-12 (snd x) (snd (Fourier.ifftOver [ 0; 1 ] both))

[<Fact>]
let ``what does not fit is refused at the call`` () =
    let refused f = (Assert.Throws<ArgumentException>(fun () -> f () |> ignore)).Message
    let x = normal 18L [ 4 ]
    Assert.Contains("float64[4] and float64[3]", refused (fun () -> Fourier.fft 0 (x, x[0..2])))
    Assert.Contains("axis", refused (fun () -> Fourier.fft 1 (x, x)))
    Assert.Contains("3 elements, but float64[4] has 4", refused (fun () -> Fourier.irfft 5 0 (x, x)))
    Assert.Contains("empty", refused (fun () -> Fourier.rfft 0 (Tensor.zeros Float64 [ 0 ])))
