namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// Forward mode: tangents pushed from the inputs to the results, along with the values. One pass gives one directional derivative.
[<RequireQualifiedAccess>]
module Forward =
    /// The tangent of one step's result from its inputs' tangents; None for a symbolic zero.
    let internal push (step: Step) (tangents: Tensor option[]) : Tensor option =
        match step.Rule with
        | Elementwise partials ->
            let mutable total: Tensor option = None

            for i in 0 .. partials.Length - 1 do
                match tangents[i] with
                | None -> ()
                | Some t ->
                    let term =
                        match partials[i] step.Inputs step.Node with
                        | Partial.Zero -> None
                        | Partial.One -> Some t
                        | Partial.MinusOne -> Some(-t)
                        | Partial.Factor p -> Some(Tensor.scale t p)

                    total <-
                        match total, term with
                        | Some a, Some b -> Some(a + b)
                        | Some a, None -> Some a
                        | None, term -> term

            total
        | Linear _ ->
            let moved =
                Array.map2
                    (fun (input: Tensor) tangent ->
                        match tangent with
                        | Some t -> t
                        | None when input.DType.IsFloat() -> Tensor.zerosLike input
                        | None -> input)
                    step.Inputs
                    tangents

            Some(Tensor.Create(step.Node.Op, moved))
        | Multilinear _ ->
            tangents
            |> Array.mapi (fun i tangent ->
                tangent
                |> Option.map (fun t -> Tensor.Create(step.Node.Op, Array.updateAt i t step.Inputs)))
            |> Array.choose id
            |> Array.reduce (+)
            |> Some
        | Rule(jvp, _) -> jvp step.Inputs step.Node tangents
        | Joint(structure, result) ->
            (Meter.Uncounted(fun () -> structure.Push(step.Inputs, tangents, [| result |])))[0]
        | NonDifferentiable -> None

    /// The tangents of the outputs of a trace, given the variables'.
    let internal tangents (trace: Trace<'b>) (seeds: Tensor option[]) : Tensor option[] =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let mutable edges = 0L

        Array.iter2
            (fun variable seed ->
                match seed with
                | Some t -> known[variable] <- t
                | None -> ())
            trace.Variables
            seeds

        let tangent t =
            match known.TryGetValue t with
            | true, t -> Some t
            | _ -> None

        let siblings = Trace.siblings trace
        let pushed = HashSet<Tensor>(HashIdentity.Reference)
        let byHand = Dictionary<Tensor, Tensor[] option>(HashIdentity.Reference)

        for step in trace.Steps |> Seq.filter (fun step -> not (pushed.Contains step.Node)) do
            let incoming = Array.map tangent step.Inputs
            let active = incoming |> Array.sumBy (fun t -> if t.IsSome then 1 else 0)

            if active > 0 then
                edges <- edges + int64 active

                match step.Rule with
                | Joint(structure, _) ->
                    let nodes, results = siblings step.Node step.Inputs |> Array.unzip
                    pushed.UnionWith nodes

                    Meter.Uncounted(fun () -> structure.Push(step.Inputs, incoming, results))
                    |> Array.iter2 (fun node t -> t |> Option.iter (fun t -> known[node] <- t)) nodes
                | Elementwise _
                | Linear _
                | Multilinear _
                | Rule _
                | NonDifferentiable ->
                    match step.Node.Op with
                    | Custom(rule, result) ->
                        // The rule of several results is asked once.
                        let first = siblings step.Node step.Inputs |> Array.head |> fst

                        let moved =
                            match byHand.TryGetValue first with
                            | true, moved -> moved
                            | _ ->
                                let moved =
                                    Derivatives.handPushed
                                        (rule :?> CustomRule)
                                        (Array.tail step.Inputs)
                                        (Array.tail incoming)

                                byHand[first] <- moved
                                moved

                        moved
                        |> Option.map (Array.item result)
                        |> Derivatives.joined incoming[0]
                        |> Option.iter (fun t -> known[step.Node] <- t)
                    | _ -> push step incoming |> Option.iter (fun t -> known[step.Node] <- t)

        Meter.Count(fun () ->
            { Cost.Zero with
                ForwardPasses = 1
                EdgesVisited = edges })

        Array.map tangent trace.Outputs

    let private orZero (t: Tensor) (tangent: Tensor option) =
        tangent |> Option.defaultWith (fun () -> Tensor.zerosLike t)

    /// Refuses tangents that do not fit what they are tangents of.
    let internal fit operation (what: string) (x: Tensor) (v: Tensor) =
        if v.Signature <> x.Signature then
            Shapes.refuse operation $"the {what} is {v.Signature}, but belongs to {x.Signature}."

        v

    /// The tangents of a trace's outputs along a direction; zeros where they are symbolic.
    let private along (trace: Trace<'b>) (x: 'a) (v: 'a) : Tensor[] =
        let direction = Tree.map2 (fun x v -> if x.DType.IsFloat() then fit "jvp" "tangent" x v else v) x v

        let seeds =
            Tree.leaves direction
            |> Array.map (fun v -> if v.DType.IsFloat() then Some v else None)

        Array.map2 orZero trace.Outputs (tangents trace seeds)

    /// <summary>The value f(x) and the directional derivative J(x) v, in one pass.</summary>
    /// <remarks>Integers and booleans in x have no direction; what stands for them in v is not looked at.</remarks>
    /// <exception cref="T:System.ArgumentException">v does not have the structure, shapes or types of x.</exception>
    let jvp (f: 'a -> 'b) (x: 'a) (v: 'a) : 'b * 'b =
        Trace.run f x (fun trace ->
            let moved = along trace x v
            Trace.resultsTogether trace (Seq.append trace.Outputs moved)
            trace.Result, Tree.withLeaves moved trace.Result)

    /// The value f(x) and the linear map v -> J(x) v, which may be used any number of times, on any thread; f is not run again.
    let linearize (f: 'a -> 'b) (x: 'a) : 'b * ('a -> 'b) =
        Trace.run f x (fun trace -> trace.Result, fun v -> Tree.withLeaves (along trace x v) trace.Result)

    /// Refuses a result that is not one float.
    let internal scalarResult operation (y: Tensor) =
        if y.Rank <> 0 || not (y.DType.IsFloat()) then
            Shapes.refuse
                operation
                $"the function's result is {y.Signature}, not a float of rank 0; reduce it, with Tensor.sum say."

    /// J(x) e_i for the i-th element of one tensor of a tree, all other directions symbolic zeros.
    let private partial (f: 'a -> 'b) (x: 'a) (leaf: int) (element: int64) : Tensor[] =
        Trace.run f x (fun trace ->
            let seeds =
                trace.Variables
                |> Array.mapi (fun i variable ->
                    if i <> leaf || not (variable.DType.IsFloat()) then
                        None
                    else
                        let place =
                            Tensor.reshape variable.Shape (Tensor.arange DType.Int64 (int variable.Count))

                        Some(Tensor.cast variable.DType (Tensor.equal place (Tensor.scalar element))))

            Array.map2 orZero trace.Outputs (tangents trace seeds))
        |> Trace.settle

    /// <summary>The gradient of a function with a scalar result, one pass for each input element.</summary>
    /// <remarks>Has the structure of x; zero for integers and booleans.</remarks>
    let gradient (f: 'a -> Tensor) (x: 'a) : 'a =
        let leaves = Tree.leaves x

        let components =
            leaves
            |> Array.mapi (fun leaf t ->
                if not (t.DType.IsFloat()) then
                    [||]
                else
                    Array.init (int t.Count) (fun i ->
                        let derivative = (partial f x leaf (int64 i))[0]
                        scalarResult "Forward.gradient" derivative
                        derivative))

        let gradients =
            Array.map2
                (fun (t: Tensor) (parts: Tensor[]) ->
                    if parts.Length = 0 then
                        Tensor.zerosLike t
                    else
                        Tensor.stack 0 parts |> Tensor.cast t.DType |> Tensor.reshape t.Shape)
                leaves
                components

        Trace.together gradients
        Tree.withLeaves gradients x

    /// <summary>The Jacobian: shape of f(x), then shape of x; one pass for each element of x.</summary>
    let jacobian (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if x.Count = 0L then
            let y = f x
            Tensor.zeros y.DType (Seq.append y.Shape x.Shape)
        else
            let columns = Array.init (int x.Count) (fun i -> (partial f x 0 (int64 i))[0])
            let y = columns[0]
            Tensor.stack -1 columns |> Tensor.reshape (Seq.append y.Shape x.Shape)

    /// <summary>The derivative of a function of one scalar, in one pass; it has the structure and shapes of the result.</summary>
    let derivative (f: Tensor -> 'b) (x: Tensor) : 'b =
        if x.Rank <> 0 || not (x.DType.IsFloat()) then
            Shapes.refuse
                "Forward.derivative"
                $"the argument is {x.Signature}, not a float of rank 0; jvp takes a direction for it."

        snd (jvp f x (Tensor.onesLike x))
