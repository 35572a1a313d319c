namespace Ad.Functional

open System
open Ad.Tensors

/// The derivative of every operation.
[<RequireQualifiedAccess>]
module internal Derivatives =
    /// The tangents of all results of a function with a rule by hand, of its arguments' alone; None where these have none.
    let handPushed (rule: CustomRule) (arguments: Tensor[]) (tangents: Tensor option[]) : Tensor[] option =
        if Array.exists Option.isSome tangents then
            let filled =
                Array.map2
                    (fun (x: Tensor) t -> Option.defaultWith (fun () -> Tensor.zerosLike x) t)
                    arguments
                    tangents

            Some(rule.Jvp arguments filled)
        else
            None

    /// The cotangents of the arguments of a function with a rule by hand, from those of some of its results.
    let handPulled (rule: CustomRule) (arguments: Tensor[]) (given: (int * Tensor)[]) : Tensor option[] =
        let ofFloats (x: Tensor) g = if x.DType.IsFloat() then Some g else None

        let cotangents =
            rule.Results
            |> Array.mapi (fun i s ->
                match given |> Array.tryFind (fun (result, _) -> result = i) with
                | Some(_, g) -> g
                | None -> Tensor.zeros s.Type s.Shape)

        Array.map2 ofFloats arguments (rule.Vjp arguments cotangents)

    /// The sum of two tangents, either of which may be a symbolic zero.
    let joined (a: Tensor option) (b: Tensor option) =
        match a, b with
        | Some a, Some b -> Some(a + b)
        | Some a, None -> Some a
        | None, b -> b

    // The first input carries on what the function closed over; the rule speaks for the arguments, which come after it.
    let private custom (rule: CustomRule) result =
        Rule(
            (fun x _ tangents ->
                handPushed rule (Array.tail x) (Array.tail tangents)
                |> Option.map (Array.item result)
                |> joined tangents[0]),
            (fun x _ g -> Array.append [| Some g |] (handPulled rule (Array.tail x) [| result, g |]))
        )

    let private functions = Enum.GetValues<Pointwise>() |> Array.map PointwiseRules.rule
    let private same = Linear(fun _ g _ -> g)
    let private reshaped = Linear(fun x g _ -> Tensor.reshape x[0].Shape g)
    let private repeated = Linear(fun x g _ -> Transposes.unbroadcast x[0] g)

    /// The rule of an operation.
    let rule (op: Op) : Derivative =
        match op with
        | Variable -> same
        | Custom(rule, result) -> custom (rule :?> CustomRule) result
        | Pointwise f -> functions[int f]
        | Cast t when t.IsFloat() -> Linear(fun x g _ -> Tensor.cast x[0].DType g)
        | Reduce(Reduction.Sum, axes) -> Linear(fun x g _ -> Transposes.spread axes x[0] g)
        | Reduce((Reduction.Max | Reduction.Min), axes) -> Transposes.extreme axes
        | CumulativeSum(axis, reverse) ->
            Linear(fun _ g _ -> Tensor.Create(CumulativeSum(axis, not reverse), g))
        | OnDevice _ ->
            Linear(fun x g _ ->
                match x[0].Place with
                | null -> Tensor.OnDevice(Device.Cpu, g)
                | from -> Tensor.OnDevice(from, g))
        | Reshape _ -> reshaped
        | Permute axes -> Linear(fun _ g _ -> Tensor.permute (Transposes.inverse axes) g)
        | Broadcast _ -> repeated
        | Slice(starts, _, steps) -> Linear(fun x g _ -> Transposes.unslice starts steps x[0] g)
        | Pad(low, _, interior) -> Linear(fun x g _ -> Transposes.unpad low interior x[0] g)
        | Concatenate axis ->
            Linear(fun x g i ->
                let start = Seq.take i x |> Seq.sumBy (fun t -> t.Shape[axis])
                Tensor.sliceAxis axis start (start + x[i].Shape[axis]) 1 g)
        | Flip axes -> Linear(fun _ g _ -> Tensor.flip (axes.ToArray()) g)
        | Take(axis, batch) ->
            Linear(fun x g _ -> Tensor.Create(ScatterAdd(axis, batch, x[0].Shape[axis]), x[1], g))
        | ScatterAdd(axis, batch, _) -> Linear(fun x g _ -> Tensor.Create(Take(axis, batch), g, x[0]))
        | Contract(lb, rb, ls, rs) -> Multilinear(Transposes.uncontract lb rb ls rs)
        | Decompose kind ->
            Rule(
                (fun x y t -> t[0] |> Option.map (DecompositionRules.push kind x[0] y)),
                (fun x y g -> [| Some(DecompositionRules.pull kind x[0] y g) |])
            )
        | Solve system ->
            Rule(
                (fun x y t -> DecompositionRules.pushSolve system x[0] y t[0] t[1]),
                (fun x y g -> DecompositionRules.pullSolve system x[0] y g |> Array.map Some)
            )
        | Convolve(_, strides, low, inputDilation, dilation) ->
            Multilinear(Transposes.unconvolve strides low inputDilation dilation)
        | Window(Reduction.Sum, _, windows) -> Linear(fun x g _ -> Transposes.unwindow windows x[0] g)
        | Window((Reduction.Max | Reduction.Min) as kind, positions, windows) ->
            Rule(
                (fun x _ t -> t[0] |> Option.map (Transposes.share kind positions windows x[0])),
                (fun x _ g -> [| Some(Transposes.spreadOut kind windows x[0] g) |])
            )
        | WindowShare(kind, positions, windows) ->
            Rule(
                (fun x _ t -> t[1] |> Option.map (Transposes.share kind positions windows x[0])),
                (fun x _ g -> [| None; Some(Transposes.spreadOut kind windows x[0] g) |])
            )
        | WindowSpread(kind, windows) ->
            Rule(
                (fun x _ t -> t[1] |> Option.map (Transposes.spreadOut kind windows x[0])),
                (fun x _ g ->
                    let positions = axesOf (Seq.skip (g.Rank - windows.Count) x[1].Shape)
                    [| None; Some(Transposes.share kind positions windows x[0] g) |])
            )
        | Control(structure, result) -> Joint((structure :?> ControlRule), result)
        | Cast _
        | Reduce((Reduction.ArgMax | Reduction.ArgMin), _)
        | Window((Reduction.ArgMax | Reduction.ArgMin), _, _)
        | Sort _
        | Data
        | Constant _
        | Iota _
        | Random _
        | StopGradient -> NonDifferentiable

    /// Whether a change of an input goes through the node to its result.
    let passes (t: Tensor) =
        t.DType.IsFloat()
        && (match rule t.Op with
            | NonDifferentiable -> false
            | Elementwise _
            | Linear _
            | Multilinear _
            | Rule _
            | Joint _ -> true)
