namespace Ad.Functional

open Ad.Tensors

/// One run of the body of a loop or a branch: its step, from 0, and the body as a function of the arguments that it had.
type internal Run =
    { Step: int
      Function: Tensor[] -> Tensor[]
      Arguments: Tensor[] }

/// A loop or a branch run after run by hand, so that each can be looked into.
[<RequireQualifiedAccess>]
module internal Runs =
    let private row (t: Tensor) i = Tensor.sliceAxis 0 i (i + 1) 1 t |> Tensor.squeeze [ 0 ]

    let private ofBody (body: Body) results step (arguments: Tensor[]) =
        { Step = step
          Function = Body.applyTo body results
          Arguments = Tree.eval arguments }

    /// The runs, in order; each is made when the one before has been looked at.
    let all (structure: Structure) (inputs: Tensor[]) : Run seq =
        match structure with
        | :? Scan as scan ->
            let constants = inputs[scan.Carries + scan.Slices ..]

            let step (state: Tensor[]) i =
                let at = if scan.IsReversed then scan.Length - 1 - i else i

                let slices =
                    inputs[scan.Carries .. scan.Carries + scan.Slices - 1]
                    |> Array.map (fun t -> row t at)

                let run = ofBody scan.Body scan.Body.Results at (Array.concat [ state; slices; constants ])
                run, Array.take scan.Carries (run.Function run.Arguments)

            Seq.unfold
                (fun (i, state) ->
                    if i = scan.Length then
                        None
                    else
                        let run, next = step state i
                        Some(run, (i + 1, next)))
                (0, Array.take scan.Carries inputs)
        | :? While as loop ->
            let carries = loop.Body.Results.Length - 1
            let condition = loop.Body.Results[carries]
            let constants = inputs[carries..]

            let goesOn state =
                Body.applyTo loop.Body [| condition |] (Array.append state constants)
                |> Array.head
                |> Tensor.toScalar

            Seq.unfold
                (fun (i, state: Tensor[]) ->
                    if goesOn state = 0.0 then
                        None
                    else
                        let results = Array.take carries loop.Body.Results
                        let run = ofBody loop.Body results i (Array.append state constants)
                        Some(run, (i + 1, Tree.eval (run.Function run.Arguments))))
                (0, Array.take carries inputs)
        | :? Cond as cond ->
            let count = cond.Body.Results.Length / 2
            let first = if Tensor.toScalar inputs[0] = 0.0 then count else 0

            Seq.singleton (
                ofBody cond.Body cond.Body.Results[first .. first + count - 1] 0 (Array.tail inputs)
            )
        | :? Checkpoint as checkpoint ->
            Seq.singleton (ofBody checkpoint.Body checkpoint.Body.Results 0 inputs)
        | _ -> Seq.empty

    /// What the arguments of a run have of something that the inputs have, and the results of the run before had if there was one: tangents, say.
    let given
        (structure: Structure)
        (rowOf: int -> 'v -> 'v)
        (inputs: 'v[])
        (before: 'v[] option)
        (run: Run)
        : 'v[] =
        match structure with
        | :? Scan as scan ->
            let state = before |> Option.defaultValue inputs |> Array.take scan.Carries

            let slices =
                inputs[scan.Carries .. scan.Carries + scan.Slices - 1]
                |> Array.map (rowOf run.Step)

            Array.concat [ state; slices; inputs[scan.Carries + scan.Slices ..] ]
        | :? While as loop ->
            let carries = loop.Body.Results.Length - 1
            let state = before |> Option.defaultValue inputs |> Array.take carries
            Array.append state inputs[carries..]
        | :? Cond -> Array.tail inputs
        | _ -> inputs

    /// The cotangents of a run's results: those of the whole's result with that number, and those of the arguments of the run that came after it.
    let seeds (structure: Structure) (result: int) (g: Tensor) (after: Tensor option[] option) (run: Run) =
        let ofWhole r value = if r = result then Some value else None

        let carried r =
            match after with
            | Some later -> later[r]
            | None -> ofWhole r g

        Array.init (run.Function run.Arguments).Length (fun r ->
            match structure with
            | :? Scan as scan when r >= scan.Carries -> ofWhole r (row g run.Step)
            | :? Scan
            | :? While -> carried r
            | _ -> ofWhole r g)
