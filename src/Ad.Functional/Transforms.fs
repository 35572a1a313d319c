namespace Ad.Functional

open Ad.Tensors

/// Transforms of functions beyond derivatives, and derivatives given by hand. All of them compose with all others.
[<AutoOpen>]
module Transforms =
    /// <summary>
    /// The function for many arguments at once: leaf i of the argument is taken apart along axis inAxes[i] (None: the same for all), and the leaves of the
    /// results are put together along outAxis. Every operation runs once, for all of them.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The mapped axes differ in size, or nothing is mapped.</exception>
    let vmapAxes (inAxes: int option seq) (outAxis: int) (f: 'a -> 'b) (x: 'a) : 'b =
        let named = Tree.named x
        let axes = Array.ofSeq inAxes

        if axes.Length <> named.Length then
            Shapes.refuse
                "vmap"
                $"the argument has {named.Length} tensors, but {axes.Length} axes were given."

        let mapped =
            Array.zip named axes
            |> Array.map (fun ((_, t), axis) ->
                match axis with
                | None -> t, false
                | Some a when t.Rank = 0 ->
                    Shapes.refuse "vmap" $"a {t.Signature} has no axis {a} to map over."
                | Some a ->
                    let a = Shapes.axis "vmap" t.Rank a
                    Tensor.permute (Seq.append [ a ] (Seq.init t.Rank id |> Seq.filter ((<>) a))) t, true)

        match
            mapped
            |> Array.filter snd
            |> Array.map (fun (t, _) -> t.Shape[0])
            |> Array.distinct
        with
        | [| size |] ->
            let outputs, result = Batching.mapTree size (fun leaves -> f (Tree.withLeaves leaves x)) mapped

            let moved =
                outputs
                |> Array.map (fun t ->
                    let target = Shapes.axis "vmap" t.Rank outAxis
                    let others = List.init (t.Rank - 1) ((+) 1)
                    Tensor.permute (List.insertAt target 0 others) t)

            Tree.withLeaves moved result
        | [||] -> Shapes.refuse "vmap" "no tensor of the argument is mapped."
        | sizes ->
            let all =
                Array.zip named mapped
                |> Array.filter (fun (_, (_, isMapped)) -> isMapped)
                |> Array.map (fun ((path, t), _) -> $"{path} {t.Signature}".Trim())
                |> String.concat ", "

            Shapes.refuse "vmap" $"the mapped axes have different sizes, {axesOf sizes}: {all}."

    /// <summary>The function for many arguments at once: all leaves are taken apart along their first axis, and so are the results put together.</summary>
    let vmap (f: 'a -> 'b) (x: 'a) : 'b = vmapAxes (Tree.leaves x |> Array.map (fun _ -> Some 0)) 0 f x

    /// What jit runs for the function at x, as text: the program, an operation a line, and the device's plan of it.
    let explain (f: 'a -> 'b) (x: 'a) : string = Jit.explain f x

    /// What jit runs for the function at x: the device's plan, before each kernel its median time over so many runs.
    let profile (runs: int) (f: 'a -> 'b) (x: 'a) : string = Jit.profile runs f x

    /// The value f(x) and the linear map v -> J(x) v, in which f is not run again.
    let linearize (f: 'a -> 'b) (x: 'a) : 'b * ('a -> 'b) = Forward.linearize f x

    let private ensureLinear (trace: Trace<'b>) =
        let depends (t: Tensor) = Scopes.contains trace.Scope t.Scopes

        for step in trace.Steps do
            let varying = step.Inputs |> Array.filter depends |> Array.length

            let isLinear =
                match step.Rule with
                | Linear _ -> true
                | Multilinear _ -> varying <= 1
                | Elementwise partials ->
                    partials
                    |> Array.mapi (fun i p ->
                        not (depends step.Inputs[i])
                        || (match p step.Inputs step.Node with
                            | Partial.Factor f -> not (depends f)
                            | Partial.Zero
                            | Partial.One
                            | Partial.MinusOne -> true))
                    |> Array.forall id
                | Rule _ -> false
                | Joint(structure, result) ->
                    // Linear when the tangent reads nothing that varies.
                    let seeds =
                        step.Inputs
                        |> Array.map (fun t ->
                            if depends t && t.DType.IsFloat() then
                                Some(Tensor.zerosLike t)
                            else
                                None)

                    structure.Push(step.Inputs, seeds, [| result |])
                    |> Array.forall (Option.forall (depends >> not))
                | NonDifferentiable -> true

            if not isLinear then
                Shapes.refuse
                    "linearTranspose"
                    $"the function is not linear: {Op.name step.Node.Op} is not linear in its argument."

    /// <summary>
    /// The transpose of a linear function: linearTranspose f like g = f' g, for arguments like `like`, whose elements do not matter. Of an affine
    /// function it is that of the linear part.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">An operation of the function is not linear; the message names it.</exception>
    let linearTranspose (f: 'a -> 'b) (like: 'a) : 'b -> 'a =
        Trace.run f (Tree.map Tensor.zerosLike like) (fun trace ->
            ensureLinear trace
            Reverse.pullbackOf trace like)

    /// The function's results as they are, with a rule for its derivative by its arguments. What it closes over is differentiated as ever.
    let private withRule
        (f: 'a -> 'b)
        (jvp: 'a -> 'b -> Tensor[] -> Tensor[] -> Tensor[])
        (vjp: 'a -> 'b -> Tensor[] -> Tensor[] -> Tensor[])
        (x: 'a)
        : 'b =
        let leaves = Tree.leaves x
        let y = f (Tree.map Tensor.stopGradient x)
        let results = Tree.leaves y
        let rule = CustomRule(results |> Array.map _.Signature, jvp x y, vjp x y)

        let wrapped =
            results
            |> Array.mapi (fun i t ->
                if t.DType.IsFloat() then
                    Tensor.Create(Custom(rule, i), Array.append [| t |] leaves)
                else
                    t)

        Tree.withLeaves wrapped y

    /// Refuses what a rule gives unless it has the types and shapes of what it belongs to.
    let private fitted operation what (like: Tensor[]) (given: Tensor[]) : Tensor[] =
        if given.Length <> like.Length then
            Shapes.refuse operation $"the rule gives {given.Length} tensors, but there are {like.Length}."

        Array.map2
            (fun (x: Tensor) t ->
                if x.DType.IsFloat() then
                    Forward.fit operation what x t
                else
                    t)
            like
            given

    let private onLeaves (f: 'a -> 'b) (x: 'a) (leaves: Tensor[]) =
        f (Tree.withLeaves leaves x) |> Tree.leaves

    /// customJvp, with what the rule is known by.
    let internal jvpBy
        (source: System.Reflection.MemberInfo)
        (f: 'a -> 'b)
        (rule: 'a -> 'a -> 'b)
        (x: 'a)
        : 'b =
        if RuleCheck.isOn () then
            RuleCheck.ensure "customJvp" source (onLeaves f x) (Tree.leaves x) (fun arguments v g ->
                rule (Tree.withLeaves arguments x) (Tree.withLeaves v x)
                |> Tree.leaves
                |> Array.map2 RuleCheck.dotted g
                |> Array.sum)

        let push x y (arguments: Tensor[]) (tangents: Tensor[]) =
            Tree.leaves (rule (Tree.withLeaves arguments x) (Tree.withLeaves tangents x))
            |> fitted "customJvp" "rule's tangent" (Tree.leaves y)

        let pull x y arguments (cotangents: Tensor[]) =
            let zeros = arguments |> Array.map Tensor.zerosLike
            let _, transpose = Reverse.vjp (push x y arguments) zeros
            transpose cotangents

        withRule f push pull x

    /// customVjp, with what the rule is known by.
    let internal vjpBy
        (source: System.Reflection.MemberInfo)
        (f: 'a -> 'b)
        (rule: 'a -> 'b -> 'a)
        (x: 'a)
        : 'b =
        if RuleCheck.isOn () then
            RuleCheck.ensure "customVjp" source (onLeaves f x) (Tree.leaves x) (fun arguments v g ->
                let y = f (Tree.withLeaves arguments x)

                rule (Tree.withLeaves arguments x) (Tree.withLeaves g y)
                |> Tree.leaves
                |> Array.map2 RuleCheck.dotted v
                |> Array.sum)

        let pull x y (arguments: Tensor[]) (cotangents: Tensor[]) =
            Tree.leaves (rule (Tree.withLeaves arguments x) (Tree.withLeaves cotangents y))
            |> fitted "customVjp" "rule's cotangent" arguments

        let push x y arguments (tangents: Tensor[]) =
            let zeros = Tree.leaves y |> Array.map Tensor.zerosLike
            let _, transpose = Reverse.vjp (pull x y arguments) zeros
            transpose tangents

        withRule f push pull x

    /// <summary>The function with a directional derivative given by hand: rule x v is J(x) v, linear in v. Reverse mode transposes it.</summary>
    /// <exception cref="T:System.ArgumentException">On differentiation: the rule's tangents do not have the results' types and shapes.</exception>
    let customJvp (f: 'a -> 'b) (rule: 'a -> 'a -> 'b) (x: 'a) : 'b = jvpBy (rule.GetType()) f rule x

    /// <summary>The function with a pullback given by hand: rule x g is J(x)' g, linear in g. Forward mode transposes it.</summary>
    /// <exception cref="T:System.ArgumentException">On differentiation: the rule's cotangents do not have the arguments' types and shapes.</exception>
    let customVjp (f: 'a -> 'b) (rule: 'a -> 'b -> 'a) (x: 'a) : 'b = vjpBy (rule.GetType()) f rule x
