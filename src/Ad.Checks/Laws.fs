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

/// What derivatives must satisfy. A law holds (None) or says in a sentence why not.
type Law =
    { Name: string
      Check: Trial -> string option }

/// The laws of gradients.
[<RequireQualifiedAccess>]
module Laws =
    let private floats (x: Tensor[]) = x |> Array.filter (fun t -> t.DType.IsFloat())

    /// The sum of all products of elements, and the sum of their sizes, which says how far rounding can take it.
    let private inner (a: Tensor[]) (b: Tensor[]) =
        let products = Array.map2 (fun (x: Tensor) y -> x * y) (floats a) (floats b)
        let total f = products |> Array.sumBy (fun p -> Tensor.toScalar (Tensor.sum (f p)))
        total id, total abs

    let private differ what (a: float) (b: float) (tolerance: float) =
        if abs (a - b) <= tolerance then
            None
        else
            Some $"{what}: {a:R} against {b:R}, {abs (a - b):G3} apart where {tolerance:G3} is allowed."

    // A thousand roundings of the largest number met: far above what these small cases accumulate, far below any wrong rule.
    let private rounding = 1000.0 * Math.ScaleB(1.0, -52)

    /// (g, J v) = (J^T g, v): forward and reverse mode are each other's transpose.
    let forwardAgainstReverse =
        { Name = "forward against reverse"
          Check =
            fun t ->
                let _, jv = Forward.jvp t.Function t.Point t.Direction
                let _, pullback = Reverse.vjp t.Function t.Point
                let g = pullback t.Cotangent
                let a, size1 = inner [| t.Cotangent |] [| jv |]
                let b, size2 = inner g t.Direction
                differ "(g, J v) and (J' g, v)" a b (rounding * (size1 + size2 + 1e-300)) }

    let private along (x: Tensor[]) (v: Tensor[]) (h: float) =
        Array.map2 (fun (x: Tensor) (v: Tensor) -> if x.DType.IsFloat() then x + h * v else x) x v

    /// J v against central differences, extrapolated after Richardson (1911): (4 D(h/2) - D(h)) / 3.
    let againstDifferences =
        { Name = "against differences"
          Check =
            fun t ->
                let value h = fst (inner [| t.Cotangent |] [| t.Function(along t.Point t.Direction h) |])
                let central h = (value h - value -h) / (2.0 * h)
                let coarse, fine = central 1e-3, central 5e-4
                let numeric = (4.0 * fine - coarse) / 3.0
                let _, jv = Forward.jvp t.Function t.Point t.Direction
                let exact, size = inner [| t.Cotangent |] [| jv |]
                let _, magnitude = inner [| t.Cotangent |] [| t.Function t.Point |]
                // Truncation shrinks as h^4 and shows in how far the two steps differ; rounding is the values' over h.
                let truncation = 1e-3 * abs (fine - coarse)
                let roundoff = 1e-16 * (magnitude + 1.0) / 5e-4 * 20.0
                differ "the derivative and the difference" exact numeric (truncation + roundoff + 1e-8 * size) }

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

                let outerForward inner = snd (Forward.jvp inner t.Point t.Other)
                let outerReverse inner = times t.Other (Reverse.gradient inner t.Point)

                if Array.isEmpty (floats t.Point) then
                    None
                else
                    let nestings =
                        [ "forward over forward", outerForward (forward t.Direction)
                          "forward over reverse", outerForward (reverse t.Direction)
                          "reverse over forward", outerReverse (forward t.Direction)
                          "reverse over reverse", outerReverse (reverse t.Direction) ]

                    let _, size = inner [| t.Cotangent |] [| t.Function t.Point |]
                    let name, first = nestings.Head
                    let first = Tensor.toScalar first
                    let scale = List.fold (fun m (_, d) -> max m (abs (Tensor.toScalar d))) size nestings.Tail

                    nestings.Tail
                    |> List.tryPick (fun (other, d) ->
                        differ
                            $"{name} and {other}"
                            first
                            (Tensor.toScalar d)
                            (rounding * 100.0 * (scale + 1.0))) }

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

                values
                |> Array.tryPick (fun (a, b) ->
                    if not (a.DType.IsFloat()) then
                        None
                    else
                        let apart = Tensor.toScalar (Tensor.sum (abs (a - b)))
                        let size = Tensor.toScalar (Tensor.sum (abs a))

                        if apart <= rounding * size then
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
