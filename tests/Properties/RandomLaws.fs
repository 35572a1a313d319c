module Properties.RandomLaws

open Xunit
open Ad.Functional

let private key = Key.ofSeed 42L

[<Fact>]
let ``the same key gives the same numbers, another key others`` () =
    Assert.Equal(Random.normal key [ 100 ], Random.normal key [ 100 ])
    Assert.NotEqual(Random.normal key [ 100 ], Random.normal (Key.ofSeed 43L) [ 100 ])

[<Fact>]
let ``an element depends on its position alone, not on how many are drawn`` () =
    Assert.Equal(Random.uniform key [ 10 ], (Random.uniform key [ 1000 ])[..9])

[<Fact>]
let ``keys that come of splitting and folding are all different`` () =
    let keys =
        [ key ]
        @ List.ofArray (Key.split 50 key)
        @ List.init 50 (fun i -> Key.foldIn i key)

    let words = keys |> List.map (fun k -> Tensor.toArray<int> k.Words |> List.ofArray)
    Assert.Equal(words.Length, (List.distinct words).Length)

[<Fact>]
let ``a key folded with neighbouring seeds and numbers does not repeat`` () =
    let words =
        [ for seed in 0L .. 20L do
              for i in 0..20 -> (Key.foldIn i (Key.ofSeed seed)).Words |> Tensor.toArray<int> |> List.ofArray ]

    Assert.Equal(words.Length, (List.distinct words).Length)

[<Fact>]
let ``uniform and normal numbers have their moments`` () =
    let n = 200_000
    let u = Random.uniform key [ n ]
    Assert.InRange(Tensor.toScalar (Tensor.mean u), 0.4975, 0.5025)
    Assert.InRange(Tensor.toScalar (Tensor.variance u), 0.0825, 0.0842)
    Assert.True(Tensor.toScalar (Tensor.max u) < 1.0 && Tensor.toScalar (Tensor.min u) >= 0.0)
    let z = Random.normal key [ n ]
    Assert.InRange(Tensor.toScalar (Tensor.mean z), -0.0075, 0.0075)
    Assert.InRange(Tensor.toScalar (Tensor.variance z), 0.99, 1.01)
    Assert.InRange(Tensor.toScalar (Tensor.mean (z ** 4)), 2.9, 3.1)

[<Fact>]
let ``a jitted function takes its key as an argument`` () =
    let draw = jit (fun key -> Random.normal key [ 5 ])
    Assert.Equal(Random.normal key [ 5 ], draw key)
    Assert.Equal(Random.normal (Key.ofSeed 1L) [ 5 ], draw (Key.ofSeed 1L))

[<Fact>]
let ``whole numbers lie in their range and reach its ends`` () =
    let x = Tensor.toArray<int>(Random.integers -2 3 key [ 1000 ])
    Assert.Equal<int list>([ -2 .. 2 ], x |> Array.distinct |> Array.sort |> List.ofArray)
