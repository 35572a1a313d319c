module Properties.PerturbedLaws

open System
open Xunit
open Ad.Functional

let private key = Key.ofSeed 71L
let private choice (x: Tensor) = Tensor.oneHot Float64 x.Shape[0] (Tensor.argmax x)

let private within (sigmas: float) (draws: int) (expected: Tensor) (actual: Tensor) =
    let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    let allowed = sigmas / sqrt (float draws)
    Assert.True(apart <= allowed, $"expected {expected} within {allowed}, got {actual}")

let private scores = Tensor.vector [ 0.3; -0.2; 0.1; 0.5 ]

[<Fact>]
let ``the largest of scores perturbed by Gumbel's noise is a choice by softmax, and so is its derivative``
    ()
    =
    let draws = 40_000
    let soft (x: Tensor) = Tensor.softmax 0 (x / 0.7)
    let perturbed x = Perturbed.mean Noise.Gumbel draws 0.7 choice key x
    within 2.5 draws (soft scores) (perturbed scores)
    within 8.0 draws (jacobian soft scores) (Forward.jacobian perturbed scores)
    within 8.0 draws (jacobian soft scores) (Reverse.jacobian perturbed scores)

[<Fact>]
let ``under normal noise the derivatives of the mean are those of the smoothed function, to second order``
    ()
    =
    let draws, sigma = 40_000, 0.5
    // E (x + sigma z)^2 = x^2 + sigma^2, whatever is known of the square.
    let blind (x: Tensor) = Tensor.sum (Tensor.stopGradient (x * x))
    let smoothed x = Perturbed.mean Noise.Normal draws sigma blind key x
    let x = Tensor.vector [ 0.8; -0.4 ]
    within 4.0 draws (Tensor.sum (x * x) + 2.0 * sigma * sigma) (smoothed x)
    within 20.0 draws (2.0 * x) (grad smoothed x)
    within 120.0 draws (2.0 * Tensor.eye Float64 2) (hessian smoothed x)

[<Fact>]
let ``the same key gives the same mean, and trees go through`` () =
    let f (a: Tensor, b: Tensor) =
        {| Best = choice a
           Sum = Tensor.sum a + b |}

    let x = scores, Tensor.scalar 2.0
    let once () = Perturbed.mean Noise.Normal 100 0.1 f key x
    Assert.Equal(once (), once ())
    let all = jit (Perturbed.mean Noise.Normal 100 0.1 f key) x
    Assert.Equal<int list>([ 4 ], Tensor.shape all.Best)
    Assert.Equal(Tensor.toScalar (once ()).Sum, Tensor.toScalar all.Sum, 12)

[<Fact>]
let ``what cannot be perturbed is refused`` () =
    let refused draws sigma x =
        Assert
            .Throws<ArgumentException>(fun () ->
                Perturbed.mean Noise.Normal draws sigma (fun (t: Tensor) -> t) key x |> ignore)
            .Message

    Assert.Contains("0 draws", refused 0 1.0 scores)
    Assert.Contains("sigma is 0", refused 10 0.0 scores)
    Assert.Contains("int32[2]", refused 10 1.0 (Tensor.vector [ 1; 2 ]))

[<Fact>]
let ``a batch by parts gives what the whole does, in less memory`` () =
    let w = Random.normal key [ 8; 8 ]
    let x, y = Random.normal (Key.foldIn 1 key) [ 256; 8 ], Random.normal (Key.foldIn 2 key) [ 256; 8 ]
    let layers w (x: Tensor) = Seq.fold (fun x _ -> tanh (Tensor.matmul x w)) x [ 1..6 ]
    let loss w (x, y) = Tensor.mean (Tensor.square (layers w x - y))
    let gradient w batch = grad (fun w -> loss w batch) w
    let close (a: Tensor) b = Assert.True(Tensor.allClose 1e-12 1e-12 a b)
    close (gradient w (x, y)) (Microbatch.mean 16 (gradient w) (x, y))
    close (loss w (x, y)) (Microbatch.mean 64 (loss w) (x, y))
    close (layers w x) (Microbatch.concat 32 (layers w) x)
    close (Tensor.sum (layers w x)) (Microbatch.sum 32 (layers w >> Tensor.sum) x)
    // It is differentiated as any scan is.
    close (gradient w (x, y)) (grad (fun w -> Microbatch.mean 16 (loss w) (x, y)) w)

    let temporaries f =
        let line = (explain f w: string).Split('\n') |> Array.findBack _.StartsWith("temporaries ")
        int64 (line.Split(' ')[1])

    let whole, parts =
        temporaries (fun w -> gradient w (x, y)),
        temporaries (fun w -> Microbatch.mean 16 (gradient w) (x, y))

    Assert.True(4L * parts < whole, $"{parts} against {whole}")

    let refused = Assert.Throws<ArgumentException>(fun () -> Microbatch.mean 100 (loss w) (x, y) |> ignore)

    Assert.Contains("microbatch: 0 float64[256, 8]", refused.Message)
