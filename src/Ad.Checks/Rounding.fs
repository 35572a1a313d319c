namespace Ad.Checks

open System
open System.Collections.Generic
open Ad.Functional
open Ad.Tensors

/// How far rounding on the way can take a result: what random changes of every value on the way do to it (Parker 1997).
[<RequireQualifiedAccess>]
module internal Rounding =
    // Large against rounding itself, small against what a function's curvature shows.
    let private change = Math.ScaleB(1.0, -40)

    let private shaken (random: System.Random) (t: Tensor) =
        let factors = Array.init (int t.Count) (fun _ -> 1.0 + change * (2.0 * random.NextDouble() - 1.0))
        t * Tensor.cast t.DType (Tensor.ofArray t.Shape factors)

    /// The results of a trace, with every float on the way to them changed a little.
    let private rebuilt (trace: Trace<'b>) (random: System.Random) : Tensor[] =
        let known = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        // Also what does not depend on the variables: constants that cancel round as well.
        let isMade (t: Tensor) = t.DType.IsFloat() && t.Operands.Length > 0

        for v in trace.Variables do
            known[v] <- if v.DType.IsFloat() then shaken random v else v

        let enter (t: Tensor) =
            ValueSome(
                if known.ContainsKey t || not (isMade t) then
                    [||]
                else
                    t.Operands
            )

        for struct (t, inputs) in Walk.postOrder enter trace.Outputs do
            if not (known.ContainsKey t) then
                known[t] <-
                    if not (isMade t) then
                        t
                    else
                        match t.Op with
                        | Custom _
                        | Variable -> known[inputs[0]]
                        // Its order is a whole number, or there is no such function.
                        | Op.Pointwise(Pointwise.Polygamma | Pointwise.Erfcx | Pointwise.BesselI | Pointwise.BesselIe | Pointwise.BesselJ) as op ->
                            shaken random (Tensor.Create(op, inputs[0], known[inputs[1]]))
                        // What works by elimination or in steps is right for arguments near its own, and for others each time.
                        | Decompose _
                        | Solve _
                        | Control _ as op ->
                            let near (t: Tensor) = if t.DType.IsFloat() then shaken random t else t
                            shaken random (Tensor.Create(op, inputs |> Array.map (fun i -> near known[i])))
                        | op ->
                            let made = Tensor.Create(op, inputs |> Array.map (fun i -> known[i]))
                            if Op.isFree op then made else shaken random made

        trace.Outputs |> Array.map (fun t -> known[t])

    /// How far (g, f(x)) moves when every value on the way moves by its own size: times the rounding unit, a bound of what rounding does.
    let spread (f: Tensor[] -> Tensor) (x: Tensor[]) (g: Tensor) : float =
        Trace.run f x (fun trace ->
            let moved seed = Tensor.sum ((rebuilt trace (System.Random seed))[0] * g - trace.Outputs[0] * g)

            Tree.eval [| moved 1; moved 2; moved 3 |]
            |> Array.map (fun t -> abs (Tensor.toScalar (Tensor.cast Float64 t)) / change)
            |> Array.max)
