namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>A method that sees the function it makes small, and not only gradients: for all of the data at once, and a function without noise.</summary>
/// <remarks>Line searches look at values, so that a minimizer runs as it is, not within jit; the function it is given may be jitted.</remarks>
type Minimizer<'P, 'S> =
    {
        /// The state before the first step.
        Init: ('P -> Tensor) -> 'P -> 'S
        /// From the function, a point and the state to the value at the point, the next point and the next state.
        Step: ('P -> Tensor) -> 'P -> 'S -> Tensor * 'P * 'S
    }

/// What conjugate gradients remember: the last gradient and direction; none before the first step.
type ConjugateState<'P> =
    { Gradient: 'P option
      Direction: 'P option }

/// What L-BFGS remembers: the last point and gradient, and pairs of steps and changes of the gradient, the newest first.
type LbfgsState<'P> =
    { Last: ('P * 'P) option
      Pairs: ('P * 'P) list }

/// What damped methods remember: the damping, and the solution of the last inner problem to begin from.
type DampedState<'P> = { Damping: Tensor; Guess: 'P option }

/// What methods that see a function share: points as vectors, and lines through them.
module internal Points =
    let number (t: Tensor) = Tensor.toScalar t
    let dot (a: 'P) (b: 'P) = number (Leaves.dot a b)
    let scaled (factor: float) (a: 'P) : 'P = Leaves.map (fun t -> factor * t) a
    let plus (a: 'P) (factor: float) (b: 'P) : 'P = Leaves.map2 (fun a b -> a + factor * b) a b

    let look (f: 'P -> Tensor) (p: 'P) =
        let value, g = Tensor.eval (Reverse.valueAndGradient f p)
        value, g

    let along f (p: 'P) (direction: 'P) : LineSearch.Line<'P * Tensor * 'P> =
        fun step ->
            let there = Tensor.eval (plus p step direction)
            let value, g = look f there
            number value, dot g direction, (there, value, g)

/// Methods for functions of all the data that look at values and gradients: line searches, conjugate gradients, L-BFGS.
[<RequireQualifiedAccess>]
module Minimizer =
    open Points

    /// An optimizer as a minimizer: it sees gradients only.
    [<CompiledName("OfOptimizer")>]
    let ofOptimizer (optimizer: Optimizer<'P, 'S>) : Minimizer<'P, 'S> =
        { Init = fun _ p -> optimizer.Init p
          Step =
            fun f p state ->
                let value, g = Reverse.valueAndGradient f p
                let next, state = Optimizer.step optimizer g state p
                value, next, state }

    /// Values and points, from the start on, without end.
    [<CompiledName("Iterates")>]
    let iterates (minimizer: Minimizer<'P, 'S>) (f: 'P -> Tensor) (start: 'P) : (Tensor * 'P) seq =
        (start, minimizer.Init f start)
        |> Seq.unfold (fun (p, state) ->
            let value, next, state = minimizer.Step f p state
            let next, state = Tensor.eval (next, state)
            Some((value, p), (next, state)))

    /// The first of iterates, of so many at most, whose value is within a tolerance, relative to its magnitude, of the one before.
    [<CompiledName("UntilStill")>]
    let untilStill (steps: int) (tolerance: float) (iterates: (Tensor * 'P) seq) : 'P =
        let isStill (a: Tensor) (b: Tensor) = abs (number a - number b) <= tolerance * abs (number b)
        use all = iterates.GetEnumerator()
        all.MoveNext() |> ignore
        let mutable value, point = all.Current
        let mutable goesOn, step = true, 0

        while goesOn && step < steps && all.MoveNext() do
            let next, there = all.Current
            goesOn <- not (isStill value next)
            value <- next
            point <- there
            step <- step + 1

        point

    /// The point after so many steps at most, or where the value stands still within a tolerance.
    [<CompiledName("Run")>]
    let run
        (steps: int)
        (tolerance: float)
        (minimizer: Minimizer<'P, 'S>)
        (f: 'P -> Tensor)
        (start: 'P)
        : 'P =
        iterates minimizer f start |> untilStill steps tolerance

    /// Gradient descent with a step length found by backtracking, which begins at twice the last.
    [<CompiledName("SteepestDescent")>]
    let steepestDescent<'P> : Minimizer<'P, Tensor> =
        { Init = fun _ _ -> Tensor.scalar 1.0
          Step =
            fun f p step ->
                let value, g = look f p
                let direction = scaled -1.0 g
                let line = along f p direction
                let slope = -(dot g g)

                let known s =
                    if s = 0.0 then
                        number value, slope, (p, value, g)
                    else
                        line s

                let step, (next, _, _) = LineSearch.backtracking 0.5 (2.0 * number step) known
                value, next, Tensor.scalar (if step = 0.0 then 1.0 else step) }

    /// The nonlinear conjugate gradients of Polak and Ribière (1969), begun anew where their factor is negative; strong Wolfe conditions with curvature 0.1.
    [<CompiledName("ConjugateGradients")>]
    let conjugateGradients<'P> : Minimizer<'P, ConjugateState<'P>> =
        { Init = fun _ _ -> { Gradient = None; Direction = None }
          Step =
            fun f p state ->
                let value, g = look f p

                let direction =
                    match state.Gradient, state.Direction with
                    | Some last, Some direction when dot last last > 0.0 ->
                        let factor = max 0.0 (dot g (plus g -1.0 last) / dot last last)
                        let next = plus (scaled -1.0 g) factor direction
                        if dot next g < 0.0 then next else scaled -1.0 g
                    | _ -> scaled -1.0 g

                let slope = dot g direction
                let line = along f p direction

                let known s =
                    if s = 0.0 then
                        number value, slope, (p, value, g)
                    else
                        line s

                let length = sqrt (dot direction direction)
                let start = if length > 0.0 then min 1.0 (1.0 / length) else 1.0
                let _, (next, _, _) = LineSearch.strongWolfe 0.1 start known

                value,
                next,
                { Gradient = Some g
                  Direction = Some direction } }

    /// L-BFGS (Liu and Nocedal 1989) with so many pairs, by the recursion of two loops, strong Wolfe conditions with curvature 0.9, and a first matrix scaled by the
    /// newest pair.
    [<CompiledName("Lbfgs")>]
    let lbfgs (memory: int) : Minimizer<'P, LbfgsState<'P>> =
        if memory < 1 then
            Shapes.refuse "lbfgs" $"keeps at least one pair, but was given {memory}."

        { Init = fun _ _ -> { Last = None; Pairs = [] }
          Step =
            fun f p state ->
                let value, g = look f p

                let pairs =
                    match state.Last with
                    | Some(point, gradient) ->
                        let s, y = Tensor.eval (plus p -1.0 point, plus g -1.0 gradient)
                        // Without curvature the pair says nothing.
                        if dot s y > 1e-10 * dot y y then
                            List.truncate memory ((s, y) :: state.Pairs)
                        else
                            state.Pairs
                    | None -> []

                let weights = pairs |> List.map (fun (s, y) -> 1.0 / dot s y)

                let q, factors =
                    ((g, []), List.zip pairs weights)
                    ||> List.fold (fun (q, factors) ((s, y), weight) ->
                        let factor = weight * dot s q
                        plus q -factor y, factor :: factors)

                let q =
                    match pairs with
                    | (s, y) :: _ -> scaled (dot s y / dot y y) q
                    | [] -> scaled (1.0 / max 1.0 (sqrt (dot g g))) q

                let direction =
                    (q, List.zip3 (List.rev pairs) (List.rev weights) factors)
                    ||> List.fold (fun q ((s, y), weight, factor) -> plus q (factor - weight * dot y q) s)
                    |> scaled -1.0
                    |> Tensor.eval

                let direction = if dot direction g < 0.0 then direction else scaled -1.0 g
                let slope = dot g direction
                let line = along f p direction

                let known s =
                    if s = 0.0 then
                        number value, slope, (p, value, g)
                    else
                        line s

                let _, (next, _, _) = LineSearch.strongWolfe 0.9 1.0 known
                value, next, { Last = Some(p, g); Pairs = pairs } }

    /// Gradient descent with Polyak's step (1987), (f - least) / |g|^2, of a function whose least value is known.
    [<CompiledName("Polyak")>]
    let polyak (least: float) : Minimizer<'P, unit> =
        { Init = fun _ _ -> ()
          Step =
            fun f p () ->
                let value, g = Reverse.valueAndGradient f p
                let step = Leaves.ratio (Tensor.cast DType.Float64 value - least) (Leaves.dot g g)
                value, Leaves.map2 (fun p g -> p - Leaves.times step g) p g, () }

    /// Sharpness-aware minimisation (Foret et al. 2021): the optimizer gets the gradient at p + rho g / |g|.
    [<CompiledName("Sam")>]
    let sam (rho: float) (inner: Optimizer<'P, 'S>) : Minimizer<'P, 'S> =
        { Init = fun _ p -> inner.Init p
          Step =
            fun f p state ->
                let value, g = Reverse.valueAndGradient f p
                let share = Leaves.ratio (Tensor.scalar rho) (Updates.globalNorm g)
                let uphill = Leaves.map2 (fun p g -> p + Leaves.times share g) p g
                let next, state = Optimizer.step inner (Reverse.gradient f uphill) state p
                value, next, state }

    /// The optimizer's steps, scaled down when the value stops falling (<c>Schedules.onPlateau</c>).
    [<CompiledName("ReduceOnPlateau")>]
    let reduceOnPlateau
        (factor: float)
        (patience: int)
        (inner: Optimizer<'P, 'S>)
        : Minimizer<'P, Plateau * 'S> =
        { Init = fun _ p -> Schedules.waiting 1.0, inner.Init p
          Step =
            fun f p (plateau, state) ->
                let value, g = Reverse.valueAndGradient f p
                let plateau = Schedules.onPlateau factor patience 1e-4 value plateau
                let updates, state = inner.Update g state p
                value, Leaves.map2 (fun p u -> p + Leaves.times plateau.Rate u) p updates, (plateau, state) }
