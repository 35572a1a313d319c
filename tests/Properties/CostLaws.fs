module Properties.CostLaws

open Xunit
open Ad.Functional

let private example (p: {| a: Tensor; b: Tensor |}) = (p.a + p.b) * (p.b + 1.0)

let private at =
    {| a = Tensor.scalar 2.0
       b = Tensor.scalar 1.0 |}

let private from (a: float) (b: float) =
    {| a = Tensor.scalar a
       b = Tensor.scalar b |}

let private found (pick: GraphNode -> Tensor option) (graph: Graph) =
    let named = graph |> Graph.name [ "c"; "d"; "e" ]

    [ for n in named.Nodes do
          if n.Name <> "" then
              n.Name, pick n |> Option.map Tensor.toScalar |> Option.defaultValue 0.0 ]

[<Fact>]
let ``one forward pass from b brings a tangent to every node`` () =
    let tangents = Graph.forward example at (from 0.0 1.0) |> found _.Tangent
    Assert.Equal<(string * float) list>([ "a", 0.0; "b", 1.0; "c", 1.0; "d", 1.0; "e", 5.0 ], tangents)

[<Fact>]
let ``one reverse pass from e brings an adjoint to every node`` () =
    let adjoints = Graph.reverse example at (Tensor.scalar 1.0) |> found _.Adjoint
    Assert.Equal<(string * float) list>([ "a", 2.0; "b", 5.0; "c", 2.0; "d", 3.0; "e", 1.0 ], adjoints)

[<Fact>]
let ``a pass visits every edge once`` () =
    let _, forward = Cost.measure (fun () -> Forward.jvp example at (from 0.0 1.0))
    let _, reverse = Cost.measure (fun () -> Reverse.gradient example at)
    Assert.Equal((1, 0, 5L), (forward.ForwardPasses, forward.ReversePasses, forward.EdgesVisited))
    Assert.Equal((0, 1, 5L), (reverse.ForwardPasses, reverse.ReversePasses, reverse.EdgesVisited))

[<Fact>]
let ``a full gradient takes n forward passes or one reverse pass`` () =
    let f (x: Tensor) = Tensor.sum (sin x * x)

    for n in [ 1; 2; 3; 17; 64; 512 ] do
        let x = Tensor.linspace Float64 0.1 1.0 n
        let forward, costForward = Cost.measure (fun () -> Forward.gradient f x)
        let reverse, costReverse = Cost.measure (fun () -> Reverse.gradient f x)
        Assert.Equal((n, 0), (costForward.ForwardPasses, costForward.ReversePasses))
        Assert.Equal((0, 1), (costReverse.ForwardPasses, costReverse.ReversePasses))
        Assert.Equal<float[]>(Tensor.toArray<float> forward, Tensor.toArray<float> reverse)

[<Fact>]
let ``many paths are factored: 3 to the L of them along 3L edges`` () =
    for stages in [ 1; 2; 10; 30 ] do
        // Each stage x -> x x + x reads its input three times.
        let chain (x: Tensor) = Seq.fold (fun y _ -> Tensor.multiplyAdd y y y) x (seq { 1..stages })
        let x = Tensor.scalar 1e-3
        let _, cost = Cost.measure (fun () -> Reverse.gradient chain x)
        let _, forward = Cost.measure (fun () -> Forward.derivative chain x)
        Assert.Equal(3L * int64 stages, cost.EdgesVisited)
        Assert.Equal(3L * int64 stages, forward.EdgesVisited)
        Assert.Equal(bigint.Pow(3I, stages), Graph.trace chain x |> Graph.paths "x")

[<Fact>]
let ``the sum over all paths is the derivative`` () =
    // The oracle walks every path of the graph and multiplies the edges' factors.
    let f (p: {| x: Tensor; y: Tensor |}) =
        let s = p.x * p.y
        let t = s + p.x
        t * t * s

    let at =
        {| x = Tensor.scalar 1.5
           y = Tensor.scalar -0.5 |}

    let graph = Graph.reverse f at (Tensor.scalar 1.0)

    let factor (e: GraphEdge) =
        let adjoint = (List.item e.To graph.Nodes).Adjoint.Value
        Tensor.toScalar e.Derivative.Value / Tensor.toScalar adjoint

    let rec paths node =
        if List.contains node graph.Outputs then
            1.0
        else
            graph.Edges
            |> List.filter (fun e -> e.From = node)
            |> List.sumBy (fun e -> factor e * paths e.To)

    let g = Reverse.gradient f at
    Assert.Equal(Tensor.toScalar g.x, paths 0, 12)
    Assert.Equal(Tensor.toScalar g.y, paths 1, 12)

[<Fact>]
let ``what nothing asks for is not computed`` () =
    let x = Tensor.vector [ 1.0; 2.0 ]
    let _, cost = Cost.measure (fun () -> let _ = exp x in x[0])
    Assert.True(cost.Flops < 2L)

[<Fact>]
let ``the value and the gradient share their work`` () =
    let x = Tensor.linspace Float64 0.0 1.0 100
    let f x = Tensor.sum (exp (sin x))
    let _, together = Cost.measure (fun () -> Reverse.valueAndGradient f x)

    let _, again =
        Cost.measure (fun () ->
            let y, g = Reverse.valueAndGradient f x
            // Asked for one after the other, as a training loop does.
            Tensor.toScalar y |> ignore
            Tensor.toArray<float> g)

    Assert.Equal(together.Flops, again.Flops)

