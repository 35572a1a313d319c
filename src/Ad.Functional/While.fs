namespace Ad.Functional

open Ad.Tensors

/// <summary>
/// A body run for as long as a condition holds: its first parameters are carried from run to run, the rest stay. Its last result is the condition,
/// the others are carried on.
/// </summary>
[<Sealed>]
type internal While(body: Body) =
    inherit ControlRule()

    let carries = body.Results.Length - 1
    let carried = Array.take carries body.Results
    let condition = body.Results[carries]
    let programs = lazy (Body.program body [| condition |], Body.program body carried)

    /// Nodes for results of a loop, without the carries and constants that these and the condition do not need.
    static member Run(body: Body, operands: Tensor[], results: int[]) : Tensor[] =
        let carries = body.Results.Length - 1

        let outputs (kept: bool[]) =
            [| for i in 0 .. carries - 1 do
                   if kept[i] then
                       yield body.Results[i]
               yield body.Results[carries] |]

        let kept =
            Passes.close
                (fun kept -> Array.take carries (Body.uses body (outputs kept)))
                (Array.init carries (fun i -> Array.contains i results))

        let flags =
            Body.uses body (outputs kept)
            |> Array.mapi (fun i used -> if i < carries then kept[i] else used)

        let finals = Passes.places kept
        let structure = While(Body.restrict body flags (outputs kept))
        let given = Array.zip operands flags |> Array.filter snd |> Array.map fst

        results
        |> Array.map (fun r -> Tensor.Create(Control(structure, System.Array.IndexOf(finals, r)), given))

    member _.Body = body

    override _.Name = "whileLoop"
    override _.IsWorthSaving = true

    override _.Result result =
        let s = body.Results[result].Signature
        struct (s.Type, s.Shape)

    override _.Operation result =
        let condition, body = programs.Value
        Operation.WhileLoop(condition, body, carries, result)

    override _.Move(inputs, tangents, results, withValues) =
        let varying =
            tangents
            |> Array.map Option.isSome
            |> Passes.close (fun flags -> Body.depends body Derivatives.passes flags carried)

        let moving = Passes.places (Array.take carries varying)
        let held = Passes.places varying |> Array.filter (fun i -> i >= carries)
        let tangent i = Passes.orZero inputs[i] tangents[i]

        let operands =
            Array.concat
                [ Array.take carries inputs
                  Array.map tangent moving
                  Array.skip carries inputs
                  Array.map tangent held ]

        let both, captured =
            Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                let states, rest = Array.splitAt carries parameters
                let movedStates, rest = Array.splitAt moving.Length rest
                let constants, movedConstants = Array.splitAt (inputs.Length - carries) rest
                let along: Tensor option[] = Array.create inputs.Length None
                Array.iter2 (fun i t -> along[i] <- Some t) moving movedStates
                Array.iter2 (fun i t -> along[i] <- Some t) held movedConstants

                let outputs, tangents = Passes.push (Body.apply body) (Array.append states constants) along

                Array.concat
                    [ Array.take carries outputs
                      moving |> Array.map (fun i -> Passes.orZero outputs[i] tangents[i])
                      [| outputs[carries] |] ])

        let tangentOf r =
            match System.Array.IndexOf(moving, r) with
            | -1 -> None
            | i -> Some(carries + i)

        let valueOf r = if withValues then Some r else None

        Passes.moved (Array.map valueOf results) (Array.map tangentOf results) (fun chosen ->
            While.Run(both, Array.append operands captured, chosen))

    override _.Pull(inputs, cotangents, wanted) =
        let varying = Passes.close (fun flags -> Body.depends body Derivatives.passes flags carried) wanted
        let moving = Passes.places (Array.take carries varying)
        let held = Passes.places (Array.skip carries wanted)

        let final i =
            cotangents
            |> Array.tryPick (fun (r, g) -> if r = i then Some g else None)
            |> Option.defaultWith (fun () -> Tensor.zerosLike inputs[i])

        let loop p f (init: Tensor[]) results =
            let body, captured =
                Body.trace (init |> Array.map _.Signature) (fun s -> Array.append (f s) [| p s |])

            While.Run(body, Array.append init captured, results)

        let ofCarries, ofConstants =
            Rewind.pull
                loop
                (fun x -> (Body.applyTo body [| condition |] x)[0])
                (Body.applyTo body carried)
                (Array.take carries inputs)
                (Array.skip carries inputs)
                moving
                held
                (Array.map final moving)

        let all: Tensor option[] = Array.create inputs.Length None

        Array.iter2
            (fun i g ->
                if wanted[i] then
                    all[i] <- Some g)
            moving
            ofCarries

        Array.iter2 (fun i g -> all[carries + i] <- Some g) held ofConstants
        all

    override _.Batch(size, inputs, results) =
        let grow = Passes.close (fun flags -> Body.depends body (fun _ -> true) flags carried)
        let mapped = grow (Array.map snd inputs)
        let varies = (Body.depends body (fun _ -> true) mapped [| condition |])[0]
        // When examples end at different times, every state has to wait by itself.
        let mapped =
            if varies then
                grow (mapped |> Array.mapi (fun i m -> m || i < carries))
            else
                mapped

        let repeated (t, isMapped) = if isMapped then t else Batching.repeat size t

        let operands =
            inputs
            |> Array.mapi (fun i given -> if mapped[i] then repeated given else fst given)

        let run (f: Tensor[] -> Tensor[]) parameters = Batching.mapArrays size f (Array.zip parameters mapped)

        let states parameters =
            run (Body.applyTo body carried) parameters
            |> Array.mapi (fun i next -> if mapped[i] then repeated next else fst next)

        let made =
            if varies then
                let test parameters =
                    (run (Body.applyTo body [| condition |]) parameters |> Array.map repeated)[0]

                let operands = Array.append [| test operands |] operands

                let loop, captured =
                    Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                        let running, parameters = parameters[0], Array.tail parameters

                        let next =
                            states parameters
                            |> Array.mapi (fun i next ->
                                let ones = Seq.replicate (next.Rank - 1) 1

                                Tensor.where
                                    (Tensor.reshape (Seq.append [ size ] ones) running)
                                    next
                                    parameters[i])

                        let still = test (Array.append next (Array.skip carries parameters))

                        Array.concat
                            [ [| Tensor.logicalAnd running still |]; next; [| Tensor.max running |] ])

                While.Run(loop, Array.append operands captured, results |> Array.map ((+) 1))
            else
                let loop, captured =
                    Body.trace (operands |> Array.map _.Signature) (fun parameters ->
                        Array.append (states parameters) (Body.applyTo body [| condition |] parameters))

                While.Run(loop, Array.append operands captured, results)

        Array.map2 (fun r t -> if mapped[r] then t else Batching.repeat size t) results made
