module Properties.Trees

open System
open System.Collections.Generic
open Xunit
open Ad.Functional

type Inner = { W: Tensor; Name: string }

type Model =
    { Layers: Inner list
      Table: Map<string, Tensor>
      Pair: Tensor * Tensor
      Array: Tensor[]
      Perhaps: Tensor option
      Missing: Tensor option
      Steps: int
      Activation: Tensor -> Tensor }

type Part =
    | Scale of Factor: Tensor
    | Affine of Weights: Tensor * Bias: Tensor
    | Nothing

type Nested =
    | Leaf of Tensor
    | Node of (string * Nested) list

[<Struct>]
type Point = { X: Tensor; Y: Tensor }

let private t (x: float) = Tensor.scalar x

let private model: Model =
    { Layers = [ { W = t 1.0; Name = "a" }; { W = t 2.0; Name = "b" } ]
      Table = Map [ "k", t 3.0; "l", t 4.0 ]
      Pair = t 5.0, t 6.0
      Array = [| t 7.0 |]
      Perhaps = Some(t 8.0)
      Missing = None
      Steps = 3
      Activation = sin }

[<Fact>]
let ``a tree comes apart in order, with a path to every tensor`` () =
    let expected =
        [ "Layers.0.W"
          "Layers.1.W"
          "Table.k"
          "Table.l"
          "Pair.0"
          "Pair.1"
          "Array.0"
          "Perhaps" ]

    let named = Tree.named model
    Assert.Equal<string list>(expected, named |> Array.map fst |> List.ofArray)
    Assert.Equal<float[]>([| 1.0 .. 8.0 |], named |> Array.map (snd >> Tensor.toScalar))

[<Fact>]
let ``a tree put together again is the same, plain values included`` () =
    let again = Tree.withLeaves (Tree.leaves model) model
    Assert.Equal<Inner list>(model.Layers, again.Layers)
    Assert.Equal<Map<string, Tensor>>(model.Table, again.Table)
    Assert.Equal<Tensor * Tensor>(model.Pair, again.Pair)
    Assert.Equal<Tensor option>(model.Perhaps, again.Perhaps)
    Assert.Equal<Tensor option>(model.Missing, again.Missing)
    Assert.Equal(3, again.Steps)

[<Fact>]
let ``a gradient has the structure of what it is by, in both modes`` () =
    let f m =
        Tree.leaves m
        |> Array.mapi (fun i x -> float (i + 1) * x * x)
        |> Array.reduce (+)

    let expected = Array.init 8 (fun i -> 2.0 * float ((i + 1) * (i + 1)))

    for gradient in [ Reverse.gradient f; Forward.gradient f ] do
        let g = gradient model
        Assert.Equal<float[]>(expected, Tree.leaves g |> Array.map Tensor.toScalar)
        Assert.Equal("b", g.Layers[1].Name)
        Assert.True g.Missing.IsNone

[<Fact>]
let ``unions, recursive ones too, and struct records are trees`` () =
    let f parts =
        parts
        |> List.map (function
            | Scale k -> k * 2.0
            | Affine(w, b) -> w * b
            | Nothing -> t 0.0)
        |> List.reduce (+)

    let g = Reverse.gradient f [ Scale(t 1.0); Affine(t 3.0, t 4.0); Nothing ]
    Assert.Equal<Part list>([ Scale(t 2.0); Affine(t 4.0, t 3.0); Nothing ], g)
    let nested = Node [ "a", Leaf(t 1.0); "b", Node [ "c", Leaf(t 2.0) ] ]

    Assert.Equal<Nested>(
        Tree.map (fun x -> x * 2.0) nested,
        Node [ "a", Leaf(t 2.0); "b", Node [ "c", Leaf(t 4.0) ] ]
    )

    let p = Reverse.gradient (fun p -> p.X * p.Y) { X = t 2.0; Y = t 3.0 }
    Assert.Equal(t 3.0, p.X)
    let struct (a, b) = Reverse.gradient (fun struct (a, b) -> a * b) (struct (t 2.0, t 3.0))
    Assert.Equal((t 3.0, t 2.0), (a, b))

[<Fact>]
let ``dictionaries and lists of .NET are trees`` () =
    let d = Dictionary [ KeyValuePair("x", t 2.0); KeyValuePair("y", t 3.0) ]
    let g = Reverse.gradient (fun (d: Dictionary<string, Tensor>) -> d["x"] * d["y"]) d
    Assert.Equal(t 3.0, g["x"])
    Assert.Equal(t 2.0, d["x"])
    let l = Reverse.gradient (fun (l: List<Tensor>) -> l[0] * l[1]) (List [ t 2.0; t 3.0 ])
    Assert.Equal(t 2.0, l[1])
    let readOnly: IReadOnlyList<Tensor> = [| t 2.0; t 3.0 |]
    let r = Reverse.gradient (fun (l: IReadOnlyList<Tensor>) -> l[0] * l[1]) readOnly
    Assert.Equal(t 3.0, r[0])

[<Fact>]
let ``integers and booleans have a place in a tree and a zero gradient`` () =
    let f (x: Tensor, i: Tensor) = Tensor.sum (Tensor.take 0 i x)
    let gx, gi = Reverse.gradient f (Tensor.vector [ 1.0; 2.0; 3.0 ], Tensor.vector [ 0; 2; 2 ])
    Assert.Equal(Tensor.vector [ 1.0; 0.0; 2.0 ], gx)
    Assert.Equal(Tensor.vector [ 0; 0; 0 ], gi)

[<Fact>]
let ``an input that does nothing has a zero gradient`` () =
    let g, h = Reverse.gradient (fun (x: Tensor, _: Tensor) -> x * x) (t 3.0, Tensor.vector [ 1.0f; 2.0f ])
    Assert.Equal(t 6.0, g)
    Assert.Equal(Tensor.vector [ 0.0f; 0.0f ], h)

[<Fact>]
let ``trees that differ are refused by the first path that does`` () =
    let error = Assert.Throws<ArgumentException>(fun () -> Tree.map2 (+) [ t 1.0 ] [ t 1.0; t 2.0 ] |> ignore)
    Assert.Contains("'1'", error.Message)

[<Fact>]
let ``what cannot be a tree is refused by its type`` () =
    let error = Assert.Throws<ArgumentException>(fun () -> Tree.leaves (System.Random()) |> ignore)
    Assert.Contains("System.Random", error.Message)
