namespace Ad.Functional

open Ad.Tensors

/// <summary>
/// One of two functions of the same parameters, in one body: its first results are the first function's, as many others the second's. The first
/// input chooses; the others are the arguments. Results that only derivatives ask for follow: what costs more to compute again than to keep of either
/// function, zeros where the other one was chosen.
/// </summary>
[<Sealed>]
type internal Cond(body: Body) =
    inherit ControlRule()

    let count = body.Results.Length / 2
    let ofTrue, ofFalse = Array.splitAt count body.Results
    let kept results = lazy Body.saved (Body(body.Parameters, results))
    let keptTrue, keptFalse = kept ofTrue, kept ofFalse
    let zeros = Array.map (fun (t: Tensor) -> Tensor.zerosLike t)

    let targets =
        lazy
            (Array.concat [ ofTrue; keptTrue.Value; zeros keptFalse.Value ],
             Array.concat [ ofFalse; zeros keptTrue.Value; keptFalse.Value ])

    let programs =
        lazy
            (let ifTrue, ifFalse = targets.Value
             Body.program body ifTrue, Body.program body ifFalse)

    let both (results: int[]) =
        let ifTrue, ifFalse = targets.Value
        Array.append (results |> Array.map (fun r -> ifTrue[r])) (results |> Array.map (fun r -> ifFalse[r]))

    /// Nodes for all results of either function, without the arguments that neither needs.
    static member Run(body: Body, condition: Tensor, operands: Tensor[]) : Tensor[] =
        let flags = Body.uses body body.Results
        let structure = Cond(Body.restrict body flags body.Results)
        let given = Array.zip operands flags |> Array.filter snd |> Array.map fst

        Array.init (body.Results.Length / 2) (fun r ->
            Tensor.Create(Control(structure, r), Array.append [| condition |] given))

    member _.Body = body

    /// The nodes of either function that a result is.
    member _.Either result =
        let ifTrue, ifFalse = targets.Value
        ifTrue[result], ifFalse[result]

    override _.Name = "cond"
    override _.IsWorthSaving = keptTrue.Value.Length + keptFalse.Value.Length = 0

    override _.Result result =
        let s =
            (if result < count then
                 ofTrue[result]
             else
                 (fst targets.Value)[result])
                .Signature

        struct (s.Type, s.Shape)

    override _.Operation result =
        let ifTrue, ifFalse = programs.Value
        Operation.Cond(ifTrue, ifFalse, result)

    override _.Move(inputs, tangents, results, withValues) =
        let arguments, moved = Array.tail inputs, Array.tail tangents
        let places = moved |> Array.map Option.isSome |> Passes.places
        let targets = both results

        let moving =
            Body.depends body Derivatives.passes (Array.map Option.isSome moved) targets
            |> fun varies -> Array.init results.Length (fun k -> varies[k] || varies[results.Length + k])

        let chosen = moving |> Passes.places |> Array.map (fun k -> results[k])
        let valued = if withValues then results else [||]

        let operands = Array.append arguments (places |> Array.map (fun i -> Option.get moved[i]))

        let branches, captured =
            Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                let values, given = Array.splitAt arguments.Length parameters
                let along: Tensor option[] = Array.create arguments.Length None
                Array.iter2 (fun i t -> along[i] <- Some t) places given
                let all = Array.append valued chosen
                let outputs, tangents = Passes.push (Body.applyTo body (both all)) values along

                Array.init outputs.Length (fun i ->
                    if i % all.Length < valued.Length then
                        outputs[i]
                    else
                        Passes.orZero outputs[i] tangents[i]))

        let tangentOf k =
            if moving[k] then
                Some(valued.Length + System.Array.IndexOf(chosen, results[k]))
            else
                None

        let valueOf k = if withValues then Some k else None
        let each f = Array.init results.Length f

        Passes.moved (each valueOf) (each tangentOf) (fun numbers ->
            let made = Cond.Run(branches, inputs[0], Array.append operands captured)
            numbers |> Array.map (fun i -> made[i]))

    override this.Pull(inputs, cotangents, wanted) =
        let arguments, wanted = Array.tail inputs, Array.tail wanted
        let places = Passes.places wanted
        let results = Array.map fst cotangents
        let ifTrue, ifFalse = targets.Value
        let first = keptTrue.Value.Length

        let kept =
            Array.init (first + keptFalse.Value.Length) (fun i ->
                Tensor.Create(Control(this, count + i), inputs))

        let operands = Array.concat [ arguments; Array.map snd cotangents; kept ]

        let branches, captured =
            Body.traceWith (operands |> Array.map _.Signature) (fun parameters ->
                let values, rest = Array.splitAt arguments.Length parameters
                let seeds, kept = Array.splitAt results.Length rest

                let pulled (targets: Tensor[]) (saved: Tensor[]) =
                    let asked = results |> Array.map (fun r -> targets[r])
                    let again = Body.applyTo body (Array.append asked saved)
                    let outputs, all = Passes.pull again values (Array.indexed seeds) wanted

                    places |> Array.map (fun i -> Passes.orZero values[i] all[i]), outputs[asked.Length ..]

                let fromTrue, againTrue = pulled ifTrue keptTrue.Value
                let fromFalse, againFalse = pulled ifFalse keptFalse.Value
                Array.append fromTrue fromFalse, Array.zip (Array.append againTrue againFalse) kept)

        let made = Cond.Run(branches, inputs[0], Array.append operands captured)
        let all: Tensor option[] = Array.create inputs.Length None
        Array.iteri (fun k i -> all[i + 1] <- Some made[k]) places
        all

    override _.Batch(size, inputs, results) =
        let condition, isMapped = inputs[0]
        let arguments = Array.tail inputs
        let mapBoth = Batching.mapArrays size (Body.applyTo body (both results))
        let repeated (t, isMapped) = if isMapped then t else Batching.repeat size t

        if isMapped then
            let all = mapBoth arguments |> Array.map repeated

            Array.init results.Length (fun k ->
                let ones = Seq.replicate (all[k].Rank - 1) 1
                let lane = Tensor.reshape (Seq.append [ size ] ones) condition
                Tensor.where lane all[k] all[results.Length + k])
        else
            let operands = Array.map fst arguments

            let branches, captured =
                Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                    mapBoth (Array.zip parameters (Array.map snd arguments)) |> Array.map repeated)

            Cond.Run(branches, condition, Array.append operands captured)

