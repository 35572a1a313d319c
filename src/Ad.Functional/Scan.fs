namespace Ad.Functional

open Ad.Tensors

/// Passes of either mode through a body, whose inputs are some of them held.
[<RequireQualifiedAccess>]
module internal Passes =
    /// The results, and their tangents; None for a symbolic zero.
    let push
        (f: Tensor[] -> Tensor[])
        (x: Tensor[])
        (tangents: Tensor option[])
        : Tensor[] * Tensor option[] =
        Trace.run f x (fun trace -> Meter.Uncounted(fun () -> Forward.moved trace tangents))

    /// The results, and the cotangents of the inputs that are wanted, from the cotangents of some results.
    let pull
        (f: Tensor[] -> Tensor[])
        (x: Tensor[])
        (seeds: (int * Tensor)[])
        (wanted: bool[])
        : Tensor[] * Tensor option[] =
        let places = wanted |> Array.indexed |> Array.filter snd |> Array.map fst

        let withGiven (given: Tensor[]) =
            let all = Array.copy x
            Array.iter2 (fun place t -> all[place] <- t) places given
            f all

        Trace.run withGiven (places |> Array.map (fun i -> x[i])) (fun trace ->
            let seeded =
                { trace with
                    Outputs = seeds |> Array.map (fun (result, _) -> trace.Outputs[result]) }

            let pulled = Meter.Uncounted(fun () -> Reverse.cotangents seeded (Array.map snd seeds))
            let all: Tensor option[] = Array.create x.Length None
            Array.iter2 (fun place g -> all[place] <- g) places pulled
            trace.Outputs, all)

    /// The tangent, or zeros like what it is the tangent of.
    let orZero (like: Tensor) (t: Tensor option) = t |> Option.defaultWith (fun () -> Tensor.zerosLike like)

    /// For each result its value and its tangent, where they have a number among those that are made.
    let moved (values: int option[]) (tangents: int option[]) (make: int[] -> Tensor[]) =
        let chosen = Array.append values tangents |> Array.choose id |> Array.distinct
        let made = if chosen.Length = 0 then [||] else make chosen
        let find = Option.map (fun number -> made[System.Array.IndexOf(chosen, number)])
        Array.map2 (fun value tangent -> struct (find value, find tangent)) values tangents

    /// The numbers of the elements that are true.
    let places (flags: bool[]) = flags |> Array.indexed |> Array.filter snd |> Array.map fst

    /// What the flags of the first parameters grow to when a result sets the flag of the parameter that it becomes at the next run.
    let rec close (depends: bool[] -> bool[]) (flags: bool[]) : bool[] =
        let results = depends flags
        let next = flags |> Array.mapi (fun i flag -> flag || (i < results.Length && results[i]))
        if next = flags then flags else close depends next

    /// A signature with one more axis in front.
    let sized size (s: Signature) =
        { s with
            Shape = shapeOf (Seq.append [ size ] s.Shape) }

