module Properties.FoldLaws

open System
open Xunit
open Ad.Functional

let private elements (t: Tensor) = Tensor.toArray<float32> t

let private random seed shape = Random.normalOf Float32 (Key.ofSeed seed) shape |> Tensor.eval

/// Steps that update in place, exchange, share, keep, forget, leak and change the structure of their state.
let private steps: (string * (Tensor * Tensor -> Tensor -> (Tensor * Tensor) * Tensor list)) list =
    [ "updates", (fun (a, b) x -> (a - 0.5 * x, b * 0.5 + x), [ Tensor.sum a ])
      "exchanges", (fun (a, b) x -> (b, a), [ a + x ])
      "a Fibonacci", (fun (a, b) x -> (b, a + b * 0.25 + x), [])
      "shares", (fun (a, b) x -> (a + x, a + x), [ b ])
      "one for both", (fun (a, b) x -> (a, a), [ x; b ])
      "leaks the new", (fun (a, b) x -> (a * 0.5, b + x), [ a * 0.5 ])
      "leaks the old", (fun (a, b) x -> (a + x, b - a), [ a; b ])
      "reads all later", (fun (a, b) x -> (a + x, Tensor.cumsum 1 a + b), [ Tensor.max (a * b) ])
      "takes the input", (fun (a, _) x -> (x, a), [ a + x ])
      "forgets", (fun (a, _) x -> (Tensor.onesLike a, a + x), [])
      "turns", (fun (a, b) x -> (Tensor.transpose a, Tensor.flip [ 0 ] b + x), [ a ])
      "grows", (fun (a, b) x -> (Tensor.concat 0 [ a; x ], b), [ Tensor.sum a ]) ]

let names () =
    let data = TheoryData<string>()
    steps |> List.iter (fun (name, _) -> data.Add name)
    data

[<Theory; MemberData(nameof names)>]
let ``jitFold is the fold, and what anybody can see is never written over`` name =
    let step = steps |> List.find (fun (n, _) -> n = name) |> snd

    for size in [ 1; 5; 33 ] do
        let start = random 1L [ size; size ], random 2L [ size; size ]
        let inputs = List.init 7 (fun i -> random (int64 (10 + i)) [ size; size ])

        let before = List.map elements (fst start :: snd start :: inputs)

        let expected, given =
            List.fold
                (fun (state, ys) x ->
                    let next, y = step state x
                    Tree.eval (next, y) |> ignore
                    next, y :: ys)
                (start, [])
                inputs

        let folded = jitFold step

        for _ in 1..2 do
            let last, outputs = folded start inputs
            Assert.Equal<Tensor list list>(List.rev given, outputs)
            Assert.Equal(expected, last)
            Assert.Equal<float32[] list>(before, List.map elements (fst start :: snd start :: inputs))

[<Fact>]
let ``a fold goes on where a fold before has ended, without touching what that gave`` () =
    let folded = jitFold (fun (a: Tensor) (x: Tensor) -> a * 0.5 + x, a)
    let inputs = List.init 4 (fun i -> random (int64 i) [ 40 ])
    let middle, _ = folded (random 9L [ 40 ]) inputs
    let kept = elements middle
    let last, outputs = folded middle inputs
    Assert.Equal<float32>(kept, elements middle)
    Assert.Equal(middle, outputs[0])
    Assert.Equal(folded middle inputs |> fst, last)

[<Fact>]
let ``a fold of nothing is its start, and one of inputs of changing shapes still folds`` () =
    let folded = jitFold (fun (a: Tensor) (x: Tensor) -> a + Tensor.sum x, ())
    let start = Tensor.scalar 1.0
    Assert.Equal((start, []), folded start [])

    let last, _ =
        folded
            start
            [ Tensor.ones Float64 [ 2 ]
              Tensor.ones Float64 [ 3 ]
              Tensor.ones Float64 [ 3 ] ]

    Assert.Equal(9.0, Tensor.toScalar last)

[<Fact>]
let ``a fold is differentiable`` () =
    let folded = jitFold (fun (a: Tensor) (x: Tensor) -> a * x, a)
    let inputs = [ Tensor.scalar 2.0; Tensor.scalar 5.0 ]
    Assert.Equal(10.0, Tensor.toScalar (grad (fun a -> fst (folded a inputs)) (Tensor.scalar 3.0)))

[<Fact>]
let ``a state that carries a count beside its tensors is traced for each count`` () =
    let folded = jitFold (fun (n: int, a: Tensor) (x: Tensor) -> (n + 1, a + float n * x), n)
    let (n, a), counts = folded (0, Tensor.scalar 0.0) (List.replicate 4 (Tensor.scalar 1.0))
    Assert.Equal(4, n)
    Assert.Equal<int list>([ 0; 1; 2; 3 ], counts)
    Assert.Equal(6.0, Tensor.toScalar a)
