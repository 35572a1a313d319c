namespace Ad.Functional

open System.Collections.Generic
open System.Text
open Ad.Tensors

/// A node of a graph that is looked at.
type GraphNode =
    {
        /// Its position among the graph's nodes, inputs first, each node after its inputs.
        Id: int
        /// The input's path, or a name given later; empty for other nodes.
        Name: string
        /// The operation.
        Operation: string
        /// The element type and shape.
        Signature: string
        /// The value.
        Value: Tensor
        /// The tangent that one forward pass brought here; None for a symbolic zero, and where none was run.
        Tangent: Tensor option
        /// The cotangent that one reverse pass brought here.
        Adjoint: Tensor option
    }

/// An edge of a graph that is looked at.
type GraphEdge =
    {
        /// The input's Id.
        From: int
        /// The Id of the node that reads it.
        To: int
        /// What the pass brought along this edge alone: the tangent's part in the node's, or the cotangent's part in the input's.
        Derivative: Tensor option
    }

/// A function's expression graph, as data.
type Graph =
    {
        Nodes: GraphNode list
        Edges: GraphEdge list
        /// The Ids of the results.
        Outputs: int list
    }

/// Expression graphs to look at: what a function does, and what one pass of either mode brings to each node.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Graph =
    /// The nodes behind the outputs: the variables first, then each after its inputs.
    let private nodes (variables: Tensor[]) (outputs: Tensor[]) =
        let own = HashSet<Tensor>(variables, HashIdentity.Reference)
        let enter (t: Tensor) = ValueSome(if own.Contains t then [||] else t.Operands)
        [| for struct (t, _) in Walk.postOrder enter (Array.append variables outputs) -> t |]

    let private draw
        (names: string[])
        (trace: Trace<'b>)
        tangentOf
        adjointOf
        (derivativeOf: Tensor -> int -> Tensor option)
        =
        let all = nodes trace.Variables trace.Outputs
        let ids = Dictionary<Tensor, int>(HashIdentity.Reference)
        all |> Array.iteri (fun i t -> ids[t] <- i)

        let node i (t: Tensor) =
            let isInput = i < trace.Variables.Length

            { Id = i
              Name = if isInput then names[i] else ""
              Operation =
                match t.Op with
                | Constant(value, _) -> string value
                | _ when isInput -> "input"
                | op -> Op.name op
              Signature = string t.Signature
              Value = t
              Tangent = tangentOf t
              Adjoint = adjointOf t }

        let edges =
            [ for t in all |> Array.skip trace.Variables.Length do
                  for i in 0 .. t.Operands.Length - 1 do
                      { From = ids[t.Operands[i]]
                        To = ids[t]
                        Derivative = derivativeOf t i } ]

        let graph =
            { Nodes = all |> Array.mapi node |> List.ofArray
              Edges = edges
              Outputs = [ for t in trace.Outputs -> ids[t] ] }

        let shown =
            [ for n in graph.Nodes do
                  n.Value
                  yield! Option.toList n.Tangent
                  yield! Option.toList n.Adjoint
              for e in graph.Edges do
                  yield! Option.toList e.Derivative ]

        Tree.eval shown |> ignore
        graph

    let private inputNames x = Tree.named x |> Array.map (fun (path, _) -> if path = "" then "x" else path)

    let private none _ : Tensor option = None

    /// The graph of f at x, with the values of its nodes.
    let trace (f: 'a -> 'b) (x: 'a) : Graph =
        Trace.run f x (fun trace -> draw (inputNames x) trace none none (fun _ _ -> None))

    let private steps (trace: Trace<'b>) =
        let steps = Dictionary<Tensor, Step>(HashIdentity.Reference)

        for step in trace.Steps do
            steps[step.Node] <- step

        steps

    /// The graph of f at x, with the tangents that one forward pass from the direction v brings.
    let forward (f: 'a -> 'b) (x: 'a) (v: 'a) : Graph =
        Trace.run f x (fun trace ->
            let every =
                { trace with
                    Outputs = trace.Steps |> Array.map _.Node }

            let tangents = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
            let seeds = Tree.leaves v |> Array.map (fun t -> if t.DType.IsFloat() then Some t else None)

            Array.iter2
                (fun (t: Tensor) tangent -> tangent |> Option.iter (fun d -> tangents[t] <- d))
                every.Outputs
                (Forward.tangents every seeds)

            let find t =
                match tangents.TryGetValue t with
                | true, d -> Some d
                | _ -> None

            let steps = steps trace

            let alone (t: Tensor) i =
                match steps.TryGetValue t with
                | true, step ->
                    match find step.Inputs[i] with
                    | None -> None
                    | some ->
                        Forward.push
                            step
                            (step.Inputs |> Array.mapi (fun j _ -> if j = i then some else None))
                | _ -> None

            draw (inputNames x) trace find none alone)

    /// The graph of f at x, with the cotangents that one reverse pass from the cotangent g of the result brings.
    let reverse (f: 'a -> 'b) (x: 'a) (g: 'b) : Graph =
        Trace.run f x (fun trace ->
            // Every node as a variable: what reaches it is its adjoint.
            let every =
                { trace with
                    Variables = trace.Steps |> Array.map _.Node }

            let adjoints = Dictionary<Tensor, Tensor>(HashIdentity.Reference)

            Array.iter2
                (fun t adjoint -> adjoint |> Option.iter (fun d -> adjoints[t] <- d))
                every.Variables
                (Reverse.cotangents every (Tree.leaves g))

            let find t =
                match adjoints.TryGetValue t with
                | true, d -> Some d
                | _ -> None

            let steps = steps trace

            let alone (t: Tensor) i =
                match steps.TryGetValue t, find t with
                | (true, step), Some g when steps.ContainsKey step.Inputs[i] ->
                    (Reverse.pull step g (Array.init step.Inputs.Length ((=) i)))[i]
                | _ -> None

            draw (inputNames x) trace none find alone)

    /// Names for the nodes that have none, in order; constants keep their value as name.
    let name (names: string seq) (graph: Graph) : Graph =
        let rest = Queue names

        { graph with
            Nodes =
                [ for n in graph.Nodes do
                      let isConstant = not (List.exists (fun e -> e.To = n.Id) graph.Edges)

                      if n.Name = "" && not isConstant && rest.Count > 0 then
                          { n with Name = rest.Dequeue() }
                      else
                          n ] }

    /// The number of paths from the input with a name to the results; exact, however large.
    let paths (input: string) (graph: Graph) : bigint =
        let counts = Array.create graph.Nodes.Length 0I

        for n in graph.Nodes do
            if n.Name = input && n.Operation = "input" then
                counts[n.Id] <- 1I

        for e in graph.Edges do
            counts[e.To] <- counts[e.To] + counts[e.From]

        graph.Outputs |> List.sumBy (fun o -> counts[o])

    let private label (n: GraphNode) =
        match n.Name with
        | "" -> $"%%{n.Id}"
        | name -> name

    let private brief (t: Tensor) =
        if t.Count <= 4L then
            let text = t.ToString()
            text.Substring(0, text.LastIndexOf " : ")
        else
            "..."

    let private facts (n: GraphNode) =
        [ $"= {brief n.Value}"
          match n.Tangent with
          | Some t -> $"tangent {brief t}"
          | None -> ()
          match n.Adjoint with
          | Some t -> $"adjoint {brief t}"
          | None -> () ]

    let private inputsOf (graph: Graph) (n: GraphNode) =
        graph.Edges
        |> List.filter (fun e -> e.To = n.Id)
        |> List.map (fun e -> label (List.item e.From graph.Nodes))

    /// One line a node: its name, operation, inputs, value, and what a pass brought there.
    let toText (graph: Graph) : string =
        let lines =
            [ for n in graph.Nodes ->
                  let inputs = System.String.Join(", ", inputsOf graph n)

                  let call =
                      if inputs = "" then
                          n.Operation
                      else
                          $"{n.Operation}({inputs})"

                  let text = System.String.Join("; ", facts n)
                  $"{label n}: {call} {text}" ]

        System.String.Join("\n", lines)

    let private along (e: GraphEdge) = e.Derivative |> Option.map brief |> Option.defaultValue ""

    let private write (header: string) footer node edge (graph: Graph) =
        let text = StringBuilder(header).Append('\n')

        for n in graph.Nodes do
            text.Append("  ").Append(node n: string).Append('\n') |> ignore

        for e in graph.Edges do
            text.Append("  ").Append(edge e: string).Append('\n') |> ignore

        text.Append(footer: string).ToString()

    let private caption (separator: string) (n: GraphNode) =
        let title =
            if n.Operation = "input" || n.Name = "" then
                n.Operation
            else
                $"{n.Name} = {n.Operation}"

        let title = if n.Operation = "input" then n.Name else title
        System.String.Join(separator, title :: facts n).Replace("\"", "'")

    /// The graph in Graphviz's language.
    let toDot (graph: Graph) : string =
        graph
        |> write "digraph {" "}" (fun n -> sprintf "n%d [label=\"%s\"];" n.Id (caption "\\n" n)) (fun e ->
            $"n{e.From} -> n{e.To} [label=\"{along e}\"];")

    /// The graph in Mermaid's language.
    let toMermaid (graph: Graph) : string =
        graph
        |> write "graph TD" "" (fun n -> sprintf "n%d[\"%s\"]" n.Id (caption "<br/>" n)) (fun e ->
            if along e = "" then
                $"n{e.From} --> n{e.To}"
            else
                $"n{e.From} -->|\"{along e}\"| n{e.To}")
