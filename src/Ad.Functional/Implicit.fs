namespace Ad.Functional

open Ad.Tensors

/// <summary>
/// Functions given by an equation. Their derivatives come from the equation at the solution, by the implicit function theorem, and not from the
/// iterations that found it: in both modes, of any order, by whatever the equation closes over.
/// </summary>
[<AutoOpen>]
module Implicit =
    /// The float tensors of a tree as one vector, and the way back.
    let internal ravel operation (tree: 'a) : Tensor * (Tensor -> 'a) =
        let leaves = Tree.leaves tree

        match leaves |> Array.map _.DType |> Array.distinct with
        | [| dtype |] when dtype.IsFloat() -> ()
        | _ -> Shapes.refuse operation "the unknowns must be tensors of one float type."

        let starts = leaves |> Array.scan (fun at t -> at + int t.Count) 0

        let back (v: Tensor) =
            leaves
            |> Array.mapi (fun i t ->
                Tensor.sliceAxis 0 starts[i] starts[i + 1] 1 v |> Tensor.reshape t.Shape)
            |> fun parts -> Tree.withLeaves parts tree

        Tensor.concat 0 (leaves |> Array.map Tensor.flatten), back

    let private tolerance (t: Tensor) =
        if t.DType.IsHalf() then 4.0 * t.DType.Epsilon()
        elif t.DType = DType.Float32 then 1e-6
        else 1e-13

    // Directions kept: all of them for small systems, whose solution is then exact after as many steps as there are unknowns.
    [<Literal>]
    let private MostKept = 64

    let private norm (v: Tensor) = sqrt (Tensor.dot v v)
    let private safe (v: Tensor) = Tensor.where (Tensor.equal v (Tensor.zerosLike v)) (Tensor.onesLike v) v

    /// Generalized conjugate residuals (Eisenstat, Elman and Schultz 1983), with the last image as next direction where the residual would bring nothing
    /// new, and each direction made orthogonal twice to those kept.
    let private conjugateResiduals (a: Tensor -> Tensor) (b: Tensor) : Tensor =
        let n = int b.Count
        let kept = min n MostKept
        let row k = Tensor.equal (Tensor.iota DType.Int32 [ kept; 1 ] 0) k
        let put (rows: Tensor) k (v: Tensor) = Tensor.where (row k) (Tensor.expandDims 0 v) rows
        let limit = tolerance b * norm b

        let goesOn (k: Tensor, _, r: Tensor, _, _, _) =
            Tensor.logicalAnd (Tensor.less k (Tensor.scalar (2 * n + 20))) (Tensor.greater (norm r) limit)

        let step (k: Tensor, x: Tensor, r: Tensor, next: Tensor, directions: Tensor, images: Tensor) =
            let clear (p: Tensor, q: Tensor) =
                let along = Tensor.matmul images q
                p - Tensor.matmul along directions, q - Tensor.matmul along images

            let p, q = (next, a next) |> clear |> clear
            let size = safe (norm q)
            let p, q = p / size, q / size
            let share = Tensor.dot q r
            let rest = r - share * q
            let isUseful = Tensor.greater (abs share) (1e-3 * norm r)
            let place = k % kept

            k + 1,
            x + share * p,
            rest,
            Tensor.where isUseful rest q,
            put directions place p,
            put images place q

        let none = Tensor.zeros b.DType [ kept; n ]
        let _, x, _, _, _, _ = whileLoop goesOn step (Tensor.scalar 0, Tensor.zerosLike b, b, b, none, none)
        x

    // Not a number rather than a wrong one.
    let private orNaN (isGood: Tensor) (v: Tensor) = Tensor.where isGood v (Tensor.fullLike v nan)

    // The part of its start that a residual may not exceed in a solution.
    let private enough (t: Tensor) =
        if t.DType.IsHalf() then 16.0 * t.DType.Epsilon()
        elif t.DType = DType.Float32 then 1e-3
        else 1e-6

    let private solved (a: Tensor -> Tensor) (b: Tensor) =
        let x = conjugateResiduals a b
        orNaN (Tensor.lessEqual (norm (b - a x)) (enough b * norm b)) x

    let internal floats (all: Tensor[]) =
        all |> Array.map (fun t -> if t.DType.IsFloat() then Some t else None)

    let private isFloat (t: Tensor) = t.DType.IsFloat()

    /// One value with a rule by these arguments.
    let internal oneWithRule value (arguments: Tensor[]) jvp vjp =
        let rule = CustomRule([| (value: Tensor).Signature |], jvp, vjp)
        Tensor.Create(Custom(rule, 0), Array.append [| value |] arguments)

    /// The cotangents of all arguments; zeros where there are none.
    let internal pulled (f: Tensor[] -> Tensor) (arguments: Tensor[]) (g: Tensor) =
        Passes.pull (fun x -> [| f x |]) arguments [| 0, g |] (Array.map isFloat arguments)
        |> snd
        |> Array.map2 Passes.orZero arguments

    let internal pushed (f: Tensor[] -> Tensor) (arguments: Tensor[]) (v: Tensor option[]) =
        let y, along = Passes.push (fun x -> [| f x |]) arguments v
        Passes.orZero y[0] along[0]

    /// The solution of A x = b, where A is a body of x and constants.
    let rec private solveBody (body: Body) (b: Tensor) (constants: Tensor[]) : Tensor =
        let applied (constants: Tensor[]) x = (Body.apply body (Array.append [| x |] constants))[0]
        let held = constants |> Array.map Tensor.stopGradient
        let value = solved (applied held) (Tensor.stopGradient b)

        // dx = A^-1 (db - dA x)
        let jvp (arguments: Tensor[]) (tangents: Tensor[]) =
            let constants = Array.tail arguments
            let x = solveBody body arguments[0] constants
            let moved = pushed (fun c -> applied c x) constants (floats (Array.tail tangents))
            [| solveBody body (tangents[0] - moved) constants |]

        // With A' g' = g: g' for b, and minus its pullback through A x for the constants.
        let vjp (arguments: Tensor[]) (cotangents: Tensor[]) =
            let constants = Array.tail arguments
            let x = solveBody body arguments[0] constants

            let transposed, extra =
                Body.trace (Array.append [| b.Signature |] (constants |> Array.map _.Signature)) (fun p ->
                    let held = Array.tail p
                    [| (pulled (fun x -> applied held x[0]) [| Tensor.zerosLike b |] p[0])[0] |])

            let back = solveBody transposed cotangents[0] (Array.append constants extra)
            Array.append [| back |] (pulled (fun c -> applied c x) constants (-back))

        oneWithRule value (Array.append [| b |] constants) jvp vjp

    let private solveVector (a: Tensor -> Tensor) (b: Tensor) : Tensor =
        let body, constants = Body.trace [| b.Signature |] (fun x -> [| a x[0] |])
        solveBody body b constants

    /// <summary>
    /// The solution x of A x = b for a linear, invertible function A, by conjugate residuals from products A v alone; no matrix is formed. NaN where
    /// no solution is found. The derivative by
    /// b and by whatever A closes over is that of the solution.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">b's tensors are not of one float type, or A changes its structure or shapes.</exception>
    let linearSolve (a: 'a -> 'a) (b: 'a) : 'a =
        let vector, back = ravel "linearSolve" b

        let image v =
            let y, _ = ravel "linearSolve" (a (back v))

            if y.Signature <> vector.Signature then
                Shapes.refuse "linearSolve" $"the function takes {vector.Signature} in all to {y.Signature}."

            y

        back (solveVector image vector)

    /// The zero s of g(s, constants), the body's first result, that the solver finds: ds = -(dg/ds)^-1 (dg/dc) dc. The solver sees all its results.
    let rec private zeroOf solve (body: Body) (start: Tensor) (constants: Tensor[]) : Tensor =
        let all (constants: Tensor[]) s : Tensor[] = Body.apply body (Array.append [| s |] constants)
        let residual constants s : Tensor = (all constants s)[0]
        let held = constants |> Array.map Tensor.stopGradient
        let value: Tensor = Tensor.stopGradient (solve (all held) (Tensor.stopGradient start))

        let jvp (arguments: Tensor[]) (tangents: Tensor[]) =
            let constants = Array.tail arguments
            let s = zeroOf solve body arguments[0] constants
            let moved = pushed (fun c -> residual c s) constants (floats (Array.tail tangents))
            let jacobian v = pushed (fun s -> residual constants s[0]) [| s |] [| Some v |]
            [| -(solveVector jacobian moved) |]

        let vjp (arguments: Tensor[]) (cotangents: Tensor[]) =
            let constants = Array.tail arguments
            let s = zeroOf solve body arguments[0] constants
            let transposed g = (pulled (fun s -> residual constants s[0]) [| s |] g)[0]
            let back = solveVector transposed cotangents[0]
            Array.append [| Tensor.zerosLike s |] (pulled (fun c -> residual c s) constants (-back))

        oneWithRule value (Array.append [| start |] constants) jvp vjp

    let private implicitly operation solve (g: 's -> 's * Tensor[]) (start: 's) : 's =
        let vector, back = ravel operation start

        let results s =
            let values, others = g (back s)
            let y, _ = ravel operation values

            if y.Signature <> vector.Signature then
                Shapes.refuse
                    operation
                    $"there are {vector.Count} unknowns ({vector.Signature}), but the function gives {y.Signature}."

            Array.append [| y |] others

        let body, constants = Body.trace [| vector.Signature |] (fun s -> results s[0])
        back (zeroOf solve body vector constants)

    [<Literal>]
    let private MostIterations = 10_000

    [<Literal>]
    let private MostNewtonSteps = 100

    /// Repeats a step until it moves no element by more than rounding, or too often.
    let private untilStill most (step: Tensor -> Tensor) (start: Tensor) =
        let goesOn (k: Tensor, s: Tensor, before: Tensor) =
            let far = Tensor.greater (norm (s - before)) (tolerance s * (1.0 + norm s))
            Tensor.logicalAnd (Tensor.less k (Tensor.scalar (most: int))) far

        let k, s, _ =
            whileLoop goesOn (fun (k: Tensor, s, _) -> k + 1, step s, s) (Tensor.scalar 0, step start, start)

        orNaN (Tensor.less k (Tensor.scalar most)) s

    /// s - t J^-1 g with the first t of 1, 1/2, 1/4, ... that makes the merit smaller.
    let private damped (merit: Tensor -> Tensor) (s: Tensor) (direction: Tensor) =
        let now = merit s

        let tooFar (k: Tensor, t: Tensor) =
            let better = Tensor.less (merit (s + t * direction)) now
            Tensor.logicalAnd (Tensor.less k (Tensor.scalar 30)) (Tensor.logicalNot better)

        let k, t =
            whileLoop
                tooFar
                (fun (k: Tensor, t: Tensor) -> k + 1, t * 0.5)
                (Tensor.scalar 0, Tensor.ones s.DType [])

        Tensor.where (Tensor.less k (Tensor.scalar 30)) (s + t * direction) s

    /// The solution, where the residual is next to nothing against what it was.
    let private vanishing (g: Tensor -> Tensor) start s =
        orNaN (Tensor.lessEqual (norm (g s)) (enough s * (1.0 + norm (g start)))) s

    let private newton (g: Tensor -> Tensor) (start: Tensor) =
        let step s =
            let jacobian v = snd (Forward.jvp g s v)
            damped (fun s -> norm (g s)) s (-(conjugateResiduals jacobian (g s)))

        vanishing g start (untilStill MostNewtonSteps step start)

    /// <summary>
    /// The s with f s = s that iteration from a start tends to, run until it stands still (at most 10 000 times). Its derivative solves the linearised
    /// equation at s: it depends neither on the start nor on the number of iterations. NaN where it does not come to a stand.
    /// </summary>
    let fixedPoint (f: 's -> 's) (start: 's) : 's =
        let residual s = Tree.map2 (-) s (f s)
        let solve (all: Tensor -> Tensor[]) = untilStill MostIterations (fun s -> s - (all s)[0])
        implicitly "fixedPoint" solve (fun s -> residual s, [||]) start

    /// <summary>
    /// The s with g s = 0 near a start, by Newton's method with a linear solver that needs only products, each step halved until the residual falls.
    /// As many equations as unknowns. NaN where no solution is found.
    /// </summary>
    let root (g: 's -> 's) (start: 's) : 's =
        implicitly "root" (fun all -> newton (fun s -> (all s)[0])) (fun s -> g s, [||]) start

    /// The s with g s = 0 that the given solver finds from a start, with the derivative of a solution whatever the solver does.
    let rootWith (solver: ('s -> 's) -> 's -> 's) (g: 's -> 's) (start: 's) : 's =
        let _, back = ravel "rootWith" start
        let flat tree = fst (ravel "rootWith" tree)

        let solve (all: Tensor -> Tensor[]) s =
            let residual tree = back (Array.head (all (flat tree)))
            flat (solver residual (back s))

        implicitly "rootWith" solve (fun s -> g s, [||]) start

    /// <summary>
    /// The s near a start where f is least, by Newton's method on its gradient: a direction that does not go down is replaced by the gradient's, and each step
    /// halved until f falls. The derivative is that of the stationary point.
    /// </summary>
    let argmin (f: 's -> Tensor) (start: 's) : 's =
        let solve (all: Tensor -> Tensor[]) (s: Tensor) =
            let slope s = (all s)[0]

            let step s =
                let direction = -(conjugateResiduals (fun v -> snd (Forward.jvp slope s v)) (slope s))
                let goesDown = Tensor.less (Tensor.dot direction (slope s)) (Tensor.zeros s.DType [])
                damped (fun s -> (all s)[1]) s (Tensor.where goesDown direction (-(slope s)))

            vanishing slope s (untilStill MostNewtonSteps step s)

        let slopeAndValue s =
            let value, slope = Reverse.valueAndGradient f s
            slope, [| value |]

        implicitly "argmin" solve slopeAndValue start
