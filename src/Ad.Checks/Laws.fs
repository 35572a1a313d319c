namespace Ad.Checks

open System
open Ad.Functional
open Ad.Tensors

/// A function to check, the point to check it at, and directions: tangents of its inputs, and a cotangent of its result.
type Trial =
    { Function: Tensor[] -> Tensor
      IsLinear: bool
      Point: Tensor[]
      Direction: Tensor[]
      Other: Tensor[]
      Cotangent: Tensor }

/// Makes trials.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Trial =
    /// A function at a point, with random directions and a cotangent: the same seed, the same numbers.
    let at (isLinear: bool) (point: Tensor[]) (seed: int) (f: Tensor[] -> Tensor) : Trial =
        let random = System.Random(seed + 500_000_000)

        let drawn (t: Tensor) =
            Catalogue.draw
                random
                { Shape = Tensor.shape t
                  Domain = Between(-1.0, 1.0) }

        let direction () = point |> Array.map (fun t -> if t.DType.IsFloat() then drawn t else t)

        { Function = f
          IsLinear = isLinear
          Point = point
          Direction = direction ()
          Other = direction ()
          Cotangent = drawn (f point) }

    /// A function at a random point of its inputs' domains: the same seed, the same numbers.
    let make (isLinear: bool) (inputs: Input list) (seed: int) (f: Tensor[] -> Tensor) : Trial =
        let random = System.Random seed
        at isLinear (inputs |> List.map (Catalogue.draw random) |> Array.ofList) seed f

/// What derivatives must satisfy. A law holds (None) or says in a sentence why not.
type Law =
    { Name: string
      Check: Trial -> string option }

/// A law does not hold; the message says why.
[<Sealed>]
type LawException(message: string) =
    inherit Exception(message)

