// The expression graph of e = (a + b) (b + 1), and what one pass of either mode brings to each of its nodes.
#load "lib/Prelude.fsx"

open Ad.Functional

type Inputs = { A: Tensor; B: Tensor }

let e x =
    let c = x.A + x.B
    let d = x.B + 1.0
    c * d

let at =
    { A = Tensor.scalar 2.0
      B = Tensor.scalar 1.0 }

let show graph = graph |> Graph.name [ "c"; "d"; "e" ] |> Graph.toText |> printfn "%s"

// The values.
Graph.trace e at |> show
//> A: input = 2.0
//> B: input = 1.0
//> c: add(A, B) = 3.0
//> %3: 1 = 1.0
//> d: add(B, %3) = 2.0
//> e: multiply(c, d) = 6.0

// Forward from b: every node's tangent is its derivative by b.
let fromB =
    { A = Tensor.scalar 0.0
      B = Tensor.scalar 1.0 }

Graph.forward e at fromB |> show
//> A: input = 2.0; tangent 0.0
//> B: input = 1.0; tangent 1.0
//> c: add(A, B) = 3.0; tangent 1.0
//> %3: 1 = 1.0
//> d: add(B, %3) = 2.0; tangent 1.0
//> e: multiply(c, d) = 6.0; tangent 5.0

// Backward from e: every node's adjoint is the derivative of e by it.
Graph.reverse e at (Tensor.scalar 1.0) |> show
//> A: input = 2.0; adjoint 2.0
//> B: input = 1.0; adjoint 5.0
//> c: add(A, B) = 3.0; adjoint 2.0
//> %3: 1 = 1.0
//> d: add(B, %3) = 2.0; adjoint 3.0
//> e: multiply(c, d) = 6.0; adjoint 1.0

// One reverse pass gives both derivatives, one forward pass one of them.
printfn "%A" (Reverse.gradient e at)
//> { A = 2.0 : float64[]
//>   B = 5.0 : float64[]}
printfn "%A" (Forward.jvp e at fromB)
//> (6.0 : float64[], 5.0 : float64[])

// For Graphviz, and for Mermaid, which many wikis draw.
let drawn = Graph.reverse e at (Tensor.scalar 1.0) |> Graph.name [ "c"; "d"; "e" ]
printfn "%s" (Graph.toDot drawn)
//> digraph {
//>   n0 [label="A\n= 2.0\nadjoint 2.0"];
//>   n1 [label="B\n= 1.0\nadjoint 5.0"];
//>   n2 [label="c = add\n= 3.0\nadjoint 2.0"];
//>   n3 [label="1\n= 1.0"];
//>   n4 [label="d = add\n= 2.0\nadjoint 3.0"];
//>   n5 [label="e = multiply\n= 6.0\nadjoint 1.0"];
//>   n0 -> n2 [label="2.0"];
//>   n1 -> n2 [label="2.0"];
//>   n1 -> n4 [label="3.0"];
//>   n3 -> n4 [label=""];
//>   n2 -> n5 [label="2.0"];
//>   n4 -> n5 [label="3.0"];
//> }
printf "%s" (Graph.toMermaid drawn)
//> graph TD
//>   n0["A<br/>= 2.0<br/>adjoint 2.0"]
//>   n1["B<br/>= 1.0<br/>adjoint 5.0"]
//>   n2["c = add<br/>= 3.0<br/>adjoint 2.0"]
//>   n3["1<br/>= 1.0"]
//>   n4["d = add<br/>= 2.0<br/>adjoint 3.0"]
//>   n5["e = multiply<br/>= 6.0<br/>adjoint 1.0"]
//>   n0 -->|"2.0"| n2
//>   n1 -->|"2.0"| n2
//>   n1 -->|"3.0"| n4
//>   n3 --> n4
//>   n2 -->|"2.0"| n5
//>   n4 -->|"3.0"| n5
