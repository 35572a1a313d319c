namespace Ad.Checks

open System.Collections.Generic
open Ad.Functional
open Ad.Tensors

/// Numbers that a function's graph can be computed in, in place of the engine's.
[<AbstractClass>]
type internal Arithmetic<'T>() =
    /// A constant.
    abstract OfFloat: float -> 'T
    abstract Add: 'T * 'T -> 'T
    abstract Multiply: 'T * 'T -> 'T

    /// An elementwise function of floats; None where these numbers do not know it.
    abstract Apply: Pointwise * 'T[] -> 'T option

/// <summary>Computes graphs in other numbers, element by element, from the definitions of the operations.</summary>
/// <remarks>Conditions and positions are what the engine makes of the function's point: they are constants here.</remarks>
[<RequireQualifiedAccess>]
module internal Reference =
    let private floats (t: Tensor) : float[] = (Tensor.cast Float64 t).ToArray<float>()

    let private folded
        (numbers: Arithmetic<'T>)
        combine
        (groups: struct (int * int * int)[])
        (x: 'T[])
        count
        =
        let result: 'T option[] = Array.create count None
        let mutable isKnown = true

        for struct (r, _, s) in groups do
            result[r] <-
                match result[r] with
                | None -> Some x[s]
                | Some best ->
                    let next = numbers.Apply(combine, [| best; x[s] |])
                    isKnown <- isKnown && next.IsSome
                    next |> Option.orElse (Some best)

        if isKnown && Array.forall Option.isSome result then
            Some(Array.map Option.get result)
        else
            None

    let private node (numbers: Arithmetic<'T>) (t: Tensor) (inputs: Tensor[]) (x: 'T[] option[]) =
        let count = int t.Count
        let zeros () = Array.init count (fun _ -> numbers.OfFloat 0.0)

        let all (used: int seq) body =
            if used |> Seq.forall (fun i -> x[i].IsSome) then
                body (fun i -> Option.get x[i])
            else
                None

        match t.Op with
        | Op.Pointwise Pointwise.Select ->
            all [ 1; 2 ] (fun x ->
                let condition = inputs[0].ToArray<bool>()
                Some(Array.init count (fun i -> if condition[i] then (x 1)[i] else (x 2)[i])))
        | Op.Pointwise f when inputs |> Array.forall (fun i -> i.DType.IsFloat()) ->
            all (Seq.init inputs.Length id) (fun x ->
                let elements =
                    Array.init count (fun e ->
                        numbers.Apply(f, Array.init inputs.Length (fun i -> (x i)[e])))

                if Array.forall Option.isSome elements then
                    Some(Array.map Option.get elements)
                else
                    None)
        | Reduce(Reduction.Max, axes) ->
            all [ 0 ] (fun x ->
                folded numbers Pointwise.Maximum (Routes.reduced axes inputs[0] t) (x 0) count)
        | Reduce(Reduction.Min, axes) ->
            all [ 0 ] (fun x ->
                folded numbers Pointwise.Minimum (Routes.reduced axes inputs[0] t) (x 0) count)
        | Window(Reduction.Max, _, w) ->
            all [ 0 ] (fun x -> folded numbers Pointwise.Maximum (Routes.windows w inputs[0] t) (x 0) count)
        | Window(Reduction.Min, _, w) ->
            all [ 0 ] (fun x -> folded numbers Pointwise.Minimum (Routes.windows w inputs[0] t) (x 0) count)
        | op ->
            match Routes.linear op inputs t, Routes.bilinear op inputs t with
            | Some routes, _ ->
                all (routes |> Seq.map (fun struct (_, k, _) -> k) |> Seq.distinct |> List.ofSeq) (fun x ->
                    let result: 'T voption[] = Array.create count ValueNone

                    for struct (r, k, s) in routes do
                        let term = (x k)[s]

                        result[r] <-
                            match result[r] with
                            | ValueNone -> ValueSome term
                            | ValueSome sum -> ValueSome(numbers.Add(sum, term))

                    Some(result |> Array.map (ValueOption.defaultWith (fun () -> numbers.OfFloat 0.0))))
            | None, Some products ->
                all [ 0; 1 ] (fun x ->
                    let result = zeros ()

                    for struct (r, i, j) in products do
                        result[r] <- numbers.Add(result[r], numbers.Multiply((x 0)[i], (x 1)[j]))

                    Some result)
            | None, None -> None

    /// Whether a condition or a position on the way to the results depends on the variables.
    let branches (trace: Trace<'b>) : bool =
        let depends (t: Tensor) = Scopes.contains trace.Scope t.Scopes

        Walk.postOrder (fun t -> if depends t then ValueSome t.Operands else ValueNone) trace.Outputs
        |> Seq.exists (fun struct (t, _) -> depends t && not (t.DType.IsFloat()))

    /// <summary>What a traced function's nodes are in other numbers, given its variables; of an opaque node, and where the numbers cannot say, what `cut` says.</summary>
    let evaluate
        (numbers: Arithmetic<'T>)
        isOpaque
        (cut: Tensor -> 'T[] option)
        (trace: Trace<'b>)
        (given: 'T[][])
        =
        let known = Dictionary<Tensor, 'T[] option>(HashIdentity.Reference)

        trace.Variables
        |> Array.iteri (fun i v ->
            if v.DType.IsFloat() then
                known[v] <- Some given[i])

        let varies (t: Tensor) = t.DType.IsFloat() && Scopes.contains trace.Scope t.Scopes

        let enter (t: Tensor) =
            ValueSome(
                if known.ContainsKey t || not (varies t) then
                    [||]
                else
                    t.Operands
            )

        let nodes = Walk.postOrder enter trace.Outputs

        nodes
        |> Seq.map (fun struct (t, _) -> t)
        |> Seq.filter (varies >> not)
        |> Array.ofSeq
        |> Tree.eval
        |> ignore

        for struct (t, inputs) in nodes do
            if not (known.ContainsKey t) then
                known[t] <-
                    if not (t.DType.IsFloat()) then
                        None
                    elif not (varies t) then
                        Some(floats t |> Array.map numbers.OfFloat)
                    elif isOpaque t.Op then
                        cut t
                    else
                        inputs
                        |> Array.map (fun i -> known[i])
                        |> node numbers t inputs
                        |> Option.orElseWith (fun () -> cut t)

        known
