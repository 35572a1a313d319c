module Properties.Purity

open System
open Xunit
open Ad.Functional

let private bits (tree: 'a) = Tree.leaves tree |> Array.map (fun t -> Tensor.toArray<float> t)

[<Fact>]
let ``no call changes its arguments, and the same call gives the same bits`` () =
    let x = Random.normal (Key.ofSeed 1L) [ 50 ]
    let before = Tensor.toArray<float> x
    let f x = Tensor.sum (sin x * Tensor.softplus x)
    let first = bits (Reverse.gradient f x, hessian f x[..5], Forward.jvp f x x)
    let second = bits (Reverse.gradient f x, hessian f x[..5], Forward.jvp f x x)
    Assert.Equal<float[][]>(first, second)
    Assert.Equal<float[]>(before, Tensor.toArray<float> x)

[<Fact>]
let ``an optimizer's step leaves its inputs and gives the same again`` () =
    let p = [ Random.normal (Key.ofSeed 2L) [ 10 ] ]
    let optimizer = Optimizer.adamW 0.1 0.01
    let s = optimizer.Init p
    let g = [ Random.normal (Key.ofSeed 3L) [ 10 ] ]
    let before = bits (p, g)
    let a = Optimizer.step optimizer g s p |> fst |> bits
    let b = Optimizer.step optimizer g s p |> fst |> bits
    Assert.Equal<float[][]>(a, b)
    Assert.Equal<float[][]>(before, bits (p, g))

let private data = Random.normal (Key.ofSeed 5L) [ 16; 4 ]
let private loss (w: Tensor) = Tensor.mean (Tensor.square (Tensor.matmul data w - 1.0))

[<Fact>]
let ``plain and jitted training give the same numbers`` () =
    let optimizer = Optimizer.adam 0.01

    let step (p, s) =
        let value, g = Reverse.valueAndGradient loss p
        let p, s = Optimizer.step optimizer g s p
        p, s, value

    let train step =
        let start = Tensor.zeros Float64 [ 4 ]
        let mutable p, s = start, optimizer.Init start

        for _ in 1..100 do
            let p', s', _ = step (p, s)
            p <- p'
            s <- s'

        Tensor.toArray<float> p

    Assert.All(Array.zip (train step) (train (jit step)), fun (a, b) -> Assert.Equal(a, b, 12))