[<Fact>]
let ``graphs are drawn as DOT and as Mermaid`` () =
    let graph = Graph.reverse example at (Tensor.scalar 1.0) |> Graph.name [ "c"; "d"; "e" ]
    let dot = Graph.toDot graph
    Assert.StartsWith("digraph {", dot)
    Assert.Contains("n0 -> n2 [label=\"2.0\"];", dot)
    Assert.Contains("n5[\"e = multiply<br/>= 6.0<br/>adjoint 1.0\"]", Graph.toMermaid graph)
    Assert.Equal(6, graph.Nodes.Length)
    Assert.Equal(6, graph.Edges.Length)

[<Fact>]
let ``nothing is walked behind a stopGradient, or inside a function whose derivative is given`` () =
    let edges f = (Cost.measure (fun () -> Reverse.gradient f (Tensor.scalar 0.5)) |> snd).EdgesVisited

    Assert.Equal(0L, edges (Tensor.stopGradient >> exp >> sin))
    let deep (x: Tensor) = Seq.fold (fun y _ -> sin y) x (seq { 1..20 })
    Assert.Equal(20L, edges deep)
    Assert.Equal(1L, edges (customVjp deep (fun _ g -> g)))

[<Fact>]
let ``what jit runs is text, the same for the same function`` () =
    let f (x: Tensor) = Tensor.sum (sin x * 2.0)
    let text = explain f (Tensor.vector [ 1.0; 2.0 ])
    Assert.StartsWith("%0 = input 0 : float64[2]\n%1 = sin %0 : float64[2]\n", text)
    Assert.Contains("return", text)
    Assert.Equal(text, explain f (Tensor.vector [ 3.0; 4.0 ]))

[<Theory>]
[<InlineData "scan">]
[<InlineData "scan in scan">]
[<InlineData "checkpoint">]
[<InlineData "cond">]
let ``a value and its tangent together run a loop or a branch once`` (name: string) =
    let w, x = Tree.eval (Random.normal (Key.ofSeed 41L) [ 30; 30 ], Random.normal (Key.ofSeed 42L) [ 30 ])
    let step y = tanh (Tensor.matmul w y)
    let plain steps x = Seq.fold (fun y _ -> step y) x [ 1..steps ]

    let f =
        match name with
        | "scan" -> iterate 6 (fun _ y -> step y)
        | "scan in scan" -> iterate 2 (fun _ y -> iterate 3 (fun _ y -> step y) y)
        | "checkpoint" -> checkpoint (plain 6)
        | _ -> fun x -> cond (Tensor.scalar true) (plain 6) id x

    let after g = g >> fun y -> Tensor.where (Tensor.greater y (Tensor.zerosLike y)) y (0.1 * y)
    let flops g = (snd (Cost.measure (fun () -> Tree.eval (Forward.jvp (after g) x x)))).Flops
    let twice, once = float (flops f), float (flops (plain 6))
    Assert.InRange(twice / once, 0.99, 1.02)
    // A matrix product each for the value and the tangent.
    Assert.True(once > 6.0 * 4.0 * 30.0 * 30.0)

[<Theory>]
[<InlineData true>]
[<InlineData false>]
let ``a gradient runs the branch that is taken once, not once more for its derivative`` (isFirst: bool) =
    let w, x = Tree.eval (Random.normal (Key.ofSeed 43L) [ 30; 30 ], Random.normal (Key.ofSeed 44L) [ 30 ])
    let deep x = Seq.fold (fun y _ -> tanh (Tensor.matmul w y)) x [ 1..6 ]

    let branched x =
        if isFirst then
            cond (Tensor.scalar true) deep id x
        else
            cond (Tensor.logicalNot (Tensor.scalar false)) deep id x

    let flops f =
        (snd (Cost.measure (fun () -> Tree.eval (Reverse.valueAndGradient (f >> Tensor.sum) x)))).Flops
    // Elementwise work is cheaper to do again than to keep; products are not.
    Assert.InRange(float (flops branched) / float (flops deep), 0.99, 1.1)

[<Fact>]
let ``derivatives of every order go through what a branch has kept`` () =
    let w, x = Tree.eval (Random.normal (Key.ofSeed 45L) [ 4; 4 ], Random.normal (Key.ofSeed 46L) [ 4 ])
    let deep x = Seq.fold (fun y _ -> tanh (Tensor.matmul w y)) x [ 1..3 ]
    let other (x: Tensor) = Tensor.matmul w (x * x)

    for chosen in [ true; false ] do
        let plain x = Tensor.sum (Tensor.square ((if chosen then deep else other) x))
        let branched x = Tensor.sum (Tensor.square (cond (Tensor.scalar chosen) deep other x))
        let close (a: Tensor) (b: Tensor) = Assert.True(Tensor.allClose 1e-12 1e-12 a b, $"{a} {b}")
        close (hessian plain x) (hessian branched x)
        close (Forward.jacobian (grad plain) x) (Forward.jacobian (grad branched) x)
        close (Reverse.jacobian (grad plain) x) (Reverse.jacobian (grad branched) x)
        let many = Tensor.stack 0 [ x; -x; 0.5 * x ]
        close (vmap (grad plain) many) (vmap (grad branched) many)
        close (vmap (hessian plain) many) (jit (vmap (hessian branched)) many)
