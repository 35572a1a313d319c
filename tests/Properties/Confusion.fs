module Properties.Confusion

open Xunit
open Ad.Functional

let private one = Tensor.scalar 1.0

let private modes: (string * ((Tensor -> Tensor) -> Tensor -> Tensor)) list =
    [ "forward", Forward.gradient; "reverse", Reverse.gradient ]

[<Fact>]
let ``the nested derivative of Siskind and Pearlmutter is 2, in all nestings`` () =
    // d/dx (x * d/dy (x y) at y = 2) = d/dx x^2 = 2x, at 1. A confused system sees y's perturbation as x's.
    for outer, d in modes do
        for inner, e in modes do
            let f x = x * e (fun y -> x * y) (Tensor.scalar 2.0)
            Assert.True((Tensor.toScalar (d f one) = 2.0), $"{outer} over {inner}")

[<Fact>]
let ``a variable of an outer transform is a constant to an inner one`` () =
    for outer, d in modes do
        for inner, e in modes do
            // d/dx (x * d/dy (x + y)) = 1.
            let f x = x * e (fun y -> x + y) one
            Assert.True((Tensor.toScalar (d f one) = 1.0), $"{outer} over {inner}")

[<Fact>]
let ``three levels keep apart`` () =
    for _, a in modes do
        for _, b in modes do
            for _, c in modes do
                // d/dx d/dy d/dz (x^2 y^2 z^2) = 8 x y z.
                let f x =
                    a (fun y -> b (fun z -> x * x * y * y * z * z) (Tensor.scalar 3.0)) (Tensor.scalar 2.0)

                Assert.Equal(8.0 * 5.0 * 2.0 * 3.0, Tensor.toScalar (c f (Tensor.scalar 5.0)))

[<Fact>]
let ``a function that escapes its transform sees constants`` () =
    let mutable kept: Tensor list = []

    let f (x: Tensor) =
        kept <- x :: kept
        x * x

    let g = Reverse.gradient f (Tensor.scalar 3.0)
    // What escaped is an ordinary value now: a later transform does not differentiate by it.
    let later = Reverse.gradient (fun y -> y * kept.Head) (Tensor.scalar 2.0)
    Assert.Equal(6.0, Tensor.toScalar g)
    Assert.Equal(3.0, Tensor.toScalar later)

[<Fact>]
let ``a pullback taken inside another transform is differentiated by it`` () =
    // d/dx of (pullback of y -> x y^2 at y = 3)(1) = d/dx (6 x) = 6.
    let f x =
        let _, pull = Reverse.vjp (fun y -> x * y * y) (Tensor.scalar 3.0)
        pull one

    Assert.Equal(6.0, Tensor.toScalar (Reverse.gradient f (Tensor.scalar 2.0)))
    Assert.Equal(6.0, Tensor.toScalar (Forward.gradient f (Tensor.scalar 2.0)))

[<Fact>]
let ``a cotangent that is itself differentiated keeps its derivative`` () =
    // The pullback is linear in its cotangent: d/dg (pull g) = f'(x).
    let _, pull = Reverse.vjp sin (Tensor.scalar 0.5)
    Assert.Equal(cos 0.5, Tensor.toScalar (Forward.gradient pull (Tensor.scalar 7.0)), 15)
    Assert.Equal(cos 0.5, Tensor.toScalar (Reverse.gradient pull (Tensor.scalar 7.0)), 15)