/// The laws of gradients.
[<RequireQualifiedAccess>]
module Laws =
    let private floats (x: Tensor[]) = x |> Array.filter (fun t -> t.DType.IsFloat())

    /// The sum of all products of elements, and the sum of their sizes, which says how far rounding can take it.
    let internal inner (a: Tensor[]) (b: Tensor[]) =
        let products = Array.map2 (fun (x: Tensor) y -> x * y) (floats a) (floats b)
        // Both at once: each alone would compute the products again.
        let sums = products |> Array.map (fun p -> Tensor.sum p, Tensor.sum (abs p)) |> Tree.eval
        Array.sumBy (fst >> Tensor.toScalar) sums, Array.sumBy (snd >> Tensor.toScalar) sums

    /// The sum of all products of elements, as a tensor.
    let internal product (a: Tensor[]) (b: Tensor[]) : Tensor =
        Array.map2 (fun (x: Tensor) y -> Tensor.sum (x * y)) (floats a) (floats b)
        |> Array.reduce (+)

    let private differ what (a: float) (b: float) (tolerance: float) =
        if abs (a - b) <= tolerance then
            None
        else
            Some $"{what}: {a:R} against {b:R}, {abs (a - b):G3} apart where {tolerance:G3} is allowed."

    // A thousand roundings of the largest number met: far above what these small cases accumulate, far below any wrong rule.
    let private rounding = 1000.0 * Math.ScaleB(1.0, -52)

    let internal along (x: Tensor[]) (v: Tensor[]) (h: float) =
        Array.map2 (fun (x: Tensor) (v: Tensor) -> if x.DType.IsFloat() then x + h * v else x) x v

    /// (g, J v) = (J^T g, v): forward and reverse mode are each other's transpose.
    let forwardAgainstReverse =
        { Name = "forward against reverse"
          Check =
            fun t ->
                let forward x =
                    let _, jv = Forward.jvp t.Function x t.Direction
                    inner [| t.Cotangent |] [| jv |]

                let reverse x =
                    let _, pullback = Reverse.vjp t.Function x
                    inner (pullback t.Cotangent) t.Direction

                let a, size1 = forward t.Point
                let b, size2 = reverse t.Point
                let tight = rounding * (size1 + size2 + 1e-300)

                // Sums inside may cancel and round more than their result shows: then what rounding does on the way is measured.
                let slack () =
                    let reverse x = product (snd (Reverse.vjp t.Function x) t.Cotangent) t.Direction
                    let forward x = snd (Forward.jvp t.Function x t.Direction)

                    64.0
                    * Differences.unit64
                    * (Rounding.spread forward t.Point t.Cotangent
                       + Rounding.spread reverse t.Point (Tensor.scalar 1.0))

                if abs (a - b) <= tight then
                    None
                else
                    differ "(g, J v) and (J' g, v)" a b (tight + slack ()) }

    /// J v against central differences, extrapolated after Richardson (1911) with a step of their own choosing; where rounding or a kink lets them
    /// say nothing, the law holds.
    let againstDifferences =
        { Name = "against differences"
          Check =
            fun t ->
                let moved h = along t.Point t.Direction h
                let function' = jit t.Function
                let value h = fst (inner [| t.Cotangent |] [| function' (moved h) |])

                let claim x =
                    let _, jv = Forward.jvp t.Function x t.Direction
                    inner [| t.Cotangent |] [| jv |]

                let exact, size = claim t.Point
                let _, magnitude = inner [| t.Cotangent |] [| t.Function t.Point |]
                let noise = Differences.noise Differences.unit64 magnitude value

                let rounds () =
                    let push x = snd (Forward.jvp t.Function x t.Direction)

                    Differences.noise Differences.unit64 0.0 (fun h -> fst (claim (moved h)))
                    + 4.0 * Differences.unit64 * Rounding.spread push t.Point t.Cotangent

                match Differences.judge Differences.unit64 noise infinity size rounds exact value with
                | Failed, numeric, tolerance ->
                    differ "the derivative and the difference" exact numeric tolerance
                | (Passed | Inconclusive), _, _ -> None }

    /// A linear operation's tangent is the operation itself, and its pullback is its transpose: (g, f(v)) = (f'g, v).
    let linearAgainstTranspose =
        { Name = "linear against transpose"
          Check =
            fun t ->
                if not t.IsLinear then
                    None
                else
                    let image = t.Function t.Direction
                    let _, pullback = Reverse.vjp t.Function t.Point
                    let a, size1 = inner [| t.Cotangent |] [| image |]
                    let b, size2 = inner (pullback t.Cotangent) t.Direction
                    differ "(g, f(v)) and (f' g, v)" a b (rounding * (size1 + size2 + 1e-300)) }

    /// u' H v by all four nestings of the modes, H the Hessian of (g, f).
    let secondOrder =
        { Name = "second order"
          Check =
            fun t ->
                let phi x = Tensor.sum (t.Function x * t.Cotangent)

                let times v (g: Tensor[]) =
                    Array.map2 (fun a b -> Tensor.sum (a * b)) (floats g) (floats v)
                    |> Array.reduce (+)

                let forward v x = snd (Forward.jvp phi x v)
                let reverse v x = times v (Reverse.gradient phi x)

                let outerForward inner x = snd (Forward.jvp inner x t.Other)
                let outerReverse inner x = times t.Other (Reverse.gradient inner x)

                if Array.isEmpty (floats t.Point) then
                    None
                else
                    let nestings =
                        [ "forward over forward", outerForward (forward t.Direction)
                          "forward over reverse", outerForward (reverse t.Direction)
                          "reverse over forward", outerReverse (forward t.Direction)
                          "reverse over reverse", outerReverse (reverse t.Direction) ]

                    let found = nestings |> List.map (fun (name, f) -> name, f, Tensor.toScalar (f t.Point))
                    let _, size = inner [| t.Cotangent |] [| t.Function t.Point |]
                    let name, f, first = found.Head
                    let scale = found.Tail |> List.fold (fun m (_, _, d) -> max m (abs d)) size

                    found.Tail
                    |> List.tryPick (fun (other, g, d) ->
                        let tight = rounding * 100.0 * (scale + 1.0)

                        if abs (first - d) <= tight then
                            None
                        else
                            let spread f = Rounding.spread f t.Point (Tensor.scalar 1.0)
                            let slack = 64.0 * Differences.unit64 * (spread f + spread g)
                            differ $"{name} and {other}" first d (tight + slack)) }

    /// A zero cotangent gives exact zeros, and gradients have the shapes and types of what they belong to.
    let zeroCotangent =
        { Name = "zero cotangent"
          Check =
            fun t ->
                let _, pullback = Reverse.vjp t.Function t.Point
                let pulled = pullback (Tensor.zerosLike t.Cotangent)

                Array.zip t.Point pulled
                |> Array.tryPick (fun (x, g) ->
                    if g.Shape <> x.Shape || g.DType <> x.DType then
                        Some $"the cotangent of a {x.DType.Name()}{x.Shape} is a {g.DType.Name()}{g.Shape}."
                    elif x.DType.IsFloat() && Tensor.toScalar (Tensor.sum (abs g)) <> 0.0 then
                        Some $"a zero cotangent gives {g}."
                    else
                        None) }

    /// What a function does not depend on has a symbolic zero: nothing is computed for it, and its gradient is zero.
    let symbolicZero =
        { Name = "symbolic zero"
          Check =
            fun t ->
                let constant = t.Function t.Point |> Tree.eval
                let aloof (_: Tensor[]) = constant * 2.0
                let _, tangent = Forward.jvp aloof t.Point t.Direction
                let _, cost = Cost.measure (fun () -> Forward.jvp aloof t.Point t.Direction |> snd)

                if cost.EdgesVisited <> 0L then
                    Some $"{cost.EdgesVisited} edges were visited for a constant."
                elif Tensor.toScalar (Tensor.sum (abs tangent)) <> 0.0 then
                    Some $"the tangent of a constant is {tangent}."
                else
                    None }

    /// A jitted function and its gradient agree with the plain ones.
    let jitted =
        { Name = "jit"
          Check =
            fun t ->
                let plain = t.Function t.Point
                let fast = jit t.Function t.Point
                let phi x = Tensor.sum (t.Function x * t.Cotangent)

                let values =
                    Array.append
                        [| plain, fast |]
                        (Array.zip (Reverse.gradient phi t.Point) (jit (Reverse.gradient phi) t.Point))
                    |> Tree.eval

                // Fused, a sum that cancels rounds otherwise.
                let slack =
                    lazy
                        (let gradient x = product (Reverse.gradient phi x) (Array.map Tensor.onesLike x)

                         64.0
                         * Differences.unit64
                         * (Rounding.spread t.Function t.Point (Tensor.onesLike plain)
                            + Rounding.spread gradient t.Point (Tensor.scalar 1.0)))

                values
                |> Array.tryPick (fun (a, b) ->
                    if not (a.DType.IsFloat()) then
                        None
                    else
                        let apart, size = Tree.eval (Tensor.sum (abs (a - b)), Tensor.sum (abs a))
                        let apart, size = Tensor.toScalar apart, Tensor.toScalar size

                        if apart <= rounding * size || apart <= slack.Value then
                            None
                        else
                            Some $"{a} plain, but {b} jitted.") }

    /// Every law.
    let all =
        [ forwardAgainstReverse
          againstDifferences
          linearAgainstTranspose
          secondOrder
          zeroCotangent
          symbolicZero
          jitted ]

    /// <summary>Raises unless a law, named, holds for a trial.</summary>
    /// <exception cref="T:System.ArgumentException">There is no such law.</exception>
    /// <exception cref="T:Ad.Checks.LawException">It does not hold; the message says why.</exception>
    let assertHolds (name: string) (trial: Trial) : unit =
        match all |> List.tryFind (fun law -> law.Name = name) with
        | None -> raise (ArgumentException $"There is no law '{name}'.")
        | Some law ->
            match law.Check trial with
            | None -> ()
            | Some why -> raise (LawException $"{name}: {why}")
