namespace Ad.Functional

open System
open Ad.Tensors

/// Methods that look at the curvature: Newton and his kin, least squares, Hessian-free optimisation; and the curvature itself.
[<RequireQualifiedAccess>]
module SecondOrder =
    open Points

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