/// <summary>
/// A body run a number of times: of its parameters the first are carried from run to run, the next are slices along axis 0, the rest stay. Its first
/// results are carried on, the others stacked. Results that only derivatives ask for follow: the stacked values of nodes of the body that cost more
/// to compute again than to keep, and the stacked carries as they were before each run.
/// </summary>
[<Sealed>]
type internal Scan(body: Body, length: int, carries: int, slices: int, isReversed: bool) =
    inherit ControlRule()

    let saved = lazy Body.saved body
    let targets = lazy Array.append body.Results saved.Value
    let program = lazy Body.program body targets.Value

    /// The node of the body that a result is the last value or the stack of.
    let value result =
        if result < targets.Value.Length then
            targets.Value[result]
        else
            body.Parameters[result - targets.Value.Length]

    let carried = Array.take carries body.Results
    let constants = body.Parameters.Length - carries - slices
    let isSlice i = i >= carries && i < carries + slices

    /// Nodes for results of a scan, without the carries, slices and constants that these do not need.
    static member Run
        (
            body: Body,
            length: int,
            carries: int,
            slices: int,
            isReversed: bool,
            operands: Tensor[],
            results: int[]
        ) : Tensor[] =
        let stacked = results |> Array.filter (fun r -> r >= carries) |> Array.distinct

        let needed (kept: bool[]) =
            Body.uses
                body
                [| for i in 0 .. carries - 1 do
                       if kept[i] then
                           yield body.Results[i]
                   for r in stacked do
                       yield body.Results[r] |]

        let kept =
            Passes.close
                (fun kept -> Array.take carries (needed kept))
                (Array.init carries (fun i -> Array.contains i results))

        let flags = needed kept |> Array.mapi (fun i used -> if i < carries then kept[i] else used)
        let finals = Passes.places kept
        let outputs = Array.append finals stacked
        let chosen = Body.restrict body flags (outputs |> Array.map (fun r -> body.Results[r]))
        let count = flags |> Seq.skip carries |> Seq.take slices |> Seq.filter id |> Seq.length
        let structure = Scan(chosen, length, finals.Length, count, isReversed)
        let given = Array.zip operands flags |> Array.filter snd |> Array.map fst

        results
        |> Array.map (fun r -> Tensor.Create(Control(structure, System.Array.IndexOf(outputs, r)), given))

    member _.Body = body

    /// The body's results, and after them what derivatives ask for besides; results beyond these are the carries before each run.
    member _.Targets = targets.Value
    member _.Length = length
    member _.Carries = carries
    member _.Slices = slices
    member _.IsReversed = isReversed

    override _.Name = "scan"
    override _.IsWorthSaving = false

    override _.Result result =
        let s = (value result).Signature
        let s = if result < carries then s else Passes.sized length s
        struct (s.Type, s.Shape)

    override _.Operation result = Operation.Scan(program.Value, length, carries, slices, isReversed, result)

    override _.Move(inputs, tangents, results, withValues) =
        let varying =
            tangents
            |> Array.map Option.isSome
            |> Passes.close (fun flags -> Body.depends body Derivatives.passes flags carried)

        let asked = results |> Array.filter (fun r -> r >= carries)

        let stacked =
            Body.depends body Derivatives.passes varying (Array.map value asked)
            |> Array.zip asked
            |> Array.filter snd
            |> Array.map fst

        let others = if withValues then asked else [||]

        // Each kind of parameter is followed by the tangents of those of it that vary.
        let order =
            [| for first, count in [ 0, carries; carries, slices; carries + slices, constants ] do
                   for i in first .. first + count - 1 do
                       yield i, false

                   for i in first .. first + count - 1 do
                       if varying[i] then
                           yield i, true |]

        let moving, captured =
            Body.trace (order |> Array.map (fun (i, _) -> body.Parameters[i].Signature)) (fun parameters ->
                let values = Array.zeroCreate<Tensor> inputs.Length
                let moved: Tensor option[] = Array.create inputs.Length None

                Array.iter2
                    (fun (i, isTangent) t -> if isTangent then moved[i] <- Some t else values[i] <- t)
                    order
                    parameters

                let targets = Array.concat [ carried; Array.map value stacked; Array.map value others ]
                let outputs, tangents = Passes.push (Body.applyTo body targets) values moved
                let tangent i = Passes.orZero outputs[i] tangents[i]
                let last = carries + stacked.Length

                [| yield! Array.take carries outputs
                   for i in 0 .. carries - 1 do
                       if varying[i] then
                           yield tangent i
                   for i in carries .. last - 1 do
                       yield tangent i
                   yield! Array.skip last outputs |])

        let operands =
            order
            |> Array.map (fun (i, isTangent) ->
                if isTangent then
                    Passes.orZero inputs[i] tangents[i]
                else
                    inputs[i])

        let finals = Passes.places (Array.take carries varying)
        let all = carries + finals.Length

        let place r =
            if r < carries then
                match System.Array.IndexOf(finals, r) with
                | -1 -> None
                | i -> Some(carries + i)
            else
                match System.Array.IndexOf(stacked, r) with
                | -1 -> None
                | i -> Some(all + i)

        let count = order |> Array.filter (fun (i, _) -> isSlice i) |> Array.length

        let valueOf r =
            if not withValues then
                None
            elif r < carries then
                Some r
            else
                Some(all + stacked.Length + System.Array.IndexOf(others, r))

        Passes.moved (Array.map valueOf results) (Array.map place results) (fun chosen ->
            Scan.Run(moving, length, all, count, isReversed, Array.append operands captured, chosen))

    override this.Pull(inputs, cotangents, wanted) =
        let varying = Passes.close (fun flags -> Body.depends body Derivatives.passes flags carried) wanted

        let moving = Passes.places (Array.take carries varying)
        let stacked = cotangents |> Array.filter (fun (r, _) -> r >= carries)
        let heldWanted = Passes.places wanted |> Array.filter (fun i -> i >= carries + slices)
        let slicesWanted = Passes.places wanted |> Array.filter isSlice
        let finalOf i = cotangents |> Array.tryPick (fun (r, g) -> if r = i then Some g else None)
        let like i = Tensor.zerosLike inputs[i]
        let read result = Tensor.Create(Control(this, result), inputs)
        let count = targets.Value.Length

        // Carried backwards: the cotangents of the carries, and the sums of those of the constants. Read with the slices: what the run began with, what
        // it kept, and the cotangents of what it stacked.
        let operands =
            [| Array.append
                   (moving
                    |> Array.map (fun i -> finalOf i |> Option.defaultWith (fun () -> like i)))
                   (Array.map like heldWanted)
               [| for i in carries .. carries + slices - 1 -> inputs[i] |]
               [| for i in 0 .. carries - 1 -> read (count + i) |]
               [| for i in 0 .. saved.Value.Length - 1 -> read (body.Results.Length + i) |]
               Array.map snd stacked
               [| for i in carries + slices .. inputs.Length - 1 -> inputs[i] |] |]

        let sliced = operands[1..4] |> Array.sumBy _.Length
        let starts = operands |> Array.scan (fun start part -> start + part.Length) 0
        let isCarried k = k < operands[0].Length

        let signatures =
            Array.concat operands
            |> Array.mapi (fun k t ->
                if not (isCarried k) && k < operands[0].Length + sliced then
                    { t.Signature with
                        Shape = shapeOf (Seq.skip 1 t.Shape) }
                else
                    t.Signature)

        let backward, captured =
            Body.traceWith signatures (fun parameters ->
                let part k = parameters[starts[k] .. starts[k + 1] - 1]
                let carriedBack, sums = Array.splitAt moving.Length (part 0)
                let values = Array.concat [ part 2; part 1; part 5 ]

                let targets =
                    Array.concat
                        [ moving |> Array.map (fun i -> body.Results[i])
                          stacked |> Array.map (fst >> value)
                          saved.Value ]

                let seeds = Array.append carriedBack (part 4) |> Array.indexed

                let isWanted =
                    Array.init inputs.Length (fun i -> if i < carries then varying[i] else wanted[i])

                let outputs, pulled = Passes.pull (Body.applyTo body targets) values seeds isWanted
                let again = outputs[outputs.Length - saved.Value.Length ..]
                let pulledOrZero i = Passes.orZero values[i] pulled[i]

                let results =
                    Array.concat
                        [ Array.map pulledOrZero moving
                          Array.map2
                              (fun i sum ->
                                  pulled[i] |> Option.map (fun g -> sum + g) |> Option.defaultValue sum)
                              heldWanted
                              sums
                          Array.map pulledOrZero slicesWanted ]

                results, Array.zip again (part 3))

        let place i =
            if not wanted[i] then
                None
            elif i < carries then
                Some(System.Array.IndexOf(moving, i))
            elif isSlice i then
                Some(operands[0].Length + System.Array.IndexOf(slicesWanted, i))
            else
                Some(moving.Length + System.Array.IndexOf(heldWanted, i))

        let places = Array.init inputs.Length place

        let made =
            Scan.Run(
                backward,
                length,
                operands[0].Length,
                sliced,
                not isReversed,
                Array.append (Array.concat operands) captured,
                Array.choose id places
            )

        let mutable used = 0

        places
        |> Array.map (
            Option.map (fun _ ->
                used <- used + 1
                made[used - 1])
        )

    override _.Batch(size, inputs, results) =
        let mapped =
            inputs
            |> Array.map snd
            |> Passes.close (fun flags -> Body.depends body (fun _ -> true) flags carried)

        let stacked = results |> Array.filter (fun r -> r >= carries)
        let isMapped = Body.depends body (fun _ -> true) mapped (Array.map value stacked)
        let one i (s: Signature) = if mapped[i] then Passes.sized size s else s

        let every, captured =
            Body.trace (body.Parameters |> Array.mapi (fun i p -> one i p.Signature)) (fun parameters ->
                let targets = Array.append carried (Array.map value stacked)
                let keepsMapped = Array.append (Array.take carries mapped) isMapped

                Batching.mapArrays size (Body.applyTo body targets) (Array.zip parameters mapped)
                |> Array.map2
                    (fun asMapped (t, isNow) -> if asMapped && not isNow then Batching.repeat size t else t)
                    keepsMapped)

        let operands =
            inputs
            |> Array.mapi (fun i (t, isNow) ->
                let t = if mapped[i] && not isNow then Batching.repeat size t else t
                if mapped[i] && isSlice i then Tensor.swapAxes 0 1 t else t)

        let place r =
            if r < carries then
                r
            else
                carries + System.Array.IndexOf(stacked, r)

        Scan.Run(
            every,
            length,
            carries,
            slices,
            isReversed,
            Array.append operands captured,
            Array.map place results
        )
        |> Array.map2
            (fun r t ->
                if r < carries then
                    if mapped[r] then t else Batching.repeat size t
                elif isMapped[System.Array.IndexOf(stacked, r)] then
                    Tensor.swapAxes 0 1 t
                else
                    Batching.repeat size t)
            results
