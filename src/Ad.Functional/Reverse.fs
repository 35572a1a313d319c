namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// Reverse mode: cotangents pulled from the results back to the inputs. One pass gives the derivative of one result by every input.
[<RequireQualifiedAccess>]
module Reverse =
    /// What one step's cotangent contributes to those of its inputs that are wanted; None for a symbolic zero.
    let internal pull (step: Step) (g: Tensor) (wanted: bool[]) : Tensor option[] =
        let each contribution =
            wanted
            |> Array.mapi (fun i isWanted -> if isWanted then contribution i else None)

        match step.Rule with
        | Elementwise partials ->
            each (fun i ->
                match partials[i] step.Inputs step.Node with
                | Partial.Zero -> None
                | Partial.One -> Some g
                | Partial.MinusOne -> Some(-g)
                | Partial.Factor p -> Some(Tensor.scale g p))
        | Linear transpose
        | Multilinear transpose -> each (fun i -> Some(transpose step.Inputs g i))
        | Rule(_, vjp) ->
            let all = vjp step.Inputs step.Node g
            each (fun i -> all[i])
        | Joint(structure, result) ->
            Meter.Uncounted(fun () -> structure.Pull(step.Inputs, [| result, g |], wanted))
        | NonDifferentiable -> each (fun _ -> None)

    /// The cotangents of the variables of a trace, given the outputs'.
    let internal cotangents (trace: Trace<'b>) (seeds: Tensor[]) : Tensor option[] =
        let steps = trace.Steps
        let known: (Tensor | null)[] = Array.zeroCreate steps.Length
        let mutable edges = 0L

        let add s (g: Tensor) =
            known[s] <-
                match known[s] with
                | null -> g
                | sum -> sum + g

        let results = Trace.places trace trace.Outputs

        for i in 0 .. results.Length - 1 do
            if results[i] >= 0 then
                add results[i] seeds[i]

        let stepOf =
            lazy
                (let places = Dictionary<Tensor, int>(HashIdentity.Reference)
                 steps |> Array.iteri (fun s step -> places[step.Node] <- s)
                 places)

        let siblings = lazy (Trace.siblings trace)

        // The results of one structure or rule that have a cotangent, with it, when the first of them is reached: at that, everything that reads any of
        // them has been gone through.
        let given (step: Step) =
            let family = siblings.Value step.Node step.Inputs

            if obj.ReferenceEquals(fst family[0], step.Node) then
                family
                |> Array.choose (fun (node, result) ->
                    match known[stepOf.Value[node]] with
                    | null -> None
                    | g -> Some(result, g))
            else
                [||]

        let mutable next = trace.Sources.Length

        for s in steps.Length - 1 .. -1 .. 0 do
            let step = steps[s]
            next <- next - step.Inputs.Length
            let first = next
            let wanted () = Array.init step.Inputs.Length (fun i -> trace.Sources[first + i] >= 0)

            let live () =
                let mutable count = 0L

                for i in 0 .. step.Inputs.Length - 1 do
                    if trace.Sources[first + i] >= 0 then
                        count <- count + 1L

                count

            let addTo i (g: Tensor option) =
                match g with
                | Some g -> add trace.Sources[first + i] g
                | None -> ()

            match step.Rule with
            | Joint(structure, _) ->
                let given = given step

                if given.Length > 0 then
                    edges <- edges + live ()

                    Meter.Uncounted(fun () -> structure.Pull(step.Inputs, given, wanted ()))
                    |> Array.iteri addTo
            | Elementwise partials ->
                match known[s] with
                | null -> ()
                | g ->
                    for i in 0 .. partials.Length - 1 do
                        let source = trace.Sources[first + i]

                        if source >= 0 then
                            edges <- edges + 1L

                            match partials[i] step.Inputs step.Node with
                            | Partial.Zero -> ()
                            | Partial.One -> add source g
                            | Partial.MinusOne -> add source (-g)
                            | Partial.Factor p -> add source (Tensor.scale g p)
            | Linear _
            | Multilinear _
            | Rule _
            | NonDifferentiable ->
                match step.Node.Op with
                | Custom(rule, _) ->
                    match known[s] with
                    | null -> ()
                    | g ->
                        if trace.Sources[first] >= 0 then
                            add trace.Sources[first] g

                    // The rule of several results is asked once, when all their cotangents are there.
                    let given = given step

                    if given.Length > 0 && Array.exists id (Array.tail (wanted ())) then
                        edges <- edges + live ()

                        Derivatives.handPulled (rule :?> CustomRule) (Array.tail step.Inputs) given
                        |> Array.iteri (fun i pulled ->
                            if trace.Sources[first + i + 1] >= 0 then
                                addTo (i + 1) pulled)
                | _ ->
                    match known[s] with
                    | null -> ()
                    | g ->
                        edges <- edges + live ()
                        pull step g (wanted ()) |> Array.iteri addTo

        Meter.Count(fun () ->
            { Cost.Zero with
                ReversePasses = 1
                EdgesVisited = edges })

        Trace.places trace trace.Variables
        |> Array.map (fun s -> if s < 0 then None else Option.ofObj known[s])

    let private orZero (t: Tensor) (g: Tensor option) = g |> Option.defaultWith (fun () -> Tensor.zerosLike t)

    let private pullback (trace: Trace<'b>) (x: 'a) (seeds: Tensor[]) : 'a =
        let pulled = Array.map2 orZero trace.Variables (cotangents trace seeds)
        Trace.resultsTogether trace pulled
        Tree.withLeaves pulled x

    /// The pullback of a trace.
    let internal pullbackOf (trace: Trace<'b>) (x: 'a) : 'b -> 'a =
        fun g ->
            let fitting =
                Tree.map2
                    (fun y g ->
                        if y.DType.IsFloat() then
                            Forward.fit "vjp" "cotangent" y g
                        else
                            g)
                    trace.Result
                    g

            pullback trace x (Tree.leaves fitting)

    /// <summary>The value f(x) and the pullback g -> J(x)^T g, which may be used any number of times, on any thread.</summary>
    /// <remarks>The pullback raises an ArgumentException for a cotangent without the structure, shapes or types of f(x).</remarks>
    let vjp (f: 'a -> 'b) (x: 'a) : 'b * ('b -> 'a) =
        Trace.run f x (fun trace -> trace.Result, pullbackOf trace x)

    /// <summary>The value and the gradient of a function whose result is a scalar and something else, in one pass. The other part has no cotangent.</summary>
    let valueAndGradientAux (f: 'a -> Tensor * 'aux) (x: 'a) : (Tensor * 'aux) * 'a =
        Trace.run f x (fun trace ->
            let y = fst trace.Result
            Forward.scalarResult "Reverse.gradient" y
            let traceOfScalar = { trace with Outputs = [| y |] }
            let pulled = Array.map2 orZero trace.Variables (cotangents traceOfScalar [| Tensor.onesLike y |])
            Trace.resultsTogether trace (Seq.append trace.Outputs pulled)
            trace.Result, Tree.withLeaves pulled x)

    /// The value and the gradient of a function with a scalar result, in one pass.
    let valueAndGradient (f: 'a -> Tensor) (x: 'a) : Tensor * 'a =
        let (y, ()), gradient = valueAndGradientAux (fun x -> f x, ()) x
        y, gradient

    /// <summary>The gradient of a function with a scalar result, in one pass whatever the number of inputs.</summary>
    /// <remarks>Has the structure of x; zero for integers and booleans, and for what the result does not depend on.</remarks>
    let gradient (f: 'a -> Tensor) (x: 'a) : 'a =
        Trace.run f x (fun trace ->
            Forward.scalarResult "Reverse.gradient" trace.Result
            pullback trace x [| Tensor.onesLike trace.Result |])

    /// <summary>The Jacobian: shape of f(x), then shape of x; one pass for each element of f(x), over one trace.</summary>
    let jacobian (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        Trace.run f x (fun trace ->
            let y = trace.Result

            if y.Count = 0L then
                Tensor.zeros x.DType (Seq.append y.Shape x.Shape)
            else
                let place = Tensor.reshape y.Shape (Tensor.arange DType.Int64 (int y.Count))

                Array.init (int y.Count) (fun i ->
                    let seed = Tensor.equal place (Tensor.scalar (int64 i)) |> Tensor.cast y.DType
                    pullback trace x [| seed |])
                |> Tensor.stack 0
                |> Tensor.reshape (Seq.append y.Shape x.Shape))
