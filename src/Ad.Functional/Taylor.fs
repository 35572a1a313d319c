namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// <summary>
/// Taylor mode: all derivatives along a path up to some order in one walk, at a cost that grows with the square of the order (Griewank and Walther
/// 2008, chapter 13).
/// </summary>
[<AutoOpen>]
module Taylor =
    /// The series of the nodes of a trace. Coefficient 0 of a node is the node; None stands for zero.
    [<Sealed>]
    type private Series<'b>(trace: Trace<'b>) =
        let known = Dictionary<Tensor, Dictionary<int, Tensor option>>(HashIdentity.Reference)
        let given = Dictionary<Tensor, int -> Tensor option>(HashIdentity.Reference)
        let rates = Dictionary<Tensor, Tensor option>(HashIdentity.Reference)
        let marked = Dictionary<Tensor, Tensor>(HashIdentity.Reference)

        // A partial is a graph that often leads back to itself (sine to cosine to sine): equal nodes have one series.
        let nodes =
            Dictionary<struct (Op * Tensor[]), Tensor>(
                HashIdentity.FromFunctions
                    (fun (struct (op, inputs: Tensor[])) ->
                        inputs
                        |> Array.fold
                            (fun h t ->
                                h * 31 + System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode t)
                            (hash (Op.name op)))
                    (fun (struct (a, x)) (struct (b, y)) ->
                        x.Length = y.Length
                        && Array.forall2 (fun p q -> obj.ReferenceEquals(p, q)) x y
                        && a = b)
            )

        let varies (t: Tensor) = t.DType.IsFloat() && Scopes.contains trace.Scope t.Scopes

        let sum (terms: Tensor option seq) =
            terms
            |> Seq.choose id
            |> Seq.fold
                (fun total t -> Some(total |> Option.map (fun s -> s + t) |> Option.defaultValue t))
                None

        let inputsOf = Dictionary<Tensor, Tensor[]>(HashIdentity.Reference)

        do
            for step in trace.Steps do
                inputsOf[step.Node] <- step.Inputs
                nodes[struct (step.Node.Op, step.Inputs)] <- step.Node

        /// Sets the coefficients of a variable.
        member _.Give(t: Tensor, coefficient: int -> Tensor option) = given[t] <- coefficient

        member private _.Inputs(t: Tensor) =
            match inputsOf.TryGetValue t with
            | true, inputs -> inputs
            | _ -> t.Operands

        member private this.One(t: Tensor) : Tensor =
            if given.ContainsKey t || inputsOf.ContainsKey t || not (varies t) then
                t
            else
                let key = struct (t.Op, t.Operands |> Array.map this.One)

                match nodes.TryGetValue key with
                | true, node -> node
                | _ ->
                    nodes[key] <- t
                    t

        /// The coefficient of a power of t.
        member this.Coefficient(t: Tensor, j: int) : Tensor option =
            if j = 0 then
                Some t
            elif not (varies t) then
                None
            else
                let t = this.One t

                let found =
                    match known.TryGetValue t with
                    | true, found -> found
                    | _ ->
                        let found = Dictionary()
                        known[t] <- found
                        found

                match found.TryGetValue j with
                | true, c -> c
                | _ ->
                    let c =
                        match given.TryGetValue t with
                        | true, coefficient -> coefficient j
                        | _ -> this.Next(t, this.Inputs t, j)

                    found[j] <- c
                    c

        /// The coefficients of a product of two, by the product's rule.
        member private this.Product(multiply, a: Tensor, b: Tensor, j) =
            sum (
                Seq.init (j + 1) (fun i ->
                    match this.Coefficient(a, i), this.Coefficient(b, j - i) with
                    | Some x, Some y -> Some(multiply x y)
                    | _ -> None)
            )

        member private this.Next(t: Tensor, x: Tensor[], j: int) : Tensor option =
            let at i k = this.Coefficient(x[i], k)

            match t.Op, Derivatives.rule t.Op with
            | Op.Pointwise Pointwise.Add, _ -> sum [ at 0 j; at 1 j ]
            | Op.Pointwise Pointwise.Subtract, _ -> sum [ at 0 j; at 1 j |> Option.map (~-) ]
            | Op.Pointwise Pointwise.Negate, _ -> at 0 j |> Option.map (~-)
            | Op.Pointwise Pointwise.Multiply, _ -> this.Product((fun a b -> a * b), x[0], x[1], j)
            | Op.Pointwise Pointwise.Scale, _ -> this.Product(Tensor.scale, x[0], x[1], j)
            | Op.Pointwise Pointwise.MultiplyAdd, _ ->
                sum [ this.Product((fun a b -> a * b), x[0], x[1], j); at 2 j ]
            | Op.Pointwise Pointwise.Divide, _ ->
                // y b = a, solved for the last coefficient of y.
                let known =
                    Seq.init j (fun i ->
                        match at 1 (i + 1), this.Coefficient(t, j - 1 - i) with
                        | Some b, Some y -> Some(-(b * y))
                        | _ -> None)

                sum (Seq.append [ at 0 j ] known) |> Option.map (fun rest -> rest / x[1])
            | Op.Pointwise Pointwise.Select, _ ->
                match at 1 j, at 2 j with
                | None, None -> None
                | a, b ->
                    let filled = Option.defaultWith (fun () -> Tensor.zerosLike t)
                    Some(Tensor.where x[0] (filled a) (filled b))
            | op, Linear _ ->
                let parts = x |> Array.mapi (fun i input -> if input.DType.IsFloat() then at i j else None)

                if Array.forall Option.isNone parts then
                    None
                else
                    Array.map2
                        (fun (input: Tensor) part ->
                            match part with
                            | Some c -> c
                            | None when input.DType.IsFloat() -> Tensor.zerosLike input
                            | None -> input)
                        x
                        parts
                    |> fun inputs -> Some(Tensor.Create(op, inputs))
            | op, Multilinear _ -> this.Product((fun a b -> Tensor.Create(op, a, b)), x[0], x[1], j)
            | _, NonDifferentiable -> None
            | _, (Elementwise _ | Rule _ | Joint _ as rule) ->
                // The rate of change is a function of the inputs, the result and the inputs' rates, whose series are known so far.
                let rate =
                    match rates.TryGetValue t with
                    | true, rate -> rate
                    | _ ->
                        let moving =
                            x
                            |> Array.map (fun input -> if varies input then Some(this.RateOf input) else None)

                        let rate = Forward.push { Node = t; Inputs = x; Rule = rule } moving
                        rates[t] <- rate
                        rate

                match rate with
                | None -> None
                | Some rate when j = 1 -> Some rate
                | Some rate -> this.Coefficient(rate, j - 1) |> Option.map (fun c -> c * (1.0 / float j))

        /// The rate of change of a node along the path, as a node with a series of its own: coefficient i is (i + 1) times the node's i + 1.
        member private this.RateOf(t: Tensor) : Tensor =
            match marked.TryGetValue t with
            | true, p -> p
            | _ ->
                let first = this.Coefficient(t, 1) |> Option.defaultWith (fun () -> Tensor.zerosLike t)
                let p = Tensor(Variable, [| first |], t.Signature, trace.Scope, null)
                marked[t] <- p
                given[p] <- fun i -> this.Coefficient(t, i + 1) |> Option.map (fun c -> c * float (i + 1))
                p

    /// <summary>
    /// The coefficients 0 to k of f along the path path[0] + t path[1] + t^2 path[2] + ...: f at the path is their sum times powers of t, up to t^(k+1).
    /// </summary>
    /// <exception cref="T:System.ArgumentException">k is negative, the path is empty, or its trees differ in structure, shapes or types.</exception>
    let jet (k: int) (f: 'a -> 'b) (path: 'a list) : 'b list =
        if k < 0 then
            Shapes.refuse "jet" $"there are no {k} coefficients."

        match path with
        | [] -> Shapes.refuse "jet" "the path has no coefficients; the first is where it begins."
        | x :: directions ->
            let moving =
                directions
                |> List.map (fun v ->
                    Tree.map2
                        (fun x v ->
                            if x.DType.IsFloat() then
                                Forward.fit "jet" "coefficient" x v
                            else
                                v)
                        x
                        v
                    |> Tree.leaves)

            Trace.run f x (fun trace ->
                let series = Series trace

                trace.Variables
                |> Array.iteri (fun i variable ->
                    if variable.DType.IsFloat() then
                        series.Give(
                            variable,
                            fun j ->
                                if j <= moving.Length then
                                    Some((List.item (j - 1) moving)[i])
                                else
                                    None
                        ))

                // In the trace's order, so that no walk goes deep.
                for step in trace.Steps do
                    for j in 1..k do
                        series.Coefficient(step.Node, j) |> ignore

                let coefficients =
                    List.init (k + 1) (fun j ->
                        trace.Outputs
                        |> Array.map (fun t ->
                            series.Coefficient(t, j) |> Option.defaultWith (fun () -> Tensor.zerosLike t)))

                Trace.resultsTogether trace (Seq.concat coefficients)
                coefficients |> List.map (fun c -> Tree.withLeaves c trace.Result))

    /// The coefficients 0 to k of f(x + t v) in powers of t: the derivatives along v over the factorials.
    let taylor (k: int) (f: 'a -> 'b) (x: 'a) (v: 'a) : 'b list = jet k f [ x; v ]
