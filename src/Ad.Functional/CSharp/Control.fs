namespace Ad.Functional.CSharp

open System
open Ad.Functional

/// Loops and branches as operations, and functions given by an equation, over trees.
[<AbstractClass; Sealed>]
type Loops =
    static member private F(f: Func<'a, 'b>) =
        ArgumentNullException.ThrowIfNull f
        f.Invoke

    static member private F2(f: Func<'a, 'b, 'c>) =
        ArgumentNullException.ThrowIfNull f
        fun a b -> f.Invoke(a, b)

    static member private Step(f: Func<'s, 'x, struct ('s * 'y)>) =
        ArgumentNullException.ThrowIfNull f

        fun s x ->
            let struct (s, y) = f.Invoke(s, x)
            s, y

    /// The last state, and the results of all steps stacked along axis 0, of (state, y) = f(state, x) for every x along axis 0 of xs.
    static member Scan(f: Func<'s, 'x, struct ('s * 'y)>, init: 's, xs: 'x) : struct ('s * 'y) =
        let s, y = scan (Loops.Step f) init xs
        struct (s, y)

    /// The same from the last x to the first.
    static member ScanReverse(f: Func<'s, 'x, struct ('s * 'y)>, init: 's, xs: 'x) : struct ('s * 'y) =
        let s, y = scanReverse (Loops.Step f) init xs
        struct (s, y)

    /// The same as Scan; a derivative keeps about the square root of as many states, and runs every step once more.
    static member CheckpointScan(f: Func<'s, 'x, struct ('s * 'y)>, init: 's, xs: 'x) : struct ('s * 'y) =
        let s, y = Revolve.checkpointScan (Loops.Step f) init xs
        struct (s, y)

    /// The last state, and the results stacked along axis 0, of so many steps (state, y) = f(state).
    static member ScanSteps(steps: int, f: Func<'s, struct ('s * 'y)>, init: 's) : struct ('s * 'y) =
        ArgumentNullException.ThrowIfNull f

        let step s =
            let struct (s, y) = f.Invoke s
            s, y

        let s, y = scanSteps steps step init
        struct (s, y)

    /// The same as Scan; a derivative keeps at most so many states at a time, and runs the fewest steps that this allows.
    static member ScanWithSnapshots
        (snapshots: int, f: Func<'s, 'x, struct ('s * 'y)>, init: 's, xs: 'x)
        : struct ('s * 'y) =
        let s, y = Revolve.scanWithSnapshots snapshots (Loops.Step f) init xs
        struct (s, y)

    /// The state after so many steps state = f(i, state), where i is the number of the step from 0.
    static member Iterate(steps: int, f: Func<Tensor, 's, 's>, init: 's) : 's =
        iterate steps (Loops.F2 f) init

    /// f(x) if the condition, one bool, is true, else g(x): only that one runs.
    static member Cond(condition: Tensor, f: Func<'a, 'b>, g: Func<'a, 'b>, x: 'a) : 'b =
        cond condition (Loops.F f) (Loops.F g) x

    /// The state s = f(s), as long as p(s), one bool, is true; both modes, reverse with few states kept.
    static member While(p: Func<'s, Tensor>, f: Func<'s, 's>, init: 's) : 's =
        whileLoop (Loops.F p) (Loops.F f) init

    /// The state s = f(s), as long as p(s) is true and for at most so many steps; both modes.
    static member WhileUpTo(steps: int, p: Func<'s, Tensor>, f: Func<'s, 's>, init: 's) : 's =
        whileLoopUpTo steps (Loops.F p) (Loops.F f) init

    /// The same function; a derivative runs it again rather than keep what it computed on the way.
    static member Checkpoint(f: Func<'a, 'b>) : Func<'a, 'b> = Func<'a, 'b>(checkpoint (Loops.F f))

    /// The solution x of A(x) = b for a linear, invertible function A.
    static member LinearSolve(a: Func<'a, 'a>, b: 'a) : 'a = linearSolve (Loops.F a) b

    /// The s with f(s) = s that iteration tends to, with the derivative of the equation.
    static member FixedPoint(f: Func<'s, 's>, start: 's) : 's = fixedPoint (Loops.F f) start

    /// The s with g(s) = 0 near a start, by Newton's method, with the derivative of the equation.
    static member Root(g: Func<'s, 's>, start: 's) : 's = root (Loops.F g) start

    /// The s with g(s) = 0 that the given solver finds from a start, with the derivative of the equation.
    static member RootWith(solver: Func<Func<'s, 's>, 's, 's>, g: Func<'s, 's>, start: 's) : 's =
        ArgumentNullException.ThrowIfNull solver
        rootWith (fun residual s -> solver.Invoke(Func<'s, 's> residual, s)) (Loops.F g) start

    /// The s near a start where f is least, with the derivative of the stationary point.
    static member ArgMin(f: Func<'s, Tensor>, start: 's) : 's = argmin (Loops.F f) start

    /// The states at the times of dy/dt = f(t, y), the first of which is where y0 holds, stacked along axis 0.
    static member OdeInt(f: Func<Tensor, 's, 's>, y0: 's, times: Tensor) : 's =
        Ode.odeint OdeOptions.Default (Loops.F2 f) y0 times

    /// The solution between two times as a function of time, or of a vector of times: integrated once, with a polynomial between steps.
    static member OdeSolution
        (f: Func<Tensor, 's, 's>, y0: 's, start: Tensor, stop: Tensor)
        : Func<Tensor, 's> =
        Func<Tensor, 's>(Ode.solution OdeOptions.Default (Loops.F2 f) y0 start stop)

    /// The same states; reverse mode integrates the adjoint equation backwards, with states kept at the requested times alone.
    static member OdeIntAdjoint(f: Func<Tensor, 's, 's>, y0: 's, times: Tensor) : 's =
        Ode.odeintAdjoint OdeOptions.Default (Loops.F2 f) y0 times

    /// The coefficients 0 to k of f along a path, given by its own coefficients.
    static member Jet(k: int, f: Func<'a, 'b>, [<ParamArray>] path: 'a[]) : 'b[] =
        jet k (Loops.F f) (List.ofArray path) |> Array.ofList

    /// The coefficients 0 to k of f(x + t v) in powers of t.
    static member Taylor(k: int, f: Func<'a, 'b>, x: 'a, v: 'a) : 'b[] =
        taylor k (Loops.F f) x v |> Array.ofList
