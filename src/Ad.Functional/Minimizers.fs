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

/// Methods for functions of all the data: line searches, curvature, least squares.
[<RequireQualifiedAccess>]
module Minimizer =
    let private number (t: Tensor) = Tensor.toScalar t
    let private dot (a: 'P) (b: 'P) = number (Leaves.dot a b)
    let private scaled (factor: float) (a: 'P) : 'P = Leaves.map (fun t -> factor * t) a
    let private plus (a: 'P) (factor: float) (b: 'P) : 'P = Leaves.map2 (fun a b -> a + factor * b) a b

    let private look (f: 'P -> Tensor) (p: 'P) =
        let value, g = Tensor.eval (Reverse.valueAndGradient f p)
        value, g

    let private along f (p: 'P) (direction: 'P) : LineSearch.Line<'P * Tensor * 'P> =
        fun step ->
            let there = Tensor.eval (plus p step direction)
            let value, g = look f there
            number value, dot g direction, (there, value, g)

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

    // Second order

    let private dense name (f: 'P -> Tensor) (p: 'P) =
        let v, back = ravel name p
        let f v = f (back v)
        let value, g = Reverse.valueAndGradient f v
        let value, g, h = Tensor.eval (value, g, hessian f v)
        value, g, h, v, back

    /// Newton's method with damping, p - (H + mu I)^-1 g, with the whole matrix H: for few parameters. With damping 0 it goes to the stationary point of the
    /// quadratic model, be that a saddle or not.
    [<CompiledName("Newton")>]
    let newton (damping: float) : Minimizer<'P, unit> =
        Updates.within "newton" "the damping" 0.0 infinity damping

        { Init = fun _ _ -> ()
          Step =
            fun f p () ->
                let value, g, h, v, back = dense "newton" f p
                let damped = h + damping * Tensor.eye v.DType (int v.Count)
                value, back (v - Linalg.solve damped g), () }

    /// Newton's method with the magnitudes of the eigenvalues, at least a floor, so that it leaves saddles (Dauphin et al. 2014): p - |H|^-1 g.
    [<CompiledName("SaddleFreeNewton")>]
    let saddleFreeNewton (floor: float) : Minimizer<'P, unit> =
        { Init = fun _ _ -> ()
          Step =
            fun f p () ->
                let value, g, h, v, back = dense "saddleFreeNewton" f p
                let w, vectors = Linalg.eigh h
                let size = Tensor.maximum (abs w) (Tensor.fullLike w floor)
                value, back (v - Tensor.matmul vectors (Tensor.matmul g vectors / size)), () }

    // Residuals kept: of so many unknowns the solution is exact after as many steps.
    [<Literal>]
    let private MostKept = 64

    /// Conjugate gradients for A x = b with a symmetric A of which only products are known (Hestenes and Stiefel 1952), residuals kept orthogonal against rounding: until
    /// the residual is the tolerance's share of b, or so many steps. Stops at a direction of no or negative curvature, with what it has; with the direction itself if
    /// it is the first.
    [<CompiledName("SolvePositive")>]
    let solvePositive (steps: int) (tolerance: float) (a: 'P -> 'P) (guess: 'P option) (b: 'P) : 'P =
        let x0 = guess |> Option.defaultWith (fun () -> Leaves.zeros b)
        let r0 = if guess.IsSome then plus b -1.0 (a x0) else b
        let limit = tolerance * tolerance * dot b b
        let clear r units = (r, units) ||> List.fold (fun r u -> plus r -(dot u r) u)

        let rec go k x r p (size: float) (units: 'P list) =
            if k = steps || size <= limit then
                x
            else
                let image = Tensor.eval (a p)
                let curvature = dot p image

                if curvature <= 0.0 then
                    if k = 0 && guess.IsNone then p else x
                else
                    let step = size / curvature
                    let units = List.truncate MostKept (Tensor.eval (scaled (1.0 / sqrt size) r) :: units)
                    let x, r = Tensor.eval (plus x step p, clear (plus r -step image) units)
                    let next = dot r r
                    go (k + 1) x r (plus r (next / size) p) next units

        go 0 x0 r0 r0 (dot r0 r0) []

    /// Newton's method with directions by conjugate gradients on products with the Hessian, which is never formed, to a residual of min(1/2, sqrt |g|), and backtracking
    /// (Nocedal and Wright 2006, algorithm 7.1).
    [<CompiledName("NewtonCg")>]
    let newtonCg (inner: int) : Minimizer<'P, unit> =
        { Init = fun _ _ -> ()
          Step =
            fun f p () ->
                let value, g = look f p
                let size = sqrt (dot g g)
                let direction = solvePositive inner (min 0.5 (sqrt size)) (hvp f p) None (scaled -1.0 g)
                let slope = dot g direction
                let line = along f p direction

                let known s =
                    if s = 0.0 then
                        number value, slope, (p, value, g)
                    else
                        line s

                let _, (next, _, _) = LineSearch.backtracking 0.5 1.0 known
                value, next, () }

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

    // Sums of squares and losses of models

    /// <summary>Half the sum of squared residuals made small by Levenberg and Marquardt's method (1963), from the start on without end.</summary>
    /// <remarks>
    /// (J'J + mu I) d = -J'r by Q R of the stacked matrix; mu falls to a third when a step lowers the sum and doubles, then quadruples, ..., until one does.
    /// </remarks>
    [<CompiledName("LevenbergMarquardt")>]
    let levenbergMarquardt (residuals: 'P -> Tensor) (start: 'P) : (Tensor * 'P) seq =
        let v, back = ravel "levenbergMarquardt" start
        let n = int v.Count
        let r v = Tensor.flatten (residuals (back v))
        let cost (r: Tensor) = 0.5 * Tensor.sum (Tensor.square r)

        let step (v: Tensor, damping: float) =
            let here, j = Tensor.eval (r v, jacobian r v)
            let value = number (cost here)

            let rec attempt damping factor count =
                let lower = sqrt damping * Tensor.eye v.DType n
                let a = Tensor.concat 0 [ j; lower ]
                let b = Tensor.concat 0 [ -here; Tensor.zeros v.DType [ n ] ]
                let next = Tensor.eval (v + Linalg.leastSquares a b)
                let better = number (cost (r next))

                if better <= value then next, max 1e-12 (damping / 3.0)
                elif count = 0 then v, damping
                else attempt (damping * factor) (2.0 * factor) (count - 1)

            (cost here, back v), attempt damping 2.0 20

        (v, 1e-3) |> Seq.unfold (fun state -> Some(step state))

    /// Gauss and Newton's method: each point is the least-squares solution of the linearised residuals.
    [<CompiledName("GaussNewton")>]
    let gaussNewton (residuals: 'P -> Tensor) (start: 'P) : (Tensor * 'P) seq =
        let v, back = ravel "gaussNewton" start
        let r v = Tensor.flatten (residuals (back v))

        v
        |> Seq.unfold (fun v ->
            let here, j = Tensor.eval (r v, jacobian r v)

            Some(
                (0.5 * Tensor.sum (Tensor.square here), back v),
                Tensor.eval (v - Linalg.leastSquares j here)
            ))

    /// <summary>
    /// Hessian-free optimisation (Martens 2010): conjugate gradients on products with the Gauss-Newton matrix of loss and model, J' H J, plus a damping that follows how
    /// well the quadratic model foretells the loss, from the last solution on.
    /// </summary>
    [<CompiledName("HessianFree")>]
    let hessianFree (inner: int) (loss: 'Y -> Tensor) (model: 'P -> 'Y) : Minimizer<'P, DampedState<'P>> =
        { Init =
            fun _ _ ->
                { Damping = Tensor.scalar 1.0
                  Guess = None }
          Step =
            fun f p state ->
                let value, g = look f p
                let damping = number state.Damping
                let product v = plus (gaussNewtonVp loss model p v) damping v
                // The decay keeps the last solution from holding the next one back.
                let guess = state.Guess |> Option.map (scaled 0.95)
                let direction = solvePositive inner 5e-4 product guess (scaled -1.0 g)
                let foretold = dot g direction + 0.5 * dot direction (gaussNewtonVp loss model p direction)
                let next = Tensor.eval (plus p 1.0 direction)
                let change = number (f next) - number value
                let ratio = if foretold = 0.0 then 1.0 else change / foretold

                let damping =
                    if ratio > 0.75 then damping * 2.0 / 3.0
                    elif ratio >= 0.25 then damping
                    else damping * 1.5

                let accepts = change <= 0.0

                value,
                (if accepts then next else p),
                { Damping = Tensor.scalar damping
                  Guess = if accepts then Some direction else None } }

    // Curvature

    /// <summary>Eigenvalues of the Hessian, ascending, by so many steps of Lanczos's method (1950) with all directions kept orthogonal, from products alone.</summary>
    /// <remarks>With as many steps as there are parameters they are all of them; with fewer, the outermost come first and most exactly.</remarks>
    [<CompiledName("HessianSpectrum")>]
    let hessianSpectrum (steps: int) (key: Key) (f: 'P -> Tensor) (p: 'P) : Tensor =
        let v, back = ravel "hessianSpectrum" p
        let n = int v.Count
        let f v = f (back v)
        let unit (x: Tensor) = Tensor.eval (x / sqrt (Tensor.dot x x))

        let rec go (basis: Tensor list) (diagonal: float list) (beside: float list) =
            let q = basis.Head
            let image = Tensor.eval (hvp f v q)
            let here = number (Tensor.dot q image)
            let all = Tensor.stack 0 basis
            let clear (x: Tensor) = x - Tensor.matmul (Tensor.matmul all x) all
            let rest = image |> clear |> clear |> Tensor.eval
            let size = sqrt (number (Tensor.dot rest rest))

            if basis.Length >= min steps n || size <= 1e-12 * abs here then
                List.rev (here :: diagonal), List.rev beside
            else
                go (Tensor.eval (rest / size) :: basis) (here :: diagonal) (size :: beside)

        let diagonal, beside = go [ unit (Random.normalOf v.DType key [ n ]) ] [] []
        let k = diagonal.Length

        let matrix =
            Array.init (k * k) (fun place ->
                let i, j = place / k, place % k

                if i = j then diagonal[i]
                elif abs (i - j) = 1 then beside[min i j]
                else 0.0)

        fst (Linalg.eigh (Tensor.ofArray [ k; k ] matrix))

    /// How sharp a point is: the largest eigenvalue of the Hessian. Gradient descent with a rate above 2 / sharpness leaves it.
    [<CompiledName("Sharpness")>]
    let sharpness (key: Key) (f: 'P -> Tensor) (p: 'P) : float =
        hessianSpectrum 30 key f p |> Tensor.max |> number
