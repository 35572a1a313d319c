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

    /// The tangents of the outputs of a trace, given the variables', and the outputs. With again, what follows a loop or a branch is written anew on the values
    /// that come with its tangents, so that it does not run once for either.
    let private walk again (trace: Trace<'b>) (seeds: Tensor option[]) : Tensor[] * Tensor option[] =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let current = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
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

        let now t =
            match current.TryGetValue t with
            | true, t -> t
            | _ -> t

        let siblings = Trace.siblings trace
        let pushed = HashSet<Tensor>(HashIdentity.Reference)
        let byHand = Dictionary<Tensor, Tensor[] option>(HashIdentity.Reference)

        let move (step: Step) (incoming: Tensor option[]) (inputs: Tensor[]) =
            let node = now step.Node

            match step.Rule with
            | Joint(structure, _) ->
                let nodes, results = siblings step.Node step.Inputs |> Array.unzip
                pushed.UnionWith nodes
                let withValues = again && nodes |> Array.forall (fun t -> isNull t.Value)

                Meter.Uncounted(fun () -> structure.Move(inputs, incoming, results, withValues))
                |> Array.iter2
                    (fun node (struct (value, t)) ->
                        value |> Option.iter (fun value -> current[node] <- value)
                        t |> Option.iter (fun t -> known[node] <- t))
                    nodes
            | Elementwise _
            | Linear _
            | Multilinear _
            | Rule _
            | NonDifferentiable ->
                match step.Node.Op with
                // Its node may be another one now, of any operation.
                | Variable -> incoming[0] |> Option.iter (fun t -> known[step.Node] <- t)
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
                                    (Array.tail inputs)
                                    (Array.tail incoming)

                            byHand[first] <- moved
                            moved

                    moved
                    |> Option.map (Array.item result)
                    |> Derivatives.joined incoming[0]
                    |> Option.iter (fun t -> known[step.Node] <- t)
                | _ ->
                    push
                        { step with
                            Node = node
                            Inputs = inputs }
                        incoming
                    |> Option.iter (fun t -> known[step.Node] <- t)

        let visit (step: Step) inputs =
            let incoming = Array.map tangent step.Inputs
            let active = incoming |> Array.sumBy (fun t -> if t.IsSome then 1 else 0)

            if active > 0 && not (pushed.Contains step.Node) then
                edges <- edges + int64 active
                move step incoming inputs

        let isUncomputed step =
            match step.Rule with
            | Joint _ -> isNull step.Node.Value
            | Elementwise _
            | Linear _
            | Multilinear _
            | Rule _
            | NonDifferentiable -> false

        if again && Array.exists isUncomputed trace.Steps then
            let steps = Dictionary<Tensor, Step>(HashIdentity.Reference)

            for step in trace.Steps do
                steps[step.Node] <- step

            let own = HashSet<Tensor>(trace.Variables, HashIdentity.Reference)

            let enter (t: Tensor) =
                if Scopes.contains trace.Scope t.Scopes && not (own.Contains t) then
                    ValueSome t.Operands
                else
                    ValueNone

            for struct (t, inputs) in Walk.postOrder enter trace.Outputs do
                let inputs' = Array.map now inputs

                // What has been computed stays, and so does what stands on nothing new.
                if
                    isNull t.Value
                    && not (current.ContainsKey t)
                    && Array.exists2 (fun a b -> not (obj.ReferenceEquals(a, b))) inputs inputs'
                then
                    current[t] <-
                        match t.Op with
                        | Variable -> inputs'[0]
                        | op -> Tensor.Create(op, inputs')

                match steps.TryGetValue t with
                | true, step -> visit step inputs'
                | _ -> ()
        else
            for step in trace.Steps do
                visit step step.Inputs

        Meter.Count(fun () ->
            { Cost.Zero with
                ForwardPasses = 1
                EdgesVisited = edges })

        Array.map now trace.Outputs, Array.map tangent trace.Outputs

    /// The tangents of the outputs of a trace, given the variables'.
    let internal tangents (trace: Trace<'b>) (seeds: Tensor option[]) : Tensor option[] =
        walk false trace seeds |> snd

    /// The outputs of a trace with their tangents, given the variables'; loops and branches run once for both.
    let internal moved (trace: Trace<'b>) (seeds: Tensor option[]) : Tensor[] * Tensor option[] =
        walk true trace seeds

    let private orZero (t: Tensor) (tangent: Tensor option) =
        tangent |> Option.defaultWith (fun () -> Tensor.zerosLike t)

    /// Refuses tangents that do not fit what they are tangents of.
    let internal fit operation (what: string) (x: Tensor) (v: Tensor) =
        if v.Signature <> x.Signature then
            Shapes.refuse operation $"the {what} is {v.Signature}, but belongs to {x.Signature}."

        v

    /// The tangents that the variables of a trace start with along a direction.
    let private seedsOf (x: 'a) (v: 'a) : Tensor option[] =
        let direction = Tree.map2 (fun x v -> if x.DType.IsFloat() then fit "jvp" "tangent" x v else v) x v

        Tree.leaves direction
        |> Array.map (fun v -> if v.DType.IsFloat() then Some v else None)

    /// <summary>The value f(x) and the directional derivative J(x) v, in one pass.</summary>
    /// <remarks>Integers and booleans in x have no direction; what stands for them in v is not looked at.</remarks>
    /// <exception cref="T:System.ArgumentException">v does not have the structure, shapes or types of x.</exception>
    let jvp (f: 'a -> 'b) (x: 'a) (v: 'a) : 'b * 'b =
        Trace.run f x (fun trace ->
            let outputs, moved = moved trace (seedsOf x v)
            let moved = Array.map2 orZero outputs moved
            Trace.resultsTogether trace (Seq.append outputs moved)
            Tree.withLeaves outputs trace.Result, Tree.withLeaves moved trace.Result)

    /// The value f(x) and the linear map v -> J(x) v, which may be used any number of times, on any thread; f is not run again.
    let linearize (f: 'a -> 'b) (x: 'a) : 'b * ('a -> 'b) =
        Trace.run f x (fun trace ->
            let along v = Array.map2 orZero trace.Outputs (tangents trace (seedsOf x v))

            trace.Result, fun v -> Tree.withLeaves (along v) trace.Result)

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

            moved trace seeds ||> Array.map2 orZero)
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
