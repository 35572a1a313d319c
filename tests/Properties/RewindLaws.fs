module Properties.RewindLaws

open Xunit
open Ad.Functional

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
    Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")

let private one (x: float) = Tensor.scalar x
let private turn (x: Tensor) (y: Tensor) = sin (y * x) + 0.1

/// So many steps, of which the loop does not know.
let private counted (n: int) x =
    whileLoop
        (fun (i: Tensor, _: Tensor) -> Tensor.less i (Tensor.scalar n))
        (fun (i, y) -> i + 1, turn x y)
        (Tensor.scalar 0, x)
    |> snd

let private grown (x: Tensor) = whileLoop (fun y -> Tensor.less y (one 100.0)) (fun y -> y * x) x

[<Theory>]
[<InlineData 0>]
[<InlineData 1>]
[<InlineData 5>]
[<InlineData 63>]
[<InlineData 64>]
[<InlineData 65>]
[<InlineData 128>]
[<InlineData 1000>]
let ``the gradient through a while loop is that through as many steps`` (n: int) =
    let x = one 1.3
    close 1e-13 (grad (fun x -> iterate n (fun _ y -> turn x y) x) x) (grad (counted n) x)

[<Fact>]
let ``a while loop has one derivative in both modes, to any order, mapped and compiled`` () =
    // The start is multiplied until it is 100 or more: x^5 at 3, x^7 at 2, and x itself at 200.
    let x = Tensor.vector [ 3.0; 2.0; 200.0 ]
    let first = Tensor.vector [ 5.0 * 81.0; 7.0 * 64.0; 1.0 ]
    let second = Tensor.vector [ 20.0 * 27.0; 42.0 * 32.0; 0.0 ]
    let each f = Tensor.stack 0 [ for i in 0..2 -> f x[i] ]
    close 1e-15 first (each (grad grown))
    close 1e-15 first (vmap (grad grown) x)
    close 1e-15 first (each (jit (grad grown)))
    close 1e-15 second (each (grad (grad grown)))
    close 1e-15 second (each (Forward.derivative (grad grown)))
    close 1e-15 second (each (grad (Forward.derivative grown)))

[<Fact>]
let ``trees are carried back, and what a loop closes over has its share`` () =
    let w = Tensor.matrix [ [ 0.5; 0.2 ]; [ 0.1; -0.7 ] ]

    let last loop (w: Tensor, x: Tensor) =
        let _, y = loop (fun y -> tanh (w *@ y + x)) x
        Tensor.sum (y * y)

    let free f x =
        whileLoop
            (fun (i: Tensor, _: Tensor) -> Tensor.less i (Tensor.scalar 70))
            (fun (i, y) -> i + 1, f y)
            (Tensor.scalar 0, x)

    let bounded f x = (), iterate 70 (fun _ y -> f y) x
    let at = w, Tensor.vector [ 0.3; -0.4 ]
    let ofW, ofX = grad (last bounded) at
    let ofW', ofX' = grad (last free) at
    close 1e-13 ofW ofW'
    close 1e-13 ofX ofX'

[<Fact>]
let ``the gradient through a while loop takes the same memory for any number of steps`` () =
    let temporaries f x =
        let line = (explain f x: string).Split('\n') |> Array.findBack _.StartsWith("temporaries ")
        int64 (line.Split(' ')[1])

    let loop (n: int) x = grad (counted n >> Tensor.sum) x
    let x = Tensor.ones Float64 [ 1000 ]
    Assert.Equal(temporaries (loop 10) x, temporaries (loop 10_000) x)