/// A function that runs by itself once its arguments are there, and again for its derivative: nothing inside it is kept in between.
[<Sealed>]
type internal Checkpoint(body: Body) =
    inherit ControlRule()

    let program = lazy Body.program body body.Results

    /// Nodes for all results of a body, without the arguments that it does not need.
    static member Run(body: Body, operands: Tensor[]) : Tensor[] =
        let flags = Body.uses body body.Results
        let structure = Checkpoint(Body.restrict body flags body.Results)
        let given = Array.zip operands flags |> Array.filter snd |> Array.map fst
        Array.init body.Results.Length (fun r -> Tensor.Create(Control(structure, r), given))

    member _.Body = body

    override _.Name = "checkpoint"
    override _.IsWorthSaving = true

    override _.Result result =
        let s = body.Results[result].Signature
        struct (s.Type, s.Shape)

    override _.Operation result = Operation.Checkpoint(program.Value, result)

    override _.Move(inputs, tangents, results, withValues) =
        let places = tangents |> Array.map Option.isSome |> Passes.places
        let targets = results |> Array.map (fun r -> body.Results[r])
        let moving = Body.depends body Derivatives.passes (Array.map Option.isSome tangents) targets
        let chosen = Passes.places moving
        let operands = Array.append inputs (places |> Array.map (fun i -> Option.get tangents[i]))

        let along, captured =
            Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                let values, given = Array.splitAt inputs.Length parameters
                let moved: Tensor option[] = Array.create inputs.Length None
                Array.iter2 (fun i t -> moved[i] <- Some t) places given

                let valued = if withValues then targets else [||]
                let all = Array.append valued (chosen |> Array.map (fun k -> targets[k]))
                let outputs, tangents = Passes.push (Body.applyTo body all) values moved

                Array.init all.Length (fun i ->
                    if i < valued.Length then
                        outputs[i]
                    else
                        Passes.orZero outputs[i] tangents[i]))

        let first = if withValues then targets.Length else 0

        let tangentOf k =
            match System.Array.IndexOf(chosen, k) with
            | -1 -> None
            | i -> Some(first + i)

        let valueOf k = if withValues then Some k else None
        let each f = Array.init results.Length f

        Passes.moved (each valueOf) (each tangentOf) (fun numbers ->
            let made = Checkpoint.Run(along, Array.append operands captured)
            numbers |> Array.map (fun i -> made[i]))

    override _.Pull(inputs, cotangents, wanted) =
        let places = Passes.places wanted
        let operands = Array.append inputs (Array.map snd cotangents)

        let backward, captured =
            Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                let values, seeds = Array.splitAt inputs.Length parameters
                let targets = cotangents |> Array.map (fun (r, _) -> body.Results[r])
                let _, all = Passes.pull (Body.applyTo body targets) values (Array.indexed seeds) wanted
                places |> Array.map (fun i -> Passes.orZero values[i] all[i]))

        let made = Checkpoint.Run(backward, Array.append operands captured)
        let all: Tensor option[] = Array.create inputs.Length None
        Array.iteri (fun k i -> all[i] <- Some made[k]) places
        all

    override _.Batch(size, inputs, results) =
        let operands = Array.map fst inputs

        let every, captured =
            Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                let targets = results |> Array.map (fun r -> body.Results[r])

                Batching.mapArrays
                    size
                    (Body.applyTo body targets)
                    (Array.zip parameters (Array.map snd inputs))
                |> Array.map (fun (t, isMapped) -> if isMapped then t else Batching.repeat size t))

        Checkpoint.Run(every, Array.append operands captured)
